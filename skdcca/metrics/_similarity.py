"""Scores of pairs of rows, and the correlations of canonical variates."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_array

from skdcca._utils.validation import check_number

# Correlations are clipped to this in the likelihood: closer to 1, equal rows would no longer tie.
MOST = 0.9999


def similarity(
    zx: ArrayLike,
    zy: ArrayLike,
    correlations: ArrayLike | None = None,
    power: float | None = None,
) -> NDArray[np.float64]:
    """Score every row of one embedding with every row of the other.

    The score is the cosine by default, the cosine of weighted variates with `correlations` and `power`,
    and a log-likelihood ratio with `correlations` alone.

    Parameters
    ----------
    zx : array-like of shape (n_queries, n_components)
        One embedding.
    zy : array-like of shape (n_gallery, n_components)
        The other.
    correlations : array-like of shape (n_components,), default=None
        Correlation of each pair of canonical variates. None: the score is the cosine.
    power : float, default=None
        Variates are scaled by ``correlations ** power`` before the cosine is taken, so that reliable
        components count more [1]_. None: with `correlations`, the score is the log-likelihood ratio of
        a matching pair over a random pair, see Notes.

    Returns
    -------
    scores : ndarray of shape (n_queries, n_gallery)
        Cosines, 0 for a row of zeros, rounded to 10 decimals; or log-likelihood ratios in nats, rounded
        to 8. With the rounding, equal rows tie in whatever order the products were summed.

    Notes
    -----
    Probabilistic canonical correlation analysis [2]_ models the variates ``x``, ``y`` of a matching
    pair as standard normal with correlation ``r``, and those of a random pair as independent. The log
    of the ratio of both densities is the sum over the components of
    ``(r x y - r**2 (x**2 + y**2) / 2) / (1 - r**2) - log(1 - r**2) / 2``. Unlike the cosine it is
    sensitive to the magnitude of variates: a long song and a very long one point in the same direction.
    Negative correlations count as 0, in the weights too, and correlations above 0.9999 count as 0.9999
    in the likelihood. For a model with a ridge the densities are those of its covariances with the ridge
    added, so the scores order the pairs but are not calibrated odds.

    References
    ----------
    .. [1] Y. Gong, Q. Ke, M. Isard and S. Lazebnik, "A multi-view embedding space for modeling internet
       images, tags, and their semantics", International Journal of Computer Vision 106 (2014).
    .. [2] F. R. Bach and M. I. Jordan, "A probabilistic interpretation of canonical correlation
       analysis", Technical Report 688, University of California, Berkeley, 2005.

    Examples
    --------
    >>> from skdcca.metrics import similarity
    >>> similarity([[1.0, 0.0]], [[2.0, 0.0], [0.0, 3.0]])
    array([[1., 0.]])
    >>> similarity([[1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], correlations=[0.9, 0.3], power=4).round(2)
    array([[1.  , 0.01]])
    >>> similarity([[1.0]], [[1.0], [2.0], [-1.0]], correlations=[0.8]).round(1)
    array([[ 1. ,  0.5, -3.5]])
    """
    x = check_array(zx, dtype=np.float64, input_name="zx")
    y = check_array(zy, dtype=np.float64, input_name="zy")
    x_rows = scoring_rows(x, "x", correlations, power)
    y_rows = scoring_rows(y, "y", correlations, power)
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"zx and zy must have the same number of components, got {x.shape[1]} and {y.shape[1]}. "
            "Pass both views of one model."
        )
    scores = (x_rows @ y_rows.T).round(score_decimals(correlations, power))
    if not np.isfinite(scores).all():
        raise ValueError("the scores overflow, because variates are too large. Scale the views.")
    return scores


def scoring_rows(z, view, correlations=None, power=None):
    """Return rows whose products with those of the other view are the scores of `similarity`.

    A search for the greatest products then searches by these scores.
    """
    if correlations is None:
        if power is not None:
            raise ValueError(
                f"`power` needs `correlations`, got power={power!r} alone. Pass the canonical "
                "correlations of the variates."
            )
        return normalize(z)
    r = check_array(correlations, dtype=np.float64, ensure_2d=False, input_name="correlations")
    if z.shape[1:] != r.shape:
        raise ValueError(
            f"`correlations` must have one value for each component of z{view}, got shape {r.shape} for "
            f"{z.shape[1]} components."
        )
    if power is not None:
        check_number("power", power, ge=0)
        return normalize(z * np.clip(r, 0.0, None) ** power)
    return _likelihood_rows(z, view, np.clip(r, 0.0, MOST))


def _likelihood_rows(z, view, r):
    """Return rows whose products are log-likelihood ratios: variates, then a term for each view."""
    variance = 1 - r**2
    own_term = -(z**2) @ (r**2 / variance / 2) - np.log(variance).sum() / 4
    ones = np.ones_like(own_term)
    if view == "x":
        return np.column_stack([z * (r / variance), own_term, ones])
    return np.column_stack([z, ones, own_term])


def score_decimals(correlations=None, power=None):
    """Return the number of decimals that `similarity` rounds to."""
    is_likelihood = correlations is not None and power is None
    return 8 if is_likelihood else 10


def variate_correlations(
    zx: ArrayLike, zy: ArrayLike, sample_weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the correlation of each pair of canonical variates, component by component.

    Parameters
    ----------
    zx, zy : array-like of shape (n_samples, n_components)
        Variates of the two views, at least two rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.

    Returns
    -------
    correlations : ndarray of shape (n_components,)
        Pearson correlations; 0 for a component that is constant in one of the views.

    Examples
    --------
    >>> from skdcca.metrics import variate_correlations
    >>> variate_correlations([[1, 5], [2, 5], [3, 5]], [[2, 1], [4, 2], [6, 3]])
    array([1., 0.])
    """
    x = check_array(zx, dtype=np.float64, ensure_min_samples=2, input_name="zx")
    y = check_array(zy, dtype=np.float64, ensure_min_samples=2, input_name="zy")
    if x.shape != y.shape:
        raise ValueError(f"zx and zy must have the same shape, got {x.shape} and {y.shape}.")
    weight = _check_weight(sample_weight, len(x))
    x, y = standardize(x, weight), standardize(y, weight)
    return np.clip(weight @ (x * y), -1.0, 1.0)


def _check_weight(sample_weight, n):
    """Return weights whose sum is 1."""
    if sample_weight is None:
        return np.full(n, 1.0 / n)
    weight = check_array(
        sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight"
    )
    if weight.shape != (n,) or weight.min() < 0 or weight.sum() <= 0:
        raise ValueError(
            f"`sample_weight` must have shape ({n},), no negative value and a sum > 0, got shape "
            f"{weight.shape}, minimum {weight.min()} and sum {weight.sum()}."
        )
    return weight / weight.sum()


def standardize(z, weight):
    """Return columns with mean 0 and variance 1; constant ones become 0. The weights sum to 1."""
    mean = weight @ z
    centered = np.where(weight[:, None] > 0, z - mean, 0.0)
    peak = np.abs(centered).max(axis=0)
    # The rounding error of a constant column must not become a correlation.
    constant = peak <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    centered = centered / np.where(constant, 1.0, peak)  # its squares cannot overflow or vanish
    deviation = np.sqrt(weight @ centered**2)
    return np.where(constant, 0.0, centered / np.where(constant, 1.0, deviation))
