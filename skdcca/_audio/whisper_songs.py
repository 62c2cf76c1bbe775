"""Define what the transformers of songs that use Whisper models share."""

import os

import numpy as np
from joblib import effective_n_jobs
from joblib import hash as joblib_hash
from joblib.parallel import get_active_backend
from sklearn.base import BaseEstimator, TransformerMixin

from skdcca._audio.silence import MIN_SECONDS, sound_range
from skdcca._audio.songs import as_pair, check_songs, each_song, load_song
from skdcca._audio.whisper_models import load_recognizer, model_digest, resolve_model
from skdcca._utils.mixins import RawInputMixin
from skdcca._utils.validation import check_integer

RATE = 16000  # Hz, of all Whisper models


class WhisperSongs(RawInputMixin, TransformerMixin, BaseEstimator):
    """Base class of transformers of songs that use a Whisper model.

    Subclasses have the parameters `model`, `sample_rate`, `memory`, `n_jobs` and `verbose`.
    """

    def _check_model(self):
        """Check the parameters of the base class, and return the folder of the model or itself."""
        check_integer("sample_rate", self.sample_rate)
        if isinstance(self.model, (str, os.PathLike)):
            return resolve_model(self.model)
        if not (hasattr(self.model, "transcribe") and hasattr(self.model, "encode")):
            raise ValueError(
                "`model` must be a name, a folder, or an object that has the methods `transcribe` and "
                f"`encode`, got {type(self.model).__name__}."
            )
        return self.model

    def _each(self, function, songs, desc, **settings):
        """Yield the result of a function for each song in order.

        The function is called as ``function(key, song=song, seconds=seconds, model=model, n_workers=
        n_workers, identity=identity, sample_rate=sample_rate, **settings)``. Only the last three kinds
        of settings and the key identify the result in the cache.
        """
        model = self._check_model()
        lengths = check_songs(songs, self.sample_rate)
        settings |= {
            "model": model,
            "n_workers": self._n_workers(),
            "identity": None if self.memory is None else identity(model),
            "sample_rate": self.sample_rate,
        }
        each = [settings | {"seconds": seconds} for seconds in lengths]
        ignore = ["model", "n_workers", "seconds"]
        results = each_song(function, songs, each, self, desc, least=MIN_SECONDS, ignore=ignore)
        return (result for _, result in results)

    def _n_workers(self):
        """Return the number of threads of this process that hear at the same time."""
        backend, n_jobs = get_active_backend(prefer="threads")
        if not getattr(backend, "uses_threads", False):
            return 1
        return max(1, effective_n_jobs(self.n_jobs or n_jobs or 1))


def identity(model):
    """Return a string that identifies a model in the cache."""
    if isinstance(model, str):
        return model_digest(model)
    return getattr(model, "cache_key", None) or joblib_hash(model)


def recognizer_of(model, n_workers):
    """Return the recognizer of a folder, or the recognizer itself."""
    return load_recognizer(model, n_workers) if isinstance(model, str) else model


def load_voice(song, seconds, sample_rate):
    """Return a song as recognizers take it, the seconds before its sound, and the seconds of sound.

    The waveform is mono, at 16 kHz, without the silence before and after the sound, and has a peak
    of 1, so that the gain of a recording changes nothing.
    """
    if not isinstance(song, (str, os.PathLike)):
        song = as_pair(song, sample_rate)  # load_song would assume the rate of the model
    waveform = load_song(song, 0.0, round(seconds * RATE), RATE)
    first, last = sound_range(waveform)
    waveform = waveform[first:last].astype(np.float32)
    if len(waveform):
        waveform /= np.abs(waveform).max()
    return waveform, first / RATE, (last - first) / RATE
