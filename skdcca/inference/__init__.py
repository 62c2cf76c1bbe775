"""Significance tests of canonical correlations, and measures of explained variance."""

from skdcca.inference._permutation import canonical_correlation_test
from skdcca.inference._variance import redundancy, variance_explained

__all__ = ["canonical_correlation_test", "redundancy", "variance_explained"]
