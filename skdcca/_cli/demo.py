"""Run ``skdcca demo``: tune, cross-validate and save a model, end to end."""

import sys
import tempfile
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.model_selection import GroupKFold, KFold
from tqdm import tqdm

from skdcca import __version__
from skdcca._cli.evaluation import evaluate, gallery_sizes, mean_over_folds, table
from skdcca._cli.output import print_command
from skdcca._cli.song_models import read_songs, song_index, song_model, training_notes
from skdcca._cli.tuning import search_over
from skdcca._utils.files import atomic_write, cache_folder
from skdcca._utils.optional import needed_by
from skdcca.datasets import load_chorales, load_songs, make_songs
from skdcca.metrics import ranks
from skdcca.persistence import save
from skdcca.plotting import RecallDisplay

N_SYNTHETIC = 200
STRENGTH = 0.9
LEAST_SONGS = 30
LEAST_GROUPS = 5
LARGEST_SHARE = 0.4  # largest fraction of the songs that one group may have
N_COMPONENTS = 5
MODEL, INDEX, PLOT = "model.skdcca", "songs.index", "demo.png"
GRID = {"cca__reg": [0.1, 1.0, 10.0]}


def run(options):
    """Run the demo on the manifest in the options, or on synthetic songs and chorales.

    Write a plot, a model and an index to the folder `options.output`.
    """
    start = time.perf_counter()
    output = Path(options.output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FileExistsError(
            f"--output must name a folder, but {output} is a file. Give another name."
        ) from None
    _check_outputs(output, options.overwrite)
    if options.songs is not None:
        results = [_examine("Your songs", _load_own(options.songs, options.encoding))]
    else:
        results = [_synthetic_songs(), *_chorales()]
    _draw(results, output / PLOT)
    _save(results[0], output)
    print(f"\nDone in {time.perf_counter() - start:.0f} s.")


def _check_outputs(output, overwrite):
    for name in (MODEL, INDEX, PLOT):
        if (output / name).exists() and not overwrite:
            raise FileExistsError(
                f"{output / name} exists; give another folder (--output), or --overwrite to replace it."
            )


def _title(text):
    print(f"\n{'=' * 100}\n{text}\n{'=' * 100}")


def _synthetic_songs():
    _title(
        f"{N_SYNTHETIC} synthetic songs: the moods of melody and lyrics correlate at {STRENGTH}. The "
        "ground truth is known, so the model must find it."
    )
    songs = make_songs(N_SYNTHETIC, strength=STRENGTH, random_state=0)
    folder = cache_folder() / f"synthetic-{N_SYNTHETIC}-{STRENGTH}-{__version__}"
    songs.audio = _write(songs, folder)
    result = _examine("Synthetic songs", songs)
    _show_moods(songs, result)
    return result


def _write(songs, folder):
    """Write each waveform to a file, unless the file exists, and return the paths."""
    with needed_by("skdcca demo"):
        import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.flac" for name in songs.ids]
    for path, (waveform, rate) in zip(paths, songs.audio, strict=True):
        if not path.exists():
            with atomic_write(path) as unfinished:
                soundfile.write(unfinished, waveform, rate, format="FLAC")
    return [str(path) for path in paths]


def _chorales():
    if find_spec("music21") is None:
        print('\nSkipping Bach\'s chorales, which need music21: pip install "skdcca[songs]"')
        return []
    songs = load_chorales(n_jobs=-1, verbose=1)
    _title(
        f"{len(songs.audio)} chorales by J. S. Bach with their lyrics: real music, synthesized from the "
        "notes, so the words are not audible."
    )
    n_texts = len(set(songs.lyrics))
    print(f"{n_texts} distinct texts (identical ones tie), {len(set(songs.groups))} hymn tunes.")
    return [_examine("Bach's chorales", songs)]


def _load_own(path, encoding):
    songs = load_songs(path, encoding=encoding)
    sizes = Counter(songs.groups)
    largest, size = sizes.most_common(1)[0]
    n_songs, n_groups = len(songs.audio), len(sizes)
    if n_songs < LEAST_SONGS or n_groups < LEAST_GROUPS or size > LARGEST_SHARE * n_songs:
        raise ValueError(
            f"{path}: the demo needs at least {LEAST_SONGS} songs in at least {LEAST_GROUPS} groups, "
            f"none with more than {LARGEST_SHARE:.0%} of the songs, got {n_songs} songs in {n_groups} "
            f"groups; the largest, {largest}, has {size}. Add songs or correct the column group."
        )
    _title(f"{n_songs} songs from {path}")
    return songs


def _examine(name, songs):
    """Tune, cross-validate and report one collection; return its results for the plot and files."""
    model = song_model("linear", len(songs.audio), memory=str(cache_folder() / "features"))
    read_songs(model.set_params(cca__n_components=N_COMPONENTS), songs, verbose=1)
    with tempfile.TemporaryDirectory() as scratch:
        search = search_over(model, GRID, scratch, n_jobs=-1)
        _explain(search)
        grouped, random, permuted = _cross_validate(search, songs)
        fitted = search.set_params(cv=GroupKFold(5)).fit(
            songs.audio, songs.lyrics, groups=songs.groups
        )
    rows = [
        ("by group", mean_over_folds(grouped)),
        ("random folds", mean_over_folds(random)),
        ("permuted pairs", mean_over_folds(permuted)),
        ("chance", {"chance": mean_over_folds(grouped)["chance"]}),
    ]
    print("\n" + "\n".join(table(rows, gallery_sizes(grouped))))
    print(
        "Means over 5 folds; hyperparameters are tuned within each training set. By group: no artist or "
        "tune is\nin both the training and the test set; trust these scores. Permuted pairs: by group, "
        "with the lyrics\nshuffled among the songs."
    )
    _show_queries(songs, grouped[0])
    return {"name": name, "folds": grouped, "model": fitted.best_estimator_, "songs": songs}


def _explain(search):
    steps = " -> ".join(type(step).__name__ for _, step in search.estimator.steps)
    print(f"\n{steps}\nlyrics: Doc2VecLyrics + LyricsForm -> StandardScaler")
    print(f"GridSearchCV over {search.param_grid}, by mean reciprocal rank")


def _cross_validate(search, songs):
    by_group, at_random = GroupKFold(5), KFold(5, shuffle=True, random_state=0)
    inner_group, inner_random = GroupKFold(2), KFold(2, shuffle=True, random_state=0)
    order = np.random.default_rng(0).permutation(len(songs.lyrics))
    wrong = [songs.lyrics[i] for i in order]
    runs = [
        (by_group, inner_group, songs.groups, songs.lyrics),
        (at_random, inner_random, None, songs.lyrics),
        (by_group, inner_group, songs.groups, wrong),
    ]
    with tqdm(total=5 * len(runs), desc="searches", unit="fold") as bar:
        for outer, inner, groups, lyrics in runs:
            search.set_params(cv=inner)
            yield evaluate(search, songs.audio, lyrics, outer, groups, bar.update)


def _show_queries(songs, fold):
    """Print a few queries, chosen by their position in the fold, whether or not they succeed."""
    scores = fold["scores"].T
    found = ranks(scores)
    print(f"\nLyrics search for their audio among {len(scores)} held-out songs:")
    for query in np.linspace(0, len(scores) - 1, 3).astype(int):
        line = songs.lyrics[fold["test"][query]].splitlines()[0]
        print(f'  "{line[:70]}"')
        for place, item in enumerate(np.argsort(-scores[query])[:3], start=1):
            mark = "   <- correct" if item == query else ""
            print(f"    {place}. {songs.titles[fold['test'][item]][:60]}{mark}")
        print(f"    correct song at rank {found[query]:g} of {len(scores)}")


def _show_moods(songs, result):
    """Print how well the variates of held-out songs predict the moods of the synthetic songs."""
    correlations = np.zeros((2, len(songs.mood_names)))
    for fold in result["folds"]:
        for side, mood in enumerate((songs.audio_mood, songs.lyrics_mood)):
            correlations[side] += _multiple_correlation(fold["embedding"][side], mood[fold["test"]])
    correlations /= len(result["folds"])
    print("\nMoods predicted from the variates of held-out songs (multiple correlation):")
    print(f"{'':10}" + "".join(f"{name:>12}" for name in songs.mood_names))
    for side, values in zip(("audio", "lyrics"), correlations, strict=True):
        print(f"{side:10}" + "".join(f"{value:12.2f}" for value in values))


def _multiple_correlation(z, mood):
    z = np.column_stack([np.ones(len(z)), z])
    residual = mood - z @ np.linalg.lstsq(z, mood, rcond=None)[0]
    return np.sqrt(1 - residual.var(axis=0) / mood.var(axis=0))


def _save(result, output):
    """Save a model and an index of all songs, and suggest the next commands."""
    model, index = output / MODEL, output / INDEX
    songs = result["songs"]
    notes = {"songs": result["name"]}
    save(result["model"], model, notes={**notes, **training_notes(songs)})
    save(song_index(result["model"], songs), index, notes=notes)
    program = sys.argv[0] if Path(sys.argv[0]).name == "skdcca" else "skdcca"
    print(f"\nModel: {model}. Index of its {len(songs.audio)} songs: {index}. Next:")
    print_command("search", index, songs.lyrics[0].splitlines()[0], program=program)
    print_command("serve", index, program=program)


def _draw(results, path):
    if find_spec("matplotlib") is None:
        print('\nSkipping the plot, which needs matplotlib: pip install "skdcca[plot]"')
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5 * len(results), 4.2), layout="constrained")
    axes = figure.subplots(1, len(results), squeeze=False)[0]
    for ax, result in zip(axes, results, strict=True):
        scores = [fold["scores"] for fold in result["folds"]]
        display = RecallDisplay.from_predictions(scores, names=("audio", "lyrics"), ax=ax)
        display.ax_.set(title=result["name"], ylabel="recall@k, folds by group")
    figure.savefig(path, dpi=130)
    print(f"\nPlot: {path}")
