"""Positions of words in a text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdcca._lyrics import tokenize, word_spans

LETTERS = st.sampled_from("abé ßÅİǆﬁœ\u0301\u00ad\u200d\u200bが゛月亮ไทย한ᄒ\u1161\u11abक्षिِدش’-\n")


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.text(LETTERS, max_size=14))
def test_words_are_those_of_tokenize_and_in_the_text(text):
    found = word_spans(text)
    assert [word for word, _, _ in found] == tokenize(text)
    assert all(0 <= begin < end <= len(text) for _, begin, end in found)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("L'Été, à 3 h", ["L", "Été", "à", "h"]),
        ("Stra\u00dfe!", ["Stra\u00dfe"]),
        ("e\u0301te\u0301 la", ["e\u0301te\u0301", "la"]),  # decomposed
        ("so\u00adft hy-phen", ["so\u00adft", "hy", "phen"]),  # a soft hyphen
        ("e\u00ad\u0301te", ["e\u00ad\u0301te"]),  # a soft hyphen before an accent
        ("月亮代表 my", ["月亮", "亮代", "代表", "my"]),
        ("한 글", ["한", "글"]),
        ("\u1112\u1161\u11ab a", ["\u1112\u1161\u11ab", "a"]),  # decomposed Korean
        ("1, 2", []),
    ],
)
def test_spans_are_the_words_as_they_are_written(text, parts):
    assert [text[begin:end] for _, begin, end in word_spans(text)] == parts
