"""Measure the similarity of representations by their canonical correlations."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from skdcca._cca import decomposed
from skdcca._utils.validation import check_number
from skdcca._utils.warnings import warn
from skdcca.exceptions import FewSamplesWarning
from skdcca.representation._checks import check_representations

# With fewer rows per direction than this, similarities are far from 0 by chance.
_LEAST_ROWS = 10
# Nodes of the quadrature; the integrand is smooth in the angle.
_N_NODES = 400


def svcca(X: ArrayLike, Y: ArrayLike, *, variance: float = 0.99) -> float:
    r"""Return the singular vector CCA similarity of two representations.

    Each representation is reduced to the principal components that hold most of its variance. The
    similarity is the mean canonical correlation of the reduced representations [1]_.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features_x)
        First representation, such as the activations of a layer: one row for each sample.
    Y : array-like of shape (n_samples, n_features_y)
        Second representation of the same samples.
    variance : float, default=0.99
        Fraction of the variance of each representation to keep, in (0, 1]. The fewest principal
        components are kept that hold at least this fraction. With 1, all of them are kept, and the
        similarity is the mean canonical correlation of X and Y.

    Returns
    -------
    similarity : float
        Mean canonical correlation, in [0, 1].

    Raises
    ------
    ValueError
        If a representation does not have two dimensions, contains NaN or infinity, or has equal rows
        only; if both have different numbers of rows, or fewer than two; or if `variance` is not in
        (0, 1].

    Warns
    -----
    FewSamplesWarning
        If there are fewer than 10 rows for each component that is kept of the larger representation.
        The message states the similarity of unrelated representations of this size.

    See Also
    --------
    pwcca : Weighted mean of the canonical correlations.
    cka : Similarity that also works with more features than samples.
    skdcca.canonical_correlation_test : Test whether two representations are related at all.

    Notes
    -----
    With :math:`m_x` and :math:`m_y` components, there are :math:`\min(m_x, m_y)` canonical
    correlations :math:`\rho_i`, and the similarity is

    .. math:: \frac{1}{\min(m_x, m_y)} \sum_i \rho_i,

    as in the paper: a representation that is contained in a larger one has a similarity of 1 to it.

    The similarity is symmetric, and does not change if a representation is shifted, rotated or
    multiplied by a number. With ``variance=1``, it does not change with any invertible linear map.
    Constant columns have no effect.

    The code of the paper expects one column for each sample; here samples are rows.

    References
    ----------
    .. [1] M. Raghu, J. Gilmer, J. Yosinski and J. Sohl-Dickstein, "SVCCA: singular vector canonical
       correlation analysis for deep learning dynamics and interpretability", Advances in Neural
       Information Processing Systems 30 (2017).

    Examples
    --------
    Two representations share three of four directions:

    >>> import numpy as np
    >>> from skdcca.representation import svcca
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.normal(size=(2000, 3))
    >>> X = np.hstack([shared, rng.normal(size=(2000, 1))]) @ rng.normal(size=(4, 4))
    >>> Y = np.hstack([shared, rng.normal(size=(2000, 1))]) @ rng.normal(size=(4, 4))
    >>> round(svcca(X, Y, variance=1), 2)
    0.76
    """
    check_number("variance", variance, gt=0, le=1)
    X, Y = _checked(X, Y)
    # If nothing is truncated, scales do not matter, and standardized columns are more precise.
    x_view = decomposed(_narrow(X), "X", standardize=variance == 1)
    y_view = decomposed(_narrow(Y), "Y", standardize=variance == 1)
    x_left = x_view.left[:, : _n_kept(x_view, variance)]
    y_left = y_view.left[:, : _n_kept(y_view, variance)]
    _warn_few_samples("svcca", x_left, y_left)
    correlations = linalg.svdvals(x_left.T @ y_left)
    return float(np.clip(correlations, 0.0, 1.0).mean())


def pwcca(X: ArrayLike, Y: ArrayLike) -> float:
    r"""Return the projection-weighted CCA similarity of two representations.

    The similarity is a weighted mean of the canonical correlations. The weight of a component is the
    amount of one representation that its variate accounts for [1]_.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features_x)
        First representation, such as the activations of a layer: one row for each sample.
    Y : array-like of shape (n_samples, n_features_y)
        Second representation of the same samples.

    Returns
    -------
    similarity : float
        Weighted mean of the canonical correlations, in [0, 1].

    Raises
    ------
    ValueError
        If a representation does not have two dimensions, contains NaN or infinity, or has equal rows
        only; or if both have different numbers of rows, or fewer than two.

    Warns
    -----
    FewSamplesWarning
        If there are fewer than 10 rows for each direction of the larger representation. The message
        states the similarity of unrelated representations of this size.

    See Also
    --------
    svcca : Plain mean of the canonical correlations, after truncation.
    cka : Similarity that also works with more features than samples.
    skdcca.canonical_correlation_test : Test whether two representations are related at all.

    Notes
    -----
    The weights belong to the representation of lower rank, and to X if the ranks are equal. Let
    :math:`h_i` be its canonical variates, with unit norm, and :math:`z_j` its centered columns. The
    similarity is

    .. math:: \frac{\sum_i \alpha_i \rho_i}{\sum_i \alpha_i}, \qquad
       \alpha_i = \sum_j |\langle h_i, z_j \rangle|.

    It is symmetric if the ranks differ. If they are equal, ``pwcca(X, Y)`` and ``pwcca(Y, X)`` have
    different weights and usually differ a little.

    The similarity does not change if a representation is shifted or multiplied by a number, if columns
    are reordered, or with an invertible linear map of the representation that does not have the
    weights. A rotation of the representation that has the weights changes it, because the weights
    are sums of absolute values over columns.

    Compared with the code of the paper, columns are centered before they are projected, no mean is
    added to the variates, and the second representation may be the smaller one, which raises an error
    there. The paper reports the distance, 1 minus the similarity.

    References
    ----------
    .. [1] A. S. Morcos, M. Raghu and S. Bengio, "Insights on representational similarity in neural
       networks with canonical correlation", Advances in Neural Information Processing Systems 31
       (2018).

    Examples
    --------
    Both representations share two strong directions. The other eight are weak noise, which lowers a
    plain mean more than a weighted one:

    >>> import numpy as np
    >>> from skdcca.representation import pwcca, svcca
    >>> rng = np.random.default_rng(0)
    >>> shared = 10 * rng.normal(size=(2000, 2)) @ rng.normal(size=(2, 10))
    >>> X = shared + rng.normal(size=(2000, 10))
    >>> Y = shared + rng.normal(size=(2000, 10))
    >>> round(svcca(X, Y, variance=1), 2), round(pwcca(X, Y), 2)
    (0.24, 0.88)
    """
    X, Y = _checked(X, Y)
    x_view, y_view = decomposed(X, "X"), decomposed(Y, "Y")
    _warn_few_samples("pwcca", x_view.left, y_view.left)
    cross = x_view.left.T @ y_view.left
    x_turn, correlations, y_turn = linalg.svd(cross, full_matrices=False, overwrite_a=True)
    if x_view.rank <= y_view.rank:
        weights = _projection_weights(x_view, x_turn)
    else:
        weights = _projection_weights(y_view, y_turn.T)
    return float(np.average(np.clip(correlations, 0.0, 1.0), weights=weights))


def _checked(X, Y):
    # Single precision is kept, because it determines which directions are rounding errors.
    return check_representations(X, Y, least=2, dtype=[np.float64, np.float32])


def _narrow(view):
    """Return a view with the same products of centered rows and at most as many columns as rows.

    For wide views this is faster than their singular value decomposition.
    """
    if view.shape[1] <= len(view):
        return view
    view = view - view.mean(axis=0, dtype=np.float64)
    return np.linalg.qr(view.T, mode="r").T


def _n_kept(view, variance):
    """Return the least number of directions that hold this fraction of the variance."""
    if variance == 1:  # the least directions may vanish in the sum
        return view.rank
    held = np.cumsum(view.variation**2)
    return min(view.rank, int(np.searchsorted(held, variance * held[-1])) + 1)


def _projection_weights(view, turn):
    """Return the sum of the absolute projections of the columns on each variate."""
    columns = view.variation[:, None] * view.right.T * view.scale
    return np.abs(turn.T @ columns).sum(axis=1)


def _warn_few_samples(measure, x_left, y_left):
    """Warn if the similarity of unrelated representations would be far from 0."""
    (n, p), q = x_left.shape, y_left.shape[1]
    if n >= _LEAST_ROWS * max(p, q):
        return
    warn(
        f"{measure} compares {p} and {q} directions on n_samples = {n} rows, on which unrelated "
        f"representations have a similarity of about {chance_similarity(n, p, q):.2f}. Pass at least "
        f"{_LEAST_ROWS * max(p, q)} rows, or use debiased cka.",
        FewSamplesWarning,
    )


def chance_similarity(n, p, q):
    """Return the mean canonical correlation of unrelated views with `n` rows and ranks `p` and `q`.

    This is the mean of the limiting distribution of Wachter (1980), which is accurate for small views
    as well.
    """
    few, many = min(p, q) / (n - 1), max(p, q) / (n - 1)
    if many >= 1:
        return 1.0
    at_one = max(0.0, few + many - 1) / few
    first, second = np.sqrt(few * (1 - many)), np.sqrt(many * (1 - few))
    low, high = (first - second) ** 2, (first + second) ** 2
    # Substituting the angle removes the square roots at both ends of the density.
    angles = (np.arange(_N_NODES) + 0.5) * np.pi / _N_NODES
    half = (high - low) / 2
    squares = (high + low) / 2 + half * np.cos(angles)
    density = (half * np.sin(angles)) ** 2 / (2 * few * squares * (1 - squares))
    return float(at_one + np.mean(density * np.sqrt(squares)))
