"""The checks of scikit-learn's contract that need no fit: for objects that fit nothing, or raw data."""

import pytest
from sklearn.utils import estimator_checks

NO_FIT_CHECKS = (
    "estimator_cloneable estimator_repr estimator_tags_renamed get_params_invariance mixin_order "
    "no_attributes_set_in_init parameters_default_constructible set_params valid_tag_types"
).split()
each_check = pytest.mark.parametrize("check", NO_FIT_CHECKS)


def run_check(check, estimator):
    """Run one of scikit-learn's checks."""
    getattr(estimator_checks, f"check_{check}")(type(estimator).__name__, estimator)
