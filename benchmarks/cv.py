"""Measure how much faster `LinearCCACV` and `KernelCCACV` are than `GridSearchCV` with the same cells.

The cells are 20 ridges times 10 numbers of components, with 5 folds and no final fit of `GridSearchCV`.
Both alternate in one run and are measured in CPU seconds of one thread; a ratio is the median of the
repeats. `GridSearchCV` takes so long that it fits 20 cells only, and its time is multiplied by ten. They
are spread evenly over ridges and numbers of components, and their scores are compared. With ``--whole``
it fits all of them.

    python benchmarks/cv.py [--repeats 3] [--whole] [--quick]
"""

import numpy as np
from sklearn.model_selection import GridSearchCV

from skdcca import KernelCCA, KernelCCACV, LinearCCA, LinearCCACV
from skdcca.metrics import mrr_scorer

from _common.arguments import make_parser
from _common.table import print_head, print_row
from _common.threads import use_one_thread
from _common.timing import timed

REGS, COUNTS = np.logspace(-3, 1, 20).tolist(), list(range(1, 11))
KERNEL_REGS = np.logspace(-4, 0, 20).tolist()
N_CELLS = len(REGS) * len(COUNTS)
# Models, numbers of rows and columns, scorer, what differs, and whether --quick measures it.
CASES = {
    "linear_1000_50": (LinearCCA, LinearCCACV, 1000, 50, None, {}, True),
    "linear_10000_200": (LinearCCA, LinearCCACV, 10_000, 200, None, {}, True),
    "linear_50000_500": (LinearCCA, LinearCCACV, 50_000, 500, None, {}, False),
    "linear_wide_200_1000": (LinearCCA, LinearCCACV, 200, 1000, None, {}, False),
    "linear_mrr_1000_50": (LinearCCA, LinearCCACV, 1000, 50, mrr_scorer, {}, False),
    "kernel_1000": (KernelCCA, KernelCCACV, 1000, 10, None, {}, True),
    "nystroem_10000": (
        KernelCCA,
        KernelCCACV,
        10_000,
        10,
        None,
        {"approximation": "nystroem", "random_state": 0},
        False,
    ),
}


def main():
    parser = make_parser(__doc__, "three cases, once; under 60 s")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="fit all cells by GridSearchCV")
    options = parser.parse_args()
    use_one_thread()
    repeats, n_cells = (1, 5) if options.quick else (options.repeats, 20)
    if options.whole:
        n_cells = N_CELLS
    print_head(
        "case", "GridSearchCV, CPU s", "ours, CPU s", "times faster", "largest difference of scores"
    )
    ratios = {}
    for name, case in CASES.items():
        if options.quick and not case[-1]:
            continue
        ratios[name] = compare(name, *case[:-1], repeats, n_cells)
    for name, ratio in ratios.items():
        print(f"{name}={ratio:.1f}")


def compare(name, model, search, n_rows, n_columns, scoring, params, repeats, n_cells):
    """Print a row of the table, and return the median ratio."""
    X, y = two_views(n_rows, n_columns)
    regs = REGS if model is LinearCCA else KERNEL_REGS
    theirs = grid_search(model, regs, scoring, params, n_cells)
    ours = search(COUNTS, regs=regs, scoring=scoring, **params)
    found = []
    for _ in range(repeats):
        fitted = timed(ours.fit, X, y)
        searched = timed(theirs.fit, X, y)
        found.append((searched.cpu * N_CELLS / n_cells, fitted.cpu))
    ratio = np.median([a / b for a, b in found])
    seconds = np.median(found, axis=0)
    print_row(
        name,
        f"{seconds[0]:.1f}",
        f"{seconds[1]:.2f}",
        f"{ratio:.0f}",
        f"{difference(ours, theirs):.1e}",
    )
    return ratio


def grid_search(model, regs, scoring, params, n_cells):
    """Return an unfitted `GridSearchCV` of some cells, spread evenly over ridges and numbers."""
    cells = []
    for i in range(n_cells):
        # The numbers have another order than the ridges, so that both vary independently.
        reg = regs[spread(i, n_cells, len(regs))]
        k = COUNTS[spread(3 * i % n_cells, n_cells, len(COUNTS))]
        cells.append({"n_components": [k], "reg": [reg]})
    if n_cells == N_CELLS:
        cells = {"n_components": COUNTS, "reg": regs}
    return GridSearchCV(model(**params), cells, scoring=scoring, cv=5, refit=False)


def spread(i, n, size):
    """Return the position of item i of n in a sequence of this size."""
    return int((i + 0.5) * size / n)


def difference(ours, theirs):
    """Return the largest difference of the mean scores of the cells that both have."""
    keys = "n_components", "reg"
    known = {
        tuple(cell[key] for key in keys): score
        for cell, score in zip(
            ours.cv_results_["params"], ours.cv_results_["mean_test_score"], strict=True
        )
    }
    return max(
        abs(known[tuple(cell[key] for key in keys)] - score)
        for cell, score in zip(
            theirs.cv_results_["params"], theirs.cv_results_["mean_test_score"], strict=True
        )
    )


def two_views(n_rows, n_columns, n_shared=8):
    """Return two views that share some normal factors."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n_rows, n_shared)) * np.linspace(1, 0.3, n_shared)
    return [
        shared @ rng.normal(size=(n_shared, n_columns)) + 2 * rng.normal(size=(n_rows, n_columns))
        for _ in range(2)
    ]


if __name__ == "__main__":
    main()
