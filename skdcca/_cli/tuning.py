"""Hyper-parameters of the models from songs, chosen by a grid search."""

import tempfile

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, ParameterGrid
from tqdm import tqdm

from skdcca.metrics import chance, mrr_scorer

_SIMILARITIES = ["cosine", "weighted", "likelihood"]
# The grid of each kind of model.
GRIDS = {
    "linear": {"cca__reg": [0.1, 1.0, 10.0], "cca__similarity": _SIMILARITIES},
    "kernel": {"cca__reg": [1e-3, 1e-2, 1e-1], "cca__similarity": _SIMILARITIES},
    "deep": {"cca__loss": ["ey", "infonce"], "cca__lr": [1e-4, 1e-3]},
    "joint": {"cca__loss": ["ey", "infonce"], "cca__lr": [1e-4, 1e-3]},
}
N_SPLITS = 3


def search_over(model, grid, scratch, *, scoring=mrr_scorer, cv=None, n_jobs=None):
    """Return a grid search over a model of `song_model`; candidates share their common steps.

    Parameters
    ----------
    model : Pipeline
        The model to tune.
    grid : dict
        The grid, such as one of `GRIDS`.
    scratch : str
        Folder for the outputs that the candidates share.
    scoring, cv, n_jobs
        As in `GridSearchCV`.

    Returns
    -------
    search : GridSearchCV
        Not fitted.
    """
    model = clone(model).set_params(memory=scratch, cca__y_transformer__memory=scratch)
    return GridSearchCV(model, grid, scoring=scoring, cv=cv, n_jobs=n_jobs, error_score="raise")


def tune(model, songs, kind, quiet=False):
    """Search the grid of a kind of model with grouped folds, and print the choice.

    Parameters
    ----------
    model : Pipeline
        A model of `song_model`.
    songs : Bunch
        The training songs.
    kind : str
        A key of `GRIDS`.
    quiet : bool, default=False
        No progress bar.

    Returns
    -------
    model : Pipeline
        The best candidate, fitted to all songs.
    result : dict
        The parameters chosen, ``best``; their ``mrr``; ``chance`` and size of the ``gallery``.
    """
    folds = list(GroupKFold(N_SPLITS).split(songs.audio, groups=songs.groups))
    grid = GRIDS[kind]
    n_candidates = len(ParameterGrid(grid))
    model = clone(model)
    if "cca__verbose" in model.get_params():
        model.set_params(cca__verbose=0)  # the bar of the search is enough
    n_fits = n_candidates * N_SPLITS
    with (
        tempfile.TemporaryDirectory() as scratch,
        tqdm(total=n_fits, desc="search", unit="fit", disable=quiet) as bar,
    ):

        def score(*arguments):
            bar.update()
            return mrr_scorer(*arguments)

        search = search_over(model, grid, scratch, scoring=score, cv=folds)
        search.fit(songs.audio, songs.lyrics)
    gallery = min(len(test) for _, test in folds)
    result = {
        "best": {key.removeprefix("cca__"): value for key, value in search.best_params_.items()},
        "mrr": float(search.best_score_),
        "chance": chance(gallery)["mrr"],
        "gallery": gallery,
    }
    _print_choice(result, n_candidates)
    return search.best_estimator_, result


def _print_choice(result, n_candidates):
    chosen = ", ".join(f"{key}={value}" for key, value in result["best"].items())
    print(
        f"Chosen from {n_candidates} candidates: {chosen}. MRR {result['mrr']:.3f} in {N_SPLITS} "
        f"grouped folds, chance {result['chance']:.3f} (gallery {result['gallery']}); the best of "
        "several scores is slightly optimistic"
    )
