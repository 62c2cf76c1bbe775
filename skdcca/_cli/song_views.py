"""Models of songs with three views: audio, lyrics and tags, of which songs may lack lyrics or tags."""

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import Bunch

from skdcca._cli.parser import VIEWS
from skdcca.retrieval import several_views

MOST_COMPONENTS = 10
# A tag is what stands between semicolons or commas, without spaces around it.
_TAG = r"[^\s;,](?:[^;,]*[^\s;,])?"


def has_views(model):
    """Return True for a model of several views, or a fitted search over one."""
    return several_views(model) is not None


def view_names(model):
    """Return the names of the views of a model of several views that are not dropped."""
    return list(view_transformers(model))


def view_transformers(model):
    """Return the transformers of the views by name, the fitted ones if the model is fitted."""
    model = several_views(model)
    if hasattr(model, "transformers_"):
        return model.transformers_
    return {name: part for name, part, _ in model.views if not _is_dropped(part)}


def _is_dropped(transformer):
    return isinstance(transformer, str) and transformer == "drop"


def tags_side():
    """Return the transformer of tags: a column for each tag, in any case."""
    return CountVectorizer(binary=True, token_pattern=_TAG)


def split_tags(text):
    """Return the tags of a text as the model reads them."""
    return tags_side().build_analyzer()(text)


def song_table(songs):
    """Return a table with the columns of `VIEWS`; a song without lyrics or tags has None there.

    Parameters
    ----------
    songs : Bunch
        Songs as returned by `load_songs`, with paths of audio files.

    Returns
    -------
    table : ndarray of object, of shape (n_songs, 3)
        The table on which a model of several views is fitted.
    """
    n_songs = len(songs.audio)
    return table_of(songs.audio, songs.lyrics, songs.get("tags") or [None] * n_songs)


def table_of(audio, lyrics, tags):
    """Return the table of sequences of the same length, with None for texts that are empty."""
    table = np.full((len(audio), len(VIEWS)), None, dtype=object)
    for place, column in enumerate((audio, lyrics, tags)):
        table[:, place] = [value or None for value in column]
    return table


def has_view(songs):
    """Return which songs have each view, by its name."""
    found = song_table(songs) != None  # noqa: E711 (compares every element)
    return dict(zip(VIEWS, found.T, strict=True))


def components_of(songs):
    """Return the number of components that songs allow.

    There are at most as many as tags that vary independently, and one for every five songs of a view.
    """
    present = has_view(songs)
    n_least = min(int(has.sum()) for has in present.values() if has.any())
    counts = tags_side().fit_transform([tags for tags in songs.tags if tags]).toarray()
    rank = int(np.linalg.matrix_rank(counts - counts.mean(axis=0)))
    return max(1, min(MOST_COMPONENTS, n_least // 5, rank))


def without_lyrics(songs):
    """Return the songs without any lyrics."""
    return Bunch(**{**songs, "lyrics": [""] * len(songs.audio)})
