"""Every system of the design side by side: audio branch, correlation model and text, on real songs.

Audio: the statistics of a spectrogram over time, a pretrained network, the form of the whole song (its
length, density, register and the like), all of them, or convolutions trained end to end. Models: linear,
kernel and deep canonical correlation analysis. Each cell is five outer folds, random or by group
(composer, tune), hyper-parameters by three inner folds of the training part; only the end-to-end network
has none to choose, as each fit takes minutes. Figures are means of both directions; the interval is a
bootstrap of the groups (songs, for random folds) over the reciprocal ranks of all folds. "Permuted" are
linear models with lyrics dealt out at random.

A cell that is done is kept in the cache, with its ranks, so that an interrupted run goes on.

    python benchmarks/paper_table.py --data DATA [--collections chants ...] [--quick]
"""

import argparse
import hashlib
import json
import tempfile

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import label_ranking_average_precision_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from skdcca import (
    AudioDynamics,
    AudioForm,
    DeepCCA,
    Doc2VecLyrics,
    KernelCCA,
    LinearCCA,
    LyricsForm,
    MelCNNAudio,
    MelSpectrogram,
    TemporalSummary,
)
from skdcca._cache import cache_folder, replaced
from skdcca._evaluation import evaluate, gallery_sizes, mean_over_folds
from skdcca.encoders import MLP, MelCNN
from skdcca.metrics import mrr_scorer, ranks, similarity

from _scores import data_folder, load_lieder, load_pairs, with_voice

PRETRAINED = ("MTT_musicnn", "MTT_vgg", "MSD_musicnn", "MSD_vgg")
AUDIO = ["summary", *PRETRAINED, "form", "summary + MSD_musicnn + form", "end-to-end"]
COLLECTIONS = ("lieder", "windows", "voice", "voice-25", "chants", "hymns")
COLUMNS = ["songs", "folds", "audio", "model", "text", "gallery", "MRR", "95 %", "recall@1"]
COLUMNS += ["recall@10", "median rank", "chance", "categories: mean average precision (chance)"]
# Seconds of each song, and the labels of its category.
SECONDS = {"lieder": 60.0, "windows": 20.0, "voice": 20.0, "voice-25": 20.0}
LABELS = {"lieder": ["lang"], "windows": ["lang"], "chants": ["category", "mode"]}
LABELS["hymns"] = ["category"]
TEXTS = {
    "Doc2vec": lambda: Doc2VecLyrics(random_state=0),
    "tf-idf": lambda: make_pipeline(TfidfVectorizer(min_df=2), TruncatedSVD(100, random_state=0)),
    "Doc2vec + form": lambda: FeatureUnion(
        [("words", Doc2VecLyrics(random_state=0)), ("form", LyricsForm())]
    ),
}
SMALL = {"x_encoder": MLP((256,), input_noise=0.1), "y_encoder": MLP((256,)), "random_state": 0}
MODELS = {
    "linear": (LinearCCA(), {"n_components": [10, 30, 100], "reg": [0.3, 3.0, 30.0]}),
    "kernel": (
        KernelCCA(random_state=0),
        {"n_components": [10, 30, 100], "reg": [0.003, 0.03, 0.3], "kernel": ["rbf", "cosine"]},
    ),
    "deep": (DeepCCA(30, **SMALL), {"loss": ["ey", "infonce"], "weight_decay": [1e-3, 1e-1]}),
}
JOINT = DeepCCA(
    30,
    loss="infonce",
    x_encoder=MelCNN(16, head="gru"),
    y_encoder=MLP((256,)),
    batch_size=64,
    max_epochs=30,
    patience=8,
    random_state=0,
)


def main():
    options = parse_arguments()
    data, cache = data_folder(options.data), cache_folder(options.cache)
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|", flush=True)
    best = {}
    for name in options.collections:
        songs = load(name, data, cache, options.quick)
        for cell in cells(options):
            result = cached(cell, name, songs, cache, options)
            print(row(name, cell, result), flush=True)
            if cell["rows"] == "paired":
                key = name, cell["split"]
                best[key] = max(best.get(key, 0.0), result["mrr"])
    for (name, split), value in best.items():
        print(f"best[{name}, {split}]={value:.4f}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the benchmark data (default: $SKDCCA_DATA)")
    parser.add_argument(
        "--cache", help="folder for sounds, features, cells (default: $SKDCCA_CACHE)"
    )
    parser.add_argument("--collections", nargs="+", choices=COLLECTIONS, default=COLLECTIONS)
    parser.add_argument("--audio", nargs="+", default=AUDIO)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--texts", nargs="+", default=list(TEXTS))
    parser.add_argument("--splits", nargs="+", default=["by group", "random"])
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="120 hymns, a few cells; under 60 s")
    options = parser.parse_args()
    if options.quick:
        options.collections, options.models = ["hymns"], ["linear", "kernel"]
        options.texts, options.splits, options.audio = ["tf-idf"], ["by group"], ["summary"]
    return options


def load(name, data, cache, quick):
    most = 120 if quick else None
    if name == "lieder":
        return load_lieder(data, cache, most)
    if name in ("chants", "hymns"):
        return load_pairs(data, cache, {"chants": "chant", "hymns": "openhymnal"}[name], most)
    windows = load_pairs(data, cache, "lwin", most)
    if name == "voice":
        return with_voice(windows, cache)
    return with_voice(windows, cache, n_words=25, only=25) if name == "voice-25" else windows


def cells(options):
    """What is measured on every collection, the cheapest first."""
    for split in options.splits:
        for audio in options.audio:
            models = ["joint"] if audio == "end-to-end" else options.models
            for model in models:
                for text in options.texts:
                    cell = {"split": split, "audio": audio, "model": model, "text": text}
                    yield cell | {"rows": "paired"}
        control = {"split": split, "audio": "summary", "model": "linear"}
        yield control | {"text": options.texts[-1], "rows": "permuted"}


def cached(cell, name, songs, cache, options):
    grid = repr(JOINT if cell["model"] == "joint" else MODELS[cell["model"]])
    key = json.dumps([cell, name, [song["id"] for song in songs], SECONDS.get(name), grid])
    folder = cache / "paper_table"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.json"
    if not file.exists():
        result = measure(cell, name, songs, cache, options.n_jobs)
        with replaced(file) as unfinished:
            unfinished.write_text(json.dumps(result))
    return json.loads(file.read_text())


def measure(cell, name, songs, cache, n_jobs):
    X = features(cell["audio"], songs, SECONDS.get(name, 30.0), cache, n_jobs)
    lyrics = [song["lyrics"] for song in songs]
    if cell["rows"] == "permuted":
        lyrics = np.random.default_rng(0).permutation(lyrics).tolist()
    groups = np.array([song["group"] for song in songs])
    by_group = cell["split"] == "by group"
    outer, inner = (
        GroupKFold(n) if by_group else KFold(n, shuffle=True, random_state=0) for n in (5, 3)
    )
    with tempfile.TemporaryDirectory() as scratch:
        y_side = make_pipeline(TEXTS[cell["text"]](), StandardScaler(), memory=scratch)
        if cell["model"] == "joint":
            search = clone(JOINT).set_params(y_transformer=y_side)
        else:
            cca, grid = MODELS[cell["model"]]
            model = Pipeline([("scale", StandardScaler()), ("cca", clone(cca))])
            model.set_params(cca__y_transformer=y_side)
            if "n_components" in grid:  # no more than rows of the inner folds
                few = [k for k in grid["n_components"] if k < len(songs) / 3]
                grid = grid | {"n_components": few}
            grid = {f"cca__{key}": values for key, values in grid.items()}
            search = GridSearchCV(model, grid, scoring=mrr_scorer, cv=inner, n_jobs=n_jobs)
        folds = evaluate(search, X, lyrics, outer, groups if by_group else None)
    clusters = groups if by_group else np.arange(len(songs))
    return summary(folds, songs, clusters, LABELS.get(name, []))


def features(audio, songs, seconds, cache, n_jobs):
    """What no fold has a part in, as there is nothing fitted in it; kept in the cache."""
    if " + " in audio:
        parts = audio.split(" + ")
        return np.hstack([features(part, songs, seconds, cache, n_jobs) for part in parts])
    maker = transformer(audio, seconds)
    paths = [song["audio"] for song in songs]
    key = json.dumps([[repr(step) for _, step in maker.steps], paths])
    file = cache / "features" / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.npy"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        maker[0].set_params(n_jobs=n_jobs)
        maker.fit(paths)
        parts = (maker.transform(paths[i : i + 200]) for i in range(0, len(paths), 200))
        found = np.concatenate(list(tqdm(parts, total=-(-len(paths) // 200), desc=audio)))
        with replaced(file) as unfinished, open(unfinished, "wb") as opened:
            np.save(opened, found)
    return np.load(file)


def transformer(audio, seconds):
    """From files to numbers."""
    if audio in PRETRAINED:
        return make_pipeline(MelCNNAudio(audio, pooling="mean_std", n_segments=5))
    if audio in ("form", "dynamics"):
        return make_pipeline(AudioForm() if audio == "form" else AudioDynamics())
    if audio == "summary":
        return make_pipeline(MelSpectrogram(duration=seconds), TemporalSummary())
    return make_pipeline(MelSpectrogram(duration=seconds, n_mels=64))


def summary(folds, songs, clusters, labels):
    """Means over the folds, the interval, and the precision of categories beside chance."""
    reciprocal = np.empty(len(songs))
    precision = {label: [] for label in labels}
    for fold in folds:
        scores, test = similarity(*fold["embedding"]), fold["test"]
        reciprocal[test] = (1 / ranks(scores) + 1 / ranks(scores.T)) / 2
        for label in labels:
            same = [songs[i][label] for i in test]
            same = np.equal.outer(same, same)
            found = [label_ranking_average_precision_score(same, s) for s in (scores, scores.T)]
            shuffled = np.random.default_rng(0).permuted(scores, axis=1)
            chance = label_ranking_average_precision_score(same, shuffled)
            precision[label].append([np.mean(found), chance])
    means = mean_over_folds(folds)
    ways = means["x_to_y"], means["y_to_x"]
    return {
        **{name: float(np.mean([way[name] for way in ways])) for name in ways[0]},
        "interval": interval(reciprocal, clusters),
        "gallery": gallery_sizes(folds),
        "chance": means["chance"]["mrr"],
        "folds": [(f["x_to_y"]["mrr"] + f["y_to_x"]["mrr"]) / 2 for f in folds],
        "precision": {label: np.mean(found, axis=0).tolist() for label, found in precision.items()},
    }


def interval(values, clusters, n_resamples=2000):
    """Of 95 %, by resampling whole clusters."""
    _, cluster = np.unique(clusters, return_inverse=True)
    totals, sizes = np.bincount(cluster, values), np.bincount(cluster)
    drawn = np.random.default_rng(0).integers(len(sizes), size=(n_resamples, len(sizes)))
    means = totals[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return np.quantile(means, [0.025, 0.975]).tolist()


def row(name, cell, result):
    text = cell["text"] + (", permuted pairs" if cell["rows"] == "permuted" else "")
    low, high = result["interval"]
    cells = [name, cell["split"], cell["audio"], cell["model"], text, result["gallery"]]
    cells += [f"{result['mrr']:.3f}", f"{low:.3f}-{high:.3f}"]
    cells += [f"{result['recall@1']:.3f}", f"{result['recall@10']:.3f}"]
    cells += [f"{result['median_rank']:.0f}", f"{result['chance']:.3f}"]
    found = result["precision"].items()
    cells.append("; ".join(f"{name} {mean:.2f} ({chance:.2f})" for name, (mean, chance) in found))
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
