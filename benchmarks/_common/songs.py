"""Collections of real songs: MIDI scores of `SKDCCA_DATA`, synthesized once into the cache."""

import json
import lzma
import tarfile
from pathlib import Path

import numpy as np

from _common.sounds import add_sounds, add_voice

COLLECTIONS = ("lieder", "windows", "voice", "voice-25", "chants", "hymns")
# Names of the collections in the data, if they differ.
SOURCES = {"windows": "lwin", "chants": "chant", "hymns": "openhymnal"}
SECONDS = {"lieder": 60.0, "windows": 20.0, "voice": 20.0, "voice-25": 20.0}


def seconds_of(name):
    """Return the excerpt durations (seconds) of a collection for statistics and convolutions."""
    return SECONDS.get(name, 30.0)


def load_collection(name, data, cache, most=None):
    """Load a collection by name.

    Return one dict per song, with ``audio``, ``lyrics``, ``group`` and other keys. `most` limits the
    number of songs, which are then evenly spaced.
    """
    if name == "lieder":
        return load_lieder(data, cache, most)
    if name == "voice":
        return load_voice(data, cache, most=most)
    if name == "voice-25":
        return load_voice(data, cache, n_words=25, only=25, most=most)
    return load_pairs(data, cache, SOURCES[name], most)


def read_lieder(data):
    """Read the metadata of the 1,341 art songs: a dict per song, sorted by composer."""
    with lzma.open(data / "lieder.jsonl.xz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def load_lieder(data, cache, most=None):
    """Load the 1,341 whole art songs."""
    songs = evenly_spaced(read_lieder(data), most)
    return add_sounds(songs, data / "lieder_midi.tar.xz", Path(), cache / "lieder")


def load_pairs(data, cache, source="lwin", most=None):
    """Load the pairs of a source; ``"lwin"`` has 3,898 windows of 20 s with their lyrics."""
    return with_music(evenly_spaced(read_pairs(data, source), most), data, cache)


def read_pairs(data, source):
    """Read the metadata of the pairs of a source: a dict per song."""
    with tarfile.open(data / "pairs.tar.xz") as archive:
        lines = archive.extractfile("dev/pairs.jsonl").read().decode("utf-8").splitlines()
    return [song for song in map(json.loads, lines) if song["source"] == source]


def with_music(songs, data, cache):
    """Set ``audio`` of each pair to its synthesized music."""
    return add_sounds(songs, data / "pairs.tar.xz", Path("dev"), cache / "pairs")


def load_voice(data, cache, gain=0.7, n_words=22, only=None, most=None):
    """Load the English windows of at least `n_words` words, spoken over the music at a fixed rate.

    At a gain of 0, they are the instrumental windows of the same songs. `only` limits the number of
    words, in the lyrics and the voice.
    """
    songs = [song for song in read_pairs(data, "lwin") if song["lang"] == "en"]
    songs = [song for song in songs if len(song["lyrics"].split()) >= n_words]
    songs = with_music(evenly_spaced(songs, most), data, cache)
    for song in songs:
        song["lyrics"] = " ".join(song["lyrics"].split()[:only])
    if gain:
        add_voices(songs, cache / f"voice-{gain}-{only or 'all'}", gain)
    return songs


def add_voices(songs, folder, gain):
    """Set ``audio`` of each song to its music with the lyrics spoken over it."""
    folder.mkdir(parents=True, exist_ok=True)
    for song in songs:
        music = song["audio"]
        song["audio"] = str(folder / Path(music).name)
        if not Path(song["audio"]).exists():
            add_voice(song["lyrics"], music, Path(song["audio"]), gain)


def evenly_spaced(songs, most=None):
    """Return at most `most` songs, evenly spaced."""
    if most is None or most >= len(songs):
        return songs
    return [songs[i] for i in np.linspace(0, len(songs) - 1, most).astype(int)]
