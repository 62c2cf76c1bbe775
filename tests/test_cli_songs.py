"""The songs that a command reads."""

import pytest

from skdcca._cli import main
from skdcca.exceptions import InvalidSongsError


@pytest.mark.parametrize(
    ("n_usable", "remedy"),
    [(2, "Correct them, or give --skip-bad to skip them (2 remain)."), (0, "Correct them.")],
)
def test_bad_songs_are_listed_with_the_option_to_skip_them(
    n_usable, remedy, monkeypatch, tmp_path, capsys
):
    def load_nothing(path, on_error):
        raise InvalidSongsError("1 of 3 songs cannot be used", ["b.wav: empty"], n_usable=n_usable)

    monkeypatch.setattr("skdcca._cli.songs.load_songs", load_nothing)
    assert main(["fit", "songs.csv", "-o", str(tmp_path / "m")]) == 2
    shown = capsys.readouterr().err
    assert shown == f"skdcca: 1 of 3 songs cannot be used. {remedy}\n  b.wav: empty\n"
