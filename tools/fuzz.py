"""Fuzz the code that opens untrusted files, guided by coverage (atheris).

    make fuzz TARGET=load RUNS=30000

or ``python tools/fuzz.py TARGET [FOLDER] [-runs=N] [-max_total_time=SECONDS] ...``, where TARGET is

- ``manifest``: `skdcca.datasets.load_songs`, on tables and folders;
- ``load``: `skdcca.persistence.load` and `read_header`;
- ``audio``: `skdcca.MelSpectrogram`, on one file. Only the coverage of Python code guides this target,
  because libsndfile is not instrumented.

Inputs that reach new code are kept in FOLDER; other options are passed to libFuzzer. An execution may
end only as documented. Any other exception or warning, a crash, more than ten seconds or more than
300 MB stops the run and saves its input to a file. Reduce such a file and add it to
``tests/data/fuzz/TARGET``, which the tests replay.
"""

import atexit
import io
import json
import mmap
import os
import random
import resource
import shutil
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

DATA = Path(__file__).parents[1] / "tests" / "data"
SECONDS, MEGABYTES = 10, 300  # of one execution
LONGEST = {"manifest": 4096, "load": 65536, "audio": 32768}  # bytes
# In shared memory, if available.
SHM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
FOLDER = Path(tempfile.mkdtemp(prefix="skdcca-fuzz-", dir=SHM))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


class Finding(AssertionError):
    """An undocumented outcome of an execution."""


# Targets: functions of bytes that return the outcome


def manifest(data):
    """Load a table or a folder of songs; the first byte selects the kind and `on_error`."""
    from skdcca.datasets import load_songs
    from skdcca.exceptions import ManifestWarning, SkippedSongsWarning

    documented = ManifestWarning, SkippedSongsWarning
    choice, content = (data[0], data[1:]) if data else (0, b"")
    on_error = "skip" if choice & 1 else "raise"
    if choice & 7 == 7:
        path = _folder(content)
    else:
        path = FOLDER / f"songs{('.csv', '.tsv', '.txt', '.CSV')[choice >> 1 & 3]}"
        path.write_bytes(content)
        _beside(FOLDER)
    return _ending(lambda: load_songs(path, on_error=on_error), *documented)


def load(data):
    """Load a model file and its header."""
    from skdcca import persistence
    from skdcca.exceptions import VersionWarning

    path = FOLDER / "model.skdcca"
    path.write_bytes(data)
    header = _ending(lambda: persistence.read_header(path))
    whole = _ending(lambda: persistence.load(path), VersionWarning)
    if header == "refused" and whole != "refused":
        raise Finding("the file loads, and its header cannot be read")
    return whole


def audio(data):
    """Read a song; the first byte selects the file name suffix and the excerpt."""
    from skdcca import MelSpectrogram
    from skdcca.exceptions import AudioFileWarning, SilentSongWarning

    documented = AudioFileWarning, SilentSongWarning
    choice, content = (data[0], data[1:]) if data else (0, b"")
    path = FOLDER / f"song{('.wav', '.mp3', '', '.raw')[choice & 3]}"
    path.write_bytes(content)
    offset = (0.0, "center", 0.1)[choice // 4 % 3]
    duration = None if choice // 12 % 4 == 3 else 0.25
    settings = {"sample_rate": 8000, "n_fft": 256, "n_mels": 8, "offset": offset}
    mel = MelSpectrogram(duration=duration, **settings)
    return _ending(lambda: mel.fit_transform([path]), *documented)


_ENDINGS = ("well", "warned", "refused")
TARGETS = {"manifest": manifest, "load": load, "audio": audio}


def _ending(call, *documented):
    """Call a function and return "well", "warned" or "refused".

    Raise `Finding` for a warning of an undocumented class; undocumented errors propagate.
    """
    before = _peak()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
            ending = "warned" if caught else "well"
        except (ValueError, OSError):
            ending = "refused"
    for one in caught:
        if not issubclass(one.category, documented):
            raise Finding(f"{one.category.__name__}: {one.message}")
    grown = _peak() - before
    if grown > MEGABYTES:
        raise Finding(f"it took {grown:.0f} MB")
    return ending


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _folder(content):
    """Create a folder of files with the names in `content`, half of them audio."""
    folder = FOLDER / "songs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for i, name in enumerate(content.replace(b"\0", b"\n").replace(b"/", b"\n").split(b"\n")[:20]):
        if name.strip(b".") and len(name) < 256:
            Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(
                _wave() if i % 2 else name
            )
    return folder


def _beside(folder):
    """Write the files that a table may refer to."""
    if not (folder / "a.wav").exists():
        (folder / "a.wav").write_bytes(_wave())
        (folder / "a.txt").write_text("la la la", encoding="utf-8")


def _wave(kind="WAV", subtype=None, rate=8000, n_channels=1, seconds=0.1):
    import numpy as np
    import soundfile

    shape = round(seconds * rate), n_channels
    sound = 0.1 * np.random.default_rng(0).normal(size=shape)
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, rate, subtype=subtype, format=kind)
    return buffer.getvalue()


# Seeds


def seeds(target):
    """Return the initial inputs, including earlier findings."""
    return [*_SEEDS[target](), *(path.read_bytes() for path in found(target))]


def found(target):
    """Return the files of earlier findings."""
    return sorted((DATA / "fuzz" / target).glob("*"))


def _manifest_seeds():
    rows = 'audio,lyrics,id,group,title\na.wav,"la la, la",1,x,A\nb.wav,,1,,\na.wav,lo lo,,,\n'
    files = "\ufeffaudio\tlyrics_path\na.wav\ta.txt\n~/a.wav\t/dev/null\na.wav\t/dev/zero\n"
    names = "a.txt\na.wav\nb.wav\nb.txt\nc.txt\nd.ogg\n"
    good = "audio,lyrics\na.wav,la la la\n"
    other = 'sep=;\r\nPath; Words\r\n.\\a.wav;"la\r\nla"\r\na.wav;"la\r\n;\r\n'
    content = [(0, good), (0, rows), (1, rows), (2, files), (3, files), (4, files), (7, names)]
    utf8 = [bytes([choice]) + text.encode() for choice, text in [*content, (0, other), (1, other)]]
    return [*utf8, b"\0" + other.encode("utf-16"), b"\0" + good.encode("utf-16-le")]


def _load_seeds():
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

    from skdcca import KernelCCA, LinearCCA
    from skdcca.metrics import mrr_scorer
    from skdcca.persistence import save

    X = np.random.default_rng(0).normal(size=(20, 3))
    search = GridSearchCV(LinearCCA(), {"reg": [0.1, 1]}, cv=2, scoring=mrr_scorer)
    models = [
        LinearCCA(2).fit(X, X[:, :2]),
        search.fit(X, X),
        make_pipeline(TfidfVectorizer()).fit(["one two", "two three"]),
        make_pipeline(OneHotEncoder(), FunctionTransformer(np.tanh)).fit([["a"], ["b"]]),
        KernelCCA(2, random_state=np.random.RandomState(0)).fit(X, X),
    ]
    path = FOLDER / "seed.skdcca"
    for model in models:
        save(model, path)
        yield path.read_bytes()
    for path in sorted((DATA / "format-1").glob("*.skdcca")):
        yield path.read_bytes()


def _audio_seeds():
    kinds = [
        ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "MS_ADPCM"), ("WAVEX", "DOUBLE"), ("RF64", None),
        ("FLAC", None), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None), ("AIFF", None), ("AU", None),
        ("CAF", "ALAC_16"), ("W64", None), ("VOC", None), ("SVX", None), ("NIST", None), ("MAT5", None),
    ]  # fmt: skip
    for i, (kind, subtype) in enumerate(kinds):
        yield bytes([i]) + _wave(kind, subtype, n_channels=1 + i % 2, seconds=0.2)


_SEEDS = {"manifest": _manifest_seeds, "load": _load_seeds, "audio": _audio_seeds}


# Mutations of model files that reach code behind checksums and syntax checks


def mutated(data, rng):
    """Return a mutated file, usually with valid checksums."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [[info.filename, archive.read(info)] for info in archive.infolist()]
    except Exception:
        return _scratched(data, rng)
    change = rng.choices(list(_CHANGES), list(_CHANGES.values()))[0]
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        change(members, rng)
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # about two members of one name
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    whole = buffer.getvalue()
    return _scratched(whole, rng) if rng.random() < 0.1 else whole


def _scratched(data, rng):
    data = bytearray(data)
    kind = rng.randrange(4)
    if kind == 0 or not data:
        return bytes(data[: rng.randint(0, len(data))])
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(len(data))
        if kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x7f"])
        else:
            data[at:at] = data[rng.randrange(len(data)) :][:100]
    return bytes(data)


def _members(members, rng):
    one, other = rng.choice(members or [["", b""]]), rng.choice(members or [["", b""]])
    kind = rng.randrange(5)
    if kind == 0:
        one[1], other[1] = other[1], one[1]
    elif kind == 1 and members:
        members.remove(one)
    elif kind == 2:
        one[0] = rng.choice(["../../out", "/tmp/out", "1.npy", "skdcca.json", "a" * 300])
    elif kind == 3:
        members.append([one[0], other[1]])
    else:
        one[1] = _scratched(one[1], rng)


def _array(members, rng):
    """Change the bytes of an array, or the shape or dtype in its header."""
    arrays = [one for one in members if one[0].endswith(".npy")]
    if not arrays:
        return
    one = rng.choice(arrays)
    head, line, body = one[1].partition(b"\n")
    if rng.random() < 0.3:
        one[1] = head + line + _scratched(body, rng)
        return
    for old in (b"<f8", b"<f4", b"<i8", b"(", b"True", b"False"):
        if old in head and rng.random() < 0.5:
            new = rng.choice(
                [b"<i8", b"<f4", b"|O8", b"<U2", b">f8", b"|b1", b"(9", b"(-", b"(1,", b"("]
            )
            head = head.replace(old, new)
    one[1] = head[:128].ljust(min(len(head), 127)) + line + body


def _header(members, rng):
    for one in members:
        if one[0] == "skdcca.json":
            one[1] = _changed_json(one[1], rng)


def _schema(members, rng):
    for one in members:
        if one[0] == "schema.json":
            one[1] = _changed_json(one[1], rng)


def _names(members, rng):
    """Change the class, kind or id of an object in the schema."""
    for one in members:
        if one[0] == "schema.json":
            one[1] = _changed_json(
                one[1], rng, ("__class__", "__module__", "__loader__", "__id__", "file")
            )


def _values(members, rng):
    """Change a plain value of an attribute."""
    for one in members:
        if one[0] == "schema.json":
            one[1] = _changed_json(one[1], rng, ("content",))


_CHANGES = {_members: 1, _array: 2, _header: 1, _schema: 3, _names: 3, _values: 3}
_ODD = [None, True, False, 0, -1, 1, 2, 625, 2**31, 2**63, -(2**63), 1e308, float("nan"), 0.5]
_ODD += ["", "a", "1", "../a", "\ud800", "\0", [], {}, [1], {"a": 1}]


def _changed_json(content, rng, keys=None):
    """Return JSON with one change, under one of the given keys."""
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        return _scratched(content, rng)
    places = list(_places(whole, keys))
    if not places:
        return content
    holder, key = rng.choice(places)
    value, others = holder[key], [parent[k] for parent, k in places]
    kind = rng.randrange(6)
    if kind < 3 and isinstance(value, str) and keys == ("content",):
        holder[key] = json.dumps(rng.choice(_ODD))
    elif kind < 3 and keys:
        alike = [other for other in others if type(other) is type(value)]
        holder[key] = rng.choice(alike)
    elif kind < 4:
        holder[key] = rng.choice(_ODD)
    elif kind == 4:
        holder[key] = rng.choice(others)
    elif isinstance(holder, dict):
        moved = holder.pop(key)
        if rng.random() < 0.7:
            holder[rng.choice(["", "a", "memory", "__array__", "transform", str(key) + "_"])] = (
                moved
            )
    else:
        holder.insert(key, value)
    try:
        return json.dumps(whole).encode()
    except (ValueError, RecursionError):  # it contains itself
        return content


def _places(value, keys):
    """Yield what can be changed: pairs of a dict or list and one of its keys."""
    ahead = [value]
    while ahead:
        holder = ahead.pop()
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, inner in pairs:
            if keys is None or key in keys:
                yield holder, key
            if isinstance(inner, (dict, list)):
                ahead.append(inner)


# Running


def main(arguments):
    """Fuzz one target with libFuzzer options, and print the count of each outcome."""
    counts = memoryview(mmap.mmap(-1, 8 * len(_ENDINGS))).cast("Q")
    child = os.fork()  # libFuzzer exits its own process
    if child == 0:
        _fuzz(arguments, counts)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    named = ", ".join(f"{n} {ending}" for n, ending in zip(counts, _ENDINGS, strict=True))
    print(f"{arguments[0]}: {sum(counts)} executions: {named}; exit {code}")
    sys.exit(code)


def _fuzz(arguments, counts):
    import atheris

    target, *options = arguments
    _limit_memory(8)
    with atheris.instrument_imports(include=["skdcca", "skops"]):
        import skdcca.datasets
        import skdcca.persistence

        for name in skdcca.__all__:
            getattr(skdcca, name)
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for i, data in enumerate(seeds(target)):  # run once, to trigger lazy imports
        TARGETS[target](data)
        (corpus / f"seed-{i}").write_bytes(data)
    _limit_memory(2)

    def one_input(data):
        counts[_ENDINGS.index(TARGETS[target](data))] += 1

    def mutate(data, max_size, seed):
        rng = random.Random(seed)
        if target == "load" and rng.random() < 0.9:
            return mutated(data, rng)[:max_size]
        head, line, rest = data.partition(b"\n")
        if target == "manifest" and rng.random() < 0.7 and len(head) < max_size // 2:
            # A table needs its header line.
            return head + line + atheris.Mutate(rest, max_size - len(head + line))
        return atheris.Mutate(data, max_size)

    fixed = [f"-max_len={LONGEST[target]}", f"-timeout={SECONDS}"]
    fixed += ["-rss_limit_mb=0", "-len_control=0", "-mutate_depth=2"]
    folders = [one for one in options if not one.startswith("-")] + [str(corpus)]
    flags = [one for one in options if one.startswith("-")]
    atheris.Setup([sys.argv[0], *folders, *fixed, *flags], one_input, custom_mutator=mutate)
    atheris.Fuzz()


def _limit_memory(gigabytes):
    """Limit additional memory; beyond it, allocations raise MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + gigabytes * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(TARGETS)} [FOLDER] [-runs=N]")
    main(sys.argv[1:])
