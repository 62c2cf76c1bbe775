"""Hear the words of songs."""

from os import PathLike
from typing import Any, Self

from skdcca._audio.invented import understood
from skdcca._audio.once import hear_once
from skdcca._audio.songs import check_songs
from skdcca._audio.transcripts import Transcript
from skdcca._audio.whisper_models import check_language
from skdcca._audio.whisper_songs import WhisperSongs, load_voice, recognizer_of
from skdcca._utils.mixins import NoTableMixin
from skdcca._utils.validation import check_number

# Increase it whenever what is heard changes, so that old caches are ignored.
_FORMAT = 2


class WhisperWords(NoTableMixin, WhisperSongs, auto_wrap_output_keys=None):
    """Words that are sung or spoken in songs, heard by a Whisper model.

    The output is a list of texts, which any transformer of texts takes. A `SharedSpace` compares them
    with lyrics without training, and a `CrossModalIndex` searches them in place of missing lyrics.
    Songs are passed in the forms that `MelSpectrogram` accepts, and are heard from beginning to end.

    Hearing needs the package faster-whisper (``pip install "skdcca[speech]"``) and a model. It takes
    much longer than all other transformers, so set `memory` to a folder: each song is then heard only
    once.

    Parameters
    ----------
    model : str, path-like or recognizer, default="base"
        The recognizer:

        - the name of a model, such as ``"tiny"``, ``"base"``, ``"small"``, ``"medium"`` or
          ``"large-v3"``. It is downloaded once, when it is first used. Names that end in ``".en"``
          are models of English only;
        - the folder of a Whisper model that was converted for CTranslate2;
        - an object that has the methods described in Notes.
    language : str, default=None
        Code of the language of all songs, such as ``"en"``. If None, the language of each song is found.
    min_log_probability : float, default=-1.4
        Least sum of the average log probability of the words and the log probability that there is
        speech. What is less likely is left out, because models invent words where nobody sings.
        Higher values leave out more. Texts that mostly repeat one phrase are left out as well, and in
        others a phrase is kept up to four times in a row. If None, everything is kept.
    sample_rate : int, default=16000
        Sample rate in Hz of waveforms that come without one.
    memory : str, path-like or joblib.Memory, default=None
        Folder or `joblib.Memory` that caches what is heard in each song, before anything is left out, so
        `min_log_probability` can be changed without hearing again. Songs and models are identified by
        their content. If None, nothing is cached.
    n_jobs : int, default=None
        Number of songs that are heard in parallel, each on one core, in threads unless
        `joblib.parallel_config` sets another backend. Threads share one model; each process loads its
        own. None means 1; -1 uses all processors.
    verbose : int, default=0
        0 is silent; 1 shows a progress bar.

    Raises
    ------
    ValueError
        If a parameter is out of range, or `X` is not a list of songs or is empty.
    SpeechModelError
        If there is no such model, its folder was moved, or it cannot be downloaded.
    InvalidSongsError
        If songs cannot be used (see `MelSpectrogram`), or a model of English only is used with another
        language. The error lists all songs that cannot be used.
    MissingDependencyError
        If faster-whisper is not installed.

    Warns
    -----
    SilentSongWarning
        If songs have less than one second of sound. The text of a silent song is empty.

    See Also
    --------
    WhisperAudio : Represent songs by the states of the encoder of a Whisper model.
    SharedSpace : Compare texts that are heard with lyrics, without training.
    Transcript : Words of a song with their times.

    Notes
    -----
    Whisper [1]_ hears 30 s at a time. A longer song is cut between phrases where the model hears such
    a place. No text is carried from one part to the next, so a mistake cannot spread through a song.
    The search is greedy and nothing is sampled, so results are reproducible. If `language` is None,
    each part is first heard in its most probable language; the language of the song is the one of the
    parts that are understood best, and the others are heard again. The silence around the music is
    left out, and the gain of a recording changes nothing.

    Nothing that is heard is kept in the transformer, and no fitting is required. A pickled or saved
    transformer has the name or folder of its model, not the model, which is loaded when it is first
    used, once per process. If it is elsewhere by then, call ``set_params(model=...)``.

    A recognizer of your own has two methods. Waveforms are float32 arrays of shape ``(n_samples,)`` at
    16 kHz with a peak of 1.

    - ``transcribe(waveform, language)`` returns the code of the language and a list of ``(start, end,
      text, log_probability, no_speech)``: times in seconds, the average log probability of the words and
      the probability that there are none.
    - ``encode(waveform)`` returns an array of shape ``(n_states, n_features)``; only `WhisperAudio` uses
      it.

    Set the attribute ``cache_key`` to a string that identifies it in the cache, or it must be picklable.
    `clone` copies it, unless it has the method ``__sklearn_clone__``. To save it with `skdcca.save`, its
    class must be trusted.

    References
    ----------
    .. [1] A. Radford et al., "Robust speech recognition via large-scale weak supervision",
       Proceedings of the 40th International Conference on Machine Learning, 2023.

    Examples
    --------
    With a model, hear the words of two files::

        words = WhisperWords("base", memory="cache")
        words.transcribe(["one.mp3", "two.flac"])

    A recognizer of your own is an object with two methods:

    >>> import numpy as np
    >>> from skdcca import WhisperWords
    >>> class Doorbell:
    ...     def transcribe(self, waveform, language):
    ...         return "en", [(0.0, len(waveform) / 16000, "ding dong", -0.2, 0.0)]
    ...
    ...     def encode(self, waveform):
    ...         return waveform.reshape(-1, 160)
    >>> song = np.sin(2 * np.pi * 440 * np.arange(32000) / 16000)
    >>> words = WhisperWords(Doorbell())
    >>> words.fit_transform([song])
    ['ding dong']
    >>> words.transcribe([song])[0].language
    'en'
    """

    def __init__(
        self,
        model: str | PathLike[str] | Any = "base",
        *,
        language: str | None = None,
        min_log_probability: float | None = -1.4,
        sample_rate: int = 16000,
        memory: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.language = language
        self.min_log_probability = min_log_probability
        self.sample_rate = sample_rate
        self.memory = memory
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and the songs, and find or download the model.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs, in the forms that `MelSpectrogram` accepts.
        y : object
            Ignored.

        Returns
        -------
        self : object
            The transformer.
        """
        self._check_parameters()
        self._check_model()
        check_songs(X, self.sample_rate)
        return self

    def transform(self, X: Any) -> list[str]:
        """Hear the words of songs.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs, in the forms that `MelSpectrogram` accepts.

        Returns
        -------
        texts : list of str
            One text per song; empty where no words are understood.
        """
        return [transcript.text for transcript in self.transcribe(X)]

    def transcribe(self, X: Any) -> list[Transcript]:
        """Hear the words of songs, with their language and times.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs, in the forms that `MelSpectrogram` accepts.

        Returns
        -------
        transcripts : list of Transcript
            One per song.
        """
        self._check_parameters()
        settings = self.model, self.language, self.sample_rate
        heard = hear_once(X, settings, lambda: self._heard(X))
        return [
            Transcript.of(language, understood(segments, self.min_log_probability))
            for language, segments in heard
        ]

    def _heard(self, songs):
        return list(self._each(_hear, songs, "words", language=self.language, version=_FORMAT))

    def _check_parameters(self):
        check_language(self.language)
        check_number("min_log_probability", self.min_log_probability, le=0, or_none=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


# joblib ignores its cache if the text of this function changes, even if only its docstring does.
def _hear(key, *, song, seconds, model, n_workers, identity, sample_rate, language, version):
    """Return the language and the segments that a recognizer hears, and the seconds of sound.

    `key`, `identity` and `version` only identify the result in the cache.
    """
    waveform, offset, sound = load_voice(song, seconds, sample_rate)
    if not sound:
        return (None, []), sound
    found, segments = recognizer_of(model, n_workers).transcribe(waveform, language)
    return (found, [(start + offset, end + offset, *rest) for start, end, *rest in segments]), sound
