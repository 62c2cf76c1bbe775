"""Define what the searches over linear and kernel models have in common."""

from itertools import product
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdcca._cca.checks import is_ridge
from skdcca._cca.linear_cv_retrieval import retrieval_metric
from skdcca._cca.linear_cv_search import (
    AUTO,
    HELD_OUT,
    Grid,
    Search,
    is_total_correlation,
)
from skdcca._utils.labels import check_labels
from skdcca._utils.splits import splits_of
from skdcca._utils.validation import check_option, is_number
from skdcca.base import SIMILARITIES, comparison_arguments


class SearchMixin:
    """Mixin of two-view models that choose their parameters by cross-validation.

    A subclass has the attributes `_base_class`, the class of the models, and `_ridge_names`, the names
    of ridges that are chosen from the data. Its method ``_new_model(**parameters)`` returns a model
    with its own values of all other parameters.
    """

    # As in `GridSearchCV`, the groups of rows reach the splitter without a request.
    __metadata_request__fit = {"groups": True}

    @available_if(lambda self: False)
    def partial_fit(self, X, y):
        """Hide the method of `LinearCCA`, because a search needs all rows at once.

        Parameters
        ----------
        X, y : object
            Ignored.
        """

    def _check_parameters(self):
        self._check_similarity()
        self._candidate_regs()
        check_option("refit", self.refit, ("best", "1se"))
        named = isinstance(self.scoring, str) and self.scoring in get_scorer_names()
        if not (self.scoring is None or callable(self.scoring) or named):
            raise ValueError(
                "`scoring` must be None, the name of a scorer of scikit-learn or a callable, got "
                f"{self.scoring!r}. Use GridSearchCV for several scorers."
            )

    def _check_similarity(self):
        if self._is_auto():
            return
        for kind in self._listed("similarity"):
            if not is_number(kind, ge=0):
                other = "or a finite number >= 0, or a list of them, or 'auto'"
                check_option("similarity", kind, (HELD_OUT, *SIMILARITIES), otherwise=other)

    def _is_auto(self):
        return isinstance(self.similarity, str) and self.similarity == "auto"

    def _listed(self, name):
        """Return the candidates of a parameter that is one value or a list."""
        values = as_list(getattr(self, name))
        if not values:
            raise ValueError(f"`{name}` must have one value or more, got {values!r}.")
        return values

    def _check_n_components(self, x_shape, y_shape=None):
        # The rule for one number is that of the base class, which reads it from the estimator.
        for k in self._listed("n_components"):
            one = self._base_class(n_components=k, **self._limits())
            one._check_n_components(x_shape, y_shape)

    def _limits(self):
        """Return the parameters of the base class that limit the number of components."""
        return {}

    def _candidate_regs(self):
        return candidate_regs(self.regs, self._ridge_names)

    def _grid(self, outer=("", [None])):
        """Return the candidates; `outer` is a parameter that needs a decomposition for each value."""
        kinds, metric = self._similarities(), retrieval_metric(self.scoring)
        by_scores = metric is not None or not is_total_correlation(self.scoring)
        if not by_scores or (self._is_auto() and metric is None):
            kinds = kinds[:1]  # the others are compared afterwards
        if metric is None and HELD_OUT in kinds and by_scores:
            raise ValueError(
                f"`similarity` must not be {HELD_OUT!r} with the scorer {self.scoring!r}, which sees "
                "models of single folds. Use mrr_scorer, or scoring=None."
            )
        return Grid(outer, as_list(self.n_components), self._candidate_regs(), kinds)

    def _similarities(self):
        """Return the candidates of `similarity`."""
        return list(AUTO) if self._is_auto() else as_list(self.similarity)

    def _compares_again(self):
        """Return True if folds are needed a second time, when all of them have been scored."""
        return HELD_OUT in self._similarities() or len(self._similarities()) > 1

    def _needs_rows(self):
        """Return True if the variates of held-out rows are needed, not only their moments."""
        return not is_total_correlation(self.scoring) or len(self._similarities()) > 1

    def _splits(self, X, y, groups, weight):
        """Return the splits of the rows, and whether each of them holds out one row."""
        if groups is not None:
            groups = check_labels("groups", groups, X)
        splits = splits_of(self.cv, X, y, groups)
        if not splits:
            raise ValueError(f"`cv` must make one split or more, got none from {self.cv!r}.")
        sizes = [len(test) for _, test in splits]
        pooled = len(splits) > 1 and max(sizes) == 1 and is_total_correlation(self.scoring)
        for number, (train, test) in enumerate(splits):
            _check_split(number, train, test, weight, pooled)
        self._check_fold_sizes([len(train) for train, _ in splits])
        if pooled and (self.refit == "1se" or len(self._similarities()) > 1):
            raise ValueError(
                "`cv` must hold out more than one row at a time with refit='1se' or several values of "
                "`similarity`, got folds of one row. Use fewer folds."
            )
        return splits, pooled

    def _check_fold_sizes(self, sizes):
        most = max((k for k in as_list(self.n_components) if k is not None), default=0)
        if most >= min(sizes):
            raise ValueError(
                f"`n_components` must be < {min(sizes)}, the number of training rows of the smallest "
                f"fold, got {most}. Use fewer components or more folds."
            )

    def _run(self, grid, folds):
        """Score all candidates, and set the attributes of the search but not those of the model."""
        metric = retrieval_metric(self.scoring)
        scorer = None
        if metric is None and not is_total_correlation(self.scoring):
            scorer = check_scoring(self, scoring=self.scoring)
        search = Search(grid, folds, metric, scorer).run()
        if self.refit == "1se" and search.n_splits < 2:
            raise ValueError("`cv` must have two or more folds with refit='1se', got 1.")
        self.cv_results_ = search.results()
        self.n_splits_ = len(folds)
        self.best_index_ = search.best_index(self.refit)
        self.best_params_ = dict(self.cv_results_["params"][self.best_index_])
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        self.similarity_scores_ = None
        kinds = self._similarities()
        if len(kinds) > len(grid.similarities):
            scores = search.similarities(self.best_index_, kinds)
            self.similarity_scores_ = dict(zip(kinds, scores.tolist(), strict=True))
            self.best_params_["similarity"] = kinds[int(np.argmax(scores))]
        return search

    def _of_best(self, *names):
        return {name: self.best_params_[name] for name in names}

    def _adopt(self, best, search):
        """Take over the fitted attributes of the model with the best parameters."""
        parameters = best.get_params(deep=False)
        vars(self).update({k: v for k, v in vars(best).items() if k not in parameters})
        measured = search.measured(self.best_index_, self.n_components_)
        self.validation_correlations_, *deviations = measured
        self._deviations = tuple(deviations)

    def comparison(self) -> dict[str, Any]:
        """Return the arguments with which `compare` calls `skdcca.metrics.similarity`.

        Returns
        -------
        arguments : dict
            Empty for the cosine; ``correlations`` and ``power`` for weighted variates; ``correlations``
            alone for the likelihood; ``correlations`` and ``deviations`` of held-out rows for
            "held_out_likelihood".

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        check_is_fitted(self)
        kind = self.best_params_["similarity"]
        if kind == "cosine":
            return {}
        if kind == HELD_OUT:
            held_out = self.validation_correlations_
            return {"correlations": held_out, "deviations": self._deviations}
        return comparison_arguments(kind, correlations=self.canonical_correlations_)


def as_list(value):
    """Return a list of the values of a parameter that may be one value or a sequence."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, (list, tuple, range)) else [value]


def candidate_regs(regs, names=()):
    """Return the candidates of `reg` in a sequence of ridges, or in a pair of such sequences.

    `names` are the names of ridges that are chosen from the data.
    """
    sides = as_list(regs) if is_sequence(regs) else []
    is_pair = len(sides) == 2 and all(map(is_sequence, sides))
    if is_pair:
        sides = [as_list(side) for side in sides]
    for side in sides if is_pair else [sides]:
        if not len(side) or not all(is_ridge(value, names) for value in side):
            named = "".join(f"{name!r}, " for name in sorted(names)) + "or " if names else ""
            raise ValueError(
                f"`regs` must be a sequence of {named}finite numbers >= 0, or a pair of such "
                f"sequences, got {regs!r}."
            )
    return list(product(*sides)) if is_pair else sides


def is_sequence(value):
    """Return True for a list, a tuple or an array."""
    return isinstance(value, (list, tuple, np.ndarray))


def _check_split(number, train, test, weight, pooled):
    """Raise ValueError unless a model can be fitted on the training rows, and scored on the others."""
    if weight is not None:
        train, test = train[weight[train] > 0], test[weight[test] > 0]
    if len(train) < 2 or (weight is not None and weight[train].sum() <= 1):
        raise ValueError(
            f"`cv` must leave two or more training rows in each fold, got {len(train)} in fold {number}."
        )
    if len(test) < 1 if pooled else len(test) < 2:
        raise ValueError(
            f"`cv` must hold out two or more rows in each fold, got {len(test)} in fold {number}. Use "
            "fewer folds, or LeaveOneOut() with scoring=None."
        )
