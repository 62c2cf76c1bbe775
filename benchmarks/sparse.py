"""Measure which columns `SparseCCA` selects, next to the sparse models of cca-zoo and to PMA.

Parts, which `--part` selects:

- `large`: time and peak memory beside the views on the largest p, in a process of its own.
- `support`: columns that are found, next to the other models.
- `null`: share of tables whose views are not related and are not reported as such; and share of tables
  with one pair of columns that correlates by 0.5, among 20 in each view, that are not reported either.

The views have 300 rows and p columns each, and are described in `_common/sparse_designs.py`. The F1
score compares the selected columns with the true ones, as the mean of both views; the held-out
correlation is that of 1,000 new rows. Our model chooses `l1` by cross-validation. In rows with "best",
ours included, a model is given the one of ten values of its parameter that has the best F1 score, which
a user cannot know; each seed has its own. Models of cca-zoo get the values from the sparsest one on,
until a fit takes more CPU seconds than the limit.

    python benchmarks/sparse.py [--part support] [--columns 2000] [--seeds 5] [--limit 5]
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
from _common.peers import INSTALLED, NO_PEERS, run_script
from _common.sparse_designs import (
    autoregressive,
    factor,
    independent,
    one_pair,
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
NULL_ROWS, NULL_COLUMNS = (50, 100, 300), (5, 20, 100, 500)
PEERS = ("PMDCCA", "ParkhomenkoCCA", "IPLSCCA", "SpanCCA", "ElasticNetCCA")
# As many values as those of cca-zoo in `_common/peer_scripts/sparse.py`.
THRESHOLDS = (0.7, 0.6, 0.5, 0.42, 0.36, 0.3, 0.25, 0.2, 0.15, 0.1)
BOUNDS = (0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4)


def main():
    parser = make_parser(__doc__, "fewer columns, one seed, fewer peers; under 60 s")
    parser.add_argument("--columns", type=int, default=2000)
    parser.add_argument("--large", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=5, help="CPU seconds of a fit of cca-zoo")
    parser.add_argument("--part", choices=PARTS, help="default: all")
    parser.add_argument("--one-large", choices=LARGE, help="only the cost of one large fit")
    options = parser.parse_args()
    if options.quick:
        options.columns, options.large, options.seeds, options.limit = 500, 4000, 1, 3
    use_one_thread()
    if options.one_large:
        one_large(options.one_large, options.large)
        return
    for name, part in PARTS.items():
        if options.part in (None, name):
            print(f"\n## {name}\n")
            part(options)


def large(options):
    """Print the cost of the largest designs."""
    print_head("large design", "p", "CPU s", "MB beside the views", "F1", "held-out", "l1")
    for name in LARGE:
        # In its own process, because the peak memory of a process never falls.
        arguments = ["--one-large", name, "--large", str(options.large)]
        subprocess.run([sys.executable, __file__, *arguments], check=True)


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


def support(options):
    """Print which columns the models find."""
    heads = "design", "model", "values", "F1", "held-out", "CPU s of a fit", "parameter"
    print_head(*heads)
    for name, design in DESIGNS.items():
        compare(name, design, options)
    if "cca-zoo" not in INSTALLED:
        print(NO_PEERS)


def compare(name, make, options):
    """Print the rows of a design, as means of all seeds."""
    rows = {}
    for seed in range(options.seeds):
        design = make(np.random.default_rng(seed), N + N_NEW, options.columns)
        for model, own in results(design, options):
            rows.setdefault(model, []).append(own)
    for model, found in rows.items():
        values = _range(len(own) for own in found)
        if not all(found):
            n_late = sum(not own for own in found)
            late = f"no fit ended in {options.limit:g} s in {n_late} of {len(found)} seeds"
            print_row(name, model, values, late, "", "", "")
            continue
        best = [max(own) for own in found]
        f1, held_out, seconds = np.mean([row[:3] for row in best], axis=0)
        cells = f"{f1:.2f}", f"{held_out:.3f}", f"{seconds:.1f}"
        print_row(name, model, values, *cells, _range(row[3] for row in best))


def _range(values):
    """Return the smallest and the largest value as text."""
    values = sorted(set(values))
    return f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"


def results(design, options):
    """Yield the name of each model, and its rows: F1, held-out correlation, CPU seconds, parameter."""
    X, y, new = design.X[:N], design.y[:N], (design.X[N:], design.y[N:])
    yield "SparseCCA", [row_of(SparseCCA(), design, new)]
    yield "SparseCCA, best l1", [row_of(SparseCCA(l1=l1), design, new) for l1 in THRESHOLDS]
    bounds = []
    for bound in BOUNDS:
        run = timed(pma_weights, X, y, bound)
        bounds.append((*judged(*run.result, design.true, new), run.cpu, bound))
    yield "PMA, best", bounds
    if "cca-zoo" in INSTALLED:
        yield from peer_results(design, new, options.limit)


def row_of(model, design, new):
    run = timed(fit_quietly, model, design.X[:N], design.y[:N])
    fitted = run.result[0]
    weights = fitted.x_weights_[:, 0], fitted.y_weights_[:, 0]
    return (*judged(*weights, design.true, new), run.cpu, fitted.l1_[0, 0])


def peer_results(design, new, limit):
    """Yield the name of each model of cca-zoo, and the rows of its fits that end within the limit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "views.npz"
        np.savez(path, x=design.X[:N], y=design.y[:N])
        python = INSTALLED["cca-zoo"]
        done = run_script(python, "sparse", path, str(limit), stdout=subprocess.PIPE)
    rows = {name: [] for name in PEERS}
    for line in done.stdout.splitlines():
        found = json.loads(line)
        weights = [_dense(*found[key], view.shape[1]) for key, view in zip("xy", new, strict=True)]
        judgment = judged(*weights, design.true, new)
        rows[found["model"]].append((*judgment, found["seconds"], found["parameter"]))
    for name, own in rows.items():
        yield f"cca-zoo {name}, best", own


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
    """Print how often views pass as related."""
    n_tables = 5 if options.quick else 200
    print_head("views", "rows", "columns", "tables", "not reported as chance", "CPU s of a fit")
    for n in NULL_ROWS[:1] if options.quick else NULL_ROWS:
        for p in NULL_COLUMNS:
            print_share("unrelated", unrelated, n, p, n_tables)
        print_share("one pair", one_pair, n, 20, n_tables)
    print_share("unrelated", unrelated, N, options.columns, 2 if options.quick else 20)


def print_share(name, make, n, p, n_tables):
    """Print in how many tables the model does not warn that it found nothing."""
    tables = [make(np.random.default_rng([seed, n, p]), n, p) for seed in range(n_tables)]
    runs = [timed(fit_quietly, SparseCCA(), table.X, table.y) for table in tables]
    share = np.mean([not run.result[1] for run in runs])
    seconds = np.mean([run.cpu for run in runs])
    print_row(name, n, f"{p:,}", n_tables, f"{share:.1%}", f"{seconds:.2f}")


def fit_quietly(model, X, y):
    """Return the fitted model, and whether it warned that its correlation is no more than chance."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    return model, any(one.category is ChanceCorrelationWarning for one in caught)


PARTS = {"large": large, "support": support, "null": null}

if __name__ == "__main__":
    main()
