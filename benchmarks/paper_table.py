"""Compare all systems on real songs: audio branch, correlation model and text features.

The audio branch is one of: statistics of a spectrogram over time ("summary"), a pretrained network
("MTT_musicnn"), the states of the encoder of a speech recognizer ("states"), the dynamics of each
frequency band over the whole song, its form, or convolutions trained end to end. The models are
linear, kernel and deep CCA. "joint" trains convolutions with Doc2vec and fully connected layers for the
lyrics, as in the paper. "aligned" trains convolutions over the spectrogram and over the characters of
the lyrics, and compares both step by step in time; "frozen" is the same with random, untrained audio
convolutions, and "shuffled" the same with the frames of every song in random order. "joint + linear" is
a linear CCA of the outputs of the trained networks. "gru", "gru, shuffled" and "mean over steps" are
networks over sequences of pretrained features: a recurrent unit, the same with the steps of every song
in random order, and the mean. Models of cca-zoo are compared by the same similarities as ours.

Each cell is the result of five outer folds, random or by group (composer, tune). Hyperparameters of
every cell are chosen within each training set: by three inner folds, or for networks, whose fits take
long, by one hold-out. Scores are means over both directions; the interval is a bootstrap over
groups of the reciprocal ranks of all folds. "Permuted" are cells with randomly permuted lyrics.
"chosen" is the cell with the best inner score in each outer fold (networks over time are not
candidates). `--components` fixes the number of components, for a curve.

Finished cells are cached, so that an interrupted run can be resumed. `--report` prints and draws the
cached cells.

    python benchmarks/paper_table.py --data DATA [--collections chants ...] [--songs 272] [--quick]
    python benchmarks/paper_table.py --data DATA --report [--songs 272 1500] [--figure FILE.png]
"""

import json
import warnings
from collections import Counter

import joblib
import numpy as np
from sklearn.metrics import label_ranking_average_precision_score
from threadpoolctl import threadpool_limits

from skdcca.metrics import chance, ranks

from _common.arguments import add_song_options, data_folder, make_parser
from _common.audio_features import PRETRAINED, STEPS, audio_transformers, features
from _common.cache import keyed_file
from _common.end_to_end import END_TO_END, ON_SEQUENCES, described
from _common.folds import folds, hold_out, search_folds
from _common.internals import atomic_write, cache_folder, gallery_sizes, mean_over_folds
from _common.intervals import interval
from _common.paper_report import draw, print_chosen, print_curves, print_differences, print_unshared
from _common.peer_rows import PEERS, peer_folds
from _common.songs import COLLECTIONS, load_collection, seconds_of
from _common.systems import MODELS, searched_model, system
from _common.table import print_head, print_row
from _common.texts import SENTENCES, TEXTS, sentence_rows, text_transformer

# Increase a version when the result of its cells changes, so that cached cells are measured again.
VERSION = 3
VERSIONS = {"deep": 4}  # of single models
ALL = "summary + MTT_musicnn + dynamics"
TWO = "summary + dynamics"
AUDIO = ["summary", "MTT_musicnn", "states"]
QUICK_TO_FIT = ("linear", "kernel")  # chosen by three inner folds
SHOWN = ["lieder", "windows", "voice", "chants", "hymns"]  # collections
SPLITS = ["by group", "random"]
CURVE = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
COLUMNS = ["songs", "n", "folds", "audio", "model", "text", "gallery", "MRR", "95 %", "recall@1"]
COLUMNS += ["recall@10", "median rank", "chance", "chosen most often", "more"]
# Labels of each song that serve as categories.
LABELS = {"lieder": ["lang", "group"], "windows": ["lang", "group"], "chants": ["category", "mode"]}
LABELS["hymns"] = ["category"]
SMALL_GALLERY = {"chants": 160}  # also measured in galleries of this size, drawn from each fold


def main():
    options = parse_arguments()
    data, cache = data_folder(options.data), cache_folder(options.cache)
    print_head(*COLUMNS)
    reports = []
    for name in options.collections:
        for songs in each_size(name, data, cache, options.songs):
            found = {}
            for cell in cells(options):
                result = cached(cell, name, songs, cache, options)
                if result is not None:
                    found[tuple(cell.values())] = result
                    if cell["components"] is None:
                        print_row(*row(name, len(songs), cell, result))
            reports.append((name, songs, found))
    for name, songs, found in reports:
        print_below(name, songs, found)
    if options.figure:
        draw(reports, options.figure)


def parse_arguments():
    parser = make_parser(__doc__, "120 hymns, a few cells; under 60 s")
    add_song_options(parser)
    parser.add_argument("--collections", nargs="+", choices=COLLECTIONS, default=SHOWN)
    parser.add_argument("--audio", nargs="+", default=AUDIO)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--texts", nargs="+", default=["Doc2vec + form"])
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=SPLITS[:1])
    parser.add_argument("--components", nargs="+", type=int, default=[None], help="for a curve")
    parser.add_argument("--permuted", action="store_true", help="permute the lyrics")
    parser.add_argument("--sentences", help="Python of `make sentences`, for texts by its encoder")
    parser.add_argument(
        "--songs", nargs="+", type=int, default=[10**9],
        help="songs of a collection, evenly spaced (default: all); the report takes several numbers",
    )  # fmt: skip
    parser.add_argument("--report", action="store_true", help="only the cells in the cache")
    parser.add_argument("--figure", help="file to draw the intervals into")
    options = parser.parse_args()
    if options.quick:
        options.collections, options.models, options.songs = ["hymns"], ["linear", "kernel"], [120]
        options.texts, options.audio = ["tf-idf"], ["summary"]
    if options.report:
        options.audio = [*AUDIO, "dynamics", TWO, ALL, "form", *PRETRAINED[1:], *STEPS]
        options.models, options.splits = [*MODELS, *PEERS, *END_TO_END, *ON_SEQUENCES], SPLITS
        options.texts, options.components = [*TEXTS, *SENTENCES], [None, *CURVE]
    return options


def each_size(name, data, cache, sizes):
    """Yield the songs of a collection, at most as many as each size, without repetitions."""
    seen = set()
    for size in sizes:
        songs = load_collection(name, data, cache, size)
        if len(songs) not in seen:
            seen.add(len(songs))
            yield songs


def cells(options):
    """Yield the cells measured on every collection."""
    kinds = (
        ["paired", "permuted"] if options.report else ["permuted" if options.permuted else "paired"]
    )
    for split in options.splits:
        for rows in kinds:
            for model in options.models:
                for audio, text in pairings(model, options):
                    for n_components in options.components if model in MODELS else [None]:
                        cell = {"split": split, "audio": audio, "model": model, "text": text}
                        yield cell | {"rows": rows, "components": n_components}


def pairings(model, options):
    """Return the pairs of audio and text features that a model is measured on."""
    if model.startswith("joint"):
        return [("end-to-end", text) for text in options.texts if text not in SENTENCES]
    if model in END_TO_END:
        return [("end-to-end", "characters")]
    fitting = [audio for audio in options.audio if (audio in STEPS) == (model in ON_SEQUENCES)]
    return [(audio, text) for audio in fitting for text in options.texts]


def cached(cell, name, songs, cache, options):
    """Return the result of a cell, measured unless cached; with ``--report``, None if not cached."""
    ids = [song["id"] for song in songs]
    texts = [song["lyrics"] for song in songs]
    audio = repr(audio_transformers(cell["audio"], seconds_of(name)))
    text = repr(text_transformer(cell["text"], name)), joblib.hash(texts)
    version = VERSIONS.get(cell["model"], VERSION)
    key = json.dumps([version, cell, ids, audio, text, *settings(cell, len(songs))])
    file = keyed_file(cache / "paper_table", key, suffix=".json")
    if not file.exists():
        if options.report:
            return None
        result = measure(cell, name, songs, cache, options)
        with atomic_write(file) as unfinished:
            unfinished.write_text(json.dumps(result))
    return json.loads(file.read_text())


def settings(cell, n_songs):
    """Return what the result of a cell depends on besides its songs and features."""
    if cell["model"] in PEERS:
        return ()
    estimator, grid = system(cell["model"], n_songs, cell["components"])
    return described(estimator), grid


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
    outer = folds(5, by_group)
    inner = folds(3, by_group) if cell["model"] in QUICK_TO_FIT else hold_out(by_group)
    passed = groups if by_group else None
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ranks, and of the linear model that was kept
        if cell["model"] in PEERS:
            found = peer_folds(cell, name, X, lyrics, outer, inner, passed)
        else:
            search = searched_model(cell, name, len(songs), inner, options.n_jobs)
            found = search_folds(search, X, lyrics, outer, passed)
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
        "inner": [float(fold["inner_score"]) for fold in found],
        "chosen": [fold["params"] for fold in found],
        "decisions": [decision(fold["model"][-1]) for fold in found],
        "tests": [fold["test"].tolist() for fold in found],
        "reciprocal": reciprocal.tolist(),
        "small": None,
    }
    large_enough = small and min(len(fold["test"]) for fold in found) > small
    if large_enough:
        mrr = float(np.mean([in_smaller_gallery(fold["scores"], small) for fold in found]))
        result["small"] = [small, mrr, chance(small)["mrr"]]
    result["precision"] = {
        label: np.mean([precision(fold, songs, label) for fold in found], axis=0).tolist()
        for label in labels
    }
    return result


def decision(model):
    """Return the model that a DeepCCA kept, "linear" or "networks"; None for other models."""
    return getattr(model, "decision_", {}).get("model")


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


def row(name, n_songs, cell, result):
    """Return the cells of a row of the table."""
    text = cell["text"] + (", permuted pairs" if cell["rows"] == "permuted" else "")
    low, high = result["interval"]
    cells = [name, n_songs, cell["split"], cell["audio"], cell["model"], text, result["gallery"]]
    cells += [f"{result['mrr']:.3f}", f"{low:.3f}-{high:.3f}"]
    cells += [f"{result['recall@1']:.3f}", f"{result['recall@10']:.3f}"]
    cells += [f"{result['median_rank']:.0f}", f"{result['chance']:.3f}"]
    return [*cells, most_chosen(result["chosen"]), "; ".join(remarks(result))]


def most_chosen(chosen):
    """Return the parameters that were chosen most often, and how often."""
    named = [
        ", ".join(f"{key.split('__')[-1]} {value}" for key, value in sorted(params.items()))
        for params in chosen
    ]
    params, count = Counter(named).most_common(1)[0]
    return f"{params} ({count} of {len(named)})"


def remarks(result):
    """Return what else is known of a cell: decisions, categories and a smaller gallery."""
    lines = []
    decided = [one for one in result["decisions"] if one is not None]
    if decided:
        lines.append(f"linear model kept in {decided.count('linear')} of {len(decided)}")
    for label, (mean, by_chance) in result["precision"].items():
        lines.append(f"{label} {mean:.2f} ({by_chance:.2f})")
    if result["small"]:
        size, value, by_chance = result["small"]
        lines.append(f"MRR among {size}: {value:.3f} ({by_chance:.3f})")
    return lines


def print_below(name, songs, found):
    """Print what the table of a collection does not show."""
    for split in SPLITS:
        print_chosen(name, split, songs, found)
    print_curves(name, songs, found, CURVE)
    print_differences(name, songs, found)
    print_unshared(name, songs, found)


if __name__ == "__main__":
    main()
