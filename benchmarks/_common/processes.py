"""Run parts of a benchmark in separate processes, to measure their peak memory."""

import json
import subprocess
import sys


def run_part(script, *arguments):
    """Run `script` with `arguments` in a new process and return the JSON of its last line."""
    command = [sys.executable, script, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])
