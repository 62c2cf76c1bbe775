"""The recognizer: cuts, times and languages, with a network without weights; and what is invented."""

import numpy as np
import pytest
from _whisper import FIRST_TIMESTAMP, RATE, Letters, Network, tokens, tone
from numpy.testing import assert_allclose

from skdcca._audio.invented import shorten_loops, understood

faster_whisper = pytest.importorskip(
    "faster_whisper", reason='needs the extra: pip install "skdcca[speech]"'
)
from skdcca._audio.recognizer import (  # noqa: E402
    Recognizer,
    chunk_end,
    phrase_start,
    split_phrases,
    token_starts,
)

SURE = 0.0
ENGLISH = {"en": 0.8, "de": 0.2}


def long_song(seconds):
    return tone(300, seconds).astype(np.float32)


def phrases(*parts, whole=True):
    found, cut = split_phrases(tokens(*parts), FIRST_TIMESTAMP, 30.0, whole=whole)
    return [(start, end, "".join(map(chr, text))) for start, end, text in found], cut


def test_phrases_are_split_at_timestamps():
    assert phrases() == ([], 30.0)
    assert phrases(0.0, "a b", 2.0, 2.0, "c", 5.5) == ([(0.0, 2.0, "a b"), (2.0, 5.5, "c")], 30.0)
    assert phrases(1.0, "a", 2.0, "b", 3.0)[0] == [(1.0, 2.0, "a"), (2.0, 3.0, "b")]
    assert phrases("a") == ([(0.0, 30.0, "a")], 30.0)
    assert phrases(0.0, "a", 40.0)[0] == [(0.0, 30.0, "a")]  # not after the end of the chunk


def test_an_unfinished_phrase_is_left_to_the_next_chunk():
    parts = (0.0, "a", 20.0, 20.0, "b")
    assert phrases(*parts, whole=False) == ([(0.0, 20.0, "a")], 20.0)
    assert phrases(*parts) == ([(0.0, 20.0, "a"), (20.0, 30.0, "b")], 30.0)
    # Where the model stopped early, the next chunk begins; but the song must advance.
    assert phrases(0.0, "a", 20.0, whole=False)[1] == 20.0
    assert phrases(0.0, "a", 5.0, 5.0, "b", whole=False) == (
        [(0.0, 5.0, "a"), (5.0, 30.0, "b")],
        30.0,
    )


def test_the_rest_of_a_song_is_never_short():
    assert chunk_end(0, 30 * RATE) == 30 * RATE
    assert chunk_end(0, 31 * RATE) == 26 * RATE
    assert chunk_end(10 * RATE, 100 * RATE) == 40 * RATE


def test_a_long_song_is_heard_chunk_by_chunk():
    answers = [
        (tokens(0.0, "one", 22.0, 22.0, "tw"), -0.5),
        (tokens(0.0, "two", 4.0), -0.25),
        (tokens(1.0, "three", 3.0), SURE),
    ]
    network = Network(answers, [ENGLISH] * 3)
    language, segments = Recognizer(network, Letters()).transcribe(long_song(70.0))
    assert language == "en"
    assert [one[:3] for one in segments] == [
        (0.0, 22.0, "one"),
        (22.0, 26.0, "two"),
        (53.0, 55.0, "three"),  # the second chunk ends at 52 s
    ]
    # The log probability counts the token that ends the text: there are 8 others in the first chunk.
    assert_allclose([one[3] for one in segments], [-0.5 * 8 / 9, -0.25 * 5 / 6, 0.0])
    assert {one[4] for one in segments} == {0.25}
    assert [frames.shape for frames in network.inputs] == [(80, 3000)] * 3
    transcribe = Letters().token_to_id("<|transcribe|>")
    assert network.prompts == [[901, 902, transcribe]] * 3


def test_a_phrase_after_an_intro_begins_with_its_words():
    """The first token has all of the intro, so the second one tells; here tokens take 0.5 s."""
    starts = [0.0, 11.0, 11.5, 12.0, 13.0, 13.5, 14.0, 14.5]
    network = Network([(tokens(0.0, "home", 13.0, 13.0, "away", 15.0), SURE)], starts=starts)
    _, segments = Recognizer(network, Letters()).transcribe(long_song(20.0), "en")
    assert [one[:3] for one in segments] == [(10.0, 13.0, "home"), (13.0, 15.0, "away")]


def test_the_start_of_a_short_phrase():
    assert phrase_start([3.0]) == 0.0  # one token says nothing
    assert phrase_start([0.0, 5.0]) == 5.0
    assert phrase_start([0.0, 5.0, 10.0]) == pytest.approx(5.0 - 2 * 0.7)  # not earlier
    pairs = [(0, 0), (0, 1), (1, 50), (2, 60), (2, 61)]
    assert token_starts(pairs, 3).tolist() == [0.0, 1.0, 1.2]


def test_the_input_equals_that_of_faster_whisper():
    song = tone(300, 4.0).astype(np.float32)
    network = Network([(tokens(0.0, "one", 2.0), SURE)])
    Recognizer(network, Letters()).transcribe(song, "en")
    padded = np.pad(song, (0, 26 * RATE))
    theirs = faster_whisper.feature_extractor.FeatureExtractor()(padded)[:, :3000]
    assert_allclose(network.inputs[0], theirs, atol=1e-6)


def test_the_language_is_that_of_the_parts_that_are_understood():
    answers = [
        (tokens(0.0, "humhum", 26.0), -2.5),
        (tokens(0.0, "words", 29.0), -0.2),
        (tokens(0.0, "home", 20.0), -0.4),
    ]
    odds = [{"nn": 0.9, "en": 0.1}, {"nn": 0.4, "en": 0.6}]
    network = Network(answers, odds)
    language, segments = Recognizer(network, Letters()).transcribe(long_song(55.0))
    assert language == "en"
    assert [one[2] for one in segments] == ["home", "words"]  # the first chunk is heard again
    assert [prompt[1] for prompt in network.prompts] == [904, 902, 902]


def test_a_given_language_is_not_searched():
    network = Network([(tokens(0.0, "wort", 2.0), SURE)])
    language, segments = Recognizer(network, Letters()).transcribe(long_song(5.0), "de")
    assert (language, segments[0][2]) == ("de", "wort")
    assert network.prompts[0][1] == 903


def test_a_model_of_english_only():
    network = Network([(tokens(0.0, "word", 2.0), SURE)], is_multilingual=False)
    recognizer = Recognizer(network, Letters())
    assert recognizer.transcribe(long_song(5.0))[0] == "en"
    assert network.prompts == [[901]]
    with pytest.raises(ValueError, match="English only cannot hear it in the language 'de'"):
        recognizer.transcribe(long_song(5.0), "de")


def test_silent_chunks_are_not_heard():
    song = np.concatenate([long_song(30.0), np.zeros(30 * RATE), long_song(30.0)])
    answers = [(tokens(0.0, "a", 30.0), SURE), (tokens(0.0, "b", 9.0), SURE)]
    _, segments = Recognizer(Network(answers), Letters()).transcribe(song.astype("f"), "en")
    assert [one[:3] for one in segments] == [(0.0, 30.0, "a"), (60.0, 69.0, "b")]


def test_nothing_heard():
    network = Network([([], -1.0)], [ENGLISH])
    assert Recognizer(network, Letters()).transcribe(long_song(5.0)) == ("en", [])


def test_encode_gives_a_state_for_every_two_frames():
    states = Recognizer(_Halves(), Letters()).encode(long_song(35.0))
    assert states.shape == (1750, 4)
    assert_allclose(states[:1500, 0], np.arange(1500))
    assert_allclose(states[1500:, 0], np.arange(250))


class _Halves(Network):
    def __init__(self):
        super().__init__([])

    def encode(self, features, to_cpu):
        n_states = np.array(features).shape[2] // 2
        return np.arange(n_states, dtype=np.float32)[None, :, None].repeat(4, axis=2)


def segment(text, log_probability=-0.3, start=0.0, no_speech=0.0):
    return start, start + 1.0, text, log_probability, no_speech


def texts(segments, least):
    return [text for _, _, text in understood(segments, least)]


def test_unlikely_words_are_left_out():
    raw = [segment("heard", -0.6), segment("invented", -2.0), segment("edge", -1.0)]
    assert texts(raw, -1.0) == ["heard", "edge"]
    assert understood(raw, -3.0) == understood(raw, None) == [one[:3] for one in raw]
    assert understood([], -1.0) == []


def test_words_without_speech_are_left_out():
    # log(1 - 0.5) is -0.69
    raw = [segment("thanks", -0.5, no_speech=0.5), segment("sung", -0.3, no_speech=0.5)]
    assert texts(raw, -1.0) == ["sung"]
    assert texts([segment("thanks", no_speech=1.0)], -1.0) == []
    assert texts([segment("thanks", no_speech=1.0)], None) == ["thanks"]


def test_loops_are_left_out():
    loop = ", ".join(["Oh"] * 100)
    assert texts([segment(loop)], -1.0) == []
    assert texts([segment(loop)], None) == [loop]
    assert texts([segment("Oh, oh, oh, oh, oh.")], -1.0) == []
    assert texts([segment("と" * 50)], -1.0) == []
    nearly = "gelagel".join("aeiouaeiou" * 5)
    assert texts([segment(nearly)], -1.0) == []
    after = (
        "so far away from home, so far away that I don't know where my home is, oh oh oh oh oh oh"
    )
    assert texts([segment(after)], -1.0)[0] == after[: -len(" oh oh")]
    again = [segment("on the run", start=float(i)) for i in range(9)]
    assert [start for start, _, _ in understood(again, -1.0)] == [0.0, 1.0, 2.0, 3.0]


HINDI = "मैं तुम्हारे बिना जी नहीं सकता हूँ और तुम मेरे दिल की धड़कन हो"


@pytest.mark.parametrize(
    "text",
    [
        "Row, row, row your boat",
        "la la la la",
        "",
        "On the run. On the run, on the run",
        f"{HINDI} {HINDI}",
    ],
)
def test_refrains_are_kept(text):
    assert shorten_loops(text) == text
    assert texts([segment(text)], -1.0) == [text]
