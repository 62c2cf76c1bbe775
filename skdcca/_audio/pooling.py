"""Define what transformers share whose output is one row or one sequence per song."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted


def is_table(transformer):
    """Return True if the output of a transformer has one row per song."""
    return transformer.pooling != "sequence"


class PoolingMixin:
    """Mixin for transformers with the parameter `pooling`, which may be "sequence".

    Subclasses have the method ``_summaries()``, which returns the names of the statistics over time in
    the order of the columns, and set `n_features_out_`. The mixin comes before `TransformerMixin`.
    """

    @available_if(is_table)
    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return the names of the columns. Not available with ``pooling="sequence"``.

        Parameters
        ----------
        input_features : object
            Ignored.

        Returns
        -------
        names : ndarray of str
            ``mean0``, ``mean1``, ..., ``std0``, ...
        """
        check_is_fitted(self)
        summaries = self._summaries()
        width = self.n_features_out_ // len(summaries)
        return np.array([f"{name}{i}" for name in summaries for i in range(width)], dtype=object)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Set the output container of `transform`.

        This has no effect with ``pooling="sequence"``: sequences are always arrays.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Container of the output. If None, the setting is left unchanged.

        Returns
        -------
        self : object
            The transformer.
        """
        return super().set_output(transform=transform) if is_table(self) else self
