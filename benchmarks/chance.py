"""Count how often an index accepts songs of the right theme and of others, and what it calls far.

Synthetic songs have one of ten themes: two fifths of their words are among the 40 words of the theme,
and the others are among 300 common words. The audio features are those of the theme, with noise. A
`LinearCCA` of Doc2vec is fitted on 200 songs, 200 others are the gallery, and the lyrics of 200 further
songs are queries, whole or only their middle line. The chance score comes from unrelated queries of the
gallery: all other songs, songs of other themes, or passages of the length of the query from songs of
other themes. Counted are first answers above it, by their theme, and pairs of a query and a song of
another theme with p <= 0.05. All is pooled over three collections.

The last table has the share of queries that `is_far` calls far, for a model and an index of the first 80
of 120 songs of `make_songs`: the other 40, changed songs, and noise.

    OMP_NUM_THREADS=1 make bench SCRIPT=chance ARGS="[--quick]"
"""

import numpy as np

from skdcca import CrossModalIndex, Doc2VecLyrics, LinearCCA
from skdcca.datasets import make_songs

from _common.arguments import make_parser
from _common.internals import song_model
from _common.table import print_head, print_row
from _common.threads import use_one_thread

N_SONGS, N_THEMES = 200, 10  # songs of each of the three parts
RATE = 11025
BACKGROUNDS = {
    "all other songs": (),
    "songs of other themes": ("groups",),
    "passages of other themes": ("groups", "like"),
}


def main():
    options = make_parser(__doc__, "one collection; under 60 s").parse_args()
    use_one_thread()
    found = [measure(seed) for seed in range(1 if options.quick else 3)]
    for kind in ("whole lyrics", "line"):
        share = np.mean([of_kind[kind]["first ten"] for of_kind in found])
        print(f"{kind}: {share:.3f} of the first ten answers have the theme of the query")
    print()
    print_head(
        "queries", "unrelated queries", "same theme", "other theme", "p <= 0.05, other theme"
    )
    for kind in ("whole lyrics", "line"):
        for name in BACKGROUNDS:
            parts = zip(*(of_kind[kind][name] for of_kind in found), strict=True)
            print_row(kind, name, *map(share_of, map(np.concatenate, parts)))
    print()
    print_head("query", "share that is far")
    for name, share in far_queries().items():
        print_row(name, f"{share:.3f}")


def share_of(values):
    """Return a share and how many it is of, as text; empty if there are none."""
    return f"{np.mean(values):.3f} of {len(values):,}" if len(values) else ""


# ---- themes -----------------------------------------------------------------------------------


def measure(seed):
    """Return what is found in one collection, by kind of query."""
    X, lyrics, themes = make_collection(seed)
    fitted, gallery, asking = (slice(i * N_SONGS, (i + 1) * N_SONGS) for i in range(3))
    words = Doc2VecLyrics(30, epochs=20, random_state=0)
    model = LinearCCA(N_THEMES - 1, reg=1.0, y_transformer=words).fit(X[fitted], lyrics[fitted])
    index = CrossModalIndex(model).fit(X[gallery], lyrics[gallery])
    lines = list(map(middle_line, lyrics[asking]))
    return {
        "whole lyrics": judge(index, lyrics[asking], themes[gallery], themes[asking]),
        "line": judge(index, lines, themes[gallery], themes[asking]),
    }


def make_collection(seed):
    """Return audio features, lyrics of 20 lines of 8 words, and themes of songs."""
    rng = np.random.default_rng(seed)
    themes = np.arange(3 * N_SONGS) % N_THEMES
    shape = (len(themes), 20, 8)
    common = np.char.add("common", spelled(rng.integers(300, size=shape)))
    of_theme = np.char.add(
        "theme", spelled(themes[:, None, None] * 40 + rng.integers(40, size=shape))
    )
    words = np.where(rng.random(shape) < 0.4, of_theme, common)
    lyrics = ["\n".join(map(" ".join, song)) for song in words.tolist()]
    audio = np.eye(N_THEMES)[themes] + 0.3 * rng.normal(size=(len(themes), N_THEMES))
    return np.hstack([audio, rng.normal(size=(len(themes), 10))]), lyrics, themes


def spelled(numbers):
    """Return numbers below 676 as two letters each."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return np.char.add(letters[numbers // 26], letters[numbers % 26])


def middle_line(text):
    lines = text.split("\n")
    return lines[len(lines) // 2]


def judge(index, texts, themes, wanted):
    """Return the share of the first ten of the theme, and what each background accepts.

    The latter are three arrays of bool: first answers of the theme of the query and of other themes
    that are above the chance score, and all pairs with songs of other themes that have p <= 0.05.
    """
    scores, ids = index.query(y=texts, n_neighbors=len(themes))
    same = themes[ids] == wanted[:, None]
    found = {"first ten": same[:, :10].mean()}
    for name, given in BACKGROUNDS.items():
        above, low = [], []
        for text, its_scores, its_ids, its_same in zip(texts, scores, ids, same, strict=True):
            arguments = {key: {"groups": themes, "like": text}[key] for key in given}
            above.append(its_scores[0] > index.chance_score("y", **arguments))
            p = np.array(index.p_values("y", its_scores, its_ids, **arguments))
            low.append(p[~its_same] <= 0.05)
        above, is_right = np.array(above), same[:, 0]
        found[name] = above[is_right], above[~is_right], np.concatenate(low)
    return found


# ---- far queries ------------------------------------------------------------------------------


def far_queries():
    """Return the share of far queries by kind."""
    songs = make_songs(120, duration=10.0, sample_rate=RATE, random_state=0)
    known, others = songs.audio[:80], [waveform for waveform, _ in songs.audio[80:]]
    model = song_model("linear", len(known)).fit(known, songs.lyrics[:80])
    index = CrossModalIndex(model).fit(known, songs.lyrics[:80])
    rng = np.random.default_rng(0)
    sounds = {
        "held-out songs": others,
        "clips of 5 s": [waveform[3 * RATE : 8 * RATE] for waveform in others],
        "white noise": [0.1 * rng.normal(size=5 * RATE) for _ in others],
        "clicks": [np.where(rng.random(5 * RATE) < 0.001, 0.9, 0.0) for _ in others],
    }
    texts = {
        "whole lyrics": songs.lyrics[80:],
        "lines": list(map(middle_line, songs.lyrics[80:])),
    }
    queries = {
        name: ("x", index.embed([(np.float32(sound), RATE) for sound in clips]))
        for name, clips in sounds.items()
    }
    queries |= {name: ("y", index.embed(y=lines)) for name, lines in texts.items()}
    return {
        name: np.mean([index.is_far(view, z) for z in rows])
        for name, (view, rows) in queries.items()
    }


if __name__ == "__main__":
    main()
