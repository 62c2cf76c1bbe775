"""Compare all systems on real songs: audio branch, correlation model and text features.

The audio branch is one of: statistics of a spectrogram over time, a pretrained network, the dynamics of
each frequency band over the whole song, its form, all of them, the states of the encoder of a speech
recognizer ("states"), or convolutions trained end to end. The
models are linear, kernel and deep CCA. "aligned" trains convolutions over the spectrogram and over the
characters of the lyrics jointly, and compares both step by step in time. "frozen" is the same with
random, untrained audio convolutions, and "shuffled" the same with the frames of every song in random
order. "joint" uses Doc2vec and fully connected layers for the lyrics, as in the paper.

Each cell is the result of five outer folds, random or by group (composer, tune), with hyperparameters
tuned by three inner folds of the training set. Networks trained end to end are not tuned, because each
fit takes minutes. Scores are means over both directions; the interval is a bootstrap over groups of the
reciprocal ranks of all folds. "Permuted" are linear models with randomly permuted lyrics. "chosen" is
the cell with the best inner score in each outer fold (networks trained end to end are not candidates).

Finished cells are cached, so that an interrupted run can be resumed. `--report` prints and draws the
cached cells.

    python benchmarks/paper_table.py --data DATA [--collections chants ...] [--quick]
    python benchmarks/paper_table.py --data DATA --report [--figure FILE.png]
"""

import json

import joblib
import numpy as np
from scipy import stats
from sklearn.metrics import label_ranking_average_precision_score
from threadpoolctl import threadpool_limits

from skdcca import tokenize
from skdcca.metrics import chance, ranks

from _common.arguments import add_song_options, data_folder, make_parser
from _common.audio_features import PRETRAINED, audio_transformers, features
from _common.cache import keyed_file
from _common.folds import folds
from _common.internals import (
    atomic_write,
    cache_folder,
    evaluate,
    gallery_sizes,
    mean_over_folds,
)
from _common.intervals import interval
from _common.songs import COLLECTIONS, load_collection, seconds_of
from _common.systems import END_TO_END, MODELS, searched_model, system
from _common.table import print_head, print_row
from _common.texts import SENTENCES, TEXTS, sentence_rows, text_transformer

# Increase it when the result of a cell changes, so that cached cells are measured again.
VERSION = 2
ALL = "summary + MTT_musicnn + dynamics"
TWO = "summary + dynamics"
AUDIO = ["summary", "MTT_musicnn", "dynamics", ALL]
SPLITS = ["by group", "random"]
COLUMNS = ["songs", "folds", "audio", "model", "text", "gallery", "MRR", "95 %", "recall@1"]
COLUMNS += ["recall@10", "median rank", "chance", "categories: mean average precision (chance)"]
# Labels of each song that serve as categories.
LABELS = {"lieder": ["lang", "group"], "windows": ["lang", "group"], "chants": ["category", "mode"]}
LABELS["hymns"] = ["category"]
SMALL_GALLERY = {"chants": 160}  # also measured in galleries of this size, drawn from each fold


def main():
    options = parse_arguments()
    data, cache = data_folder(options.data), cache_folder(options.cache)
    print_head(*COLUMNS)
    best, found = {}, {}
    for name in options.collections:
        songs = load_collection(name, data, cache, options.songs)
        for cell in cells(options):
            result = cached(cell, name, songs, cache, options)
            if result is None:
                continue
            found[name, *cell.values()] = result
            print_row(*row(name, cell, result))
            if cell["rows"] == "paired":
                key = name, cell["split"]
                best[key] = max(best.get(key, 0.0), result["mrr"])
        groups = [song["group"] for song in songs]
        for split in SPLITS:
            print_chosen(name, split, groups, found)
        print_differences(found, name, groups)
        print_unshared(found, name, songs)
    for (name, split), value in best.items():
        print(f"best of the table, seen on the test folds[{name}, {split}]={value:.4f}")
    if options.figure and found:
        draw(found, options.figure)


def parse_arguments():
    parser = make_parser(__doc__, "120 hymns, a few cells; under 60 s")
    add_song_options(parser)
    parser.add_argument("--collections", nargs="+", choices=COLLECTIONS, default=COLLECTIONS)
    parser.add_argument("--audio", nargs="+", default=AUDIO)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--texts", nargs="+", default=["Doc2vec", "Doc2vec + form"])
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=SPLITS)
    parser.add_argument("--sentences", help="Python of `make sentences`, for texts by its encoder")
    parser.add_argument(
        "--songs", type=int, help="songs of a collection, evenly spaced (default: all)"
    )
    parser.add_argument("--report", action="store_true", help="only the cells in the cache")
    parser.add_argument("--figure", help="file to draw the intervals into")
    options = parser.parse_args()
    if options.quick:
        options.collections, options.models, options.songs = ["hymns"], ["linear", "kernel"], 120
        options.texts, options.splits, options.audio = ["tf-idf"], ["by group"], ["summary"]
    if options.report:
        options.audio = [*AUDIO, TWO, "form", "states", *PRETRAINED[1:]]
        options.models, options.splits = [*MODELS, *END_TO_END], SPLITS
        options.texts = [*TEXTS, *SENTENCES]
    return options


def cells(options):
    """Yield the cells measured on every collection, cheapest first."""
    for split in options.splits:
        for model in options.models:
            for audio, text in pairings(model, options):
                cell = {"split": split, "audio": audio, "model": model, "text": text}
                yield cell | {"rows": "paired"}
        if "linear" in options.models:
            one = [(options.audio[0], options.texts[-1])]
            for audio, text in pairings("linear", options) if options.report else one:
                control = {"split": split, "audio": audio, "model": "linear", "text": text}
                yield control | {"rows": "permuted"}


def pairings(model, options):
    """Return the pairs of audio and text features that a model is measured on."""
    if model == "joint":
        return [("end-to-end", "Doc2vec + form")]
    if model in END_TO_END:
        return [("end-to-end", "characters")]
    return [(audio, text) for audio in options.audio for text in options.texts]


def cached(cell, name, songs, cache, options):
    """Return the result of a cell, measured unless cached; with ``--report``, None if not cached."""
    ids = [song["id"] for song in songs]
    texts = [song["lyrics"] for song in songs]
    audio = repr(audio_transformers(cell["audio"], seconds_of(name)))
    text = repr(text_transformer(cell["text"], name)), joblib.hash(texts)
    key = json.dumps([VERSION, cell, ids, audio, text, repr(system(cell["model"], name))])
    file = keyed_file(cache / "paper_table", key, suffix=".json")
    if not file.exists():
        if options.report:
            return None
        result = measure(cell, name, songs, cache, options)
        with atomic_write(file) as unfinished:
            unfinished.write_text(json.dumps(result))
    return json.loads(file.read_text())


def measure(cell, name, songs, cache, options):
    """Evaluate a cell in five outer folds and summarize it."""
    X = features(cell["audio"], songs, seconds_of(name), cache, options.n_jobs)
    lyrics = [song["lyrics"] for song in songs]
    if cell["text"] in SENTENCES:
        lyrics = sentence_rows(cell["text"], lyrics, cache, options.sentences)
    if cell["rows"] == "permuted":
        order = np.random.default_rng(0).permutation(len(songs))
        lyrics = [lyrics[i] for i in order]
    groups = np.array([song["group"] for song in songs])
    by_group = cell["split"] == "by group"
    with threadpool_limits(1, user_api="blas"):
        model = searched_model(cell, name, len(songs), folds(3, by_group), options.n_jobs)
        found = evaluate(model, X, lyrics, folds(5, by_group), groups if by_group else None)
    return summary(found, songs, groups, LABELS.get(name, []), SMALL_GALLERY.get(name))


def summary(found, songs, clusters, labels, small):
    """Return fold means, the interval, and the precision of categories next to chance."""
    reciprocal = np.empty(len(songs))
    for fold in found:
        scores = fold["scores"]
        reciprocal[fold["test"]] = (1 / ranks(scores) + 1 / ranks(scores.T)) / 2
    means = mean_over_folds(found)
    ways = means["x_to_y"], means["y_to_x"]
    result = {name: float(np.mean([way[name] for way in ways])) for name in ways[0]}
    result |= {
        "interval": interval(reciprocal, clusters),
        "gallery": gallery_sizes(found),
        "chance": means["chance"]["mrr"],
        "folds": [(f["x_to_y"]["mrr"] + f["y_to_x"]["mrr"]) / 2 for f in found],
        "inner": [None if f["inner_score"] is None else float(f["inner_score"]) for f in found],
        "chosen": [{k: v for k, v in f["params"].items() if not hasattr(v, "fit")} for f in found],
        "tests": [fold["test"].tolist() for fold in found],
        "reciprocal": reciprocal.tolist(),
        "small": None,
    }
    if small:
        mrr = float(np.mean([in_smaller_gallery(fold["scores"], small) for fold in found]))
        result["small"] = [small, mrr, chance(small)["mrr"]]
    result["precision"] = {
        label: np.mean([precision(fold, songs, label) for fold in found], axis=0).tolist()
        for label in labels
    }
    return result


def precision(fold, songs, label):
    """Return the mean average precision of a category in a fold, and of shuffled scores."""
    scores = fold["scores"]
    categories = [songs[i][label] for i in fold["test"]]
    same = np.equal.outer(categories, categories)
    found = [label_ranking_average_precision_score(same, s) for s in (scores, scores.T)]
    shuffled = np.random.default_rng(0).permuted(scores, axis=1)
    return [np.mean(found), label_ranking_average_precision_score(same, shuffled)]


def in_smaller_gallery(scores, n, n_draws=100):
    """Return the mean MRR of both directions over many random galleries of `n` songs."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n_draws):
        some = rng.choice(len(scores), n, replace=False)
        few = scores[np.ix_(some, some)]
        found.append(np.mean([1 / ranks(few), 1 / ranks(few.T)]))
    return np.mean(found)


def row(name, cell, result):
    """Return the cells of a row of the table."""
    text = cell["text"] + (", permuted pairs" if cell["rows"] == "permuted" else "")
    low, high = result["interval"]
    cells = [name, cell["split"], cell["audio"], cell["model"], text, result["gallery"]]
    cells += [f"{result['mrr']:.3f}", f"{low:.3f}-{high:.3f}"]
    cells += [f"{result['recall@1']:.3f}", f"{result['recall@10']:.3f}"]
    cells += [f"{result['median_rank']:.0f}", f"{result['chance']:.3f}"]
    found = result["precision"].items()
    last = [f"{name} {mean:.2f} ({by_chance:.2f})" for name, (mean, by_chance) in found]
    if result["small"]:
        size, value, by_chance = result["small"]
        last.append(f"MRR among {size}: {value:.3f} ({by_chance:.3f})")
    return [*cells, "; ".join(last)]


def print_chosen(name, split, groups, found):
    """Print the score of choosing a cell in each outer fold by its inner score alone."""
    candidates = {
        key: result
        for key, result in found.items()
        if key[:2] == (name, split) and key[-1] == "paired" and None not in result["inner"]
    }
    if len(candidates) < 2:
        return
    reciprocal, means, picks = np.empty(len(groups)), [], []
    tests = next(iter(candidates.values()))["tests"]
    for i, test in enumerate(tests):
        pick = max(candidates, key=lambda key: candidates[key]["inner"][i])
        reciprocal[test] = np.array(candidates[pick]["reciprocal"])[test]
        means.append(reciprocal[test].mean())
        picks.append(", ".join(pick[2:5]))
    low, high = interval(reciprocal, groups)
    named = "; ".join(f"{picks.count(pick)} x {pick}" for pick in dict.fromkeys(picks))
    print(f"chosen[{name}, {split}]={np.mean(means):.4f} ({low:.3f}-{high:.3f}) by {named}")


def print_differences(found, name, groups):
    """Print the differences of aligned to frozen and shuffled, with group bootstrap intervals."""
    for key, result in found.items():
        whole = found.get((*key[:3], "aligned", *key[4:]))
        if key[0] != name or key[3] not in ("frozen", "shuffled") or not whole:
            continue
        apart = np.subtract(whole["folds"], result["folds"])
        p = stats.ttest_rel(whole["folds"], result["folds"]).pvalue
        low, high = interval(np.subtract(whole["reciprocal"], result["reciprocal"]), groups)
        print(
            f"aligned - {key[3]}[{name}, {key[1]}]={apart.mean():.4f} ({low:.3f}-{high:.3f}; folds "
            f"{apart.min():.3f} to {apart.max():.3f}, paired t-test of the folds p={p:.1e})"
        )


def print_unshared(found, name, songs, n_words=5):
    """Print the scores of text models on songs that share no run of words with another group."""
    runs = [runs_of_words(song["lyrics"], n_words) for song in songs]
    groups = {}
    for run, song in zip(runs, songs, strict=True):
        for five in run:
            groups.setdefault(five, set()).add(song["group"])
    alone = np.array([all(len(groups[five]) == 1 for five in run) for run in runs])
    for key, result in found.items():
        if key[0] == name and key[3] == "aligned":
            value = np.array(result["reciprocal"])[alone].mean()
            shared = f"{alone.sum()} of {len(alone)} songs that share no {n_words} words in a row"
            print(f"aligned[{name}, {key[1]}]={value:.4f} for the {shared} with another group")


def runs_of_words(text, n_words):
    """Return all runs of `n_words` consecutive words."""
    words = tokenize(text)
    return {tuple(words[i : i + n_words]) for i in range(len(words) - n_words + 1)}


def draw(found, file):
    """Plot the intervals of the folds by group, one panel per collection."""
    from matplotlib.figure import Figure

    shown = [name for name in COLLECTIONS if any(key[:2] == (name, "by group") for key in found)]
    figure = Figure(figsize=(13, 4.2 * -(-len(shown) // 2)), layout="constrained")
    axes = figure.subplots(-(-len(shown) // 2), 2, squeeze=False).ravel()
    markers = dict(zip([*MODELS, *END_TO_END], "os^p*PXv", strict=True))
    for axis, name in zip(axes, shown, strict=False):
        rows = {k: r for k, r in found.items() if k[:2] == (name, "by group")}
        rows = sorted(rows.items(), key=lambda item: item[1]["mrr"])
        controls = [item for item in rows if item[0][-1] == "permuted" or item[0][3] in END_TO_END]
        rows = [item for item in rows if item in controls or item in rows[-12:]]
        for place, (key, result) in enumerate(rows):
            low, high = result["interval"]
            axis.plot([low, high], [place, place], color="black", linewidth=1)
            face = "white" if key[-1] == "permuted" else "black"
            axis.plot(result["mrr"], place, markers[key[3]], color="black", markerfacecolor=face)
        labels = [label(key) for key, _ in rows]
        axis.set_yticks(range(len(rows)), labels, fontsize=7)
        axis.axvline(rows[0][1]["chance"], color="black", linestyle=":", label="chance")
        axis.set_title(
            f"{name}, gallery {rows[0][1]['gallery']}: controls, and the best 12", fontsize=9
        )
        axis.set_xlabel("MRR, folds by group, 95 %")
        axis.set_xlim(left=0)
        axis.legend(loc="lower right", fontsize=7)
    for axis in axes[len(shown) :]:
        axis.remove()
    figure.savefig(file, dpi=100)


def label(key):
    audio = "all" if key[2] == ALL else key[2]
    return f"{audio} | {key[3]} | {key[4]}" + (", permuted" if key[-1] == "permuted" else "")


if __name__ == "__main__":
    main()
