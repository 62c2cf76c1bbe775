"""Weigh the scores of several models by pairs that they were not fitted on."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold

from skdcca._utils.sklearn_compat import check_method_params, num_samples, safe_indexing
from skdcca.metrics import comparison, embed, scoring_rows

# Rows of a fold whose pairs are scored. A fold has the square of this number of pairs, and a few
# hundred matching ones are enough for a few weights.
_ROWS = 500
# Smallest factor of a model beside the others.
_LEAST_FACTOR = 0.01


class Fold(NamedTuple):
    """Scores of all pairs of held-out rows of one fold.

    `scores` and `present`, of shape (n_rows, n_rows, n_models), hold the score of each model, and True
    where the model knows something about both rows. `used`, of shape (n_rows, n_rows), is False for
    different rows of one group. The pairs of the diagonal match.
    """

    scores: NDArray
    present: NDArray
    used: NDArray


class Calibration(NamedTuple):
    """The fitted numbers of each model: score without evidence, unit of the score, weight."""

    thresholds: NDArray
    scales: NDArray
    weights: NDArray


def rows_of(estimator, view, z):
    """Return rows whose products are the scores of a model, and a column that is True if it knows a row.

    A model knows nothing about a row whose variates are all 0, such as an empty transcript.
    """
    z = np.asarray(z, dtype=np.float64)
    present = z.any(axis=1, keepdims=True)
    return scoring_rows(z, view, **comparison(estimator)) * present, present


def held_out_folds(estimators, X, y, groups, cv, params):
    """Score pairs of held-out rows with models fitted on the other rows.

    Parameters
    ----------
    estimators : list of estimators
        The models, which are cloned.
    X, y : array-like or list of length n_samples
        The two views.
    groups : array-like of shape (n_samples,) or None
        Pairs of different rows of one group are not used: they neither match nor are they random.
    cv : int or splitter
        The folds.
    params : list of dict
        Further arguments of `fit` of each model.

    Returns
    -------
    folds : list of Fold
        Scores of the pairs of each fold.
    """
    n_rows = num_samples(X)
    labels = np.arange(n_rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    splitter = _splitter(cv, n_rows, groups, labels)
    rng = np.random.default_rng(0)
    folds = []
    for train, test in splitter.split(np.zeros(n_rows), groups=groups):
        if len(test) > _ROWS:
            test = np.sort(rng.choice(test, _ROWS, replace=False))
        scored = [
            _score(clone(model), X, y, train, test, own)
            for model, own in zip(estimators, params, strict=True)
        ]
        scores, present = (np.stack(part, axis=-1) for part in zip(*scored, strict=True))
        used = np.eye(len(test), dtype=bool) | (labels[test][:, None] != labels[test])
        folds.append(Fold(scores, present, used))
    if all(fold.used.sum() == len(fold.used) for fold in folds):
        raise ValueError(
            "`cv` must hold out rows of several groups at a time, got folds with one group each. Use "
            "fewer folds."
        )
    return folds


def is_splitter(cv):
    """Return True for a splitter of scikit-learn; a str has a method ``split`` too."""
    return hasattr(cv, "split") and not isinstance(cv, str)


def _splitter(cv, n_rows, groups, labels):
    """Return a splitter; every held-out fold has at least two groups, whose rows do not match."""
    if is_splitter(cv):
        return cv
    name = "rows" if groups is None else "groups"
    n_groups = len(np.unique(labels))
    if n_groups < 4:
        raise ValueError(
            f"ScoreFusion needs at least 4 {name} to score held-out pairs, got {n_groups} sample"
            f"{'' if n_groups == 1 else 's'}. Fit it on more {name}."
        )
    n_folds = min(cv, n_groups // 2)
    return KFold(n_folds, shuffle=True, random_state=0) if groups is None else GroupKFold(n_folds)


def _score(model, X, y, train, test, params):
    """Fit a model on the training rows, and return the scores and presence of all held-out pairs."""
    params = check_method_params(X, params, indices=train)
    model.fit(safe_indexing(X, train), safe_indexing(y, train), **params)
    zx, zy = embed(model, safe_indexing(X, test), safe_indexing(y, test))
    x_rows, x_present = rows_of(model, "x", zx)
    y_rows, y_present = rows_of(model, "y", zy)
    return x_rows @ y_rows.T, x_present & y_present.T


def calibrate(folds, weights=None):
    """Find the weights with which the standardized scores add up to log-odds at even prior.

    The threshold of a model is the score that is as likely for a matching pair as for any other one:
    where its own logistic regression gives even odds. Its unit is the deviation of the scores of
    pairs that do not match. The standardized scores are 0 at the threshold and for rows about which
    the model knows nothing, so a model without information leaves the log-odds to the others.

    Parameters
    ----------
    folds : list of Fold
        Scores of held-out pairs.
    weights : ndarray of shape (n_models,), default=None
        Ratio of the weights; only their scale is fitted. If None, each weight is fitted.

    Returns
    -------
    calibration : Calibration
        The fitted numbers of each model.
    """
    scores = np.concatenate([fold.scores[fold.used] for fold in folds])
    present = np.concatenate([fold.present[fold.used] for fold in folds])
    matching = np.concatenate([np.eye(len(fold.used), dtype=bool)[fold.used] for fold in folds])
    alone = [
        _calibrate_one(*columns, matching) for columns in zip(scores.T, present.T, strict=True)
    ]
    thresholds, scales, slopes = map(np.array, zip(*alone, strict=True))

    def standardized(scores, present):
        return np.where(present, (scores - thresholds) / scales, 0.0)

    if weights is None:
        galleries = [standardized(*fold[:2]) * slopes for fold in folds]
        weights = slopes * _joint_factors(galleries, [fold.used for fold in folds])
    joined = standardized(scores, present) @ weights
    scale = _logistic(joined[:, None], matching)[0]
    return Calibration(thresholds, scales, scale * weights)


def _calibrate_one(scores, present, matching):
    """Return the score without evidence, the unit of the score, and the log-odds of a unit."""
    scores, matching = scores[present], matching[present]
    if not matching.any() or matching.all():
        return 0.0, 1.0, 0.0
    center = (scores[matching].mean() + scores[~matching].mean()) / 2
    scale = scores[~matching].std() or 1.0
    standardized = (scores - center) / scale
    slope, intercept = _logistic(np.column_stack([standardized, np.ones(len(scores))]), matching)
    if slope > 0:
        center -= scale * np.clip(intercept / slope, -standardized.max(), -standardized.min())
    return center, scale, slope


def _logistic(features, matching):
    """Return the weights of a logistic regression whose first weight is not negative.

    Matching and other pairs have the same total weight. The targets are smoothed [1]_, so that the
    weights stay finite if a few pairs can be separated perfectly.

    .. [1] J. Platt, "Probabilistic outputs for support vector machines and comparisons to regularized
       likelihood methods", Advances in Large Margin Classifiers, 1999.
    """
    n_pairs, n_matching = len(matching), np.count_nonzero(matching)
    target = np.where(matching, n_matching + 1, 1) / (n_matching + 2)
    share = np.where(matching, 0.5 / n_matching, 0.5 / (n_pairs - n_matching))

    def loss(weights):
        log_odds = features @ weights
        value = share @ (np.logaddexp(0, log_odds) - target * log_odds)
        return value, (share * (expit(log_odds) - target)) @ features

    n_features = features.shape[1]
    return _minimize(loss, np.zeros(n_features), [(0, None)] + [(None, None)] * (n_features - 1))


def _joint_factors(galleries, used):
    """Return the factors by which the log-odds of single models enter their sum.

    They maximize the probability that each row finds its own partner among the others of its fold, in
    both directions, by a conditional logit model [1]_. A logistic regression of single pairs would
    weigh the models by pairs that are easy to tell apart, and not by the best-scoring ones, which
    decide a search.

    Log-odds of independent models add up, so factors are 1 if the data do not determine them: their
    difference from 1 counts as much as one pair. No factor is 0, because a model that adds nothing to
    the others must decide about rows of which they know nothing.

    .. [1] D. McFadden, "Conditional logit analysis of qualitative choice behavior", Frontiers in
       Econometrics, 1974.
    """
    n_models = galleries[0].shape[-1]
    n_choices = 2 * sum(map(len, galleries))

    def loss(factors):
        off = factors - 1
        value, slope = off @ off, 2 * off
        for gallery, pairs in zip(galleries, used, strict=True):
            for axis in (0, 1):
                one_value, one_slope = _choice_loss(gallery, pairs, factors, axis)
                value, slope = value + one_value, slope + one_slope
        return value / n_choices, slope / n_choices

    return _minimize(loss, np.ones(n_models), [(_LEAST_FACTOR, None)] * n_models)


def _choice_loss(gallery, used, factors, axis):
    """Return the negative log-likelihood of the matching pairs of a fold, and its gradient."""
    log_odds = np.where(used, gallery @ factors, -np.inf)
    shares = softmax(log_odds, axis=axis)
    matching = np.einsum("iim->m", gallery)
    value = logsumexp(log_odds, axis=axis).sum() - matching @ factors
    return value, np.einsum("ij,ijm->m", shares, gallery) - matching


def _minimize(loss, start, bounds):
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
