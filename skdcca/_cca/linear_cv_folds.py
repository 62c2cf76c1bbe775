"""Make the folds of a search over linear models."""

from scipy.sparse import issparse

from skdcca._cca.linear_cv_bases import EigenView, HeldOutMoments, HeldOutRows, PairBasis
from skdcca._cca.linear_cv_moments import MANY_FOLDS, SplitMoments, moments_of_parts
from skdcca._cca.linear_cv_search import as_pair
from skdcca._cca.shrinkage import RowNorms


class LinearFold:
    """Fold of a search over linear models, which is its only part.

    Parameters
    ----------
    scale : bool
        Parameter of the models.
    rows : FoldRows
        Rows of the fold.
    moments : pair of PairMoments, default=None
        Moments of the training rows and of the held-out rows. If None, or if a correlation matrix is
        almost singular, the rows are decomposed by their singular values.
    needs_rows : bool, default=False
        Whether the variates of the held-out rows are needed.
    centered : bool, default=True
        Whether the moments of the variates are those about their means.
    """

    def __init__(self, scale, rows, moments=None, *, needs_rows=False, centered=True):
        self._scale, self._rows, self._moments = scale, rows, moments
        self._needs_rows, self._centered = needs_rows, centered
        self._bases, self._held_out, self._ridges = {}, {}, {}
        self.rows = rows.passed

    def parts(self, chosen=None):
        """Return the fold itself."""
        return (self,)

    def _flags(self, reg):
        """Return which views are standardized."""
        # Without a ridge the scale has no effect, and standardized columns are more precise.
        return tuple(bool(self._scale) or not ridge for ridge in as_pair(reg))

    def _basis(self, flags):
        if flags not in self._bases:
            self._bases[flags] = self._decomposed(flags)
        return self._bases[flags]

    def _decomposed(self, flags):
        if self._moments is not None:
            basis = PairBasis.of_moments(self._moments[0], flags, self._at_any_cost())
            if basis is not None:
                return basis
        return PairBasis.of_rows(self._rows.train(), flags)

    def _at_any_cost(self):
        """Return True if there are only moments, or if a view is sparse and remains so."""
        test = self._rows.test
        return test is None or issparse(test.X) or issparse(test.y)

    def _projected(self, flags):
        """Return the held-out rows in the bases, or their moments if these suffice."""
        if flags not in self._held_out:
            basis = self._basis(flags)
            has_moments = isinstance(basis.views[0], EigenView)
            if has_moments and not self._needs_rows:
                self._held_out[flags] = HeldOutMoments(basis, self._moments[1])
            else:
                self._held_out[flags] = HeldOutRows(basis, self._rows.test, self._centered)
        return self._held_out[flags]

    def ridges(self, reg):
        """Return the ridges of both views."""
        if reg not in self._ridges:
            basis = self._basis(self._flags(reg))
            self._ridges[reg] = basis.ridges(as_pair(reg), self._row_norms)
        return self._ridges[reg]

    def _row_norms(self, views):
        return RowNorms(*views).add(*self._rows.train()).fourth_powers()

    def solve(self, reg, n_components):
        """Return the solution with a ridge."""
        return self._basis(self._flags(reg)).solve(self.ridges(reg), n_components)

    def held_out(self, solution):
        """Return the moments of the variates of the held-out rows."""
        return self._projected(solution.flags).moments(solution)

    def variates(self, solution):
        """Return the variates of the held-out rows."""
        return self._projected(solution.flags).variates(solution)

    def model(self, reg, **parameters):
        """Return the fitted model with a ridge and further parameters."""
        basis, ridges = self._basis(self._flags(reg)), self.ridges(reg)
        model = self._rows.new_model(reg=reg, **parameters)
        for view, ridge in zip(basis.views, ridges, strict=True):
            view.regularize(ridge)
        model.reg_ = tuple(ridges)
        cross, *_ = basis.whitened(ridges)
        model._set_solution(*basis.views, cross)
        return model


class LinearFolds:
    """Folds of a search over linear models, each of which is made when it is needed.

    Parameters
    ----------
    rows : AllRows
        Rows of all folds.
    needs_rows : bool
        Whether the variates of the held-out rows are needed.
    pooled : bool
        Whether each fold has one row, and all folds give one score.
    keep : bool
        Whether the folds are iterated again, so that their decompositions are kept in memory.
    """

    def __init__(self, rows, *, needs_rows, pooled, keep):
        self.pooled, self._rows, self._needs_rows = pooled, rows, needs_rows or pooled
        self._moments = None if rows.by_fold else SplitMoments(rows.rows, rows.splits)
        self._keep, self._kept = keep and len(rows.splits) <= MANY_FOLDS, {}

    def __len__(self):
        return len(self._rows.splits)

    def __iter__(self):
        for number in range(len(self)):
            yield self._kept.get(number) or self._fold(number)

    def _fold(self, number):
        rows = self._rows.fold(number)
        if self._moments is None:
            moments = moments_of_parts(rows.train(), rows.test)
        else:
            moments = self._moments.of(number)
        fold = LinearFold(
            self._rows.search.scale,
            rows,
            moments,
            needs_rows=self._needs_rows,
            centered=not self.pooled,
        )
        if self._keep:
            self._kept[number] = fold
        return fold

    def total(self):
        """Return the moments of all rows if the folds were made of them, otherwise None."""
        return None if self._moments is None else self._moments.total()
