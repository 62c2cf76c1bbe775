"""LyricsForm against counts by hand."""

import unicodedata

import numpy as np
import pytest

from skdcca import LyricsForm


def test_form_of_a_known_text():
    text = "Row, row, row your boat,\nGently down the stream!"
    form = LyricsForm().set_output(transform="pandas").fit_transform([text]).iloc[0]
    assert form["log_words"] == pytest.approx(np.log1p(9))
    assert form["log_syllables"] == pytest.approx(np.log1p(10))
    assert form["log_phrases"] == pytest.approx(np.log1p(4))
    assert form["log_lines"] == pytest.approx(np.log1p(1))
    assert form["syllables_per_word"] == pytest.approx(10 / 9)
    assert form["phrase_mean"] == pytest.approx((1 + 1 + 3 + 5) / 4)
    assert form["log_phrase_max"] == pytest.approx(np.log1p(5))
    assert form["phrase_std"] == pytest.approx(np.std([1, 1, 3, 5]))
    assert form["log_characters"] == pytest.approx(np.log1p(len(text)))
    assert form["letters_per_word"] == pytest.approx((3 * 3 + 4 + 4 + 6 + 4 + 3 + 6) / 9)
    assert form["distinct_words"] == pytest.approx(7 / 9)
    assert form["distinct_pairs"] == pytest.approx(7 / 8)
    assert form["commonest_word"] == pytest.approx(3 / 9)
    assert form["comma_per_word"] == pytest.approx(3 / 9)
    assert form["exclamation_per_word"] == pytest.approx(1 / 9)
    assert form["capitals_per_word"] == pytest.approx(2 / 9)
    marks = LyricsForm().set_output(transform="pandas").fit_transform(["a: b; «c» d? e's."]).iloc[0]
    for name, count in [
        ("colon", 2),
        ("quote", 2),
        ("question", 1),
        ("apostrophe", 1),
        ("stop", 1),
    ]:
        assert marks[f"{name}_per_word"] == pytest.approx(count / 6)


@pytest.mark.parametrize(
    ("text", "syllables"),
    [("Götterfunken schöner", 6), ("prière éternelle", 6), ("beautiful day", 4)],
)
def test_syllables(text, syllables):
    form = LyricsForm().fit([text])
    row = dict(zip(form.get_feature_names_out(), form.transform([text])[0], strict=True))
    assert np.expm1(row["log_syllables"]) == pytest.approx(syllables)


def counted(text):
    """Return the form of a text, with the logarithms undone."""
    row = LyricsForm().set_output(transform="pandas").fit_transform([text]).iloc[0]
    return {
        name.removeprefix("log_"): np.expm1(value) if name.startswith("log_") else value
        for name, value in row.items()
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "दिल, दिल और दाल।",
            {
                "words": 4,
                "syllables": 8,
                "phrases": 2,
                "letters_per_word": 2,
                "distinct_words": 3 / 4,
                "comma_per_word": 1 / 4,
                "stop_per_word": 1 / 4,
            },
        ),
        (
            "君を、「愛してる」。\n月が綺麗だ？",  # pairs of characters are words: 1, 3 and 4
            {
                "words": 8,
                "syllables": 11,
                "phrases": 3,
                "phrase_max": 5,
                "lines": 1,
                "characters": 17,
                "letters_per_word": 11 / 8,
                "quote_per_word": 2 / 8,
                "question_per_word": 1 / 8,
                "stop_per_word": 1 / 8,
                "capitals_per_word": 0,
            },
        ),
        ("ฉันรักเธอ เธอรักฉัน", {"words": 10, "syllables": 6, "phrases": 2, "phrase_std": 0}),
        ("Россия — моя любовь!", {"words": 3, "syllables": 7, "phrases": 2, "phrase_mean": 3.5}),
        ("حبيبي، يا حبيبي؟", {"words": 3, "comma_per_word": 1 / 3, "question_per_word": 1 / 3}),
        ("Σ' ΑΓΑΠΩ, Καρδιά", {"words": 3, "capitals_per_word": 1, "phrase_max": 4}),
    ],
)
def test_form_in_other_scripts(text, expected):
    form = counted(text)
    assert {name: form[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["Été, où es-tu?", "Tiếng Việt còn", "Ọ̀rọ̀ ìfẹ́", "がっこう 사랑", "İstanbul мой"]
)
def test_form_does_not_depend_on_how_characters_are_composed(text):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert counted(composed) == counted(decomposed)


def test_saved_models_keep_their_rules():
    texts = ["दिल और दाल।", "Россия", "愛してる。", "Row, row, row your boat"]
    model = LyricsForm().fit(texts)
    new = model.transform(texts)
    del model._text_rules  # as in files of earlier versions
    old = dict(zip(model.feature_names_, model.transform(texts).T, strict=True))
    np.testing.assert_allclose(np.expm1(old["log_words"]), [5, 1, 1, 5])
    np.testing.assert_allclose(np.expm1(old["log_syllables"]), [5, 1, 1, 5])
    np.testing.assert_allclose(old["stop_per_word"], 0)
    np.testing.assert_array_equal(model.transform(texts)[3], new[3])


def test_form_of_text_without_words_is_finite():
    assert np.isfinite(LyricsForm().fit_transform(["123 !!! ...", "🎵🎵"])).all()


SONGS = [
    "the sea and the waves, roll on\non the shore",
    "a fire glows. a fire!",
    "la la la la la la",
]


def test_texts_shorter_than_all_songs_get_the_mean():
    model = LyricsForm().fit(SONGS)
    rows = LyricsForm("measured").fit_transform(SONGS)
    np.testing.assert_array_equal(model.transform(SONGS), rows)
    np.testing.assert_array_equal(model.mean_, rows.mean(axis=0))
    assert model.min_words_ == 5
    short, as_short = model.transform(["on the shore", "a fire glows. a FIRE!"])
    np.testing.assert_array_equal(short, rows.mean(axis=0))
    assert not np.array_equal(as_short, rows.mean(axis=0))
    twice, once = model.transform(["roll on roll on", "roll on"])
    np.testing.assert_array_equal(twice, once)


def test_one_tiny_text_does_not_make_lines_as_long_as_songs():
    songs = [*20 * SONGS, "[Instrumental]"]
    model = LyricsForm().fit(20 * [" ".join(SONGS)] + ["[Instrumental]"])
    assert model.min_words_ == 21
    np.testing.assert_array_equal(model.transform(songs[-1:])[0], model.mean_)


def test_excerpts_are_measured_on_request_and_in_older_files():
    measured = LyricsForm("measured").fit(SONGS)
    assert measured.transform(["on the shore"])[0, 0] == pytest.approx(np.log(4))
    state = LyricsForm().fit(SONGS).__getstate__()
    for name in ("excerpts", "mean_", "min_words_"):
        del state[name]
    old = LyricsForm.__new__(LyricsForm)
    old.__setstate__(state)
    np.testing.assert_array_equal(old.transform(["on the"]), measured.transform(["on the"]))
    with pytest.raises(
        ValueError, match=r"`excerpts` must be one of \['mean', 'measured'\], got 'no'"
    ):
        LyricsForm("no").fit(SONGS)
