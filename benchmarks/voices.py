"""Compare retrieval of spoken windows by the words heard, by linear CCA of the sound, and by both.

The songs are 595 windows of 20 s of English art songs of at least 22 words. espeak-ng speaks the words
over the music at several gains (spoken, not sung); at a gain of 0 the windows are instrumental. A
Whisper model hears them.

- "words heard": `SharedSpace` of what is heard and the lyrics, with its defaults.
- "CCA": `LinearCCA` of the statistics of a spectrogram with tf-idf and the form of the lyrics; three
  inner folds choose its hyperparameters from the grid of paper_table.py.
- "fusion": `ScoreFusion` of both, with weights from inner folds.

There are five folds by composer, and everything is fitted on the training folds. "lyrics" is the mean
over both directions with all words of the window; "six words" are the six in the middle of the lyrics,
which search the audio. The intervals are bootstraps over composers. The second table shows what
suppression leaves of the words that the recognizer gives. The last one is about two real songs with a
singer, on which nothing was tuned.

What is heard is cached, so that only the first run takes its time.

    python benchmarks/voices.py --data DATA [--whisper MODEL] [--gains 0.7 0.2 0.05 0] [--quick]
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from skdcca import CrossModalIndex, ScoreFusion, SharedSpace, tokenize
from skdcca.metrics import chance, compare, embed, ranks

from _common.arguments import add_song_options, data_folder, make_parser
from _common.audio_features import features
from _common.folds import folds
from _common.hearing import before_suppression, find_model, hear, share_found, word_errors
from _common.internals import cache_folder
from _common.intervals import interval
from _common.singing import load_singing
from _common.songs import load_voice, seconds_of
from _common.systems import searched_model
from _common.table import print_head, print_row

GAINS = (0.7, 0.2, 0.05, 0.0)
TEXT = "tf-idf + form"
SYSTEMS = ("words heard", "CCA", "fusion")
N_WORDS = 6  # of a short query


class Window(NamedTuple):
    """Window of a song as the models read it.

    Attributes
    ----------
    words : str
        Words heard.
    sound : ndarray
        Statistics of its spectrogram.
    """

    words: str
    sound: np.ndarray


def main():
    options = parse_arguments()
    data, cache = data_folder(options.data), cache_folder(options.cache)
    model = find_model(options.whisper)
    heard = {}
    for gain in options.gains:
        songs = load_voice(data, cache, gain, most=options.songs)
        heard[gain] = songs, hear([song["audio"] for song in songs], model, cache)
    print_head(
        "gain", "system", "gallery", "lyrics: MRR (95 %)", "recall@1",
        "six words: MRR (95 %)", "chance",
    )  # fmt: skip
    differences = []
    for gain, (songs, said) in heard.items():
        sound = features("summary", songs, seconds_of("voice"), cache, options.n_jobs)
        words = [one.text for one in said]
        differences += tabulate_retrieval(gain, songs, words, sound, options.n_jobs)
    print("", *differences, sep="\n")
    tabulate_words(heard, model, cache)
    if not options.quick:
        spoken = [song["lyrics"] for song in songs]
        tabulate_singing(SharedSpace().fit(spoken, spoken), data, model, cache)


def parse_arguments():
    parser = make_parser(__doc__, "30 windows at a gain of 0.7, no singing; under 60 s")
    add_song_options(parser)
    parser.add_argument(
        "--whisper", help="name or folder of a Whisper model (default: the one found)"
    )
    parser.add_argument("--gains", nargs="+", type=float, default=GAINS)
    parser.add_argument("--songs", type=int, help="number of windows, evenly spaced (default: all)")
    options = parser.parse_args()
    if options.quick:
        options.gains, options.songs = GAINS[:1], 30
    return options


def tabulate_retrieval(gain, songs, words, sound, n_jobs):
    """Print the rows of a gain, and return its differences as lines."""
    groups = np.array([song["group"] for song in songs])
    windows = [Window(*row) for row in zip(words, sound, strict=True)]
    with threadpool_limits(1, user_api="blas"):
        found, gallery = measure(windows, [song["lyrics"] for song in songs], groups, n_jobs)
    for system in SYSTEMS:
        whole, first, six = found[system]
        print_row(
            gain, system, gallery, with_interval(whole, groups), f"{first.mean():.3f}",
            with_interval(six, groups), f"{chance(gallery)['mrr']:.3f}",
        )  # fmt: skip
    return [difference(gain, found, other, groups) for other in SYSTEMS[:2]]


def measure(windows, lyrics, groups, n_jobs):
    """Return reciprocal ranks of each window by system, and the size of the smallest gallery.

    They are, in this order: the mean of both directions, the share of both directions that has the
    relevant item first, and that of six words that ask for audio.
    """
    found = {system: np.empty((3, len(windows))) for system in SYSTEMS}
    sizes = []
    for train, test in folds(5, by_group=True).split(windows, groups=groups):
        sizes.append(len(test))
        for system, model in fitted_systems(windows, lyrics, groups, train, n_jobs):
            found[system][:, test] = figures(model, chosen(windows, test), chosen(lyrics, test))
    return found, min(sizes)


def fitted_systems(windows, lyrics, groups, train, n_jobs):
    """Yield the name of each system and the model fitted on the training windows."""
    X, y = chosen(windows, train), chosen(lyrics, train)
    words = make_pipeline(FunctionTransformer(words_of), SharedSpace())
    cca = searched_cca(sound_of(X), y, groups[train], len(windows), n_jobs)
    yield "words heard", words.fit(X, y)
    yield "CCA", cca.fit(X, y)
    parts = [("words", clone(words)), ("sound", clone(cca))]
    yield "fusion", ScoreFusion(parts).fit(X, y, groups=groups[train])


def searched_cca(sound, lyrics, groups, n_windows, n_jobs):
    """Return the linear model with the hyperparameters that inner folds choose."""
    cell = {"model": "linear", "text": TEXT}
    search = searched_model(cell, "voice", n_windows, folds(3, by_group=True), n_jobs)
    search.fit(sound, lyrics, groups=groups)
    return make_pipeline(
        FunctionTransformer(sound_of), *search.best_estimator_.named_steps.values()
    )


def figures(model, windows, lyrics):
    """Return the reciprocal ranks of a fold, as in `measure`."""
    scores = compare(model, *embed(model, windows, lyrics))
    places = np.array([ranks(scores), ranks(scores.T)])
    short = compare(model, *embed(model, windows, [middle_words(text) for text in lyrics]))
    return (1 / places).mean(axis=0), (places == 1).mean(axis=0), 1 / ranks(short.T)


def chosen(rows, positions):
    """Return the rows of a list at these positions."""
    return [rows[i] for i in positions]


def words_of(windows):
    """Return the words heard in the windows."""
    return [window.words for window in windows]


def sound_of(windows):
    """Return the statistics of the windows."""
    return np.array([window.sound for window in windows])


def middle_words(text, n_words=N_WORDS):
    """Return the words in the middle of a text."""
    words = text.split()
    start = max(0, (len(words) - n_words) // 2)
    return " ".join(words[start : start + n_words])


def with_interval(values, groups):
    """Return the mean and its interval as text."""
    low, high = interval(values, groups)
    return f"{values.mean():.3f} ({low:.3f}-{high:.3f})"


def difference(gain, found, other, groups):
    """Return how much the fusion gains over another system, as a line."""
    apart = found["fusion"][0] - found[other][0]
    return f"fusion - {other}[gain {gain}]={with_interval(apart, groups)}"


def tabulate_words(heard, model, cache):
    """Print how many words are heard at each gain, before and after suppression."""
    print()
    print_head(
        "gain", "words spoken a window", "heard before suppression", "mean log probability",
        "heard after suppression", "windows with words", "words of the lyrics found",
    )  # fmt: skip
    for gain, (songs, said) in heard.items():
        lyrics = [song["lyrics"] for song in songs]
        texts = [one.text for one in said]
        audio = [song["audio"] for song in songs]
        everything, log_probabilities = before_suppression(audio, model, cache)
        print_row(
            gain or "0 (instrumental)",
            f"{words_each(lyrics) if gain else 0:.1f}",
            f"{words_each(everything):.2f}",
            f"{np.nanmean(log_probabilities):.2f}",
            f"{words_each(texts):.2f}",
            f"{np.mean([bool(text) for text in texts]):.3f}",
            f"{np.mean([share_found(*pair) for pair in zip(texts, lyrics, strict=True)]):.3f}",
        )


def words_each(texts):
    """Return the mean number of words of the texts."""
    return np.mean([len(tokenize(text)) for text in texts])


def tabulate_singing(space, data, model, cache):
    """Print what is heard in real songs, and whether the words of a window find it.

    `space` is fitted on other texts.
    """
    windows = load_singing(data)
    texts = [one.text for one in hear([window["audio"] for window in windows], model, cache)]
    lyrics = [window["lyrics"] for window in windows]
    short = [middle_words(text) for text in lyrics]
    places = [places_of(space, texts, queries) for queries in (lyrics, short)]
    matches = matches_in_songs(space, windows, short, model, cache)
    print()
    print_head(
        "window", "words", "found", "word error rate", "place by lyrics", "by six words",
        "song and second of the six words",
    )  # fmt: skip
    rows = list(zip(windows, texts, *places, matches, strict=True))
    for window, text, whole, six, match in rows:
        true = window["lyrics"]
        print_row(
            window["id"], len(tokenize(true)), f"{share_found(text, true):.2f}",
            f"{word_errors(text, true):.2f}", f"{whole:g}", f"{six:g}", match,
        )  # fmt: skip
    pairs = list(zip(texts, lyrics, strict=True))
    mean = [np.mean([measure(*pair) for pair in pairs]) for measure in (share_found, word_errors)]
    mean += [np.mean(1 / place) for place in places]
    print_row("mean, MRR", "", *(f"{value:.2f}" for value in mean), "")
    print(f"chance MRR in a gallery of {len(windows)}: {chance(len(windows))['mrr']:.2f}")


def places_of(space, texts, queries):
    """Return the rank of the text that belongs to each query."""
    return ranks(compare(space, *embed(space, texts, queries)).T)


def matches_in_songs(space, windows, queries, model, cache):
    """Return the song and the second at which the words of each query are found in whole songs."""
    songs = list(dict.fromkeys(window["song"] for window in windows))
    said = hear(songs, model, cache)
    names = [Path(song).stem for song in songs]
    index = CrossModalIndex(space).fit([one.text for one in said], ids=names, texts=said)
    found = [index.find_words(query, 1) for query in queries]
    return [f"{match[0].id}, {match[0].start:.1f} s" if match else "none" for match in found]


if __name__ == "__main__":
    main()
