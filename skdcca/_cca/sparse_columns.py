"""Hold the columns of a view for a fit to some of its rows, standardized and deflated."""

import numpy as np

from skdcca._cca.linear_views import center, refuse_constant

_EPS = np.finfo(np.float64).eps


class Standardized:
    """All rows of a view with centered columns of variance 1; a constant column is 0.

    Parameters
    ----------
    view : ndarray of shape (n_samples, n_features)
        The view.
    name : str
        Name of the view in errors.
    """

    def __init__(self, view, name):
        # A copy, in the order in which columns are contiguous: the steps below work in place.
        values = np.array(view, dtype=np.float64, order="F")
        self.mean = center(values)
        # Without division by the largest value, squares could overflow or vanish.
        peak = np.abs(values).max(axis=0)
        rounding = np.finfo(view.dtype).eps
        constant = peak <= 2 * rounding * np.abs(self.mean)
        refuse_constant(constant, name)
        values[:, constant] = 0.0
        peak[constant] = 1.0
        values /= peak
        deviation = values.std(axis=0, ddof=1)
        deviation[constant] = 1.0
        values /= deviation
        self.values, self.scale = values, peak * deviation


class Columns:
    """Columns of the training rows of a fit, without what earlier components explain.

    The array of all rows is shared by all folds. What a fold changes, the means and deviations of
    its rows and the deflation, is applied to products and to the few columns that are asked for.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        Standardized columns of all rows.
    rows : ndarray of int
        Training rows.
    """

    def __init__(self, values, rows):
        self.values, self.rows = values, rows
        self.degrees = len(rows) - 1
        part = values if len(rows) == len(values) else values[rows]
        self.mean = part.mean(axis=0)
        deviation = part.std(axis=0, ddof=1)
        varies = deviation > len(rows) * _EPS
        # A column that is constant in these rows is never selected.
        self.inverse = np.where(varies, 1 / np.where(varies, deviation, 1.0), 0.0)
        self.variates = np.empty((len(rows), 0))
        self.loadings = np.empty((values.shape[1], 0))
        self.weights = np.empty((values.shape[1], 0))

    def covariance(self, z):
        """Return the covariances of the columns with centered values of the rows, not deflated."""
        padded = np.zeros((*z.T.shape[:-1], len(self.values)))
        padded[..., self.rows] = z.T
        return (padded @ self.values * (self.inverse / self.degrees)).T

    def products(self, z):
        """Return the covariances of the deflated columns with centered values of the rows."""
        return self.covariance(z) - self.loadings @ (self.variates.T @ z / self.degrees)

    def take(self, chosen):
        """Return some deflated columns."""
        # Rows of the transposed array, which are contiguous.
        columns = self.values.T[chosen][:, self.rows] - self.mean[chosen, None]
        columns *= self.inverse[chosen, None]
        columns -= self.loadings[chosen] @ self.variates.T
        return np.asfortranarray(columns.T)

    def variate(self, weights):
        """Return the deflated columns times the weights."""
        return self.project(self.rows, self.original(weights))

    def original(self, weights):
        """Return the weights that give the same variate from columns that are not deflated."""
        return weights - self.weights @ (weights @ self.loadings)

    def project(self, rows, weights):
        """Return the variate of any rows, from weights of columns that are not deflated."""
        chosen = np.flatnonzero(weights)
        scaled = self.inverse[chosen] * weights[chosen]
        if len(chosen) > len(self.mean) // 2:  # copying so many columns takes longer
            return (self.values @ (self.inverse * weights))[rows] - self.mean[chosen] @ scaled
        return scaled @ (self.values.T[chosen][:, rows] - self.mean[chosen, None])

    def deflate(self, weights):
        """Remove from every column what its regression on a variate of variance 1 explains."""
        variate = self.variate(weights)
        loadings = self.products(variate)
        self.weights = np.column_stack([self.weights, self.original(weights)])
        self.loadings = np.column_stack([self.loadings, loadings])
        self.variates = np.column_stack([self.variates, variate])
