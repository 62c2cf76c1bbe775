"""The songs that a command reads."""

import numpy as np
import pytest
import soundfile
from sklearn.utils import Bunch

from skdcca import MelSpectrogram
from skdcca._cli import main
from skdcca._cli.songs import without_damaged
from skdcca.exceptions import InvalidSongsError, SkippedSongsWarning


@pytest.mark.parametrize(
    ("n_usable", "remedy"),
    [(2, "Correct them, or give --skip-bad to skip them (2 remain)."), (0, "Correct them.")],
)
def test_bad_songs_are_listed_with_the_option_to_skip_them(
    n_usable, remedy, monkeypatch, tmp_path, capsys
):
    def load_nothing(path, on_error, encoding, require_lyrics):
        raise InvalidSongsError("1 of 3 songs cannot be used", ["b.wav: empty"], n_usable=n_usable)

    monkeypatch.setattr("skdcca._cli.songs.load_songs", load_nothing)
    assert main(["fit", "--model", "linear", "songs.csv", "-o", str(tmp_path / "m")]) == 2
    shown = capsys.readouterr().err
    assert shown == f"skdcca: 1 of 3 songs cannot be used. {remedy}\n  b.wav: empty\n"


def test_encoding_of_the_table(tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", np.full(800, 0.1), 8000)
    table = tmp_path / "songs.csv"
    table.write_bytes("audio;lyrics\r\na.wav;schöner Tag\r\n".encode("cp1252"))
    fit = ["fit", "--model", "linear", str(table), "-o", str(tmp_path / "m")]
    assert main(fit) == 2
    assert "line 2 has the byte 0xf6 after 'a.wav;sch'" in capsys.readouterr().err
    assert main([*fit, "--encoding", "cp1252"]) == 2
    assert "at least 10 training songs are needed, got 1" in capsys.readouterr().err  # it was read


@pytest.mark.filterwarnings("always")
def test_guessed_columns_are_noted(tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", np.full(800, 0.1), 8000)
    table = tmp_path / "songs.csv"
    table.write_text("path,lyrics\na.wav,la\n")
    assert main(["fit", "--model", "linear", str(table), "-o", str(tmp_path / "m")]) == 2
    note = capsys.readouterr().err.splitlines()[0]
    assert note == f"skdcca: note: {table}: the column 'path' is read as audio."


def test_songs_that_turn_out_to_be_damaged_are_skipped_on_request(tmp_path):
    noise = 0.1 * np.random.default_rng(0).normal(size=16000)
    soundfile.write(tmp_path / "cut.flac", noise, 8000)
    content = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 3])
    soundfile.write(tmp_path / "whole.flac", noise, 8000)
    names = ["cut.flac", "whole.flac"]
    audio = [str(tmp_path / name) for name in names]
    songs = Bunch(audio=audio, lyrics=["la", "lo"], ids=names, titles=names, groups=np.array(names))

    def work(songs):
        mel = MelSpectrogram(n_mels=10, sample_rate=8000, duration=2.0)
        return mel.fit_transform(songs.audio)

    with pytest.raises(InvalidSongsError, match=r"give --skip-bad to skip them \(1 remain\)"):
        without_damaged(work, songs, Bunch(on_error="raise"))
    with pytest.warns(SkippedSongsWarning, match=r"song 0: .*cut\.flac"):
        found, used = without_damaged(work, songs, Bunch(on_error="skip"))
    assert len(found) == 1
    assert used.lyrics == ["lo"]
    assert used.groups.tolist() == ["whole.flac"]
