"""Views, models and axes for the tests of displays."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import DeepCCA, LinearCCA
from skdcca.encoders import MLP

matplotlib.use("Agg")


RNG = np.random.default_rng(0)
SHARED = RNG.normal(size=(160, 3))
X = np.hstack([SHARED + 0.7 * RNG.normal(size=(160, 3)), RNG.normal(size=(160, 2))])
Y = np.hstack([SHARED + 0.7 * RNG.normal(size=(160, 3)), RNG.normal(size=(160, 1))])
X_TRAIN, Y_TRAIN, X_TEST, Y_TEST = X[:100], Y[:100], X[100:], Y[100:]
SCORES = RNG.normal(size=(30, 30)) + 1.5 * np.eye(30)
HISTORY = [
    {"epoch": 1, "train_loss": 2.0, "train_correlation": 0.5, "valid_correlation": 0.4},
    {"epoch": 2, "train_loss": 1.0, "train_correlation": 1.0, "valid_correlation": 0.9},
    {"epoch": 3, "train_loss": 0.5, "train_correlation": 1.5, "valid_correlation": 0.9},
    {"epoch": 4, "train_loss": 0.4, "train_correlation": 1.8, "valid_correlation": 0.7},
]


def new_axes():
    """Return axes of a figure that pyplot does not manage."""
    return Figure(layout="constrained").subplots()


def small_deep(**params):
    """Return a DeepCCA that trains in a moment."""
    networks = {"x_encoder": MLP((8,)), "y_encoder": MLP((8,))}
    settings = {"fallback": None, "n_networks": 1, "loss": "ey", "batch_size": 256}
    settings |= {"max_epochs": 2, "random_state": 0}
    return DeepCCA(2, **networks, **settings | params)


def texts(ax):
    """Return the entries of the legend."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


def fitted_linear():
    """Return a model fitted on the training rows."""
    return LinearCCA(3).fit(X_TRAIN, Y_TRAIN)


def fitted_search():
    """Return the same model inside a Pipeline inside a search."""
    pipeline = make_pipeline(StandardScaler(), LinearCCA(3))
    return GridSearchCV(pipeline, {"linearcca__reg": [0.0]}, cv=2).fit(X_TRAIN, Y_TRAIN)
