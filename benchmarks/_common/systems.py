"""Systems compared in the tables: correlation models and their grids."""

import joblib
import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdcca import DeepCCA, KernelCCA, LinearCCA
from skdcca.encoders import MLP
from skdcca.metrics import mrr_scorer

from _common.end_to_end import (
    END_TO_END,
    IN_RANDOM_ORDER,
    ON_SEQUENCES,
    end_to_end,
    in_random_order,
)
from _common.texts import TEXTS, text_transformer

COMPARED_BY = ["likelihood", "weighted", "cosine"]
MODELS = {
    "linear": (
        LinearCCA(),
        [{"n_components": [10, 30, 100], "reg": [0.3, 3.0], "similarity": COMPARED_BY}],
    ),
    "kernel": (
        KernelCCA(gamma="scale", random_state=0, n_landmarks=500),
        [{"n_components": [10, 30, 100], "reg": [3e-4, 3e-3], "similarity": COMPARED_BY}],
    ),
    "deep": (
        # Narrower than the default, whose fits take three times as long.
        DeepCCA(20, x_encoder=MLP((128,)), y_encoder=MLP((128,)), random_state=0),
        [{"loss": ["ey_infonce", "infonce"]}],
    ),
}
MOST_EXACT = 600  # songs of an exact kernel CCA


class Once(TransformerMixin, BaseEstimator):
    """Caching wrapper of a text transformer: fits once per set of texts, transforms each text once.

    Candidates of a search request the same results repeatedly, and Doc2vec takes most of the time.
    """

    kept = {}  # of this process

    def __init__(self, transformer):
        self.transformer = transformer

    def fit(self, X, y=None):
        """Fit, or reuse an earlier fit."""
        self.key_ = joblib.hash([repr(self.transformer), list(X)])
        if self.key_ not in self.kept:
            while len(self.kept) > 64:
                del self.kept[next(iter(self.kept))]
            self.kept[self.key_] = clone(self.transformer).fit(X), {}
        return self

    def transform(self, X):
        """Transform texts, reusing earlier results."""
        fitted, rows = self.kept[self.key_]
        new = [text for text in dict.fromkeys(X) if text not in rows]
        if new:
            rows.update(zip(new, fitted.transform(new), strict=True))
        return np.array([rows[text] for text in X])


def system(model, n_songs, n_components=None):
    """Return the model of a row and its grid; `n_components` is fixed if it is given."""
    if model in END_TO_END or model in ON_SEQUENCES:
        estimator, grid = end_to_end(model)
        return estimator, [grid]
    cca, grid = MODELS[model]
    if model == "kernel" and n_songs > MOST_EXACT:
        cca = clone(cca).set_params(approximation="nystroem")
    if n_components is not None:
        grid = [part | {"n_components": [n_components]} for part in grid]
    return cca, grid


def searched_model(cell, name, n_songs, inner, n_jobs):
    """Return the grid search of a cell on songs of the collection `name`."""
    estimator, grid = system(cell["model"], n_songs, cell.get("components"))
    y_side = text_transformer(cell["text"], name)
    if cell["text"] in TEXTS:
        y_side = make_pipeline(Once(y_side), StandardScaler())
    before = StandardScaler()
    if cell["model"] in MODELS:
        estimator = clone(estimator).set_params(y_transformer=y_side)
    else:
        estimator = clone(estimator).set_params(network__y_transformer=y_side)
        before = in_order(cell["model"])
    if cell["model"] == "deep":
        with config_context(enable_metadata_routing=True):
            estimator.set_fit_request(groups=True)
    grid = [searched(part, y_size(cell["text"]), n_songs) for part in grid]
    model = Pipeline([("before", before), ("cca", estimator)])
    return GridSearchCV(model, grid, scoring=mrr_scorer, cv=inner, n_jobs=n_jobs)


def in_order(model):
    """Return the step that leaves the steps of sequences in order, or permutes them."""
    return FunctionTransformer(in_random_order if model in IN_RANDOM_ORDER else None)


def y_size(text):
    """Return the minimum number of columns of a text view."""
    return {"form": 21, "20 of tf-idf + form": 41}.get(text, 100)


def searched(grid, n_columns, n_songs):
    """Return the grid of the step, with the components that columns and inner rows allow."""
    if "n_components" in grid:
        few = [k for k in grid["n_components"] if k <= n_columns and k < n_songs / 2]
        grid = grid | {"n_components": few}
    return {f"cca__{key}": values for key, values in grid.items()}
