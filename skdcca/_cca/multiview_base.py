"""Define what the models of more than two views have in common."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skdcca._cca.checks import check_weight
from skdcca._cca.multiview_pairs import PairsMixin, mean_correlations
from skdcca._cca.multiview_solution import factor_loadings, posterior_mean
from skdcca._cca.multiview_table import ViewTableMixin, without_zero_weights
from skdcca._cca.multiview_views import check_triples, present_rows
from skdcca._utils.blocks import is_dask, map_rows
from skdcca._utils.sklearn_compat import (
    BaseComposition,
    check_feature_names_in,
    get_container_adapter,
)
from skdcca._utils.state import StateMixin
from skdcca._utils.validation import check_integer, check_option
from skdcca.base import check_similarity


class BaseMultiCCA(StateMixin, ViewTableMixin, PairsMixin, TransformerMixin, BaseComposition):
    """Base class of `MultiCCA` and `DeepMultiCCA`.

    A subclass has the parameters `views`, `n_components`, `output` and `similarity`. Fitted models
    have the private attributes of `ViewTableMixin`, `transformers_`, `n_components_`,
    `canonical_correlations_` and `_pair_correlations`, of shape ``(n_pairs, n_components_)``, and
    implement ``_project(name, view)``.
    """

    views: Sequence[tuple[str, Any, Any]]
    n_components: int | None
    output: str
    similarity: str | float

    @property
    def _named_transformers(self):
        try:
            return [(name, transformer) for name, transformer, _ in self.views]
        except (TypeError, ValueError):  # `fit` raises a better error
            return self.views

    @_named_transformers.setter
    def _named_transformers(self, pairs):
        columns = [columns for _, _, columns in self.views]
        self.views = [(*pair, of_view) for pair, of_view in zip(pairs, columns, strict=True)]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the model and of the transformers of its views.

        Parameters
        ----------
        deep : bool, default=True
            If True, include the transformers by the names of their views, and their parameters as
            ``name__parameter``.

        Returns
        -------
        params : dict
            Parameters by name.
        """
        return self._get_params("_named_transformers", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the model, replace transformers, or set parameters of transformers.

        Parameters
        ----------
        **params : dict
            Parameters of the model; transformers by the name of their view, "passthrough" or "drop"; or
            parameters of transformers as ``name__parameter``.

        Returns
        -------
        self : object
            The model.
        """
        self._set_params("_named_transformers", **params)
        return self

    def transform(self, X: Any) -> NDArray:
        """Project all views onto the components, or estimate the factors that they share.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            Table with the columns of `fit`. A row must have at least one of the views.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_views * n_components_) or (n_samples, n_components_)
            With ``output="variates"``, the variates of all views side by side; `output_indices_` gives
            the columns of each view. They are NaN where a row lacks a view. With
            ``output="consensus"``, the posterior mean of the shared factors, from the views that a
            row has; there is no NaN. The dtype is float32 if all views are, and otherwise float64.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the table has other columns than in `fit`, or if a row has none of the views or a part
            of a view.
        """
        check_is_fitted(self)
        check_option("output", self.output, ("variates", "consensus"))
        if is_dask(X):
            return map_rows(self._transform, X, len(self.get_feature_names_out()))
        return self._transform(X)

    def _transform(self, X):
        X = self._check_table(X)
        if self.output == "variates":
            return np.hstack(list(self._variates(X)))
        variates = self._standard_variates(X)
        correlations = self._fitted_correlations()
        loadings = factor_loadings(correlations, len(variates), self._pair_weights())
        return posterior_mean(variates, loadings).astype(variates.dtype, copy=False)

    def _standard_variates(self, X):
        """Return the variates of all views with variance 1, as `_variates` does."""
        return self._variates(X)

    def _factor_correlations(self):
        """Return the correlations of all pairs of views, of variates with variance 1."""
        return self._pair_correlations

    def _fitted_correlations(self):
        """Return the correlations that the loadings of the shared factors fit."""
        return self._factor_correlations()

    def _pair_weights(self):
        """Return how much each pair of views counts for the loadings, by its number of common rows."""
        n_common = getattr(self, "_n_common", None)
        n_pairs = len(self._pair_correlations)
        return np.ones(n_pairs) if n_common is None else n_common / n_common.max()

    def transform_view(self, name: str, V: Any) -> NDArray:
        """Project one view alone, for example lyrics that are queries for audio.

        Parameters
        ----------
        name : str
            Name of the view.
        V : {DataFrame, array-like, sparse matrix, sequence of str} of shape (n_samples, n_columns)
            Columns of the view, as its transformer takes them. A DataFrame may have other columns too
            if that of `fit` had names. A view of a single column that its transformer takes as a
            vector may be a sequence.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_)
            Variates of the view.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If there is no such view, if V has other columns than in `fit`, or if a row lacks the view.
        """
        check_is_fitted(self)
        check_option("name", name, list(self._columns))
        names = getattr(self, "feature_names_in_", None)
        view = self._columns[name].select_named(name, V, names)
        present = present_rows(name, view, self.transformers_[name])
        if not present.all():
            raise ValueError(
                f"Row {np.argmin(present)} lacks the view {name!r}. Remove it, or pass whole rows to "
                "transform."
            )
        z = self._project(name, self._numbers(name, view))
        adapter = get_container_adapter("transform", self)
        if adapter is None:
            return z
        return adapter.create_container(z, V, columns=np.array(self._names_out(name), dtype=object))

    def score(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the sum over the components of the mean correlation of all pairs of views.

        For two views this is the score of `LinearCCA`. The correlation of two views is that of the
        rows that have both; pairs of views that fewer than two of the rows have are left out.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix} of shape (n_samples, n_features)
            Table with the columns of `fit`.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, >= 0. If None, all rows have the same weight.

        Returns
        -------
        total : float
            Sum of the mean correlations, between ``-n_components_`` and ``n_components_``.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the table is invalid (see `transform`), if weights are negative or sum to 0, or if no
            two views have at least two rows in common.
        """
        check_is_fitted(self)
        X = self._check_table(X)
        X, weight = without_zero_weights(X, check_weight(sample_weight, X, complete=False))
        variates = self._standard_variates(X)
        present = ~np.isnan(variates[:, :, 0]).T
        return float(np.sum(mean_correlations(variates, present, weight)))

    @property
    def output_indices_(self) -> dict[str, slice]:
        """Columns of each view in the output of `transform` with ``output="variates"``."""
        check_is_fitted(self)
        k = self.n_components_
        return {name: slice(i * k, (i + 1) * k) for i, name in enumerate(self._columns)}

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Ignored, except that names must be those of `fit`.

        Returns
        -------
        names : ndarray of str
            Such as ``"audio__0"`` for the first component of the view "audio", or ``"consensus0"``.
        """
        check_is_fitted(self)
        check_feature_names_in(self, input_features, generate_names=False)
        if self.output == "consensus":
            names = [f"consensus{c}" for c in range(self.n_components_)]
        else:
            names = [name for view in self._columns for name in self._names_out(view)]
        return np.array(names, dtype=object)

    def _names_out(self, view):
        return [f"{view}__{c}" for c in range(self.n_components_)]

    def _check_views(self):
        """Raise an error if a parameter is invalid that all models of several views have."""
        check_triples(self.views)
        self._validate_names([name for name, _, _ in self.views])
        if len(self._active()) < 2:
            raise ValueError(
                f"`views` must have at least two views that are not 'drop', got {len(self._active())}. "
                "Add a view."
            )
        check_integer("n_components", self.n_components, or_none=True)
        check_option("output", self.output, ("variates", "consensus"))
        check_similarity(self.similarity)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        with suppress(Exception):  # `fit` refuses what has no tags, with a better message
            tags.input_tags.sparse = all(
                isinstance(transformer, str) or get_tags(transformer).input_tags.sparse
                for _, transformer, _ in self.views
            )
        tags.input_tags.string = True
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
