"""Run other packages in the environments of `make peers` and `make sentences`."""

import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).with_name("peer_scripts")
PYTHONS = {
    "cca-zoo": ROOT / ".venv-peers" / "bin" / "python",
    "mvlearn": ROOT / ".venv-mvlearn" / "bin" / "python",
}
INSTALLED = {name: python for name, python in PYTHONS.items() if python.exists()}
NO_PEERS = "without cca-zoo and mvlearn: `make peers` makes the environments that have them"


def command_of(python, script, *arguments):
    """Return the command that runs a peer script."""
    return [str(part) for part in (python, SCRIPTS / f"{script}.py", *arguments)]


def run_script(python, script, *arguments, **options):
    """Run a peer script to completion; `options` are passed to `subprocess.run`."""
    command = command_of(python, script, *arguments)
    return subprocess.run(command, text=True, check=True, **options)


class Peer:
    """Running peer script that answers each line with a number.

    Parameters
    ----------
    python : path
        Python of the environment of the peer.
    script : str
        Name of the script in `peer_scripts`.
    *arguments : str
        Arguments of the script; the path of the arrays is appended.
    limit : float
        Timeout of an answer, in seconds.
    **arrays : ndarray
        Arrays that the script works on.
    """

    def __init__(self, python, script, *arguments, limit=600, **arrays):
        self.limit = limit
        self.scratch = tempfile.TemporaryDirectory()
        path = Path(self.scratch.name) / "views.npz"
        np.savez(path, **arrays)
        self.process = subprocess.Popen(
            command_of(python, script, *arguments, path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, line="fit"):
        """Return the answer to `line`: NaN if the script fails, infinity after the timeout.

        The process is killed at the timeout.
        """
        began = time.perf_counter()
        timer = threading.Timer(self.limit, self.process.kill)
        timer.start()
        try:
            print(line, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        timer.cancel()
        if answer:
            return float(answer)
        late = time.perf_counter() - began >= self.limit
        return np.inf if late else np.nan

    def close(self):
        """Kill the process and delete its arrays."""
        self.process.kill()
        self.process.communicate()
        self.scratch.cleanup()
