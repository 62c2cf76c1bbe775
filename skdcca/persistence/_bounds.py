"""Check the numbers in loaded objects that compiled code would use without checking bounds."""

from functools import partial

import numpy as np

from skdcca._utils.validation import is_integer
from skdcca.persistence._nodes import Refusal

_METHODS = {"predict", "predict_proba", "predict_log_proba", "decision_function"}


def needs_check(names):
    """Return True if any of these full names belongs to a class that has a check."""
    return any(name.rpartition(".")[2] in _CHECKS for name in names)


def check_parts(obj):
    """Refuse scikit-learn objects with numbers out of bounds or a method that is not allowed."""
    for part in _parts(obj):
        fits = _CHECKS.get(type(part).__name__)
        if fits is not None and not fits(part):
            raise Refusal(
                f"its {type(part).__name__} has numbers out of bounds, or a method that is not allowed"
            )


def _parts(obj):
    """Yield everything that an object contains, each part once."""
    seen, ahead = {}, [obj]
    while ahead:
        part = ahead.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part  # keeps the object alive, so that its id is not reused
        yield part
        ahead += _inside(part)


def _inside(part):
    if isinstance(part, dict):
        return part.values()
    if isinstance(part, np.ndarray):
        # Convert masked arrays to plain ones, so that masked values are checked too.
        return np.asarray(part).tolist() if part.dtype.kind == "O" else []
    if isinstance(part, list | tuple | set):
        return part
    if isinstance(part, partial):
        return [part.func, part.args, part.keywords]
    return getattr(part, "__dict__", {}).values()


def _words_fit(vectorizer):
    columns = getattr(vectorizer, "vocabulary_", {}).values()
    return sorted(columns) == list(range(len(columns)))


def _categories_fit(encoder):
    """Return True if every category belongs to one of the columns that the encoder returns."""
    categories = getattr(encoder, "categories_", None)
    if categories is None:
        return True
    mapped = indices = dropped = [None] * len(categories)
    if encoder._infrequent_enabled:
        mapped, indices = encoder._default_to_infrequent_mappings, encoder._infrequent_indices
    if encoder._drop_idx_after_grouping is not None:
        dropped = encoder._drop_idx_after_grouping
    # list.copy raises TypeError for an array, which could lie about its items.
    n_columns = list.copy(encoder._n_features_outs)
    columns = zip(categories, n_columns, mapped, indices, dropped, strict=True)
    return all(_columns_fit(*column) for column in columns)


def _columns_fit(values, n_columns, mapping, indices, dropped):
    if mapping is None and indices is not None:
        return False  # unknown values would be encoded as the first of the indices
    places = np.arange(len(values)) if mapping is None else np.asarray(mapping)
    if dropped is not None:
        places = places[places != dropped]
        places = places - (places > dropped)
    in_range = places.min(initial=0) >= 0 and places.max(initial=-1) < n_columns
    return _is_ascending(values) and in_range


def _is_ascending(values):
    is_text = values.dtype.kind in "OUS"
    return is_text or np.array_equal(values, np.sort(values), equal_nan=True)


def _methods_are_known(caller):
    """Return True if a scorer, stack or chain calls only methods that predict."""
    named = [
        getattr(caller, name, []) for name in ("_response_method", "stack_method_", "chain_method_")
    ]
    lists = [[of] if isinstance(of, str) else of for of in named]
    known = all(type(methods) in (list, tuple) for methods in lists)
    return known and {method for methods in lists for method in methods} <= _METHODS


def _centers_fit(clusters):
    """Return True if the centers have the columns of the data, which compiled code takes for granted."""
    centers = getattr(clusters, "cluster_centers_", None)
    if centers is None:
        return True
    plain = type(centers) is np.ndarray and centers.ndim == 2
    n_columns = getattr(clusters, "n_features_in_", None)
    return plain and centers.shape[1] == n_columns and clusters._n_threads in range(1, 1025)


def _has_columns(hasher):
    return is_integer(hasher.n_features)


_CHECKS = {
    "ClassifierChain": _methods_are_known,
    "CountVectorizer": _words_fit,
    "DictVectorizer": _words_fit,
    "FeatureHasher": _has_columns,
    "HashingVectorizer": _has_columns,
    "KMeans": _centers_fit,
    "MiniBatchKMeans": _centers_fit,
    "OneHotEncoder": _categories_fit,
    "RegressorChain": _methods_are_known,
    "StackingClassifier": _methods_are_known,
    "StackingRegressor": _methods_are_known,
    "TfidfVectorizer": _words_fit,
    "_Scorer": _methods_are_known,
}
