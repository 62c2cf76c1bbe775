"""Child programs: Python code in a process of its own."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

TESTS = Path(__file__).parent

MISSING = """
import sys


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Missing())
"""


def run_program(code, *arguments, flags=(), env=None, timeout=300, **options):
    """Return what a program prints; it may import the helper modules of this folder."""
    path = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, *flags, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_without(packages, code):
    """Return what a program prints in an environment that lacks packages."""
    return run_program(MISSING.format(missing=set(packages)) + code)


# Real processes, ended by SIGKILL. The parent forks them before any thread runs.
KILLS = """
import json, os, random, signal, sys, time
import numpy as np, torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[2])
import work

work.warm_up(sys.argv[1] + "-warm")  # modules are imported once, and not in every child
random.seed(0)
kills, attempts, seen = 0, 0, []
while True:
    attempts += 1
    child = os.fork()
    if child == 0:
        work.main(sys.argv[1])
        os._exit(0)
    time.sleep(random.uniform(*work.DELAY))
    if kills < 20:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    kills += os.WIFSIGNALED(status)
    seen.append(work.check(sys.argv[1]))
    if kills == 20 and os.WIFEXITED(status) or attempts > 200:
        break
status = os.waitstatus_to_exitcode(status)
os.mkdir(sys.argv[1] + "-whole")
if os.fork() == 0:
    work.main(sys.argv[1] + "-whole")
    os._exit(0)
os.wait()
print(json.dumps({"kills": kills, "status": status, "seen": seen}))
"""


def run_killed(work, place, *, folder):
    """Run `work`, killing it 20 times at random moments, then to its end.

    Returns what its function `check` found after each attempt.
    """
    (folder / "work.py").write_text(textwrap.dedent(work))
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    found = json.loads(run_program(KILLS, place, folder, env=threads).splitlines()[-1])
    assert found["kills"] == 20
    assert found["status"] == 0
    return found["seen"]
