"""Take two views of a model of several views for a two-view model."""

from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skdcca._cca.multiview_solution import factor_loadings, pairs_of, posterior_mean
from skdcca._utils.columns import known_feature_names
from skdcca._utils.row_order import check_row_order
from skdcca._utils.state import StateMixin
from skdcca._utils.validation import check_option, check_pairs
from skdcca.base import check_similarity, comparison_arguments
from skdcca.metrics import similarity, variate_correlations

# A variance below this is a rounding error.
_LEAST_VARIANCE = 1e-12


class ViewPair(StateMixin, BaseEstimator):
    r"""Two views of a fitted model of several views, as a two-view model.

    X is one view, or several views that describe the same rows together, and y is another view. The
    method ``pair`` of `MultiCCA` makes it. `CrossModalIndex` and the functions of `skdcca.metrics` take
    it as they take a fitted `LinearCCA`. There is nothing to fit.

    Parameters
    ----------
    estimator : estimator
        Fitted model of several views, such as `MultiCCA`. The pair refers to it and is not a copy.
    view : str or tuple of str
        Name of the view X. With a tuple of names, X is a table of these views, and a row may lack some
        of them.
    find : str
        Name of the view y.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Correlations of the variates of the two views. If X is several views, these are the correlations
        of rows that have all of them.
    n_components_ : int
        Number of components.
    y_transformer_ : transformer or None
        Fitted transformer of y; None if y is numbers.
    x_loadings_, y_loadings_ : ndarray of shape (n_columns, n_components_)
        Loadings of the views, for the displays of `skdcca.plotting`. Several views at once have none.

    See Also
    --------
    MultiCCA : CCA of two or more views, of which rows may lack some.
    CrossModalIndex : Index of a gallery of several views.

    Notes
    -----
    Several views at once are combined by the posterior mean of the factors that all views of the model
    share, from the views that a row has, as ``output="consensus"`` of `MultiCCA` does. Let
    :math:`w_i` be the weight of view i in the posterior mean of a complete row, and :math:`r_{ij}` the
    correlations of the pairs of views, for one component. The posterior mean is divided by its standard
    deviation :math:`s`,

    .. math:: s^2 = \sum_i \sum_j w_i w_j r_{ij},

    so that complete rows have variance 1. Its correlation with the view y is
    :math:`\sum_i w_i r_{iy} / s`. Rows that lack a view are nearer to 0.

    Examples
    --------
    Audio and tags together find lyrics better than audio alone:

    >>> import numpy as np
    >>> from skdcca import MultiCCA
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 1)) + rng.normal(size=(300, 9))
    >>> views = [
    ...     ("audio", "passthrough", slice(0, 3)),
    ...     ("lyrics", "passthrough", slice(3, 6)),
    ...     ("tags", "passthrough", slice(6, 9)),
    ... ]
    >>> cca = MultiCCA(views, n_components=1).fit(X)
    >>> alone, together = cca.pair("audio", "lyrics"), cca.pair(("audio", "tags"), "lyrics")
    >>> alone.canonical_correlations_.round(2), together.canonical_correlations_.round(2)
    (array([0.77]), array([0.82]))

    A row may lack one of the views:

    >>> queries = X[:2][:, [0, 1, 2, 6, 7, 8]]
    >>> queries[1, 3:] = np.nan
    >>> together.compare(together.transform(queries), together.transform_y(X[:2, 3:6])).shape
    (2, 2)
    """

    def __init__(self, estimator: Any, view: str | tuple[str, ...], find: str) -> None:
        self.estimator = estimator
        self.view = view
        self.find = find

    def fit(self, X: Any, y: Any = None) -> Self:
        """Raise an error, because the model of all views is fitted already.

        Parameters
        ----------
        X, y : object
            Ignored.

        Returns
        -------
        self : object
            Never.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError(
            f"A ViewPair cannot be fitted. Fit its {type(self.estimator).__name__} to the table of "
            "all views."
        )

    def check_views(self) -> None:
        """Raise an error unless the views are views of the model.

        Raises
        ------
        ValueError
            If there are no such views, or `find` is one of those of `view`.
        """
        names = self._all_names()
        given = self._names()
        known = [name for name in given if name in names]
        if not given or len(set(known)) < len(given):
            raise ValueError(
                f"`view` must be one of {sorted(names)}, or a tuple of different ones, got "
                f"{self.view!r}."
            )
        check_option("find", self.find, [name for name in names if name not in given])

    def transform(self, X: Any = None, y: Any = None) -> Any:
        """Project the first view, the second view, or both onto the components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns) or sequence, default=None
            First view, as ``transform_view`` of the model takes it. For several views, a table with
            their columns side by side, or with all columns of `fit`; a row may lack some of these
            views, but not all of them.
        y : array-like of shape (n_samples, n_columns) or sequence, default=None
            Second view, as ``transform_view`` of the model takes it.

        Returns
        -------
        variates : ndarray of shape (n_samples, n_components_), or pair of such arrays
            The variates of the given view, or of both views. The variates of several views together
            have variance 1 for rows that have all of them.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If neither view is given, if a view is invalid, or if the views have different numbers of
            rows.
        """
        self.check_views()
        if X is None and y is None:
            raise ValueError("X, y or both must be given, got None for both. Pass a view.")
        if X is None:
            return self.transform_y(y)
        if y is None:
            return self._transform_x(X)
        check_pairs(X, y)
        return self._transform_x(X), self.transform_y(y)

    def transform_y(self, y: Any) -> NDArray:
        """Project the second view alone.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_columns) or sequence
            Second view, as ``transform_view`` of the model takes it.

        Returns
        -------
        zy : ndarray of shape (n_samples, n_components_)
            Variates of the second view.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If the view is invalid.
        """
        self.check_views()
        return self._second(np.asarray(self.estimator.transform_view(self.find, y)))

    def join_views(self, variates: dict[str, NDArray]) -> tuple[NDArray, NDArray]:
        """Return the variates of the pair from those of the views of the model.

        Parameters
        ----------
        variates : dict of str to ndarray of shape (n_samples, n_components_)
            Output of ``transform_views`` of the model; NaN where a row lacks a view.

        Returns
        -------
        zx, zy : ndarray of shape (n_samples, n_components_)
            Variates of both sides of the pair, NaN where a row lacks a side.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        """
        self.check_views()
        return self._first(variates), self._second(variates[self.find])

    def _first(self, variates):
        """Return the variates of X from those of its views."""
        if isinstance(self.view, str):
            return variates[self.view]
        of_views = np.stack(
            [self.estimator._standardized(name, variates[name]) for name in self.view]
        )
        loadings, deviations, _ = self._combination()
        mean = posterior_mean(of_views, loadings)
        z = np.divide(mean, deviations, out=np.zeros_like(mean), where=deviations > 0)
        z[np.isnan(of_views[:, :, 0]).all(axis=0)] = np.nan
        return z.astype(of_views.dtype, copy=False)

    def _second(self, z):
        """Return the variates of y, which several views are compared with after standardization."""
        return z if isinstance(self.view, str) else self.estimator._standardized(self.find, z)

    def compare(self, zx: ArrayLike, zy: ArrayLike) -> NDArray:
        """Return the similarity of each row of `zx` to each row of `zy`.

        Parameters
        ----------
        zx : array-like of shape (n_samples_x, n_components_)
            Variates of the first view, from `transform`.
        zy : array-like of shape (n_samples_y, n_components_)
            Variates of the second view, from `transform_y`.

        Returns
        -------
        scores : ndarray of shape (n_samples_x, n_samples_y)
            Scores; higher means more similar. The parameter `similarity` of the model says how they are
            computed, with the correlations of this pair.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If variates contain NaN or do not have `n_components_` columns.
        """
        return similarity(zx, zy, **self.comparison())

    def comparison(self) -> dict[str, Any]:
        """Return the arguments with which `compare` calls `skdcca.metrics.similarity`.

        Returns
        -------
        arguments : dict
            Empty for the cosine; ``correlations`` and ``power`` for weighted variates; ``correlations``
            alone for the likelihood.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If the parameter `similarity` of the model is not an allowed value.
        """
        self.check_views()
        if isinstance(self.view, str):
            return self.estimator.comparison((self.view, self.find))
        kind = self.estimator.similarity
        check_similarity(kind)
        if kind == "cosine":
            return {}
        return comparison_arguments(kind, correlations=self.canonical_correlations_)

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return the sum of the correlations of all pairs of variates on the given rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns) or sequence
            First view, with at least two rows.
        y : array-like of shape (n_samples, n_columns) or sequence
            Second view.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, >= 0. If None, all rows have the same weight.

        Returns
        -------
        total : float
            Sum of the correlations, between ``-n_components_`` and ``n_components_``.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If the views are invalid or have different numbers of rows.
        """
        check_row_order(X, sample_weight, names=("X", "sample_weight"))
        return float(np.sum(variate_correlations(*self.transform(X, y), sample_weight)))

    @property
    def canonical_correlations_(self) -> NDArray:
        """Correlations of the variates of the two views, of shape ``(n_components_,)``."""
        if isinstance(self.view, str):
            self.check_views()
            correlations = self.estimator.pair_correlations_
            names = self.view, self.find
            return correlations[names if names in correlations else names[::-1]]
        return self._combination()[2]

    @property
    def n_components_(self) -> int:
        """Number of components."""
        check_is_fitted(self)
        return self.estimator.n_components_

    @property
    def y_transformer_(self) -> Any:
        """Fitted transformer of the second view; None if it is numbers."""
        return self._transformer(self.find)

    @property
    def x_loadings_(self) -> NDArray:
        """Loadings of the columns of X; AttributeError for several views at once."""
        if not isinstance(self.view, str):
            raise AttributeError(f"The views {self.view} together have no loadings.")
        return self.estimator.loadings_[self.view]

    @property
    def y_loadings_(self) -> NDArray:
        """Loadings of the columns of y."""
        return self.estimator.loadings_[self.find]

    @property
    def n_features_in_(self) -> int:
        """Number of columns of X, after its transformer."""
        return sum(len(self.estimator.loadings_[name]) for name in self._names())

    @property
    def n_features_y_(self) -> int:
        """Number of columns of y, after its transformer."""
        return len(self.y_loadings_)

    @property
    def feature_names_in_(self) -> NDArray | None:
        """Names of the columns of X, after its transformer; None if they are unknown."""
        return None if not isinstance(self.view, str) else self._column_names(self.view)

    @property
    def y_feature_names_in_(self) -> NDArray | None:
        """Names of the columns of y, after its transformer; None if they are unknown."""
        return self._column_names(self.find)

    def _column_names(self, name):
        transformer = self._transformer(name)
        if transformer is not None:
            return known_feature_names(transformer)
        names = getattr(self.estimator, "feature_names_in_", None)
        return None if names is None else names[self.estimator._columns[name].indices]

    def transformed_parts(self, X: Any = None, y: Any = None) -> list[tuple[Any, Any]]:
        """Return the transformers of one side of the pair, and the columns that each of them takes.

        Parameters
        ----------
        X, y : array-like or sequence, default=None
            Rows of the first or of the second view, exactly one of which must be given.

        Returns
        -------
        parts : list of (transformer, columns)
            For each view of this side that a row has, the fitted transformer, or None for numbers, and
            the columns of the rows that have the view.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If the rows are invalid.
        """
        rows, names = (y, (self.find,)) if X is None else (X, self._names())
        split = self.estimator.split_views(rows, names)
        return [
            (self._transformer(name), columns)
            for name, (has, columns) in split.items()
            if has.any()
        ]

    def _transformer(self, name):
        self.check_views()
        transformer = self.estimator.transformers_[name]
        return None if isinstance(transformer, str) else transformer

    def _transform_x(self, X):
        if isinstance(self.view, str):
            return np.asarray(self.estimator.transform_view(self.view, X))
        return self._first(self.estimator.transform_views(X, self.view))

    def _names(self):
        """Return the names of the views of X."""
        return tuple(self.view) if isinstance(self.view, list | tuple) else (self.view,)

    def _all_names(self):
        """Return the names of all views of the model, in their order."""
        check_is_fitted(self)
        return list(self.estimator._columns)

    def _combination(self):
        """Return the loadings, deviations and correlations of several views together."""
        self.check_views()
        names = self._all_names()
        correlations = np.asarray(self.estimator._factor_correlations(), dtype=np.float64)
        fitted = np.asarray(self.estimator._fitted_correlations(), dtype=np.float64).tobytes()
        weights = self.estimator._pair_weights().tobytes()
        places, find = tuple(map(names.index, self._names())), names.index(self.find)
        return _combination(correlations.tobytes(), fitted, weights, len(names), places, find)

    def __sklearn_is_fitted__(self):
        try:
            check_is_fitted(self.estimator)
        except NotFittedError:
            return False
        return True


@lru_cache(maxsize=32)
def _combination(pair_correlations, fitted, pair_weights, n_views, places, find):
    """Return how several views together are compared with another one.

    Parameters
    ----------
    pair_correlations : bytes
        Correlations of shape (n_pairs, n_components), in the order of `pairs_of`. They are bytes because
        the result is kept for the next query.
    fitted : bytes
        Correlations of the same shape that the loadings fit.
    pair_weights : bytes
        Weights of shape (n_pairs,), as in `factor_loadings`.
    n_views : int
        Number of views.
    places : tuple of int
        The views that are combined.
    find : int
        The other view.

    Returns
    -------
    loadings : ndarray of shape (n_places, n_components)
        Loadings of the combined views on the factors.
    deviations : ndarray of shape (n_components,)
        Standard deviations of the posterior means; 0 if the views have no factor.
    correlations : ndarray of shape (n_components,)
        Correlations of the posterior means with the other view.
    """
    pairs = pairs_of(n_views)
    correlations = np.frombuffer(pair_correlations).reshape(len(pairs), -1)
    matrix = np.tile(np.eye(n_views)[:, :, None], correlations.shape[1])
    for (i, j), r in zip(pairs, correlations, strict=True):
        matrix[i, j] = matrix[j, i] = r
    fitted = np.frombuffer(fitted).reshape(len(pairs), -1)
    loadings = factor_loadings(fitted, n_views, np.frombuffer(pair_weights))[list(places)]
    precision = loadings / (1 - loadings**2)
    weights = precision / (1 + (precision * loadings).sum(axis=0))
    own = matrix[np.ix_(places, places)]
    variance = np.einsum("ik,ijk,jk->k", weights, own, weights)
    deviations = np.sqrt(np.where(variance > _LEAST_VARIANCE, variance, 0.0))
    common = (weights * matrix[list(places), find]).sum(axis=0)
    found = np.divide(common, deviations, out=np.zeros_like(common), where=deviations > 0)
    result = loadings, deviations, np.clip(found, -1.0, 1.0)
    for array in result:
        array.flags.writeable = False
    return result
