"""Compute similarity scores and correlations of variates."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.preprocessing import normalize
from sklearn.utils.sparsefuncs import mean_variance_axis
from sklearn.utils.validation import check_array

from skdcca._utils.validation import check_number, is_plain

# The likelihood clips correlations at this limit; closer to 1, rounding would break ties of equal
# rows.
MOST = 0.9999


def similarity(
    zx: ArrayLike,
    zy: ArrayLike,
    correlations: ArrayLike | None = None,
    power: float | None = None,
    *,
    deviations: tuple[ArrayLike, ArrayLike] | None = None,
    product: bool = False,
) -> NDArray[np.float64]:
    r"""Return the similarity of every row of `zx` to every row of `zy`.

    There are four scores:

    - the cosine, without `correlations`;
    - the cosine of weighted variates, with `correlations` and `power`;
    - the log-likelihood ratio of a matching pair over a random pair, with `correlations` alone;
    - the inner product of the rows as they are, with `product`, for models such as `ScoreFusion`
      whose rows are scaled already.

    Parameters
    ----------
    zx : array-like of shape (n_queries, n_components)
        Variates of the first view.
    zy : array-like of shape (n_gallery, n_components)
        Variates of the second view.
    correlations : array-like of shape (n_components,), default=None
        Correlation of each pair of variates, such as ``canonical_correlations_`` of a model. Negative
        values count as 0. If None, the similarity is the cosine.
    power : float, default=None
        Exponent, >= 0, of the weights ``correlations ** power`` by which variates are scaled before
        the cosine is computed, so that reliable components count more [1]_. Try 2 first, and 4 with
        many components and many rows. Requires `correlations`. If None and `correlations` are
        given, the score is the log-likelihood ratio.
    deviations : pair of array-like of shape (n_components,), default=None
        Standard deviations of the variates of both views on rows that the model has not seen, by which
        the variates are divided first. The correlations should then be those of the same rows. If None,
        they are 1, as on the training rows. Requires `correlations`.
    product : bool, default=False
        If True, the score is the inner product of the rows. `correlations` and `power` must be None.

    Returns
    -------
    scores : ndarray of shape (n_queries, n_gallery)
        Cosines in [-1, 1], rounded to 10 decimals, or inner products and log-likelihood ratios in
        nats, rounded to 8 decimals. The cosine of a row of zeros is 0. Because of the rounding, equal
        rows are always tied.

    Raises
    ------
    ValueError
        If shapes do not match, if `power` is negative, if `power` or `deviations` are given without
        `correlations`, if `product` is combined with any of them, if variates contain NaN or infinity,
        or if the scores overflow.

    Notes
    -----
    Probabilistic CCA [2]_ models the variates x and y of a matching pair as standard normal with
    correlation r, and the variates of a random pair as independent. The log-likelihood ratio is the
    sum over the components of

    .. math:: \frac{r x y - \frac{1}{2} r^2 (x^2 + y^2)}{1 - r^2} - \frac{1}{2} \log(1 - r^2),

    where correlations above 0.9999 count as 0.9999. Unlike the cosine, it is sensitive to magnitude: it
    distinguishes a long song from a very long one, whose variates point in the same direction. For a
    model with a ridge, the scores rank the pairs but are not calibrated odds.

    References
    ----------
    .. [1] Y. Gong, Q. Ke, M. Isard and S. Lazebnik, "A multi-view embedding space for modeling internet
       images, tags, and their semantics", International Journal of Computer Vision 106 (2014).
    .. [2] F. R. Bach and M. I. Jordan, "A probabilistic interpretation of canonical correlation
       analysis", Technical Report 688, University of California, Berkeley, 2005.

    Examples
    --------
    The cosine depends only on the direction of the variates:

    >>> from skdcca.metrics import similarity
    >>> similarity([[1.0, 0.0]], [[2.0, 0.0], [0.0, 3.0]])
    array([[1., 0.]])

    With weights, the first component counts more than the second:

    >>> similarity([[1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], correlations=[0.9, 0.3], power=4).round(2)
    array([[1.  , 0.01]])

    The log-likelihood ratio prefers variates of equal magnitude:

    >>> similarity([[1.0]], [[1.0], [2.0], [-1.0]], correlations=[0.8]).round(1)
    array([[ 1. ,  0.5, -3.5]])
    """
    x = check_array(zx, dtype=np.float64, input_name="zx")
    y = check_array(zy, dtype=np.float64, input_name="zy")
    how = {"correlations": correlations, "power": power}
    how |= {"deviations": deviations, "product": product}
    x_rows, y_rows = scoring_rows(x, "x", **how), scoring_rows(y, "y", **how)
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"zx and zy must have the same number of components, got {x.shape[1]} and {y.shape[1]}. "
            "Pass both views of one model."
        )
    scores = (x_rows @ y_rows.T).round(score_decimals(correlations, power, product))
    if not np.isfinite(scores).all():
        raise ValueError(
            "The scores overflow, because the variates are too large. Scale the views."
        )
    return scores


def scoring_rows(z, view, correlations=None, power=None, deviations=None, product=False):
    """Return rows whose inner products with the rows of the other view are the similarity scores.

    A search for the largest inner products then finds the highest scores of `similarity`.
    """
    if product:
        if any(value is not None for value in (correlations, power, deviations)):
            raise ValueError(
                "`product` must be False with `correlations`, `power` or `deviations`, got True. Pass "
                "one of them."
            )
        return z
    if correlations is None:
        if power is not None or deviations is not None:
            name = "deviations" if power is None else f"power={power!r}"
            raise ValueError(
                f"`correlations` must be given with {name}, got None. Pass the canonical correlations "
                "of the variates."
            )
        return normalize(z)
    r = check_array(correlations, dtype=np.float64, ensure_2d=False, input_name="correlations")
    if z.shape[1:] != r.shape:
        raise ValueError(
            f"`correlations` must have one value for each component of z{view}, got shape {r.shape} for "
            f"{z.shape[1]} components."
        )
    if deviations is not None:
        z = with_unit_variance(z, view, deviations)
    if power is not None:
        check_number("power", power, ge=0)
        return normalize(z * np.clip(r, 0.0, None) ** power)
    return _likelihood_rows(z, view, np.clip(r, 0.0, MOST))


def with_unit_variance(z, view, deviations):
    """Return variates divided by their deviations; a component without variance becomes 0."""
    shapes = [np.shape(of_view) for of_view in deviations]
    if shapes != [z.shape[1:]] * 2:
        raise ValueError(
            f"`deviations` must be a pair of arrays with one value for each of {z.shape[1]} "
            f"components, got shapes {shapes}."
        )
    deviation = np.asarray(deviations["xy".index(view)], dtype=np.float64)
    return np.divide(z, deviation, out=np.zeros(z.shape), where=deviation > 0)


def _likelihood_rows(z, view, r):
    """Return the scaled variates with two columns that add the terms of both views to a product."""
    variance = 1 - r**2
    own_term = -(z**2) @ (r**2 / variance / 2) - np.log(variance).sum() / 4
    ones = np.ones_like(own_term)
    if view == "x":
        return np.column_stack([z * (r / variance), own_term, ones])
    return np.column_stack([z, ones, own_term])


def score_decimals(correlations=None, power=None, deviations=None, product=False):
    """Return the number of decimals that `similarity` rounds to."""
    is_likelihood = correlations is not None and power is None
    return 8 if is_likelihood or product else 10


def variate_correlations(
    zx: ArrayLike, zy: ArrayLike, sample_weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the correlation of each pair of canonical variates, component by component.

    Parameters
    ----------
    zx, zy : array-like of shape (n_samples, n_components)
        Variates of the two views, with at least two rows. Row i of both is the same sample.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row, >= 0. If None, all rows have the same weight.

    Returns
    -------
    correlations : ndarray of shape (n_components,)
        Pearson correlations, in [-1, 1]; 0 for a component that is constant in a view.

    Raises
    ------
    ValueError
        If the shapes of the variates differ, if there are fewer than two rows, if variates contain NaN
        or infinity, or if weights are negative or sum to 0.

    Examples
    --------
    The second component is constant in the first view:

    >>> from skdcca.metrics import variate_correlations
    >>> variate_correlations([[1, 5], [2, 5], [3, 5]], [[2, 1], [4, 2], [6, 3]])
    array([1., 0.])
    """
    x, y = _at_least_two_rows(zx, "zx"), _at_least_two_rows(zy, "zy")
    if x.shape != y.shape:
        raise ValueError(f"zx and zy must have the same shape, got {x.shape} and {y.shape}.")
    weight = _check_weight(sample_weight, len(x))
    x, y = standardize(x, weight), standardize(y, weight)
    return np.clip(weight @ (x * y), -1.0, 1.0)


def _at_least_two_rows(variates, name):
    if is_plain(variates, min_rows=2):
        return variates.astype(np.float64, copy=False)
    return check_array(variates, dtype=np.float64, ensure_min_samples=2, input_name=name)


def _check_weight(sample_weight, n):
    """Return weights that sum to 1."""
    if sample_weight is None:
        return np.full(n, 1.0 / n)
    weight = check_array(
        sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight"
    )
    if weight.shape != (n,) or weight.min() < 0 or weight.sum() <= 0:
        raise ValueError(
            f"`sample_weight` must have shape ({n},), values >= 0 and a sum > 0, got shape "
            f"{weight.shape}, minimum {weight.min()} and sum {weight.sum()}."
        )
    return weight / weight.sum()


def standardize(z, weight):
    """Return columns with mean 0 and variance 1; constant columns become 0. The weights sum to 1."""
    mean = weight @ z
    centered = np.where(weight[:, None] > 0, z - mean, 0.0)
    peak = np.abs(centered).max(axis=0)
    # Otherwise, the rounding errors of a constant column would be standardized, too.
    constant = peak <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    centered = centered / np.where(constant, 1.0, peak)  # squares cannot overflow or vanish
    deviation = np.sqrt(weight @ centered**2)
    return np.where(constant, 0.0, centered / np.where(constant, 1.0, deviation))


def column_correlations(view, variates):
    """Return the correlations of the columns of a view with variates, and which columns vary.

    Constant columns and variates have correlations of 0.
    """
    n = view.shape[0]
    weight = np.full(n, 1 / n)
    variates = standardize(variates.astype(np.float64), weight)
    if issparse(view):
        correlations, varying = _sparse_correlations(view, variates)
    else:
        view = standardize(view.astype(np.float64), weight)
        correlations, varying = view.T @ variates / n, view.any(axis=0)
    return np.clip(correlations, -1.0, 1.0), varying


def _sparse_correlations(view, variates):
    """Return the correlations of sparse columns with standardized variates, and which vary."""
    mean, variance = mean_variance_axis(view.astype(np.float64), axis=0)
    deviation = np.sqrt(variance)
    varying = deviation > 2 * np.finfo(np.float64).eps * np.abs(mean)
    # The variates are centered, so the columns need not be.
    covariance = view.T @ variates / view.shape[0]
    return covariance / np.where(varying, deviation, np.inf)[:, None], varying
