"""Parts of a benchmark that run in a process of their own, so that their peak memory is their own."""

import json
import subprocess
import sys


def run_part(script, *arguments):
    """Run `script` with `arguments` in a new process and return the JSON of its last line."""
    command = [sys.executable, script, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])
