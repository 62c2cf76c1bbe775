"""Leave out what a recognizer invents where nobody sings."""

import math
import re
import zlib

_MAX_REPEATS = 4
# A phrase with as many repeats in a row, or more. "Oh, oh, oh, oh, oh" has four of ", oh".
_LOOP = re.compile(rf"(.{{1,80}}?)\1{{{_MAX_REPEATS - 1},}}", re.IGNORECASE | re.DOTALL)
# A text of which loops are a greater share is not shortened, but left out.
_MAX_LOOP_SHARE = 0.5
# Text that zlib compresses more consists of parts that are nearly the same. The value is that of the
# program of Whisper.
_MAX_COMPRESSION = 2.4
_TINY = 1e-9


def understood(segments, least):
    """Return the segments whose words are likely, without loops.

    Where nobody sings, a model writes words that are unlikely, or repeats a word like "oh", which it
    finds ever more likely.

    Parameters
    ----------
    segments : list of (start, end, text, log_probability, no_speech)
        What a recognizer hears.
    least : float or None
        Least log probability of the words and of speech. If None, all segments are returned.

    Returns
    -------
    segments : list of (start, end, text)
        The segments that are left.
    """
    if least is None:
        return [one[:3] for one in segments]
    kept, before, n_repeats = [], None, 0
    for start, end, text, log_probability, no_speech in segments:
        n_repeats = n_repeats + 1 if text == before else 0
        before = text
        likely = log_probability + math.log(max(_TINY, 1 - no_speech)) >= least
        if likely and n_repeats < _MAX_REPEATS and not is_loop(text):
            kept.append((start, end, shorten_loops(text)))
    return kept


def is_loop(text):
    """Return True if a text is mostly one phrase, or nearly the same one, again and again."""
    looped = sum(len(loop.group()) for loop in _LOOP.finditer(text))
    if looped > _MAX_LOOP_SHARE * len(text):
        return True
    # One byte a letter, so that the limit is the same in all scripts: in UTF-8, the letters of a script
    # such as Devanagari share two of their three bytes, which compresses well.
    content = bytes(ord(letter) % 256 for letter in text)
    return len(content) > _MAX_COMPRESSION * len(zlib.compress(content))


def shorten_loops(text):
    """Return a text in which no phrase is repeated more than four times in a row."""
    return _LOOP.sub(lambda loop: loop.group(1) * _MAX_REPEATS, text)
