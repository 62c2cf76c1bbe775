"""What the commands of ``skdcca`` do; `skdcca.cli` says how they are called."""

import json
import tempfile
from hashlib import sha256
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, ParameterGrid
from sklearn.utils import Bunch
from tqdm import tqdm

from skdcca._cache import cache_folder
from skdcca._evaluation import table
from skdcca._recipes import GRIDS, search_over, song_index, song_model
from skdcca.datasets import load_songs
from skdcca.metrics import (
    _inside,
    both_directions,
    chance,
    compare,
    embed,
    mrr_scorer,
    variate_correlations,
)
from skdcca.persistence import load, read_header, save
from skdcca.retrieval import CrossModalIndex, FaissNeighbors

LEAST_SONGS = 10
_SPLITS = 3


def fit(options):
    """Learn from the songs of a manifest, and save the model."""
    _check_output(options.output)
    songs = load_songs(options.manifest, on_error=options.on_error)
    learned, kept_out = _held_out(songs, options.hold_out, options.seed)
    n_songs, n_groups = len(learned.audio), len(set(learned.groups))
    if n_songs < LEAST_SONGS:
        raise ValueError(
            f"{options.manifest}: {n_songs} songs to learn from; it takes {LEAST_SONGS} at least, and "
            "hundreds to learn something"
        )
    print(f"{n_songs} songs to learn from, in {n_groups} groups; {kept_out} held out")
    verbose = 0 if options.quiet else 1
    memory = str(cache_folder() / "features")
    model = song_model(
        options.model, n_songs, memory=memory, random_state=options.seed, verbose=verbose
    )
    print(_steps(model))
    notes = {
        "manifest": Path(options.manifest).name,
        "model": options.model,
        "n_songs": n_songs,
        "seed": options.seed,
        "learned_from": [_fingerprint(text) for text in learned.lyrics],
    }
    if options.search:
        model, notes["search"] = _search(model, learned, options)
    else:
        model.fit(learned.audio, learned.lyrics)
    print(_correlations(model))
    save(model, options.output, notes=notes)
    print(f"Saved {_size(options.output)}. Next:")
    print(f"  skdcca evaluate {options.output} {options.manifest}")
    print(f"  skdcca index {options.output} {options.manifest} -o songs.index")


def evaluate(options):
    """Measure retrieval in both directions among the songs of a manifest."""
    model, header = _load(options.model_file, "model")
    songs = load_songs(options.manifest, on_error=options.on_error)
    seen = _seen(songs, header)
    if seen.any() and not seen.all() and not options.all:
        songs, kind = _rows(songs, ~seen), "not learned from"
    else:
        kind = _kind(seen)
    if len(songs.audio) < 2:
        raise ValueError(
            f"{options.manifest}: {len(songs.audio)} song {kind}; retrieval needs 2 at least"
        )
    _show_progress(model, options.quiet)
    zx, zy = embed(model, songs.audio, songs.lyrics)
    scores, total = compare(model, zx, zy), float(variate_correlations(zx, zy).sum())
    found, level = both_directions(scores), chance(len(scores))
    if options.json:
        figures = {"n_songs": len(scores), "songs": kind, **found, "chance": level}
        print(json.dumps({**figures, "sum_of_correlations": total}, indent=2))
        return
    rows = [("this model", {**found, "chance": level}), ("chance", {"chance": level})]
    print(f"{len(scores)} songs {kind}; {int(seen.sum())} of the manifest were learned from\n")
    print("\n".join(table(rows, len(scores))))
    print(f"\nSum of the correlations of {zx.shape[1]} components: {total:.2f}")
    if kind == "learned from":
        print(
            "These figures flatter the model: it has learned from these very songs. Hold some out "
            "(skdcca fit --hold-out 0.2), or give a manifest of others."
        )


def index(options):
    """Make the songs of a manifest searchable."""
    _check_output(options.output)
    model, _ = _load(options.model_file, "model")
    songs = load_songs(options.manifest, on_error=options.on_error)
    _show_progress(model, options.quiet)
    neighbors = FaissNeighbors() if options.faiss else None
    made = song_index(model, songs, neighbors)
    save(made, options.output, notes={"manifest": Path(options.manifest).name})
    print(f"{len(songs.ids)} songs. Saved {_size(options.output)}. Next:")
    print(f'  skdcca search {options.output} "a line of lyrics"')
    print(f"  skdcca search {options.output} --audio clip.wav")
    print(f"  skdcca serve {options.output}")


def search(options):
    """Find songs for a line of lyrics, or lyrics for a sound."""
    found, _ = _load(options.index_file, "index")
    if options.audio is not None:
        view, query = "x", {"X": [options.audio]}
    else:
        if not options.lyrics.strip():
            raise ValueError("the line of lyrics is empty")
        view, query = "y", {"y": [options.lyrics]}
    n = min(options.number, len(found.ids_))
    scores, ids = found.query(**query, n_neighbors=n)
    level = found.chance_score(view)
    results = [_result(found, *one) for one in zip(ids[0].tolist(), scores[0], strict=True)]
    if options.json:
        print(json.dumps({"chance_score": level, "results": results}, indent=2, ensure_ascii=False))
    else:
        _print_results(results, level, view, len(found.ids_))


def inspect(options):
    """Say what is in a file."""
    header = read_header(options.file)
    notes = dict(header["notes"])
    notes.pop("learned_from", None)
    print(f"{_size(options.file)}, {header['class']}, written by skdcca {header['skdcca']}")
    for key, value in notes.items():
        print(f"  {key}: {value if isinstance(value, (str, int, float)) else json.dumps(value)}")
    found = load(options.file)
    if isinstance(found, CrossModalIndex):
        views = {"audio": found.zx_, "lyrics": found.zy_}
        given = " and ".join(name for name, z in views.items() if z is not None)
        print(f"index of the {given} of {len(found.ids_)} items")
        found = found.estimator
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
    from skdcca._demo import run

    run(options.songs, options.output)


def _search(model, songs, options):
    """The best of a grid by folds in which no group is torn apart, and how it fared."""
    n_groups = len(set(songs.groups))
    if n_groups < _SPLITS:
        raise ValueError(
            f"{n_groups} groups; --search takes {_SPLITS} folds, so {_SPLITS} at least"
        )
    folds = list(GroupKFold(_SPLITS).split(songs.audio, groups=songs.groups))
    # Once, with a progress bar; the folds read the cache.
    model["mel"].fit_transform(songs.audio)
    model.set_params(mel__verbose=0)
    quiet = clone(model).set_params(
        **{key: 0 for key in model.get_params() if key == "cca__verbose"}
    )
    grid = GRIDS[options.model]
    n_candidates = len(ParameterGrid(grid))
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
    level = chance(gallery)["mrr"]
    chosen = ", ".join(f"{key}={value}" for key, value in best.items())
    print(
        f"Chosen of {n_candidates}: {chosen}. MRR {search.best_score_:.3f} in {_SPLITS} folds by "
        f"group, chance {level:.3f} (gallery {gallery}); the best of those tried, so a little flattering"
    )
    return search.best_estimator_, {"best": best, "mrr": float(search.best_score_), "chance": level}


def _held_out(songs, share, seed):
    """Songs to learn from, and how many are held out, whole groups at a time."""
    if not 0 <= share < 1:
        raise ValueError(f"--hold-out {share}; it must be a share from 0 to below 1")
    if share == 0:
        return songs, 0
    if len(set(songs.groups)) < 2:
        raise ValueError(
            "--hold-out keeps whole groups apart, and these songs are all of one group"
        )
    splitter = GroupShuffleSplit(1, test_size=share, random_state=seed)
    train, test = next(splitter.split(songs.audio, groups=songs.groups))
    return _rows(songs, train), len(test)


def _rows(songs, rows):
    """The same songs, some of them; `rows` are places or a mask."""
    places = np.arange(len(songs.audio))[rows]
    part = {key: [songs[key][i] for i in places] for key in ("audio", "lyrics", "ids", "titles")}
    return Bunch(**part, groups=songs.groups[places])


def _fingerprint(text):
    return sha256(text.encode()).hexdigest()[:12]


def _seen(songs, header):
    """Which songs have lyrics that the model learned from."""
    learned = set(header["notes"].get("learned_from", []))
    return np.array([_fingerprint(text) in learned for text in songs.lyrics])


def _kind(seen):
    if seen.all():
        return "learned from"
    return "not learned from" if not seen.any() else "some learned from"


def _load(path, kind):
    """A model or an index, and its header; the wrong one of the two is told."""
    header = read_header(path)
    is_index = header["class"].endswith(".CrossModalIndex")
    if kind == "index" and not is_index:
        raise ValueError(f"{path} holds a model; make an index of it first: skdcca index")
    if kind == "model" and is_index:
        raise ValueError(f"{path} holds an index; give the model that it was made of")
    return load(path), header


def _check_output(path):
    """Find out before hours of work that the result could not be written."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise FileNotFoundError(
            f"folder {folder} does not exist, so {path} cannot be written there"
        )
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file")


def _show_progress(model, quiet):
    """Let the songs that are read show a bar; two processors read twice as many."""
    for step in getattr(model, "named_steps", {}).values():
        if {"n_jobs", "verbose"} <= set(step.get_params()):
            step.set_params(n_jobs=-1, verbose=0 if quiet else 1)


def _steps(model):
    """The way of a song, and that of its lyrics, in the names of the steps."""
    before, cca = _inside(model)
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
    _, model = _inside(model)
    train = ", ".join(f"{r:.2f}" for r in model.canonical_correlations_)
    lines = [f"canonical correlations of the training songs: {train}"]
    held_out = getattr(model, "validation_correlations_", None)
    if held_out is not None:
        lines.append(f"of held-out songs: {', '.join(f'{r:.2f}' for r in held_out)}")
    return "\n".join(lines)


def _size(path):
    size = Path(path).stat().st_size
    return f"{path} ({size / 1e6:.1f} MB)" if size > 1e5 else f"{path} ({size / 1e3:.0f} kB)"


def _result(found, name, score):
    about = found.metadata_.get(name, {})
    return {"id": name, "score": round(float(score), 4), **about}


def _print_results(results, level, view, n_items):
    for place, result in enumerate(results, start=1):
        title = str(result.get("title", result["id"]))[:60]
        group = result.get("group")
        by = f"  ({str(group)[:40]})" if group not in (None, result["id"]) else ""
        print(f"{place:3}. {result['score']:7.3f}  {title}{by}")
        line = result.get("lyrics", "").strip().partition("\n")[0] if view == "x" else ""
        line = line if view == "x" else result.get("audio", "")
        if line:
            print(f"{'':14}{line[:100]}")
    asked = "sounds" if view == "x" else "lyrics"
    if level is None:
        return
    if not results or results[0]["score"] <= level:
        print(
            f"\nNothing here stands out: 95 % of {asked} that belong to none of these {n_items} songs "
            f"reach up to {level:.3f}. More lines, or a longer sound, tell more."
        )
    else:
        n_above = sum(result["score"] > level for result in results)
        print(
            f"\n{n_above} above {level:.3f}, the level that 95 % of unrelated {asked} stay below."
        )
