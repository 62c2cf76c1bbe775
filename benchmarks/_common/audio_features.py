"""Audio features compared in the tables, and their cache."""

import json

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
from _common.internals import atomic_write

PRETRAINED = ("MTT_musicnn", "MTT_vgg", "MSD_musicnn", "MSD_vgg")
N_SONGS = 200  # songs transformed at a time


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
    key = json.dumps([[repr(step) for _, step in transformer.steps], paths])
    file = keyed_file(cache / "features", key)
    if not file.exists():
        if name == "states":
            transformer[-1].set_params(model=find_model(), memory=str(cache / "heard"))
        names = [name for name in transformer.get_params() if name.endswith("__n_jobs")]
        transformer.set_params(**dict.fromkeys(names, n_jobs))
        transformer.fit(paths)
        starts = tqdm(range(0, len(paths), N_SONGS), desc=name)
        parts = [transformer.transform(paths[start : start + N_SONGS]) for start in starts]
        with atomic_write(file) as unfinished, open(unfinished, "wb") as opened:
            np.save(opened, np.concatenate(parts))
    return np.load(file)


def audio_transformers(audio, seconds):
    """Return a transformer of audio files for each part of `audio`."""
    return [part_transformer(part, seconds) for part in audio.split(" + ")]


def part_transformer(audio, seconds):
    """Return the transformer of one kind; other names give spectrograms for end-to-end training."""
    if audio in PRETRAINED:
        return make_pipeline(MelCNNAudio(audio, pooling="mean_std", n_segments=5))
    if audio == "form":
        return make_pipeline(AudioForm(excerpts="measured"))
    if audio == "dynamics":
        return make_pipeline(AudioDynamics())
    if audio == "states":  # of the 30 s that the encoder reads at a time
        return make_pipeline(Beginning(30.0), WhisperAudio())
    if audio == "summary":
        return make_pipeline(MelSpectrogram(duration=seconds), TemporalSummary())
    return make_pipeline(MelSpectrogram(duration=seconds, n_mels=64, hop_length=1024))
