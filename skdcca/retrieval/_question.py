"""One question to an index, with what a person needs to judge the answer: for command line and page."""

import warnings

from sklearn.utils import Bunch

# What `Doc2VecLyrics` says of a text without a known word.
UNKNOWN_WORDS = "no word that the model knows"


def ask(index, view, query, n, level=None):
    """Ask an index one question.

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
        What `CrossModalIndex.chance_score` gives, if it is known. None: it is asked for.

    Returns
    -------
    answer : Bunch
        ``ids`` and ``scores``, lists, best first; ``level``, the level of chance or None;
        ``understood``, False for a text without a word that the model knows; ``above``, a list of bool,
        which of them are more than chance, or None without a level; ``notes``, other warnings. A text
        that was not understood finds nothing that is more, whatever its score: it is that of an empty
        text.

    Raises
    ------
    ValueError
        If the index has no items, or lacks the view that is searched.
    """
    if not len(index.ids_):
        raise ValueError("the index has no items, so there is nothing to find")
    level = index.chance_score(view) if level is None else level
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores, ids = index.query(
            **{"X" if view == "x" else "y": [query]}, n_neighbors=min(n, len(index.ids_))
        )
    messages = list(dict.fromkeys(str(warning.message) for warning in caught))
    unknown = [message for message in messages if UNKNOWN_WORDS in message]
    scores = scores[0].tolist()
    above = None if level is None else [not unknown and score > level for score in scores]
    return Bunch(
        ids=ids[0].tolist(),
        scores=scores,
        level=level,
        understood=not unknown,
        above=above,
        notes=[message for message in messages if message not in unknown],
    )


def told(metadata, key):
    """Metadata of an item as text, "" if there is none."""
    value = metadata.get(key)
    return "" if value is None else str(value)
