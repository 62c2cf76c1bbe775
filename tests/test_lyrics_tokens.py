"""Words of lyrics, and lyrics that are refused."""

import numpy as np
import pandas as pd
import pytest
from _lyrics import CORPUS

from skdcca import Doc2VecLyrics, LyricsForm
from skdcca._lyrics.tokens import tokenize


def test_words_of_german_french_and_english():
    assert tokenize("Straße, MÜLLER; schöne\u00adre Götterfunken!") == [
        "strasse",
        "müller",
        "schönere",
        "götterfunken",
    ]
    assert tokenize("L'amour, l’été où cœur peut-être") == [
        "l",
        "amour",
        "l",
        "été",
        "où",
        "cœur",
        "peut",
        "être",
    ]
    assert tokenize("Don't stop 24/7 — it's O.K.") == ["don", "t", "stop", "it", "s", "o", "k"]
    assert tokenize("Gru\u0308n") == tokenize("GRÜN") == ["grün"]
    assert tokenize("привет 你好") == ["привет", "你好"]


@pytest.mark.parametrize("transformer", [Doc2VecLyrics(4, random_state=0), LyricsForm()])
@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ([], ValueError, "no lyrics"),
        ("one text", TypeError, "must be a list of str, one text per song, got str"),
        (
            ["fine", 3, None, b"bytes"],
            TypeError,
            "3 of 4 lyrics are not str: row 1 is int, row 2 is NoneType, row 3",
        ),
        (["fine", " \n", ""], ValueError, "2 of 3 lyrics are blank, in rows 1, 2"),
        (pd.Series(["fine", np.nan], dtype=object), TypeError, "row 1 is float"),
    ],
    ids=["empty", "one text", "types", "blank", "missing"],
)
def test_bad_lyrics_are_named(transformer, texts, error, message):
    fitted = type(transformer)(**transformer.get_params()).fit(CORPUS)
    for method in (transformer.fit, fitted.transform):
        with pytest.raises(error, match=message):
            method(texts)
