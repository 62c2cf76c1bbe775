"""Find where the words of a query stand together in texts, in order or not."""

from typing import NamedTuple

import numpy as np

# What each word between two found words costs, as a fraction of the mean weight of a query word.
_SKIP = 0.15


class Hits(NamedTuple):
    """Words of some texts that the query may mean.

    Attributes
    ----------
    slots : ndarray of shape (n_hits,)
        Which reading each of them is; a column of the table of gains.
    places : ndarray of shape (n_hits,)
        Place of each among the words of its text.
    bounds : ndarray of shape (n_texts + 1,)
        Hits ``bounds[i]`` to ``bounds[i + 1]`` belong to text i.
    """

    slots: np.ndarray
    places: np.ndarray
    bounds: np.ndarray


def skip_cost(weights):
    """Return the cost of each word between two found words, for words of integer weights."""
    return max(1, round(_SKIP * sum(weights) / len(weights)))


def align(gains, skip, hits):
    """Compute the best local alignment of a query with each text.

    The alignment [1]_ has words of the query in their order, each worth its gain. Words of the query
    may be missing. Each word of the text between two found ones costs `skip`. Only the hits are
    computed, because all other words of the texts are skipped.

    Parameters
    ----------
    gains : ndarray of shape (n_words, n_slots)
        Integer value of each reading for each word of the query; 0 if it is not a reading of the word.
    skip : int
        Cost of a word of the text between two found words.
    hits : Hits
        Words of the texts.

    Returns
    -------
    best : ndarray of shape (n_texts,)
        Value of the best place in each text.
    trace : function
        Returns the places of the found words in text i, in order, if its value is above 0.

    References
    ----------
    .. [1] T. F. Smith and M. S. Waterman, "Identification of common molecular subsequences", Journal
       of Molecular Biology 147 (1981).
    """
    far = np.int64(gains.max(axis=1, initial=0).sum()) + 1
    sizes = np.diff(hits.bounds)
    # Between two texts is a gap that no alignment can pay for. `paid` is the cost from the beginning.
    ends = np.zeros(len(sizes), dtype=np.int64)
    ends[sizes > 0] = hits.places[hits.bounds[1:][sizes > 0] - 1] + 1
    offsets = np.concatenate([[0], np.cumsum(ends + far)[:-1]])
    paid = skip * (hits.places + np.repeat(offsets, sizes))
    rows = [np.zeros(len(paid), dtype=np.int64)]
    for of_word in gains:
        gain = of_word[hits.slots]
        before = np.maximum.accumulate(rows[-1] + paid)
        carried = np.zeros_like(gain)
        carried[1:] = np.maximum(before[:-1] - paid[1:] + skip, 0)
        rows.append(np.maximum(rows[-1], np.where(gain > 0, gain + carried, 0)))
    best = np.zeros(len(sizes), dtype=np.int64)
    best[sizes > 0] = np.maximum.reduceat(rows[-1], hits.bounds[:-1][sizes > 0]) if len(paid) else 0
    return best, lambda i: _trace(rows, paid, skip, gains, hits, i)


def _trace(rows, paid, skip, gains, hits, i):
    """Return where the found words of text i are, which are traced back from the last one."""
    text = slice(hits.bounds[i], hits.bounds[i + 1])
    at = int(np.argmax(rows[-1][text]))
    left, word, found = int(rows[-1][text][at]), len(gains), []
    while left > 0:
        while rows[word - 1][text][at] == left:
            word -= 1
        word -= 1
        found.append(int(hits.places[text][at]))
        left -= int(gains[word][hits.slots[text][at]])
        if left > 0:
            reached = (rows[word] + paid)[text][:at]
            at = int(np.argmax(reached))
            left = int(rows[word][text][at])
    return found[::-1]


def gather(gains, window, hits):
    """Compute the passage of each text that has the most words of a query, in any order.

    Parameters
    ----------
    gains : ndarray of shape (n_words, n_slots)
        As in `align`, for the distinct words of the query.
    window : int
        Number of words of a passage.
    hits : Hits
        Words of the texts.

    Returns
    -------
    best : ndarray of shape (n_texts,)
        Sum of the gains of the words in the best passage.
    trace : function
        Returns the places of these words in text i, in order, if there are any.
    """
    sizes = np.diff(hits.bounds)
    firsts = np.repeat(hits.bounds[:-1], sizes)
    sums = np.zeros(len(firsts), dtype=np.int64)
    latest = []
    for of_word in gains:
        gain = of_word[hits.slots]
        at = np.maximum.accumulate(np.where(gain > 0, np.arange(len(gain)), -1))
        is_near = (at >= firsts) & (hits.places - hits.places[at] < window)
        sums += np.where(is_near, gain[at], 0)
        latest.append(np.where(is_near, at, -1))
    best = np.zeros(len(sizes), dtype=np.int64)
    best[sizes > 0] = np.maximum.reduceat(sums, hits.bounds[:-1][sizes > 0]) if len(sums) else 0

    def trace(i):
        end = hits.bounds[i] + int(np.argmax(sums[hits.bounds[i] : hits.bounds[i + 1]]))
        return sorted({int(hits.places[at[end]]) for at in latest if at[end] >= 0})

    return best, trace
