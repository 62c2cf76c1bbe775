"""One question to an index, with what a person needs to judge the answer."""

import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import Bunch

from skdcca._utils.sklearn_compat import safe_indexing
from skdcca.exceptions import UnknownTextWarning
from skdcca.metrics import inside


def ask(index, view, query, n, level=None):
    """Ask an index one question, for the command line and the page.

    A text that was not understood has the features of an empty one, so nothing that it finds is above
    chance, whatever the score.

    Parameters
    ----------
    index : CrossModalIndex
        The fitted index.
    view : {"x", "y"}
        View of the query.
    query : object
        One sample of that view.
    n : int
        Number of items; all of them if there are fewer.
    level : float, default=None
        Result of `CrossModalIndex.chance_score`, which is called if None.

    Returns
    -------
    answer : Bunch
        ``ids`` and ``scores``, lists, best first; ``level``, the level of chance or None;
        ``understood``, False for a text without a word that the model knows; ``above``, a list of bool
        that tells which scores are above chance, or None without a level; ``notes``, the messages of
        other warnings.

    Raises
    ------
    ValueError
        If the index has no items, or lacks the view that is searched.
    """
    if not len(index.ids_):
        raise ValueError("The index has no items. Add some before searching it.")
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
    """Return a metadata value of an item as text; "" if missing."""
    value = metadata.get(key)
    return "" if value is None else str(value)


def _is_understood(estimator, query):
    """Return False if a transformer of y that reads text makes a row of zeros of the query.

    A vectorizer that finds one of its own terms outweighs another one that finds none.
    """
    _, model = inside(estimator)
    readers = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the query itself has issued them
        _follow(getattr(model, "y_transformer_", None), [query], readers)
    knows_a_term = any(found and hasattr(reader, "vocabulary_") for reader, found in readers)
    return knows_a_term or all(found for _, found in readers)


def _follow(transformer, X, readers):
    """Return the sample after a transformer if it still is or holds text, else None.

    Each transformer inside that turns text into numbers is added to `readers`, with a bool: whether any
    of the numbers differs from 0.
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
    """Return the transformers of a union or of columns, each with its part of the sample."""
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
