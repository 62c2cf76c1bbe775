"""Score retrieval on real songs: 1,341 art songs and 3,898 windows of 20 s.

The pipeline is that of ``skdcca demo``, from audio files and raw lyrics. There are five outer folds;
hyperparameters are tuned by three inner folds of each training set. Features and synthesized scores are
cached (see --cache).

    python benchmarks/lieder.py --data DATA [--quick] [--n-jobs 2]
"""

import tempfile

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import LinearCCA, MelSpectrogram, TemporalSummary
from skdcca.metrics import mrr_scorer

from _common.arguments import add_song_options, data_folder, make_parser
from _common.folds import folds
from _common.internals import cache_folder, evaluate, gallery_sizes, mean_over_folds
from _common.songs import load_lieder, load_pairs
from _common.table import both_ways, print_head, print_row
from _common.texts import TEXTS

SHOWN = ("Doc2vec", "form", "Doc2vec + form")
GRID = {"cca__n_components": [5, 20], "cca__reg": [0.1, 1.0, 10.0]}
QUICK, QUICK_GRID = 200, {"cca__reg": [1.0, 10.0]}


def main():
    options = parse_arguments()
    data, cache = data_folder(options.data), cache_folder(options.cache)
    print_head(
        "songs",
        "folds",
        "lyrics",
        "gallery",
        "MRR",
        "recall@10",
        "median rank",
        "chance: MRR, recall@10",
    )
    best = {}
    grid = QUICK_GRID if options.quick else GRID
    for name, songs, duration in collections(data, cache, options.quick):
        audio = audio_view([song["audio"] for song in songs], duration, cache, options.n_jobs)
        lyrics = [song["lyrics"] for song in songs]
        groups = np.array([song["group"] for song in songs])
        for split, text, permuted in runs(options.quick):
            y, label = lyrics, text
            if permuted:
                y = np.random.default_rng(0).permutation(lyrics).tolist()
                label = f"{text}, permuted pairs"
            means, sizes = measure(audio, y, groups, split, text, grid, options.n_jobs)
            print_row(*cells(name, split, label, means, sizes))
            if not permuted:
                best[name, split, text] = mrr(means)
    for (name, split, text), value in best.items():
        print(f"mrr[{name}; {split}; {text}]={value:.4f}")


def parse_arguments():
    parser = make_parser(__doc__, f"{QUICK} whole songs, one text, folds by composer; under 60 s")
    add_song_options(parser)
    return parser.parse_args()


def collections(data, cache, quick):
    """Yield the name, songs and excerpt duration (seconds) of each collection."""
    yield "whole songs, first 30 s", load_lieder(data, cache, QUICK if quick else None), 30.0
    if not quick:
        yield "windows of 20 s", load_pairs(data, cache), 20.0


def runs(quick):
    """Yield the folds, the text features, and whether the lyrics are permuted."""
    texts = SHOWN[-1:] if quick else SHOWN
    for split in ["by composer"] if quick else ["by composer", "random"]:
        yield from ((split, text, False) for text in texts)
    yield "by composer", SHOWN[-1], True


def audio_view(paths, duration, cache, n_jobs):
    """Return the statistics of each song; nothing is fitted, so all folds share them."""
    mel = MelSpectrogram(
        duration=duration, memory=str(cache / "features"), n_jobs=n_jobs, verbose=1
    )
    summary = TemporalSummary().fit(mel.fit_transform(paths[:2]))
    parts = [mel.transform(paths[i : i + 200]) for i in range(0, len(paths), 200)]
    return np.concatenate([summary.transform(part) for part in parts])


def measure(audio, lyrics, groups, split, text, grid, n_jobs):
    """Return the mean metrics over the outer folds and the gallery sizes."""
    by_group = split == "by composer"
    with tempfile.TemporaryDirectory() as scratch:
        y_side = Pipeline([("text", TEXTS[text]()), ("scale", StandardScaler())], memory=scratch)
        cca = LinearCCA(similarity="cosine", y_transformer=y_side)  # as the table was measured
        model = Pipeline([("scale", StandardScaler()), ("cca", cca)])
        inner = folds(3, by_group)
        search = GridSearchCV(model, grid, scoring=mrr_scorer, cv=inner, n_jobs=n_jobs)
        found = evaluate(search, audio, lyrics, folds(5, by_group), groups if by_group else None)
    return mean_over_folds(found), gallery_sizes(found)


def mrr(means):
    """Return the mean reciprocal rank over both directions."""
    return (means["x_to_y"]["mrr"] + means["y_to_x"]["mrr"]) / 2


def cells(name, split, text, means, sizes):
    """Return the cells of a row: audio to lyrics / lyrics to audio."""
    figures = [
        both_ways([means[way][metric] for way in ("x_to_y", "y_to_x")], form)
        for metric, form in (("mrr", ".3f"), ("recall@10", ".3f"), ("median_rank", ".0f"))
    ]
    chance = f"{means['chance']['mrr']:.3f}, {means['chance']['recall@10']:.3f}"
    return [name, split, text, sizes, *figures, chance]


if __name__ == "__main__":
    main()
