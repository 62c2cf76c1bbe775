"""Compare the variates of two of several views."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skdcca._cca.multiview_solution import pairs_of
from skdcca.base import check_similarity, comparison_arguments
from skdcca.metrics import similarity, variate_correlations


class PairsMixin:
    """Mixin of `MultiCCA` with the methods that compare two views."""

    def compare(self, za: ArrayLike, zb: ArrayLike, pair: tuple[str, str] | None = None) -> NDArray:
        """Return the similarity of each row of `za` to each row of `zb`.

        Parameters
        ----------
        za : array-like of shape (n_samples_a, n_components_)
            Variates of one view, or factors.
        zb : array-like of shape (n_samples_b, n_components_)
            Variates of another view, or factors.
        pair : tuple of two str, default=None
            Names of the views, whose correlations weight the components. If None, these are
            `canonical_correlations_`.

        Returns
        -------
        scores : ndarray of shape (n_samples_a, n_samples_b)
            Scores; higher means more similar. The parameter `similarity` says how they are computed.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `pair` is not a pair of views, or if variates contain NaN or do not have
            `n_components_` columns.
        """
        return similarity(za, zb, **self.comparison(pair))

    def comparison(self, pair: tuple[str, str] | None = None) -> dict[str, Any]:
        """Return the arguments with which `compare` calls `skdcca.metrics.similarity`.

        Parameters
        ----------
        pair : tuple of two str, default=None
            Names of the views that are compared.

        Returns
        -------
        arguments : dict
            Empty for the cosine; ``correlations`` and ``power`` for weighted variates; ``correlations``
            alone for the likelihood.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `pair` is not a pair of views, or `similarity` is not an allowed value.
        """
        check_is_fitted(self)
        check_similarity(self.similarity)
        correlations = self.canonical_correlations_
        if pair is not None:
            correlations = self.pair_correlations_[self._known_pair(pair)]
        if self.similarity == "cosine":
            return {}
        return comparison_arguments(self.similarity, correlations=correlations)

    def _known_pair(self, pair):
        """Return the names of a pair in the order of the views."""
        names = list(self._columns)
        is_pair = isinstance(pair, list | tuple) and len(pair) == 2
        if not is_pair or pair[0] == pair[1] or any(name not in names for name in pair):
            raise ValueError(
                f"`pair` must be a tuple of two different views of {names}, got {pair!r}."
            )
        return tuple(sorted(pair, key=names.index))

    @property
    def pair_correlations_(self) -> dict[tuple[str, str], NDArray]:
        """Correlations of each pair of views, of shape ``(n_components_,)``, by their names."""
        check_is_fitted(self)
        names = list(self._columns)
        pairs = pairs_of(len(names))
        return {
            (names[i], names[j]): r
            for (i, j), r in zip(pairs, self._pair_correlations, strict=True)
        }


def mean_correlations(variates, present, sample_weight):
    """Return the correlations of the variates, averaged over all pairs of views."""
    weight = None if sample_weight is None else np.asarray(sample_weight)
    found = []
    for i, j in pairs_of(len(variates)):
        both = present[:, i] & present[:, j]
        of_pair = None if weight is None else weight[both]
        found.append(variate_correlations(variates[i, both], variates[j, both], of_pair))
    return np.mean(found, axis=0)
