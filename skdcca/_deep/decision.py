"""Decide between networks and the linear model by rows that neither has seen."""

from typing import NamedTuple

import numpy as np

from skdcca.metrics import standardize, variate_correlations

# One network must be better than the linear model by this many standard errors. Its epoch was chosen on
# the same held-out rows.
_ALONE = 2
# Joined networks are better than each of them, whose held-out rows are compared.
_JOINED = 1
_NAMES = {_ALONE: "two standard errors", _JOINED: "one standard error"}


class HeldOutVariates(NamedTuple):
    """Variates of held-out rows of all processes, at variance 1 in the training rows.

    Attributes
    ----------
    zx, zy : ndarray of shape (n_held_out, n_components)
        Variates of both views.
    rows : ndarray of int
        Positions of the rows among all rows.
    """

    zx: np.ndarray
    zy: np.ndarray
    rows: np.ndarray

    def correlations(self, weight=None):
        """Return the correlation of each pair of variates."""
        return variate_correlations(self.zx, self.zy, weight)

    def deviations(self, weight=None):
        """Return the standard deviations of the variates of both views."""
        return deviations(self.zx, weight), deviations(self.zy, weight)

    def influences(self, weight):
        """Return the sum of the correlations, and the influence of each row on it."""
        return influences(self.zx, self.zy, weight)


def compare(networks, linear, weight=None, groups=None, *, joined=False):
    """Compare networks and the linear model on the same held-out rows.

    Parameters
    ----------
    networks, linear : HeldOutVariates or SeveralHeldOut
        Variates of the same rows by both models.
    weight : ndarray of shape (n_held_out,), default=None
        Weights of the rows. If None, they are the same.
    groups : ndarray of shape (n_held_out,), default=None
        Numbers of the groups of the rows, which are the units of the standard error. If None, each
        row is a unit.
    joined : bool, default=False
        True if the variates are those of several networks, each for the rows that it held out.

    Returns
    -------
    decision : dict
        The entries of `DeepCCA.decision_`.
    """
    weight = np.ones(len(linear.rows)) if weight is None else weight
    weight = weight / weight.sum()
    found = [variates.influences(weight) for variates in (networks, linear)]
    (deep, of_deep), (plain, of_plain) = found
    error = _standard_error(of_deep - of_plain, weight, groups)
    limit = _JOINED if joined else _ALONE
    better = deep - plain > limit * error
    return {
        "model": "networks" if better else "linear",
        "reason": f"the difference is {'above' if better else 'at most'} {_NAMES[limit]}",
        "networks": deep,
        "linear": plain,
        "difference": deep - plain,
        "standard_error": error,
        "n_rows": len(weight),
    }


def deviations(z, weight=None):
    """Return the standard deviation of each column."""
    mean = np.average(z, axis=0, weights=weight)
    return np.sqrt(np.average((z - mean) ** 2, axis=0, weights=weight))


def influences(zx, zy, weight):
    """Return the sum of the correlations, and the influence of each row on it.

    The influence of a row with the standardized values u and v on their correlation r is
    ``u * v - r * (u**2 + v**2) / 2``. The weights of the rows sum to 1.
    """
    u, v = standardize(zx, weight), standardize(zy, weight)
    r = weight @ (u * v)
    return float(r.sum()), (u * v - r * (u**2 + v**2) / 2).sum(axis=1)


def _standard_error(influence, weight, groups):
    """Return the infinitesimal jackknife of the rows or groups, the limit of their bootstrap."""
    terms = weight * influence
    if groups is not None:
        terms = np.bincount(np.unique(groups, return_inverse=True)[1], weights=terms)
    n = len(terms)
    return float(np.sqrt(n / (n - 1) * np.sum(terms**2))) if n > 1 else np.inf
