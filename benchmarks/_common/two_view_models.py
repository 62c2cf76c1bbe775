"""Models of two views, from skdcca and other packages, behind one interface."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.cross_decomposition import CCA, PLSCanonical

from skdcca import DeepCCA, KernelCCA, LinearCCA
from skdcca.encoders import MLP

from _common.peers import INSTALLED, Peer

RIDGES = (0.01, 0.1, 1.0, 10.0)  # in units of the variance of a column
KERNELS = [(ridge, width) for ridge in (0.001, 0.01, 0.1) for width in (0.3, 1.0, 3.0)]


class FitError(Exception):
    """A model has not been fitted, or its variates are not numbers."""


class Model(NamedTuple):
    """Model of a package, and the candidates of its search.

    Attributes
    ----------
    package : str
        Package that has it.
    make : callable or str
        Function of the number of components; for cca-zoo the name in the peer script.
    candidates : callable
        Function of both numbers of columns that returns a list of parameters; None if there is
        nothing to search.
    most_rows : int or None
        Size of the largest set on which the default is fitted.
    searched : tuple of int
        Sizes of the smallest and of the largest set on which candidates are compared.
    rows_seen : int or None
        Number of training rows that candidates are compared on; all rows if None.
    has_defaults : bool
        Whether the model can be made from a number of components alone.
    """

    package: str
    make: Callable | str
    candidates: Callable | None = None
    most_rows: int | None = None
    searched: tuple[int, int] = (0, 10**9)
    rows_seen: int | None = None
    has_defaults: bool = True


def ridges(p, q):
    return [{"reg": ridge} for ridge in RIDGES]


def shrinkages(p, q):
    return [{"shrinkage": ridge / (1 + ridge)} for ridge in RIDGES]


def kernels(p, q):
    return [{"reg": ridge, "gamma": w / p, "y_gamma": w / q} for ridge, w in KERNELS]


def kernels_of_peer(p, q):
    fixed = {"kernel": "rbf"}
    return [{**fixed, "shrinkage": ridge, "gamma": [w / p, w / q]} for ridge, w in KERNELS]


def networks(p, q):
    small = {"x_encoder": MLP((64,)), "y_encoder": MLP((64,))}
    return [{}, {"batch_size": 64}, small]


def networks_of_peer(p, q):
    sizes = [(1024, 1e-3), (64, 1e-3), (64, 1e-2)]
    return [{"n_units": n_units, "learning_rate": rate} for n_units, rate in sizes]


def deep_cca(n_components):
    return DeepCCA(n_components, random_state=0)


# Other sizes would take hours: networks train for seconds, and small sets have many folds.
MODELS = {
    "LinearCCA": Model("skdcca", LinearCCA, ridges),
    "KernelCCA": Model("skdcca", KernelCCA, kernels, searched=(0, 2000), rows_seen=1000),
    "DeepCCA": Model("skdcca", deep_cca, networks, searched=(100, 600)),
    "CCA": Model("scikit-learn", CCA, most_rows=2000),
    "PLSCanonical": Model("scikit-learn", PLSCanonical),
    "cca-zoo CCA": Model("cca-zoo", "CCA", shrinkages),
    "cca-zoo KCCA": Model("cca-zoo", "KCCA", kernels_of_peer, 2000, (0, 2000), 1000),
    "cca-zoo DCCA": Model("cca-zoo", "DCCA", networks_of_peer, 0, (100, 600), has_defaults=False),
}


def open_fits(model, views):
    """Return a context manager whose value fits the model to rows of these views."""
    if model.package == "cca-zoo":
        return PeerFits(model, views)
    return LocalFits(model, views)


class LocalFits:
    """Fits of a model in this process."""

    def __init__(self, model, views):
        self._model, self._views = model, views

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def variates(self, parameters, train, test):
        """Return the variates of the test rows by a fit to the training rows."""
        X, y = self._views.X, self._views.y
        model = self._model.make(self._views.n_components).set_params(**parameters)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of ranks, or that it has not converged
                return model.fit(X[train], y[train]).transform(X[test], y[test])
        except Exception as error:
            raise FitError(f"{type(error).__name__}: {error}") from error


class PeerFits:
    """Fits of a model of cca-zoo in its own environment."""

    def __init__(self, model, views, limit=600):
        self._model, self._views, self._limit = model, views, limit

    def __enter__(self):
        views = {"x": self._views.X, "y": self._views.y}
        self._peer = Peer(INSTALLED["cca-zoo"], "first_answer", limit=self._limit, **views)
        return self

    def __exit__(self, *error):
        self._peer.close()

    def variates(self, parameters, train, test):
        """Return the variates of the test rows by a fit to the training rows."""
        request = {"model": self._model.make, "n_components": self._views.n_components}
        request |= {"parameters": parameters, "train": train.tolist(), "test": test.tolist()}
        answer = self._peer.ask(json.dumps(request))
        if not np.isfinite(answer):
            raise FitError("error" if np.isnan(answer) else f"over {self._limit} s")
        with np.load(Path(self._peer.scratch.name) / "variates.npz") as variates:
            return variates["zx"], variates["zy"]
