"""How fast songs become spectrograms: `MelSpectrogram` beside librosa called by hand, by format.

Synthetic songs of 30 s in stereo at 44.1 kHz, written as wav, flac, ogg and mp3. The reference is the
plain loop: `librosa.load`, `librosa.feature.melspectrogram`, `librosa.power_to_db`, one song after
another. All alternate in one run; the median of the ratios counts. CPU seconds tell the cost of a
core, seconds of the clock what two jobs save; "again" is a second pass through a cache by content.

    python benchmarks/features.py [--songs 40] [--repeats 3] [--quick]
"""

import argparse
import tempfile
import time
from pathlib import Path

import librosa
import numpy as np
import soundfile

from skdcca import MelSpectrogram

RATE, SECONDS = 44100, 30.0
FORMATS = ("wav", "flac", "ogg", "mp3")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="8 songs, once; under 60 s")
    options = parser.parse_args()
    n_songs, repeats = (8, 1) if options.quick else (options.songs, options.repeats)
    print(
        "| format | librosa by hand, CPU s a song | MelSpectrogram | ratio | times real time | "
        "2 jobs, times faster | again, times faster | largest difference, dB |"
    )
    print("|---" * 8 + "|")
    worst, least = 0.0, np.inf
    with tempfile.TemporaryDirectory() as folder:
        for kind in FORMATS:
            songs = write_songs(Path(folder), kind, n_songs)
            measured = measure(songs, repeats, Path(folder) / f"cache-{kind}")
            plain, ours, ratio, faster, again, apart = measured
            worst, least = max(worst, ratio), min(least, faster)
            cells = [kind, f"{plain:.3f}", f"{ours:.3f}", f"{ratio:.2f}", f"{SECONDS / ours:.0f}"]
            cells += [f"{faster:.2f}", f"{again:.0f}", f"{apart:.0e}"]
            print(f"| {' | '.join(cells)} |", flush=True)
    print(f"ratio={worst:.3f}")
    print(f"two_jobs={least:.2f}")


def write_songs(folder, kind, n_songs):
    """Chords of changing pitch among noise."""
    time_axis = np.arange(int(RATE * SECONDS)) / RATE
    paths = []
    for i in range(n_songs):
        rng = np.random.default_rng(i)
        pitch = 220 * 2 ** (rng.integers(0, 24, size=(3, 1)) / 12)
        tones = np.sin(2 * np.pi * pitch * time_axis * (1 + 0.1 * np.sin(time_axis))).mean(axis=0)
        stereo = 0.4 * tones[:, None] + 0.05 * rng.normal(size=(len(time_axis), 2))
        paths.append(str(folder / f"{i}.{kind}"))
        soundfile.write(paths[-1], stereo, RATE)
    return paths


def measure(songs, repeats, cache):
    reference(songs[:2])  # to warm up
    one, two = MelSpectrogram(duration=SECONDS), MelSpectrogram(duration=SECONDS, n_jobs=2)
    found = []
    for _ in range(repeats):
        plain, _, expected = timed(reference, songs)
        ours, alone, spectrograms = timed(one.fit_transform, songs)
        _, together, _ = timed(two.fit_transform, songs)
        found.append((plain, ours, ours / plain, alone / together))
    kept = MelSpectrogram(duration=SECONDS, memory=str(cache))
    _, first, _ = timed(kept.fit_transform, songs)
    _, second, _ = timed(kept.fit_transform, songs)
    plain, ours, ratio, faster = np.median(found, axis=0)
    apart = np.abs(spectrograms - expected).max()
    return plain / len(songs), ours / len(songs), ratio, faster, first / second, apart


def reference(songs):
    spectrograms = []
    for path in songs:
        waveform, rate = librosa.load(path, sr=22050, duration=SECONDS)
        power = librosa.feature.melspectrogram(y=waveform, sr=rate)
        spectrograms.append(librosa.power_to_db(power))
    return np.array(spectrograms)


def timed(work, songs):
    """CPU seconds, seconds of the clock, and what came of them."""
    cpu, clock = time.process_time(), time.perf_counter()
    result = work(songs)
    return time.process_time() - cpu, time.perf_counter() - clock, result


if __name__ == "__main__":
    main()
