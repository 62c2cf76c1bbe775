"""Views, models and axes for the tests of displays."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

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


def quick_axes():
    """Return axes of a figure without a layout, which are drawn in half the time."""
    return Figure().subplots()


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


def intervals_of(model, width=0.3):
    """Return intervals around all loadings of a linear model, as from a bootstrap."""
    result = Bunch(feature_names_x=None, feature_names_y=None)
    for view in "xy":
        loadings = getattr(model, f"{view}_loadings_")
        for name, values in {
            f"{view}_loadings": loadings,
            f"{view}_cross_loadings": loadings * model.canonical_correlations_,
        }.items():
            result |= {name: values, f"{name}_low": values - width, f"{name}_high": values + width}
    return Bunch(**result)


def boxes(texts):
    """Return the edges of texts in pixels, of shape (n_texts, 4)."""
    return np.array([text.get_window_extent().extents for text in texts])


def overlaps(boxes):
    """Return the pairs of boxes that cover each other."""
    lower, upper = boxes[:, None, :2], boxes[:, None, 2:]
    covers = ((lower < boxes[:, 2:]) & (upper > boxes[:, :2])).all(axis=2)
    return np.argwhere(np.triu(covers, 1)).tolist()
