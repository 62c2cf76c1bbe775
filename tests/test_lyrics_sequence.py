"""LyricsSequence and LyricsCharacters: parts in order, and models that use the order."""

import threading
import warnings

import numpy as np
import pytest
from _contract import each_check, run_check
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import DeepCCA, Doc2VecLyrics, LyricsCharacters, LyricsForm, LyricsSequence
from skdcca.datasets import load_tiny_songs
from skdcca.encoders import MLP, SequenceEncoder
from skdcca.exceptions import UnknownTextWarning
from skdcca.metrics import chance, mrr_scorer

TEXTS = ["one two three\nfour five\nsix seven eight nine", "alone", "a b\n\nc d e f g h i j k l"]


class Words(CountVectorizer):
    """Dense counts of the words in each part."""

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


def test_cuts_are_at_nearby_ends_of_lines():
    assert parts_of(["a b c d e\nf g h"], 2) == ["a b c d e", "f g h"]
    assert parts_of(["a b c d e f g\nh"], 2) == ["a b c d", "e f g\nh"]
    assert parts_of([TEXTS[0]], 3) == TEXTS[0].split("\n")


def test_text_without_spaces_is_cut_between_characters():
    assert parts_of(["月亮代表我的心"], 3) == ["月亮", "代表我", "的心"]
    assert parts_of(["君を、愛してる。\n月が"], 2) == ["君を、愛し", "てる。\n月が"]
    assert parts_of(["ฉันรักเธอ"], 3) == ["ฉัน", "รัก", "เธอ"]  # no cut between letter and vowel
    assert parts_of(["สู้ สู้"], 2) == ["สู้", "สู้"]
    assert parts_of(["दिल और दाल क्या"], 2) == ["दिल और", "दाल क्या"]
    assert parts_of(["I love 你。 you"], 2) == ["I love", "你。 you"]
    for text in ("ខ្ញុំស្រលាញ់អ្នក", "မန္တလေး", "カﾞッ"):
        assert "".join(parts_of([text], 2)) == text
    model = LyricsSequence(LyricsForm(), n_steps=2).fit(["月亮代表"])
    del model._text_rules  # as in files of earlier versions
    assert model._parts(["月亮代表"]) == ["月亮代表"] * 2


def test_parts_share_words_when_there_are_few():
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
@each_check
def test_scikit_learn_contract(check, transformer):
    run_check(check, clone(transformer))


def test_bad_parameters_and_lyrics_are_named():
    with pytest.raises(ValueError, match="`n_steps` must be an integer >= 1, got 0"):
        LyricsSequence(n_steps=0).fit(TEXTS)
    with pytest.raises(ValueError, match="blank, in rows 1"):
        LyricsSequence(LyricsForm()).fit(["a", " \n"])
    with pytest.raises(TypeError, match="row 1 is int"):
        LyricsSequence(LyricsForm()).fit(["a", 3])
    with pytest.raises(ValueError, match="must return dense rows, but CountVectorizer"):
        LyricsSequence(CountVectorizer()).fit_transform(TEXTS)


def test_a_text_of_unknown_words_warns_and_a_part_does_not():
    sequence = LyricsSequence(Doc2VecLyrics(4, min_count=1, random_state=0), n_steps=2).fit(TEXTS)
    assert sequence.transform(["one two zzz zzz"])[0, :, 0].any()
    message = "1 of 2 texts have no word that the model knows.*rows 1"
    with pytest.warns(UnknownTextWarning, match=message):
        found = sequence.transform(["one two", "zzz yyy"])
    assert not found[1].any()


def test_parts_of_a_nested_transformer_give_no_warning():
    doc2vec = Doc2VecLyrics(4, min_count=1, random_state=0)
    sequence = LyricsSequence(make_pipeline(doc2vec, StandardScaler(with_mean=False)), n_steps=2)
    filters = list(warnings.filters)
    sequence.fit(TEXTS).transform(["one two zzz zzz"])  # a warning would be an error
    with pytest.warns(UnknownTextWarning, match="1 of 1 texts have no word"):
        sequence.transform(["zzz yyy"])
    with pytest.warns(UnknownTextWarning, match="1 of 1 texts have no word"):
        sequence.transformer_[0].transform(["zzz"])
    assert warnings.filters == filters


def test_other_threads_are_warned_while_a_sequence_is_made():
    inside, done = threading.Event(), threading.Event()

    class Slow(LyricsForm):
        def transform(self, X):
            inside.set()
            assert done.wait(10)
            return super().transform(X)

    doc2vec = Doc2VecLyrics(4, min_count=1, random_state=0).fit(TEXTS)
    sequence = LyricsSequence(Slow(), n_steps=2).fit(TEXTS)
    thread = threading.Thread(target=sequence.transform, args=[TEXTS])
    thread.start()
    assert inside.wait(10)
    with pytest.warns(UnknownTextWarning, match="1 of 1 texts have no word"):
        doc2vec.transform(["zzz"])
    done.set()
    thread.join(10)


def test_the_number_of_parts_is_that_of_the_fit():
    sequence = LyricsSequence(LyricsForm(), n_steps=2).fit(TEXTS)
    assert sequence.set_params(n_steps=3).transform(TEXTS).shape == (3, 21, 2)


def test_a_search_finds_that_order_matters():
    # The first two lines of all texts are the same in one of two orders, which X encodes.
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
        x_encoder=MLP((64,)),
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


def test_parts_may_be_transformed_by_a_pipeline():
    text = make_pipeline(CountVectorizer(token_pattern=r"\w+"), TruncatedSVD(3, random_state=0))
    assert LyricsSequence(text, n_steps=4).fit_transform(TEXTS).shape == (3, 3, 4)


def spelt(sequence, alphabet):
    """Return the text of a matrix of characters, with a dot for each empty place."""
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


def test_marks_that_make_another_letter_are_kept():
    texts = ["क्या", "कया", "が", "か"]
    characters = LyricsCharacters(min_df=0).fit(texts)
    assert characters.alphabet_ == sorted("क्याか\u3099")
    assert len(np.unique(characters.transform(texts), axis=0)) == 4
    vocalized = characters.fit(["شَمس", "شمس", "שָׁלוֹם", "שלום"]).transform(["شَمس", "شمس"])
    np.testing.assert_array_equal(vocalized[0], vocalized[1])
    del characters._text_rules  # as in files of earlier versions
    characters.alphabet_ = sorted("कयाか")
    found = characters.transform(texts)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[2], found[3])


def test_a_rare_or_unknown_character_keeps_its_place():
    characters = LyricsCharacters(5, min_df=0.6).fit(["abc", "abd"])
    assert characters.alphabet_ == ["a", "b"]
    (found,) = characters.transform(["axbabab"])
    assert spelt(found, characters.alphabet_) == "a.bab"
    for unknown in ("xyz", "\u0301"):  # the second is a combining accent
        for stretch in (False, True):
            characters.set_params(stretch=stretch)
            message = "1 of 2 texts have no character that the model knows.*rows 1"
            with pytest.warns(UnknownTextWarning, match=message):
                assert not characters.transform(["a", unknown])[1].any()
    # A share equal to min_df is kept.
    assert LyricsCharacters(min_df=0.07).fit(["ab"] * 7 + ["a"] * 93).alphabet_ == ["a", "b"]
    assert LyricsCharacters().fit(["™ ℡"]).alphabet_ == [" ", "e", "l", "m", "t"]


def test_stretched_texts_fill_all_places():
    characters = LyricsCharacters(8, stretch=True, min_df=0).fit(["abcd", "ab"])
    found = [
        spelt(sequence, characters.alphabet_) for sequence in characters.transform(["abcd", "ab"])
    ]
    assert found == ["aabbccdd", "aaaabbbb"]
    assert spelt(characters.transform(["abcdabcdabcdabcd"])[0], characters.alphabet_) == "acacacac"


def test_characters_refuse_bad_parameters_and_lyrics():
    with pytest.raises(ValueError, match="`n_characters` must be an integer >= 1, or None, got 0"):
        LyricsCharacters(0).fit(["a"])
    with pytest.raises(ValueError, match=r"`stretch` must be one of \[False, True\], got 'yes'"):
        LyricsCharacters(stretch="yes").fit(["a"])
    with pytest.raises(ValueError, match=r"`min_df` must be a finite number in \[0, 1\], got 2"):
        LyricsCharacters(min_df=2).fit(["a"])
    with pytest.raises(
        ValueError, match=r"No character occurs in a fraction of at least min_df=1\.0"
    ):
        LyricsCharacters(min_df=1.0).fit(["a", "b"])
    with pytest.raises(ValueError, match="blank, in rows 1"):
        LyricsCharacters().fit(["a", " "])
    with pytest.raises(TypeError, match="row 0 is int"):
        LyricsCharacters().fit(["a"]).transform([3])


def spoken(rng, n_songs, n_letters=24, n_bands=8):
    """Return texts of the letters a to d, and spectrograms with one sound for each letter."""
    sounds = np.random.default_rng(1).normal(size=(4, n_bands))
    letters = rng.integers(0, 4, size=(n_songs, n_letters))
    noise = 0.5 * rng.normal(size=(n_songs, n_bands, 4 * n_letters))
    spectrograms = sounds[letters].repeat(4, axis=1).transpose(0, 2, 1) + noise
    return spectrograms.astype(np.float32), ["".join("abcd"[i] for i in row) for row in letters]


def test_a_model_with_steps_aligns_sounds_and_letters():
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
