"""Two real songs with a singer, and the words of 14 windows of 20 s."""

import json

import numpy as np
import soundfile


def load_singing(data):
    """Load the windows: a dict each, with ``audio`` (waveform and sample rate) and ``lyrics``."""
    folder = data / "singing"
    with open(folder / "windows.jsonl", encoding="utf-8") as lines:
        windows = [json.loads(line) for line in lines]
    for window in windows:
        window["song"] = str(folder / window["audio"])
        window["audio"] = read_excerpt(window["song"], window["start"], window["seconds"])
    return windows


def read_excerpt(file, start, seconds):
    """Return the waveform of an excerpt, mixed to mono, and its sample rate."""
    rate = soundfile.info(file).samplerate
    first, last = (round(rate * t) for t in (start, start + seconds))
    waveform, rate = soundfile.read(file, start=first, stop=last, dtype="float32", always_2d=True)
    return np.ascontiguousarray(waveform.mean(axis=1)), rate
