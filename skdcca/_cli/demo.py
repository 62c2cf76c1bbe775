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
from skdcca._cli.demo_searches import print_title, show_searches, show_spoken_songs, write_audio
from skdcca._cli.evaluation import evaluate, gallery_sizes, mean_over_folds, table
from skdcca._cli.output import print_command
from skdcca._cli.song_models import (
    features_folder,
    read_songs,
    song_index,
    song_model,
    training_notes,
)
from skdcca._cli.songs import select_songs
from skdcca._cli.tuning import search_over
from skdcca._utils.files import cache_folder
from skdcca.datasets import load_chorales, load_songs, make_songs
from skdcca.persistence import save
from skdcca.plotting import RecallDisplay

N_SYNTHETIC = 200
STRENGTH = 0.9
N_FOLDS = 5
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
    _search(results[0], output)
    if options.songs is None:
        show_spoken_songs(cache_folder() / f"spoken-{__version__}", options.whisper)
    print(f"\nDone in {time.perf_counter() - start:.0f} s.")


def _check_outputs(output, overwrite):
    for name in (MODEL, INDEX, PLOT):
        if (output / name).exists() and not overwrite:
            raise FileExistsError(
                f"{output / name} exists; give another folder (--output), or --overwrite to replace it."
            )


def _synthetic_songs():
    print_title(
        f"{N_SYNTHETIC} synthetic songs: the moods of melody and lyrics correlate at {STRENGTH}. The "
        "ground truth is known, so the model must find it."
    )
    songs = make_songs(N_SYNTHETIC, strength=STRENGTH, random_state=0)
    folder = cache_folder() / f"synthetic-{N_SYNTHETIC}-{STRENGTH}-{__version__}"
    songs.audio = write_audio(songs, folder)
    result = _examine("Synthetic songs", songs)
    _show_moods(songs, result)
    return result


def _chorales():
    if find_spec("music21") is None:
        print('\nSkipping Bach\'s chorales, which need music21: pip install "skdcca[songs]"')
        return []
    songs = load_chorales(n_jobs=-1, verbose=1)
    print_title(
        f"{len(songs.audio)} chorales by J. S. Bach with their lyrics: real music, synthesized from the "
        "notes, so the words are not audible."
    )
    n_texts = len(set(songs.lyrics))
    print(f"{n_texts} distinct texts (identical ones tie), {len(set(songs.groups))} hymn tunes.")
    return [_examine("Bach's chorales", songs, tuned=False)]


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
    print_title(f"{n_songs} songs from {path}")
    return songs


def _examine(name, songs, tuned=True):
    """Cross-validate and report one collection; return its results for the plot and files.

    If `tuned`, hyperparameters are searched within each training set, and the result has a model that is
    fitted to all songs but those of the first fold.
    """
    model = song_model("linear", len(songs.audio), memory=features_folder())
    read_songs(model.set_params(cca__n_components=N_COMPONENTS), songs, verbose=1)
    with tempfile.TemporaryDirectory() as scratch:
        search = search_over(model, GRID, scratch, n_jobs=-1)
        _explain(search, tuned)
        grouped, random, permuted = _cross_validate(search if tuned else search.estimator, songs)
    rows = [
        ("by group", mean_over_folds(grouped)),
        ("random folds", mean_over_folds(random)),
        ("permuted pairs", mean_over_folds(permuted)),
        ("chance", {"chance": mean_over_folds(grouped)["chance"]}),
    ]
    print("\n" + "\n".join(table(rows, gallery_sizes(grouped))))
    if tuned:
        print("Hyperparameters are tuned within each training set.")
    print(
        f"Means over {N_FOLDS} folds. By group: no artist or tune is in both the training and the test "
        "set; trust\nthese scores. Permuted pairs: by group, with the lyrics shuffled among the songs."
    )
    return {"name": name, "folds": grouped, "model": model, "songs": songs}


def _explain(search, tuned):
    steps = " -> ".join(type(step).__name__ for _, step in search.estimator.steps)
    print(f"\n{steps}\nlyrics: Doc2VecLyrics + LyricsForm -> StandardScaler")
    if tuned:
        print(f"GridSearchCV over {search.param_grid}, by mean reciprocal rank")


def _cross_validate(model, songs):
    by_group, at_random = GroupKFold(N_FOLDS), KFold(N_FOLDS, shuffle=True, random_state=0)
    inner_group, inner_random = GroupKFold(2), KFold(2, shuffle=True, random_state=0)
    order = np.random.default_rng(0).permutation(len(songs.lyrics))
    wrong = [songs.lyrics[i] for i in order]
    runs = [
        (by_group, inner_group, songs.groups, songs.lyrics),
        (at_random, inner_random, None, songs.lyrics),
        (by_group, inner_group, songs.groups, wrong),
    ]
    with tqdm(total=N_FOLDS * len(runs), desc="cross-validation", unit="fold") as bar:
        for outer, inner, groups, lyrics in runs:
            if hasattr(model, "param_grid"):
                model.set_params(cv=inner)
            yield evaluate(model, songs.audio, lyrics, outer, groups, bar.update)


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


def _search(result, output):
    """Search for a held-out song, and save the model and the index of all songs.

    The model is fitted to the training songs of the first fold, with the parameters chosen there.
    """
    songs, fold = result["songs"], result["folds"][0]
    training = select_songs(songs, np.setdiff1d(np.arange(len(songs.audio)), fold["test"]))
    model = result["model"].set_params(**fold["params"]).fit(training.audio, training.lyrics)
    index = song_index(model, songs)
    print_title(
        f"Search among all {len(songs.audio)} songs, for one of the {len(fold['test'])} that the model "
        "was not trained on"
    )
    show_searches(index, songs, fold["test"])
    notes = {"songs": result["name"]}
    save(model, output / MODEL, notes={**notes, **training_notes(training)})
    save(index, output / INDEX, notes=notes)
    program = sys.argv[0] if Path(sys.argv[0]).name == "skdcca" else "skdcca"
    print(f"\nModel: {output / MODEL}. Index: {output / INDEX}. Next:")
    print_command("search", output / INDEX, songs.lyrics[0].splitlines()[0], program=program)
    print_command("serve", output / INDEX, program=program)


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
