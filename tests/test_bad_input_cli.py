"""Bad arguments and files of the command line."""

import os
import re

from _bad_input import check_cases, each
from _songs import write_table

from skdcca._cli import main

# Arguments, where {...} stands for a path of the fixture; the exit status; the message.
COMMANDS = {
    "nothing to read": ("fit {no} -o {out}", 2, r"no.csv' does not exist.*folder of songs"),
    "a share of 2": ("fit {table} -o {out} --hold-out 2", 2, r"`--hold-out` .*\[0, 1\), got 2\.0"),
    "a share in words": ("fit {table} -o {out} --hold-out half", 2, "--hold-out: .*'half'"),
    "a seed below 0": ("fit {table} -o {out} --seed -1", 2, "--seed"),
    "a recognizer for no words": (
        "fit {table} -o {out} --model linear --whisper base",
        2,
        "`--whisper` .*words only, got --model linear.*Leave out one",
    ),
    "no such kind": ("fit {table} -o {out} --model big", 2, "--model: .*'big' .*linear"),
    "a folder to write": ("fit {table} -o {folder}", 2, "is a folder; give the name of a file"),
    "a folder that is not there": ("fit {table} -o {folder}/no/m", 2, "folder .*no does not exist"),
    "the input to write": ("fit {table} -o {table}", 2, "is an input .*; give .* another name"),
    "a PNG to write": ("fit {table} -o {png}", 2, "was not written by skdcca; give another name"),
    "one song": (
        "fit {one} -o {out} --model linear",
        2,
        "at least 10 training songs are needed, got 1",
    ),
    "no model": ("evaluate {no} {table}", 2, "No such file .*no.csv"),
    "an index for a model": ("evaluate {index} {table}", 2, r"holds an index\. Give the model"),
    "a model for an index": ("search {model} love", 2, r"holds a model\. Make an index"),
    "a PNG for a model": ("index {png} {table} -o {out}", 2, "PNG image"),
    "an empty line": ("search {index} {blank}", 2, "line of lyrics is empty"),
    "no songs asked for": ("search {index} love -n 0", 2, "must be an integer >= 1, got '0'"),
    "a PNG for a sound": ("search {index} --audio {png}", 2, "png.wav' .*convert it"),
    "raw samples": ("search {index} --audio {raw}", 2, "sound.raw' .*convert it"),
    "a folder for a sound": ("search {index} --audio {folder}", 2, "is not a file"),
    "a PNG to inspect": ("inspect {png}", 2, "png.wav cannot be read: .*PNG"),
    "a port of 70000": (
        "serve {index} --port 70000",
        2,
        r"`port` must be .*\[0, 65535\], got 70000",
    ),
    "no such command": ("sing", 2, "'sing' .*choose from"),
}


def test_there_are_many_different_cases():
    check_cases(COMMANDS.items())


@each(COMMANDS.items())
def test_the_command_explains_what_to_do(case, world, capsys, no_work):
    _, (line, status, message) = case
    one = write_table(world.files / "one.csv", [("good0.wav", "la la")])
    paths = {
        "table": world.table,
        "model": world.model,
        "index": world.songs_index,
        "no": world.file("no.csv"),
        "out": str(world.folder / "out"),
        "folder": str(world.folder),
        "png": world.file("png.wav"),
        "raw": world.file("sound.raw"),
        "one": one,
        "blank": " ",
    }
    try:
        found = main([word.format(**paths) for word in line.split()])
    except SystemExit as end:  # argparse
        found = end.code
    shown = capsys.readouterr().err
    assert found == status, shown
    assert re.search(message, shown, re.DOTALL), shown
    assert "Traceback" not in shown
    assert not os.path.exists(paths["out"])


def test_all_songs_with_bad_sound_are_named_at_once_by_the_command(
    sound_files, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("SKDCCA_CACHE", str(tmp_path / "cache"))
    bad = ["nan.wav", "loud.wav", "cut_whole.flac"]
    rows = [(sound_files / name, "la la") for name in [*bad, *(f"good{i}.wav" for i in range(9))]]
    table = write_table(tmp_path / "songs.csv", rows)
    assert main(["fit", table, "-o", str(tmp_path / "model"), "--model", "linear", "--quiet"]) == 2
    shown = capsys.readouterr().err
    assert "3 of 12 songs cannot be used" in shown
    assert all(name in shown for name in bad)
