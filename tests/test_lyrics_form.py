"""LyricsForm against counts by hand."""

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


def test_form_of_text_without_words_is_finite():
    assert np.isfinite(LyricsForm().fit_transform(["123 !!! ...", "🎵🎵"])).all()
