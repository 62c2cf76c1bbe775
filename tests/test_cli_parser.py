"""The table of commands and their help."""

import sys
from pkgutil import resolve_name
from types import ModuleType

import pytest

from skdcca._cli import main
from skdcca._cli.parser import COMMANDS, Command


def test_help_has_examples(capsys):
    for arguments, expected in [
        (["--help"], "skdcca fit songs.csv -o model.skdcca"),
        (["--help"], "joblib and pickle are not opened"),
        (["fit", "--help"], "linear  exact and fast"),
        (["search", "--help"], "--audio FILE"),
        (["serve", "--help"], "127.0.0.1"),
    ]:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        assert expected in capsys.readouterr().out
    for arguments in (["search", "songs.index"], ["search", "i", "a", "-n", "0"], ["fit", "x"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_function(name):
    assert callable(resolve_name(COMMANDS[name].work))


def test_a_command_is_one_entry_of_the_table(monkeypatch, capsys):
    def add_options(parser):
        parser.add_argument("name")

    module = ModuleType("greeting")
    module.greet = lambda options: print(f"Hello, {options.name}.")
    monkeypatch.setitem(sys.modules, "greeting", module)
    command = Command("greeting:greet", "greet somebody", "Greet somebody.", add_options)
    monkeypatch.setitem(COMMANDS, "greet", command)
    assert main(["greet", "you"]) == 0
    assert capsys.readouterr().out == "Hello, you.\n"
