"""The program around the commands: exit status, errors, warnings, interruptions and pipes."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import warnings

import pytest
from _cli_files import write_folder, write_index
from _programs import run_program

from skdcca import __version__
from skdcca._cli import main
from skdcca.exceptions import TrainingInterruptedWarning


def test_version_and_help(capsys):
    for argument, expected in [("--version", __version__), ("--help", "demo")]:
        with pytest.raises(SystemExit) as stop:
            main([argument])
        assert stop.value.code == 0
        assert expected in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2


def test_help_loads_no_heavy_library():
    code = (
        "import sys\n"
        "from skdcca._cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'sklearn', 'torch', 'librosa', 'fastapi'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    run_program(code)


def test_interruptions_and_unexpected_errors(capsys, monkeypatch):
    for raised, status, message in [
        (KeyboardInterrupt, 130, "skdcca: interrupted"),
        (ZeroDivisionError("by night"), 1, "skdcca: unexpected ZeroDivisionError: by night"),
    ]:
        monkeypatch.setattr("skdcca._cli.commands.load_index", _raising(raised))
        assert main(["search", "songs.index", "night"]) == status
        assert capsys.readouterr().err.startswith(message)
    with pytest.raises(ZeroDivisionError):
        main(["--traceback", "search", "songs.index", "night"])


def _raising(error):
    def raises(*_):
        raise error

    return raises


@pytest.mark.filterwarnings("always")
def test_the_class_of_a_warning_ends_the_command(monkeypatch, capsys):
    """Other warnings are printed, whatever their text."""

    def warn_of(category):
        return lambda options: warnings.warn("training was interrupted", category, stacklevel=1)

    monkeypatch.setattr("skdcca._cli.commands.inspect", warn_of(UserWarning))
    assert main(["inspect", "file"]) == 0
    assert capsys.readouterr().err == "skdcca: note: training was interrupted\n"
    monkeypatch.setattr("skdcca._cli.commands.inspect", warn_of(TrainingInterruptedWarning))
    assert main(["inspect", "file"]) == 130
    assert capsys.readouterr().err == "skdcca: interrupted\n"


@pytest.mark.parametrize("extra", [[], ["--search"]])
def test_ctrl_c_during_training_ends_the_command(extra, tmp_path):
    """In Python, interrupted training returns the model so far, but the command must end."""
    code = (
        "import functools, signal, sys, skdcca._cli.song_models as models\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it\n"
        "models.DeepCCA = functools.partial(models.DeepCCA, max_epochs=100_000)\n"
        "from skdcca._cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    folder = tmp_path / "songs"
    folder.mkdir()
    write_folder(folder)
    model = tmp_path / "model"
    command = [sys.executable, "-c", code, "fit", str(folder), "-o", str(model), "--model", "deep"]
    environment = {**os.environ, "SKDCCA_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(
        [*command, *extra], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        bar = b""
        # Wait until an epoch is done, or the search has begun.
        pattern = rb" 0/9" if extra else rb" [1-9]\d*/100000"
        while not re.search(pattern, bar):
            bar += run.stderr.read1()
        time.sleep(1.0 if extra else 0.0)
        run.send_signal(signal.SIGINT)
        try:
            _, rest = run.communicate(timeout=60)
        finally:
            run.kill()
    assert run.returncode == 130
    assert rest.endswith(b"skdcca: interrupted\n")
    assert not model.exists()


def test_as_a_program_in_a_pipe(tmp_path):
    """A closed pipe is not an error, and only results go to standard output."""
    index = write_index(tmp_path / "songs.index")
    command = [sys.executable, "-m", "skdcca", "search", index, "night"]
    run = subprocess.run(f"{shlex.join(command)} | head -n 1", shell=True, capture_output=True)
    assert run.stdout == b"These words are in\n"
    assert run.stderr == b""
