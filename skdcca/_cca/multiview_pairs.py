"""Compare two of several views, and split a table into its views."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skdcca._cca.multiview_solution import pairs_of
from skdcca._cca.multiview_views import check_present, present_rows, select_views
from skdcca._utils.sklearn_compat import safe_indexing
from skdcca.base import check_similarity, comparison_arguments
from skdcca.metrics import similarity, variate_correlations

if TYPE_CHECKING:
    from skdcca._cca.view_pair import ViewPair


class PairsMixin:
    """Mixin of models of several views with the methods that compare two of them.

    A model has the methods of `ViewTableMixin`, the method `transform_view`, the parameter
    `similarity`, and these fitted attributes: `canonical_correlations_`, `transformers_`, `_columns`
    with the `ViewColumns` of each view by its name, and `_pair_correlations` of shape (n_pairs,
    n_components), in the order of `pairs_of`. If `transform_view` returns anything but variates with
    variance 1, it overrides `_standardized`.
    """

    def pair(self, view: str | tuple[str, ...], find: str) -> "ViewPair":
        """Return a two-view model of two of the views, which needs no fit.

        Its first view, X, is `view`, and its second view, y, is `find`. Whatever takes a fitted
        two-view model takes it: `CrossModalIndex`, the scorers and reports of `skdcca.metrics`.

        Parameters
        ----------
        view : str or tuple of str
            Name of a view. A tuple of names stands for several views that describe the same rows
            together, such as a query by audio and tags.
        find : str
            Name of another view.

        Returns
        -------
        pair : ViewPair
            The model. It refers to this one and is not a copy.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If there are no such views, or `find` is one of those of `view`.

        Examples
        --------
        >>> import numpy as np
        >>> from skdcca import MultiCCA
        >>> from skdcca.metrics import mrr_scorer
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 2)).repeat(3, axis=1) + 0.5 * rng.normal(size=(300, 6))
        >>> views = [(name, "passthrough", [i, i + 3]) for i, name in enumerate(("a", "b", "c"))]
        >>> cca = MultiCCA(views).fit(X[:200])
        >>> one, both = cca.pair("a", "c"), cca.pair(("a", "b"), "c")
        >>> a, c, a_and_b = X[200:, [0, 3]], X[200:, [2, 5]], X[200:, [0, 3, 1, 4]]
        >>> print(f"MRR {mrr_scorer(one, a, c):.2f}, of both {mrr_scorer(both, a_and_b, c):.2f}")
        MRR 0.12, of both 0.21
        """
        from skdcca._cca.view_pair import ViewPair

        check_is_fitted(self)
        found = ViewPair(self, _one_or_several(view), find)
        found.check_views()
        return found

    def split_views(
        self, X: Any, names: tuple[str, ...] | None = None
    ) -> dict[str, tuple[NDArray, Any]]:
        """Split a table into its views, as their transformers take them.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix} of shape (n_samples, n_features)
            Table with the columns of `fit`. If `names` are given, it may have the columns of these views
            only, in this order; a DataFrame with names may have other columns too. A single view may be
            as `transform_view` takes it.
        names : tuple of str, default=None
            Names of the views. If None, these are all views.

        Returns
        -------
        views : dict of str to (ndarray of shape (n_samples,), columns)
            For each view, which rows have it, and its columns of these rows.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If a column is missing, or if a row has none of the views or a part of one.
        """
        check_is_fitted(self)
        if names is None:
            present, selected = self._select(self._check_table(X), self.transformers_)
            return dict(zip(selected, zip(present.T, selected.values(), strict=True), strict=True))
        selected = select_views(self, X, {name: self._columns[name] for name in names})
        present = {
            name: present_rows(name, view, self.transformers_[name])
            for name, view in selected.items()
        }
        check_present(np.any(list(present.values()), axis=0), list(names))
        return {name: (has, _some_rows(selected[name], has)) for name, has in present.items()}

    def transform_views(self, X: Any, names: tuple[str, ...] | None = None) -> dict[str, NDArray]:
        """Project the views of a table, each by itself.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix} of shape (n_samples, n_features)
            Table as `split_views` takes it.
        names : tuple of str, default=None
            Names of the views. If None, these are all views.

        Returns
        -------
        variates : dict of str to ndarray of shape (n_samples, n_components_)
            Variates of each view, NaN where a row lacks it.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If a column is missing, or if a row has none of the views or a part of one.
        """
        return self._transform_split(self.split_views(X, names))

    def _transform_split(self, split):
        """Return what `transform_views` returns, from what `split_views` returned."""
        return {name: self._all_rows(name, *of_view) for name, of_view in split.items()}

    def _standardized(self, name, z):
        """Return what `transform_view` returned for a view, as variates with variance 1."""
        return z

    def _all_rows(self, name, present, columns):
        """Return the variates of a view, with NaN for the rows that lack it."""
        if not present.any():
            return np.full((len(present), self.n_components_), np.nan)
        some = np.asarray(self.transform_view(name, columns))
        if present.all():
            return some
        z = np.full((len(present), some.shape[1]), np.nan, dtype=some.dtype)
        z[present] = some
        return z

    def compare(self, za: ArrayLike, zb: ArrayLike, pair: tuple[str, str] | None = None) -> NDArray:
        """Return the similarity of each row of `za` to each row of `zb`.

        Parameters
        ----------
        za : array-like of shape (n_samples_a, n_components_)
            Variates of one view, or factors.
        zb : array-like of shape (n_samples_b, n_components_)
            Variates of another view, or factors.
        pair : tuple of two str, default=None
            Names of the views, whose correlations weight the components. If None, these are
            `canonical_correlations_`.

        Returns
        -------
        scores : ndarray of shape (n_samples_a, n_samples_b)
            Scores; higher means more similar. The parameter `similarity` says how they are computed.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `pair` is not a pair of views, or if variates contain NaN or do not have
            `n_components_` columns.
        """
        return similarity(za, zb, **self.comparison(pair))

    def comparison(self, pair: tuple[str, str] | None = None) -> dict[str, Any]:
        """Return the arguments with which `compare` calls `skdcca.metrics.similarity`.

        Parameters
        ----------
        pair : tuple of two str, default=None
            Names of the views that are compared.

        Returns
        -------
        arguments : dict
            Empty for the cosine; ``correlations`` and ``power`` for weighted variates; ``correlations``
            alone for the likelihood.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `pair` is not a pair of views, or `similarity` is not an allowed value.
        """
        check_is_fitted(self)
        check_similarity(self.similarity)
        correlations = self.canonical_correlations_
        if pair is not None:
            correlations = self.pair_correlations_[self._known_pair(pair)]
        if self.similarity == "cosine":
            return {}
        return comparison_arguments(self.similarity, correlations=correlations)

    def _known_pair(self, pair):
        """Return the names of a pair in the order of the views."""
        names = list(self._columns)
        is_pair = isinstance(pair, list | tuple) and len(pair) == 2
        if not is_pair or pair[0] == pair[1] or any(name not in names for name in pair):
            raise ValueError(
                f"`pair` must be a tuple of two different views of {names}, got {pair!r}."
            )
        return tuple(sorted(pair, key=names.index))

    @property
    def pair_correlations_(self) -> dict[tuple[str, str], NDArray]:
        """Correlations of each pair of views, of shape ``(n_components_,)``, by their names."""
        check_is_fitted(self)
        names = list(self._columns)
        pairs = pairs_of(len(names))
        return {
            (names[i], names[j]): r
            for (i, j), r in zip(pairs, self._pair_correlations, strict=True)
        }


def _one_or_several(view):
    """Return the names of views as a tuple, or the name of a single one."""
    if not isinstance(view, list | tuple):
        return view
    return view[0] if len(view) == 1 else tuple(view)


def _some_rows(columns, has):
    return columns if has.all() else safe_indexing(columns, np.flatnonzero(has))


def mean_correlations(variates, present, weight):
    """Return the correlations of the variates, averaged over all pairs of views that meet twice."""
    found = []
    for i, j in pairs_of(len(variates)):
        both = present[:, i] & present[:, j]
        if both.sum() > 1:
            of_pair = None if weight is None else weight[both]
            found.append(variate_correlations(variates[i, both], variates[j, both], of_pair))
    if not found:
        raise ValueError(
            "X must have two rows with the same two views to be scored, got none. Pass more rows."
        )
    return np.mean(found, axis=0)
