"""Measure the default of `DeepCCA` on small data, beside the linear model that it contains.

The synthetic views share three factors (`_common.synthetic.factor_views`), and are scored on 2,000 new
rows; the real sets are those of `first_answer.py`, in folds. Every model has nothing but
`n_components` set, and the score is the sum of the correlations of its pairs of variates on test rows.
*Networks alone* is `DeepCCA` with ``fallback=None``. `DCCAEY` of cca-zoo has the same loss and the same
networks, and is trained as its documentation shows.

    make peers && OMP_NUM_THREADS=1 make bench SCRIPT=deep_small
    ... ARGS="[--quick] [--jobs 2] [--resume] [--truths linear wide] [--sets wine] [--models deep peer]"
    ... ARGS="--most-fits 2"    (the first two seeds or folds; --resume adds the others later)

The fits of every set and model are kept in the cache. With ``--resume``, they are not measured again.
"""

import json
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from sklearn.model_selection import RepeatedKFold

from skdcca import DeepCCA, LinearCCA
from skdcca.encoders import MLP
from skdcca.metrics import variate_correlations

from _common.arguments import make_parser
from _common.internals import atomic_write, cache_folder
from _common.peers import INSTALLED, NO_PEERS, Peer
from _common.synthetic import N_FACTORS, TRUTHS, factor_views
from _common.table import print_head, print_row
from _common.threads import use_one_thread
from _common.two_view_sets import SETS, load

N_SEEDS = {100: 10, 200: 10, 500: 10, 2000: 5, 8000: 3}  # by the number of training rows
N_TEST_ROWS = 2000
MOST_WIDE_ROWS = 500  # the wide truth is of interest where the columns outnumber half the rows
FEW_ROWS = 60  # the folds of smaller sets are repeated, because their test parts are tiny
N_REPEATS = 4
SLACK = 0.02  # correlation that the default may lose per component
MODELS = {
    "ledoit_wolf": "LinearCCA, Ledoit-Wolf",
    "linear": "LinearCCA",
    "deep": "DeepCCA",
    "networks": "networks alone",
    "peer": "cca-zoo DCCAEY",
}
DEEP = ("deep", "networks", "peer")


class Fit(NamedTuple):
    """Held-out sum of correlations of one fit, its CPU seconds, and the model that was kept."""

    score: float
    seconds: float
    kept: str = ""


class Case(NamedTuple):
    """Set of views: a truth with a number of training rows, or a real set without."""

    name: str
    n_rows: int | None = None

    @property
    def label(self):
        """Name of the case in a table and in the cache."""
        return f"{self.name} {self.n_rows}" if self.n_rows else self.name

    @property
    def n_components(self):
        """Number of components that the models are asked for."""
        return N_FACTORS if self.n_rows else load(self.name).n_components


def main():
    began = time.perf_counter()
    use_one_thread()
    options = parse_arguments()
    cases = list_cases(options)
    print_head("truth or set", "rows", "columns", "k", "fits", *head_of(options.models))
    workers = Parallel(options.jobs, batch_size=1, return_as="generator")
    found = workers(delayed(measure_case)(case, options) for case in cases)
    results = {}
    for case, fits in zip(cases, found, strict=True):
        results[case] = fits
        print_case(case, fits)
    if {"ledoit_wolf", "deep"} <= set(options.models):
        check_linear(results)
        count_single_fits(results)
    if {"peer", "deep"} <= set(options.models):
        check_peer(results)
    if {"peer", "deep", "ledoit_wolf"} <= set(options.models):
        check_bent(results)
    if "cca-zoo" not in INSTALLED:
        print(NO_PEERS)
    print(f"{(time.perf_counter() - began) / 60:.0f} minutes")


def parse_arguments():
    parser = make_parser(__doc__, "two truths of 100 rows, two fits; under 60 s")
    parser.add_argument("--truths", nargs="*", choices=TRUTHS, help="only these truths")
    parser.add_argument("--rows", nargs="+", type=int, choices=N_SEEDS, help="only these numbers")
    parser.add_argument("--sets", nargs="*", choices=SETS, help="only these real sets")
    parser.add_argument("--models", nargs="+", choices=MODELS, help="only these models")
    parser.add_argument("--most-fits", type=int, help="only so many seeds or folds")
    parser.add_argument("--resume", action="store_true", help="take kept results from the cache")
    parser.add_argument("--jobs", type=int, default=1, help="sets measured at a time")
    options = parser.parse_args()
    some = options.truths is not None or options.sets is not None
    if options.quick:
        options.truths, options.rows, options.sets = ["linear", "non-linear"], [100], []
        options.most_fits = 2
    elif not some:
        options.truths, options.sets = list(TRUTHS), list(SETS)
    models = options.models or [name for name in MODELS if name != "networks" or not options.quick]
    options.models = [name for name in models if name != "peer" or "cca-zoo" in INSTALLED]
    return options


def list_cases(options):
    """Return the truths with their numbers of rows, and the real sets."""
    cases = [
        Case(truth, n)
        for truth in options.truths or []
        for n in options.rows or N_SEEDS
        if truth != "wide" or n <= MOST_WIDE_ROWS
    ]
    return cases + [Case(name) for name in options.sets or []]


def measure_case(case, options):
    """Return the fits of each model, one for each seed or fold; kept ones are not measured again."""
    use_one_thread()
    views = list(splits(case))[: options.most_fits]
    results = {}
    for model in options.models:
        path = cache_folder() / "deep_small" / model / f"{case.label}.json"
        fits = []
        if options.resume and path.exists():
            fits = [Fit(*row) for row in json.loads(path.read_text())][: len(views)]
        if len(fits) < len(views):
            fits += measure(model, case.n_components, views, len(fits), results.get("deep"))
            if not options.quick:
                keep(path, fits)
        results[model] = fits
    return results


def keep(path, fits):
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as unfinished:
        unfinished.write_text(json.dumps(fits))


def measure(model, n_components, views, first, deep):
    """Return the fits from `first` on; `deep` are those of `DeepCCA`, if any."""
    if model == "peer":
        return fits_of_peer(n_components, views, first)
    fits = []
    for seed, split in enumerate(views[first:], start=first):
        # The fits differ only where the linear model was kept.
        same = model == "networks" and deep and deep[seed].kept == "networks"
        fits.append(deep[seed] if same else fit(model, n_components, seed, *split))
    return fits


def splits(case):
    """Yield training and test rows of both views: X, y, X_test, y_test."""
    if case.n_rows:
        for seed in range(N_SEEDS[case.n_rows]):
            n, rng = case.n_rows, np.random.default_rng([case.n_rows, seed])
            X, y = factor_views(case.name, n + N_TEST_ROWS, rng)
            yield X[:n], y[:n], X[n:], y[n:]
        return
    X, y, *_ = load(case.name)
    n_repeats = N_REPEATS if len(X) <= FEW_ROWS else 1
    for train, test in RepeatedKFold(n_splits=5, n_repeats=n_repeats, random_state=0).split(X):
        yield X[train], y[train], X[test], y[test]


def fit(model, n_components, seed, X, y, X_test, y_test):
    """Return the `Fit` of a model of skdcca."""
    made = {
        "ledoit_wolf": LinearCCA(n_components, reg="ledoit_wolf"),
        "linear": LinearCCA(n_components),
        "deep": DeepCCA(n_components, random_state=seed),
        "networks": DeepCCA(n_components, fallback=None, random_state=seed),
    }[model]
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the linear model was kept, or of ranks
        made.fit(X, y)
        seconds = time.process_time() - began
        variates = made.transform(X_test, y_test)
    kept = getattr(made, "decision_", {}).get("model", "")
    return Fit(score(*variates), seconds, kept)


def fits_of_peer(n_components, views, first):
    """Return the fits of cca-zoo from `first` on."""
    peer, fits = Peer(INSTALLED["cca-zoo"], "deep_small"), []
    path = Path(peer.scratch.name) / "split.npz"
    parameters = MLP().get_params()
    layers = {name: parameters[name] for name in ("hidden_layer_sizes", "activation", "dropout")}
    for seed, split in enumerate(views[first:], start=first):
        np.savez(path, **dict(zip(("X", "y", "X_test", "y_test"), split, strict=True)))
        request = {"path": str(path), "n_components": n_components, "seed": seed} | layers
        seconds = peer.ask(json.dumps(request))
        if not np.isfinite(seconds):
            raise RuntimeError(f"cca-zoo fails on split {seed}.")
        with np.load(path) as variates:
            fits.append(Fit(score(variates["zx"], variates["zy"]), seconds))
    peer.close()
    return fits


def score(zx, zy):
    """Return the sum of the correlations of the test rows; a missing component counts as 0."""
    return float(variate_correlations(zx, zy).sum()) if zx.shape[1] else 0.0


def head_of(models):
    """Return the names of the columns with results."""
    names = [MODELS[model] for model in models]
    names += ["linear kept"] if "deep" in models else []
    return names + [f"s, {MODELS[model]}" for model in models if model in DEEP]


def print_case(case, fits):
    """Print the row of a case: mean scores with deviations over fits, decisions and CPU seconds."""
    cells = [format_scores(scores) for scores in scores_of(fits)]
    if "deep" in fits:
        n_kept = sum(one.kept == "linear" for one in fits["deep"])
        cells.append(f"{n_kept} of {len(fits['deep'])}")
    for model in fits:
        if model in DEEP:
            cells.append(f"{np.mean([one.seconds for one in fits[model]]):.1f}")
    n_fits = len(next(iter(fits.values())))
    print_row(case.name, *shape_of(case), case.n_components, n_fits, *cells)


def format_scores(scores):
    mean = f"{np.mean(scores):.2f}"
    return f"{mean} ± {deviation(scores):.2f}" if len(scores) > 1 else mean


def shape_of(case):
    """Return the number of rows and the numbers of columns, as in the table."""
    if case.n_rows:
        n_rows, (n_x, n_y, *_) = case.n_rows, TRUTHS[case.name]
    else:
        views = load(case.name)
        n_rows, n_x, n_y = len(views.X), views.X.shape[1], views.y.shape[1]
    return f"{n_rows:,}", f"{n_x} / {n_y}"


def scores_of(fits):
    return [np.array([one.score for one in of_model]) for of_model in fits.values()]


def difference(fits, model, other):
    """Return the differences of the scores of two models on the same splits."""
    ours, others = scores_of({name: fits[name] for name in (model, other)})
    return ours - others


def deviation(values):
    return np.std(values, ddof=1)


def check_linear(results):
    """Print where the mean of `DeepCCA` is below that of `LinearCCA` by more than `SLACK`."""
    losses = []
    for case, fits in results.items():
        loss = -difference(fits, "deep", "ledoit_wolf").mean() / case.n_components
        if loss > SLACK:
            losses.append(f"{case.label}: {loss:.3f}")
    rule = f"mean of DeepCCA at most {SLACK} a component below LinearCCA with Ledoit-Wolf ridge"
    print_check(rule, losses)


def count_single_fits(results):
    """Print the number of single fits that are below the linear model by more than `SLACK`."""
    for model in DEEP:
        below = [
            -difference(fits, model, "ledoit_wolf") > SLACK * case.n_components
            for case, fits in results.items()
            if model in fits
        ]
        if below:
            below = np.concatenate(below)
            print(f"    {MODELS[model]}: {below.sum()} of {len(below)} fits below it by more")


def check_peer(results):
    """Print where the mean of `DeepCCA` is below that of the peer by more than the spread."""
    losses = []
    for case, fits in results.items():
        gain = difference(fits, "deep", "peer")
        if gain.mean() < -deviation(gain):
            losses.append(f"{case.label}: {-gain.mean():.2f} below, spread {deviation(gain):.2f}")
    print_check(
        "DeepCCA not below cca-zoo's DCCAEY by more than the spread of the difference", losses
    )


def check_bent(results):
    """Print where `DeepCCA` is not above the others by two standard errors on bent factors."""
    losses = []
    for case, fits in results.items():
        if case.n_rows and TRUTHS[case.name][-1]:
            for other in ("ledoit_wolf", "peer"):
                gain = difference(fits, "deep", other)
                error = deviation(gain) / np.sqrt(len(gain))
                if gain.mean() < 2 * error:
                    losses.append(
                        f"{case.label}: {gain.mean():+.2f} ({error:.2f}) to {MODELS[other]}"
                    )
    print_check("DeepCCA above both by two standard errors where the truth is not linear", losses)


def print_check(rule, losses):
    print(f"\n{'FAIL' if losses else 'pass'}: {rule}", flush=True)
    for loss in losses:
        print(f"    {loss}", flush=True)


if __name__ == "__main__":
    main()
