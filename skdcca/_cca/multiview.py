"""Implement canonical correlation analysis of more than two views, of which rows may lack some."""

import copy
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skdcca._cca.checks import check_weight
from skdcca._cca.multiview_base import BaseMultiCCA
from skdcca._cca.multiview_fit import RowsInBlocks, fit_by_moments, fit_in_memory
from skdcca._cca.multiview_moments import ViewMoments
from skdcca._cca.multiview_solution import pairs_of
from skdcca._cca.multiview_table import without_empty_rows, without_zero_weights
from skdcca._cca.multiview_views import (
    check_common,
    check_ridges,
    is_fitted_already,
)
from skdcca._utils.blocks import Blocks, blocks_of, is_dask
from skdcca._utils.sklearn_compat import (
    num_samples,
    safe_indexing,
)
from skdcca._utils.view_errors import block_errors, describe

# Shared factors are estimated as if every correlation of two views was at least this.
_LEAST = 0.02


class MultiCCA(BaseMultiCCA):
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
        Correlations of each pair of views, on the rows that have both; with a ridge, values of the
        objective as above.
    leave_one_out_correlations_ : dict of (str, str) to ndarray of shape (n_components_,), or None
        Estimates of what the correlations of each pair are on new rows, which are smaller, the more so
        the more columns there are; see the Notes. None after `partial_fit`, `fit_blocks`, and `fit` on
        dask and memory-mapped arrays.
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
    FewSamplesWarning
        If two views meet in fewer than 10 rows, so that their correlations say little.
    PrecisionWarning
        From `partial_fit`, `fit_blocks` and sparse views, if columns are so nearly dependent that
        directions of a view are lost.

    See Also
    --------
    LinearCCA : CCA of two views, with predictions of one from the other.
    DeepMultiCCA : Networks of several views, which keep this model where they are not better.
    ViewPair : Two of the views as a two-view model, from the method `pair`.
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
    a component are those with which its largest loading on the first view that has a part in it is
    positive.

    **Missing views.** A row lacks a view if all of its columns are null (NaN, None, NaT or `pandas.NA`;
    an empty text is a text). Such rows never reach the transformer of the view. Means, deviations
    and :math:`L_i` are those of the rows that have the view. In all products, also those of the
    diagonal blocks, a row counts the number of views over the number of views that it has [2]_, and the
    ridge is added to the diagonal. If nothing is missing, this is the solution above. A row with
    a part of a view is an error, unless the transformer of the view, or its first step, declares that it
    takes NaN, as `sklearn.impute.SimpleImputer` does. Rows that have none of the views, but one that is
    dropped, are left out.

    **Rows left out.** Each variate is a ridge regression of its view on a combination of the other
    variates. So the leverages of the training rows tell what their variates would be if each row had
    been left out of the fit of its view [4]_, without another fit. These variates give
    `leave_one_out_correlations_`. If there are more than 5,000 rows, only some of them are left out.

    **Consensus.** Each component is taken for a factor with variance 1, of which view i has the variate
    :math:`z_i = a_i f + e_i` with variance 1 and independent errors [3]_. The loadings :math:`a_i` fit
    the correlations of the pairs by least squares, weighted by the numbers of their common rows. The
    correlations are those of rows left out, because a view with many columns correlates with all
    others on the training rows. If they are not known, the loadings fit the correlations of the
    training rows, which a ridge shrinks. The posterior mean of the factor is

    .. math:: \frac{\sum_i z_i a_i / (1 - a_i^2)}{1 + \sum_i a_i^2 / (1 - a_i^2)},

    with sums over the views that a row has. It is nearer to 0 for rows with fewer views.

    References
    ----------
    .. [1] J. R. Kettenring, "Canonical analysis of several sets of variables", Biometrika 58 (1971).
    .. [2] M. van de Velden and Y. Takane, "Generalized canonical correlation analysis with missing
       values", Computational Statistics 27 (2012).
    .. [3] F. R. Bach and M. I. Jordan, "A probabilistic interpretation of canonical correlation
       analysis", Technical Report 688, University of California, Berkeley, 2005.
    .. [4] G. C. Cawley and N. L. C. Talbot, "Efficient leave-one-out cross-validation of kernel Fisher
       discriminant classifiers", Pattern Recognition 36 (2003).

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
    array([0.8])
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

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model to the views of a table.

        Parameters
        ----------
        X : {DataFrame, array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            Table with the columns of all views. Dask arrays are read in blocks of rows and are never
            loaded into memory as a whole; so are memory-mapped arrays with more rows than columns, if
            no transformer needs a fit.
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
            present, weight = without_empty_rows(present, weight)
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
            If the rows are invalid (see `fit`), or if `reg` is "ledoit_wolf", which needs the rows
            twice. The model then keeps its state from the previous call.
        """
        seen = getattr(self, "_moments", None)
        is_first = seen is None
        with self._rollback():
            self._check_parameters(streamed=True)
            X = self._check_table(X, reset=is_first)
            weight = check_weight(sample_weight, X, complete=is_first)
            X, weight = without_zero_weights(X, weight)
            present, views = self._fit_views(X) if is_first else self._views_again(X)
            present, weight = without_empty_rows(present, weight)
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
            If `blocks` is empty, if a transformer is not fitted, if `reg` is "ledoit_wolf" and the
            blocks can be read only once, or if a block is invalid. The error gives the number of the
            block, from 0.
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
            self._check_parameters(streamed=not blocks.again)
            self._refuse_unfitted()
            self._forget_moments()
            first = blocks.first()
            with block_errors(0):
                self._set_columns(self._check_table(first[0], reset=True, min_rows=0))
            self.transformers_ = {name: view[1] for name, view in self._active().items()}
            self._find_sizes(blocks, lambda block: self._weighted_rows(block)[0])
            new = partial(ViewMoments, list(self._sizes.values()))
            moments = blocks.gather(new, self._validate_block)
            check_common(list(self._columns), moments.n_rows)
            rows = RowsInBlocks(blocks, self._validate_block) if blocks.again else None
            self._solve_moments(moments, rows)
        return self

    def _check_parameters(self, streamed=False):
        self._check_views()
        if streamed and "ledoit_wolf" in self._ridges():
            raise ValueError(
                "`reg` must not be 'ledoit_wolf' for rows that are read once, because it needs them "
                "twice. Use 'auto' or 'oas', or pass fit_blocks a list or a function."
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
            present, views = self._views(X)
            present, weight = without_empty_rows(present, weight)
            return present, views, weight

    def _views_again(self, X):
        """Return the views of more rows; they must be those of the first call of `partial_fit`."""
        names = list(self._active())
        if names != list(self._columns):
            raise ValueError(
                f"`views` must be those of the first call of partial_fit, {list(self._columns)}, got "
                f"{names}. Start with a new model."
            )
        return self._views(X)

    def _weighted_rows(self, block):
        """Return the rows of a block with positive weights, and these weights."""
        if len(block) > 2:
            raise ValueError(f"must be a table or a pair (X, sample_weight), got {describe(block)}")
        X = self._check_table(block[0], min_rows=0)
        weight = block[1] if len(block) > 1 else None
        if np.shape(weight) == (num_samples(X),) and not np.any(weight):
            # One block may have zero weights only; all blocks together may not.
            return safe_indexing(X, np.arange(0)), None
        return without_zero_weights(X, check_weight(weight, X, complete=False))

    def _solve_moments(self, moments, rows=None):
        names = list(self._columns)
        self._set_solution(fit_by_moments(names, self._ridges(), self.n_components, moments, rows))

    def _set_solution(self, solution):
        """Set the fitted attributes."""
        names = list(self._columns)
        for attribute in ("weights_", "loadings_", "means_", "scales_"):
            values = getattr(solution, attribute[:-1])
            setattr(self, attribute, dict(zip(names, values, strict=True)))
        self.reg_ = dict(zip(names, solution.ridges, strict=True))
        self._pair_correlations = solution.correlations
        self._deviations, self._n_common = solution.deviations, solution.n_common
        self._left_out = solution.left_out
        self.canonical_correlations_ = solution.correlations.mean(axis=0)
        self.n_components_ = len(self.canonical_correlations_)

    def _standard_variates(self, X):
        variates = self._variates(X)
        for z, deviation in zip(variates, self._divisors(), strict=True):
            z /= deviation
        return variates

    def _standardized(self, name, z):
        deviation = self._divisors()[list(self._columns).index(name)]
        return (z / deviation).astype(z.dtype, copy=False)

    def _factor_correlations(self):
        divisors = self._divisors()
        return np.array(
            [
                np.clip(r / divisors[i] / divisors[j], -1.0, 1.0)
                for (i, j), r in zip(pairs_of(len(divisors)), self._pair_correlations, strict=True)
            ]
        )

    def _fitted_correlations(self):
        left_out = self._rows_left_out()
        if left_out is not None:
            # Every component keeps a direction, also where no correlation is left.
            return np.clip(left_out, _LEAST, 1.0)
        # Correlations of the training rows are too large, the more so the larger the ridge has to be.
        divisors = self._divisors()
        deviations = np.where(np.isfinite(divisors), divisors, 0.0)
        return self._factor_correlations() * np.prod(deviations, axis=0) ** (2 / len(deviations))

    @property
    def leave_one_out_correlations_(self) -> dict[tuple[str, str], NDArray] | None:
        """Estimated correlations of each pair of views on new rows, by their names."""
        check_is_fitted(self)
        left_out = self._rows_left_out()
        if left_out is None:
            return None
        return dict(zip(self.pair_correlations_, left_out, strict=True))

    def _rows_left_out(self):
        """Return the correlations of rows left out; None without the training rows."""
        return getattr(self, "_left_out", None)

    def _divisors(self):
        """Return the standard deviations of the variates, or infinity for those without variance."""
        # Files of earlier versions lack them.
        deviations = getattr(self, "_deviations", np.ones((len(self._columns), self.n_components_)))
        return np.where(deviations > 0, deviations, np.inf)


def _as_tuples(blocks):
    """Yield every block as a tuple of a table and, if there are any, its weights."""
    for block in blocks() if callable(blocks) else blocks:
        yield block if isinstance(block, tuple) else (block,)
