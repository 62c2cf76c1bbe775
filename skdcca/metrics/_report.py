"""Measure retrieval by the kinds of queries that people have: whole songs, lines and clips."""

from typing import Any

import numpy as np
from sklearn.utils import gen_batches
from tqdm import tqdm

from skdcca._audio import has_sound, is_recording, middle_of_sound
from skdcca._lyrics import middle_line, middle_verse, middle_words, unknown_texts_expected
from skdcca._utils.sklearn_compat import safe_indexing
from skdcca._utils.validation import check_integer
from skdcca._utils.warnings import warn
from skdcca.exceptions import SkippedSongsWarning
from skdcca.metrics._ranking import chance, ranks, recall_at_k, reciprocal_rank
from skdcca.metrics._scorers import compare, embed

_N_WORDS = 10
_SECONDS = (5, 10)
_QUIETER = 10 ** (-20 / 20)  # 20 dB
_SILENCE = 2  # seconds
_BATCH = 16  # songs whose clips are in memory at the same time


def query_report(
    estimator: Any, X: Any, y: Any, *, n_queries: int = 200, verbose: int = 0
) -> list[dict[str, Any]]:
    """Measure how well each kind of query finds its song: whole songs, lines of lyrics, clips.

    A model can rank whole songs well and single lines at random. Each row of the report is one kind
    of query. Texts search the first view of all songs, and sounds search the second view.

    Parameters
    ----------
    estimator : estimator
        Any fitted estimator that `embed` takes.
    X : array-like or list of length n_samples
        First view of the gallery. For the rows about clips, a list of sound files or of pairs
        ``(waveform, sample_rate)``.
    y : array-like or list of length n_samples
        Second view of the gallery. For the rows about lines and verses, a list of str.
    n_queries : int, default=200
        Maximum number of queries of each kind. If there are more songs, evenly spaced ones are
        the queries; all songs are the gallery.
    verbose : int, default=0
        If not 0, show a progress bar.

    Returns
    -------
    report : list of dict
        One dict for each kind of query, which `pandas.DataFrame` takes as rows:

        - ``"query"``: kind of query: "whole lyrics", "verse", "line", "ten words", "whole song",
          "clip of 5 s", "clip of 10 s", "clip at -20 dB", "clip after 2 s of silence";
        - ``"view"``: view of the queries, "x" or "y";
        - ``"n_queries"``, ``"n_gallery"``: number of queries, and of items that each of them searches;
        - ``"mrr"``: mean reciprocal rank;
        - ``"recall@10"``: fraction of the queries with their song among the first ten;
        - ``"n_answers"``: number of distinct first answers. If it is far below the number of queries,
          many queries get the same answer, whatever they say;
        - ``"chance"``: mean reciprocal rank of a random ranking.

        Kinds that do not apply are left out: lines of arrays, and clips of arrays or of waveforms
        without a sample rate. The rows of whole samples are then called "X" and "y".

    Raises
    ------
    ValueError
        If `n_queries` is not an integer >= 1, or the views have different lengths.
    TypeError
        If the estimator contains no model with a method ``transform_y``.

    Warns
    -----
    SkippedSongsWarning
        If clips cannot be cut from some songs, because their files are damaged.

    See Also
    --------
    retrieval_scorer : All metrics of whole samples; a scorer for ``scoring=``.

    Notes
    -----
    Verses, lines and words are from the middle of the lyrics. A verse ends at a blank line, or has
    four lines if the lyrics have no blank lines. Clips are from the middle of the sound, without the
    silence around it. The last two kinds are the clips of 10 seconds, 20 dB quieter and after two
    seconds of silence. A text or song that is not longer than the query is not used for it, except
    for the last two kinds, which are then the whole sound. A clip with less than one second of sound,
    such as a rest in the middle of a song, is not used either.

    Every song of the gallery is embedded once. A query costs as much as a short song; models that
    recognize words in the sound take about a second for each clip.

    Examples
    --------
    >>> from skdcca import Doc2VecLyrics, LinearCCA
    >>> from skdcca.datasets import make_songs
    >>> from skdcca.metrics import query_report
    >>> songs = make_songs(60, duration=1, random_state=0)
    >>> words = Doc2VecLyrics(4, min_count=1, epochs=10, random_state=0)
    >>> cca = LinearCCA(2, reg=0.1, y_transformer=words).fit(songs.audio_mood, songs.lyrics)
    >>> report = query_report(cca, songs.audio_mood, songs.lyrics)
    >>> [row["query"] for row in report]
    ['whole lyrics', 'verse', 'line', 'ten words', 'X']
    """
    zx, zy = embed(estimator, X, y)
    return report_of_variates(estimator, X, y, zx, zy, n_queries=n_queries, verbose=verbose)


def report_of_variates(estimator, X, y, zx, zy, *, n_queries=200, verbose=0):
    """Return the rows of `query_report` for a gallery whose variates are known."""
    check_integer("n_queries", n_queries)
    chosen = np.linspace(0, len(zx) - 1, min(n_queries, len(zx))).round().astype(int)
    found = _text_queries(estimator, safe_indexing(y, chosen), zy, chosen)
    rows = [_row(name, "y", compare(estimator, zx, z).T, own) for name, (z, own) in found.items()]
    found = _sound_queries(estimator, safe_indexing(X, chosen), zx, chosen, verbose)
    rows += [_row(name, "x", compare(estimator, z, zy), own) for name, (z, own) in found.items()]
    return rows


def _row(name, view, scores, own):
    """Return one row of the report; `own` contains the gallery rows of the queries."""
    n_gallery = scores.shape[1]
    labels = {"query_labels": own, "gallery_labels": np.arange(n_gallery)}
    return {
        "query": name,
        "view": view,
        "n_queries": len(scores),
        "n_gallery": n_gallery,
        "mrr": reciprocal_rank(ranks(scores, **labels)),
        "recall@10": recall_at_k(scores, 10, **labels),
        "n_answers": len(np.unique(scores.argmax(axis=1))),
        "chance": chance(n_gallery)["mrr"],
    }


def _text_queries(estimator, texts, zy, places):
    """Return the variates of queries of y and the places of their items, by kind of query."""
    if not _all_are(texts, lambda text: isinstance(text, str)):
        return {"y": (zy[places], places)}
    kinds = {
        "verse": middle_verse,
        "line": middle_line,
        "ten words": lambda text: middle_words(text, _N_WORDS),
    }
    with_words = places[[bool(text.strip()) for text in texts]]
    found = {"whole lyrics": (zy[with_words], with_words)} if len(with_words) else {}
    for name, cut in kinds.items():
        passages = [cut(text) for text in texts]
        used = [i for i, passage in enumerate(passages) if passage is not None]
        if used:
            with unknown_texts_expected():
                z = embed(estimator, y=[passages[i] for i in used])
            found[name] = z, places[used]
    return found


def _sound_queries(estimator, songs, zx, places, verbose):
    """Return the variates of queries of X and the places of their items, by kind of query."""
    if not _all_are(songs, is_recording):
        return {"X": (zx[places], places)}
    found, faults = {}, []
    with tqdm(total=len(songs), desc="Clips", unit="song", disable=not verbose) as progress:
        for batch in gen_batches(len(songs), _BATCH):
            kinds, damaged = _cut(safe_indexing(songs, batch), places[batch])
            faults += damaged
            for name, (clips, own) in kinds.items():
                found.setdefault(name, []).append((embed(estimator, clips), own))
            progress.update(batch.stop - batch.start)
    if faults:
        message = f"{len(faults)} of {len(songs)} songs have no clips in the report:"
        warn("\n  ".join([message, *faults]), SkippedSongsWarning)
    joined = {name: tuple(map(np.concatenate, zip(*z, strict=True))) for name, z in found.items()}
    return {"whole song": (zx[places], places)} | joined


def _all_are(samples, is_kind):
    """Return True if the samples are a list or one column, and all of them are of a kind."""
    return getattr(samples, "ndim", 1) == 1 and all(map(is_kind, samples))


def _cut(songs, places):
    """Return the clips of songs, and the places of these songs, by kind; and the faults of songs."""
    kinds, faults = {}, []
    for song, place in zip(songs, places, strict=True):
        try:
            clips = _clips_of(song)
        except ValueError as error:
            faults.append(f"song {place}: {error}")
            continue
        for name, clip in clips.items():
            kinds.setdefault(name, ([], []))
            kinds[name][0].append(clip)
            kinds[name][1].append(place)
    return {name: (clips, np.array(own)) for name, (clips, own) in kinds.items()}, faults


def _clips_of(song):
    """Return the clips of a song by kind of query."""
    longest, rate, seconds = middle_of_sound(song, max(_SECONDS))
    clips = {}
    for length in _SECONDS:
        if seconds > length:
            clips[f"clip of {length} s"] = _middle(longest, round(length * rate)), rate
    if longest.size:
        clips["clip at -20 dB"] = longest * np.float32(_QUIETER), rate
        silence = np.zeros(_SILENCE * int(rate), np.float32)
        clips[f"clip after {_SILENCE} s of silence"] = np.concatenate([silence, longest]), rate
    return {name: clip for name, clip in clips.items() if has_sound(*clip)}


def _middle(waveform, n_samples):
    first = (len(waveform) - n_samples) // 2
    return waveform[first : first + n_samples]
