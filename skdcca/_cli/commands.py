"""What the commands of ``skdcca`` do; `skdcca._cli.parser` says how they are called."""

import json
import shlex
import tempfile
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, ParameterGrid
from sklearn.utils import Bunch
from tqdm import tqdm

from skdcca._cli.evaluation import table
from skdcca._cli.song_models import (
    GRIDS,
    LEARNED_FROM,
    fingerprint,
    learned_from,
    read_songs,
    search_over,
    song_index,
    song_model,
)
from skdcca._utils.files import cache_folder
from skdcca.datasets import load_songs
from skdcca.metrics import (
    both_directions,
    chance,
    compare,
    embed,
    inside,
    mrr_scorer,
    variate_correlations,
)
from skdcca.persistence import load, read_header, save
from skdcca.retrieval import CrossModalIndex, FaissNeighbors
from skdcca.retrieval._question import ask, told

LEAST_SONGS = 10
_SPLITS = 3


def fit(options):
    """Learn from the songs of a manifest, and save the model."""
    _check_output(options.output, options.manifest)
    songs = _load_songs(options)
    learned, n_kept = _held_out(songs, options)
    n_songs, n_groups = len(learned.audio), len(set(learned.groups))
    _check_enough(n_songs, n_groups, options)
    print(f"Songs to learn from: {n_songs}, groups: {n_groups}; songs held out: {n_kept}")
    model = song_model(
        options.model,
        n_songs,
        memory=str(cache_folder() / "features"),
        random_state=options.seed,
        verbose=0 if options.quiet else 1,
    )
    print(_steps(model))
    notes = {"manifest": Path(options.manifest).name, "model": options.model, "seed": options.seed}
    read_songs(model, learned, verbose=0 if options.quiet else 1)
    if options.search:
        model, notes["search"] = _search(model, learned, options)
    else:
        model.fit(learned.audio, learned.lyrics)
    print(_correlations(model))
    save(model, options.output, notes={**notes, **learned_from(learned)})
    print(f"Saved {_size(options.output)}. Next:")
    _print_command("evaluate", options.output, options.manifest)
    _print_command("index", options.output, options.manifest, "-o", "songs.index")


def evaluate(options):
    """Measure retrieval in both directions among the songs of a manifest."""
    model, header = _load(options.model_file, "model")
    songs = _load_songs(options)
    songs, kind, n_seen = _to_count(songs, header, options)
    _show_progress(model, options.quiet)
    zx, zy = embed(model, songs.audio, songs.lyrics)
    scores, total = compare(model, zx, zy), float(variate_correlations(zx, zy).sum())
    found, level = both_directions(scores), chance(len(scores))
    if options.json:
        figures = {"n_songs": len(scores), "songs": kind, **found, "chance": level}
        print(json.dumps({**figures, "sum_of_correlations": total}, indent=2))
        return
    known = "" if n_seen is None else f" (of the manifest, {n_seen} were)"
    print(f"{len(scores)} songs, {kind}{known}\n")
    rows = [("this model", {**found, "chance": level}), ("chance", {"chance": level})]
    print("\n".join(table(rows, len(scores))))
    print(f"\nSum of the correlations of {zx.shape[1]} components: {total:.2f}")
    if kind != "not learned from":
        print(
            "Figures of songs that a model has learned from flatter it. Hold some out (skdcca fit "
            "--hold-out 0.2), or give a manifest of others."
        )


def index(options):
    """Make the songs of a manifest searchable."""
    _check_output(options.output, options.manifest, options.model_file)
    model, _ = _load(options.model_file, "model")
    songs = _load_songs(options)
    _show_progress(model, options.quiet)
    made = song_index(model, songs, FaissNeighbors() if options.faiss else None)
    _show_progress(model, quiet=True)  # queries are answered without a bar
    save(made, options.output, notes={"manifest": Path(options.manifest).name})
    print(f"{len(songs.ids)} songs. Saved {_size(options.output)}. Next:")
    _print_command("search", options.output, "a line of lyrics")
    _print_command("search", options.output, "--audio", "clip.wav")
    _print_command("serve", options.output)


def search(options):
    """Find songs for a line of lyrics, or lyrics for a sound."""
    found, _ = _load(options.index_file, "index")
    view, query = ("x", options.audio) if options.audio is not None else ("y", options.lyrics)
    if view == "y" and not query.strip():
        raise ValueError("the line of lyrics is empty")
    searched = found.zx_ if view == "y" else found.zy_
    if searched is None:
        side = "sounds, so no lyrics can" if view == "y" else "lyrics, so no sound can"
        raise ValueError(f"{options.index_file} has no {side} ask for them")
    answer = ask(found, view, query, options.number)
    if options.json:
        print(json.dumps(_as_json(found, answer), indent=2, ensure_ascii=False))
    else:
        _print_answer(found, answer, view)


def inspect(options):
    """Say what is in a file."""
    header = read_header(options.file)
    notes = {key: value for key, value in header["notes"].items() if key != LEARNED_FROM}
    print(f"{_size(options.file)}, {header['class']}, written by skdcca {header['skdcca']}")
    for key, value in notes.items():
        _show(f"  {key}: {value if isinstance(value, (str, int, float)) else json.dumps(value)}")
    found = load(options.file)
    if isinstance(found, CrossModalIndex):
        views = {"audio": found.zx_, "lyrics": found.zy_}
        given = " and ".join(name for name, z in views.items() if z is not None)
        print(f"index of the {given} of {len(found.ids_)} items")
        found = found.estimator
    if _is_model(found):
        print(_steps(found))
        print(_correlations(found))
    print(f"\n{found}")


def serve(options):
    """Show the page of an index in the browser."""
    from skdcca.web import serve

    found, _ = _load(options.index_file, "index")
    serve(found, host=options.host, port=options.port)


def demo(options):
    """Run the demonstration."""
    from skdcca._cli.demo import run

    run(options.songs, options.output)


# Songs


def _load_songs(options):
    try:
        return load_songs(options.manifest, on_error=options.on_error)
    except ValueError as error:  # in the words of the command line
        raise ValueError(str(error).replace('pass on_error="skip"', "give --skip-bad")) from error


def _held_out(songs, options):
    """Songs to learn from, and how many are held out, whole groups at a time."""
    share = options.hold_out
    if not 0 <= share < 1:
        raise ValueError(f"--hold-out {share}; it must be a share from 0 to below 1")
    if share == 0:
        return songs, 0
    n_groups = len(set(songs.groups))
    n_kept = max(1, round(share * n_groups))
    if n_kept >= n_groups:
        raise ValueError(
            f"--hold-out {share} keeps whole groups apart, and leaves none to learn from of the "
            f"{n_groups} in {options.manifest} (its column group)"
        )
    splitter = GroupShuffleSplit(1, test_size=n_kept, random_state=options.seed)
    train, test = next(splitter.split(songs.audio, groups=songs.groups))
    return _rows(songs, train), len(test)


def _check_enough(n_songs, n_groups, options):
    if n_songs < LEAST_SONGS:
        raise ValueError(
            f"{options.manifest}: {n_songs} songs to learn from; it takes {LEAST_SONGS} at least, and "
            "hundreds to learn something"
        )
    if options.search and n_groups < _SPLITS:
        raise ValueError(
            f"{options.manifest}: {n_groups} groups to learn from (its column group, less --hold-out); "
            f"--search takes {_SPLITS} folds by group, so {_SPLITS} groups at least"
        )


def _to_count(songs, header, options):
    """Songs to measure with, what they are to the model, and how many of all it has learned from."""
    learned = header["notes"].get(LEARNED_FROM)
    if learned is None:
        kind, n_seen = "not known whether learned from", None
    else:
        seen = np.isin([fingerprint(text) for text in songs.lyrics], learned)
        kind, n_seen = _kind(seen), int(seen.sum())
        if kind == "some learned from" and not options.all:
            songs, kind = _rows(songs, ~seen), "not learned from"
    if len(songs.audio) < 2:
        every = "; --all counts the others too" if n_seen else ""
        raise ValueError(
            f"{options.manifest}: {len(songs.audio)} song, {kind}; retrieval needs 2 at least{every}"
        )
    return songs, kind, n_seen


def _kind(seen):
    if seen.all():
        return "learned from"
    return "some learned from" if seen.any() else "not learned from"


def _rows(songs, rows):
    """The same songs, some of them; `rows` are places or a mask."""
    places = np.arange(len(songs.audio))[rows]
    part = {key: [songs[key][i] for i in places] for key in ("audio", "lyrics", "ids", "titles")}
    return Bunch(**part, groups=songs.groups[places])


# Models


def _search(model, songs, options):
    """The best of a grid by folds in which no group is torn apart, and how it fared."""
    folds = list(GroupKFold(_SPLITS).split(songs.audio, groups=songs.groups))
    grid = GRIDS[options.model]
    n_candidates = len(ParameterGrid(grid))
    quiet = clone(model)
    if "cca__verbose" in quiet.get_params():
        quiet.set_params(cca__verbose=0)  # of many fits, the bar of the search is enough
    with (
        tempfile.TemporaryDirectory() as scratch,
        tqdm(total=n_candidates * _SPLITS, desc="search", unit="fit", disable=options.quiet) as bar,
    ):

        def scored(*arguments):
            bar.update()
            return mrr_scorer(*arguments)

        search = search_over(quiet, grid, scratch, scoring=scored, cv=folds)
        search.fit(songs.audio, songs.lyrics)
    best = {key.removeprefix("cca__"): value for key, value in search.best_params_.items()}
    gallery = min(len(test) for _, test in folds)
    result = {
        "best": best,
        "mrr": float(search.best_score_),
        "chance": chance(gallery)["mrr"],
        "gallery": gallery,
    }
    _print_best(result, n_candidates)
    return search.best_estimator_, result


def _print_best(result, n_candidates):
    chosen = ", ".join(f"{key}={value}" for key, value in result["best"].items())
    print(
        f"Chosen of {n_candidates}: {chosen}. MRR {result['mrr']:.3f} in {_SPLITS} folds by group, "
        f"chance {result['chance']:.3f} (gallery {result['gallery']}); the best of those tried, so a "
        "little flattering"
    )


def _load(path, kind):
    """A model or an index, and its header; the wrong one of the two is told."""
    header = read_header(path)
    is_index = header["class"].endswith(".CrossModalIndex")
    if kind == "index" and not is_index:
        raise ValueError(f"{path} holds a model; make an index of it first: skdcca index")
    if kind == "model" and is_index:
        raise ValueError(f"{path} holds an index; give the model that it was made of")
    found = load(path)
    if not _is_model(found.estimator if is_index else found):
        raise ValueError(f"{path} holds {header['class']}, which is no fitted model of two views")
    return found, header


def _is_model(estimator):
    """Whether there is a fitted canonical correlation model inside."""
    try:
        return hasattr(inside(estimator)[1], "canonical_correlations_")
    except TypeError:
        return False


def _show_progress(model, quiet):
    """Let the steps that read songs show a bar, two of them at a time."""
    steps = [step for part in inside(model)[0] for step in part.named_steps.values()]
    for step in steps:
        if {"n_jobs", "verbose"} <= set(step.get_params()):
            step.set_params(n_jobs=None if quiet else -1, verbose=0 if quiet else 1)


def _steps(model):
    """The way of a song, and that of its lyrics, in the names of the steps."""
    before, cca = inside(model)
    steps = [step for part in before for step in part.named_steps.values()]
    lyrics = _names(getattr(cca, "y_transformer", None))
    return " -> ".join(type(step).__name__ for step in [*steps, cca]) + f"\nlyrics: {lyrics}"


def _names(transformer):
    if hasattr(transformer, "steps"):
        return " -> ".join(_names(step) for _, step in transformer.steps)
    if hasattr(transformer, "transformer_list"):
        return " + ".join(_names(part) for _, part in transformer.transformer_list)
    return type(transformer).__name__ if transformer is not None else "numbers as they are"


def _correlations(model):
    _, model = inside(model)
    train = ", ".join(f"{r:.2f}" for r in model.canonical_correlations_)
    lines = [f"canonical correlations of the training songs: {train}"]
    held_out = getattr(model, "validation_correlations_", None)
    if held_out is not None:
        lines.append(f"of held-out songs: {', '.join(f'{r:.2f}' for r in held_out)}")
    return "\n".join(lines)


# Files


def _check_output(path, *inputs):
    """Find out before hours of work that the result cannot be written, or would destroy something."""
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"-o {str(path)!r} is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"-o {path}: the folder {path.parent} does not exist")
    if path.exists():
        if any(Path(given).exists() and path.samefile(given) for given in inputs):
            raise ValueError(f"-o {path} is what is read; give the result another name")
        try:
            read_header(path)
        except ValueError as error:
            raise ValueError(
                f"-o {path} exists and is no file of skdcca; give another name, or remove it"
            ) from error
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise OSError(
            f"-o {path}: nothing can be written to {path.parent} ({error.strerror})"
        ) from error


def _size(path):
    size = Path(path).stat().st_size
    return f"{path} ({size / 1e6:.1f} MB)" if size > 1e5 else f"{path} ({size / 1e3:.0f} kB)"


# What is printed


def _print_command(*arguments):
    """What to type next, ready for a shell."""
    print(f"  {shlex.join(['skdcca', *map(str, arguments)])}")


def _show(line):
    """Print what may come from a stranger's file, without what would steer a terminal."""
    print(
        "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)
    )


def _as_json(found, answer):
    above = answer.above or [None] * len(answer.ids)
    results = [
        {**found.metadata_.get(name, {}), "id": name, "score": score, "above_chance": more}
        for name, score, more in zip(answer.ids, answer.scores, above, strict=True)
    ]
    told = {"chance_score": answer.level, "understood": answer.understood}
    return {**told, "results": results}


def _print_answer(found, answer, view):
    for place, (name, score) in enumerate(zip(answer.ids, answer.scores, strict=True), start=1):
        about = found.metadata_.get(name, {})
        title = (told(about, "title").strip() or str(name))[:60]
        group = told(about, "group")
        by = f"  ({group[:40]})" if group not in ("", str(name)) else ""
        _show(f"{place:3}. {score:7.3f}  {title}{by}")
        shown = (
            told(about, "lyrics").strip().partition("\n")[0]
            if view == "x"
            else told(about, "audio")
        )
        if shown:
            _show(f"{'':14}{shown[:100]}")
    for note in answer.notes:
        print(f"\n{note}")
    if answer.above:
        print(f"\n{_judgement(answer, view, len(found.ids_))}")


def _judgement(answer, view, n_items):
    """Whether what was found is more than chance, in a sentence."""
    if not answer.understood:
        return "The model knows none of these words, so nothing found means anything."
    asked, level = "sounds" if view == "x" else "lyrics", f"{answer.level:.3f}"
    if any(answer.above):
        return f"{sum(answer.above)} above {level}, the level that 95 % of unrelated {asked} stay below."
    return (
        f"Nothing here stands out: 95 % of {asked} that belong to none of these {n_items} songs reach "
        f"up to {level}. More lines, or a longer sound, tell more."
    )
