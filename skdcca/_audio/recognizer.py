"""Hear the words of a waveform with a Whisper model."""

import math
import os
from typing import NamedTuple

import numpy as np

from skdcca._audio.silence import DEPTH
from skdcca._utils.optional import needed_by
from skdcca.exceptions import SpeechModelError

with needed_by("WhisperWords and WhisperAudio", "speech"):
    import ctranslate2
    import tokenizers
    from faster_whisper.feature_extractor import FeatureExtractor
    from faster_whisper.tokenizer import Tokenizer

RATE = 16000  # Hz
_HOP = 160  # samples between frames of the input; the encoder gives one state for two of them
_STATE = 2 * _HOP
_CHUNK = 30 * RATE  # longest input of the model
_LEAST_ADVANCE = 15.0  # seconds; chunks that overlap more would take too long
_LEAST_REST = 5 * RATE  # shorter inputs make the model invent words
# Length in tokens of a phrase that is not repeated within a chunk. Where nobody sings, the model would
# repeat "oh, oh" until its longest output is reached, which takes three times as long.
_NO_REPEAT = 10
_STEP = 0.02  # seconds between two timestamps
# Seconds per token. A slower phrase probably begins later than the model says.
_SLOW = 0.8
_LONGEST_TOKEN = 0.7  # seconds


class Chunk(NamedTuple):
    """Words heard in a part of a waveform.

    Times are in samples of the waveform. `odds` maps languages to their probabilities, and `end` is
    where the next part begins.
    """

    start: int
    end: int
    language: str
    odds: dict
    segments: list
    log_probability: float
    no_speech: float


def open_recognizer(folder, n_workers):
    """Return the recognizer of a folder, for `n_workers` threads that use one core each."""
    try:
        network = ctranslate2.models.Whisper(
            folder, device="cpu", compute_type="int8", inter_threads=n_workers, intra_threads=1
        )
        tokenizer = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    except Exception as error:  # both raise errors of their own
        raise SpeechModelError(
            f"The Whisper model in {folder!r} cannot be loaded: {error}"
        ) from error
    return Recognizer(network, tokenizer)


class Recognizer:
    """Recognizer of words in waveforms at 16 kHz.

    Parameters
    ----------
    network : ctranslate2.models.Whisper
        The network.
    tokenizer : tokenizers.Tokenizer
        Its tokenizer.
    """

    def __init__(self, network, tokenizer):
        self.network = network
        self.tokenizer = tokenizer
        self.log_mel = FeatureExtractor(feature_size=network.n_mels)

    # ---- words --------------------------------------------------------------------------------

    def transcribe(self, waveform, language=None):
        """Hear the words of a waveform.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,), float32
            Mono waveform at 16 kHz.
        language : str, default=None
            Code of the language. If None, it is found.

        Returns
        -------
        language : str
            Code of the language.
        segments : list of (start, end, text, log_probability, no_speech)
            Phrases in order, with their times in seconds, the average log probability of the tokens
            of the chunk of 30 s that has them, and the probability that it has no speech.
        """
        if not self.network.is_multilingual and language not in (None, "en"):
            raise ValueError(
                f"a model of English only cannot hear it in the language {language!r}; use another "
                'model, or language="en"'
            )
        chunks = list(self._chunks(waveform, language))
        found = language or common_language(chunks)
        segments = []
        for chunk in chunks:
            if chunk.language != found and chunk.segments:
                chunk = self._hear(waveform, chunk.start, chunk.end, found, whole=True)
            segments += [(*one, chunk.log_probability, chunk.no_speech) for one in chunk.segments]
        return found, segments

    def _chunks(self, waveform, language):
        """Yield the chunks of a waveform, cut between phrases where the model hears such a place."""
        silence = np.abs(waveform).max(initial=0.0) * 10 ** (-DEPTH / 20)
        start = 0
        while start < len(waveform):
            end = chunk_end(start, len(waveform))
            if np.abs(waveform[start:end]).max() > silence:
                chunk = self._hear(waveform, start, end, language, whole=end == len(waveform))
                end = chunk.end
                yield chunk
            start = end

    def _hear(self, waveform, start, end, language, *, whole):
        """Return the chunk that begins at `start`, and ends at `end` or, if not `whole`, before."""
        states = self._encode(waveform[start:end])
        odds = {} if language else self._languages(states)
        language = language or max(odds, key=odds.get)
        tokenizer = Tokenizer(
            self.tokenizer, self.network.is_multilingual, task="transcribe", language=language
        )
        # Greedy search: five beams cost half as much again and find no more songs.
        result = self.network.generate(
            states,
            [tokenizer.sot_sequence],
            beam_size=1,
            no_repeat_ngram_size=_NO_REPEAT,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = result.sequences_ids[0]
        seconds = (end - start) / RATE
        phrases, cut = split_phrases(tokens, tokenizer.timestamp_begin, seconds, whole=whole)
        if any(last - first > _SLOW * len(text) for first, last, text in phrases):
            phrases = self._begin_later(states, tokenizer.sot_sequence, phrases, seconds)
        segments = []
        for first, last, text in phrases:
            text = tokenizer.decode(text).strip()
            if text:
                segments.append((start / RATE + first, start / RATE + last, text))
        # The score is the mean over the tokens without the one that ends the text.
        log_probability = result.scores[0] * len(tokens) / (len(tokens) + 1)
        return Chunk(
            start,
            start + round(cut * RATE),
            language,
            odds,
            segments,
            log_probability,
            result.no_speech_prob,
        )

    def _begin_later(self, states, prompt, phrases, seconds):
        """Return the phrases, whose starts are moved to the first words.

        After an intro, the model often dates the first phrase to the beginning of the intro. The
        attention of the decoder knows where each token is, except the first one of a phrase, which gets
        all the time before it. So a phrase begins shortly before its second token.
        """
        tokens = [token for _, _, text in phrases for token in text]
        frames = math.ceil(seconds * RATE / _HOP)
        aligned = self.network.align(states, prompt, [tokens], frames)[0].alignments
        starts = token_starts(aligned, len(tokens))
        moved, n_before = [], 0
        for first, last, text in phrases:
            own = starts[n_before : n_before + len(text)]
            n_before += len(text)
            moved.append((min(max(first, phrase_start(own)), last), last, text))
        return moved

    def _languages(self, states):
        """Return the probability of each language."""
        if not self.network.is_multilingual:
            return {"en": 1.0}
        return {token[2:-2]: odds for token, odds in self.network.detect_language(states)[0]}

    # ---- states -------------------------------------------------------------------------------

    def encode(self, waveform):
        """Return the states of the encoder.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,), float32
            Mono waveform at 16 kHz.

        Returns
        -------
        states : ndarray of shape (n_states, n_features), float32
            One state for every 0.02 s.
        """
        starts = range(0, len(waveform), _CHUNK)
        return np.concatenate([self._states(waveform[i : i + _CHUNK]) for i in starts])

    def _states(self, waveform):
        states = np.array(self._encode(waveform))[0]
        return states[: max(1, math.ceil(len(waveform) / _STATE))]

    def _encode(self, waveform):
        """Return the states of a chunk as the network gives them, with those of silence at its end.

        The silence fills 30 s, as in training. Shorter inputs are encoded faster, but then fewer words
        are heard.
        """
        frames = self.log_mel(np.pad(waveform, (0, _CHUNK - len(waveform))), padding=0)
        frames = np.ascontiguousarray(frames[:, : _CHUNK // _HOP], dtype=np.float32)
        return self.network.encode(ctranslate2.StorageView.from_array(frames[None]), to_cpu=True)


def token_starts(alignments, n_tokens):
    """Return the start of each token in seconds, from pairs of a token and a state in order."""
    tokens, states = np.array(alignments).T
    return states[np.searchsorted(tokens, np.arange(n_tokens))] * (_STATE / RATE)


def phrase_start(starts):
    """Return where a phrase begins, from the starts of its tokens in seconds; 0 if it is unknown."""
    if len(starts) < 2:
        return 0.0
    usual = min(np.median(np.diff(starts[1:])), _LONGEST_TOKEN) if len(starts) > 2 else 0.0
    return float(starts[1] - 2 * usual)


def chunk_end(start, n_samples):
    """Return the end of the chunk at `start`; the rest after it is not shorter than 5 s."""
    rest = n_samples - start
    return start + (rest if rest <= _CHUNK else min(_CHUNK, rest - _LEAST_REST))


def common_language(chunks):
    """Return the language of the chunks that are understood, or None without any chunk."""
    # Where nobody sings, the language is a guess, and the words are unlikely.
    weights = [math.exp(chunk.log_probability) if chunk.segments else 1e-9 for chunk in chunks]
    totals = {}
    for chunk, weight in zip(chunks, weights, strict=True):
        for language, odds in chunk.odds.items():
            totals[language] = totals.get(language, 0.0) + weight * odds
    return max(totals, key=totals.get, default=None)


def split_phrases(tokens, first_timestamp, seconds, *, whole=True):
    """Split tokens at their timestamps.

    Parameters
    ----------
    tokens : list of int
        Tokens of text and timestamps.
    first_timestamp : int
        Token of the timestamp 0; greater tokens are later timestamps, 0.02 s apart.
    seconds : float
        Length of the chunk.
    whole : bool, default=True
        If True, all of the chunk is heard. Otherwise, the next chunk begins where the last whole phrase
        ends, if this is late enough. Then a phrase that the end of the chunk would cut is heard as a
        whole, and so are words after a phrase at which the model stopped too early.

    Returns
    -------
    phrases : list of (start, end, tokens)
        Times in seconds, and the tokens of text.
    cut : float
        End of the chunk in seconds.
    """
    phrases, text, start, end = [], [], 0.0, 0.0
    for token in tokens:
        if token < first_timestamp:
            text.append(token)
            continue
        time = min((token - first_timestamp) * _STEP, seconds)
        if text:
            end = max(start, time)
            phrases.append((start, end, text))
            text = []
        start = max(time, end)
    if not whole and end >= _LEAST_ADVANCE:
        return phrases, end
    if text:
        phrases.append((start, seconds, text))
    return phrases, seconds
