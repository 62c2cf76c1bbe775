"""Untrusted files, a thousand of them damaged and many crafted to do harm: each is loaded and used.

All are written first, then loaded by another process (`CHILD`) with limited memory, which records every
file, program and module that is opened. Each must end in an answer, a ValueError or an OSError.
"""

import importlib.util
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from _crafted_files import HARMFUL, HARMLESS
from _saved_models import FORMAT_1

TESTS = Path(__file__).parent


N_MUTANTS = 1000


MEGABYTES, SECONDS = 300, 10  # the most that a file may take


# Errors besides ValueError that a damaged model may raise when it is used: it can be valid in form, but
# have an attribute of another type.
OTHER_ERRORS = {
    "TypeError",
    "AttributeError",
    "IndexError",
    "KeyError",
    "RuntimeError",
    "UFuncTypeError",
}


CHILD = """
import json, os, resource, sys, time, warnings
from pathlib import Path

import numpy as np
from skdcca.persistence import load

folder, old = Path(sys.argv[1]), Path(sys.argv[2])
answers = np.load(old / "answers.npz")
views = {"X": answers["X"], "y": answers["y"], "lyrics": answers["lyrics"].tolist()}
warnings.simplefilter("ignore")
CHANGING = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.remove", "os.rename",
    "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.truncate", "os.putenv",
    "subprocess.Popen", "socket.connect", "pickle.find_class", "ctypes.dlopen", "marshal.loads",
    "shutil.rmtree", "shutil.copyfile", "shutil.move")


def use(model, n_rows=3):
    rows = {name: values[:n_rows] for name, values in views.items()}
    endings = []
    steps = [("query", {"X": rows["X"]}), ("query", {"y": rows["y"]})]
    if not hasattr(model, "query"):
        last = model[-1] if hasattr(model, "steps") else model
        texts = hasattr(getattr(last, "y_transformer", None), "transform")
        steps = [("transform", {"X": rows["X"]})]
        if hasattr(last, "transform_y"):
            steps.append(("transform_y", {"y": rows["lyrics" if texts else "y"]}))
    for name, arguments in steps:
        asked = last if name == "transform_y" else model
        try:
            getattr(asked, name)(**arguments)
            endings.append("answer")
        except Exception as error:
            endings.append(type(error).__name__ if not isinstance(error, ValueError) else "ValueError")
    return endings


def opened(path):
    try:
        model = load(path)
    except (ValueError, OSError) as error:
        starved = isinstance(error.__cause__, MemoryError)
        return ["out of memory"] if starved else ["refused", str(error)]
    except Exception as error:
        return [type(error).__name__]
    return ["loaded", *use(model)]


for path in sorted(old.glob("*.skdcca")):  # imports all modules that models need
    print(path.name, opened(path))
known, seen = {name.partition(".")[0] for name in sys.modules}, []


def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            seen.append(f"writes {path}")
        elif str(path).endswith((".pickle", ".d2v", "passwd")):
            seen.append(f"reads {path}")
    elif event in CHANGING:
        seen.append(f"{event} {arguments!r:.100}")
    elif event == "import" and arguments[0].partition(".")[0] not in known:
        seen.append(f"imports {arguments[0]}")


def fail(*arguments):
    seen.append(f"calls os.system {arguments}")


os.system = fail
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + 2**30
resource.setrlimit(resource.RLIMIT_AS, (most, most))
sys.addaudithook(watch)


def memory(field):
    # Not ru_maxrss, which starts at the peak of the parent process.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


for path in sorted(folder.glob("*.skdcca")):
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    seen.clear()
    before, start = memory("VmRSS"), time.perf_counter()
    print(f"opens {path.name}", flush=True)
    ending = opened(path)
    found = {"ending": ending, "seen": list(seen), "seconds": time.perf_counter() - start}
    print(json.dumps({"name": path.name, "megabytes": memory("VmHWM") - before, **found}), flush=True)
"""


def load_fuzz():
    """Return the module tools/fuzz.py, which has the mutations and the targets."""
    file = TESTS.parent / "tools" / "fuzz.py"
    spec = importlib.util.spec_from_file_location("fuzz", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FUZZ = load_fuzz()


def opened_by_a_child(folder):
    """Return the ending of each file by its name, and check that nothing else happened."""
    work = folder.parent / "cwd"
    work.mkdir()
    (work / "evil_module.py").write_text("open('it ran', 'a').close()\n")
    before = listing(folder.parent)
    one_thread = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(work), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, folder, FORMAT_1],
        cwd=work,
        env=os.environ | one_thread,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{lines[-1:]}\n{done.stderr}"
    assert listing(folder.parent) == before
    found = [json.loads(line) for line in lines if line.startswith("{")]
    for one in found:
        assert not one["seen"], one
        assert one["megabytes"] < MEGABYTES, one
        assert one["seconds"] < SECONDS, one
    return {one["name"].removesuffix(".skdcca"): one["ending"] for one in found}


def listing(folder):
    return {path: path.lstat().st_size for path in folder.rglob("*")}


def mutant(number):
    rng = random.Random(number)
    files = sorted(FORMAT_1.glob("*.skdcca"))
    change = FUZZ._scratched if number % 5 == 0 else FUZZ.mutated
    return change(files[rng.randrange(len(files))].read_bytes(), rng)


def test_a_thousand_damaged_files_are_refused_or_load(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for i in range(N_MUTANTS):
        (folder / f"{i:04}.skdcca").write_bytes(mutant(i))
    endings = opened_by_a_child(folder)
    assert len(endings) == N_MUTANTS
    counts = Counter(ending[0] for ending in endings.values())
    assert set(counts) == {"refused", "loaded"}
    assert counts["loaded"] > 100, "too few files get past the audit to test what follows it"
    reasons = " ".join(ending[1] for ending in endings.values() if ending[0] == "refused")
    for reached in (
        "not on the list",
        "bytes instead of",
        "repeated object number",
        "contains more than",
    ):
        assert reached in reasons
    used = Counter(
        one for ending in endings.values() if ending[0] == "loaded" for one in ending[1:]
    )
    assert used["answer"] > 100
    others = {kind: n for kind, n in used.items() if kind not in ("answer", "ValueError")}
    assert set(others) <= OTHER_ERRORS
    assert sum(others.values()) < 0.1 * used.total()


def test_crafted_files_do_no_harm(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    kinds = [*HARMFUL, *HARMLESS]
    for i, write in enumerate((HARMFUL | HARMLESS).values()):
        write(folder / f"{i:04}.skdcca")
    endings = dict(zip(kinds, opened_by_a_child(folder).values(), strict=True))
    assert len(endings) >= 150
    assert {kind for kind, ending in endings.items() if ending[0] != "refused"} == set(HARMLESS)
    for kind in HARMLESS:
        assert set(endings[kind][1:]) <= {"answer", "ValueError"}, kind
    assert not os.path.exists("/tmp/out of a test of skdcca")


# Code to run while a file is opened, and what the child must report.
HARMS = [
    ("os.system('true')", "os.system"),
    ("open('it ran', 'w')", "writes it ran"),
    ("open('harm.pickle', 'rb')", "reads harm.pickle"),
    ("import evil_module", "imports evil_module"),
    ("__import__('subprocess').run(['true'])", "subprocess.Popen"),
    ("__import__('pickle').loads(b'cbuiltins\\nlen\\n.')", "pickle.find_class"),
    ("kept = bytearray(400 * 2**20)", "megabytes"),
]


def test_the_monitor_detects_harm(tmp_path):
    """Otherwise the tests above would prove nothing."""
    for i in range(len(HARMS)):
        (tmp_path / f"{i}.skdcca").write_bytes(b"")
    (tmp_path / "evil_module.py").write_text("")
    (tmp_path / "harm.pickle").write_text("")
    opening = "    ending = opened(path)"
    child = CHILD.replace(
        opening, f"    exec({[code for code, _ in HARMS]!r}[int(path.stem)])\n{opening}"
    )
    found = subprocess.run(
        [sys.executable, "-c", child, tmp_path, FORMAT_1],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in found.stdout.splitlines() if line.startswith("{")]
    for (_, expected), line in zip(HARMS, lines, strict=True):
        if expected == "megabytes":
            assert line["megabytes"] > MEGABYTES
        else:
            assert expected in str(line["seen"])


@pytest.mark.parametrize(
    ("target", "file"),
    [(target, file) for target in FUZZ.TARGETS for file in FUZZ.found(target)],
    ids=lambda value: getattr(value, "name", value),
)
def test_files_found_by_fuzzing_end_as_documented(target, file):
    assert FUZZ.TARGETS[target](file.read_bytes()) in ("well", "warned", "refused")


@pytest.mark.parametrize("target", FUZZ.TARGETS)
def test_seeds_of_fuzzing_end_well(target):
    endings = [FUZZ.TARGETS[target](data) for data in FUZZ.seeds(target)]
    assert "well" in endings
