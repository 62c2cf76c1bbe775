"""Search an index for one query, with the information needed to judge the results."""

import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch

from skdcca._audio import heard_once, sound_required
from skdcca._utils.sklearn_compat import safe_indexing
from skdcca.exceptions import UnknownTextWarning
from skdcca.metrics import embed, inside
from skdcca.retrieval._background import item_groups, reads_texts


def ask(index, view, query, n, level=None):
    """Search an index for one query, for the command line and the web page.

    The words of the query are searched in the texts of the items; if the query is audio and the
    model hears words, these are the words that are heard in it. Besides, the other view is searched, as
    `CrossModalIndex.query` does. The two results are not comparable and therefore never merged.

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
        Result of `CrossModalIndex.chance_score`. If None, it is computed for queries like this one.

    Returns
    -------
    answer : Bunch
        ``words``: list of `WordMatch`, best first; ``heard``: the words heard in an audio query, or None
        for other queries and for models that hear no words; ``ids`` and ``scores``: lists, best first,
        empty if only the texts can be searched, because the gallery lacks the other view or the second
        view of the model is numbers; ``p``: for each item, how rarely an unrelated query scores it as
        high, or None if unknown; ``level``: the chance level, or None if it is unknown; ``above``: a
        list of bool, True for scores above chance, or None if ``level`` is None; ``understood``: False
        for a text without any word that the model knows; ``far``: True if the query lies far outside the
        gallery; ``z``: its variates, of shape (1, n_components), or None if only the texts can be
        searched; ``notes``: the messages of all other warnings.

    Raises
    ------
    ValueError
        If the index has no items, or neither the other view nor texts that the query can search.
    NoSoundError
        If the query is audio that has no sound, or less than a second of it.
    """
    if not len(index.ids_):
        raise ValueError("The index has no items. Add items before searching it.")
    with warnings.catch_warnings(record=True) as caught, heard_once(), sound_required():
        warnings.simplefilter("always")
        words = query if view == "y" else _heard(index.estimator, query)
        matches = index.find_words(words, n) if isinstance(words, str) else []
        searches_words = isinstance(words, str) and index.has_texts()
        if searches_words and not _can_search_other_view(index, view):
            by_other_view = Bunch(
                ids=[], scores=[], p=[], level=None, above=None, far=False, z=None
            )
        else:
            by_other_view = _search_other_view(index, view, query, n, level)
    unknown = [w for w in caught if issubclass(w.category, UnknownTextWarning)]
    understood = view == "x" or _is_understood(index.estimator, query, warned=bool(unknown))
    if not understood and by_other_view.above is not None:
        by_other_view.above = [False for _ in by_other_view.ids]
    return Bunch(
        words=matches,
        heard=words if view == "x" else None,
        understood=understood,
        notes=list(dict.fromkeys(str(w.message) for w in caught if w not in unknown)),
        **by_other_view,
    )


def can_find_words(index, view):
    """Return True if queries of a view have words that are searched in the texts of an index."""
    has_words = view == "y" or hearing_step(index.estimator) is not None
    return has_words and index.has_texts()


def _can_search_other_view(index, view):
    """Return False if the gallery lacks the view to search, or the model cannot read texts."""
    if view == "y":
        return index.zx_ is not None and reads_texts(index.estimator)
    return index.zy_ is not None


def _search_other_view(index, view, query, n, level):
    """Return the part of the answer that compares the query with the other view of the items."""
    n = min(n, index._n_results())
    index._check_answerable(view, n)
    z = index.embed(**{"X" if view == "x" else "y": [query]})
    scores, ids = index._find(view, z, n)
    scores, ids = scores[0].tolist(), ids[0].tolist()
    chance = {"groups": item_groups(index), "like": query if isinstance(query, str) else None}
    level = index.chance_score(view, **chance) if level is None else level
    return Bunch(
        ids=ids,
        scores=scores,
        p=index.p_values(view, scores, ids, **chance),
        level=level,
        above=None if level is None else [score > level for score in scores],
        far=index.is_far(view, z),
        z=z,
    )


def _heard(estimator, query):
    """Return the words that the model hears in an audio query, or None if it cannot hear words."""
    step = hearing_step(estimator)
    return None if step is None else step.transcribe([query])[0].text


def hearing_step(estimator):
    """Return the first step of a model that turns audio into words, or None.

    It is known by its method ``transcribe``. Steps of pipelines, of fusions of models and of fitted
    searches over them are looked at.
    """
    if hasattr(type(estimator), "transcribe"):
        return estimator
    found = (hearing_step(part) for part in _parts(estimator))
    return next((step for step in found if step is not None), None)


def _parts(estimator):
    """Return the fitted estimators inside a pipeline, a fusion, a frozen model or a search."""
    if hasattr(estimator, "best_estimator_"):
        return [estimator.best_estimator_]
    if isinstance(estimator, FrozenEstimator):
        return [estimator.estimator]
    if hasattr(estimator, "steps"):
        return [step for _, step in estimator.steps]
    return list(getattr(estimator, "estimators_", []))


def metadata_text(metadata, key):
    """Return a metadata value of an item as text, or "" if it is missing."""
    value = metadata.get(key)
    return "" if value is None else str(value)


def _is_understood(estimator, query, warned=False):
    """Return False if the transformers of y turn the text of the query into zeros, or warned of it.

    If several transformers read the text, the result is True if all of them return a number other
    than 0, or if at least one vectorizer does. A fusion of models needs only one that does.
    """
    _, model = inside(estimator)
    if hasattr(model, "estimators_"):
        return any(_is_understood(part, query) for part in model.estimators_)
    if warned:
        return False
    readers = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the query has issued them already
        if getattr(model, "vectorizer_", None) is not None:
            return bool(np.any(embed(model, y=[query])))
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
