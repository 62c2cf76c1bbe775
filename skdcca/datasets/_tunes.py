"""Group chorales with the same tune, title or text."""

import re
import unicodedata
from collections import Counter

import numpy as np
from scipy.sparse.csgraph import connected_components

# Two chorales are linked if a distance is below MELODY or TITLE, or a similarity is above TEXT.
# Each threshold lies in a gap of the distribution over the 338 chorales of the corpus.
MELODY = 0.28  # edits per note of the opening: equal tunes have up to 0.24, others at least 0.32
TITLE = 0.1  # edits per letter: tolerates misprints, but not "Lobet" for "Danket"
TEXT = 0.4  # fraction of common word triples: different texts have up to 0.3, misprints remove half
OPENING = 40  # number of notes compared; most melodies are shorter


def tune_groups(titles, lyrics, melodies):
    """Return the name of the tune of each chorale.

    Chorales are linked by melody (regardless of key and rhythm), title or text. Each connected
    component of these links is one tune, because one text may have two melodies, and one melody
    many texts. The tune is named after its most frequent title.

    Parameters
    ----------
    titles, lyrics : sequences of n_songs str
        Title and lyrics of each chorale.
    melodies : sequence of n_songs lists
        Phrases, each a list of [onset, duration, MIDI pitch] in quarter notes.

    Returns
    -------
    groups : list of n_songs str
        Name of the tune of each chorale.
    """
    openings = [_on_beats(melody)[:OPENING] for melody in melodies]
    # Ignore the key by aligning the pitches at the first note, and also at the last one: equal
    # tunes agree at the start, at the end, or at both.
    links = edit_distances([opening - opening[0] for opening in openings]) < MELODY
    links |= edit_distances([opening - opening[-1] for opening in openings]) < MELODY
    letters = [np.array([ord(letter) for letter in _letters(title)]) for title in titles]
    links |= edit_distances(letters) < TITLE
    links |= _common_triples(lyrics) > TEXT
    _, labels = connected_components(links, directed=False)
    names = _names(titles, labels)
    return [names[label] for label in labels]


def edit_distances(sequences):
    """Return the Levenshtein distances of all pairs, divided by the length of the longer sequence.

    Parameters
    ----------
    sequences : list of n integer arrays
        The sequences.

    Returns
    -------
    distances : ndarray of shape (n, n)
        From 0 (equal) to 1.
    """
    lengths = np.array([len(sequence) for sequence in sequences])
    steps = np.arange(lengths.max() + 1)
    table = np.full((len(sequences), lengths.max()), -9999)
    for row, sequence in zip(table, sequences, strict=True):
        row[: len(sequence)] = sequence
    distances = np.empty((len(sequences), len(sequences)))
    for row, length in enumerate(lengths):
        # Standard dynamic programming, against all sequences at once.
        costs = np.tile(steps, (len(sequences), 1))
        for symbol in sequences[row]:
            replaced = costs[:, :-1] + (table != symbol)
            costs[:, 1:] = np.minimum(costs[:, 1:] + 1, replaced)
            costs[:, 0] += 1
            costs = np.minimum.accumulate(costs - steps, axis=1) + steps  # insertions
        distances[row] = costs[np.arange(len(sequences)), lengths]
        distances[row] /= np.maximum(np.maximum(lengths, length), 1)
    return distances


def _on_beats(melody):
    """Return the pitches of the notes that start on a beat, or of all notes if there are none.

    This removes the rhythm and most ornaments and passing notes.
    """
    notes = [note for phrase in melody for note in phrase]
    pitches = [pitch for onset, _, pitch in notes if float(onset).is_integer()]
    return np.array(pitches or [pitch for _, _, pitch in notes])


def _letters(text):
    """Return the letters of a German text. Noth and Not become equal, as do läßt and lässt."""
    text = text.lower().replace("ß", "ss").replace("th", "t")
    return re.sub("[^a-z]", "", unicodedata.normalize("NFKD", text))


def _common_triples(texts):
    """Return, for all pairs of texts, the fraction of word triples that both contain."""
    runs = []
    for text in texts:
        words = [_letters(word) for word in text.split()]
        runs.append(set(zip(words, words[1:], words[2:], strict=False)))
    numbers = {run: number for number, run in enumerate(sorted(set().union(*runs)))}
    counts = np.zeros((len(texts), max(len(numbers), 1)), dtype=np.float32)
    for row, text_runs in zip(counts, runs, strict=True):
        row[[numbers[run] for run in text_runs]] = 1
    common = counts @ counts.T
    total = counts.sum(axis=1)
    return common / np.maximum(total[:, None] + total - common, 1)


def _names(titles, labels):
    """Return the most frequent title of each label, or the first of several such titles."""
    members = {}
    for title, label in zip(titles, labels, strict=True):
        members.setdefault(label, Counter())[title] += 1
    return {label: counter.most_common(1)[0][0] for label, counter in members.items()}
