"""Compare the speed of `MelSpectrogram` with a loop over librosa, by file format.

Synthetic stereo songs of 30 s at 44.1 kHz are written as WAV, FLAC, OGG and MP3. The reference is a
plain loop over the songs: `librosa.load`, `librosa.feature.melspectrogram` and `librosa.power_to_db`.
Both alternate in one run, and the median of the ratios is reported. CPU seconds are the cost on one
core; wall seconds show the gain of two jobs. "Again" is a second pass, served by the cache.

    python benchmarks/features.py [--songs 40] [--repeats 3] [--quick]
"""

import tempfile
from pathlib import Path

import librosa
import numpy as np
import soundfile

from skdcca import MelSpectrogram

from _common.arguments import make_parser
from _common.synthetic import chord
from _common.table import print_head, print_row
from _common.timing import timed

RATE, SECONDS = 44100, 30.0
FORMATS = ("wav", "flac", "ogg", "mp3")


def main():
    parser = make_parser(__doc__, "8 songs, once; under 60 s")
    parser.add_argument("--songs", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    n_songs, repeats = (8, 1) if options.quick else (options.songs, options.repeats)
    print_head(
        "format",
        "librosa by hand, CPU s a song",
        "MelSpectrogram",
        "ratio",
        "times real time",
        "2 jobs, times faster",
        "again, times faster",
        "largest difference, dB",
    )
    worst, least = 0.0, np.inf
    with tempfile.TemporaryDirectory() as folder:
        for kind in FORMATS:
            songs = write_songs(Path(folder), kind, n_songs)
            measured = measure(songs, repeats, Path(folder) / f"cache-{kind}")
            plain, ours, ratio, faster, again, apart = measured
            worst, least = max(worst, ratio), min(least, faster)
            cells = [kind, f"{plain:.3f}", f"{ours:.3f}", f"{ratio:.2f}", f"{SECONDS / ours:.0f}"]
            print_row(*cells, f"{faster:.2f}", f"{again:.0f}", f"{apart:.0e}")
    print(f"ratio={worst:.3f}")
    print(f"two_jobs={least:.2f}")


def write_songs(folder, kind, n_songs):
    """Write songs of random chords in noise and return the paths of the files."""
    time_axis = np.arange(int(RATE * SECONDS)) / RATE
    paths = []
    for i in range(n_songs):
        rng = np.random.default_rng(i)
        tones = chord(rng, time_axis * (1 + 0.1 * np.sin(time_axis)))
        stereo = 0.4 * tones[:, None] + 0.05 * rng.normal(size=(len(time_axis), 2))
        paths.append(str(folder / f"{i}.{kind}"))
        soundfile.write(paths[-1], stereo, RATE)
    return paths


def measure(songs, repeats, cache):
    """Return the values of a row: times, ratios and the largest difference."""
    reference(songs[:2])  # warm up
    one, two = MelSpectrogram(duration=SECONDS), MelSpectrogram(duration=SECONDS, n_jobs=2)
    found = []
    for _ in range(repeats):
        plain = timed(reference, songs)
        ours = timed(one.fit_transform, songs)
        together = timed(two.fit_transform, songs)
        found.append((plain.cpu, ours.cpu, ours.cpu / plain.cpu, ours.wall / together.wall))
    apart = np.abs(ours.result - plain.result).max()
    kept = MelSpectrogram(duration=SECONDS, memory=str(cache))
    again = timed(kept.fit_transform, songs).wall / timed(kept.fit_transform, songs).wall
    plain, ours, ratio, faster = np.median(found, axis=0)
    return plain / len(songs), ours / len(songs), ratio, faster, again, apart


def reference(songs):
    spectrograms = []
    for path in songs:
        waveform, rate = librosa.load(path, sr=22050, duration=SECONDS)
        power = librosa.feature.melspectrogram(y=waveform, sr=rate)
        spectrograms.append(librosa.power_to_db(power, ref=np.max))
    return np.array(spectrograms)


if __name__ == "__main__":
    main()
