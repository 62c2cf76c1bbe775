"""Compute the waveforms of songs as the page draws them, and keep the last ones."""

import os
import warnings
from collections import OrderedDict
from threading import Lock

import numpy as np

from skdcca._audio import read_excerpt, read_header
from skdcca.web import _limits

N_LEVELS = 600
# Seconds that are decoded at a time, which bounds the memory.
_BLOCK = 60.0


class Waveforms:
    """Waveforms of sound files, of which the last ones are kept.

    Parameters
    ----------
    most : int, default=2000
        Number of waveforms to keep; each takes a few kilobytes.
    """

    def __init__(self, most=2000):
        self.most = most
        self.kept = OrderedDict()
        self.lock = Lock()

    def of(self, path):
        """Return the waveform of a file, or None if it cannot be drawn."""
        try:
            facts = os.stat(path)
        except OSError:
            return None
        key = (path, facts.st_mtime_ns, facts.st_size)
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
                return self.kept[key]
        found = _draw(path)
        with self.lock:
            self.kept[key] = found
            while len(self.kept) > self.most:
                self.kept.popitem(last=False)
        return found


def _draw(path):
    """Return the length of a file in seconds and its levels in percent of the loudest one, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged headers; the song was indexed all the same
            header = read_header(path)
            if not _is_within_limits(header):
                return None
            levels = _levels(path, header)
    except (ValueError, OSError):
        return None
    loudest = levels.max() or 1.0
    percent = np.ceil(100 * levels / loudest).astype(int)
    seconds = round(header.n_frames / header.sample_rate, 2)
    return {"seconds": seconds, "levels": percent.tolist()}


def _is_within_limits(header):
    return (
        0 < header.n_frames <= _limits.MAX_DRAWN_SECONDS * header.sample_rate
        and header.sample_rate <= _limits.MAX_RATE
        and header.n_channels <= _limits.MAX_CHANNELS
    )


def _levels(path, header):
    """Return the root mean square of each of `N_LEVELS` parts of equal length."""
    n_levels = min(N_LEVELS, header.n_frames)
    power, count = np.zeros(n_levels), np.zeros(n_levels)
    for start in np.arange(0, header.n_frames / header.sample_rate, _BLOCK):
        waveform, _ = read_excerpt(path, start, _BLOCK)
        squares = np.square(waveform, dtype=np.float64).mean(axis=0)
        samples = int(start * header.sample_rate) + np.arange(len(squares))
        parts = np.minimum(samples * n_levels // header.n_frames, n_levels - 1)
        power += np.bincount(parts, squares, n_levels)
        count += np.bincount(parts, minlength=n_levels)
    return np.sqrt(power / np.maximum(count, 1))
