"""Measure what hearing words takes, and which words it invents or leaves out.

The first table has CPU seconds for 20 s windows with a synthetic voice and for whole songs, and how much
faster a second run is, which finds everything in the cache. Memory is the peak of the process, skdcca
included. The second table counts words before and after suppression: in noise, in 20 s windows of
instrumental music, of the same music with a voice at several gains, and of real songs with a singer.
"found" is the share of the true words that is heard.

    OMP_NUM_THREADS=1 python benchmarks/hearing.py --data DATA [--whisper MODEL] [--quick]
"""

import tempfile
from pathlib import Path

import numpy as np
import soundfile

from skdcca import WhisperWords, tokenize

from _common.arguments import add_song_options, data_folder, make_parser
from _common.hearing import find_model, listener, share_found
from _common.internals import cache_folder
from _common.memory import greatest_resident
from _common.singing import load_singing
from _common.songs import load_voice
from _common.table import print_head, print_row
from _common.timing import timed

GAINS = (0, 0.2, 0.7)
N_WINDOWS, N_QUICK = 120, 12
RATE, SECONDS = 16000, 20.0
SINGING = ("on_the_run.ogg", "fantasma.mp3")


def main():
    options = parser().parse_args()
    data, cache = data_folder(options.data), Path(options.cache or cache_folder())
    model = find_model(options.whisper)
    n_windows = N_QUICK if options.quick else N_WINDOWS
    windows = {gain: load_voice(data, cache, gain, most=n_windows) for gain in GAINS}
    measure_time(model, [song["audio"] for song in windows[0.7][:N_QUICK]], data)
    print()
    groups = {"noise": noises()}
    groups |= {"instrumental" if not gain else f"voice {gain}": windows[gain] for gain in GAINS}
    groups["singing"] = load_singing(data)
    count_words(model, groups, cache)


def measure_time(model, windows, data):
    """Print the table of CPU seconds and memory."""
    print_head(
        "sound", "minutes", "CPU s", "CPU s per minute", "second run, times faster", "memory"
    )
    songs = [str(data / "singing" / name) for name in SINGING]
    WhisperWords(model).transform(windows[:1])  # load the model
    for name, sounds in (("windows of 20 s", windows), ("whole songs", songs)):
        with tempfile.TemporaryDirectory() as folder:
            words = WhisperWords(model, memory=folder)
            first = timed(words.transform, sounds)
            second = timed(words.transform, sounds)
        minutes = sum(soundfile.info(sound).duration for sound in sounds) / 60
        print_row(
            name,
            f"{minutes:.1f}",
            f"{first.cpu:.1f}",
            f"{first.cpu / minutes:.1f}",
            f"{first.wall / second.wall:.0f}",
            f"{greatest_resident() / 1e6:.0f} MB",
        )


def count_words(model, groups, cache):
    """Print the table of words before and after suppression; what was heard before is in the cache."""
    print_head("sound", "windows", "words heard", "kept", "with words", "found", "found, all kept")
    for name, songs in groups.items():
        sounds = [song["audio"] for song in songs]
        words = listener(model, cache)
        kept = words.transform(sounds)
        heard = words.set_params(min_log_probability=None).transform(sounds)
        print_row(name, len(songs), *counts(songs, heard, kept))


def counts(songs, heard, kept):
    """Return the cells of one row: words per window, and shares of windows and of true words."""
    n_heard, n_kept = (np.array([len(tokenize(text)) for text in texts]) for texts in (heard, kept))
    found = [
        np.mean(
            [share_found(text, song["lyrics"]) for text, song in zip(texts, songs, strict=True)]
        )
        for texts in (kept, heard)
    ]
    return (
        f"{n_heard.mean():.1f}",
        f"{n_kept.mean():.2f}",
        f"{(n_kept > 0).mean():.2f}",
        *(f"{share:.2f}" for share in found),
    )


def noises():
    """Return noise of several kinds, and a tone, as songs without words."""
    rng = np.random.default_rng(0)
    time = np.arange(int(SECONDS * RATE)) / RATE
    white = rng.normal(size=time.size)
    sounds = {
        "white noise": 0.1 * white,
        "quiet noise": 1e-3 * white[::-1],
        "brown noise": np.cumsum(white) / np.abs(np.cumsum(white)).max(),
        "hum": 0.5 * np.sin(2 * np.pi * 50 * time) + 0.01 * white,
        "tone": 0.5 * np.sin(2 * np.pi * 440 * time),
        "clicks": (rng.random(time.size) < 1e-4).astype(float),
    }
    return [{"audio": (sound, RATE), "lyrics": ""} for sound in sounds.values()]


def parser():
    quick = f"use {N_QUICK} windows instead of {N_WINDOWS}"
    made = make_parser(__doc__, quick=quick)
    add_song_options(made)
    made.add_argument("--whisper", help="name or folder of the model")
    return made


if __name__ == "__main__":
    main()
