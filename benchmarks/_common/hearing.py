"""Words heard in songs by a Whisper model, and how many of the true words they are."""

from collections import Counter

import numpy as np
from tqdm import tqdm

from skdcca import WhisperWords, tokenize

from _common.internals import HEARD_FORMAT, find_whisper, hear_song

N_SONGS = 20  # songs heard at a time


def find_model(argument=None):
    """Return the Whisper model: `argument`, else the one that is found without a network."""
    model = argument or find_whisper()
    if model is None:
        raise SystemExit(
            "a Whisper model is needed. Name one with --whisper, or its folder in the environment "
            "variable SKDCCA_WHISPER."
        )
    return model


def hear(songs, model, cache):
    """Return the transcript of each song, from the cache if it was heard before."""
    words = listener(model, cache).fit(songs)
    starts = tqdm(range(0, len(songs), N_SONGS), desc="hearing", mininterval=5)
    return [text for start in starts for text in words.transcribe(songs[start : start + N_SONGS])]


def listener(model, cache):
    """Return the transformer that hears, with its defaults and a cache."""
    return WhisperWords(model, memory=str(cache / "heard"))


def before_suppression(songs, model, cache):
    """Return the text of each song before suppression, and its log probability (NaN without text)."""
    words = listener(model, cache)
    heard = words._each(hear_song, songs, "words", language=words.language, version=HEARD_FORMAT)
    raw = [segments for _, segments in heard]
    texts = [" ".join(segment[2] for segment in segments) for segments in raw]
    return texts, [segments[0][3] if segments else np.nan for segments in raw]


def share_found(text, lyrics):
    """Return the share of the words of the lyrics that the text has, each as often as it occurs."""
    true = Counter(tokenize(lyrics))
    return (true & Counter(tokenize(text))).total() / max(1, true.total())


def word_errors(text, lyrics):
    """Return the word error rate: insertions, deletions and substitutions per true word."""
    heard, true = tokenize(text), tokenize(lyrics)
    previous = np.arange(len(heard) + 1)
    for i, word in enumerate(true, start=1):
        current = np.empty_like(previous)
        current[0] = i
        for j, other in enumerate(heard, start=1):
            changed = previous[j - 1] + (word != other)
            current[j] = min(changed, previous[j] + 1, current[j - 1] + 1)
        previous = current
    return previous[-1] / max(1, len(true))
