"""WhisperWords and WhisperAudio with a recognizer that needs no model; and with one, if it is there."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import soundfile
import torch
from _whisper import HEARD, RATE, Interrupted, Pitches, tone
from joblib import parallel_config
from sklearn import config_context
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

import skdcca
from skdcca import Transcript, WhisperAudio, WhisperWords
from skdcca._audio import find_whisper, whisper_models
from skdcca.encoders import SequenceEncoder
from skdcca.exceptions import InvalidSongsError, SilentSongWarning, SpeechModelError

SONGS = [tone(200), tone(400), tone(800)]
SAID = ["low", "middle", "high"]
NEEDS_EXTRA = 'needs the extra: pip install "skdcca[speech]"'


@pytest.fixture(autouse=True)
def _nothing_heard():
    HEARD.clear()


@pytest.fixture
def paths(tmp_path):
    found = [tmp_path / f"{i}.wav" for i in range(3)]
    for path, song in zip(found, SONGS, strict=True):
        soundfile.write(path, song, RATE)
    return [str(path) for path in found]


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the files of a model, which cannot be loaded."""
    path = tmp_path / "whisper"
    path.mkdir()
    for name in ("config.json", "model.bin", "tokenizer.json"):
        (path / name).write_text("{}")
    return path


# ---- words ------------------------------------------------------------------------------------


def test_songs_in_all_forms(paths):
    fast = tone(400, rate=44100)
    songs = [*paths, Path(paths[0]), (fast, 44100), (np.stack([fast, fast]), 44100), SONGS[2]]
    heard = WhisperWords(Pitches()).fit(songs).transform(songs)
    assert heard == [*SAID, "low", "middle", "middle", "high"]
    assert WhisperWords(Pitches(), sample_rate=44100).transform([fast]) == ["middle"]


def test_transcripts_have_the_language_and_times_from_the_start_of_the_song():
    song = tone(800, silence=1.5)
    transcript = WhisperWords(Pitches(-1.0)).transcribe([song])[0]
    assert transcript == ("high invented", "en", ((1.5, 2.5, "high"), (2.5, 3.5, "invented")))
    assert json.loads(json.dumps(transcript._asdict()))["segments"][0] == [1.5, 2.5, "high"]
    assert WhisperWords(Pitches(), language="de").transcribe([song])[0].language == "de"
    assert [language for _, language in HEARD] == [None, "de"]
    np.testing.assert_allclose(HEARD[0][0], 2.0, atol=0.01)  # the silence is not heard


def test_gain_changes_nothing():
    words = WhisperWords(Pitches())
    quiet, loud = words.transcribe([0.01 * SONGS[0], SONGS[0]])
    assert quiet == loud


def test_invented_words_are_left_out():
    # The default is -1.4, of which log(1 - 0.3) = -0.357 is left for the words.
    assert WhisperWords(Pitches(-1.05)).transform(SONGS) == SAID
    assert WhisperWords(Pitches(-1.04)).transform(SONGS)[0] == "low invented"
    assert WhisperWords(Pitches(), min_log_probability=None).transform(SONGS)[0] == "low invented"
    nothing = WhisperWords(Pitches(), min_log_probability=-0.1).transcribe(SONGS[:1])
    assert nothing == [Transcript("", None, ())]


def test_a_silent_song_has_no_words():
    with pytest.warns(SilentSongWarning, match="song 1: it has no sound"):
        heard = WhisperWords(Pitches()).transform([SONGS[0], np.zeros(2 * RATE), SONGS[2]])
    assert heard == ["low", "", "high"]
    assert len(HEARD) == 2


def test_bad_songs_are_named_all_at_once(paths):
    words = WhisperWords(Pitches(), n_jobs=2)
    for call in (words.fit, words.transform):
        with pytest.raises(InvalidSongsError, match="2 of 3 songs cannot be used") as error:
            call([paths[0], "missing.wav", np.full(RATE, np.nan)])
        assert error.match("song 1: there is no file 'missing.wav'")
        assert error.match("song 2: its waveform contains NaN")
    assert HEARD == []  # before any work


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
def test_songs_in_parallel_keep_their_order(paths, backend):
    songs = [*paths, *paths[::-1]]
    with parallel_config(backend, n_jobs=2):
        assert WhisperWords(Pitches()).transform(songs) == [*SAID, *SAID[::-1]]


def test_the_cache_hears_each_song_once_per_model(paths, tmp_path):
    words = WhisperWords(Pitches(), memory=str(tmp_path / "cache"))
    assert words.fit_transform(paths) == SAID
    assert len(HEARD) == 3
    moved = shutil.copy(paths[0], tmp_path / "moved.wav")
    assert words.transform([*paths, moved]) == [*SAID, "low"]
    relaxed = clone(words).set_params(min_log_probability=None)
    assert relaxed.transform(paths)[0] == "low invented"
    assert len(HEARD) == 3  # without hearing again
    soundfile.write(paths[0], SONGS[2], RATE)
    assert words.transform(paths) == ["high", "middle", "high"]
    assert len(HEARD) == 3  # the content is that of another file
    words.set_params(language="de").transform(paths[:1])
    assert len(HEARD) == 4
    other = Pitches()
    other.cache_key = "another model"
    words.set_params(model=other).transform(paths[:1])
    assert len(HEARD) == 5


def test_an_interrupted_run_keeps_what_it_has_heard(paths, tmp_path):
    words = WhisperWords(Interrupted(), memory=tmp_path / "cache")
    with pytest.raises(KeyboardInterrupt):
        words.fit_transform(paths)
    words.set_params(model=Pitches())
    assert words.fit_transform(paths) == SAID
    assert len(HEARD) == 3  # the first song is not heard again


def test_progress(paths, capsys):
    WhisperWords(Pitches(), verbose=1).transform(paths)
    assert "words: 100%" in capsys.readouterr().err


def test_in_a_pipeline():
    model = make_pipeline(WhisperWords(Pitches()), CountVectorizer())
    with config_context(transform_output="default"):
        assert model.fit_transform(SONGS).sum() == 3
    assert clone(model).fit(SONGS).transform(SONGS).shape == (3, 3)
    words = WhisperWords(Pitches()).set_output(transform="pandas")
    assert words.transform(SONGS) == SAID


def test_copies_and_files(folder, tmp_path):
    words = WhisperWords(Pitches(), language="en", min_log_probability=-0.5, verbose=0)
    assert clone(words).transform(SONGS) == SAID
    assert pickle.loads(pickle.dumps(words.fit(SONGS))).transform(SONGS) == SAID
    joblib.dump(words, tmp_path / "words")
    assert joblib.load(tmp_path / "words").transform(SONGS) == SAID
    named = WhisperWords(str(folder), language="en")
    skdcca.save(named, tmp_path / "words.skdcca")
    assert skdcca.load(tmp_path / "words.skdcca").get_params() == named.get_params()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model": 5}, "`model` must be a name, a folder, or an object .* got int"),
        ({"language": "English"}, "`language` must be None or a code .* got 'English'"),
        ({"language": 5}, "`language` must be None or a code .* got 5"),
        ({"min_log_probability": 0.5}, "`min_log_probability` must be .* <= 0.* got 0.5"),
        ({"min_log_probability": "low"}, "`min_log_probability` must be .* got 'low'"),
        ({"sample_rate": 0}, "`sample_rate` must be an integer >= 1, got 0"),
    ],
)
def test_bad_parameters_of_words_are_named(parameters, message):
    for call in (WhisperWords.fit, WhisperWords.transform):
        with pytest.raises(ValueError, match=message):
            call(WhisperWords(**{"model": Pitches()} | parameters), SONGS)


# ---- states -----------------------------------------------------------------------------------


def test_statistics_equal_numpy_on_the_states():
    audio = WhisperAudio(Pitches()).fit(SONGS)
    rows = audio.transform(SONGS)
    assert rows.dtype == np.float32
    for song, row in zip(SONGS, rows, strict=True):
        sound = song[np.abs(song) > np.abs(song).max() / 1000]
        start, end = np.flatnonzero(song == sound[0])[0], np.flatnonzero(song == sound[-1])[-1]
        wave = (song[start : end + 1] / np.abs(song).max()).astype(np.float32)
        states = Pitches().encode(wave)
        expected = np.concatenate([states.mean(axis=0), states.std(axis=0)])
        np.testing.assert_allclose(row, expected, atol=1e-4)
    names = ["mean0", "mean1", "std0", "std1"]
    assert audio.get_feature_names_out().tolist() == names
    assert audio.set_output(transform="pandas").transform(SONGS).columns.tolist() == names


def test_sequences_are_means_over_equal_parts():
    audio = WhisperAudio(Pitches(), pooling="sequence", n_segments=4)
    steps = audio.fit_transform(SONGS)
    assert steps.shape == (3, audio.n_features_out_, 4) == (3, 2, 4)
    means = WhisperAudio(Pitches()).fit_transform(SONGS)[:, :2]
    np.testing.assert_allclose(steps.mean(axis=2), means, atol=0.02)
    assert not hasattr(audio, "get_feature_names_out")
    network = SequenceEncoder(8).build(steps.shape[1:], n_outputs=2)
    assert network(torch.from_numpy(steps)).shape == (3, 2)
    short = audio.transform([tone(400, 1.0)])
    assert np.isfinite(audio.set_params(n_segments=200).transform([tone(400, 1.0)])).all()
    assert short.shape == (1, 2, 4)


def test_states_are_cached(paths, tmp_path):
    class Broken(Pitches):
        def encode(self, waveform):
            raise AssertionError

    memory = joblib.Memory(tmp_path / "cache", verbose=0)
    rows = WhisperAudio(Pitches(), memory=memory).fit_transform(paths)
    again = WhisperAudio(Broken(), memory=memory).fit(paths).transform(paths)
    np.testing.assert_array_equal(rows, again)


def test_bad_use_of_states_is_named():
    for parameters, message in (
        ({"pooling": "mean"}, "`pooling` must be one of .* got 'mean'"),
        ({"pooling": "sequence"}, "`n_segments` must be an integer >= 1 with pooling"),
        ({"n_segments": 0}, "`n_segments` must be an integer >= 1, or None, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            WhisperAudio(Pitches(), **parameters).fit(SONGS)
    audio = WhisperAudio(Pitches()).fit(SONGS)
    with pytest.raises(InvalidSongsError, match="song 1: it is silent; leave it out"):
        audio.transform([SONGS[0], np.zeros(RATE)])


# ---- models -----------------------------------------------------------------------------------


def test_models_that_are_not_there(folder, tmp_path, monkeypatch):
    faster_whisper = pytest.importorskip("faster_whisper", reason=NEEDS_EXTRA)

    def without_network(name, local_files_only=False):
        raise OSError("no network")

    monkeypatch.setattr(faster_whisper, "download_model", without_network)
    (tmp_path / "empty").mkdir()
    for model, message in (
        ("huge", r"`model` must be a folder that has a Whisper model, or one of \[.*got 'huge'"),
        (tmp_path / "gone", "got '.*gone'. If the folder was moved, set `model` to its new place"),
        (tmp_path / "empty", "got '.*empty' without config.json, model.bin, tokenizer.json"),
        ("base", r"'base' cannot be downloaded \(OSError\). Connect to the internet once, or set"),
    ):
        for transformer in (WhisperWords(model), WhisperAudio(model)):
            with pytest.raises(SpeechModelError, match=message):
                transformer.fit(SONGS)
    words = WhisperWords(folder).fit(SONGS)
    with pytest.raises(
        SpeechModelError, match=r"The Whisper model in '.*whisper' cannot be loaded"
    ):
        words.transform(SONGS)
    folder.rename(tmp_path / "moved")
    with pytest.raises(SpeechModelError, match="set `model` to its new place"):
        words.transform(SONGS)
    assert words.set_params(model=Pitches()).transform(SONGS) == SAID


def test_a_model_is_downloaded_once(folder, monkeypatch):
    faster_whisper = pytest.importorskip("faster_whisper", reason=NEEDS_EXTRA)
    calls = []

    def download(name, local_files_only=False):
        calls.append(local_files_only)
        if local_files_only and False not in calls:
            raise FileNotFoundError
        return str(folder)

    monkeypatch.setattr(faster_whisper, "download_model", download)
    monkeypatch.delenv("SKDCCA_WHISPER", raising=False)
    assert find_whisper() is None
    for _ in range(2):
        WhisperWords("tiny").fit(SONGS)
    assert calls == [True, True, False, True]
    assert find_whisper() == "base"


def test_find_whisper_reads_the_environment(folder, monkeypatch):
    pytest.importorskip("faster_whisper", reason=NEEDS_EXTRA)
    monkeypatch.setenv("SKDCCA_WHISPER", str(folder))
    assert find_whisper() == str(folder)
    monkeypatch.setenv("SKDCCA_WHISPER", str(folder / "gone"))
    with pytest.raises(SpeechModelError, match="The environment variable SKDCCA_WHISPER must be"):
        find_whisper()
    monkeypatch.setattr(whisper_models, "find_spec", lambda name: None)
    assert find_whisper() is None


def test_the_identity_of_a_model_is_its_content(folder, tmp_path):
    one = whisper_models.model_digest(folder)
    other = shutil.copytree(folder, tmp_path / "other")
    assert whisper_models.model_digest(other) == one
    (other / "model.bin").write_text("other weights")
    assert whisper_models.model_digest(other) != one


# ---- with a model -----------------------------------------------------------------------------

with_model = pytest.mark.skipif(
    not os.path.isdir(os.environ.get("SKDCCA_WHISPER", "")),
    reason="needs the folder of a Whisper model in the environment variable SKDCCA_WHISPER",
)


def real_words(**parameters):
    pytest.importorskip("faster_whisper", reason=NEEDS_EXTRA)
    return WhisperWords(os.environ["SKDCCA_WHISPER"], **parameters)


@with_model
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs the program espeak-ng")
def test_a_spoken_sentence_is_heard_in_any_process(tmp_path):
    path = str(tmp_path / "spoken.wav")
    sentence = "the moon is shining over the water tonight"
    subprocess.run(["espeak-ng", "-s", "130", "-w", path, sentence], check=True)
    words = real_words(memory=str(tmp_path / "cache"))
    transcript = words.fit(path and [path]).transcribe([path])[0]
    assert transcript.language == "en"
    heard = set(skdcca.tokenize(transcript.text))
    assert len(heard & set(sentence.split())) >= 6
    joblib.dump(words, tmp_path / "words")
    program = (
        f"import joblib; print(joblib.load({str(tmp_path / 'words')!r}).transform([{path!r}]))"
    )
    again = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert transcript.text in again.stdout


@with_model
def test_a_sung_window_has_half_of_its_words():
    data = Path(os.environ.get("SKDCCA_DATA", "")) / "singing"
    if not (data / "windows.jsonl").exists():
        pytest.skip("needs the folder of the data in the environment variable SKDCCA_DATA")
    with open(data / "windows.jsonl", encoding="utf-8") as lines:
        window = json.loads(next(lines))
    waveform, rate = soundfile.read(data / window["audio"], dtype="float32")
    start, end = window["start"], window["start"] + window["seconds"]
    excerpt = waveform[round(start * rate) : round(end * rate)].T
    heard = set(skdcca.tokenize(real_words().transform([(excerpt, rate)])[0]))
    sung = set(skdcca.tokenize(window["lyrics"]))
    assert len(heard & sung) >= len(sung) / 2
