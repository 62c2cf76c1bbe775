"""Systems compared in the tables: correlation models, their grids, and networks trained end to end."""

import joblib
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdcca import DeepCCA, KernelCCA, LinearCCA
from skdcca.encoders import MLP, MelCNN, SequenceEncoder
from skdcca.metrics import mrr_scorer

from _common.texts import TEXTS, text_transformer

END_TO_END = ("aligned", "frozen", "shuffled", "joint")
SMALL = {"x_encoder": MLP((256,), input_noise=0.1), "y_encoder": MLP((256,)), "max_epochs": 40}
SMALL |= {"validation_fraction": 0, "batch_size": 128, "random_state": 0}
MODELS = {
    "linear": (
        LinearCCA(),
        [
            {"n_components": [5, 10], "reg": [0.3, 3.0], "similarity": ["likelihood"]},
            {"n_components": [10, 30, 100], "reg": [0.3, 3.0], "similarity": ["cosine"]},
        ],
    ),
    "kernel": (
        KernelCCA(gamma="scale", random_state=0, n_landmarks=500),
        [
            {"n_components": [5], "reg": [3e-4, 3e-3], "similarity": ["likelihood"]},
            {"n_components": [30, 100], "reg": [3e-4, 3e-3], "similarity": ["cosine"]},
        ],
    ),
    "weighted kernel": (
        KernelCCA(gamma="scale", random_state=0, n_landmarks=500, similarity="weighted"),
        [{"n_components": [30], "reg": [3e-4, 3e-3]}],
    ),
    "deep": (DeepCCA(30, **SMALL), [{"loss": ["ey", "infonce"]}]),
}
OVER_TIME = SequenceEncoder(
    128, n_layers=2, kernel_size=5, pool_size=4, head="steps", n_steps=20, dropout=0.2
)
ALIGNED = DeepCCA(
    160,
    loss="infonce",
    x_encoder=OVER_TIME,
    y_encoder=clone(OVER_TIME).set_params(pool_size=2),
    lr=2e-3,
    weight_decay=0.1,
    batch_size=64,
    max_epochs=20,
    validation_fraction=0,
    random_state=0,
)
JOINT = clone(ALIGNED).set_params(
    n_components=30, x_encoder=MelCNN(16, head="gru"), y_encoder=MLP((256,)), lr=1e-3
)


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
            while len(self.kept) > 8:
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


class FrozenSequence(SequenceEncoder):
    """Sequence encoder with random, untrained convolutions; only the output map is trained."""

    def build(self, shape, n_outputs):
        """Build the network for sequences of this shape."""
        network = super().build(shape, n_outputs)
        network.requires_grad_(False)
        network[-2].requires_grad_(True)
        return network


def system(model, name):
    """Return the correlation model and its grid (None for networks trained end to end)."""
    if model in MODELS:
        cca, grid = MODELS[model]
        if "kernel" in model and name == "windows":  # too many rows for the exact one
            cca = clone(cca).set_params(approximation="nystroem")
        return cca, grid
    if model == "joint":
        return JOINT, None
    if model == "frozen":
        return clone(ALIGNED).set_params(x_encoder=FrozenSequence(**OVER_TIME.get_params())), None
    return ALIGNED, None


def searched_model(cell, name, n_songs, inner, n_jobs):
    """Return the grid search of a cell, or the model itself if there is no grid."""
    cca, grid = system(cell["model"], name)
    y_side = text_transformer(cell["text"], name)
    if cell["text"] in TEXTS:
        y_side = make_pipeline(Once(y_side), StandardScaler())
    cca = clone(cca).set_params(y_transformer=y_side)
    if cell["model"] == "shuffled":
        return make_pipeline(FunctionTransformer(in_random_order), cca)
    if grid is None:
        return cca
    model = Pipeline([("scale", StandardScaler()), ("cca", cca)])
    grid = [searched(part, y_size(cell["text"]), n_songs) for part in grid]
    return GridSearchCV(model, grid, scoring=mrr_scorer, cv=inner, n_jobs=n_jobs)


def y_size(text):
    """Return the minimum number of columns of a text view."""
    return {"form": 21, "20 of tf-idf + form": 41}.get(text, 100)


def searched(grid, n_columns, n_songs):
    """Return the grid of the step, with the components that columns and inner rows allow."""
    if "n_components" in grid:
        few = [k for k in grid["n_components"] if k <= n_columns and k < n_songs / 3]
        grid = grid | {"n_components": few}
    return {f"cca__{key}": values for key, values in grid.items()}


def in_random_order(spectrograms):
    """Permute the frames of every song, each differently."""
    rng = np.random.default_rng(0)
    return np.stack([song[:, rng.permutation(song.shape[1])] for song in spectrograms])
