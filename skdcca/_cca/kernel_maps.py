"""Map rows to kernel values or features, and compute the statistics that the maps depend on."""

import numpy as np
from scipy import linalg
from scipy.sparse import issparse
from sklearn.metrics.pairwise import pairwise_kernels

from skdcca._cca.moments import PairMoments
from skdcca._utils.blocks import as_dense, slices_of
from skdcca._utils.validation import check_integer, check_number, check_option, is_number
from skdcca._utils.warnings import warn
from skdcca.exceptions import DegenerateKernelWarning

_KERNELS = (
    "additive_chi2",
    "chi2",
    "cosine",
    "laplacian",
    "linear",
    "poly",
    "polynomial",
    "precomputed",
    "rbf",
    "sigmoid",
)
_GAMMAS = ("distance", "scale")
_WITH_GAMMA = ("chi2", "laplacian", "poly", "polynomial", "rbf", "sigmoid")
# These kernels compare histograms, whose columns must remain nonnegative.
_OF_HISTOGRAMS = ("additive_chi2", "chi2")
# After centering, these kernels do not depend on the origin.
_WITHOUT_ORIGIN = ("laplacian", "linear", "rbf")
# A kernel whose rows have less similarity than this to all other rows together is an identity matrix.
# If its variance is a smaller fraction of its diagonal than the second figure, it is constant.
_LEAST_SIMILARITY = 1e-3
_LEAST_VARIANCE = 1e-8
# Without landmarks, about as many rows are compared to recognize an identity matrix.
_SAMPLE = 300
_DEGENERACIES = {
    "identity": (
        "an identity matrix: no row resembles another. The model cannot generalize.",
        "smaller",
    ),
    "constant": (
        "constant: all rows resemble each other equally. The model depends on its last digits.",
        "larger",
    ),
}
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
        check_option(f"{prefix}gamma", gamma, _GAMMAS, otherwise="or a finite number > 0")
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


def positive_part(eigenvalues, limit, name, indefinite=False):
    """Return the slice of the ascending eigenvalues that are above `limit`, the rounding error.

    Negative eigenvalues are an error unless the kernel may be indefinite.
    """
    if not indefinite and eigenvalues[0] < -max(1e-5 * eigenvalues[-1], limit):
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
        for rows in slices_of(view.shape[0], step):
            self._add_block(as_dense(view[rows]))
        return self

    def _add_block(self, view):
        view = np.asarray(view)
        part = Spread()
        part.n, part.low, part.high = len(view), view.min(axis=0), view.max(axis=0)
        part.mean = view.mean(axis=0, dtype=np.float64)
        centered = view - part.mean
        part.mean += centered.mean(axis=0)  # the rounding error of the first mean
        part.squares = np.einsum("ij,ij->j", centered, centered)
        self.merge(part)

    def merge(self, other):
        """Add the rows of another `Spread`."""
        if not other.n or not self.n:
            vars(self).update(vars(other))
            return self
        n = self.n + other.n
        step = other.mean - self.mean
        self.squares = self.squares + other.squares + self.n * other.n / n * step**2
        self.mean = self.mean + step * (other.n / n)
        self.n = n
        self.low = np.minimum(self.low, other.low)
        self.high = np.maximum(self.high, other.high)
        return self

    @property
    def variance(self):
        """Variance of all values about their common mean."""
        deviation = self.mean - self.mean.mean()
        return self.squares.sum() / (self.n * len(deviation)) + np.mean(deviation**2)

    @property
    def is_constant(self):
        """For each column, True if all of its values are equal."""
        return self.low == self.high

    def deviations(self, name):
        """Return the standard deviation of each column, or 1 if it is constant."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            deviation = np.sqrt(self.squares / self.n)
        bad = ~(np.isfinite(deviation) & ((deviation > 0) | self.is_constant))
        if bad.any():
            raise ValueError(
                f"Column {np.argmax(bad)} of {name} cannot be standardized, because its squares "
                "overflow or vanish. Use other units for this column."
            )
        return np.where(self.is_constant, 1.0, deviation)

    @property
    def peak(self):
        """Largest absolute value."""
        return max(abs(float(self.low.min())), abs(float(self.high.max())))


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

    # Files of earlier versions hold the rows in the units of the view.
    rows_are_scaled = False

    def __init__(self, spread, name, kernel, gamma, degree, coef0, standardize=False):
        self.name, self.kernel = name, kernel
        self.parameters = {"degree": degree, "coef0": coef0}
        self.rows, self.basis = None, None
        self._set_scales(spread, standardize)
        self.gamma = None
        if is_kernel(kernel, *_WITH_GAMMA):
            self.gamma = self._gamma_of(spread, gamma) if isinstance(gamma, str) else float(gamma)

    def _set_scales(self, spread, standardize):
        """Set the offset that is subtracted from the rows, and the unit by which they are divided."""
        self.offset, self.unit = 0.0, 1.0
        if is_kernel(self.kernel, *_OF_HISTOGRAMS) and spread.low.min() < 0:
            raise ValueError(
                f"{self.name} must be nonnegative with the kernel {self.kernel!r}, got "
                f"{spread.low.min():.3g}. Pass histograms or counts, or use the kernel 'rbf'."
            )
        if standardize and not is_kernel(self.kernel, "precomputed", *_OF_HISTOGRAMS):
            self.offset, self.unit = spread.mean, spread.deviations(self.name)
        elif is_kernel(self.kernel, *_WITHOUT_ORIGIN):
            # A large offset would cost digits.
            self.offset = spread.mean
        elif is_kernel(self.kernel, "cosine") and spread.peak:
            # The cosine does not depend on the unit, but scikit-learn treats tiny rows as zeros.
            self.unit = spread.peak

    def _gamma_of(self, spread, rule):
        """Return gamma by a rule; 1 for a constant view, which raises an error later."""
        n_features = len(spread.mean)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            of_columns = np.mean(spread.squares / spread.n / self.unit**2)
            variance = of_columns if np.ndim(self.unit) else spread.variance
            size = variance
            if is_kernel(self.kernel, "laplacian"):
                size = np.sqrt(variance)
            elif is_kernel(self.kernel, "chi2"):
                size = spread.mean.mean()
            elif is_kernel(self.kernel, "rbf") and rule == "distance":
                size = variance = 2 * of_columns
            gamma = 1.0 / (n_features * size) if size > 0 else 1.0
        if not 0 < gamma < np.inf or (variance == 0 and not spread.is_constant.all()):
            raise ValueError(
                f"gamma={rule!r} cannot be computed for {self.name}, whose variance is {variance:.3g}. "
                "Standardize the view by scale=True, or use other units."
            )
        return gamma

    @property
    def indefinite(self):
        """True if the kernel may have negative eigenvalues, which are then discarded."""
        return is_kernel(self.kernel, "sigmoid")

    def scales(self, n_features):
        """Return the public mean and scale, or None for a precomputed kernel."""
        if is_kernel(self.kernel, "precomputed"):
            return None, None
        return tuple(np.array(np.broadcast_to(s, n_features)) for s in (self.offset, self.unit))

    def _scaled(self, rows):
        rows = as_dense(rows).astype(np.float64)  # a copy
        rows -= self.offset
        rows /= self.unit
        return rows

    def choose(self, rows):
        """Keep these rows as landmarks, and compute the basis that turns their kernel into features."""
        kernel = self.keep(rows)
        degeneracy = self.degeneracy(kernel)
        limit = 10 * len(kernel) * _EPS * np.abs(kernel).max()
        variance, vectors = linalg.eigh(kernel.T, overwrite_a=True, driver="evd")
        positive = positive_part(variance, limit, self.name, self.indefinite)
        self.basis = vectors[:, positive] / np.sqrt(variance[positive])
        self.warn(degeneracy)

    def features(self, rows):
        """Return the features of rows; the landmarks must have been set by `choose`."""
        return self(rows) @ self.basis

    def keep(self, rows):
        """Keep the scaled rows that the kernel is evaluated with, and return their kernel."""
        if is_kernel(self.kernel, "precomputed"):
            return self(rows)
        self.rows, self.rows_are_scaled = self._scaled(rows), True
        kernel = self._checked(self.rows, self.rows)
        if callable(self.kernel):
            difference = np.abs(kernel - kernel.T).max()
            if difference > np.sqrt(_EPS) * np.abs(kernel).max():
                raise ValueError(
                    f"The callable kernel of {self.name} must be symmetric, got differences up to "
                    f"{difference:.2g}. Make kernel(a, b) the transpose of kernel(b, a)."
                )
        return kernel

    def __call__(self, rows):
        """Return the kernel of `rows` with the kept rows, in float64."""
        if is_kernel(self.kernel, "precomputed"):
            return rows.astype(np.float64)
        kept = self.rows if self.rows_are_scaled else self._scaled(self.rows)
        return self._checked(self._scaled(rows), kept)

    def _checked(self, rows, others):
        """Return the kernel of scaled rows; raise ValueError if it is not finite.

        If both are the same array, scikit-learn sets the distances on the diagonal to exactly 0.
        """
        kernel = self._evaluate(rows, others)
        if not np.isfinite(kernel).all():
            raise ValueError(
                f"The kernel of {self.name} contains NaN or infinity. Standardize the view by "
                "scale=True, or use a smaller degree or gamma."
            )
        return kernel

    def degeneracy(self, kernel, variance=None):
        """Return "identity" or "constant" if the kernel is numerically such a matrix, else None.

        `variance` is the trace of the centered kernel; if None, constant kernels are not recognized.
        """
        diagonal = np.diagonal(kernel)
        if len(kernel) < 3 or not (diagonal > 0).all():
            return None
        others = np.abs(kernel[:_ROWS]).sum(axis=1) / diagonal[:_ROWS] - 1
        if np.median(others) < _LEAST_SIMILARITY:
            return "identity"
        is_constant = variance is not None and variance < _LEAST_VARIANCE * diagonal.sum()
        return "constant" if is_constant else None

    def warn_of_identity(self, view):
        """Warn if the kernel of some rows is numerically an identity matrix."""
        rows = self._scaled(view[:: max(1, view.shape[0] // _SAMPLE)])
        if len(rows) > 2:
            self.warn(self.degeneracy(self._checked(rows, rows)))

    def warn(self, degeneracy):
        """Warn about a degenerate kernel."""
        if degeneracy is None:
            return
        fault, change = _DEGENERACIES[degeneracy]
        remedy = "Pass other features, or set another kernel."
        if self.gamma is not None:
            remedy = f"Use a {change} gamma than {self.gamma:.3g}; begin with gamma='distance'."
        warn(
            f"The kernel of {self.name} is numerically {fault} {remedy}",
            DegenerateKernelWarning,
        )

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


class FourierMap:
    """Map to random Fourier features, whose inner products approximate the kernel "rbf".

    Fitted models and saved files contain the attributes of this class by name.
    """

    kernel, rows, basis = "rbf", None, None

    def __init__(self, kernel_map, n_features, rng):
        self.name, self.offset = kernel_map.name, kernel_map.offset
        size = (len(self.offset), n_features)
        self.frequencies = np.sqrt(2 * kernel_map.gamma) * rng.standard_normal(size)
        self.frequencies /= np.broadcast_to(kernel_map.unit, len(self.offset))[:, None]
        self.phases = rng.uniform(0, 2 * np.pi, n_features)

    def __call__(self, rows):
        """Return the features of rows, in float64."""
        features = (as_dense(rows) - self.offset) @ self.frequencies
        features += self.phases
        np.cos(features, out=features)
        features *= np.sqrt(2 / len(self.phases))
        return features

    features = __call__


class FeatureSums:
    """Moments of the features of both views, and products of the features with the other view itself."""

    def __init__(self, x_map, y_map, x_mean, y_mean):
        self._maps, self._means = (x_map, y_map), (x_mean, y_mean)
        self.moments = PairMoments()
        self.x_products = self.y_products = 0.0

    def add(self, X, y):
        """Add rows of both views."""
        x_map, y_map = self._maps
        x_mean, y_mean = self._means
        step = max(1, min(_ROWS, _numbers_of(X), _numbers_of(y)))
        for rows in slices_of(X.shape[0], step):
            x_features, y_features = x_map.features(X[rows]), y_map.features(y[rows])
            self.moments.add(x_features, y_features)
            self.x_products += _products(x_features, y[rows], y_mean)
            self.y_products += _products(y_features, X[rows], x_mean)
        return self

    def merge(self, other):
        """Add the rows of another `FeatureSums`."""
        self.moments.merge(other.moments)
        self.x_products = self.x_products + other.x_products
        self.y_products = self.y_products + other.y_products
        return self


def _products(features, view, mean):
    """Return the products of features with the centered columns of a view, which may be sparse."""
    if issparse(view):
        return (view.T @ features).T - np.outer(features.sum(axis=0), mean)
    return features.T @ (view - mean)


def _numbers_of(view):
    """Return how many rows of a sparse view may be dense at a time; a dense view sets no limit."""
    return _NUMBERS // view.shape[1] if issparse(view) else _ROWS


def project(view, view_map, coefs):
    """Return the variates, computed in blocks so that memory does not grow with the rows."""
    variates = np.empty((view.shape[0], coefs.shape[1]), dtype=view.dtype)
    step = max(1, min(_ROWS, _NUMBERS // len(coefs), _numbers_of(view)))
    for rows in slices_of(view.shape[0], step):
        variates[rows] = view_map(view[rows]) @ coefs + view_map.intercept
    return variates
