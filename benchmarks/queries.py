"""Measure queries that are short, soft, late or noisy: lines and verses of lyrics, and clips of songs.

The model is that of ``skdcca fit --model linear``, with its default parameters. Songs are 200 synthetic
ones with four themes and the 1,341 art songs. A line is the middle line of the lyrics, a verse its four
middle lines; the art songs have no line breaks, so there 8 and 32 adjacent words stand for them.
*In gallery* is a model of all songs that searches 120 of them; *held out* are five folds by group, each
of which is its own gallery. *Before* leaves out what makes short queries work: forms of excerpts are
measured, Doc2vec passes all texts equally often, and noise around the music counts as sound. At the end,
the scores are compared with their targets; the script fails if one is missed.

    python benchmarks/queries.py --data DATA [--quick]
"""

import warnings

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from skdcca import Doc2VecLyrics, Excerpts, LyricsForm, TemporalSummary
from skdcca.datasets import make_songs
from skdcca.exceptions import SilentSongWarning, UnknownTextWarning
from skdcca.metrics import chance, pair_scores, ranks, reciprocal_rank

from _common.arguments import add_song_options, data_folder, make_parser
from _common.internals import cache_folder, song_model
from _common.songs import load_lieder
from _common.table import print_head, print_row

RATE = 22050
N_LINES = 120
LEAST_SHARE = 0.8  # of the score of plain songs, for songs that are changed
KINDS = ("line", "verse", "whole")
# Changes that must not change an answer; the others have a cost.
HARMLESS = (
    "gain 0.1 (-20 dB)",
    "2 s of silence before",
    "2 s of silence after",
    "channel inverted",
)


class Doc2VecBefore(Doc2VecLyrics):
    """Doc2vec that passes all texts equally often."""

    def fit(self, X, y=None):
        """Fit the transformer without the median length of the lyrics."""
        super().fit(X, y)
        del self.median_words_
        return self


class SummaryBefore(TemporalSummary):
    """Summary that counts faint noise around the music as sound."""

    def fit(self, X, y=None):
        """Fit the transformer of the version before."""
        super().fit(X, y)
        self._format = 2
        return self


def main():
    options = parse_arguments()
    for expected in (SilentSongWarning, UnknownTextWarning):
        warnings.simplefilter("ignore", expected)
    bars = {}
    sounds, lyrics, groups, themes = synthetic_songs(60 if options.quick else 200)
    spectra = spectrograms(sounds)
    print_head(
        "songs", "gallery", "chance", "query", "before: MRR", "MRR", "distinct", "z", "cosine"
    )
    bars |= short_queries("synthetic", spectra, lyrics, groups)
    if not options.quick:
        bars |= short_queries("art songs", *art_songs(options))
    bars |= clips(changed_spectra(sounds), lyrics, groups)
    excerpts(spectra, lyrics, groups, themes)
    check(bars)


def parse_arguments():
    parser = make_parser(__doc__, "60 synthetic songs")
    add_song_options(parser)
    return parser.parse_args()


# ---- songs ------------------------------------------------------------------------------------


def synthetic_songs(n_songs):
    """Return waveforms, lyrics, groups and themes; a theme is a combination of two moods."""
    songs = make_songs(n_songs, duration=20.0, random_state=0)
    energy, _, valence, _ = songs.lyrics_mood.T
    themes = 2 * (energy > 0) + (valence > 0)
    return [waveform for waveform, _ in songs.audio], songs.lyrics, songs.groups, themes


def art_songs(options):
    """Return spectrograms, lyrics and groups of the art songs."""
    cache = cache_folder(options.cache)
    songs = load_lieder(data_folder(options.data), cache)
    paths = [song["audio"] for song in songs]
    spectra = spectrograms(paths, memory=str(cache / "features"), n_jobs=options.n_jobs)
    return spectra, [song["lyrics"] for song in songs], np.array([song["group"] for song in songs])


def spectrograms(songs, **parameters):
    """Return the spectrograms of the model of the command line."""
    mel = song_model("linear", len(songs))["mel"].set_params(**parameters)
    return mel.fit_transform(songs)


def new_model(n_songs, before=False, **parameters):
    """Return the steps after the spectrograms."""
    model = song_model("linear", n_songs)[1:]
    if before:
        union = "cca__y_transformer__featureunion__"
        words = Doc2VecBefore(50, epochs=20, random_state=0)
        model.set_params(summary=SummaryBefore())
        model.set_params(**{f"{union}words": words, f"{union}form__excerpts": "measured"})
    return model.set_params(**parameters)


def shorten(text, kind):
    """Return the line or the verse in the middle of a text, or all of it."""
    n_lines = {"line": 1, "verse": 4}.get(kind)
    if n_lines is None:
        return text
    parts, glue, n = [line for line in text.split("\n") if line.strip()], "\n", n_lines
    if len(parts) < 5:
        parts, glue, n = text.split(), " ", 8 * n_lines
    first = max(0, (len(parts) - n) // 2)
    return glue.join(parts[first : first + n])


# ---- texts that ask for songs -----------------------------------------------------------------


def short_queries(name, X, lyrics, groups):
    """Print the scores of lines, verses and whole lyrics, and return what has a target."""
    everything = np.arange(len(lyrics))
    gallery = everything[:: max(1, len(lyrics) // N_LINES)][:N_LINES]
    splits = {
        "in gallery": [(everything, gallery)],
        "held out": list(GroupKFold(5).split(X, groups=groups)),
    }
    bars = {}
    for where, parts in splits.items():
        before = mean_scores(X, lyrics, parts, before=True)
        after = mean_scores(X, lyrics, parts, before=False)
        n_gallery = len(parts[0][1])
        for kind in KINDS:
            mrr, distinct, z, cosine = after[kind]
            print_row(
                f"{name}, {where}",
                n_gallery,
                f"{chance(n_gallery)['mrr']:.3f}",
                kind,
                f"{before[kind][0]:.3f}",
                f"{mrr:.3f}",
                f"{before[kind][1]:.2f} -> {distinct:.2f}",
                f"{before[kind][2]:.1f} -> {z:.1f}",
                f"{before[kind][3]:.2f} -> {cosine:.2f}",
            )
        title = f"lines of {name}, {where}"
        if where == "in gallery":  # held-out folds have other numbers of lines
            found = n_gallery * after["line"][1]
            bars[f"{title}: distinct first answers"] = (found, ">=", n_gallery / 2)
        bars[f"{title}: 99th percentile of |z|"] = (after["line"][2], "<", 5)
        bars[f"{title}: mean cosine"] = (after["line"][3], "<", 0.5)
    return bars


def mean_scores(X, lyrics, parts, before):
    """Return the mean scores over the splits by kind of query."""
    found = {kind: [] for kind in KINDS}
    for train, test in parts:
        model = new_model(len(train), before)
        model.fit(X[train], [lyrics[i] for i in train])
        for kind in KINDS:
            texts = [shorten(lyrics[i], kind) for i in test]
            found[kind].append(text_scores(model, X[test], texts))
    return {kind: np.mean(scores, axis=0) for kind, scores in found.items()}


def text_scores(model, X, texts):
    """Return the MRR, the share of distinct answers, the 99th percentile of |z| and the mean cosine."""
    scores = pair_scores(model, X, texts).T
    z = model["cca"].y_transformer_.transform(texts)
    rows = model["cca"].transform_y(texts)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    distinct = len(set(scores.argmax(axis=1))) / len(texts)
    mrr = reciprocal_rank(ranks(scores))
    return mrr, distinct, np.percentile(np.abs(z), 99), cosines.mean()


# ---- clips that ask for lyrics ----------------------------------------------------------------


def changed_spectra(waveforms):
    """Return the spectrograms of all songs, by the name of what was done to them."""
    rng = np.random.default_rng(0)
    changed = [changes(waveform, rng) for waveform in waveforms]
    return {name: spectrograms([clips[name] for clips in changed]) for name in changed[0]}


def clips(spectra, lyrics, groups):
    """Print the MRR of held-out songs that are changed, and return what has a target."""
    columns = {
        "before": {"before": True},
        "MRR": {},
        "floor=40": {"summary__floor": 40},
        "floor=30": {"summary__floor": 30},
    }
    found = {title: {name: [] for name in spectra} for title in columns}
    parts = list(GroupKFold(5).split(lyrics, groups=groups))
    for train, test in parts:
        # The texts are whole lyrics in all columns, so their features are computed only once.
        y_side = clone(new_model(len(train))["cca"].y_transformer)
        y_train = y_side.fit_transform([lyrics[i] for i in train])
        y_test = y_side.transform([lyrics[i] for i in test])
        for title, parameters in columns.items():
            model = new_model(len(train), **parameters).set_params(cca__y_transformer=None)
            model.fit(spectra["plain"][train], y_train)
            for name, X in spectra.items():
                scores = pair_scores(model, X[test], y_test)
                found[title][name].append(reciprocal_rank(ranks(scores)))
    n_gallery = len(parts[0][1])
    print(f"\nclips of held-out synthetic songs, galleries of {n_gallery}")
    print_head(f"query (chance {chance(n_gallery)['mrr']:.3f})", *columns)
    for name in spectra:
        print_row(name, *(f"{np.mean(by_name[name]):.3f}" for by_name in found.values()))
    means = {name: np.mean(values) for name, values in found["MRR"].items()}
    return {
        f"MRR of songs, {name}": (means[name], ">=", LEAST_SHARE * means["plain"])
        for name in HARMLESS
    }


def changes(waveform, rng):
    """Return the queries that are made from the sound of a song."""
    noise = rng.standard_normal(len(waveform) + 4 * RATE).astype(np.float32)
    noise *= np.sqrt(np.mean(waveform**2))

    def with_noise(waveform, decibels):
        return waveform + 10 ** (-decibels / 20) * noise[: len(waveform)]

    def middle(seconds):
        first = (len(waveform) - seconds * RATE) // 2
        return waveform[first : first + seconds * RATE]

    return {
        "plain": waveform,
        "gain 0.1 (-20 dB)": 0.1 * waveform,
        "2 s of silence before": np.pad(waveform, (2 * RATE, 0)),
        "2 s of silence after": np.pad(waveform, (0, 2 * RATE)),
        "channel inverted": np.stack([waveform, -waveform]),
        "2 s before and after, noise of -55 dB": with_noise(np.pad(waveform, 2 * RATE), 55),
        "noise of -40 dB": with_noise(waveform, 40),
        "noise of -30 dB": with_noise(waveform, 30),
        "noise of -20 dB": with_noise(waveform, 20),
        "clip of 10 s": middle(10),
        "clip of 5 s": middle(5),
    }


# ---- excerpts ---------------------------------------------------------------------------------


def excerpts(X, lyrics, groups, themes):
    """Print what `Excerpts` changes, with texts that say what songs are about, and with their form."""
    words = make_pipeline(
        TfidfVectorizer(min_df=2, sublinear_tf=True), TruncatedSVD(50, random_state=0)
    )
    texts = {"tf-idf": words, "tf-idf + form": make_union(words, LyricsForm())}
    parts = list(GroupKFold(5).split(X, groups=groups))
    print(f"\nheld-out synthetic songs, galleries of {len(parts[0][1])}: MRR, P@10 of themes")
    print_head("text", "model", *KINDS)
    for text, transformer in texts.items():
        y_side = make_pipeline(transformer, StandardScaler())
        for title in ("whole lyrics", "Excerpts"):
            found = []
            for train, test in parts:
                model = new_model(len(train), cca__y_transformer=y_side)
                if title == "Excerpts":
                    model = Excerpts(model)
                model.fit(X[train], [lyrics[i] for i in train])
                found.append([both(model, X[test], lyrics, test, themes, kind) for kind in KINDS])
            cells = [f"{mrr:.3f}, {precision:.2f}" for mrr, precision in np.mean(found, axis=0)]
            print_row(text, title, *cells)


def both(model, X, lyrics, test, themes, kind):
    """Return the MRR, and the share of the first ten answers that have the theme of the query."""
    scores = pair_scores(model, X, [shorten(lyrics[i], kind) for i in test]).T
    first = np.argsort(-scores, axis=1)[:, :10]
    same = themes[test][first] == themes[test][:, None]
    return reciprocal_rank(ranks(scores)), same.mean()


def check(bars):
    """Print the targets, and exit with an error if one is missed."""
    print()
    print_head("target", "found", "must be", "")
    missed = 0
    for name, (found, relation, bound) in bars.items():
        met = found >= bound if relation == ">=" else found < bound
        missed += not met
        print_row(name, f"{found:.3g}", f"{relation} {bound:.3g}", "" if met else "missed")
    if missed:
        raise SystemExit(f"{missed} of {len(bars)} targets are missed")


if __name__ == "__main__":
    main()
