"""Compare the time of everything that people wait for with the bare arithmetic, and with other packages.

Each row is one piece of work. Ours, the arithmetic by hand and the other packages alternate in one run;
times are CPU seconds of one thread, and a ratio is the median of those of the single rounds. The
arithmetic computes as many components as ours, without any check of its input. scikit-learn's CCA is
iterative and computes at most ten components; its ratio is that of one fit. cca-zoo runs in its own
environment, if built with `make peers`. Memory is the peak of arrays beside the input, in a fit of its
own.

`--save` stores the ratios to the arithmetic, and `--compare` prints how they changed since; it fails if
one has grown by more than a quarter. `--scaling` measures times over the number of rows and of
columns, with the slope of the last doubling, and `--figure` draws them.

    make bench SCRIPT=speed ARGS="[--quick] [--save FILE] [--compare FILE] [--scaling --figure FILE]"
"""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import kernel
import linear
import numpy as np
from scipy import linalg
from sklearn.model_selection import GridSearchCV

from skdcca import CrossModalIndex, LinearCCA, LinearCCACV
from skdcca.inference import canonical_correlation_test

from _common.arguments import make_parser
from _common.memory import peak_of_arrays
from _common.peers import INSTALLED, NO_PEERS, Peer
from _common.table import print_head, print_row
from _common.threads import machine, use_one_thread
from _common.timing import timed

# A ratio may grow by this factor before `--compare` fails; repeated runs differ by less.
MOST_GROWTH = 1.25
REGS, COUNTS = np.logspace(-3, 1, 20).tolist(), list(range(1, 11))


@dataclass
class Work:
    """A piece of work.

    Attributes
    ----------
    title : str
        What is done.
    ours : callable
        Function that does it with skdcca.
    by_hand : callable
        Function that does the arithmetic.
    calls : int
        Number of calls in one measurement, for work that takes microseconds.
    target : float
        Ratio that is aimed at.
    sklearn : callable, default=None
        Function that does it with scikit-learn.
    peer : tuple, default=None
        Script and arguments of cca-zoo, and its arrays.
    """

    title: str
    ours: Callable[[], Any]
    by_hand: Callable[[], Any]
    target: float
    calls: int = 1
    sklearn: Callable[[], Any] | None = None
    peer: tuple | None = None


def main():
    parser = make_parser(__doc__, "smaller sizes, fewer rounds; under 60 s")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--save", metavar="FILE", help="store the ratios")
    parser.add_argument("--compare", metavar="FILE", help="compare with stored ratios")
    parser.add_argument("--scaling", action="store_true", help="times over rows and columns")
    parser.add_argument("--figure", metavar="FILE", help="picture of --scaling")
    options = parser.parse_args()
    use_one_thread()
    warnings.simplefilter("ignore")
    if options.scaling:
        scaling(options.figure, options.quick)
        return
    ratios = report(options.quick, 2 if options.quick else options.repeats)
    for name, ratio in ratios.items():
        print(f"{name}={ratio:.3f}")
    if options.save:
        Path(options.save).write_text(json.dumps({"machine": machine(), **ratios}, indent=1) + "\n")
    if options.compare:
        compare(ratios, json.loads(Path(options.compare).read_text()))


def report(quick, repeats):
    """Print the table, and return the ratios to the arithmetic by the names of the pieces of work."""
    print_head(
        "work",
        "arithmetic, s",
        "ours, s",
        "ratio",
        "target",
        "memory, MB",
        "scikit-learn, s (over ours)",
        "cca-zoo, s (over ours)",
    )
    ratios = {}
    for name, work in pieces(quick).items():
        ratios[name], cells = measure(work, repeats)
        print_row(*cells)
    if "cca-zoo" not in INSTALLED:
        print(NO_PEERS)
    return ratios


def measure(work, repeats):
    """Return the ratio of our time to that of the arithmetic, and the cells of a row."""
    runs = [partial(repeat, work.by_hand, work.calls), partial(repeat, work.ours, work.calls)]
    for run in runs:
        run()  # to warm up
    found = np.array([[timed(run).cpu / work.calls for run in runs] for _ in range(repeats)])
    by_hand, ours = np.median(found, axis=0)
    ratio = float(np.median(found[:, 1] / found[:, 0]))
    cells = [work.title, seconds(by_hand), seconds(ours), f"{ratio:.2f}", f"{work.target:g}"]
    cells.append(f"{peak_of_arrays(work.ours) / 1e6:.0f}")
    return ratio, [*cells, of_sklearn(work, ours), of_peer(work, ours)]


def repeat(call, n):
    for _ in range(n):
        call()


def of_sklearn(work, ours):
    """Return the time of scikit-learn, and how many times longer it is than ours."""
    if work.sklearn is None:
        return ""
    theirs = timed(partial(repeat, work.sklearn, work.calls)).cpu / work.calls
    return f"{seconds(theirs)} ({theirs / ours:.3g}x)"


def of_peer(work, ours):
    """Return the time of cca-zoo, and how many times longer it is than ours."""
    if work.peer is None or "cca-zoo" not in INSTALLED:
        return ""
    arguments, arrays = work.peer
    peer = Peer(INSTALLED["cca-zoo"], *arguments, **arrays)
    peer.ask()  # to warm up
    theirs = peer.ask()
    peer.close()
    return f"{seconds(theirs)} ({theirs / ours:.3g}x)"


def seconds(value):
    """Return a time in seconds with two digits, also of microseconds."""
    return f"{value:.2g}" if value < 1 else f"{value:.1f}"


def pieces(quick):
    """Return the pieces of work by name."""
    small, tall = linear.two_views(100, 5), linear.two_views(10_000, 200)
    found = {
        "fit_100x5": Work(
            "`LinearCCA.fit`, 100 x (5, 5)",
            partial(linear.linear_cca, *small),
            partial(linear.reference, *small),
            target=2,
            calls=100,
            sklearn=partial(linear.sklearn_cca, *small),
        ),
        "fit_10000x200": Work(
            "`LinearCCA.fit`, 10,000 x (200, 200), all components",
            partial(linear.linear_cca, *tall),
            partial(linear.reference, *tall),
            target=1.2,
            sklearn=None if quick else partial(linear.sklearn_cca, *tall),
            peer=(("linear", "cca-zoo", "time"), {"x": tall[0], "y": tall[1]}),
        ),
    }
    if not quick:
        taller = linear.two_views(50_000, 200)
        found["fit_50000x200"] = Work(
            "`LinearCCA.fit`, 50,000 x (200, 200), all components",
            partial(linear.linear_cca, *taller),
            partial(linear.reference, *taller),
            target=1.1,
        )
    found |= small_calls(small) | kernels(quick) | searches(quick)
    found["permutations"] = permutations(quick)
    found["query"] = query(20_000 if quick else 100_000)
    return found


def small_calls(views):
    """Return the work of a fitted model with 100 rows."""
    X, y = views
    model = LinearCCA().fit(X, y)

    def transform_by_hand():
        zx = (X - model.x_mean_) @ model.x_weights_
        return zx, (y - model.y_mean_) @ model.y_weights_

    def score_by_hand():
        pairs = zip(*(z.T for z in transform_by_hand()), strict=True)
        return sum(np.corrcoef(a, b)[0, 1] for a, b in pairs)

    return {
        "transform_100x5": Work(
            "`transform` of both views, 100 x (5, 5)",
            partial(model.transform, X, y),
            transform_by_hand,
            target=10,
            calls=300,
        ),
        "score_100x5": Work(
            "`score`, 100 x (5, 5)",
            partial(model.score, X, y),
            score_by_hand,
            target=1,
            calls=300,
        ),
    }


def kernels(quick):
    """Return the fits of exact kernel models, beside eigenvectors by hand."""
    found = {}
    for n in (1000,) if quick else (1000, 2000):
        views = kernel.two_views(n)
        arrays = {"x": views[0], "y": views[1]}
        found[f"kernel_{n}"] = Work(
            f"`KernelCCA.fit`, {n:,} rows, exact, 10 components",
            partial(kernel.fit, *views),
            partial(kernel.reference, *views),
            target=0.3,
            peer=None if quick else (("kernel", kernel.GAMMA, kernel.REG), arrays),
        )
    return found


def searches(quick):
    """Return searches of 200 cells, beside `GridSearchCV` of ten of these cells."""
    found = {}
    for n, p in [(1000, 50)] if quick else [(1000, 50), (10_000, 200)]:
        views = linear.two_views(n, p)
        search = LinearCCACV(COUNTS, regs=REGS)
        cells = [
            {"n_components": [k], "reg": [reg]} for k, reg in zip(COUNTS, REGS[::2], strict=True)
        ]
        theirs = GridSearchCV(LinearCCA(), cells, cv=5, refit=False)
        found[f"search_{n}x{p}"] = Work(
            f"`LinearCCACV.fit`, 200 cells, {n:,} x ({p}, {p}), beside ten cells of `GridSearchCV`",
            partial(search.fit, *views),
            partial(theirs.fit, *views),
            target=0.4,
        )
    return found


def permutations(quick):
    """Return a permutation test, beside as many singular values of permuted whitened views."""
    n_permutations = 99 if quick else 499
    X, y = linear.two_views(1000, 20)

    def by_hand():
        whitened = [linalg.qr(view - view.mean(axis=0), mode="economic")[0] for view in (X, y)]
        rng = np.random.default_rng(0)
        x, y_rows = whitened
        return [
            linalg.svdvals(x.T @ y_rows[rng.permutation(len(x))]) for _ in range(n_permutations)
        ]

    settings = {"n_permutations": n_permutations, "random_state": 0}
    return Work(
        f"`canonical_correlation_test`, {n_permutations} permutations, 1,000 x (20, 20)",
        partial(canonical_correlation_test, LinearCCA(20, reg=0), X, y, **settings),
        by_hand,
        target=1,
    )


def query(n_items):
    """Return a single query of an index, beside a product in single precision and a partial sort."""
    X, y = linear.two_views(n_items, 50)
    model = LinearCCA(50).fit(X[:5000], y[:5000])
    index = CrossModalIndex(model).fit(y=y)
    weights = model.canonical_correlations_**2
    gallery = model.transform_y(y) * weights
    gallery = (gallery / np.linalg.norm(gallery, axis=1, keepdims=True)).astype(np.float32)

    def by_hand():
        row = (model.transform(X[:1]) * weights).astype(np.float32)
        scores = (gallery @ row.T)[:, 0]
        best = np.argpartition(-scores, 10)[:10]
        return best[np.argsort(-scores[best])]

    return Work(
        f"one query of an index of {n_items:,}, 50 components",
        partial(index.query, X=X[:1]),
        by_hand,
        target=1,
        calls=20,
    )


def compare(ratios, stored):
    """Print how the ratios have changed, and fail if one has grown too much."""
    print(f"\nbaseline of {stored.pop('machine')}")
    print_head("work", "stored ratio", "ratio now", "change")
    grown = []
    for name, ratio in ratios.items():
        if name not in stored:
            continue
        change = ratio / stored[name]
        print_row(name, f"{stored[name]:.2f}", f"{ratio:.2f}", f"{100 * (change - 1):+.0f} %")
        grown += [name] if change > MOST_GROWTH else []
    if grown:
        raise SystemExit(f"slower than the baseline by more than a quarter: {', '.join(grown)}")


def scaling(figure, quick):
    """Print times over the numbers of rows and of columns, and draw them."""
    rows = [1000 * 2**i for i in range(4 if quick else 8)]
    columns = [25 * 2**i for i in range(3 if quick else 6)]
    kernel_rows = [250 * 2**i for i in range(2 if quick else 5)]
    courses = {
        "LinearCCA, rows of 100 + 100 columns": (rows, over_rows),
        "LinearCCA, columns of each view, 10,000 rows": (columns, over_columns),
        "KernelCCA, rows, 10 components": (kernel_rows, over_kernel_rows),
    }
    print_head("work", "size", "arithmetic, s", "ours, s", "ratio", "slope of both")
    drawn = {}
    for title, (sizes, make) in courses.items():
        times = np.array([both_times(*make(size)) for size in sizes])
        drawn[title] = sizes, times
        for i, size in enumerate(sizes):
            slopes = (
                "" if i == 0 else " / ".join(f"{s:.2f}" for s in np.log2(times[i] / times[i - 1]))
            )
            by_hand, ours = times[i]
            cells = [seconds(by_hand), seconds(ours), f"{ours / by_hand:.2f}"]
            print_row(title, f"{size:,}", *cells, slopes)
    if figure:
        draw(drawn, figure)


def over_rows(n):
    views = linear.two_views(n, 100)
    return partial(linear.reference, *views), partial(linear.linear_cca, *views)


def over_columns(p):
    views = linear.two_views(10_000, p)
    return partial(linear.reference, *views), partial(linear.linear_cca, *views)


def over_kernel_rows(n):
    views = kernel.two_views(n)
    return partial(kernel.reference, *views), partial(kernel.fit, *views)


def both_times(by_hand, ours, rounds=3):
    """Return the smallest times of the arithmetic and of ours, which alternate."""
    found = [[timed(by_hand).cpu, timed(ours).cpu] for _ in range(rounds)]
    return np.min(found, axis=0)


def draw(drawn, figure):
    """Draw the times in double logarithms."""
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(1, len(drawn), figsize=(4.2 * len(drawn), 3.6), layout="constrained")
    for ax, (title, (sizes, times)) in zip(axes, drawn.items(), strict=True):
        ax.loglog(sizes, times[:, 0], "o--", color="0.5", label="arithmetic by hand")
        ax.loglog(sizes, times[:, 1], "o-", color="C0", label="skdcca")
        ax.set(title=title.replace(", ", "\n", 1), ylabel="CPU seconds")
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=45)
        ax.xaxis.minorticks_off()
        ax.legend()
    fig.savefig(figure, dpi=150)


if __name__ == "__main__":
    main()
