"""Tune the hyperparameters of song models by grid search."""

import tempfile

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, ParameterGrid
from tqdm import tqdm

from skdcca._cli.song_models import fit_parameters
from skdcca.base import SIMILARITIES
from skdcca.metrics import both_directions, chance, compare, embed, mrr_scorer

_COMPONENTS = "cca__n_components"
_LINEAR = {"cca__reg": [0.1, 1.0, 10.0]}
_LOSSES = ["ey", "ey_infonce", "infonce"]
# Parameter grid of each kind of model; that of "words" is for its model of the sound.
GRIDS = {
    "linear": _LINEAR,
    "words": _LINEAR,
    "kernel": {"cca__reg": [1e-3, 1e-2, 1e-1]},
    "deep": {"cca__loss": _LOSSES},
    "joint": {"cca__loss": _LOSSES, "cca__lr": [1e-4, 1e-3]},
    "views": {"reg": ["auto", 0.1, 1.0, 10.0]},
}
N_SPLITS = 3


def search_over(model, grid, scratch, *, scoring=mrr_scorer, cv=None, n_jobs=None):
    """Return a grid search over a model of `song_model`, which computes common steps only once.

    Parameters
    ----------
    model : Pipeline
        Model to tune.
    grid : dict
        Parameter grid, such as one of `GRIDS`.
    scratch : str
        Folder in which the outputs of the common steps are cached.
    scoring, cv, n_jobs
        As in `GridSearchCV`.

    Returns
    -------
    search : GridSearchCV
        Unfitted search.
    """
    model = clone(model).set_params(memory=scratch, cca__y_transformer__memory=scratch)
    return GridSearchCV(model, grid, scoring=scoring, cv=cv, n_jobs=n_jobs, error_score="raise")


def limit_components(model, grid, folds):
    """Return a model and a grid whose numbers of components the smallest training fold allows.

    Print a line if any of them is reduced.
    """
    n_songs = min(len(train) for train, _ in folds)
    most = max(1, n_songs - 1)
    wanted = [model.get_params()[_COMPONENTS], *grid.get(_COMPONENTS, [])]
    if max(wanted) <= most:
        return model, grid
    print(
        f"Components: at most {most}, not {max(wanted)}, because one fold trains on {n_songs} songs. "
        "For larger folds, add songs or set smaller groups in the column group."
    )
    if _COMPONENTS in grid:
        allowed = {min(k, most) for k in grid[_COMPONENTS]}
        grid = {**grid, _COMPONENTS: sorted(allowed)}
    return clone(model).set_params(**{_COMPONENTS: min(wanted[0], most)}), grid


def tune(model, songs, kind, quiet=False):
    """Tune a model on the grid of its kind, with folds by group, and print the best candidate.

    The rows that deep models hold out in each fit are chosen by group, too.

    Parameters
    ----------
    model : Pipeline
        A model of `song_model`.
    songs : Bunch
        Training songs.
    kind : str
        A key of `GRIDS`.
    quiet : bool, default=False
        If True, hide the progress bar.

    Returns
    -------
    model : Pipeline
        Best candidate, refitted on all songs.
    result : dict
        ``best``: parameters of the best candidate; ``mrr``: its mean reciprocal rank; ``chance``:
        chance level of the mean reciprocal rank; ``gallery``: gallery size.
    """
    folds = list(GroupKFold(N_SPLITS).split(songs.audio, groups=songs.groups))
    model, grid = limit_components(clone(model), GRIDS[kind], folds)
    n_fits = len(ParameterGrid(grid)) * N_SPLITS
    if "cca__verbose" in model.get_params():
        model.set_params(cca__verbose=0)  # the search has its own progress bar
    with (
        tempfile.TemporaryDirectory() as scratch,
        tqdm(total=n_fits, desc="search", unit="fit", disable=quiet) as bar,
    ):

        def score(*arguments):
            bar.update()
            return _mrr_by_similarity(*arguments)

        search = search_over(model, grid, scratch, scoring=score, cv=folds)
        search.set_params(refit=best_place)
        search.fit(songs.audio, songs.lyrics, **fit_parameters(model, songs.groups))
    result = result_of(search, [min(len(test) for _, test in folds)])
    similarity = result["best"]["similarity"]
    return search.best_estimator_.set_params(cca__similarity=similarity), result


def result_of(search, galleries):
    """Return the result of a fitted search with one score for each similarity, as `tune`, and print it.

    `galleries` are the sizes of all galleries of the folds; the chance level is their mean.
    """
    _, similarity, mrr = _best(search.cv_results_)
    best = {**search.best_params_, "similarity": similarity}
    result = {
        "best": {key.removeprefix("cca__"): value for key, value in best.items()},
        "mrr": mrr,
        "chance": float(np.mean([chance(size)["mrr"] for size in galleries])),
        "gallery": min(galleries),
    }
    _print_choice(result, galleries, len(search.cv_results_["params"]) * len(SIMILARITIES))
    return result


def _mrr_by_similarity(model, X, y):
    """Return the mean reciprocal rank, over both directions, with each similarity.

    They do not change the fit. The first is chosen if they make no difference, as after "infonce".
    """
    zx, zy = embed(model, X, y)
    found = {}
    for similarity in SIMILARITIES:
        ways = both_directions(compare(model.set_params(cca__similarity=similarity), zx, zy))
        found[similarity] = np.mean([metrics["mrr"] for metrics in ways.values()])
    return found


def best_place(results):
    """Return the position of the best candidate of a search with one score for each similarity."""
    return _best(results)[0]


def _best(results):
    """Return the position of the best candidate of a search, its similarity, and its score."""
    means = np.array([results[f"mean_test_{similarity}"] for similarity in SIMILARITIES])
    similarity, candidate = np.unravel_index(means.argmax(), means.shape)
    return candidate, SIMILARITIES[similarity], float(means.max())


def _print_choice(result, galleries, n_candidates):
    chosen = ", ".join(f"{key}={value}" for key, value in result["best"].items())
    print(
        f"Best of {n_candidates} candidates: {chosen}. MRR {result['mrr']:.3f} over {N_SPLITS} folds "
        f"by group, chance {result['chance']:.3f} (gallery {_range(galleries)}). As the best of several "
        "scores, it is slightly optimistic."
    )


def _range(sizes):
    """Return sizes as text; if they differ, return their range."""
    if min(sizes) == max(sizes):
        return str(min(sizes))
    return f"{min(sizes)}-{max(sizes)}"
