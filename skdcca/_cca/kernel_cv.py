"""Implement the search for the parameters of kernel canonical correlation analysis."""

from collections.abc import Callable, Sequence
from typing import Any, Self

from numpy.random import RandomState
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if

from skdcca._cca.kernel import KernelCCA
from skdcca._cca.kernel_cv_folds import KernelFolds
from skdcca._cca.kernel_maps import is_kernel
from skdcca._cca.linear_cv_mixin import SearchMixin, as_list
from skdcca._cca.linear_cv_template import AllRows, Rows

REGS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_SEARCHED = ("n_components", "regs", "gamma", "similarity", "cv", "scoring", "refit")


class KernelCCACV(SearchMixin, KernelCCA):
    """Kernel CCA whose parameters are chosen by cross-validation.

    The scores are those of `GridSearchCV` with a `KernelCCA`, but each kernel of each fold is decomposed
    only once for all ridges and numbers of components. Without more arguments, the ridge is chosen.

    After `fit`, this is a `KernelCCA` with the best parameters, fitted to all rows: it has all of its
    attributes and methods except `fit_blocks`.

    Parameters
    ----------
    n_components : int, None or list of them, default=None
        Numbers of components, from which one is chosen. None stands for all. A search with few
        components of more than 300 rows is faster than one with all of them.
    kernel : str or callable, default="rbf"
        Kernel of the first view; see `KernelCCA`.
    gamma : {"distance", "scale"}, float or list of them, default="distance"
        Coefficients of the kernel, from which one is chosen. Each of them needs decompositions of its
        own.
    degree, coef0, y_kernel, y_gamma, y_degree, y_coef0 : default=3, 1, None, None, None, None
        Parameters of the kernels; see `KernelCCA`.
    regs : sequence of float, or pair of such sequences
        Ridges, >= 0, from which one is chosen for both views. With a pair of sequences, all combinations
        of a ridge of X and a ridge of y are tried. The default is seven numbers from 0.0003 to 0.3.
    scale : bool, default=True
        Whether the columns are standardized; see `KernelCCA`.
    approximation : {None, "nystroem", "rff"}, default=None
        Whether the kernels are approximated; see `KernelCCA`. The landmarks or random features of a
        fold are those of a `KernelCCA` with the same `random_state`.
    n_landmarks : int, default=300
        Number of landmarks or random features.
    similarity : str, float or list of them, default="weighted"
        How rows are compared; see `LinearCCACV` for the values "auto" and "held_out_likelihood".
    cv : int, splitter or iterable of splits, default=5
        Folds; see `LinearCCACV`.
    scoring : str, callable or None, default=None
        Scorer, as in `GridSearchCV`. If None, the sum of the held-out correlations.
    refit : {"best", "1se"}, default="best"
        Which candidate is fitted to all rows: the one with the best mean score, or the simplest one
        within one standard error of it; see `LinearCCACV`.
    random_state : int, RandomState instance or None, default=None
        Seed of the landmarks or random features.
    y_transformer : estimator, default=None
        Transformer of the second view. It is fitted to the training rows of each fold, and finally to
        all rows.

    Attributes
    ----------
    best_params_ : dict
        Parameters of the candidate that was chosen: "gamma", "n_components", "reg" and "similarity".
    best_score_ : float
        Its mean score on held-out rows.
    best_index_ : int
        Its position in `cv_results_`.
    cv_results_ : dict of ndarray
        Scores of all candidates, in the form and order of `GridSearchCV`. The time of a fold is divided
        equally among the candidates.
    n_splits_ : int
        Number of folds.
    similarity_scores_ : dict or None
        Mean reciprocal rank on held-out rows with each similarity, if one of several was taken after the
        other parameters were chosen.
    validation_correlations_ : ndarray of shape (n_components_,)
        Mean correlation of each pair of variates on held-out rows.

    The other attributes are those of `KernelCCA`.

    Raises
    ------
    TypeError
        From `fit`, if `y_transformer` is not a transformer.
    ValueError
        From `fit`, if a parameter is out of range, if a fold has too few rows, or if the views are
        invalid; see `KernelCCA`.

    Warns
    -----
    DegenerateKernelWarning
        If a kernel is numerically an identity matrix or constant, usually because of `gamma`.

    See Also
    --------
    KernelCCA : The model with one set of parameters.
    LinearCCACV : The same search for linear models.

    Notes
    -----
    In the eigenvectors of its centered kernel, or of the covariance of its features, a ridge divides
    each direction of a view by a number. The correlations of a cell are the singular values of the
    product of the eigenvectors of both views after this division. If few are requested, they are
    found by the Lanczos method; a second run verifies that none is missing.

    With ``kernel="precomputed"``, the training rows of a fold are rows and columns of the kernel, and
    its held-out rows have the columns of the training rows.

    Examples
    --------
    Choose the ridge and gamma for points on a circle and the cosine of twice their angle:

    >>> import numpy as np
    >>> from skdcca import KernelCCACV
    >>> rng = np.random.default_rng(0)
    >>> angle = rng.uniform(0, 2 * np.pi, size=200)
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(200, 2))
    >>> y = np.cos(2 * angle) + 0.1 * rng.normal(size=200)
    >>> search = KernelCCACV(n_components=1, gamma=[0.1, 1.0]).fit(X, y)
    >>> search.best_params_["gamma"], search.best_params_["reg"]
    (1.0, 0.003)
    >>> print(f"{search.best_score_:.2f}")
    0.96
    """

    _base_class = KernelCCA
    _ridge_names = ()

    def __init__(
        self,
        n_components: int | Sequence[int | None] | None = None,
        *,
        kernel: str | Callable = "rbf",
        gamma: float | str | Sequence[float | str] = "distance",
        degree: int = 3,
        coef0: float = 1,
        y_kernel: str | Callable | None = None,
        y_gamma: float | str | None = None,
        y_degree: int | None = None,
        y_coef0: float | None = None,
        regs: Sequence = REGS,
        scale: bool = True,
        approximation: str | None = None,
        n_landmarks: int = 300,
        similarity: str | float | Sequence[str | float] = "weighted",
        cv: Any = 5,
        scoring: str | Callable | None = None,
        refit: str = "best",
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
        self.regs = regs
        self.scale = scale
        self.approximation = approximation
        self.n_landmarks = n_landmarks
        self.similarity = similarity
        self.cv = cv
        self.scoring = scoring
        self.refit = refit
        self.random_state = random_state
        self.y_transformer = y_transformer

    def fit(self, X: Any, y: Any = None, *, groups: ArrayLike | None = None) -> Self:
        """Choose the parameters by cross-validation, and fit the model with them to all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            First view; sparse only if `approximation` is set. With ``kernel="precomputed"``, its kernel
            of shape (n_samples, n_samples).
        y : array-like of shape (n_samples, n_features_y) or (n_samples,), or input of `y_transformer`
            Second view. Row i of X and row i of y are the same sample.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, for `cv`. With metadata routing, they are passed on by default, for
            example by `cross_validate`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `y_transformer` is not a transformer.
        ValueError
            If a parameter, a view or a fold is invalid; see the description of the class.
        """
        with self._rollback():
            passed = X, y
            X, y = self._validate(X, y, reset=True)
            splits, pooled = self._splits(*passed, groups, None)
            rows = AllRows(self, passed, Rows(X, y, None), splits, self._are_kernels())
            folds = KernelFolds(rows, as_list(self.gamma), pooled)
            search = self._run(self._grid(("gamma", as_list(self.gamma))), folds)
            best = rows.new_model(**self._of_best("n_components", "gamma", "reg"))
            best._fit(X, y)
            self._adopt(best, search)
        return self

    @available_if(lambda self: False)
    def fit_blocks(self, blocks):
        """Hide the method of `KernelCCA`, because each fold needs the decompositions of its rows.

        Parameters
        ----------
        blocks : object
            Ignored.
        """

    def _new_model(self, **parameters):
        fixed = {k: v for k, v in self.get_params(deep=False).items() if k not in _SEARCHED}
        return KernelCCA(**fixed | parameters)

    def _are_kernels(self):
        """Return which views are precomputed kernels."""
        y_kernel = self._y_parameter("kernel")
        return is_kernel(self.kernel, "precomputed"), is_kernel(y_kernel, "precomputed")

    def _limits(self):
        return {"approximation": self.approximation, "n_landmarks": self.n_landmarks}

    def _check_parameters(self):
        super()._check_parameters()
        for gamma in self._listed("gamma"):
            self._new_model(gamma=gamma)._check_parameters()
