"""Find lyrics from damaged copies of themselves with a `SharedSpace` of more and fewer columns.

The texts are the lyrics of the 1,341 art songs in German, English and French. The model is fitted on
the damaged copies and the lyrics of every fourth composer, and searches the songs of all others. Damage
keeps words of the whole text, or of a passage of a fifth of it; a third each of the wrong letters are
left out, replaced, and followed by another one. Scores are mean reciprocal ranks of both directions,
in one gallery of all songs and in eight random ones of 119.

    OMP_NUM_THREADS=1 make bench SCRIPT=shared_space ARGS="[--quick]"
"""

import numpy as np

from skdcca import SharedSpace
from skdcca.metrics import chance, pair_scores, ranks, reciprocal_rank

from _common.arguments import add_data, data_folder, make_parser
from _common.songs import read_lieder
from _common.table import print_head, print_row
from _common.threads import use_one_thread

LETTERS = "abcdefghijklmnopqrstuvwxyz"
N_GALLERY, N_DRAWS = 119, 8  # small galleries
# Share of the text that a passage has, of its words that are kept, and of their letters that are wrong.
DAMAGES = {
    "60 % of the words": (1.0, 0.6, 0.0),
    "12 % of the words, some misspelled": (0.2, 0.6, 0.15),
    "7 % of the words, most misspelled": (0.2, 0.35, 0.3),
}


def main():
    parser = make_parser(__doc__, "not with all columns; under 60 s")
    add_data(parser)
    options = parser.parse_args()
    use_one_thread()
    columns = [1024, 2048, 4096] if options.quick else [1024, 2048, 4096, None]
    train, test = split(read_lieder(data_folder(options.data)))
    print(f"fitted on {len(train)} songs, {len(test)} others")
    print_head("what is left of the text", "gallery", "chance", *(n or "all" for n in columns))
    for name, damage in DAMAGES.items():
        scores = [score(train, test, damage, n_components) for n_components in columns]
        for n_gallery in (N_GALLERY, len(test)):
            cells = [f"{mean_mrr(matrix, n_gallery):.3f}" for matrix in scores]
            print_row(name, n_gallery, f"{chance(n_gallery)['mrr']:.3f}", *cells)


def split(songs):
    """Return the lyrics of every fourth composer, and those of the others."""
    songs = [song for song in songs if len(song["lyrics"].split()) >= 20]
    composers = np.random.default_rng(0).permutation(sorted({song["group"] for song in songs}))
    fitted = set(composers[::4].tolist())
    train = [song["lyrics"] for song in songs if song["group"] in fitted]
    test = [song["lyrics"] for song in songs if song["group"] not in fitted]
    return train, test


def score(train, test, damage, n_components):
    """Return the score of each damaged copy with each of the lyrics."""
    rng = np.random.default_rng(2)
    model = SharedSpace(n_components).fit([damaged(text, damage, rng) for text in train], train)
    return pair_scores(model, [damaged(text, damage, rng) for text in test], test)


def mean_mrr(scores, n_gallery):
    """Return the MRR of both directions, in one gallery of all songs or in several random ones."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(1 if n_gallery == len(scores) else N_DRAWS):
        places = rng.choice(len(scores), n_gallery, replace=False)
        part = scores[np.ix_(places, places)]
        found += [reciprocal_rank(ranks(part)), reciprocal_rank(ranks(part.T))]
    return np.mean(found)


def damaged(text, damage, rng):
    """Return what is left of a text."""
    passage, kept, wrong = damage
    words = text.split()
    n_words = max(5, int(passage * len(words)))
    first = int(rng.integers(len(words) - n_words + 1))
    words = words[first : first + n_words]
    left = [misspell(word, wrong, rng) for word in words if rng.random() < kept]
    return " ".join(left) or words[0]


def misspell(word, wrong, rng):
    """Return a word in which a share of the letters is left out, replaced or followed by another."""
    letters = []
    for letter in word:
        kind, other = rng.random() / max(wrong, 1e-9), LETTERS[rng.integers(26)]
        if kind < 1 / 3:
            continue
        if kind < 2 / 3:
            letter = other
        letters.append(letter + other if 2 / 3 <= kind < 1 else letter)
    return "".join(letters)


if __name__ == "__main__":
    main()
