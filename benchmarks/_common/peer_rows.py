"""Models of cca-zoo in the paper's table, whose variates are compared as ours are."""

from typing import NamedTuple

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca.metrics import both_directions, chance, similarity

from _common.systems import Once
from _common.texts import text_transformer
from _common.two_view_models import MODELS, FitError, open_fits

PEERS = ("cca-zoo CCA", "cca-zoo KCCA", "cca-zoo DCCA")
N_COMPONENTS = (5, 10, 30)
# The powers of the correlations that `similarity` of our models stands for.
POWERS = {"likelihood": None, "weighted": 2.0, "cosine": 0.0}


class Views(NamedTuple):
    """Views of all songs as a peer takes them."""

    X: np.ndarray
    y: np.ndarray
    n_components: int


def peer_folds(cell, name, X, lyrics, outer, inner, groups=None):
    """Return the scores of the outer folds, with parameters chosen by one inner split.

    The number of components and the way of comparing variates are chosen too. The text features are
    fitted on the training songs of each outer fold.
    """
    found = []
    for train, test in outer.split(X, groups=groups):
        text = make_pipeline(Once(text_transformer(cell["text"], name)), StandardScaler())
        text.fit([lyrics[i] for i in train])
        views = Views(X, text.transform(lyrics), N_COMPONENTS[-1])
        within = None if groups is None else groups[train]
        a, b = next(inner.split(train, groups=within))
        found.append(fold(MODELS[cell["model"]], views, train[a], train[b], train, test))
    return found


def fold(model, views, fitted, chosen_on, train, test):
    """Choose the parameters on a part of the training songs, and score the test songs."""
    candidates = model.candidates(views.X.shape[1], views.y.shape[1])
    with open_fits(model, views) as fits:
        best = max(
            (choice for parameters in candidates
             for choice in choices(fits, parameters, fitted, chosen_on)),
            key=lambda choice: choice[0],
        )  # fmt: skip
        inner_score, params = best
        variates = compared(fits, params["parameters"], train, test)
    scores = scores_of(variates, params["n_components"], params["similarity"])
    return {
        **both_directions(scores),
        "scores": scores,
        "n_gallery": len(test),
        "chance": chance(len(test)),
        "test": test,
        "params": params["parameters"] | {k: v for k, v in params.items() if k != "parameters"},
        "inner_score": inner_score,
        "model": [None],
    }


def choices(fits, parameters, train, test):
    """Yield the score and the settings of each way to use the variates of one fit."""
    try:
        variates = compared(fits, parameters, train, test)
    except FitError:
        return
    for n_components in N_COMPONENTS:
        for way in POWERS:
            scores = scores_of(variates, n_components, way)
            mrr = np.mean([one["mrr"] for one in both_directions(scores).values()])
            settings = {"n_components": n_components, "similarity": way}
            yield mrr, {"parameters": parameters} | settings


def compared(fits, parameters, train, test):
    """Return the variates of the test songs, and the correlations of the training songs."""
    zx, zy = fits.variates(parameters, train, np.concatenate([train, test]))
    n = len(train)
    correlations = [np.corrcoef(zx[:n, k], zy[:n, k])[0, 1] for k in range(zx.shape[1])]
    mean_x, mean_y = zx[:n].mean(axis=0), zy[:n].mean(axis=0)
    std_x, std_y = zx[:n].std(axis=0), zy[:n].std(axis=0)
    return (zx[n:] - mean_x) / std_x, (zy[n:] - mean_y) / std_y, np.nan_to_num(correlations)


def scores_of(variates, n_components, way):
    """Return the similarity of every pair of songs."""
    zx, zy, correlations = (part[..., :n_components] for part in variates)
    zx, zy = np.nan_to_num(zx), np.nan_to_num(zy)
    return similarity(zx, zy, np.clip(correlations, 0, 1), POWERS[way])
