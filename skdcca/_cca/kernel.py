"""Implement kernel canonical correlation analysis."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state

from skdcca._cca.algebra import component_signs, leading_svd, pad
from skdcca._cca.checks import check_reg, warn_perfect_correlations
from skdcca._cca.kernel_krylov import leading_components, may_be_leading
from skdcca._cca.kernel_maps import (
    FeatureSums,
    FourierMap,
    KernelMap,
    Spreads,
    check_kernel_parameters,
    check_precomputed,
    is_kernel,
    project,
)
from skdcca._cca.kernel_views import FeatureView, KernelView
from skdcca._utils.blocks import Blocks, as_blocks
from skdcca._utils.validation import check_integer, check_option
from skdcca._utils.warnings import warn
from skdcca.base import BaseCCA
from skdcca.exceptions import RankWarning


class KernelCCA(BaseCCA):
    r"""Kernel canonical correlation analysis, exact or approximated, with a ridge.

    Kernel CCA is linear CCA in the feature spaces of two kernels, one for each view. With a nonlinear
    kernel it finds nonlinear relations. The exact model suits up to a few thousand rows. Set
    `approximation` for more rows.

    The columns of both views are standardized internally, so their units do not matter. Begin with the
    defaults; then choose `reg` and `gamma` by cross-validation.

    Parameters
    ----------
    n_components : int, default=None
        Number of pairs of variates. If None, all are computed; their number is the smaller of the
        ranks of the two centered kernels, usually the number of rows minus 1.
    kernel : str or callable, default="rbf"
        Kernel of the first view:

        - ``"rbf"``, ``"laplacian"``, ``"poly"``, ``"polynomial"``, ``"sigmoid"``, ``"linear"`` and
          ``"cosine"``, as in `sklearn.metrics.pairwise.pairwise_kernels`. "sigmoid" is not positive
          semi-definite; its directions with negative eigenvalues are discarded.
        - ``"chi2"`` and ``"additive_chi2"``: for histograms and counts. The view must be nonnegative.
        - ``"precomputed"``: X is the kernel itself, of shape ``(n_samples, n_samples)`` in `fit` and
          ``(n_rows, n_samples)`` in `transform`.
        - A callable takes two arrays of shapes ``(n, n_features)`` and ``(m, n_features)`` and returns
          an array of shape ``(n, m)``, like the functions of `sklearn.metrics.pairwise` and the
          kernels of Gaussian processes.
    gamma : {"distance", "scale"} or float, default="distance"
        Coefficient of the kernels "rbf", "laplacian", "poly", "sigmoid" and "chi2", > 0.

        - ``"distance"``: for "rbf" the reciprocal of the mean squared distance of two rows,
          ``1 / (2 * X.var(axis=0).sum())`` after standardization. This is the median heuristic with
          the mean in place of the median. For other kernels it equals "scale".
        - ``"scale"``: ``1 / (n_features * X.var())`` after standardization, as in scikit-learn. For
          "laplacian" it is ``1 / (n_features * X.std())``, and for "chi2"
          ``1 / (n_features * X.mean())``.
    degree : int, default=3
        Degree of the kernel "poly", >= 1.
    coef0 : float, default=1
        Constant of the kernels "poly" and "sigmoid", >= 0.
    y_kernel, y_gamma, y_degree, y_coef0 : default=None
        The same parameters for the second view. If None, the value for the first view is used. With
        ``kernel="precomputed"``, y must therefore be a kernel too unless `y_kernel` is set.
    reg : float or pair of float, default=0.01
        Ridge, >= 0. In the feature space of a view, `reg` times the total variance of the view is
        added to the variance in every direction. A value has the same effect for every number of
        samples and every unit of the columns. A pair sets ``(reg_x, reg_y)``. Try values between
        0.001 and 0.1 first. With 0 and a kernel of full rank, all correlations are 1 and meaningless.
    y_reg : float, default=None
        Ridge of the second view, for a search that varies both ridges on their own. If None, it is
        given by `reg`.
    scale : bool, default=True
        If True, the columns of both views are standardized before the kernels are computed. Set it to
        False if all columns have the same unit and their variances matter, as for pixels. Kernels of
        histograms and precomputed kernels are never scaled.
    approximation : {None, "nystroem", "rff"}, default=None
        If None, the model is exact: its time is cubic and its memory quadratic in the number of
        rows. A few components (at most 2 % of the rows, with ridges of at least 1e-4) are found without
        eigenvectors of the kernels, several times faster. With "nystroem", the features of a row are
        computed from its kernel values with `n_landmarks` random training rows, the landmarks. With
        "rff", they are `n_landmarks` random Fourier features; this works only with the kernel "rbf". The
        time of both approximations is linear in the number of rows, and their memory does not grow with
        it. Both take sparse views, of which only a few rows at a time and the landmarks are made dense.
    n_landmarks : int, default=300
        Number of landmarks or random features, >= 1. More of them are more exact and slower. Used
        only with an approximation. If it exceeds the number of rows, all rows are landmarks.
    similarity : {"weighted", "cosine", "likelihood"} or float, default="weighted"
        How `compare`, the retrieval scorers and indexes score a row of X for a row of y. The formulas
        are in `skdcca.metrics.similarity`.

        - ``"weighted"``: cosine of the variates, scaled by their squared canonical correlations so that
          reliable components count more. A float >= 0 is another power of the correlations; try 4
          with many components and many rows.
        - ``"cosine"``: cosine of the variates without scaling.
        - ``"likelihood"``: log-likelihood ratio of a matching pair over a random pair, which is
          sensitive to magnitude. Try it if there are few components and one of them is an amount, such
          as a length.
    random_state : int, RandomState instance or None, default=None
        Seed of the landmarks or random features. Pass an int for reproducible results. Used only with
        an approximation.
    y_transformer : estimator, default=None
        Transformer of the second view, for example `Doc2VecLyrics`; `fit` fits a clone of it. Its
        output must be dense unless `approximation` is set. If None, y must be numeric.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Canonical correlations of the training rows, in descending order. With a ridge they are the
        values of the objective (see Notes), which are smaller than the correlations of the variates.
    x_coefs_ : ndarray of shape (n_rows, n_components_)
        Dual coefficients of the first view: the variates are
        ``kernel((X - x_mean_) / x_scale_, x_rows_) @ x_coefs_ + x_intercept_``. There is one row for
        each training row or, with an approximation, for each landmark or random feature.
    y_coefs_ : ndarray of shape (n_rows, n_components_)
        Dual coefficients of the second view.
    x_intercept_, y_intercept_ : ndarray of shape (n_components_,)
        Intercepts, which center the variates on the training rows.
    x_rows_, y_rows_ : ndarray of shape (n_rows, n_features) or None
        Rows with which the kernel of new rows is evaluated: the scaled training rows, or the
        landmarks. They are None for the approximation "rff" and the kernel "precomputed".
    x_mean_, x_scale_ : ndarray of shape (n_features_in_,) or None
        Numbers that are subtracted from the columns of X, and by which they are then divided: the
        means and standard deviations, or 0 and 1 where the kernel does not need them. They are None
        for the kernel "precomputed".
    y_mean_, y_scale_ : ndarray of shape (n_features_y_,) or None
        The same numbers for y.
    x_gamma_, y_gamma_ : float or None
        Coefficients of the kernels. They are None for kernels without gamma.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of columns of X.
    n_features_y_ : int
        Number of columns of y, after `y_transformer`.
    y_transformer_ : estimator or None
        The fitted transformer of the second view.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X. Only defined if all of them are strings.
    y_feature_names_in_ : ndarray of shape (n_features_y_,)
        Names of the columns of y. Only defined if all of them are strings and `y_transformer` is None.

    Raises
    ------
    TypeError
        From `fit`, if `y_transformer` is not a transformer.
    ValueError
        From `fit`, if a parameter is out of range, if the views have different numbers of rows, if a
        view contains NaN, infinity or text, or if a kernel is not symmetric, not positive
        semi-definite, not finite, or the same for all rows. From `predict` and `predict_x`,
        if the kernel of the predicted view is precomputed.

    Warns
    -----
    DegenerateKernelWarning
        If a kernel is numerically an identity matrix or constant, usually because of `gamma`.
    PerfectCorrelationWarning
        If both ridges are 0 and the ranks of the kernels sum to more than the number of rows minus 1.
        Some correlations are then 1 whatever the data are.
    RankWarning
        If `n_components` exceeds the rank of the kernels. This happens if a view has few distinct
        rows, or few columns and a linear kernel. The components beyond the rank have correlation 0
        and coefficients of 0.

    See Also
    --------
    LinearCCA : Linear CCA, which is faster and has interpretable weights.
    DeepCCA : Nonlinear CCA by neural networks, for raw spectrograms and many rows.

    Notes
    -----
    Let :math:`K_x` and :math:`K_y` be the centered kernels of n training rows. The first component
    maximizes [1]_, [2]_

    .. math::
        \frac{\alpha^\top K_x K_y\, \beta}{n - 1} \quad \text{subject to} \quad
        \alpha^\top \Big(\frac{K_x^2}{n - 1} + \rho_x K_x\Big) \alpha =
        \beta^\top \Big(\frac{K_y^2}{n - 1} + \rho_y K_y\Big) \beta = 1,

    with the ridges :math:`\rho_x = \mathtt{reg}_x \operatorname{tr}(K_x) / (n - 1)` and
    :math:`\rho_y` likewise. Each kernel is decomposed into its eigenvectors, and eigenvectors that
    are only rounding errors are dropped. The singular values of the whitened cross product are the
    correlations. With p columns in each view, ``KernelCCA(kernel="linear", reg=reg)`` is the same
    model as ``LinearCCA(reg=reg * p)``, because the total variance of standardized columns is p.

    An approximation maps each row to features: with the eigenvectors of the kernel of the landmarks
    [3]_, or with cosines of random projections [4]_. It then solves the same problem with the
    covariances of the features. The same rows are landmarks of both views. With all rows as
    landmarks, "nystroem" is exact. For "nystroem", the kernel must be positive semi-definite
    without centering, which "additive_chi2" is not.

    For few components, the exact model needs no eigenvectors. With the ridges added to the kernels,
    their Cholesky factors give the smoothers :math:`A = K_x (K_x + r_x I)^{-1}` and B of both views. The
    squared correlations are the leading eigenvalues of :math:`B A`, which are found in a block
    Krylov space [5]_, to the precision of the eigenvectors.

    All computations are in float64; the variates have the dtype of the view. The sign of a component is
    chosen so that its largest coefficient of X is positive.

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
    .. [5] Y. Saad, "Numerical Methods for Large Eigenvalue Problems", 2nd edition, SIAM (2011).

    Examples
    --------
    Each row of X is a point on a circle, and y is the cosine of twice its angle. The columns of X
    are uncorrelated with y, so linear CCA fails on held-out rows and kernel CCA does not:

    >>> import numpy as np
    >>> from skdcca import KernelCCA, LinearCCA
    >>> rng = np.random.default_rng(0)
    >>> angle = rng.uniform(0, 2 * np.pi, size=400)
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(400, 2))
    >>> y = np.cos(2 * angle) + 0.1 * rng.normal(size=400)
    >>> kernel = KernelCCA(n_components=1).fit(X[:300], y[:300])
    >>> linear = LinearCCA(n_components=1).fit(X[:300], y[:300])
    >>> print(f"{abs(linear.score(X[300:], y[300:])):.1f} {kernel.score(X[300:], y[300:]):.1f}")
    0.0 1.0

    Choose the kernel and the ridge by cross-validation:

    >>> from sklearn.model_selection import GridSearchCV
    >>> grid = {"kernel": ["rbf", "laplacian", "linear"], "reg": [0.001, 0.01, 0.1]}
    >>> search = GridSearchCV(KernelCCA(n_components=1), grid, cv=3).fit(X[:300], y[:300])
    >>> search.best_params_["kernel"]
    'laplacian'
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        kernel: str | Callable = "rbf",
        gamma: float | str = "distance",
        degree: int = 3,
        coef0: float = 1,
        y_kernel: str | Callable | None = None,
        y_gamma: float | str | None = None,
        y_degree: int | None = None,
        y_coef0: float | None = None,
        reg: float | tuple[float, float] = 0.01,
        y_reg: float | None = None,
        scale: bool = True,
        approximation: str | None = None,
        n_landmarks: int = 300,
        similarity: str | float = "weighted",
        random_state: int | RandomState | None = None,
        y_transformer: Any = None,
    ) -> None:
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
        self.y_reg = y_reg
        self.scale = scale
        self.approximation = approximation
        self.n_landmarks = n_landmarks
        self.similarity = similarity
        self.random_state = random_state
        self.y_transformer = y_transformer

    def _reads_blocks(self):
        return self.approximation is not None

    def fit_blocks(
        self, blocks: Iterable[tuple[Any, ...]] | Callable[[], Iterable[tuple[Any, ...]]]
    ) -> Self:
        """Fit the model to blocks of rows, for views that are larger than memory.

        The result is the same as after `fit` on all rows. Only one block at a time is in memory,
        and a block may have any number of rows. Set `approximation`, because the exact model keeps
        every row. `y_transformer` must be None, because it would see one block at a time.

        Parameters
        ----------
        blocks : iterable that can be read again, or function that returns an iterable
            Pairs ``(X, y)`` of arrays with the same rows, which must be the same each time. "nystroem"
            reads them three times: for the statistics of the views, for the landmarks, and for the
            covariances of the features. "rff" reads them twice.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `blocks` is neither an iterable nor a function.
        ValueError
            If `approximation` is None, if `blocks` is empty, is a generator or differs when it is read
            again, or if a block is invalid. The error gives the number of the block, from 0, and the
            first row with NaN.

        Examples
        --------
        >>> import numpy as np
        >>> from skdcca import KernelCCA
        >>> def read_blocks():
        ...     rng = np.random.default_rng(0)
        ...     for _ in range(5):
        ...         angle = rng.uniform(0, 2 * np.pi, size=1000)
        ...         yield np.column_stack([np.cos(angle), np.sin(angle)]), np.cos(2 * angle)
        >>> cca = KernelCCA(1, approximation="nystroem", n_landmarks=50, random_state=0)
        >>> cca.fit_blocks(read_blocks).canonical_correlations_.round(1)
        array([0.9])
        """
        if self.approximation is None:
            raise ValueError(
                "`approximation` must be 'nystroem' or 'rff' to fit on blocks, got None. Set it, "
                "because the exact model keeps every row."
            )
        blocks = as_blocks(blocks)
        if not blocks.again:
            raise ValueError(
                f"`blocks` must be readable more than once with approximation={self.approximation!r}, "
                "got a generator. Pass a list or a function: fit_blocks(f), not fit_blocks(f())."
            )
        return self._learn_blocks(blocks)

    def _y_parameter(self, name):
        """Return a parameter of the second view; if it is None, return the one of the first view."""
        value = getattr(self, f"y_{name}")
        return getattr(self, name) if value is None else value

    def _kernel_parameters(self):
        """Return kernel, gamma, degree and coef0 of both views."""
        names = ("kernel", "gamma", "degree", "coef0")
        of_x = [getattr(self, name) for name in names]
        of_y = [self._y_parameter(name) for name in names]
        return of_x, of_y

    def _check_parameters(self):
        super()._check_parameters()
        check_reg(self.reg, self.y_reg)
        check_option("scale", self.scale, (True, False))
        of_x, of_y = self._kernel_parameters()
        check_kernel_parameters("", *of_x)
        check_kernel_parameters("y_", *of_y)
        check_option("approximation", self.approximation, ("nystroem", "rff", None))
        check_integer("n_landmarks", self.n_landmarks)
        check_random_state(self.random_state)
        self._check_approximation("kernel", of_x[0])
        self._check_approximation("y_kernel", of_y[0])

    def _check_approximation(self, name, kernel):
        if self.approximation == "nystroem" and is_kernel(kernel, "precomputed"):
            raise ValueError(
                f"`{name}` must not be 'precomputed' with approximation='nystroem', which needs the "
                "features of landmarks. Set approximation=None, or pass features and another kernel."
            )
        if self.approximation == "nystroem" and is_kernel(kernel, "additive_chi2"):
            raise ValueError(
                f"`{name}` must not be 'additive_chi2' with approximation='nystroem', because it is "
                "positive definite only after centering. Use 'chi2', or approximation=None."
            )
        if self.approximation == "rff" and not is_kernel(kernel, "rbf"):
            raise ValueError(
                f"`{name}` must be 'rbf' with approximation='rff', got {kernel!r}. Use "
                "approximation='nystroem' for other kernels."
            )

    def _most_components(self, x_shape, y_shape):
        limits = {"the number of samples - 1": x_shape[0] - 1}
        if self.approximation is not None:
            limits["n_landmarks"] = self.n_landmarks
        return limits

    def _fit(self, X, y):
        if self.approximation is None:
            self._fit_kernels(X, y)
        else:
            # The views are already validated, so they form one block that is not checked again.
            self._fit_features(Blocks([(X, y)]), lambda _, block: block)

    def _fit_blocks(self, blocks):
        self._fit_features(blocks, self._validate_block)

    def _fit_kernels(self, X, y):
        """Fit the exact model, without eigenvectors of the kernels if few components are needed."""
        if is_kernel(self.kernel, "precomputed"):
            check_precomputed(X, "X")
        if is_kernel(self._y_parameter("kernel"), "precomputed"):
            check_precomputed(y, "y")
        ridges = reg_x, reg_y = check_reg(self.reg, self.y_reg)
        x_map, y_map = maps = self._set_kernels(Spreads().add(X, y))
        if may_be_leading(self.n_components, len(X), maps, ridges):
            found = leading_components((X, y), maps, ridges, self.n_components)
            if found is not None:
                self._set_leading(maps, found, X, y)
                return
        x_view = KernelView(X, x_map, reg_x)
        y_view = KernelView(y, y_map, reg_y)
        warn_perfect_correlations((x_view, y_view), len(X), "Set a ridge, such as reg=0.01.")
        cross = x_view.left.T @ y_view.left
        cross *= x_view.shrink[:, None]
        cross *= y_view.shrink
        y_covariance = x_view.covariance(y - self._y_mean)
        # A precomputed kernel cannot be predicted.
        is_known = not is_kernel(self.kernel, "precomputed")
        x_covariance = y_view.covariance(X - self._x_mean if is_known else X[:, :0])
        covariances = x_covariance, y_covariance
        self._set_solution((x_map, y_map), (x_view, y_view), cross, covariances)

    def _fit_features(self, blocks, check):
        """Fit the model from the moments of the features; ``check(number, block)`` validates a block."""
        spreads = blocks.gather(Spreads, check)
        n = spreads.x.n
        if n < 2:
            raise ValueError(f"`blocks` must have at least 2 rows in total, got {n}.")
        self._check_n_components((n, self.n_features_in_))
        maps = self._choose_features(self._set_kernels(spreads), blocks, n, check)
        sums = blocks.gather(partial(FeatureSums, *maps, self._x_mean, self._y_mean), check)
        reg_x, reg_y = check_reg(self.reg, self.y_reg)
        x_mean, y_mean = sums.moments.means
        x_unit, y_unit = sums.moments.units
        x_covariance, y_covariance, cross = sums.moments.covariances()
        x_covariance *= np.outer(x_unit, x_unit)
        y_covariance *= np.outer(y_unit, y_unit)
        x_view = FeatureView(x_covariance, x_mean * x_unit, maps[0], reg_x)
        y_view = FeatureView(y_covariance, y_mean * y_unit, maps[1], reg_y)
        warn_perfect_correlations((x_view, y_view), n, "Set a ridge, such as reg=0.01.")
        cross = x_view.whitener.T @ (cross * np.outer(x_unit, y_unit)) @ y_view.whitener
        x_covariance = y_view.whitener.T @ sums.y_products / (n - 1)
        y_covariance = x_view.whitener.T @ sums.x_products / (n - 1)
        self._set_solution(maps, (x_view, y_view), cross, (x_covariance, y_covariance))

    def _set_kernels(self, spreads):
        """Return a `KernelMap` for each view, and set the attributes that depend on the spreads."""
        of_x, of_y = self._kernel_parameters()
        x_map = KernelMap(spreads.x, "X", *of_x, self.scale)
        y_map = KernelMap(spreads.y, "y", *of_y, self.scale)
        self.x_gamma_, self.y_gamma_ = x_map.gamma, y_map.gamma
        self.x_mean_, self.x_scale_ = x_map.scales(self.n_features_in_)
        self.y_mean_, self.y_scale_ = y_map.scales(self.n_features_y_)
        self._x_mean, self._y_mean = spreads.x.mean, spreads.y.mean
        return x_map, y_map

    def _choose_features(self, maps, blocks, n, check):
        """Return maps of both views to random features, or to features of landmarks.

        The landmarks are drawn from the n rows of the blocks.
        """
        rng = check_random_state(self.random_state)
        if self.approximation == "rff":
            for kernel_map, view in zip(maps, check(0, blocks.first()), strict=True):
                kernel_map.warn_of_identity(view)
            return [FourierMap(kernel_map, self.n_landmarks, rng) for kernel_map in maps]
        chosen = np.sort(rng.permutation(n)[: self.n_landmarks])
        for kernel_map, rows in zip(maps, blocks.rows(chosen, check), strict=True):
            kernel_map.choose(rows)
        return maps

    def _set_solution(self, maps, views, cross, covariances):
        """Set the fitted attributes.

        `cross` is the whitened cross-covariance, and `covariances` are those of the whitened directions
        of y with X, and of X with y.
        """
        x_view, y_view = views
        x_covariance, y_covariance = covariances
        x_turn, correlations, y_turn = leading_svd(cross, self.n_components)
        rank = len(correlations)
        k = rank if self.n_components is None else self.n_components
        if k > rank:
            warn(
                f"n_components={k} exceeds the rank of the kernels, which is {rank}. The last "
                f"{k - rank} components have correlation 0 and coefficients of 0. Set n_components to "
                f"{rank} or less.",
                RankWarning,
            )
        self.n_components_ = int(k)
        of_x, of_y = x_view.coefficients(x_turn), y_view.coefficients(y_turn)
        of_variates = x_covariance.T @ y_turn, y_covariance.T @ x_turn
        self._set_components(maps, correlations, of_x, of_y, of_variates)

    def _set_leading(self, maps, found, X, y):
        """Set the fitted attributes from `LeadingComponents`."""
        of_x, of_y = zip(found.coefs, found.intercepts, strict=True)
        x_smoothed, y_smoothed = found.smoothed
        unit = np.sqrt(len(X) - 1)
        of_variates = [
            (view - mean).T @ smoothed / unit
            for view, mean, smoothed in (
                (X, self._x_mean, y_smoothed),
                (y, self._y_mean, x_smoothed),
            )
        ]
        self.n_components_ = int(self.n_components)
        self._set_components(maps, found.correlations, of_x, of_y, of_variates)

    def _set_components(self, maps, correlations, of_x, of_y, of_variates):
        """Set the attributes of the components; those beyond the rank are 0.

        `of_x` and `of_y` are the coefficients and intercepts of both views, and `of_variates` are
        those that predict X from the variates of y, and y from those of X.
        """
        k = self.n_components_
        sign = component_signs(of_x[0])
        self.canonical_correlations_ = np.clip(pad(correlations, k), 0.0, 1.0)
        self.x_coefs_, self.x_intercept_ = (pad(part * sign, k) for part in of_x)
        self.y_coefs_, self.y_intercept_ = (pad(part * sign, k) for part in of_y)
        self._x_of_variates, self._y_of_variates = (pad(part * sign, k) for part in of_variates)
        self._x_map, self._y_map = maps
        self._x_map.intercept, self._y_map.intercept = self.x_intercept_, self.y_intercept_
        self.x_rows_, self.y_rows_ = self._x_map.rows, self._y_map.rows

    def _project_x(self, X):
        return project(X, self._x_map, self.x_coefs_)

    def _project_y(self, y):
        return project(y, self._y_map, self.y_coefs_)

    def _predict_x(self, y):
        if is_kernel(self._x_map.kernel, "precomputed"):
            raise ValueError(
                "`kernel` must not be 'precomputed' for `predict_x`, because X itself is unknown. Fit "
                "on X itself, and set `kernel` to the name of a kernel or a callable."
            )
        if not hasattr(self, "_x_of_variates"):  # a file of an earlier version
            raise ValueError(
                "`predict_x` needs a model that was fitted with this version of skdcca. Fit it again."
            )
        return self._project_y(y) @ self._x_of_variates.T + self._x_mean

    def _predict_y(self, X):
        if is_kernel(self._y_map.kernel, "precomputed"):
            raise ValueError(
                "`y_kernel` must not be 'precomputed' for `predict`, because y itself is unknown. Fit "
                "on y itself, and set `y_kernel` to the name of a kernel or a callable."
            )
        return self._project_x(X) @ self._y_of_variates.T + self._y_mean

    def __setstate__(self, state):
        # Files of older versions lack these parameters; columns were never standardized.
        super().__setstate__({"y_reg": None, "scale": False} | state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = is_kernel(self.kernel, "precomputed")
        tags.input_tags.sparse = self.approximation is not None
        return tags

    def _takes_sparse_y(self):
        return self.approximation is not None
