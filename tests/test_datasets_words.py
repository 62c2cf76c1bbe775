"""The words of synthetic lyrics."""

from skdcca.datasets import _words


def test_no_word_belongs_to_two_moods():
    pools = [group.split() for ends in _words.MOOD_WORDS.values() for end in ends for group in end]
    words = [word for pool in pools for word in pool]
    assert len(words) == len(set(words)) == 4 * 2 * 18
    filler = " ".join(_words.LINES).replace("{", " ").replace("}", " ").split()
    assert not set(words) & set(filler)
