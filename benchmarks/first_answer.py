"""Measure the first answer: held-out correlations of models with nothing but `n_components` set.

Each model is fitted to four fifths of a real data set and scored on the other fifth, by the sum of the
correlations of its pairs of variates. The first table has the means over five folds, which are repeated
ten times if there are at most 60 rows. The second table has the same after a search over a small grid,
by three inner folds of each training part; models without a ridge have nothing to search. `DCCA` of
cca-zoo is only searched, because it asks for networks and has no default.

    make peers && OMP_NUM_THREADS=1 make bench SCRIPT=first_answer
    ... ARGS="[--quick] [--sets wine digits] [--models LinearCCA CCA] [--no-search] [--unscaled]"
"""

import time
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from sklearn.model_selection import KFold, RepeatedKFold

from skdcca.metrics import variate_correlations

from _common.arguments import make_parser
from _common.peers import INSTALLED, NO_PEERS
from _common.table import print_head, print_row
from _common.two_view_models import MODELS, FitError, open_fits
from _common.two_view_sets import SETS, load

QUICK_SETS = ["wine", "star98", "diabetes"]
QUICK_MODELS = [name for name in MODELS if not name.endswith(("DeepCCA", "DCCA"))]
FEW_ROWS = 60  # the folds of smaller sets are repeated, because their test parts are tiny
SLACK = 0.05  # correlation that a default may lose per component


class Score(NamedTuple):
    """Mean score of a model on a set, or the reason why there is none."""

    mean: float = np.nan
    failure: str = ""


def main():
    began = time.perf_counter()
    options = parse_arguments()
    if options.unscaled:
        tabulate(options, searched=False, fixed={"scale": False})
        return
    defaults = tabulate(options, searched=False)
    check_against_peers(defaults)
    check_kernel(defaults)
    if not options.no_search:
        check_searched(tabulate(options, searched=True))
    if "cca-zoo" not in INSTALLED:
        print(NO_PEERS)
    print(f"{(time.perf_counter() - began) / 60:.0f} minutes")


def parse_arguments():
    parser = make_parser(__doc__, "small sets, no networks, no search; under 60 s")
    parser.add_argument("--sets", nargs="+", choices=SETS, help="only these")
    parser.add_argument("--models", nargs="+", choices=MODELS, help="only these")
    parser.add_argument("--no-search", action="store_true", help="only the defaults")
    parser.add_argument(
        "--unscaled", action="store_true", help="only LinearCCA and KernelCCA, with scale=False"
    )
    parser.add_argument("--n-jobs", type=int, default=2, help="models fitted at a time")
    options = parser.parse_args()
    options.sets = options.sets or (QUICK_SETS if options.quick else list(SETS))
    if options.unscaled:
        options.models = ["LinearCCA", "KernelCCA"]
    models = options.models or (QUICK_MODELS if options.quick else list(MODELS))
    packages = {"skdcca", "scikit-learn", *INSTALLED}
    options.models = [name for name in models if MODELS[name].package in packages]
    options.no_search = options.no_search or options.quick
    return options


def tabulate(options, searched, fixed=None):
    """Print a table with a row for each set, and return the scores by set and model.

    `fixed` are parameters of all models besides the number of components.
    """
    models = [name for name in options.models if is_measured(MODELS[name], searched)]
    settings = ", ".join(f"{name}={value}" for name, value in (fixed or {}).items())
    title = f"with {settings}" if fixed else "with nothing but n_components set"
    print("\nafter a search\n" if searched else f"\n{title}\n")
    print_head("set", "rows", "columns", "k", *models)
    tasks = [(name, model, searched, fixed or {}) for name in options.sets for model in models]
    workers = Parallel(options.n_jobs, batch_size=1, return_as="generator")
    found = workers(delayed(measure)(*task) for task in tasks)
    scores = {}
    for name in options.sets:
        scores[name] = {model: next(found) for model in models}
        views = load(name)
        columns = f"{views.X.shape[1]} / {views.y.shape[1]}"
        cells = [format_score(score) for score in scores[name].values()]
        print_row(name, f"{len(views.X):,}", columns, views.n_components, *cells)
    report_errors(scores)
    return scores


def is_measured(model, searched):
    return model.candidates is not None if searched else model.has_defaults


def format_score(score):
    if np.isfinite(score.mean):
        return f"{score.mean:.2f}"
    return score.failure.split(":")[0]


def report_errors(scores):
    for name, row in scores.items():
        for model, score in row.items():
            if ":" in score.failure:
                print(f"{name}, {model}: {score.failure}")


def measure(name, model, searched, fixed):
    """Return the `Score` of a model on a set."""
    views, model = load(name), MODELS[model]
    least, most = model.searched if searched else (0, model.most_rows)
    if len(views.X) < least or (most is not None and len(views.X) > most):
        return Score(failure="-")
    with open_fits(model, views) as fits:
        try:
            return Score(mean_score(fits, views, model, searched, fixed))
        except FitError as error:
            return Score(failure=str(error))


def mean_score(fits, views, model, searched, fixed):
    """Return the mean score over the folds."""
    n_repeats = 10 if len(views.X) <= FEW_ROWS else 1
    folds = RepeatedKFold(n_splits=5, n_repeats=n_repeats, random_state=0)
    scores = []
    for train, test in folds.split(views.X):
        parameters = search(fits, views, model, train) if searched else fixed
        scores.append(score(fits, parameters, train, test))
    return np.mean(scores)


def score(fits, parameters, train, test):
    """Return the sum of the correlations of the test rows; a missing component counts as 0."""
    zx, zy = fits.variates(parameters, train, test)
    if not (np.isfinite(zx).all() and np.isfinite(zy).all()):
        raise FitError("NaN")
    return variate_correlations(zx, zy).sum() if zx.shape[1] else 0.0


def search(fits, views, model, train):
    """Return the candidate with the largest mean score on three inner folds."""
    candidates = model.candidates(views.X.shape[1], views.y.shape[1])
    seen = np.random.default_rng(0).permutation(train)[: model.rows_seen]
    folds = [(seen[fit], seen[rest]) for fit, rest in KFold(3).split(seen)]
    means = [inner_score(fits, candidate, folds) for candidate in candidates]
    return candidates[np.argmax(means)]


def inner_score(fits, candidate, folds):
    """Return the mean score of a candidate, or minus infinity if a fit fails."""
    try:
        return np.mean([score(fits, candidate, *fold) for fold in folds])
    except FitError:
        return -np.inf


def check_against_peers(scores):
    """Print where a default of ours is more than `SLACK` a component below the best of the peers."""
    losses = []
    for name, row in scores.items():
        ours, peers = split_row(row)
        best = best_of(peers)
        for model, score in ours.items():
            loss = (row[best].mean - score.mean) / load(name).n_components if best else 0.0
            if loss > SLACK:
                losses.append(f"{name}: {model} {loss:.2f} below {best}")
    rule = f"no default of ours more than {SLACK} a component below the best default of a peer"
    print_check(rule, losses, passed=not losses)


def check_kernel(scores):
    """Print where the default of `KernelCCA` is below that of `LinearCCA`."""
    losses = []
    for name, row in scores.items():
        if {"KernelCCA", "LinearCCA"} <= row.keys():
            loss = row["LinearCCA"].mean - row["KernelCCA"].mean
            if loss > 0:
                losses.append(f"{name}: {loss:.2f}")
    rule = "KernelCCA's default at least LinearCCA's on all sets but two"
    print_check(rule, losses, passed=len(losses) <= 2)


def check_searched(scores):
    """Print where the best of our models is below the best of the peers after a search."""
    losses = []
    for name, row in scores.items():
        ours, peers = (best_of(scores) for scores in split_row(row))
        if ours and peers and row[ours].mean < row[peers].mean:
            losses.append(f"{name}: {ours} {row[peers].mean - row[ours].mean:.2f} below {peers}")
    rule = "after a search, our best model at least the best of the peers on every set"
    print_check(rule, losses, passed=not losses)


def split_row(row):
    """Return the scores of our models, and those of the others."""
    ours = {name: score for name, score in row.items() if MODELS[name].package == "skdcca"}
    return ours, {name: score for name, score in row.items() if name not in ours}


def best_of(scores):
    """Return the name of the model with the largest score, or None if no score is a number."""
    numbers = [name for name, score in scores.items() if np.isfinite(score.mean)]
    return max(numbers, key=lambda name: scores[name].mean, default=None)


def print_check(rule, losses, passed):
    print(f"\n{'pass' if passed else 'FAIL'}: {rule}", flush=True)
    for loss in losses:
        print(f"    {loss}", flush=True)


if __name__ == "__main__":
    main()
