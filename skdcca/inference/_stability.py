"""Measure how much the components of two halves of the rows agree."""

from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.utils import Bunch, check_random_state, indexable
from sklearn.utils.parallel import Parallel, delayed

from skdcca._utils.labels import halves
from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_integer, check_pairs
from skdcca.inference._exchange import shuffled
from skdcca.inference._folds import check_groups, check_model, fitted, variates
from skdcca.metrics import column_correlations, standardize

_MEASURES = ("weights", "subspace", "loadings")
_QUANTILES = (0.025, 0.975)


def weight_stability(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    n_splits: int = 100,
    groups: ArrayLike | None = None,
    params: dict[str, Any] | None = None,
    random_state: int | RandomState | None = None,
    n_jobs: int | None = None,
) -> Bunch:
    """Measure how much the components of two halves of the rows agree.

    A component can be significant and still have weights that would be different in another sample.
    The rows are split into random halves, a model is fitted to each, and their components are
    compared. Interpret the weights of a component only if the halves agree far better than by chance.
    The estimator itself is not changed.

    Parameters
    ----------
    estimator : estimator
        Two-view model, `Pipeline` that ends in one, or search over either. It is fitted four times for
        each split.
    X : array-like or list of length n_samples
        First view, as the estimator takes it, with at least four rows.
    y : array-like or list of length n_samples
        Second view. Row i of X and row i of y are the same sample.
    n_splits : int, default=100
        Number of random splits into halves, >= 1.
    groups : array-like of shape (n_samples,), default=None
        Group of each row, such as its subject or artist. Rows of one group are in the same half.
    params : dict, default=None
        Further arguments of `fit`, such as ``{"sample_weight": weights}``; those with one value for
        each row are split with the rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the splits. Pass an int for reproducible results.
    n_jobs : int, default=None
        Number of splits that are computed in parallel. None means 1, and -1 all processors.

    Returns
    -------
    result : sklearn.utils.Bunch
        Agreement of the halves, 1 if they are the same:

        - ``x_weights``, ``y_weights``: absolute correlation of the variates of both models on all rows,
          which compares weights by what they do to the data;
        - ``x_subspace``, ``y_subspace``: the same for all components up to this one together, the root
          mean square cosine of the angles between their subspaces;
        - ``x_loadings``, ``y_loadings``: congruence of the loadings (absolute cosine) [1]_, where
          loadings are the correlations of the columns of X and y, as they were passed, with the
          variates on all rows. None if a view is not a table of numbers.

        Each is a Bunch with arrays of shape (n_components,): ``mean``; ``low`` and ``high``, the
        quantiles 0.025 and 0.975 over the splits; ``chance``, the mean if the rows of y are
        shuffled; and ``splits``, all values, of shape (n_splits, n_components).

    Raises
    ------
    TypeError
        If `estimator` is not an instance of an estimator.
    ValueError
        If an argument is invalid, or if there are fewer than four rows or two groups.

    See Also
    --------
    skdcca.canonical_correlation_test : Test of which canonical correlations are significant.
    skdcca.canonical_correlation_intervals : Confidence intervals of correlations and loadings.
    skdcca.cross_val_variates : Variates of each row from models that have not seen it.

    Notes
    -----
    Component k of one half is compared with component k of the other. If the correlations of two
    components are nearly equal, they mix or change places between halves. Their weights then agree
    little, although the plane that they span may be stable, which the agreement of subspaces shows.
    Interpret the plane then, not each of its components.

    The halves have half as many rows as the data, so the weights of a model of all rows are more
    stable than this. The chance level is not 0: with few columns any two directions are
    similar, and with a ridge, weights of unrelated views follow the directions with the largest
    variance. It is found by the same splits with the rows of y shuffled before.

    References
    ----------
    .. [1] U. Lorenzo-Seva and J. M. F. ten Berge, "Tucker's congruence coefficient as a meaningful
       index of factor similarity", Methodology 2 (2006).

    Examples
    --------
    The views share one component, which halves of 100 rows find again. The second is noise:

    >>> import numpy as np
    >>> from skdcca import LinearCCA, weight_stability
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(200, 8)), rng.normal(size=(200, 8))
    >>> y[:, 0] += X[:, 0]
    >>> result = weight_stability(LinearCCA(2), X, y, n_splits=50, random_state=0)
    >>> result.x_weights.mean.round(2)
    array([0.9 , 0.27])
    >>> result.x_weights.chance.round(2)
    array([0.3 , 0.36])
    """
    check_model("estimator", estimator)
    check_pairs(X, y)
    check_integer("n_splits", n_splits)
    X, y = indexable(X, y)
    units = _check_units(check_groups(groups, X), num_samples(X))
    rng = check_random_state(random_state)
    seeds = rng.randint(np.iinfo(np.int32).max, size=n_splits)
    tables = _table(X), _table(y)
    found = Parallel(n_jobs=n_jobs)(
        delayed(_agreement_of_split)(estimator, X, y, tables, units, seed, params) for seed in seeds
    )
    n_components = min(len(one["x_weights"]) for pair in found for one in pair)
    result = Bunch()
    for name in (f"{view}_{measure}" for measure in _MEASURES for view in "xy"):
        values = [[one.get(name) for one in pair] for pair in found]
        result[name] = None if values[0][0] is None else _summary(values, n_components)
    return result


def _check_units(groups, n_rows):
    """Return the number of the group of each row, or of the row itself without groups."""
    if n_rows < 4:
        raise ValueError(f"X and y must have at least 4 rows to be halved, got {n_rows} samples.")
    if groups is None:
        return np.arange(n_rows)
    if groups.max() == 0:
        raise ValueError("`groups` must have at least two groups, got 1. Pass groups=None.")
    return groups


def _table(view):
    """Return a view as an array or a sparse matrix of numbers, or None if it is another kind."""
    if issparse(view):
        return view.tocsr()
    try:
        table = np.asarray(view, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or not np.isfinite(table).all():
        return None
    return table


def _agreement_of_split(estimator, X, y, tables, units, seed, params):
    """Return the agreement of two halves, and that of the same halves after y is shuffled."""
    rng = np.random.default_rng(seed)
    parts = halves(units, rng)
    own = _agreement(estimator, X, y, tables, parts, params)
    order = rng.permutation(len(units))
    tables = tables[0], None if tables[1] is None else tables[1][order]
    return own, _agreement(estimator, X, shuffled(y, order), tables, parts, params)


def _agreement(estimator, X, y, tables, parts, params):
    """Return the agreement of the models of two halves by each measure, as a dict."""
    one, other = (variates(fitted(estimator, X, y, half, params), X, y) for half in parts)
    weight = np.full(len(one[0]), 1 / len(one[0]))
    found = {}
    for view, *pair, table in zip("xy", one, other, tables, strict=True):
        n_components = min(z.shape[1] for z in pair)
        a, b = (standardize(z[:, :n_components].astype(np.float64), weight) for z in pair)
        found[f"{view}_weights"] = np.abs(weight @ (a * b))
        found[f"{view}_subspace"] = _overlap(a, b)
        if table is not None:
            loadings = (column_correlations(table, z)[0] for z in (a, b))
            found[f"{view}_loadings"] = _congruence(*loadings)
    return found


def _overlap(a, b):
    """Return the root mean square cosine of the angles between the spans of the first k columns."""
    squares = (_orthonormal(a).T @ _orthonormal(b)) ** 2
    sums = np.diag(squares.cumsum(axis=0).cumsum(axis=1))
    return np.sqrt(sums / np.arange(1, len(sums) + 1))


def _orthonormal(z):
    """Return an orthonormal basis; a column that depends on the ones before it becomes 0."""
    basis, triangle = np.linalg.qr(z)
    size = np.abs(np.diag(triangle))
    return basis * (size > 1e-10 * np.sqrt(len(z)))


def _congruence(one, other):
    """Return the absolute cosine of each pair of columns; 0 for a column of zeros."""
    size = np.linalg.norm(one, axis=0) * np.linalg.norm(other, axis=0)
    products = np.abs(np.sum(one * other, axis=0))
    return np.divide(products, size, out=np.zeros_like(size), where=size > 0)


def _summary(values, n_components):
    """Return the statistics of a list of agreements of the data and of shuffled rows."""
    own, by_chance = (
        np.array([one[:n_components] for one in part]) for part in zip(*values, strict=True)
    )
    low, high = np.quantile(own, _QUANTILES, axis=0)
    mean, chance = own.mean(axis=0), by_chance.mean(axis=0)
    return Bunch(mean=mean, low=low, high=high, chance=chance, splits=own)
