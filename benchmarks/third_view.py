"""Measure what tags add to audio and lyrics of real songs as a third view.

Chants have a genre and a mode, and hymns have topics, all given by people. Audio features are statistics
of the spectrogram; lyrics features are Doc2vec and form, as in `paper_table.py`. Five folds are grouped
by title (chants) or source of the tune (hymns). The test songs of a fold are its gallery. Folds are
repeated with other groups together. Intervals are bootstraps over groups of songs; those of differences
are paired by song.

Parts, which `--part` selects:

- `training`: MRR between audio and lyrics, after training without and with tags. Queries have no tags.
  The ridge is the default, or inner grouped folds choose it together with the number of components.
  In the second half of the table, 60 % of the training songs lack lyrics. Permuted tags are the control
  with the default ridge. Unlike songs share no five words in a row with another group.
- `queries`: MRR of queries by tags and by two views at once, next to queries by one view. "precision" is
  the mean average precision of songs of the same category, with that of shuffled scores in parentheses.
- `tags`: how well lyrics and audio predict the tags of held-out songs, by ridge regression.
- `synthetic`: the same as `training`, where factors are known that audio, lyrics and tags share.

    OMP_NUM_THREADS=1 make bench SCRIPT=third_view ARGS="--data DATA [--quick] [--part training]"
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.metrics import label_ranking_average_precision_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelBinarizer, StandardScaler

from skdcca import MultiCCA
from skdcca.metrics import chance, mrr_scorer, ranks

from _common.arguments import add_song_options, data_folder, make_parser
from _common.audio_features import features
from _common.internals import cache_folder
from _common.intervals import interval
from _common.paper_report import runs_of_words
from _common.songs import load_collection, seconds_of
from _common.systems import Once
from _common.table import print_head, print_row
from _common.texts import text_transformer
from _common.threads import use_one_thread

COLLECTIONS = ("chants", "hymns")
REPEATS = {"chants": 2, "hymns": 3}
REPEATS_CHOSEN = {"chants": 1, "hymns": 1}  # of the models whose ridge is chosen
MISSING = 0.6  # fraction of the training songs that lack lyrics
# What inner folds choose from.
COMPONENTS = [10, None]
RIDGES = ["auto", 0.3, 3.0]
TAG_RIDGES = [10.0]  # of the tags, besides the ridge of the other views
N_WORDS = 5  # songs that share a run of so many words with another group count as similar


def main():
    parser = make_parser(__doc__, "120 hymns, one repeat, tf-idf, default ridge; under 60 s")
    add_song_options(parser)
    parser.add_argument("--collections", nargs="+", choices=COLLECTIONS, default=COLLECTIONS)
    parser.add_argument("--part", choices=[*PARTS, "synthetic"], help="default: all")
    parser.add_argument("--text", default="Doc2vec + form", help="features of the lyrics")
    options = parser.parse_args()
    if options.quick:
        options.collections, options.text = ["hymns"], "20 of tf-idf + form"
    use_one_thread()
    warnings.simplefilter("ignore")  # of ranks, with more columns than songs
    if options.part in (None, "synthetic"):
        print("\n## synthetic\n")
        synthetic(2 if options.quick else 10)
    for name in options.collections:
        songs = SongViews(name, options)
        for part, work in PARTS.items():
            if options.part in (None, part):
                print(f"\n## {len(songs.table)} {name}, {part}, {options.text}\n")
                work(songs)


class SongViews:
    """The songs of a collection as a table of three views.

    Attributes
    ----------
    table : DataFrame
        Columns of numbers for the audio, and the columns ``lyrics`` and ``tags`` of texts.
    groups : ndarray
        Group of each song, as a number.
    labels : dict of str to ndarray
        Categories of the songs.
    is_unlike : ndarray of bool
        Songs that share no run of words with another group.
    """

    def __init__(self, name, options):
        data, cache = data_folder(options.data), cache_folder(options.cache)
        songs = load_collection(name, data, cache, 120 if options.quick else None)
        audio = features("summary", songs, seconds_of(name), cache, options.n_jobs)
        self._audio = [f"audio{i}" for i in range(audio.shape[1])]
        self.table = pd.DataFrame(audio, columns=self._audio)
        self.table["lyrics"] = [song["lyrics"] for song in songs]
        self.table["tags"] = ["; ".join(known_tags(song)) for song in songs]
        self.groups = np.unique([song["group"] for song in songs], return_inverse=True)[1]
        self.is_unlike = unlike(songs)
        keys = (
            {"genre": "category", "mode": "mode"} if name == "chants" else {"heading": "category"}
        )
        self.labels = {
            label: np.array([song[key] for song in songs]) for label, key in keys.items()
        }
        self._text = make_pipeline(Once(text_transformer(options.text, name)), StandardScaler())
        self._n_repeats = (1, 0) if options.quick else (REPEATS[name], REPEATS_CHOSEN[name])

    def views(self, *names):
        """Return the parameter `views` of a model; "audio+tags" is one view with both columns."""
        return [self._view(name) for name in names]

    def _view(self, name):
        single = {
            "audio": ("audio", "passthrough", self._audio),
            "lyrics": ("lyrics", self._text, "lyrics"),
            "tags": ("tags", tag_vectorizer(), "tags"),
        }
        if name in single:
            return single[name]
        first, second = (single[part] for part in name.split("+"))
        return name, ColumnTransformer([first, second]), self.columns(name)

    def columns(self, name):
        """Return the columns of a view."""
        of_views = {"audio": self._audio, "lyrics": ["lyrics"], "tags": ["tags"]}
        return [column for part in name.split("+") for column in of_views[part]]

    def folds(self, chosen=False):
        """Yield the number of the repeat and the training and test songs of each fold."""
        for repeat in range(self._n_repeats[chosen]):
            # `GroupKFold` makes folds of equal sizes; other names of the groups give other folds.
            names = np.random.default_rng(repeat).permutation(self.groups.max() + 1)
            for train, test in GroupKFold(5).split(self.table, groups=names[self.groups]):
                yield repeat, train, test


def known_tags(song):
    return [tag for tag in song["tags"] if tag != "mode?"]


def tag_vectorizer():
    """Return the transformer of tags to columns of 0 and 1."""
    return CountVectorizer(analyzer=split_tags, binary=True)


def split_tags(text):
    return text.split("; ")


def unlike(songs):
    """Return which songs share no run of words with another group."""
    runs = [runs_of_words(song["lyrics"], N_WORDS) for song in songs]
    groups = {}
    for run, song in zip(runs, songs, strict=True):
        for words in run:
            groups.setdefault(words, set()).add(song["group"])
    return np.array([all(len(groups[words]) == 1 for words in run) for run in runs])


class Ranking:
    """Reciprocal ranks of the songs, averaged over repeats, by a key for the query."""

    def __init__(self, songs):
        self._songs = songs
        self._totals, self._counts = {}, {}
        self._sizes = []

    def add(self, key, scores, test):
        """Add the scores of a fold; row i should rank column i first."""
        for kept, value in ((self._totals, 1 / ranks(scores)), (self._counts, 1)):
            kept.setdefault(key, np.zeros(len(self._songs.table)))[test] += value
        self._sizes.append(len(test))

    def __getitem__(self, key):
        return self._totals[key] / self._counts[key]

    def text(self, values):
        """Return a mean with its interval."""
        low, high = interval(values, self._songs.groups)
        return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"

    def difference(self, values, others, some=None):
        """Return the mean difference with its interval, of all or some of the songs."""
        some = slice(None) if some is None else some
        apart, groups = (values - others)[some], self._songs.groups[some]
        low, high = interval(apart, groups)
        return f"{apart.mean():+.3f} ({low:+.3f} to {high:+.3f})"

    def print_chance(self):
        """Print the sizes of the galleries and the MRR by chance."""
        sizes = np.array(self._sizes)
        level = np.mean([chance(n)["mrr"] for n in sizes])
        print(f"gallery {sizes.min()}-{sizes.max()}, chance level of the MRR {level:.3f}")


def scores_of(model, view, find, songs, rows):
    """Return the scores of all rows for all rows; `view` may name two views, joined by "+"."""
    names = [name for name, _, _ in model.views]
    several = view if view in names else tuple(view.split("+"))
    pair = model.pair(several, find)
    return pair.compare(*pair.transform(rows[songs.columns(view)], rows[songs.columns(find)]))


# ---- training --------------------------------------------------------------------------------

TWO, THREE, PERMUTED = "two views", "three views", "three views, tags permuted"


def training(songs):
    print_head("training lyrics", "ridge", "training views", "MRR", "audio to lyrics",
               "lyrics to audio", "more than two views",
               f"MRR of {songs.is_unlike.sum()} unlike songs", "of them more")  # fmt: skip
    for missing in (0.0, MISSING):
        for chosen in (False, True):
            found, names = Ranking(songs), []
            for fold in songs.folds(chosen):
                names = measure_training(songs, found, missing, chosen, *fold)
            if names:
                ridge = "chosen" if chosen else "default"
                print_training(found, songs, names, f"{1 - missing:.0%}", ridge)
                found.print_chance()


def measure_training(songs, found, missing, chosen, repeat, train, test):
    """Add the scores between audio and lyrics of all models; return their names."""
    rng = np.random.default_rng(repeat)
    known = songs.table.iloc[train].copy()
    known.loc[rng.random(len(known)) < missing, "lyrics"] = None
    permuted = known.assign(tags=rng.permutation(known["tags"]))
    models = trained_models(songs, known, permuted, songs.groups[train], chosen)
    scores = {
        name: scores_of(model, "audio", "lyrics", songs, songs.table.iloc[test])
        for name, model in models.items()
    }
    for added in (THREE, PERMUTED):
        if added in scores:
            scores[f"{TWO} and {added}, scores added"] = scores[TWO] + scores[added]
    for name, table in scores.items():
        found.add((name, "audio"), table, test)
        found.add((name, "lyrics"), table.T, test)
    return list(scores)


def trained_models(songs, known, permuted, groups, chosen):
    """Return the fitted models by their names."""
    two, three = songs.views("audio", "lyrics"), songs.views("audio", "lyrics", "tags")
    pairs = known["lyrics"].notna().to_numpy()
    models = {
        TWO: fitted(two, known[pairs], groups[pairs], chosen),
        THREE: fitted(three, known, groups, chosen),
    }
    if not pairs.all():
        models["two views, all audio"] = fitted(two, known, groups, chosen)
    if chosen:
        return models
    models[PERMUTED] = fitted(three, permuted, groups, chosen)
    kinds = {"three": models[THREE]}
    if len(songs.labels) > 1:
        for label, values in songs.labels.items():
            single = known.assign(tags=values[known.index])
            kinds[label] = models[f"three views, {label} alone"] = MultiCCA(three).fit(single)
    for kind, model in kinds.items():
        if model.n_components_ < models[TWO].n_components_:
            few = MultiCCA(two, model.n_components_).fit(known[pairs])
            models[f"two views, components as for {kind}"] = few
    return models


def fitted(views, rows, groups, chosen):
    """Fit a model with the default ridge, or with one that is chosen by inner grouped folds."""
    model = MultiCCA(views)
    if not chosen:
        return model.fit(rows)
    names = [name for name, _, _ in views]
    ridges = [dict.fromkeys(names, reg) for reg in RIDGES]
    if "tags" in names:
        ridges += [ridge | {"tags": reg} for ridge in ridges for reg in TAG_RIDGES]
    grid = {"n_components": COMPONENTS, "reg": ridges}
    search = GridSearchCV(model, grid, scoring=audio_lyrics_mrr, cv=GroupKFold(3))
    return search.fit(rows, groups=groups).best_estimator_


def audio_lyrics_mrr(model, rows, y=None):
    """Return the MRR between audio and lyrics, of the rows that have both."""
    rows = rows[rows["lyrics"].notna()]
    pair = model.pair("audio", "lyrics")
    scores = pair.compare(*pair.transform(rows, rows))
    return np.mean([1 / ranks(scores), 1 / ranks(scores.T)])


def print_training(found, songs, names, lyrics, ridge):
    base = (found[TWO, "audio"] + found[TWO, "lyrics"]) / 2
    for name in names:
        ways = found[name, "audio"], found[name, "lyrics"]
        mean = np.mean(ways, axis=0)
        cells = [found.text(mean), *(f"{way.mean():.3f}" for way in ways)]
        cells.append("" if name == TWO else found.difference(mean, base))
        cells += [f"{mean[songs.is_unlike].mean():.3f}", ""]
        if name != TWO:
            cells[-1] = found.difference(mean, base, songs.is_unlike)
        print_row(lyrics, ridge, name, *cells)


# ---- queries ---------------------------------------------------------------------------------

# Views of the model, views of the query, and the view that is found.
QUERIES = [
    (trained, view, find)
    for find, own in (("lyrics", "audio"), ("audio", "lyrics"))
    for trained, view in [
        (("audio", "lyrics"), own),
        (("audio", "lyrics", "tags"), own),
        (("audio", "lyrics", "tags"), f"{own}+tags"),
        ((f"{own}+tags", find), f"{own}+tags"),
        (("audio", "lyrics", "tags"), "tags"),
        (("tags", find), "tags"),
    ]
]


def queries(songs):
    found, precision = Ranking(songs), {}
    for _, train, test in songs.folds():
        rows = songs.table.iloc[test]
        models = {
            trained: MultiCCA(songs.views(*trained)).fit(songs.table.iloc[train])
            for trained in dict.fromkeys(trained for trained, _, _ in QUERIES)
        }
        for trained, view, find in QUERIES:
            scores = scores_of(models[trained], view, find, songs, rows)
            found.add((trained, view, find), scores, test)
            precision.setdefault((trained, view, find), []).append(precisions(songs, scores, test))
        same = np.equal.outer(rows["tags"].to_numpy(), rows["tags"].to_numpy()).astype(float)
        found.add("same tags", same, test)
    print_queries(songs, found, precision)
    found.print_chance()
    print(f"MRR of a ranking by equal tags: {found['same tags'].mean():.3f}")


def precisions(songs, scores, test):
    """Return the mean average precision of each category, and that of shuffled scores."""
    shuffled = np.random.default_rng(0).permuted(scores, axis=1)
    result = []
    for labels in songs.labels.values():
        same = np.equal.outer(labels[test], labels[test])
        result.append([label_ranking_average_precision_score(same, s) for s in (scores, shuffled)])
    return result


def print_queries(songs, found, precision):
    print_head("find", "query", "training views", "MRR", "more than one view, three views trained",
               "more than one view, two views trained",
               *(f"precision of {label}" for label in songs.labels))  # fmt: skip
    for trained, view, find in QUERIES:
        own = "audio" if find == "lyrics" else "lyrics"
        values = found[trained, view, find]
        three, two = ("audio", "lyrics", "tags"), ("audio", "lyrics")
        cells = [found.text(values)]
        for base in (three, two):
            is_base = (trained, view) == (base, own)
            cells.append("" if is_base else found.difference(values, found[base, own, find]))
        means = np.mean(precision[trained, view, find], axis=0)
        cells += [f"{mean:.2f} ({level:.2f})" for mean, level in means]
        print_row(find, view.replace("+", " + "), ", ".join(trained), *cells)


# ---- tags ------------------------------------------------------------------------------------


def tags(songs):
    """Print how well lyrics and audio predict categories and tags of held-out songs."""
    print_head(
        "predicted", "classes", "measure", "from lyrics", "from audio", "from both", "by chance"
    )
    for label, values in songs.labels.items():
        found = predictions(songs, LabelBinarizer().fit_transform(values))
        classes = np.unique(values)
        right = [f"{np.mean(classes[p.argmax(axis=1)] == values):.2f}" for p in found]
        most = np.unique(values, return_counts=True)[1].max() / len(values)
        print_row(label, len(classes), "fraction right", *right, f"{most:.2f}")
    given = tag_vectorizer().fit_transform(songs.table["tags"]).toarray()
    given = given[:, (given.sum(axis=0) >= 20) & (given.sum(axis=0) <= len(given) - 20)]
    areas = [f"{roc_auc_score(given, p):.2f}" for p in predictions(songs, given)]
    print_row(
        "tags of 20 songs or more", given.shape[1], "area under the ROC curve", *areas, "0.50"
    )


def predictions(songs, targets):
    """Return the predictions of held-out songs from lyrics, from audio, and from both."""
    found = np.zeros((3, *targets.shape))
    for repeat, train, test in songs.folds():
        if repeat:
            break
        rows = songs.table.iloc[train], songs.table.iloc[test]
        for i, name in enumerate(("lyrics", "audio", "audio+lyrics")):
            model = make_pipeline(
                ColumnTransformer(songs.views(*name.split("+"))),
                StandardScaler(),
                RidgeCV(np.logspace(-1, 5, 13)),
            )
            found[i, test] = model.fit(rows[0], targets[train]).predict(rows[1])
    return found


# ---- synthetic -------------------------------------------------------------------------------

# Columns of the views, of the factors that they share, and of what only one view has.
SIZES = {"audio": 100, "lyrics": 60, "tags": 15}
N_SHARED, N_OWN = 6, 20
N_TRAINING, N_TEST = 400, 300


def synthetic(n_seeds):
    """Print the MRR with tags of different noise, and with tags of other songs."""
    print_head("noise of the tags", "training lyrics", "two views", "three views", "difference")
    for noise in (0.3, 1.0, 3.0, np.inf):
        for missing in (0.0, MISSING):
            found = np.array([synthetic_mrr(noise, missing, seed) for seed in range(n_seeds)])
            apart = found[:, 1] - found[:, 0]
            means = [f"{mean:.3f}" for mean in found.mean(axis=0)]
            span = f"{apart.mean():+.3f} ({apart.min():+.3f} to {apart.max():+.3f})"
            print_row(
                "tags of other songs" if np.isinf(noise) else noise,
                f"{1 - missing:.0%}",
                *means,
                span,
            )
    print(f"gallery {N_TEST}, chance level of the MRR {chance(N_TEST)['mrr']:.3f}")


def synthetic_mrr(noise, missing, seed):
    """Return the MRR between audio and lyrics after training with two and with three views."""
    rng = np.random.default_rng(seed)
    table = synthetic_table(noise, rng)
    rows, tested = table[:N_TRAINING], table[N_TRAINING:]
    hidden = rng.random(N_TRAINING) < missing
    views = synthetic_views()
    audio, lyrics = (tested[:, columns] for _, _, columns in views[:2])
    pairs = rows[~hidden]
    rows[np.ix_(hidden, np.arange(SIZES["audio"], SIZES["audio"] + SIZES["lyrics"]))] = np.nan
    models = MultiCCA(views[:2]).fit(pairs), MultiCCA(views).fit(rows)
    return [mrr_scorer(model.pair("audio", "lyrics"), audio, lyrics) for model in models]


def synthetic_views():
    bounds = np.cumsum([0, *SIZES.values()])
    sides = [slice(*bounds[i : i + 2]) for i in range(len(SIZES))]
    return [(name, "passthrough", side) for name, side in zip(SIZES, sides, strict=True)]


def synthetic_table(noise, rng):
    """Return songs whose audio and lyrics share factors; tags are 1 where their mix is large."""
    n = N_TRAINING + N_TEST
    shared = rng.normal(size=(n, N_SHARED))
    mixes = [shared @ rng.normal(size=(N_SHARED, size)) for size in SIZES.values()]
    for mix in mixes[:2]:
        mix += 4 * rng.normal(size=(n, N_OWN)) @ rng.normal(size=(N_OWN, mix.shape[1]))
        mix += 3 * rng.normal(size=mix.shape)
    tags = mixes[2] / np.sqrt(N_SHARED)
    tags = rng.permutation(tags) if np.isinf(noise) else tags + noise * rng.normal(size=tags.shape)
    return np.hstack([*mixes[:2], tags > 0.8])


PARTS = {"training": training, "queries": queries, "tags": tags}


if __name__ == "__main__":
    main()
