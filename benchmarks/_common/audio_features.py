"""Audio features compared in the tables, and their cache."""

import json

import joblib
import numpy as np
import soundfile
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline
from tqdm import tqdm

from skdcca import (
    AudioDynamics,
    AudioForm,
    MelCNNAudio,
    MelSpectrogram,
    TemporalSummary,
    WhisperAudio,
)

from _common.cache import keyed_file
from _common.hearing import find_model
from _common.internals import atomic_write, load_recognizer, resolve_model

PRETRAINED = ("MTT_musicnn", "MTT_vgg", "MSD_musicnn", "MSD_vgg")
STATES = ("states", "states steps")  # of the encoder of a speech recognizer
STEPS = (*(f"{name} steps" for name in PRETRAINED), "states steps")  # sequences, not rows
N_SONGS = 200  # songs transformed at a time
N_ENCODED = 20  # songs whose states are in memory at a time


class Beginning(TransformerMixin, BaseEstimator):
    """The first seconds of songs: the file where it is not longer, else a waveform and its rate."""

    def __init__(self, seconds):
        self.seconds = seconds

    def fit(self, X, y=None):
        """Do nothing."""
        return self

    def transform(self, X):
        """Return the beginning of each song."""
        return [self._beginning(path) for path in X]

    def _beginning(self, path):
        header = soundfile.info(path)
        if header.duration <= self.seconds:
            return path
        n_frames = int(self.seconds * header.samplerate)
        return soundfile.read(path, n_frames, dtype="float32")


def features(audio, songs, seconds, cache, n_jobs):
    """Return the features of the songs; nothing is fitted, so all folds share them.

    `audio` names one kind of features, or several joined by " + ". Each kind is cached.
    """
    paths = [song["audio"] for song in songs]
    parts = [
        cached_features(name, transformer, paths, cache, n_jobs)
        for name, transformer in zip(
            audio.split(" + "), audio_transformers(audio, seconds), strict=True
        )
    ]
    return parts[0] if len(parts) == 1 else np.hstack(parts)


def cached_features(name, transformer, paths, cache, n_jobs):
    """Return the output of a transformer for the files, from the cache if available."""
    file = feature_file(transformer, paths, cache)
    if not file.exists():
        if name in STATES:
            transform_states(paths, cache)
        else:
            write(file, transformed(name, transformer, paths, n_jobs))
    return np.load(file)


def feature_file(transformer, paths, cache):
    """Return the file for the output of a transformer."""
    key = json.dumps([[repr(step) for _, step in transformer.steps], paths])
    return keyed_file(cache / "features", key)


def write(file, rows):
    """Write an array atomically."""
    with atomic_write(file) as unfinished, open(unfinished, "wb") as opened:
        np.save(opened, rows)


def transformed(name, transformer, paths, n_jobs):
    """Return the output of a transformer for the files."""
    names = [name for name in transformer.get_params() if name.endswith("__n_jobs")]
    transformer.set_params(**dict.fromkeys(names, n_jobs)).fit(paths)
    starts = tqdm(range(0, len(paths), N_SONGS), desc=name, mininterval=5)
    parts = [transformer.transform(paths[start : start + N_SONGS]) for start in starts]
    return np.concatenate(parts)


def transform_states(paths, cache):
    """Write the statistics and the steps of the states, which takes one encoding of each song."""
    recognizer = Remembering(load_recognizer(resolve_model(find_model()), 1))
    found = {name: [] for name in STATES}
    for start in tqdm(range(0, len(paths), N_ENCODED), desc="states", mininterval=5):
        some = paths[start : start + N_ENCODED]
        for name, parts in found.items():
            transformer = part_transformer(name, None)
            transformer[-1].set_params(model=recognizer)
            parts.append(transformer.fit(some).transform(some))
        recognizer.states.clear()
    for name, parts in found.items():
        write(feature_file(part_transformer(name, None), paths, cache), np.concatenate(parts))


class Remembering:
    """Recognizer that encodes each waveform once."""

    def __init__(self, recognizer):
        self.recognizer = recognizer
        self.states = {}

    def transcribe(self, waveform, language=None):
        """Hear the words of a waveform."""
        return self.recognizer.transcribe(waveform, language)

    def encode(self, waveform):
        """Return the states of a waveform."""
        key = joblib.hash(waveform)
        if key not in self.states:
            self.states[key] = self.recognizer.encode(waveform)
        return self.states[key]


def audio_transformers(audio, seconds):
    """Return a transformer of audio files for each part of `audio`."""
    return [part_transformer(part, seconds) for part in audio.split(" + ")]


def part_transformer(audio, seconds):
    """Return the transformer of one kind; other names give spectrograms for end-to-end training."""
    if audio in PRETRAINED:
        return make_pipeline(MelCNNAudio(audio, pooling="mean_std", n_segments=5))
    if audio in STEPS and audio not in STATES:
        network = audio.removesuffix(" steps")
        return make_pipeline(MelCNNAudio(network, pooling="sequence", n_segments=10))
    if audio == "form":
        return make_pipeline(AudioForm(excerpts="measured"))
    if audio == "dynamics":
        return make_pipeline(AudioDynamics())
    if audio == "states":  # of the 30 s that the encoder reads at a time
        return make_pipeline(Beginning(30.0), WhisperAudio())
    if audio == "states steps":
        return make_pipeline(Beginning(30.0), WhisperAudio(pooling="sequence", n_segments=20))
    if audio == "summary":
        return make_pipeline(MelSpectrogram(duration=seconds), TemporalSummary())
    # At most 30 s, because networks train for minutes.
    return make_pipeline(MelSpectrogram(duration=min(seconds, 30.0), n_mels=64, hop_length=1024))
