"""Bach's chorales from music21's corpus: parsed once and sounded once, into a cache."""

import gzip
import json
import os
import re
import zlib
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from numbers import Integral
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from sklearn.utils import Bunch, check_scalar

from skdcca._utils.files import atomic_write, cache_folder
from skdcca.datasets._synthesis import synthesise

FORMAT = 1  # raise it whenever notes, texts, groups or sound come out differently
BRIGHTNESS, VELOCITY = 0.5, 0.8

DESCR = (
    "Four-part chorales by J. S. Bach with the German words of their first stanza, from the corpus "
    "of the package music21 {version}, sounded by a small synthesiser at the tempo of the score "
    "(80 quarter notes a minute where it has none), repeats played. Groups are hymn tunes: many "
    "chorales set one tune or one text several times. Bach's music and its words are in the public "
    "domain; the encodings are shipped by music21 with the permission of their makers (most go "
    "back to Margaret Greentree's edition) and may be restricted in their use, see "
    "corpus/license.txt in music21. Nothing of them is part of this package."
)


def load_chorales(*, sample_rate=22050, cache=None, n_jobs=None, verbose=0):
    """Load Bach's chorales with the words sung in them.

    The package music21 brings the scores (``pip install "skdcca[songs]"``). The first call reads
    and sounds all of them, about a minute on two cores, and keeps the result in a cache folder
    (some 300 MB of FLAC for a sample rate of 22050 Hz); later calls take less than a second.

    Parameters
    ----------
    sample_rate : int, default=22050
        Samples a second of the audio files, at least 1000.
    cache : str or path-like, default=None
        Folder for the parsed scores and the audio files. By default that of the environment
        variable ``SKDCCA_CACHE``, else ``~/.cache/skdcca``.
    n_jobs : int, default=None
        Number of processes of the first call; None means 1, -1 all processors.
    verbose : int, default=0
        If not 0, show the progress of the first call.

    Returns
    -------
    songs : Bunch
        ``audio``: list of str, the FLAC files (mono, 16 bits); ``lyrics``: list of str, the first
        stanza, one line for each line of the hymn; ``ids``: list of str such as ``"bwv244.15"``;
        ``titles``: list of str; ``groups``: ndarray of str, the hymn tune; ``DESCR``: str.

    Raises
    ------
    ImportError
        If music21 is not installed.
    FileNotFoundError
        If music21 was installed without its corpus.

    Notes
    -----
    The sung part says more than the words: a line of text ends where the melody has a fermata,
    a repeated strain is played twice with the words of either turn, and of several stanzas the
    first is taken. Old spelling and misprints of the edition are left as they are.

    `groups` are made from the scores: two chorales belong to one group if their melodies open
    alike in any key and rhythm, if their titles are the same, or if their texts are. Six of ten
    chorales share their tune or text with another one, so split by `groups`.

    The encodings come with music21 by permission of their makers and under their terms, see
    ``corpus/license.txt`` in music21; restrictions, on commercial use for example, may apply to
    the files in the cache as well.

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
    check_scalar(sample_rate, "sample_rate", Integral, min_val=1000)
    try:
        edition = version("music21")  # importing music21 itself would take a second
    except PackageNotFoundError as error:
        raise ImportError(
            'load_chorales needs the package music21: pip install "skdcca[songs]"'
        ) from error
    folder = cache_folder(cache)
    name = f"chorales-{FORMAT}-music21-{edition}"
    songs = _read(folder / f"{name}.json.gz")
    if songs is None:
        songs = _parse(n_jobs, verbose)
        _write(songs, folder / f"{name}.json.gz")
    audio = _sound(songs, folder / f"{name}-{sample_rate}hz", sample_rate, n_jobs, verbose)
    return Bunch(
        audio=audio,
        lyrics=[song["lyrics"] for song in songs],
        ids=[song["id"] for song in songs],
        titles=[song["title"] for song in songs],
        groups=np.array([song["group"] for song in songs]),
        DESCR=DESCR.format(version=edition),
    )


def _parse(n_jobs, verbose):
    """All chorales with words: their id, title, group, lyrics and notes."""
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
    """Scores of the corpus that have words, in the order of the catalogue of Bach's works."""
    folder = Path(find_spec("music21").submodule_search_locations[0], "corpus", "bach")
    files = [file for file in folder.glob("bwv*") if file.suffix in (".mxl", ".xml")]
    if not files:
        raise FileNotFoundError(
            f"no chorales in {folder}; install music21 with its corpus: pip install music21"
        )
    return sorted(filter(_has_words, files), key=_catalogue_order)


def _has_words(file):
    """Whether a score has words, without the cost of parsing it."""
    if file.suffix == ".xml":
        return b"<lyric" in file.read_bytes()
    with ZipFile(file) as archive:
        return any(b"<lyric" in archive.read(name) for name in archive.namelist())


def _catalogue_order(file):
    """bwv9.7 comes before bwv10.7."""
    return [int(number) for number in re.findall(r"\d+", file.stem)], file.stem


def _known_titles():
    """Function from an id to its title in music21's list of Riemenschneider's edition, or None."""
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


def _sound(songs, folder, sample_rate, n_jobs, verbose):
    """Names of the audio files; those that are not there yet are made."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{song['id']}.flac" for song in songs]
    there = set(os.listdir(folder))
    missing = [
        (song["notes"], file, sample_rate)
        for song, file in zip(songs, files, strict=True)
        if file.name not in there
    ]
    for _ in _in_parallel(
        _write_audio, missing, len(missing), n_jobs, verbose, "sounding chorales"
    ):
        pass
    return [str(file) for file in files]


def _write_audio(notes, file, sample_rate):
    import soundfile

    notes = [[*note, VELOCITY] for note in notes]
    waveform = synthesise(notes, sample_rate, brightness=BRIGHTNESS)
    with atomic_write(file) as unfinished:
        soundfile.write(unfinished, waveform, sample_rate, format="FLAC", subtype="PCM_16")


def _in_parallel(function, arguments, total, n_jobs, verbose, label):
    """Results of `function` for each tuple of arguments, in order, as they come."""
    from sklearn.utils.parallel import Parallel, delayed

    calls = (delayed(function)(*each) for each in arguments)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    if not verbose or not total:
        return results
    from tqdm import tqdm

    return tqdm(results, label, total)


def _read(file):
    """Songs of the cache, or None if it is not there or damaged."""
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            return json.load(lines)
    except (OSError, EOFError, ValueError, zlib.error):
        return None


def _write(songs, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as unfinished, gzip.open(unfinished, "wt", encoding="utf-8") as lines:
        json.dump(songs, lines, ensure_ascii=False, separators=(",", ":"))
