"""Load Bach's chorales from the corpus of music21; parse, synthesize and cache them once."""

import gzip
import json
import os
import re
import zlib
from importlib.metadata import version
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from sklearn.utils import Bunch

from skdcca._utils.files import atomic_write, cache_folder
from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_integer
from skdcca.datasets._synthesis import synthesize

FORMAT = 1  # increase it when notes, texts, groups or audio change
BRIGHTNESS, VELOCITY = 0.5, 0.8

DESCR = (
    "Four-part chorales by J. S. Bach with the German lyrics of their first stanza, from the corpus "
    "of the package music21 {version}. A small synthesizer plays them with repeats at the tempo of "
    "the score, or at 80 quarter notes per minute if it has none. Groups are hymn tunes: many "
    "chorales share a tune or a text. The music and the lyrics are in the public domain. The "
    "encodings are distributed by music21 with the permission of their editors (most come from "
    "Margaret Greentree's edition), and their use may be restricted; see corpus/license.txt in "
    "music21. This package contains no part of them."
)


def load_chorales(
    *,
    sample_rate: int = 22050,
    cache: str | PathLike | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Bunch:
    """Load Bach's chorales with their lyrics.

    The scores are included in the package music21 (``pip install "skdcca[songs]"``). The first call
    parses and synthesizes all of them, which takes about a minute on two cores, and caches the result
    in a folder (about 300 MB of FLAC at 22050 Hz). Later calls take less than a second.

    Parameters
    ----------
    sample_rate : int, default=22050
        Sample rate of the audio files in Hz, at least 1000.
    cache : str or path-like, default=None
        Folder for the parsed scores and the audio files. If None, the folder named by the
        environment variable ``SKDCCA_CACHE`` or, if that is not set, ``~/.cache/skdcca``.
    n_jobs : int, default=None
        Number of processes for the first call. None means 1; -1 uses all processors.
    verbose : int, default=0
        If not 0, show the progress of the first call.

    Returns
    -------
    songs : Bunch
        ``audio``: list of str, the FLAC files (mono, 16 bits); ``lyrics``: list of str, the first
        stanza of each chorale, one line per line of the hymn; ``ids``: list of str such as
        ``"bwv244.15"``; ``titles``: list of str; ``groups``: ndarray of str, the hymn tune of each
        chorale; ``DESCR``: str.

    Raises
    ------
    ValueError
        If `sample_rate` is not an integer >= 1000.
    MissingDependencyError
        If music21 or soundfile is not installed.
    FileNotFoundError
        If music21 was installed without its corpus.

    Notes
    -----
    A line of text ends where the melody has a fermata. A repeated section is played twice, with the
    words of each repetition, and only the first of several stanzas is used. The spelling follows
    the edition.

    Two chorales belong to the same group if their melodies begin alike, regardless of key and rhythm,
    or if they share a title or a text. Six out of ten chorales share their tune or text with
    another one, so pass `groups` to the splitter.

    The encodings are distributed by music21 with the permission of their editors; see
    ``corpus/license.txt`` in music21. Restrictions, for example on commercial use, may also apply to
    the cached files.

    References
    ----------
    .. [1] M. S. Cuthbert and C. Ariza, "music21: A toolkit for computer-aided musicology and
       symbolic music data", Proc. ISMIR, pp. 637-642, 2010.

    Examples
    --------
    >>> from skdcca.datasets import load_chorales
    >>> songs = load_chorales()  # doctest: +SKIP
    >>> len(songs.audio), len(set(songs.groups))  # doctest: +SKIP
    (338, 198)
    >>> print(songs.lyrics[songs.ids.index("bwv286")])  # doctest: +SKIP
    Danket dem Herren, denn er ist sehr freundlich,
    und seine Güt' und Wahrheit bleibet ewiglich.
    """
    check_integer("sample_rate", sample_rate, ge=1000)
    with needed_by("load_chorales", extra="songs"):
        edition = version("music21")  # read without importing music21, which takes a second
    folder = cache_folder(cache)
    name = f"chorales-{FORMAT}-music21-{edition}"
    songs = _read(folder / f"{name}.json.gz")
    if songs is None:
        songs = _parse(n_jobs, verbose)
        _write(songs, folder / f"{name}.json.gz")
    audio = _synthesize_all(songs, folder / f"{name}-{sample_rate}hz", sample_rate, n_jobs, verbose)
    return Bunch(
        audio=audio,
        lyrics=[song["lyrics"] for song in songs],
        ids=[song["id"] for song in songs],
        titles=[song["title"] for song in songs],
        groups=np.array([song["group"] for song in songs]),
        DESCR=DESCR.format(version=edition),
    )


def _parse(n_jobs, verbose):
    """Return the id, title, group, lyrics and notes of all chorales with lyrics."""
    from skdcca.datasets._chorale_scores import read_score
    from skdcca.datasets._tunes import tune_groups

    files = _score_files()
    scores = _in_parallel(read_score, zip(files), len(files), n_jobs, verbose, "reading chorales")
    title_of = _known_titles()
    songs = []
    for file, score in zip(files, scores, strict=True):
        if score is not None:
            title = title_of(file.stem) or score["lyrics"].split("\n")[0]
            songs.append({"id": file.stem, "title": title, **score})
    groups = tune_groups(*([song[key] for song in songs] for key in ("title", "lyrics", "melody")))
    for song, group in zip(songs, groups, strict=True):
        song["group"] = group
        del song["melody"]
    return songs


def _score_files():
    """Return the scores with lyrics, in the order of the catalog of Bach's works."""
    folder = Path(find_spec("music21").submodule_search_locations[0], "corpus", "bach")
    files = [file for file in folder.glob("bwv*") if file.suffix in (".mxl", ".xml")]
    if not files:
        raise FileNotFoundError(
            f"{folder} contains no chorales. Install music21 with its corpus: pip install music21."
        )
    return sorted(filter(_has_lyrics, files), key=_catalog_order)


def _has_lyrics(file):
    """Return True if a score has lyrics, without parsing it."""
    if file.suffix == ".xml":
        return b"<lyric" in file.read_bytes()
    with ZipFile(file) as archive:
        return any(b"<lyric" in archive.read(name) for name in archive.namelist())


def _catalog_order(file):
    """Return the sort key of a score: bwv9.7 comes before bwv10.7."""
    return [int(number) for number in re.findall(r"\d+", file.stem)], file.stem


def _known_titles():
    """Return a function from an id to its title in Riemenschneider's edition, or to None."""
    with needed_by("load_chorales", extra="songs"):
        from music21.corpus.chorales import ChoraleListRKBWV

    titles = {}
    for number, chorale in ChoraleListRKBWV().byBWV.items():
        title = chorale["title"].replace("’", "'").replace("AAch", "Ach")
        titles[number] = title
        titles.setdefault(number.split("-")[0], title)  # bwv112.5-sc is a variant of bwv112.5

    def title_of(identity):
        number = identity.removeprefix("bwv")
        return titles.get(number, titles.get(number.split("-")[0]))

    return title_of


def _synthesize_all(songs, folder, sample_rate, n_jobs, verbose):
    """Return the paths of the audio files, synthesizing those that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{song['id']}.flac" for song in songs]
    existing = set(os.listdir(folder))
    missing = [
        (song["notes"], file, sample_rate)
        for song, file in zip(songs, files, strict=True)
        if file.name not in existing
    ]
    label = "synthesizing chorales"
    for _ in _in_parallel(_write_audio, missing, len(missing), n_jobs, verbose, label):
        pass
    return [str(file) for file in files]


def _write_audio(notes, file, sample_rate):
    with needed_by("load_chorales"):
        import soundfile

    notes = [[*note, VELOCITY] for note in notes]
    waveform = synthesize(notes, sample_rate, brightness=BRIGHTNESS)
    with atomic_write(file) as unfinished:
        soundfile.write(unfinished, waveform, sample_rate, format="FLAC", subtype="PCM_16")


def _in_parallel(function, arguments, total, n_jobs, verbose, label):
    """Return an iterator over the results of `function` for each tuple of arguments, in order."""
    from sklearn.utils.parallel import Parallel, delayed

    calls = (delayed(function)(*each) for each in arguments)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    if not verbose or not total:
        return results
    from tqdm import tqdm

    return tqdm(results, label, total)


def _read(file):
    """Return the cached songs, or None if the file is missing or damaged."""
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            return json.load(lines)
    except (OSError, EOFError, ValueError, zlib.error):
        return None


def _write(songs, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as unfinished, gzip.open(unfinished, "wt", encoding="utf-8") as lines:
        json.dump(songs, lines, ensure_ascii=False, separators=(",", ":"))
