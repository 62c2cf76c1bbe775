"""Implement canonical correlation analysis of more than two views, of which rows may lack some."""

import copy
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skdcca._cca.checks import check_weight
from skdcca._cca.multiview_fit import fit_by_moments, fit_in_memory
from skdcca._cca.multiview_moments import ViewMoments
from skdcca._cca.multiview_pairs import PairsMixin, mean_correlations
from skdcca._cca.multiview_solution import factor_loadings, posterior_mean
from skdcca._cca.multiview_table import ViewTableMixin, without_zero_weights
from skdcca._cca.multiview_views import (
    check_common,
    check_ridges,
    check_triples,
    is_fitted_already,
    numbers,
    present_rows,
)
from skdcca._utils.blocks import Blocks, blocks_of, is_dask, map_rows
from skdcca._utils.row_order import check_row_order
from skdcca._utils.sklearn_compat import (
    BaseComposition,
    check_feature_names_in,
    get_container_adapter,
    num_samples,
    safe_indexing,
)
from skdcca._utils.state import StateMixin
from skdcca._utils.validation import check_integer, check_option
from skdcca._utils.view_errors import block_errors
from skdcca.base import check_similarity


class MultiCCA(StateMixin, ViewTableMixin, PairsMixin, TransformerMixin, BaseComposition):
    r"""Canonical correlation analysis (CCA) of two or more views, of which rows may lack some.

    The views are columns of one table, as in `sklearn.compose.ColumnTransformer`: audio features,
    lyrics, tags, covers. MultiCCA finds weights for each of them so that the variates of all views
    correlate as much as possible. Any view then finds any other one. For two views the model is
    `LinearCCA`.

    The columns of all views are centered and standardized internally, so their units do not matter.

    Parameters
    ----------
    views : list of (str, transformer or {"passthrough", "drop"}, columns)
        Name, transformer and columns of each view. A clone of the transformer is fitted; its output may
        be sparse. "passthrough" takes columns of numbers as they are, and "drop" leaves a view out.
        Columns are names, positions, a slice, a mask or a callable such as
        `sklearn.compose.make_column_selector`. A single name or position, instead of a list, passes the
        column as a vector, as text vectorizers expect it.
    n_components : int, default=None
        Number of components, at most the smallest rank of a view. If None, it is this rank.
    reg : {"auto", "oas", "ledoit_wolf"} or float, sequence or dict of them, default="auto"
        Ridge, which is added to the variance of each standardized column, as in `LinearCCA`. A sequence
        sets one ridge for each view, and a dict one for each name. A large ridge for a noisy view keeps
        it from harming the others. 0 is classical CCA.
    output : {"variates", "consensus"}, default="variates"
        What `transform` returns: the variates of all views side by side, or an estimate of the factors
        that all views share. It can be changed after `fit`.
    similarity : {"weighted", "cosine", "likelihood"} or float, default="weighted"
        How `compare` scores a row of one view for a row of another one, as in `LinearCCA`.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Correlations of the variates of the training rows, averaged over all pairs of views. With a
        ridge they are the values of the objective, which are smaller.
    pair_correlations_ : dict of (str, str) to ndarray of shape (n_components_,)
        Correlations of each pair of views, on the rows that have both.
    weights_ : dict of str to ndarray of shape (n_columns, n_components_)
        Weights of each view, for the output of its transformer in its own units: the variates are
        ``(V - means_[name]) @ weights_[name]``.
    loadings_ : dict of str to ndarray of shape (n_columns, n_components_)
        Correlation of each column of a view with each of its variates; 0 for a constant column.
    means_, scales_ : dict of str to ndarray of shape (n_columns,)
        Mean and standard deviation of the columns of each view. The scale of a constant column is 1.
    reg_ : dict of str to float
        Ridge of each view.
    transformers_ : dict of str to transformer
        The fitted transformers, or "passthrough".
    output_indices_ : dict of str to slice
        Columns of each view in the output of `transform` with ``output="variates"``.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X. Only defined if all of them are strings.

    Raises
    ------
    TypeError
        From `fit`, if a transformer is not a transformer.
    ValueError
        From `fit`, if a parameter is out of range; if a view contains infinity or text, or all of its
        columns are constant; if a row has none of the views or only a part of one; or if two views
        have fewer than two rows in common.

    Warns
    -----
    PerfectCorrelationWarning
        If two views without a ridge have ranks that sum to more than the number of their common rows
        minus 1. Some of their correlations are then 1 whatever the data are.
    PrecisionWarning
        From `partial_fit`, `fit_blocks` and sparse views, if columns are so nearly dependent that
        directions of a view are lost.

    See Also
    --------
    LinearCCA : CCA of two views, with predictions of one from the other.
    sklearn.compose.ColumnTransformer : Transform columns without relating them.

    Notes
    -----
    Let :math:`R_{ij}` be the correlations between the columns of the views i and j, :math:`\rho_i` the
    ridge, and :math:`L_i L_i^\top = R_{ii} + \rho_i I`. The components are the leading eigenvectors t of
    the matrix with the identity in its diagonal blocks and [1]_

    .. math:: K_{ij} = L_i^{-1} R_{ij} L_j^{-\top}

    elsewhere. The part :math:`t_i` of a view gives its weights
    :math:`L_i^{-\top} t_i / \lVert t_i \rVert`, divided by the standard deviations of the
    columns. Components are sorted by their eigenvalues, so `canonical_correlations_` need not be sorted
    exactly. With more than two views, variates of one view can correlate with each other. The signs of
    a component are those with which its largest loading on the first view is positive.

    **Missing views.** A row lacks a view if all of its columns are null (NaN, None, NaT or `pandas.NA`;
    an empty text is a text). Such rows never reach the transformer of the view. Means, deviations
    and :math:`L_i` are those of the rows that have the view. In all products, also those of the
    diagonal blocks, a row counts the number of views over the number of views that it has [2]_, and the
    ridge is added to the diagonal. If nothing is missing, this is the solution above. A row with
    a part of a view is an error, unless the transformer of the view declares that it takes NaN, as
    `sklearn.impute.SimpleImputer` does.

    **Consensus.** Each component is taken for a factor with variance 1, of which view i has the variate
    :math:`a_i f + e_i` with variance 1 and independent errors [3]_. The loadings :math:`a_i` fit the
    correlations of the pairs by least squares. The posterior mean of the factor is

    .. math:: \frac{\sum_i z_i a_i / (1 - a_i^2)}{1 + \sum_i a_i^2 / (1 - a_i^2)},

    with sums over the views that a row has. It is nearer to 0 for rows with fewer views.

    References
    ----------
    .. [1] J. R. Kettenring, "Canonical analysis of several sets of variables", Biometrika 58 (1971).
    .. [2] M. van de Velden and Y. Takane, "Generalized canonical correlation analysis with missing
       values", Computational Statistics 27 (2012).
    .. [3] F. R. Bach and M. I. Jordan, "A probabilistic interpretation of canonical correlation
       analysis", Technical Report 688, University of California, Berkeley, 2005.

    Examples
    --------
    Three views that share one factor, of which every third row lacks one:

    >>> import numpy as np
    >>> from skdcca import MultiCCA
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.normal(size=(300, 1))
    >>> X = shared + rng.normal(size=(300, 9))
    >>> X[::3, 6:] = np.nan
    >>> views = [
    ...     ("audio", "passthrough", slice(0, 3)),
    ...     ("lyrics", "passthrough", slice(3, 6)),
    ...     ("tags", "passthrough", slice(6, 9)),
    ... ]
    >>> cca = MultiCCA(views, n_components=1).fit(X)
    >>> cca.pair_correlations_["audio", "tags"].round(1)
    array([0.7])
    >>> cca.transform(X[:2]).round(1)
    array([[ 0.9, -0.8,  nan],
           [-0.1,  0.3, -0.4]])

    The factor that they share, from the views that a row has:

    >>> factor = cca.set_params(output="consensus").transform(X)
    >>> np.corrcoef(factor[:, 0], shared[:, 0])[0, 1].round(2)
    np.float64(0.94)
    """

    def __init__(
        self,
        views: Sequence[tuple[str, Any, Any]],
        n_components: int | None = None,
        *,
        reg: float | str | Sequence[float | str] | dict[str, float | str] = "auto",
        output: str = "variates",
        similarity: str | float = "weighted",
    ) -> None:
        self.views = views
        self.n_components = n_components
        self.reg = reg
        self.output = output
        self.similarity = similarity

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

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model to the views of a table.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            Table with the columns of all views. Dask arrays and memory-mapped arrays are read in blocks
            of rows and are never loaded into memory as a whole.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, >= 0. A row with weight 2 counts as two equal rows, and a row with
            weight 0 is ignored. If None, all rows have weight 1.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If a transformer is not a transformer.
        ValueError
            If the table or a parameter is invalid; see the description of the class.
        """
        blocks = self._blocks_of(X, sample_weight)
        if blocks is not None:
            return self._learn_blocks(blocks)
        with self._rollback():
            self._check_parameters()
            X = self._check_table(X, reset=True)
            X, weight = without_zero_weights(X, check_weight(sample_weight, X))
            self._forget_moments()
            present, views = self._fit_views(X)
            self._set_solution(
                fit_in_memory(
                    list(self._columns), self._ridges(), self.n_components, present, views, weight
                )
            )
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Update the model with more rows.

        The result is the same as after `fit` on all rows so far. Only the moments of the rows are
        kept, so memory does not grow with their number. The first call fits the transformers. A call
        after `fit` or `fit_blocks` starts a new model.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of the table. The first call needs more rows of each view than `n_components`.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, >= 0. If None, all rows have weight 1.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the rows are invalid (see `fit`), or if `reg` is "ledoit_wolf", which needs all rows at
            once. The model then keeps its state from the previous call.
        """
        seen = getattr(self, "_moments", None)
        is_first = seen is None
        with self._rollback():
            self._check_parameters(streamed=True)
            X = self._check_table(X, reset=is_first)
            weight = check_weight(sample_weight, X, complete=is_first)
            X, weight = without_zero_weights(X, weight)
            present, views = self._fit_views(X) if is_first else self._views(X)
            # The copy leaves the moments of earlier calls unchanged if this call fails.
            moments = (
                ViewMoments([view.shape[1] for view in views]) if is_first else copy.deepcopy(seen)
            )
            self._moments = moments.add(present, views, weight)
            self._solve_moments(self._moments)
        return self

    def fit_blocks(self, blocks: Iterable | Callable[[], Iterable]) -> Self:
        """Fit the model to blocks of rows, which together may exceed memory.

        The result is the same as that of `fit` on all rows. Transformers must be fitted already and
        wrapped in `sklearn.frozen.FrozenEstimator`, unless they need no fit.

        Parameters
        ----------
        blocks : iterable or callable
            Tables, or pairs ``(X, sample_weight)``, or a function without arguments that returns an
            iterable of them. Blocks may have different numbers of rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `blocks` is neither an iterable nor a function.
        ValueError
            If `blocks` is empty, if a transformer is not fitted, if `reg` is "ledoit_wolf", or if a
            block is invalid. The error gives the number of the block, from 0.
        """
        is_table = hasattr(blocks, "shape")
        if is_table or not (callable(blocks) or hasattr(blocks, "__iter__")):
            raise TypeError(
                "`blocks` must be an iterable of tables, or a function without arguments that returns "
                f"one, got {type(blocks).__name__}. Pass a single table to fit."
            )
        again = callable(blocks) or iter(blocks) is not blocks
        tuples = partial(_as_tuples, blocks) if again else _as_tuples(blocks)
        return self._learn_blocks(Blocks(tuples))

    def _learn_blocks(self, blocks):
        with self._rollback():
            self._check_parameters(streamed=True)
            self._refuse_unfitted()
            self._forget_moments()
            first = blocks.first()
            with block_errors(0):
                X = self._check_table(first[0], reset=True, min_rows=0)
                self._columns = self._find_columns(X)
                self.transformers_ = {name: view[1] for name, view in self._active().items()}
                self._find_sizes(self._weighted_rows(first)[0])
            new = partial(ViewMoments, list(self._sizes.values()))
            moments = blocks.gather(new, self._validate_block)
            self._check_moments(moments)
            self._solve_moments(moments)
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
        variates = self._variates(self._check_table(X))
        if self.output == "variates":
            return np.hstack(list(variates))
        loadings = factor_loadings(self._pair_correlations, len(variates))
        return posterior_mean(variates, loadings).astype(variates.dtype, copy=False)

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
        z = self._project(name, numbers(name, self.transformers_[name], view))
        adapter = get_container_adapter("transform", self)
        if adapter is None:
            return z
        return adapter.create_container(z, V, columns=np.array(self._names_out(name), dtype=object))

    def score(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the sum over the components of the mean correlation of all pairs of views.

        For two views this is the score of `LinearCCA`. The correlation of two views is that of the
        rows that have both.

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
            If the table is invalid (see `transform`), or if two views have fewer than two rows in
            common.
        """
        check_is_fitted(self)
        check_row_order(X, sample_weight, names=("X", "sample_weight"))
        variates = self._variates(self._check_table(X))
        present = ~np.isnan(variates[:, :, 0]).T
        check_common(list(self._columns), present.T.astype(np.int64) @ present)
        return float(np.sum(mean_correlations(variates, present, sample_weight)))

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

    def _check_parameters(self, streamed=False):
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
        if streamed and "ledoit_wolf" in self._ridges():
            raise ValueError(
                "`reg` must not be 'ledoit_wolf' for rows in blocks, because it needs all rows at once. "
                "Use 'auto' or 'oas'."
            )
        self._ridges()

    def _ridges(self):
        """Return the ridges of the views that are not dropped, or the names of the rules."""
        names, active = [name for name, _, _ in self.views], self._active()
        ridges = check_ridges(self.reg, names)
        return [reg for name, reg in zip(names, ridges, strict=True) if name in active]

    def _refuse_unfitted(self):
        for name, transformer, _ in self._active().values():
            if not is_fitted_already(transformer):
                raise ValueError(
                    f"The transformer of the view {name!r} must be fitted for rows in blocks, got "
                    f"{transformer!r}. Fit it beforehand and wrap it in FrozenEstimator."
                )

    def _blocks_of(self, X, sample_weight):
        """Return blocks of rows, or None if the model must be fitted on whole arrays."""
        weight = () if sample_weight is None else (sample_weight,)
        blocks = blocks_of(X, *weight)
        if blocks is None or is_dask(X):
            return blocks
        ready = all(is_fitted_already(transformer) for _, transformer, _ in self.views)
        # With more columns than rows the moments would be larger than the table.
        return blocks if ready and X.shape[0] > X.shape[1] else None

    def _forget_moments(self):
        """Make the next `partial_fit` start a new model."""
        vars(self).pop("_moments", None)

    def _validate_block(self, number, block):
        """Return which views the rows of a block have, the numbers of each view, and the weights."""
        with block_errors(number):
            X, weight = self._weighted_rows(block)
            return (*self._views(X), weight)

    def _weighted_rows(self, block):
        """Return the rows of a block with positive weights, and these weights."""
        X = self._check_table(block[0], min_rows=0)
        weight = block[1] if len(block) > 1 else None
        if np.shape(weight) == (num_samples(X),) and not np.any(weight):
            # One block may have zero weights only; all blocks together may not.
            return safe_indexing(X, np.arange(0)), None
        return without_zero_weights(X, check_weight(weight, X, complete=False))

    def _check_moments(self, moments):
        check_common(list(self._columns), moments.n_rows)
        for name, weight in zip(self._columns, moments.weights, strict=True):
            if weight <= 1:
                raise ValueError(
                    f"The weights of the rows of the view {name!r} must sum to more than 1, got "
                    f"{weight:.3g}. Pass larger weights: a weight of 2 counts as two rows."
                )

    def _solve_moments(self, moments):
        names = list(self._columns)
        self._set_solution(fit_by_moments(names, self._ridges(), self.n_components, moments))

    def _set_solution(self, solution):
        """Set the fitted attributes."""
        names = list(self._columns)
        for attribute in ("weights_", "loadings_", "means_", "scales_"):
            values = getattr(solution, attribute[:-1])
            setattr(self, attribute, dict(zip(names, values, strict=True)))
        self.reg_ = dict(zip(names, solution.ridges, strict=True))
        self._pair_correlations = solution.correlations
        self.canonical_correlations_ = solution.correlations.mean(axis=0)
        self.n_components_ = len(self.canonical_correlations_)

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


def _as_tuples(blocks):
    """Yield every block as a tuple of a table and, if there are any, its weights."""
    for block in blocks() if callable(blocks) else blocks:
        yield block if isinstance(block, tuple) else (block,)
