"""Test the significance of canonical correlations, and measure the explained variance."""

from skdcca.inference._comparison import compare_models
from skdcca.inference._intervals import canonical_correlation_intervals
from skdcca.inference._permutation import canonical_correlation_test
from skdcca.inference._residualizer import Residualizer
from skdcca.inference._sample_size import cca_sample_size
from skdcca.inference._stability import weight_stability
from skdcca.inference._summary import CanonicalSummary, canonical_summary
from skdcca.inference._variance import redundancy, variance_explained
from skdcca.inference._variates import cross_val_variates

__all__ = [
    "CanonicalSummary",
    "Residualizer",
    "canonical_correlation_intervals",
    "canonical_correlation_test",
    "canonical_summary",
    "cca_sample_size",
    "compare_models",
    "cross_val_variates",
    "redundancy",
    "variance_explained",
    "weight_stability",
]
