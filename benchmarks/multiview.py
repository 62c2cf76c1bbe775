"""Check `MultiCCA` against `LinearCCA` and cca-zoo, with views missing, in time and in memory.

Parts, which `--part` selects:

- `equality`: largest difference of the weights to those of `LinearCCA` for two views, with every ridge.
- `peers`: mean correlations of the variates next to SciPy's generalized eigenproblem in standardized
  columns, for MCCA and GCCA of cca-zoo too, on plain data and with a column times 1e4 and 1e-4. With a
  ridge, GCCA has another objective, and that of MCCA depends on the units, so they are left out.
- `missing`: sum of the held-out mean correlations with 10, 30 and 50 % of the views missing, as a share
  of that with complete training rows: `MultiCCA`, complete rows only, and means imputed. The views are
  synthetic, or the quarters of the images of digits. Means of several masks; in brackets the lowest.
- `left_out`: correlations of the pairs of three views on the training rows, estimated for rows left out,
  by as many refits, and on 4,000 new rows.
- `time`: CPU seconds and memory of `fit` next to plain NumPy, and cca-zoo.

cca-zoo runs in its own environment, if built with `make peers`.

    OMP_NUM_THREADS=1 make bench SCRIPT=multiview ARGS="[--quick] [--part missing]"
"""

import json
import tempfile
import warnings
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import linalg
from scipy.linalg import block_diag, eigh
from scipy.sparse.linalg import eigsh
from sklearn.datasets import load_digits

from skdcca import LinearCCA, MultiCCA
from skdcca.exceptions import PerfectCorrelationWarning

from _common.arguments import make_parser
from _common.memory import peak_of_arrays
from _common.peers import INSTALLED, NO_PEERS, Peer, run_script
from _common.table import print_head, print_row
from _common.threads import use_one_thread
from _common.timing import timed
from _common.view_tables import columns_of, random_presence, without_views

RIDGES = [0, 0.1, (0.1, 5.0), "auto", "oas", "ledoit_wolf"]
RATES = (0.1, 0.3, 0.5)
# Sizes of the views, number of training rows, deviation of the noise of each view, number of factors.
DESIGNS = {
    "3 views, 500 rows": ((10, 15, 20), 500, (1.0, 1.0, 1.0), 2),
    "3 views, 300 rows, noisy": ((30, 30, 30), 300, (1.0, 1.5, 2.0), 2),
    "4 views, 1,000 rows": ((20, 20, 20, 20), 1000, (1.5, 1.5, 1.5, 2.0), 4),
}

# Sizes and noises of the views, number of training rows, and ridges.
LEFT_OUT = [
    (((5, 5, 5), (1.0, 2.0, 3.0)), 60, 0),
    (((5, 30, 20), (1.0, 2.0, 2.0)), 50, "auto"),
    (((5, 30, 20), (1.0, 2.0, 2.0)), 50, (0.1, 1.0, 10.0)),
    (((10, 100, 100), (1.0, 3.0, 3.0)), 60, "auto"),
    (((5, 200, 10), (1.0, 20.0, 1.0)), 60, "auto"),
]


def main():
    parser = make_parser(__doc__, "fewer masks and rows; under 60 s")
    parser.add_argument("--part", choices=PARTS, help="default: all")
    options = parser.parse_args()
    use_one_thread()
    warnings.simplefilter("ignore", PerfectCorrelationWarning)
    for name, part in PARTS.items():
        if options.part in (None, name):
            print(f"\n## {name}\n")
            part(options.quick)


def factor_table(n_rows, sizes, noises, n_factors, seed):
    """Return the columns of views that share factors; only the rows depend on the seed."""
    rng, mixing = np.random.default_rng(seed), np.random.default_rng(1000)
    factors = rng.normal(size=(n_rows, n_factors)) * np.linspace(1, 0.6, n_factors)
    return np.hstack(
        [
            factors @ mixing.normal(size=(n_factors, p)) / np.sqrt(n_factors)
            + noise * rng.normal(size=(n_rows, p))
            for p, noise in zip(sizes, noises, strict=True)
        ]
    )


# ---- equality --------------------------------------------------------------------------------


def equality(quick):
    print_head("rows", "columns", *(f"reg={ridge}" for ridge in RIDGES))
    worst = 0.0
    for n, p, q in [(300, 6, 4), (2000, 40, 30), (20, 4, 3), (50, 200, 120)]:
        table = factor_table(n, (p, q), (1.0, 1.0), 2, seed=0)
        cells = [difference(table, p, ridge) for ridge in RIDGES]
        worst = max(worst, *(cell for cell in cells if cell is not None))
        texts = ("correlations 1" if cell is None else f"{cell:.0e}" for cell in cells)
        print_row(n, f"{p} + {q}", *texts)
    print(f"equality={worst:.1e}")


def difference(table, p, reg):
    """Return the largest difference of weights, over their largest one; None if they are not unique."""
    X, y = table[:, :p], table[:, p:]
    linear = LinearCCA(2, reg=reg).fit(X, y)
    multi = MultiCCA(columns_of((p, y.shape[1])), 2, reg=reg).fit(table)
    if linear.canonical_correlations_[0] > 1 - 1e-9:
        return None
    pairs = zip(multi.weights_.values(), (linear.x_weights_, linear.y_weights_), strict=True)
    return max(np.abs(ours - theirs).max() / np.abs(theirs).max() for ours, theirs in pairs)


# ---- peers -----------------------------------------------------------------------------------


def peers(quick):
    sizes, k = (10, 8, 6), 3
    plain = factor_table(400, sizes, (1.0, 1.0, 1.0), 3, seed=0)
    plain = (plain - plain.mean(axis=0)) / plain.std(axis=0, ddof=1)
    large, small = plain.copy(), plain.copy()
    large[:, 2] *= 1e4
    small[:, 2] *= 1e-4
    print_head("data", "ridge", "MultiCCA", "cca-zoo MCCA", "cca-zoo GCCA")
    tables = {"plain": plain, "a column times 1e4": large, "a column times 1e-4": small}
    for name, table in tables.items():
        theirs = {model: peer_correlations(model, table, sizes, k) for model in ("MCCA", "GCCA")}
        for i, reg in enumerate((0.0, 1.0)):
            expected = eigen_correlations(plain, sizes, k, reg)
            model = MultiCCA(columns_of(sizes), k, reg=reg).fit(table)
            cells = [np.abs(variate_means(model, table) - expected).max()]
            cells += [apart(theirs["MCCA"], i, expected), apart(theirs["GCCA"], i, expected)]
            if reg:
                cells[2] = None  # another objective
                cells[1] = cells[1] if table is plain else None  # a ridge in other units
            print_row(name, reg, *("" if cell is None else cell_text(cell) for cell in cells))
    if "cca-zoo" not in INSTALLED:
        print(NO_PEERS)


def cell_text(cell):
    return cell if isinstance(cell, str) else f"{cell:.0e}"


def eigen_correlations(table, sizes, k, reg):
    """Return the mean correlations of the variates of SciPy's generalized eigenproblem."""
    R = np.corrcoef(table.T)
    sides = [columns for _, _, columns in columns_of(sizes)]
    B = block_diag(*(R[side, side] for side in sides)) + reg * np.eye(len(R))
    vectors = eigh(R + reg * np.eye(len(R)), B)[1][:, ::-1][:, :k]
    return mean_correlations([table[:, side] @ vectors[side] for side in sides])


def variate_means(model, table):
    z = model.transform(table)
    return mean_correlations([z[:, columns] for columns in model.output_indices_.values()])


def mean_correlations(variates):
    k = variates[0].shape[1]
    pairs = [
        [np.corrcoef(x[:, c], y[:, c])[0, 1] for c in range(k)]
        for x, y in combinations(variates, 2)
    ]
    return np.mean(pairs, axis=0)


def peer_correlations(model, table, sizes, k):
    """Return the answers of cca-zoo without a ridge and with a ridge of 1, or None."""
    if "cca-zoo" not in INSTALLED:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "views.npz"
        np.savez(path, shrinkages=[0.0, 0.5], **arrays_of(table, sizes))
        arguments = (INSTALLED["cca-zoo"], "multiview", "exact", model, k, path)
        return json.loads(run_script(*arguments, capture_output=True).stdout)


def arrays_of(table, sizes):
    return {name: table[:, columns] for name, _, columns in columns_of(sizes)}


def apart(answers, i, expected):
    if answers is None:
        return None
    if "error" in answers[i]:
        return answers[i]["error"][:40]
    return np.abs(np.array(answers[i]["found"]) - expected).max()


# ---- missing ---------------------------------------------------------------------------------


def missing(quick):
    print_head("data", "missing", "complete", "MultiCCA", "complete rows", "means imputed")
    n_masks = 3 if quick else 10
    least = []
    for name in (*DESIGNS, "digits in quarters, 400 rows"):
        for rate in RATES:
            found = [shares(name, rate, seed) for seed in range(n_masks)]
            complete = np.mean([full for full, _ in found])
            ratios = np.array([ratio for _, ratio in found])
            cells = [
                f"{mean:.3f} ({low:.3f})"
                for mean, low in zip(ratios.mean(axis=0), ratios.min(axis=0), strict=True)
            ]
            print_row(name, f"{rate:.0%}", f"{complete:.2f}", *cells)
            if rate == 0.3:
                least.append(ratios[:, 0].mean())
    print(f"share_at_30={min(least):.3f}")


def shares(name, rate, seed):
    """Return the score of complete data, and the shares of it that the three ways keep."""
    train, test, sizes, k = digits(seed) if name.startswith("digits") else synthetic(name, seed)
    fit = partial(score_of, sizes, k, test)
    complete = fit(train)
    present = mask(len(train), len(sizes), rate, seed)
    table = without_views(train, columns_of(sizes), present)
    imputed = np.where(np.isnan(table), np.nanmean(table, axis=0), table)
    scores = [fit(table), fit(train[present.all(axis=1)]), fit(imputed)]
    return complete, np.array(scores) / complete


def score_of(sizes, k, test, train):
    return MultiCCA(columns_of(sizes), k).fit(train).score(test)


def synthetic(name, seed):
    sizes, n_rows, noises, n_factors = DESIGNS[name]
    table = factor_table(n_rows + 4000, sizes, noises, n_factors, seed)
    return table[:n_rows], table[n_rows:], sizes, n_factors


def digits(seed):
    """Return the quarters of images of digits, without the columns that hardly vary."""
    images = load_digits().images
    quarters = [
        images[:, rows, columns].reshape(len(images), -1)
        for rows in (slice(4), slice(4, 8))
        for columns in (slice(4), slice(4, 8))
    ]
    quarters = [quarter[:, quarter.std(axis=0) > 1] for quarter in quarters]
    table = np.hstack(quarters)[np.random.default_rng(seed).permutation(len(images))]
    return table[:400], table[400:], [quarter.shape[1] for quarter in quarters], 4


def mask(n_rows, n_views, rate, seed):
    """Return which views each row has; every row has at least one."""
    return random_presence(n_rows, n_views, rate, np.random.default_rng(seed + 100))


# ---- time ------------------------------------------------------------------------------------


def time_and_memory(quick):
    k, sizes = 10, (200, 400, 1000)
    n_rows = [5_000] if quick else [5_000, 50_000]
    print_head("rows", "way", "CPU s", "over plain NumPy", "extra memory, MB")
    for n in n_rows:
        table = factor_table(n, sizes, (3.0, 3.0, 3.0), 20, seed=0)
        incomplete = table.copy()
        incomplete[mask(n, 3, 0.3, 0)[:, 2] == 0, 600:] = np.nan
        ways = {
            "plain NumPy": partial(reference, table, sizes, k),
            "MultiCCA": partial(fit, table, sizes, k),
            "MultiCCA, 30 % of a view missing": partial(fit, incomplete, sizes, k),
        }
        plain = None
        for name, work in ways.items():
            seconds = min(timed(work).cpu for _ in range(1 if quick else 2))
            plain = plain or seconds
            memory = peak_of_arrays(work) / 1e6
            print_row(f"{n:,}", name, f"{seconds:.2f}", f"{seconds / plain:.2f}", f"{memory:.0f}")
        for name in ("MCCA", "GCCA") if "cca-zoo" in INSTALLED else ():
            # The GCCA of cca-zoo decomposes all rows.
            if name == "MCCA" or n <= 5_000:
                ask_peer(name, table, sizes, k, plain)


def fit(table, sizes, k):
    return MultiCCA(columns_of(sizes), k, reg=0.1).fit(table)


def ask_peer(name, table, sizes, k, plain):
    python = INSTALLED["cca-zoo"]
    peer = Peer(python, "multiview", "time", name, str(k), **arrays_of(table, sizes))
    seconds, memory = peer.ask(), peer.ask("memory")
    peer.close()
    row = (f"{len(table):,}", f"cca-zoo {name}", f"{seconds:.2f}", f"{seconds / plain:.2f}")
    print_row(*row, f"{memory:.0f}")


def reference(table, sizes, k, reg=0.1):
    """Solve the same problem without validation, missing views or rank-deficient columns."""
    Z = table - table.mean(axis=0)
    R = Z.T @ Z / (len(Z) - 1)
    deviation = np.sqrt(np.diagonal(R))
    R /= deviation[:, None] * deviation
    sides = [columns for _, _, columns in columns_of(sizes)]
    roots = [
        linalg.cholesky(R[side, side] + reg * np.eye(side.stop - side.start), lower=True)
        for side in sides
    ]
    K = np.eye(len(R))
    for (i, left), (j, right) in combinations(enumerate(sides), 2):
        half = linalg.solve_triangular(roots[i], R[left, right], lower=True)
        K[left, right] = linalg.solve_triangular(roots[j], half.T, lower=True).T
        K[right, left] = K[left, right].T
    vectors = eigsh(K, k, which="LA", v0=np.ones(len(K)))[1]
    return [
        linalg.solve_triangular(root, vectors[side], lower=True, trans=1)
        for root, side in zip(roots, sides, strict=True)
    ]


def left_out(quick):
    """Print correlations of the training rows, of rows left out, and of new rows."""
    print_head(
        "views", "rows", "ridges", "training", "left out", "as many refits", "new rows", "error"
    )
    errors = []
    for (sizes, noises), n_rows, reg in LEFT_OUT:
        runs = [
            compare_left_out(sizes, noises, n_rows, reg, seed) for seed in range(2 if quick else 8)
        ]
        found = np.array(runs)
        errors.append(np.abs(found[:, 1] - found[:, 2]).mean())
        cells = [" / ".join(f"{r:.2f}" for r in of_pairs) for of_pairs in found.mean(axis=0)]
        print_row(sizes, n_rows, reg, *cells, f"{errors[-1]:.3f}")
    print(f"error={max(errors):.3f}")


def compare_left_out(sizes, noises, n_rows, reg, seed):
    """Return four rows with the correlations of the pairs."""
    table = factor_table(n_rows + 4000, sizes, noises, 1, seed)
    train, new = table[:n_rows], table[n_rows:]
    model = MultiCCA(columns_of(sizes), 1, reg=reg).fit(train)
    refits = []
    for row in range(n_rows):
        other = MultiCCA(columns_of(sizes), 1, reg=tuple(model.reg_.values()))
        other.fit(np.delete(train, row, axis=0))
        sign = np.sign(other.weights_["view0"][:, 0] @ model.weights_["view0"][:, 0])
        refits.append(sign * other.transform(train[[row]])[0])
    estimated = [r[0] for r in model.leave_one_out_correlations_.values()]
    pairs = np.triu_indices(len(sizes), 1)
    own, left, fresh = (
        np.corrcoef(np.transpose(z))[pairs]
        for z in (model.transform(train), refits, model.transform(new))
    )
    return own, estimated, left, fresh


PARTS = {
    "equality": equality,
    "peers": peers,
    "missing": missing,
    "left_out": left_out,
    "time": time_and_memory,
}


if __name__ == "__main__":
    main()
