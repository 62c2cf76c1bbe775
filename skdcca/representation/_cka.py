"""Measure the similarity of representations by centered kernel alignment."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import gen_batches

from skdcca._utils.validation import check_number, check_option
from skdcca.representation._checks import check_representations

# Products and kernels are computed in blocks of at most this many numbers (64 MB).
_NUMBERS = 2**23
# The median distance is that of at most this many rows.
_N_MEDIAN = 2000
_EPS = np.finfo(np.float64).eps


def cka(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    kernel: str = "linear",
    debiased: bool = True,
    bandwidth: float = 1.0,
) -> float:
    r"""Return the centered kernel alignment of two representations.

    CKA compares which samples are similar in one representation with which are similar in the other
    [1]_. Unlike measures based on canonical correlations, it gives directions of large variance more
    weight, and works with more features than samples.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features_x)
        First representation, such as the activations of a layer: one row for each sample.
    Y : array-like of shape (n_samples, n_features_y)
        Second representation of the same samples.
    kernel : {"linear", "rbf"}, default="linear"
        Similarity of two samples: the inner product of their centered rows, or a Gaussian function of
        their distance, which counts close neighbors only.
    debiased : bool, default=True
        If True, use the unbiased estimator of HSIC [2]_, which is near 0 for unrelated representations
        whatever their size. If False, use the biased one, which approaches 1 when features outnumber
        samples.
    bandwidth : float, default=1.0
        Standard deviation of the Gaussian kernel as a fraction of the median distance of two different
        samples, > 0. The paper [1]_ tries 0.2, 0.4 and 0.8. Ignored by the linear kernel.

    Returns
    -------
    similarity : float
        Centered kernel alignment, in [0, 1], or in [-1, 1] if it is debiased. Debiased values of
        unrelated representations scatter around 0 and are negative half of the time. They are not
        clipped, so that averages over several pairs remain near 0.

    Raises
    ------
    ValueError
        If a representation does not have two dimensions, contains NaN or infinity, or has equal rows
        only; if both have different numbers of rows, or fewer than two, or than four if debiased; if
        `kernel`, `debiased` or `bandwidth` are invalid; if half of the pairs of rows are equal, so that
        the median distance is 0; or if debiasing leaves no variation, because all rows except one are
        equal or all rows have the same distance.

    See Also
    --------
    svcca : Mean canonical correlation.
    pwcca : Weighted mean of the canonical correlations.
    skdcca.canonical_correlation_test : Test whether two representations are related at all.

    Notes
    -----
    With the kernel matrices K and L of both representations,

    .. math:: \operatorname{CKA} = \frac{\operatorname{HSIC}(K, L)}
       {\sqrt{\operatorname{HSIC}(K, K) \operatorname{HSIC}(L, L)}}.

    The unbiased estimator sets the diagonals of both matrices to 0 and uses, up to a factor,

    .. math:: \operatorname{HSIC}(K, L) = \operatorname{tr} K L + \frac{1^T K 1 \, 1^T L 1}
       {(n - 1)(n - 2)} - \frac{2}{n - 2} 1^T K L 1.

    The value of debiased CKA is also called the batch estimate [3]_, here with one batch of all rows.
    Its three terms are unbiased, and their ratio nearly so.

    CKA is symmetric, and does not change if a representation is shifted, rotated or multiplied by a
    number. It does change with other linear maps. Scale features of different units first.

    The linear kernel takes :math:`O(n p q)` operations for p and q features, or
    :math:`O(n^2 (p + q))` where that is less. The Gaussian kernel takes :math:`O(n^2 (p + q))`. Kernel
    matrices are computed in blocks of rows, and never held as a whole. With more than 2,000 rows, the
    median distance is that of 2,000 rows, drawn with a fixed seed.

    References
    ----------
    .. [1] S. Kornblith, M. Norouzi, H. Lee and G. Hinton, "Similarity of neural network representations
       revisited", International Conference on Machine Learning (2019).
    .. [2] L. Song, A. Smola, A. Gretton, J. Bedo and K. Borgwardt, "Feature selection via dependence
       maximization", Journal of Machine Learning Research 13 (2012).
    .. [3] T. Nguyen, M. Raghu and S. Kornblith, "Do wide and deep networks learn the same things?",
       International Conference on Learning Representations (2021).

    Examples
    --------
    A rotation changes nothing. Unrelated representations with more features than samples look similar
    without debiasing:

    >>> import numpy as np
    >>> from skdcca.representation import cka
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(2, 100, 300))
    >>> rotation, _ = np.linalg.qr(rng.normal(size=(300, 300)))
    >>> round(cka(X, X @ rotation), 4)
    1.0
    >>> abs(cka(X, Y)) < 0.02, round(cka(X, Y, debiased=False), 2)
    (True, 0.76)
    """
    check_option("kernel", kernel, ("linear", "rbf"))
    check_option("debiased", debiased, (True, False))
    check_number("bandwidth", bandwidth, gt=0)
    X, Y = check_representations(X, Y, least=4 if debiased else 2, dtype=np.float64)
    (X, x_rounding), (Y, y_rounding) = _centered(X), _centered(Y)
    if kernel == "linear":
        products, sums = _linear_sums(X, Y, debiased)
    else:
        products, sums = _rbf_sums(X, Y, _width("X", X, bandwidth), _width("Y", Y, bandwidth))
    xy, xx, yy = _hsic(products, sums, debiased)
    if debiased:
        _check_variation("X", xx, products[1] * x_rounding)
        _check_variation("Y", yy, products[2] * y_rounding)
    return float(np.clip(xy / (np.sqrt(xx) * np.sqrt(yy)), -1.0, 1.0))


def _centered(view):
    """Return a centered copy whose largest element is 1, and its relative rounding error.

    Because of the scaling, squares neither overflow nor vanish.
    """
    center = view.mean(axis=0)
    view = view - center
    varying = np.abs(view).max(axis=0) > 2 * _EPS * np.abs(center)
    view, largest = view[:, varying], np.abs(view).max()
    view /= largest
    offset = np.abs(center[varying]).max() / largest
    return view, len(view) * _EPS * (1 + offset)


def _hsic(products, sums, debiased):
    """Return HSIC of X and Y, of X alone and of Y alone, up to a common factor.

    `products` holds the sums of the products of both kernels over all pairs of samples, and `sums` the
    rows of the kernels, summed.
    """
    x_sums, y_sums = sums
    n = len(x_sums)
    along, total = (2 / (n - 2), 1 / ((n - 1) * (n - 2))) if debiased else (2 / n, 1 / n**2)
    pairs = (x_sums, y_sums), (x_sums, x_sums), (y_sums, y_sums)
    return [
        product - along * (a @ b) + total * a.sum() * b.sum()
        for product, (a, b) in zip(products, pairs, strict=True)
    ]


def _linear_sums(X, Y, debiased):
    """Return the products and row sums of linear kernels, without diagonals if debiased."""
    views = (X, Y), (X, X), (Y, Y)
    products = [_sum_of_products(a, b) for a, b in views]
    if not debiased:
        return products, np.zeros((2, len(X)))  # rows of a centered kernel sum to 0
    x_norms, y_norms = (np.einsum("ij,ij->i", view, view) for view in (X, Y))
    pairs = (x_norms, y_norms), (x_norms, x_norms), (y_norms, y_norms)
    products = [product - a @ b for product, (a, b) in zip(products, pairs, strict=True)]
    return products, (-x_norms, -y_norms)


def _sum_of_products(X, Y):
    """Return the sum of the products of two linear kernels, by features or by samples."""
    (n, p), q = X.shape, Y.shape[1]
    if p * q <= n * (p + q):
        blocks = gen_batches(p, max(1, _NUMBERS // q))
        return sum(linalg.norm(X[:, columns].T @ Y) ** 2 for columns in blocks)
    blocks = gen_batches(n, max(1, _NUMBERS // n))
    return sum(np.vdot(X[rows] @ X.T, Y[rows] @ Y.T) for rows in blocks)


def _rbf_sums(X, Y, x_width, y_width):
    """Return the products and row sums of Gaussian kernels minus 1.

    HSIC is the same with any constant subtracted. With 1, the diagonal is 0, and kernels with a large
    width do not lose digits.
    """
    n = len(X)
    products, sums = np.zeros(3), np.empty((2, n))
    for rows in gen_batches(n, max(1, _NUMBERS // n)):
        K, L = _rbf_rows(X, rows, x_width), _rbf_rows(Y, rows, y_width)
        products += [np.vdot(K, L), np.vdot(K, K), np.vdot(L, L)]
        sums[:, rows] = K.sum(axis=1), L.sum(axis=1)
    return products, sums


def _rbf_rows(view, rows, width):
    """Return rows of the Gaussian kernel minus 1."""
    kernel = euclidean_distances(view[rows], view, squared=True)
    kernel[np.arange(len(kernel)), np.arange(len(view))[rows]] = 0.0
    kernel /= -2 * width**2
    return np.expm1(kernel, out=kernel)


def _width(name, view, bandwidth):
    """Return the standard deviation of the Gaussian kernel."""
    if len(view) > _N_MEDIAN:
        rng = np.random.default_rng(0)
        view = view[rng.choice(len(view), _N_MEDIAN, replace=False)]
    distances = euclidean_distances(view)
    median = np.median(distances[np.triu_indices(len(view), 1)])
    if median <= np.sqrt(np.finfo(np.float64).eps) * distances.max():
        raise ValueError(
            f"`{name}` must have a median distance above 0 for kernel='rbf', but most of its rows are "
            "equal. Remove equal rows, or use kernel='linear'."
        )
    return bandwidth * median


def _check_variation(name, hsic, rounding):
    if hsic <= 10 * abs(rounding):
        raise ValueError(
            f"`{name}` must vary after debiasing, but all of its rows except one are equal, or all have "
            "the same distance. Pass other samples, or use debiased=False."
        )
