"""Speech recognizers for tests: one that says what a song is made of, and a network without weights."""

from types import SimpleNamespace

import numpy as np

RATE = 16000
HEARD = []  # lengths in seconds and languages of the waveforms that `Pitches` has heard
TEXTS = {200: "low", 400: "middle", 800: "high"}
FIRST_TIMESTAMP = 1000


def tone(frequency, seconds=2.0, rate=RATE, silence=0.0):
    """Return a tone, with silence before it."""
    wave = 0.3 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    return np.concatenate([np.zeros(round(silence * rate)), wave])


class Pitches:
    """Recognizer that says "low", "middle" or "high", by the loudest frequency.

    Every song has a second word, "invented", with the log probability `least`.
    """

    cache_key = "pitches"

    def __init__(self, least=-3.0):
        self.least = least

    def transcribe(self, waveform, language):
        assert waveform.dtype == np.float32
        assert np.abs(waveform).max() == 1
        seconds = len(waveform) / RATE
        HEARD.append((seconds, language))
        amplitudes = np.abs(np.fft.rfft(waveform[:RATE]))
        text = TEXTS[min(TEXTS, key=lambda pitch: abs(pitch - amplitudes.argmax()))]
        words = [(0.0, 1.0, text, -0.3, 0.01), (1.0, seconds, "invented", self.least, 0.3)]
        return language or "en", words

    def encode(self, waveform):
        n_states = max(1, len(waveform) // 320)
        cells = np.resize(waveform, (n_states, 320))
        return np.stack([cells.mean(axis=1), np.abs(cells).max(axis=1)], axis=1)


class Interrupted(Pitches):
    """Recognizer that the user stops at the second song."""

    def transcribe(self, waveform, language):
        if len(HEARD) == 1:
            raise KeyboardInterrupt
        return super().transcribe(waveform, language)


class Letters:
    """Tokenizer of letters, with the special tokens of a Whisper model."""

    special = ("endoftext", "startoftranscript", "en", "de", "nn", "transcribe", "translate")

    def token_to_id(self, token):
        if token == "<|notimestamps|>":
            return FIRST_TIMESTAMP - 1
        return 900 + self.special.index(token[2:-2])

    def decode(self, ids):
        return "".join(map(chr, ids))


def tokens(*parts):
    """Return tokens of texts and of times in seconds."""
    found = []
    for part in parts:
        text = isinstance(part, str)
        found += map(ord, part) if text else [FIRST_TIMESTAMP + round(part / 0.02)]
    return found


class Network:
    """Network that gives prepared answers: pairs of tokens and of their mean log probability."""

    n_mels = 80

    def __init__(self, answers, odds=(), *, is_multilingual=True, starts=()):
        self.answers = iter(answers)
        self.starts = starts  # of the tokens, in seconds
        self.odds = iter(odds)
        self.is_multilingual = is_multilingual
        self.prompts, self.inputs = [], []

    def encode(self, features, to_cpu):
        self.inputs.append(np.array(features)[0])
        return features

    def detect_language(self, states):
        return [[(f"<|{language}|>", odds) for language, odds in next(self.odds).items()]]

    def generate(self, states, prompts, **options):
        self.prompts += prompts
        ids, score = next(self.answers)
        return [SimpleNamespace(sequences_ids=[ids], scores=[score], no_speech_prob=0.25)]

    def align(self, states, prompt, texts, frames):
        starts = self.starts or [0.0] * len(texts[0])
        pairs = [(number, round(start / 0.02)) for number, start in enumerate(starts)]
        pairs += [(number, state + 1) for number, state in pairs]  # a token has several states
        return [SimpleNamespace(alignments=sorted(pairs))]
