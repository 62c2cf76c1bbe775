"""Decompose the kernels or the features of a fold once for all ridges."""

import copy
from functools import cached_property, partial

import numpy as np

from skdcca._cca.kernel_cv_leading import leading_of_many
from skdcca._cca.kernel_maps import FeatureSums, Spreads, check_precomputed, is_kernel
from skdcca._cca.kernel_views import FeatureView, KernelView
from skdcca._cca.linear_cv_bases import Solution
from skdcca._cca.linear_cv_search import as_pair, moments_of
from skdcca._utils.blocks import Blocks


class ExactSide:
    """View of training rows, decomposed by the eigenvectors of its centered kernel."""

    def __init__(self, view, kernel_map):
        self.map, self.view = kernel_map, KernelView(view, kernel_map, 1.0)
        n = len(self.view.left) - 1
        self.variance = self.view.eigenvalues / n
        # With the ridge 1, the total variance was added, of which the smallest one hides no digits.
        self.total = self.view.regularized[0] - self.variance[0]
        left = self.view.left - self.view.left.mean(axis=0)
        self._left = left / np.sqrt(self.view.eigenvalues)

    def directions_of(self, rows):
        """Return the coordinates of held-out rows in the directions."""
        return (self.map(rows) - self.view.means) @ self._left

    def regularized(self, reg):
        """Return the decomposed view with a ridge."""
        view = copy.copy(self.view)
        view.reg, view.regularized = reg, self.variance + reg * self.total
        view.shrink = np.sqrt(self.variance / view.regularized)
        return view


class FeatureSide:
    """View of training rows, decomposed by the eigenvectors of the covariance of its features."""

    def __init__(self, covariance, mean, feature_map):
        self.map, self.view = feature_map, FeatureView(covariance, mean, feature_map, 0.0)
        whitener = self.view.whitener
        self.total = np.trace(covariance)
        self.variance = 1 / np.einsum("ij,ij->j", whitener, whitener)
        self.vectors = whitener * np.sqrt(self.variance)

    def directions_of(self, rows):
        """Return the coordinates of held-out rows in the directions."""
        return (self.map.features(rows) - self.view.mean) @ self.vectors

    def regularized(self, reg):
        """Return the decomposed view with a ridge."""
        view = copy.copy(self.view)
        view.reg, view.whitener = reg, self.vectors / np.sqrt(self.variance + reg * self.total)
        return view


class KernelPart:
    """Part of a fold with one gamma; see `linear_cv_search` for its methods.

    Parameters
    ----------
    rows : FoldRows
        Rows of the fold.
    gamma : float or str
        Coefficient of the kernel of X.
    centered : bool
        Whether the moments of the variates are those about their means.
    """

    def __init__(self, rows, gamma, centered):
        self._rows, self._gamma, self._centered = rows, gamma, centered
        self.rows = rows.passed
        X, y, _ = rows.train()
        self._model = rows.new_model(gamma=gamma)
        if self._model.approximation is None:
            self._decompose_kernels(X, y)
        else:
            self._decompose_features(X, y)

    def _decompose_kernels(self, X, y):
        model = self._model
        for name, view, kernel in zip(
            "Xy", (X, y), (model.kernel, model._y_parameter("kernel")), strict=True
        ):
            if is_kernel(kernel, "precomputed"):
                check_precomputed(view, name)
        maps = model._set_kernels(Spreads().add(X, y))
        self._sides = [ExactSide(view, one) for view, one in zip((X, y), maps, strict=True)]
        lefts = [side.view.left * np.sqrt(side.variance) for side in self._sides]
        self._cross, self._sums = lefts[0].T @ lefts[1], None

    def _decompose_features(self, X, y):
        model, blocks = self._model, Blocks([(X, y)])

        def check(number, block):
            return block

        spreads = blocks.gather(Spreads, check)
        maps = model._set_kernels(spreads)
        maps = model._choose_features(maps, blocks, spreads.x.n, check)
        new = partial(FeatureSums, *maps, model._x_mean, model._y_mean)
        self._sums = sums = blocks.gather(new, check)
        *covariances, cross = sums.moments.covariances()
        units, means = sums.moments.units, sums.moments.means
        self._sides = [
            FeatureSide(covariance * np.outer(unit, unit), mean * unit, one)
            for covariance, unit, mean, one in zip(covariances, units, means, maps, strict=True)
        ]
        x_side, y_side = self._sides
        self._cross = x_side.vectors.T @ (cross * np.outer(*units)) @ y_side.vectors

    def ridges(self, reg):
        """Return the ridges of both views."""
        return [float(ridge) for ridge in as_pair(reg)]

    def _roots(self, reg):
        """Return the deviations with a ridge of the directions of both views."""
        return [
            np.sqrt(side.variance + ridge * side.total)
            for side, ridge in zip(self._sides, self.ridges(reg), strict=True)
        ]

    def _whitened(self, x_root, y_root):
        whitened = self._cross * (1 / x_root)[:, None]
        whitened *= 1 / y_root
        return whitened

    def solve(self, reg, n_components):
        """Return the solution with a ridge."""
        roots = self._roots(reg)
        return Solution.of(leading_of_many(self._whitened(*roots), n_components), roots)

    @cached_property
    def _projected(self):
        test = self._rows.test
        return [
            side.directions_of(view)
            for side, view in zip(self._sides, (test.X, test.y), strict=True)
        ]

    def variates(self, solution):
        """Return the variates of the held-out rows."""
        x, y = self._projected
        return x @ solution.x_weights, y @ solution.y_weights

    def held_out(self, solution):
        """Return the moments of the variates of the held-out rows."""
        return moments_of(*self.variates(solution), centered=self._centered)

    def model(self, reg, **parameters):
        """Return the fitted model with a ridge and further parameters."""
        model = self._rows.new_model(reg=reg, gamma=self._gamma, **parameters)
        names = ("x_gamma_", "y_gamma_", "x_mean_", "y_mean_", "x_scale_", "y_scale_")
        for name in (*names, "_x_mean", "_y_mean"):
            setattr(model, name, getattr(self._model, name))
        views = [
            side.regularized(ridge)
            for side, ridge in zip(self._sides, self.ridges(reg), strict=True)
        ]
        maps = [copy.copy(side.map) for side in self._sides]
        cross = self._whitened(*self._roots(reg))
        model._set_solution(maps, views, cross, self._covariances(views))
        return model

    def _covariances(self, views):
        """Return the covariances of the whitened directions of each view with the other view."""
        x_view, y_view = views
        X, y, _ = self._rows.train()
        model = self._model
        if self._sums is not None:
            n = X.shape[0] - 1
            x_products, y_products = self._sums.x_products, self._sums.y_products
            return y_view.whitener.T @ y_products / n, x_view.whitener.T @ x_products / n
        is_known = not is_kernel(model.kernel, "precomputed")
        x_covariance = y_view.covariance(X - model._x_mean if is_known else X[:, :0])
        return x_covariance, x_view.covariance(y - model._y_mean)


class KernelFold:
    """Fold of a search over kernel models, with one part for each gamma."""

    def __init__(self, rows, gammas, centered):
        self._rows, self._gammas, self._centered = rows, gammas, centered

    def parts(self, chosen=None):
        """Yield the parts with these numbers; all of them if `chosen` is None."""
        for i in range(len(self._gammas)) if chosen is None else chosen:
            yield KernelPart(self._rows, self._gammas[i], self._centered)


class KernelFolds:
    """Folds of a search over kernel models, each of which is made when it is needed."""

    def __init__(self, rows, gammas, pooled):
        self._rows, self._gammas, self.pooled = rows, gammas, pooled

    def __len__(self):
        return len(self._rows.splits)

    def __iter__(self):
        for number in range(len(self)):
            yield KernelFold(self._rows.fold(number), self._gammas, not self.pooled)
