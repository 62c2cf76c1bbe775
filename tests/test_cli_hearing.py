"""Songs that the commands hear with a stand-in for a speech recognizer."""

import json
import shutil
import sys

import pytest
from _tones import ToneRecognizer, words_of, write_tones
from sklearn.utils import Bunch

from skdcca import ScoreFusion, SharedSpace
from skdcca._cli import main
from skdcca._cli.hearing import use_recognizer
from skdcca._cli.song_models import song_model
from skdcca._cli.training import training_songs
from skdcca._cli.tuning import GRIDS
from skdcca.datasets import load_songs
from skdcca.persistence import load, read_header

pytest.importorskip(
    "faster_whisper", reason='hearing needs the extra: pip install "skdcca[speech]"'
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with the folders of songs, of the recognizer and of the cache."""
    place = tmp_path_factory.mktemp("place")
    for name, n_with_lyrics in (("music", 0), ("some", 12)):
        (place / name).mkdir()
        write_tones(place / name, n_with_lyrics)
    (place / "whisper").mkdir()
    return place


def listen(patch, place):
    """Replace the loading of recognizers by one that hears tones, which is the one of this machine."""
    patch.setenv("SKDCCA_CACHE", str(place / "cache"))
    patch.setattr("skdcca._cli.hearing.find_whisper", lambda: str(place / "whisper"))
    songs = "skdcca._audio.whisper_songs"
    patch.setattr(f"{songs}.resolve_model", lambda model: model)
    patch.setattr(f"{songs}.model_digest", lambda folder: "tones")
    patch.setattr(f"{songs}.load_recognizer", lambda folder, n_workers: ToneRecognizer())


@pytest.fixture
def recognizer(place, monkeypatch):
    listen(monkeypatch, place)


@pytest.fixture
def no_recognizer(place, monkeypatch):
    listen(monkeypatch, place)
    monkeypatch.setattr("skdcca._cli.hearing.find_whisper", lambda: None)


@pytest.fixture(scope="module")
def made(place):
    """Return a folder with a model and an index of songs without lyrics, made by the commands."""
    with pytest.MonkeyPatch.context() as patch:
        listen(patch, place)
        model, index = str(place / "heard.skdcca"), str(place / "heard.index")
        assert main(["fit", str(place / "music"), "-o", model, "--quiet"]) == 0
        assert main(["index", model, str(place / "music"), "-o", index, "--quiet"]) == 0
    return place


def found_by(capsys, *arguments):
    assert main(["search", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_songs_without_lyrics_are_found_by_the_words_that_are_heard(made, recognizer, capsys):
    index = str(made / "heard.index")
    for number in range(16):
        found = found_by(capsys, index, words_of(number))
        assert found["words"][0]["id"] == found["results"][0]["id"] == f"tone{number:02d}"
        assert 0.9 < found["words"][0]["start"] < 1.1  # the words begin in the middle of 2 s
    found = found_by(capsys, index, "--audio", str(made / "music" / "tone05.wav"))
    assert found["heard"] == words_of(5)
    assert found["words"][0]["id"] == found["results"][0]["id"] == "tone05"
    song = load(index).metadata_["tone05"]
    assert song["lyrics"] == ""
    assert song["heard"]["language"] == "en"
    assert [text for _, _, text in song["heard"]["segments"]] == [words_of(5)]


def test_the_file_names_the_recognizer_and_not_what_it_was_not_trained_on(made):
    notes = read_header(made / "heard.skdcca")["notes"]
    assert notes["whisper"] == str(made / "whisper")
    assert notes["model"] == "heard"
    assert "learned_from" not in notes  # no lyrics identify the songs
    assert isinstance(load(made / "heard.skdcca")[-1], SharedSpace)


def test_index_after_fit_hears_nothing_again(made, recognizer, monkeypatch):
    def fail(*arguments):
        raise AssertionError("heard again")

    monkeypatch.setattr(ToneRecognizer, "transcribe", fail)
    again = ["index", str(made / "heard.skdcca"), str(made / "music"), "--quiet"]
    assert main([*again, "-o", str(made / "again.index")]) == 0


def test_words_and_sound_are_joined_where_there_are_lyrics(
    place, recognizer, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(GRIDS, "linear", {"cca__reg": [1.0, 10.0]})
    model, index = str(tmp_path / "model"), str(tmp_path / "index")
    fit = ["fit", str(place / "some"), "-o", model, "--search", "--quiet"]
    assert main(fit) == 0
    shown = capsys.readouterr().out
    assert "Songs without lyrics: 4. They are not used for training." in shown
    assert "heard: WhisperWords -> SharedSpace" in shown
    assert "sound: MelSpectrogram -> TemporalSummary -> StandardScaler -> LinearCCA" in shown
    assert "Weights: heard " in shown
    assert "Best of 6 candidates" in shown
    fitted = load(model)
    assert isinstance(fitted, ScoreFusion)
    best = read_header(model)["notes"]["search"]["best"]
    sound = fitted.named_estimators_["sound"]["cca"]
    assert {name: getattr(sound, name) for name in best} == best
    assert main(["index", model, str(place / "some"), "-o", index, "--quiet"]) == 0
    capsys.readouterr()
    for number in (3, 14):  # with lyrics and without
        found = found_by(capsys, index, words_of(number))
        assert found["words"][0]["id"] == found["results"][0]["id"] == f"tone{number:02d}"


def test_the_recognizer_of_a_model_may_be_elsewhere(made, no_recognizer, tmp_path, capsys):
    (made / "whisper").rename(tmp_path / "moved")
    try:
        model, index = str(made / "heard.skdcca"), str(made / "heard.index")
        clip = ["search", index, "--audio", str(made / "music" / "tone02.wav")]
        again = ["index", model, str(made / "music"), "-o", str(tmp_path / "i"), "--quiet"]
        for arguments in (clip, again):
            assert main(arguments) == 2
            shown = capsys.readouterr().err
            assert f"hears words with {made / 'whisper'}, which is not on this machine" in shown
            assert "Give --whisper FOLDER, or --whisper base." in shown
        assert main(["search", index, words_of(2)]) == 0  # text needs no recognizer
        assert main([*clip, "--whisper", str(tmp_path / "moved")]) == 0
        assert "tone02" in capsys.readouterr().out
        use_recognizer(load(index).estimator, None, must_hear=False)
        assert "Without --whisper FOLDER, only text can be searched." in capsys.readouterr().out
    finally:
        (tmp_path / "moved").rename(made / "whisper")


def test_the_recognizer_of_this_machine_replaces_one_that_is_gone(
    made, recognizer, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("skdcca._cli.hearing.find_whisper", lambda: str(tmp_path))
    fitted = load(made / "heard.skdcca")
    fitted.set_params(words__model=str(tmp_path / "gone"))
    use_recognizer(fitted, None, must_hear=True)
    assert fitted["words"].model == str(tmp_path)
    assert f"Words are heard by {tmp_path}." in capsys.readouterr().out
    use_recognizer(fitted, "base", must_hear=True)
    assert fitted["words"].model == "base"


# Without a recognizer, and without lyrics


def test_without_a_recognizer_the_default_is_linear_and_says_so(
    place, no_recognizer, tmp_path, capsys
):
    assert main(["fit", str(place / "music"), "-o", str(tmp_path / "m")]) == 2
    shown, error = capsys.readouterr()
    assert shown.count("\n") == 1
    assert "Words are not heard, because there is no speech recognizer. " in shown
    assert 'pip install "skdcca[speech]", then --whisper base' in shown
    assert "music has no lyrics. Add them" in error
    assert "only skdcca fit --model words and skdcca index work without" in error


def test_hearing_without_a_recognizer_says_what_to_do(place, no_recognizer, tmp_path, capsys):
    fit = ["fit", str(place / "music"), "-o", str(tmp_path / "m"), "--model", "words"]
    assert main(fit) == 2
    assert "Give --whisper base to download it once (145 MB)" in capsys.readouterr().err


def test_hearing_without_the_package_names_it(place, recognizer, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    fit = ["fit", str(place / "music"), "-o", str(tmp_path / "m"), "--model", "words"]
    assert main(fit) == 2
    assert "needs the package 'faster_whisper'" in capsys.readouterr().err


@pytest.fixture(scope="module")
def linear(place):
    """Return the path of a model that hears nothing."""
    model = str(place / "linear.skdcca")
    shutil.copytree(place / "some", place / "known")
    for number in range(12, 16):
        (place / "known" / f"tone{number:02d}.wav").unlink()
    with pytest.MonkeyPatch.context() as patch:
        listen(patch, place)
        fit = ["fit", str(place / "known"), "-o", model, "--model", "linear", "--quiet"]
        assert main(fit) == 0
    return model


def test_songs_without_lyrics_are_heard_also_for_a_model_that_hears_nothing(
    place, linear, recognizer, tmp_path, capsys
):
    index = str(tmp_path / "index")
    assert main(["index", linear, str(place / "some"), "-o", index, "--quiet"]) == 0
    capsys.readouterr()
    for number in (3, 14):
        assert found_by(capsys, index, words_of(number))["words"][0]["id"] == f"tone{number:02d}"
    about = load(index).metadata_
    assert "heard" in about["tone14"]
    assert "heard" not in about["tone03"]  # its lyrics are known


@pytest.mark.filterwarnings("always")
def test_songs_without_lyrics_need_a_recognizer(place, linear, no_recognizer, tmp_path, capsys):
    index = ["index", linear, str(place / "some"), "-o", str(tmp_path / "index"), "--quiet"]
    assert main(index) == 2
    error = capsys.readouterr().err
    assert "4 of 16 songs of" in error
    assert "have no lyrics, and this model hears no words. Add lyrics, or hear them: pip" in error
    assert main([*index, "--skip-bad"]) == 0
    shown, notes = capsys.readouterr()
    assert "have no lyrics and are skipped." in notes
    assert shown.startswith("12 songs. ")


def test_few_songs_with_lyrics_leave_the_sound_out(place, capsys):
    songs = load_songs(place / "some", require_lyrics=False)
    options = Bunch(search=False, manifest="some")
    assert training_songs("words", songs, options)[0] == "words"
    songs.groups[:] = "one artist"
    kind, used = training_songs("words", songs, options)
    assert (kind, len(used.audio)) == ("heard", 16)
    assert "so only the words that are heard are compared" in capsys.readouterr().out
    with pytest.raises(ValueError, match="at least 2 training songs are needed, got 1"):
        training_songs("words", load_one(songs), options)


def load_one(songs):
    return Bunch(**{key: songs[key][:1] for key in ("audio", "lyrics", "ids", "titles", "groups")})


def test_a_model_of_words_and_sound_has_both():
    model = song_model("words", 100, whisper="tiny", memory="folder")
    assert model.get_params()["heard__words__model"] == "tiny"
    assert model.get_params()["heard__words__memory"] == "folder"
    assert model.get_params()["sound__mel__memory"] == "folder"
