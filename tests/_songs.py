"""Songs for tests: waveforms with known content, tables of songs, and checks of collections."""

import csv
import hashlib

import numpy as np

RATE = 22050
CORE = ("audio", "lyrics", "ids", "titles", "groups")


def chirp(seconds=2.0, rate=RATE, seed=0):
    """Return a rising tone with a little noise."""
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(size=time.size)
    return 0.4 * np.sin(2 * np.pi * (200 + 300 * time) * time) + 0.01 * noise


def spectrum(waveform, sample_rate):
    """Return frequencies in Hz, and amplitudes relative to the largest."""
    amplitudes = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return np.fft.rfftfreq(len(waveform), 1 / sample_rate), amplitudes / amplitudes.max()


def loudest_frequency(waveform, sample_rate):
    """Return the frequency in Hz with the largest amplitude."""
    frequencies, amplitudes = spectrum(waveform, sample_rate)
    return frequencies[amplitudes.argmax()]


def check_core(songs, n_songs):
    """Check the fields that every collection has."""
    assert all(len(songs[field]) == n_songs for field in CORE)
    assert all(isinstance(text, str) and text for text in songs.lyrics + songs.titles)
    assert len(set(songs.ids)) == n_songs
    assert isinstance(songs.groups, np.ndarray)
    assert songs.groups.dtype.kind == "U"
    assert isinstance(songs.DESCR, str)


def digest(songs):
    """Return a hash of all sounds, texts and moods of synthetic songs."""
    sounds = b"".join(waveform.tobytes() for waveform, _ in songs.audio)
    rest = repr((songs.lyrics, songs.ids, songs.titles, songs.groups.tolist())).encode()
    return hashlib.sha256(sounds + rest + songs.lyrics_mood.tobytes()).hexdigest()


def write_table(path, rows, columns=("audio", "lyrics")):
    """Write a CSV table of songs and return its path."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return str(path)
