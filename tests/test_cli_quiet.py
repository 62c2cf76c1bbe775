"""What C libraries write to the terminal."""

import os
import subprocess
import sys

import numpy as np
import soundfile

from skdcca._cli import main

READ_TWICE = """
import os, sys, warnings
import soundfile
from skdcca._cli.quiet import quiet_libraries

for active in (True, False):
    with quiet_libraries(active):
        try:
            soundfile.read(sys.argv[1])
        except soundfile.SoundFileError:
            pass
        os.write(2, b"from C\\n")
        print("from Python", file=sys.stderr)
        warnings.warn("a warning")
print("afterwards", file=sys.stderr)
"""


def test_libraries_do_not_write_to_the_terminal(tmp_path):
    """libmpg123 writes a warning for this file."""
    file = tmp_path / "cut.mp3"
    noise = 0.3 * np.random.default_rng(0).normal(size=22050 * 4)
    soundfile.write(file, noise, 22050, format="MP3")
    file.write_bytes(file.read_bytes()[:8000])
    command = [sys.executable, "-c", READ_TWICE, str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    quiet, _, loud = run.stderr.partition("a warning\n")
    assert quiet == "from Python\n<string>:14: UserWarning: "
    assert "from C\nfrom Python\n" in loud
    assert loud.endswith("afterwards\n")


def test_messages_of_the_command_remain(monkeypatch, capfd):
    def work(options):
        os.write(2, b"from C\n")
        raise ValueError("from Python")

    monkeypatch.setattr("skdcca._cli.commands.inspect", work)
    stream = sys.stderr
    assert main(["inspect", "file"]) == 2
    assert sys.stderr is stream
    assert capfd.readouterr().err == "skdcca: from Python\n"
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"
