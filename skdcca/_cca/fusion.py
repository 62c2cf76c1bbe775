"""Join several two-view models by their scores."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import clone
from sklearn.utils import Bunch, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from skdcca._cca.fusion_weights import calibrate, held_out_folds, is_splitter, rows_of
from skdcca._utils.labels import check_labels
from skdcca._utils.sklearn_compat import BaseComposition, safe_indexing
from skdcca._utils.validation import check_integer, is_number
from skdcca._utils.view_errors import REFIT, innermost, refuse_list_of_views, refuse_several_views
from skdcca._utils.warnings import warn
from skdcca.base import BaseCCA
from skdcca.metrics import embed

_NO_EVIDENCE = (
    "No model of ScoreFusion scores held-out pairs higher than other rows, so all scores are 0. Check "
    "that row i of X and row i of y are the same sample, or fit it on more rows."
)


class ScoreFusion(BaseComposition, BaseCCA):
    r"""Join two-view models by their scores, for example the words and the sound of a song.

    Each model scores a row of X for a row of y in its own way. The fusion adds up their scores with
    weights that are found on held-out rows, as `sklearn.ensemble.VotingClassifier` joins classifiers.
    The result is calibrated: it is the logarithm of the odds that the two rows belong together.

    Where a model knows nothing about a row, because its variates are all 0, the other models decide.
    The words of an instrumental are an example.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Names and unfitted two-view models, or Pipelines that end in one. All of them take the same X
        and y. ``fusion.set_params(name="drop")`` leaves a model out.
    weights : "cv" or sequence of float, default="cv"
        Weights of the standardized scores. ``"cv"`` finds those with which held-out rows find their
        partners best; a model that adds nothing to the others gets a weight near 0. A sequence with
        one number >= 0 for each model sets their ratio, and only their scale is fitted.
    cv : int or splitter, default=5
        Number of folds, >= 2, or a splitter of scikit-learn. Each model is fitted once for each fold
        and once on all rows. Folds keep `groups` together; without groups, rows are shuffled. With
        few groups there are fewer folds, because each must have two groups.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted models that are not dropped.
    named_estimators_ : Bunch
        The fitted models by name.
    weights_ : ndarray of shape (n_models,)
        Weight of the standardized score of each model that is not dropped, >= 0.
    thresholds_ : ndarray of shape (n_models,)
        Score of each model that is no evidence for or against a match.
    scales_ : ndarray of shape (n_models,)
        Standard deviation of the scores of each model for held-out pairs that do not match.
    n_components_ : int
        Number of columns of the rows that `transform` returns.

    Raises
    ------
    TypeError
        From `fit`, if an estimator is not a two-view model.
    ValueError
        From `fit`, if `estimators`, `weights` or `cv` are invalid, if there are fewer than 4 rows or
        groups, or if the views have different numbers of rows.

    Warns
    -----
    UserWarning
        From `fit`, if no model scores held-out pairs higher than other rows, so that all scores are 0.

    See Also
    --------
    SharedSpace : Model of two views that share a space already.
    sklearn.ensemble.VotingClassifier : Join classifiers.

    Notes
    -----
    Let :math:`s_m` be the score of model m for a pair, :math:`t_m` its threshold, and
    :math:`\sigma_m` its scale. The fused score is

    .. math:: \sum_m w_m \frac{s_m - t_m}{\sigma_m},

    without the models that know nothing about one of the rows. All numbers are fitted to pairs of
    held-out rows, scored by models that are fitted on the other folds:

    1. A logistic regression on the score of each model alone gives its threshold, where the odds are
       even [1]_.
    2. A conditional logit model [2]_ gives the ratio of the weights: it maximizes the probability that
       each row chooses its own partner among the rows of its fold.
    3. A logistic regression on their sum gives the scale, with matching and other pairs in equal
       shares.

    Pairs of different rows of one group are left out.

    The score is the log-odds at even prior. If exactly one of n items of a gallery belongs to the
    query, add ``log(1 / (n - 1))``. The calibration holds for rows like those of `fit`, not for the
    rows of `fit` themselves, which models score too high.

    The rows that `transform` and `transform_y` return contain the scaled rows of all models, and their
    inner product is the fused score. The exact search of `CrossModalIndex` finds the highest scores
    by one product, and `FaissNeighbors` by Euclidean distances.

    `score` is the sum of the correlations of all columns, as for every two-view model, and says little
    about a fusion. In searches and cross-validation, use the scorers of `skdcca.metrics`, such as
    `mrr_scorer`.

    To pass `groups` through a `Pipeline` or a search, enable metadata routing and call
    ``fusion.set_fit_request(groups=True)``.

    References
    ----------
    .. [1] J. Platt, "Probabilistic outputs for support vector machines and comparisons to regularized
       likelihood methods", Advances in Large Margin Classifiers, 1999.
    .. [2] D. McFadden, "Conditional logit analysis of qualitative choice behavior", Frontiers in
       Econometrics, 1974.

    Examples
    --------
    One model sees the first two rows of the pixels of a digit, the other one the next two rows. Both
    predict the lower half:

    >>> import numpy as np
    >>> from scipy.special import expit
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdcca import LinearCCA, ScoreFusion
    >>> from skdcca.metrics import mrr_scorer, pair_scores
    >>> X, y = np.hsplit(load_digits().data, 2)
    >>> def seeing(columns):
    ...     selector = make_column_transformer(("passthrough", columns))
    ...     return make_pipeline(selector, LinearCCA(8, reg=0.1))
    >>> models = [("first", seeing(slice(0, 16))), ("second", seeing(slice(16, 32)))]
    >>> fusion = ScoreFusion(models).fit(X[:1000], y[:1000])
    >>> for name, model in [*fusion.named_estimators_.items(), ("fusion", fusion)]:
    ...     print(f"{name}: MRR {mrr_scorer(model, X[1000:], y[1000:]):.2f}")
    first: MRR 0.07
    second: MRR 0.07
    fusion: MRR 0.13

    The scores are log-odds, and the logistic function turns them into probabilities:

    >>> expit(pair_scores(fusion, X[1000:1002], y[1000:1002])).round(1)
    array([[0.9, 0.2],
           [0. , 0.9]])
    """

    def __init__(
        self,
        estimators: Sequence[tuple[str, Any]],
        *,
        weights: str | Sequence[float] = "cv",
        cv: Any = 5,
    ) -> None:
        self.estimators = estimators
        self.weights = weights
        self.cv = cv

    # A fusion has no transformer of its own; each of its models may have one.
    y_transformer = None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the fusion and of its models.

        Parameters
        ----------
        deep : bool, default=True
            If True, include the models by their names, and their parameters as ``name__parameter``.

        Returns
        -------
        params : dict
            Parameters by name.
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the fusion, replace models, or set parameters of models.

        Parameters
        ----------
        **params : dict
            Parameters of the fusion; models by name, or "drop"; or parameters of models as
            ``name__parameter``.

        Returns
        -------
        self : object
            The fusion.
        """
        self._set_params("estimators", **params)
        return self

    @property
    def named_estimators(self) -> Bunch:
        """Models by name, as they were passed."""
        return Bunch(**dict(self.estimators))

    def fit(self, X: Any, y: Any = None, groups: ArrayLike | None = None, **params: Any) -> Self:
        """Fit all models and find their weights.

        Parameters
        ----------
        X : array-like or list of length n_samples
            First view, as all models take it.
        y : array-like or list of length n_samples
            Second view. Row i of X and row i of y are the same sample.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, such as the song of a window or the artist of a song. Rows of one group
            are in the same fold.
        **params : dict
            Further arguments of `fit` of the models, such as `sample_weight`, if metadata routing is
            enabled and they request it.

        Returns
        -------
        self : object
            The fitted fusion.

        Raises
        ------
        TypeError
            If an estimator is not a two-view model, or `params` are given without metadata routing.
        ValueError
            If an argument or a parameter is invalid; see the description of the class.
        """
        with self._rollback():
            names, models, weights = self._check(X, y)
            X, y = indexable(X, y)
            if groups is not None:
                groups = check_labels("groups", groups, X)
            params = self._routed(names, groups, params)
            folds = held_out_folds(models, X, y, groups, self.cv, params)
            self.thresholds_, self.scales_, self.weights_ = calibrate(folds, weights)
            if not self.weights_.any():
                warn(_NO_EVIDENCE, UserWarning)
            self.estimators_ = [
                clone(model).fit(X, y, **own) for model, own in zip(models, params, strict=True)
            ]
            self.named_estimators_ = Bunch(**dict(zip(names, self.estimators_, strict=True)))
            self.n_components_ = self._joined("x", safe_indexing(X, [0])).shape[1]
        return self

    def _check(self, X, y):
        """Check the views and parameters; return the names, models and weights that are not dropped."""
        if y is None:
            refuse_list_of_views(X, "ScoreFusion")
            raise ValueError(
                "ScoreFusion requires y to be passed, but the target y is None. Pass the second view "
                "as y."
            )
        names, models = self._check_names(), self._models()
        if not models:
            raise ValueError(
                "`estimators` must have a model that is not 'drop', got none. Add one."
            )
        for name, model in models.items():
            _check_model(name, model)
        self._check_pairs(X, y)
        if not is_splitter(self.cv):
            check_integer("cv", self.cv, ge=2)
        weights = _check_weights(self.weights, len(names))
        if weights is not None:
            weights = weights[[name in models for name in names]]
            if not weights.any():
                raise ValueError(
                    f"`weights` must be > 0 for a model that is not 'drop', got {self.weights!r}."
                )
        return list(models), list(models.values()), weights

    def _check_names(self):
        """Return the names of the estimators, or raise an error if they are not usable."""
        pairs = self.estimators
        is_list = isinstance(pairs, list | tuple) and len(pairs) > 0
        if not is_list or not all(_is_named(pair) for pair in pairs):
            raise ValueError(
                f"`estimators` must be a list of pairs (name, estimator), got {pairs!r}."
            )
        names = [name for name, _ in pairs]
        self._validate_names(names)
        return names

    def _models(self):
        """Return the unfitted models that are not dropped, by name."""
        return {name: model for name, model in self.estimators if not _is_dropped(model)}

    def _routed(self, names, groups, params):
        """Return the further arguments of `fit` of each model."""
        if not get_config()["enable_metadata_routing"]:
            if params:
                raise TypeError(
                    f"ScoreFusion.fit got {sorted(params)}, which needs metadata routing. Call "
                    "sklearn.set_config(enable_metadata_routing=True)."
                )
            return [{} for _ in names]
        if groups is not None:
            params = {"groups": groups, **params}
        routed = process_routing(self, "fit", **params)
        return [routed[name].fit for name in names]

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of the arguments of `fit` to the models.

        Returns
        -------
        routing : MetadataRouter
            The requests of the fusion, for `groups`, and of its models.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        return router.add(**self._models(), method_mapping=to_fit)

    def _transform_x(self, X):
        return self._joined("x", X)

    def _transform_y(self, y):
        return self._joined("y", y)

    def _joined(self, view, rows):
        """Return the scaled rows of all models side by side."""
        given = {"X" if view == "x" else "y": rows}
        variates = [embed(model, **given) for model in self.estimators_]
        parts = [
            self._scaled(view, number, *rows_of(self.estimators_[number], view, z))
            for number, z in enumerate(variates)
        ]
        return np.hstack(parts).astype(np.result_type(*variates), copy=False)

    def _scaled(self, view, number, rows, present):
        """Return the rows of one model, with a column whose product is its threshold.

        Both views are scaled alike, so that neither has very long rows.
        """
        unit = self.weights_[number] / self.scales_[number]
        shift = unit * self.thresholds_[number]
        sign = -np.sign(shift) if view == "x" else 1.0
        return np.hstack([np.sqrt(unit) * rows, sign * np.sqrt(abs(shift)) * present])

    def comparison(self) -> dict[str, Any]:
        """Return the arguments with which `compare` calls `skdcca.metrics.similarity`.

        Returns
        -------
        arguments : dict
            ``product=True``: the score is the inner product of the rows.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        check_is_fitted(self)
        return {"product": True}

    @property
    def n_features_in_(self) -> int:
        """Number of columns of X, if the first model has it."""
        check_is_fitted(self)
        return self.estimators_[0].n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns of X, if the first model has them."""
        check_is_fitted(self)
        return self.estimators_[0].feature_names_in_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = tags.regressor_tags = None  # there is nothing to predict
        tags.transformer_tags.preserves_dtype = []
        tags.input_tags.string = True
        with suppress(Exception):  # what has no tags is refused by `fit`, with a better message
            tags.input_tags.sparse = all(
                get_tags(model).input_tags.sparse for model in self._models().values()
            )
        return tags


def _is_named(pair):
    return isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)


def _is_dropped(model):
    return isinstance(model, str) and model == "drop"


def _check_model(name, model):
    """Raise TypeError if a model is not a two-view model, before any other one is fitted."""
    refuse_several_views(name, model, REFIT)
    able = all(hasattr(model, method) for method in ("get_params", "fit"))
    if isinstance(model, type) or not able or not hasattr(innermost(model), "transform_y"):
        raise TypeError(
            f"`estimators` must hold two-view models (instances, not classes), got {model!r} for "
            f"{name!r}."
        )


def _check_weights(weights, n_models):
    """Return the weights of all models as an array, or None if they are to be found."""
    if isinstance(weights, str) and weights == "cv":
        return None
    values = None if isinstance(weights, str) else np.atleast_1d(weights).tolist()
    if not isinstance(values, list) or not all(is_number(value, ge=0) for value in values):
        raise ValueError(f"`weights` must be 'cv' or a sequence of numbers >= 0, got {weights!r}.")
    if len(values) != n_models or not any(values):
        raise ValueError(
            f"`weights` must have one number for each of {n_models} models, and one of them > 0, got "
            f"{weights!r}."
        )
    return np.array(values, dtype=np.float64)
