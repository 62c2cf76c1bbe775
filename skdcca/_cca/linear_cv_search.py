"""Search the cells of a grid with folds that solve every ridge from one decomposition.

A fold has the method ``parts()``, which yields one part for each value that needs a decomposition of its
own, such as a gamma. A part has these methods:

- ``solve(reg, n_components)`` returns a solution, whose `correlations` are those of the training rows;
- ``held_out(solution)`` returns the `HeldOut` moments of the variates of the held-out rows;
- ``variates(solution)`` returns these variates;
- ``model(reg, **parameters)`` returns a fitted model for a scorer, and ``rows()`` the rows to score;
- ``ridges(reg)`` returns the ridges of both views as numbers.
"""

import time
from contextlib import contextmanager
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from skdcca._cca.algebra import pad
from skdcca._cca.linear_cv_retrieval import mrr, pair_likelihoods, pair_scores
from skdcca._utils.validation import is_integer, is_number
from skdcca.metrics import total_correlation_scorer

# Log-likelihood ratio with correlations and deviations of held-out rows.
HELD_OUT = "held_out_likelihood"
# The similarities among which "auto" chooses; of equal ones, the first is chosen.
AUTO = ("weighted", "cosine", 4.0, "likelihood", HELD_OUT)
_EPS = np.finfo(np.float64).eps


class Grid(NamedTuple):
    """Values of the parameters, whose combinations are the candidates.

    The candidates have the order of scikit-learn's `ParameterGrid`: names are sorted, and the last one
    varies fastest. `outer` has a name and its values, or no name and one value.
    """

    outer: tuple
    n_components: list
    regs: list
    similarities: list

    @property
    def shape(self):
        """Numbers of values, in the order of the axes of the scores."""
        return len(self.outer[1]), len(self.n_components), len(self.regs), len(self.similarities)

    @property
    def most_components(self):
        """Number of components that all candidates need; None if one of them has all."""
        counts = self.n_components
        return None if None in counts else max(counts)

    def candidates(self):
        """Return the parameters of all candidates, as a list of dicts."""
        name, values = self.outer
        found = product(values, self.n_components, self.regs, self.similarities)
        return [
            ({name: value} if name else {}) | {"n_components": k, "reg": reg, "similarity": kind}
            for value, k, reg, kind in found
        ]


class HeldOut(NamedTuple):
    """Second moments of pairs of variates of held-out rows."""

    products: np.ndarray
    x_squares: np.ndarray
    y_squares: np.ndarray

    @property
    def correlations(self):
        """Correlation of each pair of variates; 0 if one of them is constant."""
        size = np.sqrt(self.x_squares) * np.sqrt(self.y_squares)
        return np.clip(self.products / np.where(size > 0, size, np.inf), -1.0, 1.0)


def moments_of(zx, zy, weight=None, *, centered=True):
    """Return the `HeldOut` moments of variates, about their means or, if not `centered`, about 0."""
    weight = np.ones(len(zx)) if weight is None else weight
    weight = weight / weight.sum()
    if centered:
        zx, zy = _centered(zx, weight), _centered(zy, weight)
    return HeldOut(weight @ (zx * zy), weight @ zx**2, weight @ zy**2)


def _centered(z, weight):
    mean = weight @ z
    z = z - mean
    # The rounding errors of a constant variate must not be correlated.
    constant = np.abs(z[weight > 0]).max(axis=0) <= 10 * _EPS * np.abs(mean)
    return np.where(constant, 0.0, z)


def as_pair(reg):
    """Return the ridges of both views of a candidate, whose ridges are checked."""
    return reg if isinstance(reg, tuple) else (reg, reg)


def is_total_correlation(scoring):
    """Return True if a scorer is the sum of the held-out correlations."""
    return scoring is None or scoring is total_correlation_scorer


class Search:
    """Scores of all candidates in all folds.

    Parameters
    ----------
    grid : Grid
        The candidates.
    folds : iterable of folds
        Folds, which can be iterated again. With the attribute ``pooled``, each of them has one row, and
        their products of variates are added.
    metric : callable, default=None
        Function of a matrix of scores. If None, the score is the sum of the held-out correlations, or
        that of `scorer`.
    scorer : callable, default=None
        Scorer of scikit-learn.
    """

    def __init__(self, grid, folds, metric=None, scorer=None):
        self.grid, self.folds, self.metric, self.scorer = grid, folds, metric, scorer
        self.pooled = getattr(folds, "pooled", False)
        self.n_splits = 1 if self.pooled else len(folds)
        self.scores = np.zeros((*grid.shape, self.n_splits))
        self.fit_times, self.score_times = np.zeros((2, self.n_splits))
        self.held_out = {cell: [] for cell in np.ndindex(grid.shape[0], grid.shape[2])}
        self.ridges = {cell: [] for cell in self.held_out}

    def run(self):
        """Compute the scores."""
        self._in_each_cell(self._solve)
        if self.pooled:
            self._divide_by_rows()
        if self.metric is None and self.scorer is None:
            self._set_total_correlations()
        if self.metric is not None and HELD_OUT in self.grid.similarities:
            self._in_each_cell(self._score_held_out_likelihood)
        if not np.isfinite(self.scores).all():
            raise ValueError(
                "The held-out scores must be finite. Scale the views, or clip outliers."
            )
        return self

    def _in_each_cell(self, work):
        """Call ``work(split, cell, part)``; a cell has the numbers of the outer value and the ridge."""
        for number, fold in enumerate(self.folds):
            start, split = time.perf_counter(), 0 if self.pooled else number
            with fold_errors(number):
                for a, part in enumerate(fold.parts()):
                    for c in range(len(self.grid.regs)):
                        work(split, (a, c), part)
            self.fit_times[split] += time.perf_counter() - start

    def _solve(self, split, cell, part):
        reg = self.grid.regs[cell[1]]
        solution = part.solve(reg, self.grid.most_components)
        self.ridges[cell].append(part.ridges(reg))
        held_out, found = part.held_out(solution), self.held_out[cell]
        if self.pooled and found:
            found[0] = _sum(found[0], held_out)
        else:
            found.append(held_out)
        start = time.perf_counter()
        if self.metric is not None:
            self._score_retrieval(split, cell, part, solution)
        elif self.scorer is not None:
            self._score_models(split, cell, part)
        spent = time.perf_counter() - start
        self.score_times[split] += spent
        self.fit_times[split] -= spent

    def _score_retrieval(self, split, cell, part, solution):
        a, c = cell
        zx, zy = part.variates(solution)
        for b, k, d, kind in self._counts_and_kinds():
            if kind != HELD_OUT:
                correlations = solution.correlations[:k]
                scores = pair_scores(zx[:, :k], zy[:, :k], kind, correlations)
                self.scores[a, b, c, d, split] = self.metric(scores)

    def _counts_and_kinds(self):
        """Yield the position and value of each number of components with each similarity."""
        for b, k in enumerate(self.grid.n_components):
            for d, kind in enumerate(self.grid.similarities):
                yield b, k, d, kind

    def _score_models(self, split, cell, part):
        a, c = cell
        rows = part.rows()
        for b, k, d, kind in self._counts_and_kinds():
            model = part.model(self.grid.regs[c], n_components=k, similarity=kind)
            score = self.scorer(model, *rows)
            if not is_number(score):
                raise ValueError(f"`scoring` must return one finite number, got {score!r}.")
            self.scores[a, b, c, d, split] = score

    def _divide_by_rows(self):
        """Turn sums over folds of one row into means."""
        for cell, (sums,) in self.held_out.items():
            self.held_out[cell] = [HeldOut(*(part / len(self.folds) for part in sums))]

    def _set_total_correlations(self):
        for a, c in self.held_out:
            for split, held_out in enumerate(self.held_out[a, c]):
                correlations = held_out.correlations
                for b, k in enumerate(self.grid.n_components):
                    self.scores[a, b, c, :, split] = correlations[:k].sum()

    def _score_held_out_likelihood(self, split, cell, part):
        """Score a fold with the correlations and deviations of the other folds."""
        a, c = cell
        d = self.grid.similarities.index(HELD_OUT)
        solution = part.solve(self.grid.regs[c], self.grid.most_components)
        zx, zy = part.variates(solution)
        for b, k in enumerate(self.grid.n_components):
            scores = self._by_likelihood(zx[:, :k], zy[:, :k], cell, split)
            self.scores[a, b, c, d, split] = self.metric(scores)

    def _by_likelihood(self, zx, zy, cell, split):
        others = [one for i, one in enumerate(self.held_out[cell]) if i != split]
        correlations, *deviations = average(others or self.held_out[cell], zx.shape[1])
        return pair_likelihoods(zx, zy, correlations=correlations, deviations=deviations)

    def similarities(self, index, kinds):
        """Return the mean MRR on held-out rows with each similarity, for the candidate `index`."""
        a, b, c, _ = np.unravel_index(index, self.grid.shape)
        k, reg = self.grid.n_components[b], self.grid.regs[c]
        found = np.zeros((len(kinds), self.n_splits))
        for split, fold in enumerate(self.folds):
            (part,) = fold.parts((a,))
            solution = part.solve(reg, self.grid.most_components)
            zx, zy = (z[:, :k] for z in part.variates(solution))
            for d, kind in enumerate(kinds):
                if kind == HELD_OUT:
                    scores = self._by_likelihood(zx, zy, (a, c), split)
                else:
                    scores = pair_scores(zx, zy, kind, solution.correlations[:k])
                found[d, split] = mrr(scores)
        return found.mean(axis=1)

    def measured(self, index, n_components):
        """Return the held-out correlations and deviations of the candidate `index`."""
        a, _, c, _ = np.unravel_index(index, self.grid.shape)
        return average(self.held_out[a, c], n_components)

    def results(self):
        """Return the scores in the form of ``cv_results_`` of `GridSearchCV`."""
        candidates = self.grid.candidates()
        n, scores = len(candidates), self.scores.reshape(len(candidates), self.n_splits)
        found = {}
        for name, times in (("fit_time", self.fit_times), ("score_time", self.score_times)):
            found[f"mean_{name}"] = np.full(n, times.mean() / n)
            found[f"std_{name}"] = np.full(n, times.std() / n)
        for name in candidates[0]:
            found[f"param_{name}"] = _masked([one[name] for one in candidates])
        found["params"] = candidates
        for split in range(self.n_splits):
            found[f"split{split}_test_score"] = scores[:, split]
        found["mean_test_score"] = mean = scores.mean(axis=1)
        found["std_test_score"] = scores.std(axis=1)
        found["rank_test_score"] = rankdata(-mean, method="min").astype(np.int32)
        return found

    def best_index(self, rule):
        """Return the number of the candidate that the rule chooses, "best" or "1se"."""
        scores = self.scores.reshape(-1, self.n_splits)
        mean = scores.mean(axis=1)
        best = int(np.argmax(mean))
        if rule == "best":
            return best
        error = scores[best].std(ddof=1) / np.sqrt(self.n_splits)
        good = np.flatnonzero(mean >= mean[best] - error)
        return int(min(good, key=lambda index: (*self._complexity(index), -mean[index])))

    def _complexity(self, index):
        """Return a key that is smaller for fewer components, and then for larger ridges."""
        a, b, c, _ = np.unravel_index(index, self.grid.shape)
        k = self.grid.n_components[b]
        return np.inf if k is None else k, -np.mean(self.ridges[a, c])


def _sum(one, other):
    return HeldOut(*(a + b for a, b in zip(one, other, strict=True)))


def average(held_out, k):
    """Return the mean correlations, and the deviations of both views, of moments of several folds.

    Components that a fold lacks have correlation 0.
    """
    correlations = np.mean([pad(one.correlations[:k], k) for one in held_out], axis=0)
    squares = (np.mean([pad(part[:k], k) for part in side], axis=0) for side in _sides(held_out))
    return correlations, *(np.sqrt(part) for part in squares)


def _sides(held_out):
    return [one.x_squares for one in held_out], [one.y_squares for one in held_out]


def _masked(values):
    """Return values as a masked array without masked elements, as in `GridSearchCV`."""
    is_numeric = all(is_number(value) for value in values)
    dtype = (int if all(map(is_integer, values)) else float) if is_numeric else object
    array = np.empty(len(values), dtype=dtype)
    for i, value in enumerate(values):
        array[i] = value
    return np.ma.MaskedArray(array, mask=False)


@contextmanager
def fold_errors(number):
    """Add the number of the fold to an error."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"Fold {number} of `cv`: {error}") from error
