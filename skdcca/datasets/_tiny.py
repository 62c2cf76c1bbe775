"""Twenty well-known songs that come with the package."""

import json
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skdcca.datasets._synthesis import synthesise

VELOCITY = 0.8

DESCR = (
    "Twenty well-known songs in the public domain (English, German, French): one melody line and "
    "the words sung to it, keyed by hand and tagged with moods by hand, sounded by a small "
    "synthesiser. For a first look and for tests, not a benchmark. Words and tunes are "
    "traditional or by authors dead for over 100 years; the keying is released as CC0."
)


def load_tiny_songs(sample_rate=22050):
    """Load 20 real songs that come with the package: melody and words.

    They are enough to see what goes in and what comes out, and too few to learn from.

    Parameters
    ----------
    sample_rate : int, default=22050
        Samples a second of the waveforms, at least 1000.

    Returns
    -------
    songs : Bunch
        ``audio``: list of 20 pairs (waveform, sample_rate), float32 within [-1, 1];
        ``lyrics``: list of str, one line of text per line of music; ``ids``, ``titles``: lists of
        str; ``tags``: list of lists of str, moods and kinds given by hand; ``languages``: list of
        ``"en"``, ``"de"`` or ``"fr"``; ``groups``: ndarray of str, each song its own;
        ``DESCR``: str.

    Notes
    -----
    Words and tunes are in the public domain, their encoding is CC0.

    Examples
    --------
    >>> from skdcca.datasets import load_tiny_songs
    >>> songs = load_tiny_songs()
    >>> len(songs.audio), songs.titles[0], songs.tags[0]
    (20, 'Twinkle Twinkle Little Star', ['calm', 'child', 'night'])
    >>> print(songs.lyrics[19])
    Alle meine Entchen schwimmen auf dem See,
    Köpfchen in das Wasser, Schwänzchen in die Höh.
    """
    file = Path(__file__).with_name("data") / "tiny_songs.json"
    songs = json.loads(file.read_text(encoding="utf-8"))
    ids = [song["id"] for song in songs]
    return Bunch(
        audio=[(_sound(song["notes"], sample_rate), sample_rate) for song in songs],
        lyrics=[song["lyrics"] for song in songs],
        ids=ids,
        titles=[song["title"] for song in songs],
        groups=np.array(ids),
        tags=[song["tags"] for song in songs],
        languages=[song["lang"] for song in songs],
        DESCR=DESCR,
    )


def _sound(notes, sample_rate):
    return synthesise([[*note, VELOCITY] for note in notes], sample_rate)
