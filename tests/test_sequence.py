"""Lyrics in parts: nothing lost, nothing blank, in order; and a model to which the order counts."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from skdcca import DeepCCA, Doc2VecLyrics, LyricsCharacters, LyricsForm, LyricsSequence
from skdcca.datasets import load_tiny_songs
from skdcca.encoders import SequenceEncoder
from skdcca.metrics import chance, mrr_scorer

TEXTS = ["one two three\nfour five\nsix seven eight nine", "alone", "a b\n\nc d e f g h i j k l"]


class Words(CountVectorizer):
    """The words of each part, as one row of counts, dense."""

    def transform(self, texts):
        return super().transform(texts).toarray()


def parts_of(texts, n_steps):
    return LyricsSequence(LyricsForm(), n_steps).fit(texts)._parts(texts)


@pytest.mark.parametrize("n_steps", [1, 2, 3, 5, 9])
def test_parts_are_the_words_in_order(n_steps):
    for text in [TEXTS[0], TEXTS[2]]:
        parts = parts_of([text], n_steps)
        assert len(parts) == n_steps
        assert " ".join(parts).split() == text.split()
        sizes = [len(part.split()) for part in parts]
        assert min(sizes) >= 1
        assert max(sizes) <= 2 * len(text.split()) / n_steps + 1


def test_a_cut_is_at_the_end_of_a_line_that_is_near():
    assert parts_of(["a b c d e\nf g h"], 2) == ["a b c d e", "f g h"]
    assert parts_of(["a b c d e f g\nh"], 2) == ["a b c d", "e f g\nh"]
    assert parts_of([TEXTS[0]], 3) == TEXTS[0].split("\n")


def test_of_few_words_parts_share_words():
    assert parts_of(["alone"], 3) == ["alone"] * 3
    parts = parts_of(["a b c"], 7)
    assert len(parts) == 7
    assert sorted(set(parts)) == ["a", "b", "c"]
    assert parts == sorted(parts)


def test_each_step_is_the_row_of_its_part():
    sequence = LyricsSequence(Words(token_pattern=r"\w+"), n_steps=3).fit(TEXTS)
    found = sequence.transform(TEXTS)
    vocabulary = sequence.transformer_.vocabulary_
    assert found.shape == (3, len(vocabulary), 3)
    np.testing.assert_array_equal(found[0, vocabulary["one"]], [1, 0, 0])
    np.testing.assert_array_equal(found[0, vocabulary["five"]], [0, 1, 0])
    np.testing.assert_array_equal(found[1, vocabulary["alone"]], [1, 1, 1])
    for column, text in enumerate(parts_of([TEXTS[2]], 3)):
        assert found[2, :, column].sum() == len(text.split())


def test_doc2vec_is_the_default_and_its_parameters_are_keys_of_a_grid():
    lyrics = load_tiny_songs().lyrics
    sequence = LyricsSequence(Doc2VecLyrics(8, min_count=1, random_state=0), n_steps=4)
    first = sequence.fit_transform(lyrics)
    assert first.shape == (len(lyrics), 8, 4)
    np.testing.assert_array_equal(clone(sequence).fit(lyrics).transform(lyrics[:3]), first[:3])
    sequence.set_params(transformer__vector_size=5, n_steps=2)
    assert sequence.fit_transform(lyrics).shape == (len(lyrics), 5, 2)
    lyrics = [text * 2 for text in lyrics]
    assert isinstance(LyricsSequence().fit(lyrics).transformer_, Doc2VecLyrics)


@pytest.mark.parametrize("transformer", [LyricsSequence(), LyricsCharacters()], ids=repr)
@pytest.mark.parametrize(
    "check",
    "estimator_cloneable estimator_repr estimator_tags_renamed get_params_invariance mixin_order "
    "no_attributes_set_in_init parameters_default_constructible set_params valid_tag_types".split(),
)
def test_scikit_learn_contract(check, transformer):
    name = type(transformer).__name__
    getattr(estimator_checks, f"check_{check}")(name, clone(transformer))


def test_what_cannot_be_cut_is_named():
    with pytest.raises(ValueError, match="n_steps=0"):
        LyricsSequence(n_steps=0).fit(TEXTS)
    with pytest.raises(ValueError, match="blank, in rows 1"):
        LyricsSequence(LyricsForm()).fit(["a", " \n"])
    with pytest.raises(TypeError, match="row 1 is int"):
        LyricsSequence(LyricsForm()).fit(["a", 3])
    with pytest.raises(ValueError, match="CountVectorizer gives sparse numbers"):
        LyricsSequence(CountVectorizer()).fit_transform(TEXTS)


def test_a_text_without_a_known_word_is_told_and_a_part_is_not():
    sequence = LyricsSequence(Doc2VecLyrics(4, min_count=1, random_state=0), n_steps=2).fit(TEXTS)
    assert sequence.transform(["one two zzz zzz"])[0, :, 0].any()
    with pytest.warns(UserWarning, match="1 of 2 texts have no word that the model knows.*rows 1"):
        found = sequence.transform(["one two", "zzz yyy"])
    assert not found[1].any()


def test_the_number_of_parts_is_that_of_the_fit():
    sequence = LyricsSequence(LyricsForm(), n_steps=2).fit(TEXTS)
    assert sequence.set_params(n_steps=3).transform(TEXTS).shape == (3, 21, 2)


def test_a_search_finds_that_order_counts():
    # Every text has the same two lines, but for the last; which comes first is what X knows.
    rng = np.random.default_rng(0)
    first, last = rng.integers(0, 2, size=(2, 300))
    texts = [
        ("sun sun\nmoon moon\n" if f else "moon moon\nsun sun\n")
        + ("star star" if z else "night night")
        for f, z in zip(first, last, strict=True)
    ]
    X = np.column_stack([first + 0.1 * rng.normal(size=300), rng.normal(size=300)])
    model = DeepCCA(
        1,
        y_transformer=LyricsSequence(Words(), n_steps=3),
        y_encoder=SequenceEncoder(8),
        lr=0.01,
        batch_size=30,
        max_epochs=30,
        random_state=0,
    )
    search = GridSearchCV(model, {"y_encoder__head": ["gru", "mean"]}, cv=2).fit(X, texts)
    with_order, without = search.cv_results_["mean_test_score"]
    assert with_order > 0.9
    assert without < 0.3


def test_a_pipeline_makes_the_numbers_of_parts():
    text = make_pipeline(CountVectorizer(token_pattern=r"\w+"), TruncatedSVD(3, random_state=0))
    assert LyricsSequence(text, n_steps=4).fit_transform(TEXTS).shape == (3, 3, 4)


def spelt(sequence, alphabet):
    """The text that a matrix of characters holds, with a dot for each empty place."""
    return "".join(
        alphabet[column.argmax()] if column.any() else "." for column in np.transpose(sequence)
    )


def test_characters_spell_the_text_without_case_accents_and_spaces():
    texts = ["Über  Stock\nund Stein,", "ÉTÉ œuvre", "straße"]
    characters = LyricsCharacters(min_df=0).fit(texts)
    found = characters.transform(texts)
    assert characters.alphabet_ == sorted(set("uber stock und stein,eteœuvrestrasse"))
    assert found.shape == (3, len(characters.alphabet_), len("uber stock und stein,"))
    assert set(np.unique(found)) == {0.0, 1.0}
    assert found.sum(axis=1).max() == 1
    spelling = [spelt(sequence, characters.alphabet_).rstrip(".") for sequence in found]
    assert spelling == ["uber stock und stein,", "ete œuvre", "strasse"]


def test_a_rare_or_unknown_character_keeps_its_place():
    characters = LyricsCharacters(5, min_df=0.6).fit(["abc", "abd"])
    assert characters.alphabet_ == ["a", "b"]
    (found,) = characters.transform(["axbabab"])
    assert spelt(found, characters.alphabet_) == "a.bab"
    for unknown in ("xyz", "\u0301"):  # the second is an accent alone
        for stretch in (False, True):
            characters.set_params(stretch=stretch)
            with pytest.warns(UserWarning, match="1 of 2 texts have no character.*rows 1"):
                assert not characters.transform(["a", unknown])[1].any()
    # Exactly the share that is asked for.
    assert LyricsCharacters(min_df=0.07).fit(["ab"] * 7 + ["a"] * 93).alphabet_ == ["a", "b"]
    assert LyricsCharacters().fit(["™ ℡"]).alphabet_ == [" ", "e", "l", "m", "t"]


def test_stretched_texts_fill_all_places():
    characters = LyricsCharacters(8, stretch=True, min_df=0).fit(["abcd", "ab"])
    found = [
        spelt(sequence, characters.alphabet_) for sequence in characters.transform(["abcd", "ab"])
    ]
    assert found == ["aabbccdd", "aaaabbbb"]
    assert spelt(characters.transform(["abcdabcdabcdabcd"])[0], characters.alphabet_) == "acacacac"


def test_characters_refuse_what_they_cannot_spell():
    with pytest.raises(ValueError, match="n_characters=0"):
        LyricsCharacters(0).fit(["a"])
    with pytest.raises(ValueError, match="stretch='yes'"):
        LyricsCharacters(stretch="yes").fit(["a"])
    with pytest.raises(ValueError, match="min_df=2"):
        LyricsCharacters(min_df=2).fit(["a"])
    with pytest.raises(ValueError, match="no character is in min_df=1"):
        LyricsCharacters(min_df=1.0).fit(["a", "b"])
    with pytest.raises(ValueError, match="blank, in rows 1"):
        LyricsCharacters().fit(["a", " "])
    with pytest.raises(TypeError, match="row 0 is int"):
        LyricsCharacters().fit(["a"]).transform([3])


def spoken(rng, n_songs, n_letters=24, n_bands=8):
    """Texts of the letters a to d, and spectrograms in which each letter has a sound of its own."""
    sounds = np.random.default_rng(1).normal(size=(4, n_bands))
    letters = rng.integers(0, 4, size=(n_songs, n_letters))
    noise = 0.5 * rng.normal(size=(n_songs, n_bands, 4 * n_letters))
    spectrograms = sounds[letters].repeat(4, axis=1).transpose(0, 2, 1) + noise
    return spectrograms.astype(np.float32), ["".join("abcd"[i] for i in row) for row in letters]


def test_a_model_that_keeps_time_hears_the_letters():
    rng = np.random.default_rng(0)
    X, texts = spoken(rng, 250)
    encoder = SequenceEncoder(16, kernel_size=3, pool_size=4, head="steps", n_steps=24, dropout=0)
    model = DeepCCA(
        48,
        loss="infonce",
        x_encoder=encoder,
        y_encoder=clone(encoder).set_params(pool_size=1),
        y_transformer=LyricsCharacters(),
        batch_size=50,
        max_epochs=20,
        lr=0.01,
        validation_fraction=0,
        random_state=0,
    ).fit(X[:150], texts[:150])
    assert mrr_scorer(model, X[150:], texts[150:]) > 0.9
    order = [rng.permutation(X.shape[2]) for _ in range(100)]
    shuffled = np.stack([song[:, frames] for song, frames in zip(X[150:], order, strict=True)])
    assert mrr_scorer(model, shuffled, texts[150:]) < 3 * chance(100)["mrr"]
