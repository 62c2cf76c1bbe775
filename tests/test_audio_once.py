"""Queries that are heard only once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skdcca import CrossModalIndex, SharedSpace, WhisperWords
from skdcca._audio import heard_once
from skdcca.exceptions import NoSoundError
from skdcca.retrieval import ask


class Recognizer:
    """Hear a word that depends on the pitch of a song, and count the songs."""

    cache_key = "counting"

    def __init__(self):
        self.n_heard = 0

    def __sklearn_clone__(self):
        return self

    def transcribe(self, waveform, language):
        self.n_heard += 1
        n_crossings = int((np.diff(np.signbit(waveform)) != 0).sum())
        words = f"{'la' if n_crossings % 2 else 'lo'} {'do' * (n_crossings % 7 + 1)} song"
        return "en", [(0.0, 1.0, words, -0.1, 0.0)]

    def encode(self, waveform):
        return waveform.reshape(-1, 160)


SONGS = [np.sin(np.arange(32000) * pitch) for pitch in np.linspace(0.03, 0.04, 24)]


def test_the_same_songs_are_heard_once_within_the_context():
    recognizer = Recognizer()
    words = WhisperWords(recognizer)
    with heard_once():
        first = words.transcribe(SONGS[:2])
        assert words.transcribe([SONGS[0], SONGS[1]]) == first
        assert words.transform(SONGS[:2]) == [transcript.text for transcript in first]
        assert recognizer.n_heard == 2
        words.set_params(language="de").transcribe(SONGS[:2])
        words.transcribe(SONGS[2:3])
        assert recognizer.n_heard == 5
        with ThreadPoolExecutor(1) as pool:
            pool.submit(words.transcribe, SONGS[2:3]).result()
        assert recognizer.n_heard == 6
        words.transcribe(SONGS[:1])
        assert recognizer.n_heard == 7
    words.transcribe(SONGS[:1])
    assert recognizer.n_heard == 8


def test_a_query_is_heard_once():
    recognizer = Recognizer()
    texts = WhisperWords(recognizer).transform(SONGS)
    model = make_pipeline(WhisperWords(recognizer), SharedSpace(64)).fit(SONGS, texts)
    index = CrossModalIndex(model).fit(SONGS, texts)
    before = recognizer.n_heard
    answer = ask(index, "x", SONGS[3], 3)
    assert recognizer.n_heard == before + 1
    assert answer.heard == texts[3]
    assert answer.words[0].line == texts[3]
    assert answer.scores[0] > 0.99
    with pytest.raises(NoSoundError):
        ask(index, "x", np.zeros(32000), 3)
