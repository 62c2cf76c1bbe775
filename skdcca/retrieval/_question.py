"""Search an index for one query, with the information needed to judge the results."""

import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import Bunch

from skdcca._utils.sklearn_compat import safe_indexing
from skdcca.exceptions import UnknownTextWarning
from skdcca.metrics import inside


def ask(index, view, query, n, level=None):
    """Search an index for one query, for the command line and the web page.

    A text without any known word has the same features as an empty text. The items that it finds
    are therefore never marked as above chance, whatever their scores.

    Parameters
    ----------
    index : CrossModalIndex
        The fitted index.
    view : {"x", "y"}
        View of the query.
    query : object
        One sample of this view.
    n : int
        Number of items to return. If the index has fewer items, all are returned.
    level : float, default=None
        Result of `CrossModalIndex.chance_score`. If None, it is computed.

    Returns
    -------
    answer : Bunch
        ``ids`` and ``scores``: lists, best first; ``level``: the chance level, or None if it is
        unknown; ``understood``: False for a text without any word that the model knows; ``above``: a
        list of bool, True for scores above chance, or None if ``level`` is None; ``notes``: the
        messages of all other warnings.

    Raises
    ------
    ValueError
        If the index has no items or lacks the view that is searched.
    NoSoundError
        If the query is audio that has no sound, or less than a second of it.
    """
    if not len(index.ids_):
        raise ValueError("The index has no items. Add items before searching it.")
    level = index.chance_score(view) if level is None else level
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores, ids = index.query(
            **{"X" if view == "x" else "y": [query]}, n_neighbors=min(n, len(index.ids_))
        )
    unknown = [w for w in caught if issubclass(w.category, UnknownTextWarning)]
    understood = not unknown and (view == "x" or _is_understood(index.estimator, query))
    scores = scores[0].tolist()
    return Bunch(
        ids=ids[0].tolist(),
        scores=scores,
        level=level,
        understood=understood,
        above=None if level is None else [understood and score > level for score in scores],
        notes=list(dict.fromkeys(str(w.message) for w in caught if w not in unknown)),
    )


def metadata_text(metadata, key):
    """Return a metadata value of an item as text, or "" if it is missing."""
    value = metadata.get(key)
    return "" if value is None else str(value)


def _is_understood(estimator, query):
    """Return False if the transformers of y turn the text of the query into zeros.

    If several transformers read the text, the result is True if all of them return a number other
    than 0, or if at least one vectorizer does.
    """
    _, model = inside(estimator)
    readers = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the query has issued them already
        _follow(getattr(model, "y_transformer_", None), [query], readers)
    knows_a_term = any(found and hasattr(reader, "vocabulary_") for reader, found in readers)
    return knows_a_term or all(found for _, found in readers)


def _follow(transformer, X, readers):
    """Return the transformed sample, or None if it is no longer text.

    Add each transformer that turns text into numbers to `readers`, together with True if any of
    the numbers differs from 0.
    """
    if X is None or not hasattr(transformer, "transform"):  # numbers, or "passthrough"
        return X
    if hasattr(transformer, "steps"):
        for _, step in transformer.steps:
            X = _follow(step, X, readers)
        return X
    branches = _branches(transformer, X)
    for inner, part in branches:
        _follow(inner, part, readers)
    if branches or not _is_text(X):
        return None
    features = transformer.transform(X)
    row = features.toarray() if issparse(features) else np.asarray(features)
    if row.dtype.kind in "OU":
        return features
    readers.append((transformer, bool(row.any())))
    return None


def _branches(transformer, X):
    """Return the transformers of a union or column transformer, with the part of X for each."""
    if hasattr(transformer, "transformer_list"):
        return [(inner, X) for _, inner in transformer.transformer_list]
    if np.ndim(X) == 2 and hasattr(transformer, "transformers_"):
        return [
            (inner, safe_indexing(X, columns, axis=1))
            for _, inner, columns in transformer.transformers_
        ]
    return []


def _is_text(X):
    return np.ndim(X) == 1 and len(X) == 1 and isinstance(np.asarray(X, dtype=object)[0], str)
