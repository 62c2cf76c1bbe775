"""Bad and unusual lyrics, and bad parameters of their transformers."""

import numpy as np
import pytest
from _bad_input import LYRICS, Case, check_accepted, check_cases, check_refused, each
from sklearn.exceptions import NotFittedError

from skdcca import Doc2VecLyrics, LyricsCharacters, LyricsForm, LyricsSequence

TEXTS = {
    "Doc2VecLyrics": lambda **k: Doc2VecLyrics(
        **{"vector_size": 4, "epochs": 2, "random_state": 0, **k}
    ),
    "LyricsForm": lambda **k: LyricsForm(),
    "LyricsSequence": lambda **k: LyricsSequence(
        **{"transformer": LyricsForm(), "n_steps": 2, **k}
    ),
    "LyricsCharacters": lambda **k: LyricsCharacters(**{"n_characters": 16, **k}),
}


OF_TEXTS = [
    (
        "empty texts",
        ["", *LYRICS, " \n", "\u3000"],
        ValueError,
        "3 of 15 .* rows 0, 13, 14",
        "Remove",
    ),
    ("bytes", [*LYRICS, b"la"], TypeError, "row 12 is bytes", "not str"),
    ("None", [None, *LYRICS, None], TypeError, "row 0 is NoneType, row 13 is NoneType", ""),
    ("NaN", [*LYRICS, np.nan], TypeError, "row 12 is float", ""),
    ("one text as X", "la la la", TypeError, "Lyrics must be .* got str", "list of str"),
    ("None as X", None, TypeError, "Lyrics must be .* got NoneType", "list of str"),
    ("a generator as X", (text for text in LYRICS), TypeError, "got generator", "list of str"),
    ("a set as X", set(LYRICS), TypeError, "Lyrics must be .* got set", "list of str"),
    ("no texts", [], ValueError, "0 sample", "no lyrics"),
]


OF_LYRICS = [
    ("Doc2VecLyrics", {"vector_size": 0}, ValueError, "`vector_size` .* got 0", ">= 1"),
    ("Doc2VecLyrics", {"window": "5"}, ValueError, "`window` .* got '5'", "an integer"),
    ("Doc2VecLyrics", {"dm": 2}, ValueError, "`dm` .* got 2", r"\[0, 1\]"),
    ("Doc2VecLyrics", {"min_count": 99}, ValueError, "min_count=99", "decrease `min_count`"),
    (
        "Doc2VecLyrics",
        {"pretrained": "a.d2v"},
        ValueError,
        "`pretrained` .*'a.d2v'",
        "existing file",
    ),
    ("Doc2VecLyrics", {"pretrained": 5}, ValueError, "`pretrained` .* got 5", "path"),
    ("Doc2VecLyrics", {"tokenizer": "words"}, ValueError, "`tokenizer` .* got 'words'", "function"),
    ("Doc2VecLyrics", {"tokenizer": str.upper}, TypeError, "the str 'LA LA", "list of words"),
    ("Doc2VecLyrics", {"tokenizer": len}, TypeError, "`tokenizer` .* got 14", "list of words"),
    ("Doc2VecLyrics", {"random_state": "a"}, ValueError, "'a'", "seed"),
    ("LyricsSequence", {"n_steps": 0}, ValueError, "`n_steps` .* got 0", ">= 1"),
    (
        "LyricsSequence",
        {"transformer": "form"},
        TypeError,
        "`transformer` .* got 'form'",
        "a transformer",
    ),
    ("LyricsSequence", {"transformer": LyricsForm}, TypeError, "LyricsForm", "not a class"),
    ("LyricsCharacters", {"n_characters": -1}, ValueError, "`n_characters` .* got -1", ">= 1"),
    ("LyricsCharacters", {"stretch": "yes"}, ValueError, "`stretch` .* got 'yes'", "True"),
    ("LyricsCharacters", {"min_df": 2}, ValueError, "`min_df` .* got 2", r"in \[0, 1\]"),
]


def of_texts():
    for name, make in TEXTS.items():
        for what, texts, *expected in OF_TEXTS:

            def call(w, make=make, texts=texts):
                return make().fit(texts)

            yield Case(f"{name}, {what}", call, *expected)
        yield Case(
            f"{name}, not fitted",
            lambda w, make=make: make().transform(LYRICS),
            NotFittedError,
            f"This {name} instance is not fitted",
            "Call 'fit'",
        )
    for name, parameters, *expected in OF_LYRICS:

        def call(w, n=name, p=parameters):
            return TEXTS[n](**p).fit(LYRICS)

        yield Case(f"{name}, {parameters}", call, *expected)


STRANGE = {
    "emoji": "🎵🎶 ❤️ 👩‍👩‍👧",
    "right to left": "שלום עליכם مرحبا بالعالم",
    "NUL characters": "love\0song\0",
    "nothing but NUL characters": "\0\0",
    "stop-words": "the and of a",
    "a megabyte": ("love song " * 105_000)[: 2**20],
    "a word of a megabyte": "a" * 2**20,
    "accents without letters": "\u0301\u0301",
    "half a surrogate pair": "love \ud800 song",
    "no spaces": "愛" * 500,
}


SHAPES = {"Doc2VecLyrics": (4,), "LyricsForm": (21,), "LyricsSequence": (21, 2)}


def of_strange_texts():
    for name, make in TEXTS.items():
        for what, text in STRANGE.items():

            def call(w, make=make, text=text):
                return make().fit(LYRICS).transform([text, "love"])

            yield f"{name}, {what}", call, (2, *SHAPES.get(name, (18, 16)))


REFUSED = list(of_texts())
ACCEPTED = list(of_strange_texts())


def test_there_are_many_different_cases():
    check_cases(REFUSED, ACCEPTED)


@each(REFUSED)
def test_bad_input_is_refused_with_a_remedy(case, world, request):
    check_refused(case, world, request)


@each(ACCEPTED)
@pytest.mark.filterwarnings("ignore::skdcca.exceptions.UnknownTextWarning")
def test_unusual_input_is_accepted(case, world):
    check_accepted(case, world)


@pytest.mark.parametrize("name", TEXTS)
def test_all_bad_texts_of_a_batch_are_named_at_once(name):
    with pytest.raises(ValueError, match="3 of 5 lyrics are blank, in rows 1, 3, 4"):
        TEXTS[name]().fit(["la", "", "la", " ", "\n"])
    with pytest.raises(
        TypeError, match=r"3 of 5 .* row 1 is int, row 3 is NoneType, row 4 is bytes"
    ):
        TEXTS[name]().fit(["la", 1, "la", None, b"la"])
