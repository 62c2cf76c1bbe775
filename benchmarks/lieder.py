"""Retrieval on real songs: 1,341 whole art songs and 3,898 windows of 20 s, five outer folds.

The pipeline of the demonstration, from audio files and raw lyrics, hyper-parameters chosen by
three inner folds of each training part. Features and sounded scores are cached (see --cache).

    python benchmarks/lieder.py --data DATA [--quick] [--n-jobs 2]
"""

import argparse
import tempfile

import numpy as np
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import Doc2VecLyrics, LinearCCA, LyricsForm, MelSpectrogram, TemporalSummary
from skdcca._cli.evaluation import evaluate, gallery_sizes, mean_over_folds
from skdcca._utils.files import cache_folder
from skdcca.metrics import mrr_scorer

from _scores import data_folder, load_lieder, load_pairs

TEXTS = {
    "Doc2vec": lambda: Doc2VecLyrics(random_state=0),
    "form": LyricsForm,
    "Doc2vec + form": lambda: FeatureUnion(
        [("words", Doc2VecLyrics(random_state=0)), ("form", LyricsForm())]
    ),
}
GRID = {"cca__n_components": [5, 20], "cca__reg": [0.1, 1.0, 10.0]}
QUICK, QUICK_GRID = 200, {"cca__reg": [1.0, 10.0]}


def main():
    options = parse_arguments()
    data, cache = data_folder(options.data), cache_folder(options.cache)
    print(
        "| songs | folds | lyrics | gallery | MRR | recall@10 | median rank | chance: MRR, recall@10 |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    best, grid = {}, QUICK_GRID if options.quick else GRID
    for name, songs, duration in collections(data, cache, options.quick):
        audio = audio_view([song["audio"] for song in songs], duration, cache, options.n_jobs)
        lyrics = [song["lyrics"] for song in songs]
        groups = np.array([song["group"] for song in songs])
        for split, text, rows in runs(options.quick):
            y = (
                np.random.default_rng(0).permutation(lyrics).tolist()
                if rows == "permuted"
                else lyrics
            )
            means, sizes = measure(audio, y, groups, split, text, grid, options.n_jobs)
            label = f"{text}, permuted pairs" if rows == "permuted" else text
            print(row(name, split, label, means, sizes), flush=True)
            if rows == "paired":
                best[name, split, text] = mrr(means)
    for (name, split, text), value in best.items():
        print(f"mrr[{name}; {split}; {text}]={value:.4f}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the benchmark data (default: $SKDCCA_DATA)")
    parser.add_argument(
        "--cache", help="folder for sounded songs and features (default: $SKDCCA_CACHE)"
    )
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK} whole songs, one text, folds by composer; under 60 s",
    )
    return parser.parse_args()


def collections(data, cache, quick):
    songs = load_lieder(data, cache, QUICK if quick else None)
    yield "whole songs, first 30 s", songs, 30.0
    if not quick:
        yield "windows of 20 s", load_pairs(data, cache), 20.0


def runs(quick):
    """Folds, text and whether the pairs are true."""
    texts = ["Doc2vec + form"] if quick else list(TEXTS)
    for split in ["by composer"] if quick else ["by composer", "random"]:
        yield from ((split, text, "paired") for text in texts)
    yield "by composer", "Doc2vec + form", "permuted"


def audio_view(paths, duration, cache, n_jobs):
    """Statistics of each song, which no fold has a part in: there is nothing fitted in them."""
    mel = MelSpectrogram(
        duration=duration, memory=str(cache / "features"), n_jobs=n_jobs, verbose=1
    )
    summary = TemporalSummary().fit(mel.fit_transform(paths[:2]))
    parts = [mel.transform(paths[i : i + 200]) for i in range(0, len(paths), 200)]
    return np.concatenate([summary.transform(part) for part in parts])


def measure(audio, lyrics, groups, split, text, grid, n_jobs):
    """Mean metrics over the outer folds, and the size of their galleries."""
    by_group = split == "by composer"
    outer = GroupKFold(5) if by_group else KFold(5, shuffle=True, random_state=0)
    inner = GroupKFold(3) if by_group else KFold(3, shuffle=True, random_state=0)
    with tempfile.TemporaryDirectory() as scratch:
        y_side = Pipeline([("text", TEXTS[text]()), ("scale", StandardScaler())], memory=scratch)
        cca = LinearCCA(similarity="cosine", y_transformer=y_side)  # as the table was measured
        model = Pipeline([("scale", StandardScaler()), ("cca", cca)])
        search = GridSearchCV(model, grid, scoring=mrr_scorer, cv=inner, n_jobs=n_jobs)
        folds = evaluate(search, audio, lyrics, outer, groups if by_group else None)
    return mean_over_folds(folds), gallery_sizes(folds)


def mrr(means):
    return (means["x_to_y"]["mrr"] + means["y_to_x"]["mrr"]) / 2


def row(name, split, text, means, sizes):
    """Figures of both directions, audio to lyrics / lyrics to audio."""
    cells = [
        " / ".join(f"{means[way][metric]:{form}}" for way in ("x_to_y", "y_to_x"))
        for metric, form in (("mrr", ".3f"), ("recall@10", ".3f"), ("median_rank", ".0f"))
    ]
    chance = f"{means['chance']['mrr']:.3f}, {means['chance']['recall@10']:.3f}"
    return "| " + " | ".join([name, split, text, sizes, *cells, chance]) + " |"


if __name__ == "__main__":
    main()
