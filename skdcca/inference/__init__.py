"""Test the significance of canonical correlations, and measure the explained variance."""

from skdcca.inference._permutation import canonical_correlation_test
from skdcca.inference._variance import redundancy, variance_explained

__all__ = ["canonical_correlation_test", "redundancy", "variance_explained"]
