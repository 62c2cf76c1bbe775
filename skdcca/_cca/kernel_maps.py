"""Map rows to kernel values or features, and compute the statistics that the maps depend on."""

import numpy as np
from scipy import linalg
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils import gen_batches

from skdcca._cca.moments import PairMoments
from skdcca._utils.validation import check_integer, check_number, check_option, is_number

_KERNELS = ("linear", "rbf", "poly", "cosine", "precomputed")
_EPS = np.finfo(np.float64).eps
# A block has at most this many rows and this many numbers (32 MB).
_ROWS = 4096
_NUMBERS = 2**22


def is_kernel(kernel, *names):
    """Return True if the kernel is a string and one of these names."""
    return isinstance(kernel, str) and kernel in names


def check_kernel_parameters(prefix, kernel, gamma, degree, coef0):
    """Raise ValueError unless a kernel and its parameters are valid."""
    if isinstance(kernel, type) or not callable(kernel):
        other = "or a callable (an instance, not a class)"
        check_option(f"{prefix}kernel", kernel, _KERNELS, otherwise=other)
    if not is_number(gamma, gt=0):
        check_option(f"{prefix}gamma", gamma, ("scale",), otherwise="or a finite number > 0")
    check_integer(f"{prefix}degree", degree)
    remedy = "Use 0 or 1: with a negative constant the kernel is not positive semi-definite."
    check_number(f"{prefix}coef0", coef0, ge=0, remedy=remedy)


def check_precomputed(view, name):
    """Raise ValueError unless the view is a square, symmetric kernel."""
    argument = {"X": "kernel", "y": "y_kernel"}[name]
    remedy = f"Pass the kernel of the training rows, or set `{argument}` to 'rbf'."
    if view.shape[0] != view.shape[1]:
        raise ValueError(
            f"{name} must be a square kernel with {argument}='precomputed', got shape {view.shape}. "
            f"{remedy}"
        )
    difference = np.abs(view - view.T).max()
    if difference > np.sqrt(np.finfo(view.dtype).eps) * np.abs(view).max():
        raise ValueError(
            f"{name} must be a symmetric kernel with {argument}='precomputed', got differences up to "
            f"{difference:.2g}. {remedy}"
        )


def positive_part(eigenvalues, limit, name):
    """Return the slice of the ascending eigenvalues that are above `limit`, the rounding error."""
    if eigenvalues[0] < -max(1e-5 * eigenvalues[-1], limit):
        raise ValueError(
            f"The kernel of {name} must be positive semi-definite, got eigenvalues from "
            f"{eigenvalues[0]:.2g} to {eigenvalues[-1]:.2g}. Pass similarities, not distances. With the "
            "kernel 'rbf', remove outliers or scale the view."
        )
    if eigenvalues[-1] <= limit:
        raise ValueError(
            f"The kernel does not distinguish the rows of {name}, so there is nothing to correlate. "
            "Standardize the view, or change gamma."
        )
    return slice(np.searchsorted(eigenvalues, limit, side="right"), None)


class Spread:
    """Number of rows, mean, scatter and range of a view, accumulated in float64."""

    n = 0

    def add(self, view):
        """Add rows."""
        step = max(1, _NUMBERS // max(1, view.shape[1]))
        for rows in gen_batches(len(view), step):
            self._add_block(view[rows])
        return self

    def _add_block(self, view):
        view = np.asarray(view)
        part = Spread()
        part.n, part.low, part.high = len(view), view.min(), view.max()
        part.mean = view.mean(axis=0, dtype=np.float64)
        centered = view - part.mean
        part.mean += centered.mean(axis=0)  # the rounding error of the first mean
        part.squares = np.einsum("ij,ij->", centered, centered)
        self.merge(part)

    def merge(self, other):
        """Add the rows of another `Spread`."""
        if not other.n or not self.n:
            vars(self).update(vars(other))
            return self
        n = self.n + other.n
        step = other.mean - self.mean
        self.squares += other.squares + self.n * other.n / n * (step @ step)
        self.mean = self.mean + step * (other.n / n)
        self.n = n
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        return self

    @property
    def variance(self):
        """Variance of all values about their common mean."""
        deviation = self.mean - self.mean.mean()
        return self.squares / (self.n * len(deviation)) + np.mean(deviation**2)

    @property
    def peak(self):
        """Largest absolute value."""
        return max(abs(float(self.low)), abs(float(self.high)))


class Spreads:
    """The spreads of both views."""

    def __init__(self):
        self.x, self.y = Spread(), Spread()

    def add(self, X, y):
        """Add rows of both views."""
        # An overflow of the squares is ignored here; the kernels that need them raise an error later.
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            self.x.add(X)
            self.y.add(y)
        return self

    def merge(self, other):
        """Add the rows of another `Spreads`."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            self.x.merge(other.x)
            self.y.merge(other.y)
        return self


class KernelMap:
    """Kernel with its parameters and the rows that it is evaluated with.

    Fitted models and saved files contain the attributes of this class by name.
    """

    def __init__(self, spread, name, kernel, gamma, degree, coef0):
        self.name, self.kernel = name, kernel
        self.parameters = {"degree": degree, "coef0": coef0}
        self.gamma = None
        if is_kernel(kernel, "rbf", "poly"):
            self.gamma = _scale(spread, name) if isinstance(gamma, str) else float(gamma)
        self.offset, self.rows, self.basis = 0.0, None, None
        # The cosine does not depend on the unit, but scikit-learn treats tiny rows as zeros.
        self.unit = spread.peak if is_kernel(kernel, "cosine") and spread.peak else 1.0
        # After centering, these kernels do not depend on the origin, and a large offset costs digits.
        if is_kernel(kernel, "linear", "rbf"):
            self.offset = spread.mean

    def keep(self, rows):
        """Keep a copy of the rows that the kernel is evaluated with."""
        if not is_kernel(self.kernel, "precomputed"):
            self.rows = rows.copy()

    def choose(self, rows):
        """Keep these rows as landmarks, and compute the basis that turns their kernel into features."""
        self.keep(rows)
        kernel = self.of_kept(rows)
        limit = 10 * len(kernel) * _EPS * np.abs(kernel).max()
        variance, vectors = linalg.eigh(kernel.T, overwrite_a=True, driver="evd")
        positive = positive_part(variance, limit, self.name)
        self.basis = vectors[:, positive] / np.sqrt(variance[positive])

    def features(self, rows):
        """Return the features of rows; the landmarks must have been set by `choose`."""
        return self(rows) @ self.basis

    def of_kept(self, rows):
        """Return the kernel of the kept rows with themselves, after checking its symmetry."""
        kernel = self(rows, rows)
        if callable(self.kernel):
            difference = np.abs(kernel - kernel.T).max()
            if difference > np.sqrt(_EPS) * np.abs(kernel).max():
                raise ValueError(
                    f"The callable kernel of {self.name} must be symmetric, got differences up to "
                    f"{difference:.2g}. Make kernel(a, b) the transpose of kernel(b, a)."
                )
        return kernel

    def __call__(self, rows, kept=None):
        """Return the kernel of `rows` with the kept rows, in float64.

        Pass ``kept=rows`` if `rows` are the kept rows themselves.
        """
        rows = rows.astype(np.float64)
        if is_kernel(self.kernel, "precomputed"):
            return rows
        rows -= self.offset
        rows /= self.unit
        # If both are the same array, scikit-learn sets the distances on the diagonal to exactly 0.
        others = (self.rows - self.offset) / self.unit if kept is None else rows
        kernel = self._evaluate(rows, others)
        if not np.isfinite(kernel).all():
            raise ValueError(
                f"The kernel of {self.name} contains NaN or infinity. Standardize the view (X by a "
                "StandardScaler in a Pipeline, y in `y_transformer`), or use a smaller degree or gamma."
            )
        return kernel

    def _evaluate(self, rows, others):
        if not callable(self.kernel):
            parameters = {"gamma": self.gamma, **self.parameters}
            with np.errstate(over="ignore", invalid="ignore"):  # the caller checks for infinity
                return pairwise_kernels(
                    rows, others, metric=self.kernel, filter_params=True, **parameters
                )
        kernel = np.array(self.kernel(rows, others), dtype=np.float64)
        expected = (len(rows), len(others))
        if kernel.shape != expected:
            raise ValueError(
                f"The callable kernel of {self.name} must return an array of shape {expected} for "
                f"{len(rows)} and {len(others)} rows, got shape {kernel.shape}."
            )
        return kernel

    def public(self, coefs):
        """Return the public `x_rows_` or `y_rows_` and intercept, which need no offset of the rows."""
        if not is_kernel(self.kernel, "linear"):
            return self.rows, self.intercept
        rows = self.rows - self.offset
        return rows, self.intercept - self.offset @ (rows.T @ coefs)


class FourierMap:
    """Map to random Fourier features, whose inner products approximate the kernel "rbf".

    Fitted models and saved files contain the attributes of this class by name.
    """

    kernel, rows, basis = "rbf", None, None

    def __init__(self, kernel_map, n_features, rng):
        self.name, self.offset = kernel_map.name, kernel_map.offset
        size = (len(self.offset), n_features)
        self.frequencies = np.sqrt(2 * kernel_map.gamma) * rng.standard_normal(size)
        self.phases = rng.uniform(0, 2 * np.pi, n_features)

    def __call__(self, rows):
        """Return the features of rows, in float64."""
        features = (rows - self.offset) @ self.frequencies
        features += self.phases
        np.cos(features, out=features)
        features *= np.sqrt(2 / len(self.phases))
        return features

    features = __call__

    def public(self, coefs):
        """Return None for the rows, because none are kept, and the intercept."""
        return None, self.intercept


class FeatureSums:
    """Moments of the features of both views, and products of the features of X with y itself."""

    def __init__(self, x_map, y_map, y_mean):
        self._maps, self._y_mean = (x_map, y_map), y_mean
        self.moments, self.products = PairMoments(), 0.0

    def add(self, X, y):
        """Add rows of both views."""
        x_map, y_map = self._maps
        for rows in gen_batches(len(X), _ROWS):
            features = x_map.features(X[rows])
            self.moments.add(features, y_map.features(y[rows]))
            self.products += features.T @ (y[rows] - self._y_mean)
        return self

    def merge(self, other):
        """Add the rows of another `FeatureSums`."""
        self.moments.merge(other.moments)
        self.products = self.products + other.products
        return self


def project(view, view_map, coefs):
    """Return the variates, computed in blocks so that memory does not grow with the rows."""
    variates = np.empty((len(view), coefs.shape[1]), dtype=view.dtype)
    step = max(1, min(_ROWS, _NUMBERS // len(coefs)))
    for rows in gen_batches(len(view), step):
        variates[rows] = view_map(view[rows]) @ coefs + view_map.intercept
    return variates


def _scale(spread, name):
    """Return gamma for ``gamma="scale"``.

    It is 1 for a constant view, which raises an error later.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        variance = spread.variance
        gamma = 1.0 / (len(spread.mean) * variance) if variance > 0 else 1.0
    if not 0 < gamma < np.inf or (variance == 0 and spread.high > spread.low):
        raise ValueError(
            f"gamma='scale' cannot be computed for {name}, whose variance is {variance:.3g}. "
            "Standardize the view."
        )
    return gamma
