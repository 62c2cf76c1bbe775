"""Import the private names of scikit-learn; no other module of skdcca imports them."""

from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._indexing import _get_column_indices as get_column_indices
from sklearn.utils._set_output import _get_container_adapter as get_container_adapter
from sklearn.utils._set_output import _wrap_data_with_container as wrap_data_with_container
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "BaseComposition",
    "BaseSearchCV",
    "check_feature_names_in",
    "check_method_params",
    "check_sample_weight",
    "get_column_indices",
    "get_container_adapter",
    "num_samples",
    "safe_indexing",
    "wrap_data_with_container",
]
