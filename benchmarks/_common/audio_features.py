"""Audio features compared in the tables, and their cache."""

import json

import numpy as np
from sklearn.pipeline import make_pipeline
from tqdm import tqdm

from skdcca import AudioDynamics, AudioForm, MelCNNAudio, MelSpectrogram, TemporalSummary

from _common.cache import keyed_file
from _common.internals import atomic_write

PRETRAINED = ("MTT_musicnn", "MTT_vgg", "MSD_musicnn", "MSD_vgg")
N_SONGS = 200  # songs transformed at a time


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
        transformer[0].set_params(n_jobs=n_jobs)
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
        return make_pipeline(AudioForm())
    if audio == "dynamics":
        return make_pipeline(AudioDynamics())
    if audio == "summary":
        return make_pipeline(MelSpectrogram(duration=seconds), TemporalSummary())
    return make_pipeline(MelSpectrogram(duration=seconds, n_mels=64, hop_length=1024))
