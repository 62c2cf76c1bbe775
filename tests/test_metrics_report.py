"""The report of queries against passages and clips that are cut by hand."""

import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdcca import LinearCCA
from skdcca._audio import is_recording, middle_of_sound
from skdcca._lyrics import count_words, middle_line, middle_verse, middle_words, passage
from skdcca.exceptions import SkippedSongsWarning
from skdcca.metrics import chance, pair_scores, query_report, ranks, reciprocal_rank

N_SONGS, RATE = 30, 2000
WORDS = [f"{first}{second}" for first in "bcdfgklm" for second in ("a", "e", "i", "o")]
TEXT_KINDS = ["whole lyrics", "verse", "line", "ten words"]
CLIP_KINDS = ["clip of 5 s", "clip of 10 s", "clip at -20 dB", "clip after 2 s of silence"]


class Bands(TransformerMixin, BaseEstimator):
    """Level of the sound in bands of frequency in dB, and its length; records the clips."""

    seen = []

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        type(self).seen.append(X)
        return np.array([self._bands(*self._read(song)) for song in X])

    def _read(self, song):
        if isinstance(song, str):
            return soundfile.read(song)
        return song

    def _bands(self, waveform, rate):
        power = np.abs(np.fft.rfft(waveform, 4000)) ** 2 + 1e-9
        return [*(10 * np.log10(power[:2000].reshape(10, -1).mean(axis=1))), len(waveform) / rate]


def lyrics(rng, n_verses=4):
    favorites = rng.choice(WORDS, 6)
    line = lambda: " ".join(rng.choice([*favorites, rng.choice(WORDS)], 6))  # noqa: E731
    return "\n\n".join("\n".join(line() for _ in range(4)) for _ in range(n_verses))


def dense(rows):
    return rows.toarray()


def song(rng, seconds=12.0):
    """Return a sound of two tones between two silences."""
    times = np.arange(round(seconds * RATE)) / RATE
    tones = [np.sin(2 * np.pi * pitch * times) for pitch in rng.uniform(50, 900, 2)]
    sound = sum(tones) * 0.2 + 0.01 * rng.normal(size=times.size)
    return np.concatenate([np.zeros(RATE), sound, np.zeros(3 * RATE)]).astype(np.float32)


@pytest.fixture(scope="module")
def songs():
    rng = np.random.default_rng(0)
    return [(song(rng), RATE) for _ in range(N_SONGS)], [lyrics(rng) for _ in range(N_SONGS)]


@pytest.fixture(scope="module")
def model(songs):
    words = make_pipeline(CountVectorizer(), FunctionTransformer(dense))
    return make_pipeline(Bands(), LinearCCA(4, reg=1.0, y_transformer=words)).fit(*songs)


@pytest.fixture(scope="module")
def report(model, songs):
    Bands.seen = []
    rows = query_report(model, *songs)
    return {row["query"]: row for row in rows}, [len(batch) for batch in Bands.seen]


def expected_row(scores):
    """Return the figures of scores whose right answers are on the diagonal."""
    return {
        "n_queries": len(scores),
        "mrr": reciprocal_rank(ranks(scores)),
        "recall@10": np.mean(ranks(scores) <= 10),
        "n_answers": len(set(scores.argmax(axis=1).tolist())),
        "chance": chance(scores.shape[1])["mrr"],
    }


def is_row(row, expected):
    return all(row[name] == pytest.approx(value) for name, value in expected.items())


def test_rows_of_texts_are_those_of_texts_cut_by_hand(model, songs, report):
    audio, texts = songs
    verses = [text.split("\n\n")[2] for text in texts]
    lines = [text.replace("\n\n", "\n").split("\n")[7] for text in texts]
    words = [" ".join(text.split()[43:53]) for text in texts]
    for name, queries in zip(TEXT_KINDS, (texts, verses, lines, words), strict=True):
        assert is_row(report[0][name], expected_row(pair_scores(model, audio, queries).T)), name
    assert report[0]["line"]["mrr"] < report[0]["whole lyrics"]["mrr"]


def test_rows_of_clips_are_those_of_sounds_cut_by_hand(model, songs, report):
    audio, texts = songs
    middle = [waveform[7 * RATE - 5 * RATE : 7 * RATE + 5 * RATE] for waveform, _ in audio]
    clips = {
        "whole song": audio,
        "clip of 5 s": [(clip[5 * RATE // 2 : -5 * RATE // 2], RATE) for clip in middle],
        "clip of 10 s": [(clip, RATE) for clip in middle],
        "clip at -20 dB": [(clip / 10, RATE) for clip in middle],
        "clip after 2 s of silence": [
            (np.concatenate([np.zeros(2 * RATE), clip]), RATE) for clip in middle
        ],
    }
    for name, queries in clips.items():
        expected = expected_row(pair_scores(model, queries, texts))
        assert report[0][name]["mrr"] == pytest.approx(expected["mrr"], rel=0.1), name
        assert report[0][name]["n_queries"] == N_SONGS
        assert report[0][name]["view"] == "x"
    assert report[0]["clip at -20 dB"]["mrr"] < report[0]["clip of 10 s"]["mrr"]


def test_the_gallery_is_embedded_once(report):
    songs, *clips = report[1]
    assert songs == N_SONGS
    assert sum(clips) == 4 * N_SONGS


def test_order_and_columns(report):
    assert list(report[0]) == [*TEXT_KINDS, "whole song", *CLIP_KINDS]
    table = pd.DataFrame(report[0].values())
    assert table.columns.tolist() == [
        "query",
        "view",
        "n_queries",
        "n_gallery",
        "mrr",
        "recall@10",
        "n_answers",
        "chance",
    ]
    assert set(table["n_gallery"]) == {N_SONGS}


def test_files_are_as_good_as_waveforms(model, songs, report, tmp_path):
    paths = [str(tmp_path / f"{i}.wav") for i in range(N_SONGS)]
    for path, (waveform, rate) in zip(paths, songs[0], strict=True):
        soundfile.write(path, waveform, rate, subtype="FLOAT")
    found = query_report(model, paths, songs[1])
    assert {row["query"]: row for row in found} == report[0]


def test_few_queries_are_spread_over_all_songs(model, songs):
    Bands.seen = []
    rows = query_report(model, *songs, n_queries=4)
    assert {row["n_queries"] for row in rows} == {4}
    assert {row["n_gallery"] for row in rows} == {N_SONGS}
    scores = pair_scores(model, *songs).T[[0, 10, 19, 29]]
    labels = {"query_labels": [0, 10, 19, 29], "gallery_labels": np.arange(N_SONGS)}
    assert rows[0]["mrr"] == pytest.approx(reciprocal_rank(ranks(scores, **labels)))


def test_arrays_have_a_row_for_each_view():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 4))
    y = X + 0.5 * rng.normal(size=(50, 4))
    model = LinearCCA(2).fit(X, y)
    rows = query_report(model, X, pd.DataFrame(y, columns=list("abcd")))
    assert [row["query"] for row in rows] == ["y", "X"]
    for row, scores in zip(
        rows, (pair_scores(model, X, y).T, pair_scores(model, X, y)), strict=True
    ):
        assert is_row(row, expected_row(scores))


def test_texts_and_songs_that_are_too_short_are_not_used(model, songs):
    audio, texts = list(songs[0]), list(songs[1])
    texts[3] = texts[3].split("\n")[0]
    audio[5] = (audio[5][0][RATE : 7 * RATE], RATE)  # six seconds
    rows = {row["query"]: row["n_queries"] for row in query_report(model, audio, texts)}
    assert rows["verse"] == rows["line"] == rows["ten words"] == N_SONGS - 1
    assert rows["clip of 10 s"] == N_SONGS - 1
    assert rows["clip of 5 s"] == rows["clip at -20 dB"] == rows["whole lyrics"] == N_SONGS


def test_rests_are_no_clips(model, songs):
    audio, texts = songs
    first, rate = audio[0]
    with_rest = np.concatenate([first[: 8 * rate], np.zeros(7 * rate), first[8 * rate :]])
    rows = query_report(model, [(with_rest, rate), *audio[1:3]], texts[:3])
    n_queries = {row["query"]: row["n_queries"] for row in rows}
    assert n_queries["clip of 5 s"] == 2
    assert n_queries["clip of 10 s"] == n_queries["whole song"] == 3


def test_damaged_songs_have_no_clips(model, songs):
    audio = list(songs[0])
    audio[7] = (np.where(np.arange(audio[7][0].size) == 50, np.nan, audio[7][0]), RATE)
    fitted = make_pipeline(FunctionTransformer(mended), *(step for _, step in model.steps))
    with pytest.warns(SkippedSongsWarning, match=r"1 of 30 songs have no clips(.|\n)*song 7: its"):
        rows = query_report(fitted, audio, songs[1])
    assert {row["n_queries"] for row in rows if row["query"].startswith("clip")} == {29}


def mended(songs):
    return [(np.nan_to_num(waveform), rate) for waveform, rate in songs]


def test_progress_is_silent_by_default(model, songs, capsys):
    query_report(model, *songs, n_queries=2)
    assert capsys.readouterr().err == ""
    query_report(model, *songs, n_queries=2, verbose=1)
    assert "Clips" in capsys.readouterr().err


def test_the_number_of_queries_is_checked(model, songs):
    with pytest.raises(ValueError, match="`n_queries` must be an integer >= 1, got 0"):
        query_report(model, *songs, n_queries=0)


def test_passages():
    text = "One two three\nla la\n\nfour five six\nseven eight nine ten\n \nlast one\nof all lines"
    assert middle_line(text) == "four five six"
    assert middle_verse(text) == "four five six\nseven eight nine ten"
    assert middle_words(text, 4) == "five six\nseven eight"
    assert middle_words(text, 17) is None
    assert count_words(text) == 17
    assert passage(text, 2, 0.0) == "One two"
    assert passage(text, 2, 1.0) == "all lines"
    assert passage(text, 99) == text
    assert passage("", 5) == ""
    assert middle_line("one line of words") is middle_line("la la\nla la") is None
    assert middle_verse("a\nb\nc\nd") is None
    assert middle_verse("a\nb\nc\nd\ne\nf") == "b\nc\nd\ne"
    assert passage("月亮代表我的心", 3) == "代表我"


def test_clips_are_from_the_middle_of_the_sound():
    rng = np.random.default_rng(0)
    waveform = song(rng)
    clip, rate, seconds = middle_of_sound((np.stack([waveform, waveform]), RATE), 4)
    assert (rate, clip.shape) == (RATE, (4 * RATE,))
    assert seconds == pytest.approx(12, abs=0.01)
    np.testing.assert_allclose(clip, waveform[5 * RATE : 9 * RATE], atol=0.5)
    offset = np.argmax(np.correlate(waveform, clip, mode="valid"))
    assert offset == pytest.approx(5 * RATE, abs=0.01 * RATE)
    assert middle_of_sound((np.zeros(500), RATE), 4)[0].size == 0


def test_recordings(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(50), RATE)
    waveform = np.zeros(50)
    for yes in (tmp_path / "a.wav", str(tmp_path / "a.wav"), (waveform, RATE), [waveform, RATE]):
        assert is_recording(yes)
    for no in ("a line", 3000 * "text ", waveform, (waveform, waveform), (RATE, waveform), 3, None):
        assert not is_recording(no)


def test_unknown_words_of_a_line_are_no_warning(model, songs):
    texts = [text.replace("\n\n", "\n\nzzz zzz zzz\n") for text in songs[1]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        query_report(model, songs[0], texts, n_queries=3)
