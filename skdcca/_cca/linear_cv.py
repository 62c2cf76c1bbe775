"""Implement the search for the parameters of linear canonical correlation analysis."""

from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse

from skdcca._cca.checks import check_weight
from skdcca._cca.linear import LinearCCA
from skdcca._cca.linear_cv_blocks import BlockFolds
from skdcca._cca.linear_cv_folds import LinearFolds
from skdcca._cca.linear_cv_mixin import SearchMixin
from skdcca._cca.linear_cv_template import AllRows, Rows, new_model
from skdcca._cca.shrinkage import SHRINKAGES
from skdcca._utils.blocks import as_blocks
from skdcca._utils.validation import check_option

REGS = ("auto", 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class LinearCCACV(SearchMixin, LinearCCA):
    r"""Linear canonical correlation analysis whose parameters are chosen by cross-validation.

    The scores are those of `GridSearchCV` with a `LinearCCA`, but they take hardly longer than a few
    fits: the moments of all rows are computed once, each view of each fold is decomposed once, and in
    these bases a ridge is a division. Without more arguments, the ridge is chosen.

    After `fit`, this is a `LinearCCA` with the best parameters, fitted to all rows: it has all of its
    attributes and methods except `partial_fit`.

    Parameters
    ----------
    n_components : int, None or list of them, default=None
        Numbers of components, from which one is chosen. None stands for all. The sum of the held-out
        correlations is rarely largest for the true number; use a list with a retrieval scorer.
    regs : sequence of float or str, or pair of such sequences
        Ridges, from which one is chosen for both views: numbers >= 0, and the names "auto", "oas" and
        "ledoit_wolf" of ridges that each fold chooses from its training rows, as in `LinearCCA`. With
        a pair of sequences, such as ``([0.1, 1.0], [0.1, 1.0])``, all combinations of a ridge of X and a
        ridge of y are tried. The default is "auto" and nine numbers from 0.001 to 10.
    scale : bool, default=True
        Whether the ridges are added to standardized columns; see `LinearCCA`.
    similarity : str, float or list of them, default="weighted"
        How rows are compared. The values are those of `LinearCCA`, and two more:

        - ``"held_out_likelihood"``: log-likelihood ratio with the correlations and deviations of the
          variates of held-out rows. Those of the training rows are too large if there are few rows.
        - ``"auto"``: the best of "weighted", "cosine", 4, "likelihood" and "held_out_likelihood".

        If there are several, a retrieval scorer chooses one together with the other parameters. The
        other scorers do not depend on it; then the one with the largest mean reciprocal rank on
        held-out rows is taken after the ridge and the number of components are chosen.
    cv : int, splitter or iterable of splits, default=5
        Folds. An integer is the number of consecutive folds or, if `groups` are passed to `fit`, of
        folds of whole groups. With `LeaveOneOut`, the variates of all held-out rows together have one
        score, and ``scoring`` must be None.
    scoring : str, callable or None, default=None
        Scorer, as in `GridSearchCV`. If None, the sum of the held-out correlations. It and the
        retrieval scorers of `skdcca.metrics` need no further fits; for others, the model of every
        candidate and fold is made from the decompositions of the fold.
    refit : {"best", "1se"}, default="best"
        Which candidate is fitted to all rows: the one with the best mean score or, of all candidates
        within one standard error of it, the simplest one. It has the fewest components and then the
        largest ridge.
    y_transformer : estimator, default=None
        Transformer of the second view; see `LinearCCA`. It is fitted to the training rows of each
        fold, and finally to all rows.

    Attributes
    ----------
    best_params_ : dict
        Parameters of the candidate that was chosen: "n_components", "reg" and "similarity".
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

    The other attributes are those of `LinearCCA`.

    Raises
    ------
    TypeError
        From `fit`, if `y_transformer` is not a transformer.
    ValueError
        From `fit`, if a parameter is out of range, if a fold has too few rows, or if the views are
        invalid; see `LinearCCA`.

    Warns
    -----
    PerfectCorrelationWarning, PrecisionWarning, RankWarning
        From `fit`, about the model that is fitted to all rows; see `LinearCCA`.

    See Also
    --------
    LinearCCA : The model with one set of parameters.
    KernelCCACV : The same search for kernel models.
    sklearn.model_selection.GridSearchCV : Search for the parameters of any estimator or `Pipeline`.

    Notes
    -----
    The moments of the training rows of a fold are merged from those of all other folds; nothing is
    subtracted, so no digits are lost. With more than 20 folds the moments of the held-out rows are
    subtracted from those of all rows, which changes the scores by about 1e-13, and rows whose
    removal would cost digits are treated apart. If a view has more columns than training rows or
    nearly dependent columns, each fold is decomposed by its singular values instead, as in
    `LinearCCA`.

    The score of a fold with weights is the sum of the weighted correlations. Retrieval scorers and
    other scorers ignore the weights of held-out rows.

    If classical correlations are equal, for example because all of them are 1, their variates are not
    unique, and neither are the held-out scores.

    Examples
    --------
    Choose the ridge for the left and right halves of images of digits. The ridge that `LinearCCA`
    takes by default is good, and the search finds a slightly better one:

    >>> from sklearn.datasets import load_digits
    >>> from skdcca import LinearCCA, LinearCCACV
    >>> images = load_digits().images
    >>> left, right = images[:, :, :4].reshape(-1, 32), images[:, :, 4:].reshape(-1, 32)
    >>> search = LinearCCACV(n_components=10).fit(left[:150], right[:150])
    >>> search.best_params_["reg"]
    0.3
    >>> default = LinearCCA(n_components=10).fit(left[:150], right[:150])
    >>> for model in (default, search):
    ...     print(f"{model.score(left[1000:], right[1000:]):.2f}")
    3.02
    3.10
    """

    _base_class = LinearCCA
    _ridge_names = SHRINKAGES

    def __init__(
        self,
        n_components: int | Sequence[int | None] | None = None,
        *,
        regs: Sequence = REGS,
        scale: bool = True,
        similarity: str | float | Sequence[str | float] = "weighted",
        cv: Any = 5,
        scoring: str | Callable | None = None,
        refit: str = "best",
        y_transformer: Any = None,
    ) -> None:
        self.n_components = n_components
        self.regs = regs
        self.scale = scale
        self.similarity = similarity
        self.cv = cv
        self.scoring = scoring
        self.refit = refit
        self.y_transformer = y_transformer

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Choose the parameters by cross-validation, and fit the model with them to all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            First view. Dask arrays and memory-mapped arrays are read in blocks of rows if the scores
            need only moments: without a scorer, with one `similarity`, and without "ledoit_wolf".
        y : {array-like, sparse matrix, dask array} of shape (n_samples, n_features_y) or (n_samples,)
            Second view, or input of `y_transformer`. Row i of X and row i of y are the same sample.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, >= 0, in the fits and in the sums of held-out correlations. A row with
            weight 2 counts as two equal rows. If None, all rows have weight 1.
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
            If a parameter, a view, a weight or a fold is invalid; see the description of the class.
        """
        weight = check_weight(sample_weight, X)
        given = () if weight is None else (weight,)
        blocks = self._blocks_of(X, y, *given)
        if blocks is not None:
            return self._search_blocks(blocks, groups)
        with self._rollback():
            passed = X, y
            X, y = self._validate(X, y, reset=True)
            splits, pooled = self._splits(*passed, groups, weight)
            rows = AllRows(self, passed, Rows(X, y, weight), splits)
            folds = LinearFolds(
                rows, needs_rows=self._needs_rows(), pooled=pooled, keep=self._compares_again()
            )
            search = self._run(self._grid(), folds)
            self._adopt(self._refitted(rows, folds.total()), search)
        return self

    def _refitted(self, rows, total):
        """Return the model with the best parameters, from the moments of all rows if they are known."""
        best = rows.new_model(**self._of_best("n_components", "reg"))
        X, y, weight = rows.rows.weighted()

        def gather(new):
            return new().add(X, y, weight)

        is_sparse = issparse(X) or issparse(y)
        if total is None or not best._solve_by_moments(total, gather, at_any_cost=is_sparse):
            best._fit(X, y, weight)
        return best

    def fit_blocks(
        self, blocks: Iterable[tuple[Any, ...]] | Callable[[], Iterable[tuple[Any, ...]]]
    ) -> Self:
        """Choose the parameters and fit the model to blocks of rows, for views larger than memory.

        The folds and scores are the same as in `fit` on all rows, except that nearly dependent columns
        lose digits. The blocks are read twice, or three times for nearly dependent columns. Only
        moments are kept, so ``scoring`` must be None, and `similarity` one value.

        Parameters
        ----------
        blocks : iterable that can be read again, or function that returns an iterable
            Pairs ``(X, y)`` or triples ``(X, y, sample_weight)`` of arrays with the same rows, which
            must be the same each time.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `blocks` is neither an iterable nor a function.
        ValueError
            If `blocks` is empty or a generator, if a parameter needs more than moments, or if a block
            is invalid.

        Examples
        --------
        >>> import numpy as np
        >>> from skdcca import LinearCCACV
        >>> def read_blocks():
        ...     rng = np.random.default_rng(0)
        ...     for _ in range(10):
        ...         shared = rng.normal(size=(100, 1))
        ...         yield shared + rng.normal(size=(100, 40)), shared + rng.normal(size=(100, 30))
        >>> search = LinearCCACV(n_components=1).fit_blocks(read_blocks)
        >>> search.validation_correlations_.round(2)
        array([0.97])
        """
        blocks = as_blocks(blocks)
        if not blocks.again:
            raise ValueError(
                "`blocks` must be readable more than once, got a generator. Pass a list or a function: "
                "fit_blocks(f), not fit_blocks(f())."
            )
        self._check_parameters()
        if not self._needs_moments_only():
            raise ValueError(
                "`scoring` must be None, `similarity` one value, and `regs` without 'ledoit_wolf' for "
                "blocks of rows, because only moments are kept. Pass whole arrays to fit."
            )
        return self._search_blocks(blocks)

    def _search_blocks(self, blocks, groups=None):
        with self._rollback():
            self._check_blocks(blocks)
            folds = BlockFolds(
                self,
                blocks,
                lambda n: self._splits(np.empty((n, 1)), None, groups, None)[0],
            )
            self._check_n_components((blocks.n_rows, self.n_features_in_), (inf, inf))
            search = self._run(self._grid(), folds)
            best = new_model(self, self, **self._of_best("n_components", "reg"))

            def gather(new):
                return blocks.gather(new, self._validate_block)

            if not best._solve_by_moments(folds.total(), gather):
                best._fit_blocks(blocks)
            self._adopt(best, search)
        return self

    def _check_blocks(self, blocks):
        """Check the parameters and the first block, and record the columns of the views."""
        self._check_parameters()
        if self.y_transformer is not None:
            raise ValueError(
                f"`y_transformer` must be None for blocks of rows and dask arrays, got "
                f"{self.y_transformer!r}. Fit it beforehand and pass its output as y."
            )
        X, y, *_ = self._validate_block(0, blocks.first(), reset=True)
        self._check_n_components((inf, X.shape[1]), y.shape)

    def _blocks_of(self, X, y, *weight):
        self._check_parameters()
        if not self._needs_moments_only():
            return None
        return super()._blocks_of(X, y, *weight)

    def _needs_moments_only(self):
        names = [name for reg in self._candidate_regs() for name in np.atleast_1d(reg).tolist()]
        return not self._needs_rows() and "ledoit_wolf" not in names

    def _new_model(self, **parameters):
        return LinearCCA(**parameters, scale=self.scale, y_transformer=self.y_transformer)

    def _check_parameters(self):
        super()._check_parameters()
        check_option("scale", self.scale, (True, False))
