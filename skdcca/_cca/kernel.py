"""Kernel canonical correlation analysis: exact, by landmarks, or by random Fourier features."""

from functools import partial

import numpy as np
from scipy import linalg
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils import check_random_state, gen_batches

from skdcca._cca.linear import check_reg, leading_svd, pad
from skdcca._cca.moments import PairMoments
from skdcca._utils.blocks import Blocks, as_blocks
from skdcca._utils.validation import check_integer, check_number, check_option, is_number
from skdcca._utils.warnings import warn
from skdcca.base import BaseCCA
from skdcca.exceptions import RankWarning

_KERNELS = ("linear", "rbf", "poly", "cosine", "precomputed")
# Rows of a block, and its numbers: of 32 MB.
_ROWS, _NUMBERS = 4096, 2**22


class KernelCCA(BaseCCA):
    """Kernel canonical correlation analysis, exact or approximated, with a ridge.

    Linear CCA of the images of both views in the feature spaces of their kernels, so that relations
    that are not linear are found. The views are *not* standardised: put a `StandardScaler` before
    (and in `y_transformer`) where columns have different units.

    Parameters
    ----------
    n_components : int, default=None
        Number of pairs of variates. None: as many as the data have, the smaller of the ranks of both
        centred kernels, which for most kernels is the number of rows less 1.
    kernel : {"linear", "rbf", "poly", "cosine", "precomputed"} or callable, default="rbf"
        Kernel of the first view. A callable takes two arrays, of shape (n, n_features) and
        (m, n_features), and gives their kernel of shape (n, m), as the functions of
        `sklearn.metrics.pairwise` and Gaussian process kernels do. "precomputed": X is the kernel,
        (n_samples, n_samples) in `fit` and (n_rows, n_samples) in `transform`.
    gamma : float or "scale", default="scale"
        Coefficient of "rbf" and "poly"; "scale" is ``1 / (n_features * X.var())``.
    degree : int, default=3
        Degree of "poly".
    coef0 : float, default=1
        Constant of "poly", from 0.
    y_kernel, y_gamma, y_degree, y_coef0 : default=None
        The same of the second view. None: as for the first; so if X is precomputed y is as well,
        unless `y_kernel` is given.
    reg : float or pair of float, default=0.1
        Ridge: `reg` times the total variance of the view in its feature space is added to its variance
        in every direction. A direction that holds the share `reg` of that variance is thus shrunk by
        half, at every sample size and in every unit. A pair sets ``(reg_x, reg_y)``. With 0 and a
        kernel of full rank all correlations are 1, and meaningless.
    approximation : {None, "nystroem", "rff"}, default=None
        None is exact, cubic in the number of rows. "nystroem" takes the kernel with `n_landmarks`
        training rows as features, "rff" `n_landmarks` random Fourier features, for "rbf" only. Both
        take time linear in the number of rows, and memory that does not grow with it.
    n_landmarks : int, default=300
        Number of landmarks, or of random features; all rows if there are fewer. Only for an
        approximation.
    similarity : {"weighted", "cosine", "likelihood"} or float, default="weighted"
        How `compare`, and with it every scorer of retrieval and every index, tells what belongs together
        (`skdcca.metrics.similarity`):

        - ``"weighted"``: by the cosine of the variates scaled by their squared correlations, which
          heeds those that can be relied on; a number is another power of the correlations, 4 where there
          are many components and rows;
        - ``"cosine"``: by the cosine of the variates as they are;
        - ``"likelihood"``: by how much likelier they are as a pair than apart. It heeds how large
          variates are, and serves few components, of which one is a length or another amount.
    random_state : int, RandomState instance or None, default=None
        Generator of the landmarks or random features.
    y_transformer : estimator, default=None
        Transformer of the second view (`Doc2VecLyrics`, say), fitted inside `fit`. None: y is numbers.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Canonical correlations of the training rows, descending. With a ridge they are the maxima of
        the regularised objective, which are smaller than the correlations of the training variates.
    x_coefs_ : ndarray of shape (n_rows, n_components_)
        Dual coefficients: ``kernel(X, x_rows_) @ x_coefs_ + x_intercept_`` are the variates. The rows
        are all training rows, or the landmarks; for "rff" they are the random features.
    y_coefs_ : ndarray of shape (n_rows, n_components_)
        Dual coefficients of the second view.
    x_intercept_, y_intercept_ : ndarray of shape (n_components_,)
        What centres the variates.
    x_rows_, y_rows_ : ndarray of shape (n_rows, n_features) or None
        The training rows with which the kernel of new ones is taken, less the mean of the view if the
        kernel is "linear": with ``approximation=None`` a fitted model keeps its training data. None for
        "rff" and "precomputed".
    x_gamma_, y_gamma_ : float or None
        Coefficient of the kernels; None of those that have none.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of columns of X.
    n_features_y_ : int
        Number of columns of y, after `y_transformer`.
    y_transformer_ : estimator or None
        The fitted transformer of the second view.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if X has names that are all strings.

    Warns
    -----
    UserWarning
        If `n_components` is more than the data have (few distinct rows, or a linear kernel of few
        columns): the components past the rank have correlation 0 and coefficients of 0.

    Notes
    -----
    Each centred kernel is decomposed into its eigenvectors, of which those that are not rounding are
    kept, and one singular value decomposition of the whitened cross product gives the correlations
    [1]_, [2]_: problems of n rows, never the eigenproblem of 2n. With the eigenvalues
    of ``Kc / (n - 1)``, which are the variances in feature space, the ridge is ``reg * trace(Kc) / (n -
    1)``. So ``KernelCCA(kernel="linear", reg=reg)`` on standardised columns is ``LinearCCA(reg=reg *
    p)`` of a view of p columns, whose mean variance is 1 and whose total variance is p.

    An approximation maps blocks of rows to features, of the eigenvectors of the landmarks' kernel [3]_
    or cosines of random projections [4]_, and solves the same problem by their covariances. Both
    views have the same rows as landmarks; with all rows "nystroem" is exact. Its kernel must be positive
    semi-definite as it is, not only once centred.

    Everything is computed in float64; variates have the type of the rows. The sign of a component is
    the one that makes its largest coefficient of X positive.

    References
    ----------
    .. [1] D. R. Hardoon, S. Szedmak and J. Shawe-Taylor, "Canonical correlation analysis: an overview
       with application to learning methods", Neural Computation 16 (2004).
    .. [2] F. R. Bach and M. I. Jordan, "Kernel independent component analysis", Journal of Machine
       Learning Research 3 (2002).
    .. [3] C. K. I. Williams and M. Seeger, "Using the Nystroem method to speed up kernel machines",
       Advances in Neural Information Processing Systems 13 (2001).
    .. [4] A. Rahimi and B. Recht, "Random features for large-scale kernel machines", Advances in Neural
       Information Processing Systems 20 (2007).

    Examples
    --------
    Views whose columns are not correlated, but related through a circle and a square:

    >>> import numpy as np
    >>> from skdcca import KernelCCA
    >>> rng = np.random.default_rng(0)
    >>> angle = rng.uniform(0, 2 * np.pi, size=400)
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(400, 2))
    >>> y = np.cos(2 * angle) + 0.1 * rng.normal(size=400)
    >>> cca = KernelCCA(n_components=1, reg=0.01).fit(X[:300], y[:300])
    >>> print(round(cca.score(X[300:], y[300:]), 1))
    1.0
    >>> from skdcca import LinearCCA
    >>> print(round(abs(LinearCCA(1).fit(X[:300], y[:300]).score(X[300:], y[300:])), 1))
    0.0
    """

    def __init__(
        self,
        n_components=None,
        *,
        kernel="rbf",
        gamma="scale",
        degree=3,
        coef0=1,
        y_kernel=None,
        y_gamma=None,
        y_degree=None,
        y_coef0=None,
        reg=0.1,
        approximation=None,
        n_landmarks=300,
        similarity="weighted",
        random_state=None,
        y_transformer=None,
    ):
        self.n_components = n_components
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.y_kernel = y_kernel
        self.y_gamma = y_gamma
        self.y_degree = y_degree
        self.y_coef0 = y_coef0
        self.reg = reg
        self.approximation = approximation
        self.n_landmarks = n_landmarks
        self.similarity = similarity
        self.random_state = random_state
        self.y_transformer = y_transformer

    def _reads_blocks(self):
        return self.approximation is not None

    def fit_blocks(self, blocks):
        """Learn from blocks of rows that are never all in memory, as if all were fitted at once.

        Only with an approximation, as the exact kernel keeps every row; `y_transformer` must be None, as
        it would see one block alone. A block may be of any size, and is in memory while it is used.

        Parameters
        ----------
        blocks : iterable that can be read again, or function that returns a new one
            Pairs ``(X, y)`` of arrays of the same rows, the same each time. "nystroem" reads them three
            times, for the statistics of the views, for the landmarks and for the moments of the
            features; "rff" twice.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a block cannot be used: it is named by its number, from 0, and NaN by the row in it. If
            blocks can be read only once, as a generator, or `approximation` is None.

        Examples
        --------
        >>> import numpy as np
        >>> from skdcca import KernelCCA
        >>> def blocks():
        ...     rng = np.random.default_rng(0)
        ...     for _ in range(5):
        ...         angle = rng.uniform(0, 2 * np.pi, size=1000)
        ...         yield np.column_stack([np.cos(angle), np.sin(angle)]), np.cos(2 * angle)
        >>> cca = KernelCCA(1, reg=0.01, approximation="nystroem", n_landmarks=50, random_state=0)
        >>> cca.fit_blocks(blocks).canonical_correlations_.round(1)
        array([1.])
        """
        if self.approximation is None:
            raise ValueError(
                "approximation=None keeps every row, so it takes no blocks; set approximation="
                "'nystroem' or 'rff'"
            )
        blocks = as_blocks(blocks)
        if not blocks.again:
            raise ValueError(
                f"blocks can be read only once, but approximation={self.approximation!r} reads them "
                "again; give a list, or the function that makes the generator: fit_blocks(f), not "
                "fit_blocks(f())"
            )
        return self._learn_blocks(blocks)

    def _of_y(self, name):
        """Parameter of the second view."""
        own = getattr(self, f"y_{name}")
        return getattr(self, name) if own is None else own

    def _check_parameters(self):
        super()._check_parameters()
        check_reg(self.reg)
        _check_kernel_parameters("", self.kernel, self.gamma, self.degree, self.coef0)
        of_y = [self._of_y(name) for name in ("kernel", "gamma", "degree", "coef0")]
        _check_kernel_parameters("y_", *of_y)
        check_option("approximation", self.approximation, ("nystroem", "rff", None))
        check_integer("n_landmarks", self.n_landmarks)
        check_random_state(self.random_state)
        for name, kernel in [("kernel", self.kernel), ("y_kernel", of_y[0])]:
            if self.approximation == "nystroem" and _is(kernel, "precomputed"):
                raise ValueError(
                    f"{name}='precomputed' holds no rows to choose landmarks from; set "
                    "approximation=None, or give the rows and their kernel"
                )
            if self.approximation == "rff" and not _is(kernel, "rbf"):
                raise ValueError(
                    f"{name}={kernel!r} has no random Fourier features; set it to 'rbf', or "
                    "approximation='nystroem'"
                )

    def _most_components(self, x_shape, y_shape):
        limits = {"the number of samples - 1": x_shape[0] - 1}
        return limits if self.approximation is None else limits | {"n_landmarks": self.n_landmarks}

    def _fit(self, X, y):
        if self.approximation is not None:
            # Views that were checked as a whole are one block.
            self._set(*self._decompose_features(Blocks([(X, y)]), lambda _, block: block))
            return
        self._set(*self._decompose_kernels(X, y))

    def _fit_blocks(self, blocks):
        self._set(*self._decompose_features(blocks, self._validate_block))

    def _maps(self, spreads):
        """The kernels of both views, by what is known of these."""
        x_map = _KernelMap(spreads.x, "X", self.kernel, self.gamma, self.degree, self.coef0)
        of_y = [self._of_y(name) for name in ("kernel", "gamma", "degree", "coef0")]
        y_map = _KernelMap(spreads.y, "y", *of_y)
        self.x_gamma_, self.y_gamma_ = x_map.gamma, y_map.gamma
        self._y_mean = spreads.y.mean
        return x_map, y_map

    def _decompose_kernels(self, X, y):
        """Maps, views and their cross products, by the eigenvectors of the centred kernels."""
        for view, name, kernel in [(X, "X", self.kernel), (y, "y", self._of_y("kernel"))]:
            if _is(kernel, "precomputed"):
                _check_precomputed(view, name)
        maps = self._maps(_Spreads().add(X, y))
        views = [
            _DualView(view, kernel_map, reg)
            for view, kernel_map, reg in zip((X, y), maps, check_reg(self.reg), strict=True)
        ]
        x_view, y_view = views
        cross = x_view.left.T @ y_view.left
        cross *= x_view.shrink[:, None]
        cross *= y_view.shrink
        return maps, views, cross, x_view.covariance(y - self._y_mean)

    def _decompose_features(self, blocks, check):
        """Maps, views and their cross products, by the moments of features, block by block."""
        spreads = blocks.gather(_Spreads, check)
        n = spreads.x.n
        if n < 2:
            raise ValueError(f"blocks have {n} rows; there must be two or more")
        self._check_n_components((n, self.n_features_in_))
        maps = self._maps(spreads)
        rng = check_random_state(self.random_state)
        if self.approximation == "rff":
            maps = [_FourierMap(kernel_map, self.n_landmarks, rng) for kernel_map in maps]
        else:
            chosen = np.sort(rng.permutation(n)[: self.n_landmarks])
            for kernel_map, rows in zip(maps, blocks.rows(chosen, check), strict=True):
                kernel_map.choose(rows)
        sums = blocks.gather(partial(_FeatureSums, *maps, self._y_mean), check)
        x_unit, y_unit = sums.moments.units
        x_covariance, y_covariance, cross = sums.moments.covariances()
        x_covariance *= np.outer(x_unit, x_unit)
        y_covariance *= np.outer(y_unit, y_unit)
        views = [
            _FeatureView(covariance, mean * unit, feature_map, reg)
            for covariance, mean, unit, feature_map, reg in zip(
                (x_covariance, y_covariance),
                sums.moments.means,
                (x_unit, y_unit),
                maps,
                check_reg(self.reg),
                strict=True,
            )
        ]
        x_view, y_view = views
        cross = x_view.whitener.T @ (cross * np.outer(x_unit, y_unit)) @ y_view.whitener
        return maps, views, cross, x_view.whitener.T @ sums.products / (n - 1)

    def _set(self, maps, views, cross, y_covariance):
        x_view, y_view = views
        x_turn, correlations, y_turn = leading_svd(cross, self.n_components)
        k = len(correlations) if self.n_components is None else self.n_components
        if k > len(correlations):
            warn(
                f"n_components={k}, but the data have only {len(correlations)} pairs of canonical "
                "variates (the rank of a centred kernel): the last "
                f"{k - len(correlations)} components have correlation 0 and coefficients of 0",
                RankWarning,
            )
        self.n_components_ = int(k)
        self.canonical_correlations_ = np.clip(pad(correlations, k), 0.0, 1.0)
        x_coefs, x_intercept = x_view.coefficients(x_turn)
        y_coefs, y_intercept = y_view.coefficients(y_turn)
        largest = np.argmax(np.abs(x_coefs), axis=0)
        sign = np.where(x_coefs[largest, np.arange(x_coefs.shape[1])] < 0, -1.0, 1.0)
        self.x_coefs_, self.x_intercept_ = pad(x_coefs * sign, k), pad(x_intercept * sign, k)
        self.y_coefs_, self.y_intercept_ = pad(y_coefs * sign, k), pad(y_intercept * sign, k)
        self._y_of_variates = pad(y_covariance.T @ x_turn * sign, k)
        x_map, y_map = self._x_map, self._y_map = maps
        x_map.intercept, y_map.intercept = self.x_intercept_, self.y_intercept_
        self.x_rows_, self.x_intercept_ = x_map.public(self.x_coefs_)
        self.y_rows_, self.y_intercept_ = y_map.public(self.y_coefs_)

    def _project_x(self, X):
        return _project(X, self._x_map, self.x_coefs_)

    def _project_y(self, y):
        return _project(y, self._y_map, self.y_coefs_)

    def _predict_y(self, X):
        if _is(self._y_map.kernel, "precomputed"):
            raise ValueError("y_kernel='precomputed' holds no numbers of y that could be predicted")
        return self._project_x(X) @ self._y_of_variates.T + self._y_mean

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = _is(self.kernel, "precomputed")
        return tags


class _Spread:
    """Where the numbers of a view are, and how far apart, in float64: of blocks of rows, merged."""

    n = 0

    def add(self, view):
        """Take rows in."""
        for rows in gen_batches(len(view), max(1, _NUMBERS // max(1, view.shape[1]))):
            self._take(view[rows])
        return self

    def _take(self, view):
        view = np.asarray(view)
        part = _Spread()
        part.n, part.low, part.high = len(view), view.min(), view.max()
        part.mean = view.mean(axis=0, dtype=np.float64)
        apart = view - part.mean
        part.mean += apart.mean(axis=0)  # what rounding left of it
        part.squares = np.einsum("ij,ij->", apart, apart)
        self.merge(part)

    def merge(self, other):
        """Take in what another one knows."""
        if not other.n or not self.n:
            vars(self).update(vars(other))
            return self
        n = self.n + other.n
        step = other.mean - self.mean
        self.squares += other.squares + self.n * other.n / n * (step @ step)
        self.mean = self.mean + step * (other.n / n)
        self.n, self.low, self.high = n, min(self.low, other.low), max(self.high, other.high)
        return self

    @property
    def variance(self):
        """Variance of all numbers about the one mean of all."""
        apart = self.mean - self.mean.mean()
        return self.squares / (self.n * len(apart)) + np.mean(apart**2)

    @property
    def peak(self):
        """The largest number, whatever its sign."""
        return max(abs(float(self.low)), abs(float(self.high)))


class _Spreads:
    """The same of both views."""

    def __init__(self):
        self.x, self.y = _Spread(), _Spread()

    def add(self, X, y):
        # What is too large for squares matters to some kernels alone, which refuse it.
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            self.x.add(X)
            self.y.add(y)
        return self

    def merge(self, other):
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            self.x.merge(other.x)
            self.y.merge(other.y)
        return self


class _FeatureSums:
    """Moments of the features of both views, and the products of those of X with y itself."""

    def __init__(self, x_map, y_map, y_mean):
        self._maps, self._y_mean = (x_map, y_map), y_mean
        self.moments, self.products = PairMoments(), 0.0

    def add(self, X, y):
        x_map, y_map = self._maps
        for rows in gen_batches(len(X), _ROWS):
            features = x_map.features(X[rows])
            self.moments.add(features, y_map.features(y[rows]))
            self.products += features.T @ (y[rows] - self._y_mean)
        return self

    def merge(self, other):
        self.moments.merge(other.moments)
        self.products = self.products + other.products
        return self


class _KernelMap:
    """A kernel with its parameters, and the rows with which it is taken."""

    def __init__(self, spread, name, kernel, gamma, degree, coef0):
        self.name, self.kernel = name, kernel
        self.parameters = {"degree": degree, "coef0": coef0}
        self.gamma = None
        if _is(kernel, "rbf", "poly"):
            self.gamma = _scale(spread, name) if isinstance(gamma, str) else float(gamma)
        self.offset, self.rows, self.basis = 0.0, None, None
        # Of a cosine the unit is of no account, but scikit-learn takes tiny rows for zeros.
        self.unit = spread.peak if _is(kernel, "cosine") and spread.peak else 1.0
        # Of centred kernels these do not depend on the origin, and a large offset costs digits.
        if _is(kernel, "linear", "rbf"):
            self.offset = spread.mean

    def keep(self, rows):
        """Take the kernel with these rows from now on."""
        if not _is(self.kernel, "precomputed"):
            self.rows = rows.copy()

    def choose(self, rows):
        """Keep these rows as landmarks; the eigenvectors of their kernel make features of it."""
        self.keep(rows)
        kernel = self.of_kept(rows)
        limit = 10 * len(kernel) * np.finfo(np.float64).eps * np.abs(kernel).max()
        variance, vectors = linalg.eigh(kernel.T, overwrite_a=True, driver="evd")
        real = _real(variance, limit, self.name)
        self.basis = vectors[:, real] / np.sqrt(variance[real])

    def features(self, rows):
        return self(rows) @ self.basis

    def of_kept(self, rows):
        """Kernel of the rows kept with themselves, checked."""
        kernel = self(rows, rows)
        if callable(self.kernel):
            apart = np.abs(kernel - kernel.T).max()
            if apart > np.sqrt(np.finfo(np.float64).eps) * np.abs(kernel).max():
                raise ValueError(
                    f"the callable kernel of {self.name} is not symmetric (by up to {apart:.2g}): "
                    "kernel(a, b) must be the transpose of kernel(b, a)"
                )
        return kernel

    def __call__(self, rows, kept=None):
        """Kernel of these rows with those kept, in float64."""
        rows = rows.astype(np.float64)
        if _is(self.kernel, "precomputed"):
            return rows
        rows -= self.offset
        rows /= self.unit
        # The same array tells scikit-learn that the distances on the diagonal are 0.
        kept = rows if kept is not None else (self.rows - self.offset) / self.unit
        if callable(self.kernel):
            kernel = np.array(self.kernel(rows, kept), dtype=np.float64)
            if kernel.shape != (len(rows), len(kept)):
                raise ValueError(
                    f"the callable kernel of {self.name} gave an array of shape {kernel.shape} for "
                    f"{len(rows)} and {len(kept)} rows; it must give shape ({len(rows)}, {len(kept)})"
                )
        else:
            parameters = {"gamma": self.gamma, **self.parameters}
            # Too large numbers are an error below.
            with np.errstate(over="ignore", invalid="ignore"):
                kernel = pairwise_kernels(
                    rows, kept, metric=self.kernel, filter_params=True, **parameters
                )
        if not np.isfinite(kernel).all():
            raise ValueError(
                f"the kernel of {self.name} holds NaN or infinity: scale the view (a StandardScaler "
                "before it, or in y_transformer), or take a smaller degree or gamma"
            )
        return kernel

    def public(self, coefs):
        """Rows and intercept with which the plain kernel gives the variates."""
        if not _is(self.kernel, "linear"):
            return self.rows, self.intercept
        rows = self.rows - self.offset
        return rows, self.intercept - self.offset @ (rows.T @ coefs)


class _FourierMap:
    """Random Fourier features of a Gaussian kernel: their products are the kernel, on average."""

    kernel, rows, basis = "rbf", None, None

    def __init__(self, kernel_map, n_features, rng):
        self.name, self.offset = kernel_map.name, kernel_map.offset
        size = (len(self.offset), n_features)
        self.frequencies = np.sqrt(2 * kernel_map.gamma) * rng.standard_normal(size)
        self.phases = rng.uniform(0, 2 * np.pi, n_features)

    def __call__(self, rows):
        features = (rows - self.offset) @ self.frequencies
        features += self.phases
        np.cos(features, out=features)
        features *= np.sqrt(2 / len(self.phases))
        return features

    features = __call__

    def public(self, coefs):
        return None, self.intercept


class _DualView:
    """A view by the eigenvectors of its centred kernel, rank revealed."""

    def __init__(self, view, kernel_map, reg):
        kernel_map.keep(view)
        kernel = kernel_map.of_kept(view)
        self.means = kernel.mean(axis=0)
        precomputed = kernel_map.rows is None
        rounding = np.finfo(view.dtype if precomputed else np.float64).eps
        # An eigenvalue is known to the rounding of the numbers of the kernel, times their number.
        limit = 10 * len(kernel) * rounding * np.abs(kernel).max()
        kernel -= self.means
        kernel -= kernel.mean(axis=1)[:, None]
        total = np.trace(kernel)
        # The transpose, which is the same, lies in memory as LAPACK takes it.
        eigenvalues, vectors = linalg.eigh(
            kernel.T, overwrite_a=True, check_finite=False, driver="evd"
        )
        real = _real(eigenvalues, limit, kernel_map.name)
        self.left, self.eigenvalues = vectors[:, real], eigenvalues[real]
        variance = self.eigenvalues / (len(kernel) - 1)
        self.regularized = variance + reg * total / (len(kernel) - 1)
        self.shrink = np.sqrt(variance / self.regularized)

    def covariance(self, view):
        """Covariance of the whitened directions with another view, which is centred."""
        return self.shrink[:, None] * (self.left.T @ view) / np.sqrt(len(view) - 1)

    def coefficients(self, turn):
        # Two roots, as the product of tiny numbers would be 0.
        scale = np.sqrt(self.eigenvalues) * np.sqrt(self.regularized)
        coefs = self.left @ (turn / scale[:, None])
        # Centred coefficients centre the rows of every kernel, so that its columns are left.
        coefs -= coefs.mean(axis=0)
        return coefs, -self.means @ coefs


class _FeatureView:
    """A view by the eigenvectors of the covariance of its features, rank revealed."""

    def __init__(self, covariance, mean, feature_map, reg):
        self.mean, self.basis = mean, feature_map.basis
        total = np.trace(covariance)
        limit = 10 * np.finfo(np.float64).eps * (total + mean @ mean)
        # Older SciPy asks for too little work space for the faster driver on a single number.
        driver = "evd" if len(covariance) > 1 else None
        variance, vectors = linalg.eigh(covariance, driver=driver)
        real = _real(variance, limit, feature_map.name)
        self.whitener = vectors[:, real] / np.sqrt(variance[real] + reg * total)

    def coefficients(self, turn):
        weights = self.whitener @ turn
        coefs = weights if self.basis is None else self.basis @ weights
        return coefs, -self.mean @ weights


def _project(view, view_map, coefs):
    """Variates, of a block of rows at a time, so that memory does not grow with them."""
    variates = np.empty((len(view), coefs.shape[1]), dtype=view.dtype)
    for rows in gen_batches(len(view), max(1, min(_ROWS, _NUMBERS // len(coefs)))):
        variates[rows] = view_map(view[rows]) @ coefs + view_map.intercept
    return variates


def _scale(spread, name):
    """The coefficient that "scale" stands for; 1 for a constant view, which is refused later."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        variance = spread.variance
        gamma = 1.0 / (len(spread.mean) * variance) if variance > 0 else 1.0
    if not 0 < gamma < np.inf or (variance == 0 and spread.high > spread.low):
        raise ValueError(
            f"gamma='scale' of {name} is no number, as its variance is {variance:.3g}: scale the view"
        )
    return gamma


def _is(kernel, *names):
    return isinstance(kernel, str) and kernel in names


def _check_kernel_parameters(prefix, kernel, gamma, degree, coef0):
    if isinstance(kernel, type) or not callable(kernel):
        other = "or a callable (an instance, not a class)"
        check_option(f"{prefix}kernel", kernel, _KERNELS, otherwise=other)
    if not is_number(gamma, gt=0):
        check_option(f"{prefix}gamma", gamma, ("scale",), otherwise="or a finite number > 0")
    check_integer(f"{prefix}degree", degree)
    remedy = "With a negative constant the kernel is not positive semi-definite."
    check_number(f"{prefix}coef0", coef0, ge=0, remedy=remedy)


def _check_precomputed(view, name):
    """Refuse what is no kernel of the training rows."""
    argument = {"X": "kernel", "y": "y_kernel"}[name]
    if view.shape[0] != view.shape[1]:
        raise ValueError(
            f"{name} has shape {view.shape}, but {argument} is 'precomputed': give the square kernel "
            f"of the training rows, or set {argument} to 'rbf', say"
        )
    apart = np.abs(view - view.T).max()
    if apart > np.sqrt(np.finfo(view.dtype).eps) * np.abs(view).max():
        raise ValueError(
            f"{name} is not symmetric (by up to {apart:.2g}), but {argument} is 'precomputed': give "
            f"the kernel of the training rows, or set {argument} to 'rbf', say"
        )


def _real(eigenvalues, limit, name):
    """Slice of the ascending eigenvalues that are more than rounding; there must be one."""
    if eigenvalues[0] < -max(1e-5 * eigenvalues[-1], limit):
        raise ValueError(
            f"the kernel of {name} is not positive semi-definite (it has the eigenvalue "
            f"{eigenvalues[0]:.2g}, the largest being {eigenvalues[-1]:.2g}): give similarities, not "
            "distances; of an 'rbf' kernel, distances so much larger than others that these are lost"
        )
    if eigenvalues[-1] <= limit:
        raise ValueError(
            f"all rows of {name} are the same to the kernel, or differ by no more than its rounding: "
            "there is nothing to correlate; if they differ, standardise the view or change gamma"
        )
    return slice(np.searchsorted(eigenvalues, limit, side="right"), None)
