"""Groups of songs with one tune."""

import numpy as np

from skdcca.datasets import _tunes


def naive_distance(a, b):
    """Return the Levenshtein distance by its recursive definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        naive_distance(a[1:], b) + 1,
        naive_distance(a, b[1:]) + 1,
        naive_distance(a[1:], b[1:]) + (a[0] != b[0]),
    )


def test_edit_distances_follow_their_definition():
    rng = np.random.RandomState(0)
    words = [rng.randint(3, size=rng.randint(1, 6)) for _ in range(12)]
    expected = [
        [naive_distance(list(a), list(b)) / max(len(a), len(b)) for b in words] for a in words
    ]
    np.testing.assert_allclose(_tunes.edit_distances(words), expected)


def melody(pitches, beat=1.0):
    return [[[beat * place, beat, pitch] for place, pitch in enumerate(pitches)]]


def test_tunes_are_grouped_by_melody_title_or_text():
    rng = np.random.RandomState(0)
    tune, *others = rng.randint(60, 73, (6, 40)).tolist()
    ornament = [[[0, 0.5, tune[0]], [0.5, 0.5, tune[0] + 1], *melody(tune)[0][1:]]]
    transposed = melody([pitch - 5 for pitch in tune], beat=2.0)
    texts = [" ".join(rng.choice(list("abcdefghij"), 30)) for _ in range(6)]
    misprint = texts[5][:-9] + "x x x x x"
    groups = _tunes.tune_groups(
        ["First", "Second", "Third", "Not so", "Noth so", "Sixth", "Last"],
        [*texts[:6], misprint],
        [melody(tune), transposed, ornament, *map(melody, others[:4])],
    )
    assert groups[0] == groups[1] == groups[2]  # other key and tempo; a passing note
    assert groups[3] == groups[4]  # old spelling
    assert groups[5] == groups[6]
    assert len(set(groups)) == 3
