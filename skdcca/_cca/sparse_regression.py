"""Alternate between sparse regressions of the variate of each view on the columns of the other."""

from copy import copy

import numpy as np
from scipy import linalg
from sklearn.linear_model import enet_path

from skdcca._cca.algebra import leading_svd

# At the threshold 1 no column would be left; just below it, there is the largest one.
_LARGEST = 1 - 1e-6
# Covariances of standardized columns up to this are rounding errors of the deflation.
_ROUNDING = 1e-10
# Optimality of the columns without a weight is checked with this relative precision.
_SLACK = 1e-6
# Coordinate descent ends at this duality gap, relative to the variance, or after so many sweeps.
_LEAST_GAP, _SWEEPS = 1e-12, 1000
# Coordinates are visited in their order, but scikit-learn draws a seed from this or from NumPy's own.
_RANDOM = np.random.RandomState(0)


class Regression:
    """Elastic net of a variate of the other view on the columns of this one.

    It minimizes ``mean((z - columns @ a)**2) / 2 + t * sum(abs(a)) + reg / 2 * sum(a**2)``, where t is
    `l1` times the largest absolute covariance of z and a column. Only a working set of columns is
    regressed on. `check` adds the columns that violate the conditions of optimality.

    Parameters
    ----------
    columns : Columns
        Columns of the view.
    reg : float
        Ridge, which may be infinite.
    """

    def __init__(self, columns, reg):
        self.columns, self.reg = columns, reg
        self.gap = _LEAST_GAP
        self._set_work(np.empty(0, dtype=int), np.empty(0))

    def _set_work(self, work, coef):
        self.work, self.coef = work, coef
        self.part = self.columns.take(work)
        self._gram = self._factors = None

    def fit(self, z, l1):
        """Regress on the working set, and return the variate with variance 1, or 0 if there is none."""
        covariance = self.part.T @ z / self.columns.degrees
        largest = np.abs(covariance).max(initial=0.0)
        threshold = min(l1, _LARGEST) * largest
        if largest <= _ROUNDING:
            self.coef = np.zeros(len(self.work))
        elif self.reg == np.inf or l1 >= _LARGEST:
            self.coef = _soft(covariance, threshold)
        elif l1 == 0:
            self.coef = self._ridge(z)
        else:
            self.coef = self._elastic_net(z, covariance, threshold)
        variate = self.part @ self.coef
        self.deviation = np.sqrt(variate @ variate / self.columns.degrees)
        return variate / self.deviation if self.deviation > 0 else variate

    def _elastic_net(self, z, covariance, threshold):
        penalty = threshold + self.reg
        n, few = len(z), len(self.work) <= len(z)
        if few and self._gram is None:
            self._gram = self.part.T @ self.part
        return enet_path(
            self.part,
            z,
            l1_ratio=threshold / penalty,
            # scikit-learn divides by the number of rows, variances by one less.
            alphas=[penalty * (n - 1) / n],
            precompute=self._gram if few else False,
            Xy=covariance * (n - 1) if few else None,
            coef_init=self.coef.copy(),  # it is changed in place
            check_input=False,
            tol=self.gap,
            max_iter=_SWEEPS,
            random_state=_RANDOM,
        )[1][:, 0]

    def _ridge(self, z):
        left, singular, right = self._decomposed()
        shrunk = singular / (singular**2 + self.reg * self.columns.degrees)
        return (shrunk * (left.T @ z)) @ right

    def ridge_basis(self):
        """Return the directions of the rows, shrunk by the ridge, between which CCA has no threshold."""
        left, singular, _ = self._decomposed()
        if self.reg == np.inf:
            return left * singular
        return left * (singular / np.sqrt(singular**2 + self.reg * self.columns.degrees))

    def _decomposed(self):
        """Return the singular value decomposition of the working set, without empty directions."""
        if self._factors is None:
            left, singular, right = linalg.svd(self.part, full_matrices=False)
            limit = (
                max(self.part.shape) * np.finfo(np.float64).eps * singular.max(initial=_ROUNDING)
            )
            real = singular > limit
            self._factors = left[:, real], singular[real], right[real]
        return self._factors

    def check(self, z, l1):
        """Add the columns that violate optimality, and return True if there are any."""
        values = np.column_stack([z, self.part @ self.coef])
        covariance, of_fit = self.columns.products(values).T
        self.gradient = np.abs(covariance)
        self.largest = self.gradient.max()
        wanted = self.gradient >= self.largest * (1 - _SLACK)
        if self.reg != np.inf:
            # Without the ridge, which has no effect on columns that are not in the working set.
            self.gradient = np.abs(covariance - of_fit)
        threshold = min(l1, _LARGEST) * self.largest
        return self._add(wanted | (self.gradient > threshold * (1 + _SLACK)))

    def foresee(self, next_l1):
        """Add the columns that will probably have a weight at the next threshold."""
        if next_l1 == 0:
            self._add(self.columns.inverse > 0)
        else:
            self._add(self.gradient > next_l1 * self.largest)

    def _add(self, wanted):
        wanted[self.work] = False
        new = np.flatnonzero(wanted)
        if len(new):
            self._set_work(np.concatenate([self.work, new]), np.pad(self.coef, (0, len(new))))
        return len(new) > 0

    def weights(self):
        """Return the weights of all columns, which give a variate with variance 1."""
        weights = np.zeros(self.columns.values.shape[1])
        if self.deviation > 0:
            weights[self.work] = self.coef / self.deviation
        return weights


class Alternation:
    """Two regressions that take the variate of each other, along a path of decreasing thresholds.

    Parameters
    ----------
    x_columns, y_columns : Columns
        Columns of both views.
    reg : tuple of float
        Ridges of both views.
    weights : tuple of ndarray
        Weights of both views at the start.
    """

    def __init__(self, x_columns, y_columns, reg, weights):
        self.x, self.y = Regression(x_columns, reg[0]), Regression(y_columns, reg[1])
        self.zy = _unit(y_columns.variate(weights[1]), y_columns.degrees)
        self.zx = _unit(x_columns.variate(weights[0]), x_columns.degrees)
        self.x.check(self.zy, 1.0)
        self.y.check(self.zx, 1.0)

    def copy(self):
        """Return an alternation in the same state, from which another path can be followed."""
        other = copy(self)
        other.x, other.y = copy(self.x), copy(self.y)
        return other

    def step(self, l1, tol, max_iter):
        """Alternate at a pair of thresholds until the variates are stable; return True if they are."""
        self.n_iter = 0
        self.x.foresee(l1[0])
        self.y.foresee(l1[1])
        if l1 == (0, 0):
            self._set_exact()
        # The square of the error of a variate is at most twice the gap.
        self.x.gap = self.y.gap = max(tol**2 / 10, _LEAST_GAP)
        while True:
            converged = self._iterate(l1, tol, max_iter)
            violated = [self.x.check(self.zy, l1[0]), self.y.check(self.zx, l1[1])]
            if not any(violated):
                return converged
            if self.n_iter == max_iter:
                return False

    def _set_exact(self):
        """Set the variates of canonical ridge, from which the alternation without thresholds starts.

        It may need thousands of steps from elsewhere.
        """
        x_basis, y_basis = self.x.ridge_basis(), self.y.ridge_basis()
        if x_basis.size and y_basis.size:
            left, _, right = leading_svd(x_basis.T @ y_basis, 1)
            degrees = self.x.columns.degrees
            self.zx = _unit((x_basis @ left)[:, 0], degrees)
            self.zy = _unit((y_basis @ right)[:, 0], degrees)

    def _iterate(self, l1, tol, max_iter):
        """Alternate on the working sets until the variates are stable; return True if they are."""
        limit = tol * np.sqrt(self.x.columns.degrees)
        while self.n_iter < max_iter:
            self.n_iter += 1
            zx = self.x.fit(self.zy, l1[0])
            zy = self.y.fit(zx, l1[1])
            change = max(linalg.norm(zx - self.zx), linalg.norm(zy - self.zy))
            self.zx, self.zy = zx, zy
            if change <= limit:
                return True
        return False


def _soft(values, threshold):
    return np.sign(values) * np.maximum(np.abs(values) - threshold, 0.0)


def _unit(variate, degrees):
    deviation = np.sqrt(variate @ variate / degrees)
    return variate / deviation if deviation > 0 else variate
