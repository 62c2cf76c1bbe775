"""Search an index for one query, with the information needed to judge the results."""

import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch

from skdcca._audio import heard_once, sound_required
from skdcca._utils.readers import opens_files
from skdcca._utils.sklearn_compat import safe_indexing
from skdcca.exceptions import UnknownTextWarning
from skdcca.metrics import embed, inside
from skdcca.retrieval._background import item_groups, reads_texts
from skdcca.retrieval._groups import OTHER


def ask(index, view, query, n, level=None, groups=None):
    """Search an index for one query, for the command line and the web page.

    The words of the query are searched in the texts of the items; if the query is audio and the
    model hears words, these are the words that are heard in it. Besides, the other view is searched, as
    `CrossModalIndex.query` does. The two results are not comparable and therefore never merged.

    A text without any known word has the same features as an empty text. The items that it finds
    are therefore never marked as above chance, whatever their scores.

    Parameters
    ----------
    index : CrossModalIndex
        The fitted index; of several views, a pair of them. Queries of y also search words only if y is
        the view with the texts, such as lyrics.
    view : {"x", "y"}
        View of the query.
    query : object
        One sample of this view; of several views together, a row of their columns or a table with one
        row.
    n : int
        Number of items to return. If the index has fewer items, all are returned.
    level : float, default=None
        Result of `CrossModalIndex.chance_score`. If None, it is computed for queries like this one.
    groups : sequence of length n_items, default=None
        Group of each item, for the scores of unrelated queries, as in `CrossModalIndex.chance_score`. If
        None, they are those of `item_groups`.

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
    index._refuse_several_views()
    if not len(index.ids_):
        raise ValueError("The index has no items. Add items before searching it.")
    with warnings.catch_warnings(record=True) as caught, heard_once(), sound_required():
        warnings.simplefilter("always")
        words = _words_of(index, view, query)
        matches = index.find_words(words, n) if isinstance(words, str) else []
        searches_words = isinstance(words, str) and index.has_texts()
        if searches_words and not _can_search_other_view(index, view):
            by_other_view = Bunch(
                ids=[], scores=[], p=[], level=None, above=None, far=False, z=None
            )
        else:
            groups = item_groups(index) if groups is None else groups
            by_other_view = _search_other_view(index, view, query, n, level, groups)
    unknown = [w for w in caught if issubclass(w.category, UnknownTextWarning)]
    understood = is_understood(index.estimator, query, view, warned=bool(unknown))
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
    if view == "y":
        return index._y_has_words and index.has_texts()
    return hearing_step(index.estimator) is not None and index.has_texts()


def _can_search_other_view(index, view):
    """Return False if the gallery lacks the view to search, or the model cannot read texts."""
    if view == "y":
        return index.zx_ is not None and reads_texts(index.estimator)
    return index.zy_ is not None


def _search_other_view(index, view, query, n, level, groups):
    """Return the part of the answer that compares the query with the other view of the items."""
    n = min(n, index._n_results(OTHER[view]))
    index._check_answerable(view, n)
    z = index.embed(**_one_sample(index.estimator, view, query))
    scores, ids = index._find(view, z, n)
    scores, ids = scores[0].tolist(), ids[0].tolist()
    chance = {"groups": groups, "like": query if isinstance(query, str) else None}
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


def _words_of(index, view, query):
    """Return the words of a query that are searched in the texts, or None if it has none."""
    if view == "y":
        return query if index._y_has_words else None
    step = hearing_step(index.estimator)
    songs = [query] if step is None else _songs_of(index.estimator, query, step)
    return None if step is None or not len(songs) else step.transcribe(songs)[0].text


def _songs_of(estimator, query, step):
    """Return the songs in a query, for the step that hears words."""
    _, model = inside(estimator)
    if not hasattr(model, "transformed_parts"):
        return [query]
    parts = model.transformed_parts(**_one_sample(estimator, "x", query))
    return next((songs for part, songs in parts if hearing_step(part) is step), [])


def _one_sample(estimator, view, query):
    """Return a query as the argument of `embed`; a table of several views has one row already."""
    _, model = inside(estimator)
    is_several = view == "x" and isinstance(getattr(model, "view", None), tuple)
    sample = query if is_several and len(query) == 1 else [query]
    return {"X" if view == "x" else "y": sample}


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
    if hasattr(estimator, "transformed_parts"):
        names = np.ravel(estimator.view).tolist()
        return [estimator.estimator.transformers_[name] for name in names]
    if hasattr(estimator, "transform_view"):
        return list(getattr(estimator, "transformers_", {}).values())  # none before `fit`
    return list(getattr(estimator, "estimators_", []))


def metadata_text(metadata, key):
    """Return a metadata value of an item as text, or "" if it is missing."""
    value = metadata.get(key)
    return "" if value is None else str(value)


def is_understood(estimator, query, view="y", warned=False):
    """Return False if the transformers of y turn the text of the query into zeros, or warned of it.

    If several transformers read the text, the result is True if all of them return a number other
    than 0, or if at least one vectorizer does. A fusion of models needs only one that does. So does a
    query of several views.
    """
    _, model = inside(estimator)
    if hasattr(model, "transformed_parts"):
        parts = model.transformed_parts(**_one_sample(model, view, query))
        return any(_is_known(*part) for part in parts)
    if view == "x":
        return True
    if hasattr(model, "estimators_"):
        return any(is_understood(part, query) for part in model.estimators_)
    if warned:
        return False
    readers = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the query has issued them already
        if getattr(model, "vectorizer_", None) is not None:
            return bool(np.any(embed(model, y=[query])))
        _follow(getattr(model, "y_transformer_", None), [query], readers)
    return _says_something(readers)


def _says_something(readers):
    """Return True if the readers of a text, each with what it found, know a part of it."""
    knows_a_term = any(found and hasattr(reader, "vocabulary_") for reader, found in readers)
    return knows_a_term or all(found for _, found in readers)


def _is_known(transformer, columns):
    """Return False if a view of a query is a text that its transformer does not know."""
    row = (
        columns if isinstance(columns, list | tuple) else np.asarray(columns, dtype=object).ravel()
    )
    is_text = all(isinstance(cell, str) for cell in row)
    if transformer is None or not is_text or opens_files(transformer):
        return True
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if np.ndim(columns) == 1:
            readers = []
            _follow(transformer, columns, readers)
            known = _says_something(readers)
        else:
            known = _dense_row(transformer.transform(columns)).any()
    return bool(known) and not any(issubclass(w.category, UnknownTextWarning) for w in caught)


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
    row = _dense_row(features)
    if row.dtype.kind in "OU":
        return features
    readers.append((transformer, bool(row.any())))
    return None


def _dense_row(features):
    return features.toarray() if issparse(features) else np.asarray(features)


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
