"""Load twenty well-known songs that are included in the package."""

import json
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skdcca.datasets._synthesis import synthesize

VELOCITY = 0.8

DESCR = (
    "Twenty well-known songs in the public domain (English, German, French): melody and lyrics, "
    "transcribed and tagged with moods by hand, played by a small synthesizer. They are meant for "
    "examples and tests, not for benchmarks. Lyrics and tunes are traditional or by authors who died "
    "more than 100 years ago; the transcription is released as CC0."
)


def load_tiny_songs(sample_rate: int = 22050) -> Bunch:
    """Load the melody and lyrics of 20 real songs included in the package.

    The songs illustrate the input and output of a model, but are too few to train one.

    Parameters
    ----------
    sample_rate : int, default=22050
        Sample rate of the waveforms in Hz, at least 1000.

    Returns
    -------
    songs : Bunch
        ``audio``: list of 20 pairs (waveform, sample_rate), float32 in [-1, 1];
        ``lyrics``: list of str, one line of text per line of music; ``ids``, ``titles``: lists of
        str; ``tags``: list of lists of str, moods and genres assigned by hand; ``languages``: list
        of ``"en"``, ``"de"`` or ``"fr"``; ``groups``: ndarray of str, a different one for each
        song; ``DESCR``: str.

    Raises
    ------
    ValueError
        If `sample_rate` is not an integer >= 1000.

    Notes
    -----
    Lyrics and tunes are in the public domain; the transcription is released as CC0.

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
    return synthesize([[*note, VELOCITY] for note in notes], sample_rate)
