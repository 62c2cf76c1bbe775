"""Measure which columns `SparseCCA` selects, next to the sparse models of cca-zoo and to PMA.

The views have 300 rows and p columns each, and are described in `_common/sparse_designs.py`. The F1
score compares the selected columns with the true ones, as the mean of both views; the held-out
correlation is that of 1,000 new rows. Our model chooses `l1` by cross-validation; "best" is the
threshold of its path with the best F1 score. Every other model is given the parameter of its grid with
the best F1 score, which it could not know. A fit of cca-zoo is ended after the time limit. Before that,
time and peak memory beside the views are measured on the largest p, in a process of its own.

    python benchmarks/sparse.py [--columns 2000] [--large 20000] [--seeds 5] [--limit 300] [--quick]
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

from skdcca import SparseCCA
from skdcca.exceptions import ChanceCorrelationWarning

from _common.arguments import make_parser
from _common.memory import Peak, status
from _common.peers import INSTALLED, NO_PEERS, command_of
from _common.sparse_designs import (
    autoregressive,
    factor,
    independent,
    pma_weights,
    support_f1,
    two_columns,
    unrelated,
)
from _common.table import print_head, print_row
from _common.threads import use_one_thread
from _common.timing import timed

N, N_NEW = 300, 1000
DESIGNS = {"independent": independent, "autoregressive": autoregressive, "factor": factor}
# With four true columns, each pair correlates by 0.2, which is near the limit of what can be found.
LARGE = {"independent, 2 true": two_columns, "factor": factor, "independent, 4 true": independent}
PEERS = ("PMDCCA", "ParkhomenkoCCA", "IPLSCCA", "SpanCCA", "ElasticNetCCA")
BOUNDS = (0.02, 0.05, 0.1, 0.2, 0.4)


def main():
    parser = make_parser(__doc__, "fewer columns, one seed, fewer peers; under 60 s")
    parser.add_argument("--columns", type=int, default=2000)
    parser.add_argument("--large", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=300, help="seconds of a model of cca-zoo")
    parser.add_argument("--one-large", choices=LARGE, help="only the cost of one large fit")
    options = parser.parse_args()
    if options.quick:
        options.columns, options.large, options.seeds, options.limit = 500, 4000, 1, 3
    use_one_thread()
    if options.one_large:
        one_large(options.one_large, options.large)
        return
    print_head("large design", "p", "CPU s", "MB beside the views", "F1", "held-out", "l1")
    for name in LARGE:
        # In its own process, because the peak memory of a process never falls.
        arguments = ["--one-large", name, "--large", str(options.large)]
        subprocess.run([sys.executable, __file__, *arguments], check=True)
    print()
    print_head("design", "model", "F1", "held-out", "seconds of a fit", "parameter")
    for name, design in DESIGNS.items():
        compare(name, design, options)
    null(options)
    if "cca-zoo" not in INSTALLED:
        print(NO_PEERS)


def one_large(name, p):
    """Print the cost and the result of one fit."""
    fit_quietly(SparseCCA(), *LARGE[name](np.random.default_rng(1), 100, 50)[:2])  # to warm up
    design = LARGE[name](np.random.default_rng(0), N + N_NEW // 10, p)
    X, y = design.X[:N].copy(), design.y[:N].copy()
    new = design.X[N:], design.y[N:]
    before, peak = status("RssAnon"), Peak(every=0.02)
    run = timed(fit_quietly, SparseCCA(), X, y)
    extra = (peak.stop() - before) / 2**20
    model = run.result[0]
    f1 = f1_of(model.x_weights_[:, 0], model.y_weights_[:, 0], design.true)
    cells = f"{f1:.2f}", f"{model.score(*new):.3f}", f"{model.l1_[0, 0]:g}"
    print_row(name, f"{p:,}", f"{run.cpu:.1f}", f"{extra:.0f}", *cells)


def compare(name, make, options):
    """Print the rows of a design."""
    rows = {}
    for seed in range(options.seeds):
        design = make(np.random.default_rng(seed), N + N_NEW, options.columns)
        for model, row in results(design, options, seed):
            rows.setdefault(model, []).append(row)
    for model, found in rows.items():
        f1, held_out, seconds = np.mean([row[:3] for row in found], axis=0)
        parameters = sorted({row[3] for row in found})
        cells = f"{f1:.2f}", f"{held_out:.3f}", f"{seconds:.1f}"
        print_row(name, model, *cells, ", ".join(f"{value:g}" for value in parameters))


def results(design, options, seed):
    """Yield the name of each model, and its F1 score, held-out correlation, seconds and parameter."""
    X, y, new = design.X[:N], design.y[:N], (design.X[N:], design.y[N:])
    run = timed(fit_quietly, SparseCCA(), X, y)
    model = run.result[0]
    weights = model.x_weights_[:, 0], model.y_weights_[:, 0]
    yield "SparseCCA", (*judged(*weights, design.true, new), run.cpu, model.l1_[0, 0])
    path = [row_of(SparseCCA(l1=l1), design, new) for l1 in np.unique(model.cv_results_["x_l1"])]
    yield "SparseCCA, best l1", max(path)
    bounds = []
    for bound in BOUNDS:
        run = timed(pma_weights, X, y, bound)
        bounds.append((*judged(*run.result, design.true, new), run.cpu, bound))
    yield "PMA, best", max(bounds)
    if "cca-zoo" in INSTALLED and seed == 0:  # slow, and far from the others
        for name in PEERS:
            yield f"cca-zoo {name}, best", peer_row(name, design, new, options.limit)


def row_of(model, design, new):
    run = timed(fit_quietly, model, design.X[:N], design.y[:N])
    fitted = run.result[0]
    weights = fitted.x_weights_[:, 0], fitted.y_weights_[:, 0]
    return (*judged(*weights, design.true, new), run.cpu, model.l1)


def peer_row(name, design, new, limit):
    """Return the best row of a model of cca-zoo, or NaN if it has none within the limit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "views.npz"
        np.savez(path, x=design.X[:N], y=design.y[:N])
        command = command_of(INSTALLED["cca-zoo"], "sparse", name, path)
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, timeout=limit, check=False)
            lines = done.stdout
        except subprocess.TimeoutExpired as late:
            lines = late.stdout or b""
    rows = []
    for line in lines.decode().splitlines():
        found = json.loads(line)
        weights = [_dense(*found[key], view.shape[1]) for key, view in zip("xy", new, strict=True)]
        judgment = judged(*weights, design.true, new)
        rows.append((*judgment, found["seconds"], found["parameter"]))
    return max(rows, default=(np.nan,) * 4)


def _dense(chosen, values, length):
    weights = np.zeros(length)
    weights[chosen] = values
    return weights


def judged(x_weights, y_weights, true, new):
    """Return the F1 score and the held-out correlation of weights."""
    zx, zy = new[0] @ x_weights, new[1] @ y_weights
    held_out = np.corrcoef(zx, zy)[0, 1] if zx.std() and zy.std() else 0.0
    return f1_of(x_weights, y_weights, true), abs(held_out)


def f1_of(x_weights, y_weights, true):
    return (support_f1(x_weights, true) + support_f1(y_weights, true)) / 2


def null(options):
    """Print in how many of unrelated views the model warns that it found nothing."""
    n_tables = 2 if options.quick else 20
    n_warned = 0
    for seed in range(n_tables):
        X, y, _ = unrelated(np.random.default_rng(seed), N, options.columns)
        n_warned += fit_quietly(SparseCCA(), X, y)[1]
    print(f"\nunrelated views, p={options.columns:,}: {n_warned} of {n_tables} reported as chance")


def fit_quietly(model, X, y):
    """Return the fitted model, and whether it warned that its correlation is no more than chance."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    return model, any(one.category is ChanceCorrelationWarning for one in caught)


if __name__ == "__main__":
    main()
