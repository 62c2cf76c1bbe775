"""Take queries that are unrelated to most items from the gallery itself."""

import math
import re
import warnings
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdcca._lyrics import count_words, passage, unknown_texts_expected
from skdcca._utils.labels import label_numbers
from skdcca._utils.readers import opens_files
from skdcca.metrics import inside
from skdcca.retrieval._checks import check_finite
from skdcca.retrieval._groups import OTHER
from skdcca.retrieval._texts import item_texts, lines_of, lyrics_and_heard

# Maximum number of items that serve as queries.
N_ROWS = 1000
# Number of passages of texts that serve as queries, and the most from one text.
_N_PASSAGES, _MOST_PER_TEXT = 150, 3
# Passages have one of these numbers of words, so that their variates serve many queries.
_LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
# Those of lines, the most common ones first.
_LENGTHS_OF_LINES = (8, 4, 16, 2, 1, 32)
_BETWEEN_TAGS = re.compile("[;,]")
# Its multiples modulo 1 spread evenly over [0, 1].
_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


class Background(NamedTuple):
    """Queries that are unrelated to most items.

    Attributes
    ----------
    name : str
        Kind of these queries.
    z : ndarray of shape (n_queries, n_components)
        Their variates.
    own : ndarray of shape (n_queries,)
        Places of the items that they are taken from.
    """

    name: str
    z: NDArray
    own: NDArray


def background(index, view, like):
    """Return the `Background` of a query, or None if the gallery lacks a view.

    Parameters
    ----------
    index : CrossModalIndex
        The fitted index.
    view : {"x", "y"}
        View of the query.
    like : object
        The query. If it is a text and the view is y, the queries of the background are as long.
    """
    if getattr(index, f"z{OTHER[view]}_") is None:
        return None
    is_text = view == "y" and index._y_has_words and isinstance(like, str)
    # The texts of an untrusted index must never name files that are opened.
    is_text = is_text and reads_texts(index.estimator) and not opens_texts(index.estimator)
    found = _passages(index, like) if is_text else None
    if found is None and getattr(index, f"z{view}_") is not None:
        own = index._item_places(view, spread(index._n_having(view), N_ROWS))
        found = Background("items", index._variates(view, own), own)
    return found


def reads_texts(estimator):
    """Return False if the second view of a model is numbers, which a text cannot be turned into.

    A model of another package, without the attribute `y_transformer_`, may read texts by itself.
    """
    _, model = inside(estimator)
    if hasattr(model, "estimators_"):
        return all(map(reads_texts, model.estimators_))
    has_vectorizer = getattr(model, "vectorizer_", None) is not None
    return has_vectorizer or getattr(model, "y_transformer_", "unknown") is not None


def opens_texts(estimator):
    """Return True if the second view of a model is files, so that a text would be opened as one."""
    _, model = inside(estimator)
    if hasattr(model, "estimators_"):
        return any(map(opens_texts, model.estimators_))
    return opens_files(getattr(model, "y_transformer_", None))


def spread(n, most):
    """Return at most `most` of `n` places, evenly spaced."""
    return np.linspace(0, n - 1, min(n, most)).astype(int)


def prepare_chance(index, lock=None):
    """Embed the passages with which an index judges lines of text, so that answers are quick.

    Parameters
    ----------
    index : CrossModalIndex
        The fitted index.
    lock : context manager, default=None
        Lock to hold while the passages of one length are embedded. Other threads wait for one length at
        most; the most common lengths come first.
    """
    for n_words in _LENGTHS_OF_LINES:
        with lock or nullcontext():
            index.chance_score("y", groups=item_groups(index), like="a " * n_words)


def item_groups(index):
    """Return the group of each item by its metadata, as a number, for the command line and the page.

    An item without a group is its own group. So is each item if all items have the same group, such as
    a collection of one artist. The groups are found once, and kept until the items change.
    """
    return index._once("groups", lambda: _find_groups(index))


def _find_groups(index):
    groups = [index.metadata_.get(name, {}).get("group") for name in index.ids_.tolist()]
    groups = ["" if group is None else str(group) for group in groups]
    of_one = len(set(groups) - {""}) < 2
    alone = index._numbers().tolist()
    rows = zip(groups, alone, strict=True)
    return label_numbers([number if of_one or not group else group for group, number in rows])


def tag_groups(index):
    """Return a number for each item that is the same for items with the same tags in their metadata.

    They are the groups for queries by tags, and for searches of tags: items with the same tags have the
    same scores, and none of them is unrelated. An item without tags is its own group.
    """
    return index._once("tag groups", lambda: _find_tag_groups(index))


def _find_tag_groups(index):
    texts = [str(index.metadata_.get(name, {}).get("tags") or "") for name in index.ids_.tolist()]
    tags = [frozenset(map(str.strip, _BETWEEN_TAGS.split(text.lower()))) for text in texts]
    alone = index._numbers().tolist()
    rows = zip(tags, alone, strict=True)
    return label_numbers([number if of_item <= {""} else of_item for of_item, number in rows])


def _passages(index, like):
    """Return the background of passages as long as a text, or None.

    The result is None if the items have no texts, or if most of their texts are not longer than
    this one and the variates of whole texts are known.
    """
    own, texts, usual_length = _sources(index)
    n_words, has_lines = _nearest_length(count_words(like)), "\n" in like.strip()
    if not texts or (index.zy_ is not None and usual_length <= n_words):
        return None
    n_each = min(math.ceil(_N_PASSAGES / len(texts)), _MOST_PER_TEXT)
    name = f"{n_words} words{' in lines' if has_lines else ''}"
    z = index._backgrounds.get(name)
    if z is None or len(z) != n_each * len(texts):
        repeated = [text for text in texts for _ in range(n_each)]
        z = _embed_passages(index, repeated, n_words, has_lines)
        # Replace the dict instead of changing it, because other threads may be reading it.
        index._backgrounds = {**index._backgrounds, name: z}
    return Background(name, z, np.repeat(own, n_each))


def _sources(index):
    """Return the places of the items whose texts are cut, their texts, and the usual length of these."""
    return index._once("sources", lambda: _find_sources(index))


def _find_sources(index):
    about = [index.metadata_.get(name, {}) for name in index.ids_.tolist()]
    texts = list(map(_plain_text, item_texts(index), about))
    own = np.flatnonzero([bool(text.strip()) for text in texts])
    own = own[spread(len(own), _N_PASSAGES)]
    texts = [texts[i] for i in own]
    usual_length = np.median(list(map(count_words, texts))) if texts else 0
    return own, texts, usual_length


def _plain_text(text, metadata):
    """Return the text of an item, or the words heard in it, as a str; it may be empty."""
    text, _ = lyrics_and_heard(text, metadata)
    return text if isinstance(text, str) else "\n".join(line.text for line in lines_of(text))


def _embed_passages(index, texts, n_words, has_lines):
    """Return the variates of one passage of each text, from places all over the texts."""
    places = np.arange(1, len(texts) + 1) * _GOLDEN_RATIO % 1
    passages = [passage(text, n_words, place) for text, place in zip(texts, places, strict=True)]
    if not has_lines:
        passages = [" ".join(text.split()) for text in passages]
    with warnings.catch_warnings(), unknown_texts_expected():
        warnings.simplefilter("ignore")
        z = check_finite(index.embed(y=passages), "y")
    return z.astype(np.float32)  # half the size, and exact enough for a quantile


def _nearest_length(n_words):
    return min(_LENGTHS, key=lambda length: abs(math.log(length / max(1, n_words))))
