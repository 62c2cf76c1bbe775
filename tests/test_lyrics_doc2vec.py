"""Doc2VecLyrics against gensim called by hand, and across threads and processes."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from _lyrics import CORPUS, FIRE, SEA
from _programs import run_program
from gensim.models.doc2vec import Doc2Vec, TaggedDocument

from skdcca import Doc2VecLyrics
from skdcca.exceptions import UnknownTextWarning


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("dm", [0, 1])
def test_meaning_is_learned(dm):
    model = Doc2VecLyrics(16, dm=dm, epochs=200, random_state=0).fit(CORPUS)
    sea, waves, fire = model.transform(
        ["the sea and sail", "waves at the shore", "embers glow in the fire"]
    )
    assert cosine(sea, waves) > cosine(sea, fire) + 0.3


@pytest.mark.parametrize("dm", [0, 1])
def test_inference_equals_gensim_from_the_same_start(dm, monkeypatch):
    ours = Doc2VecLyrics(16, dm=dm, window=3, epochs=30, random_state=0).fit(CORPUS)
    assert ours.model_.window == 3

    def same_start(size, seed_string=None):
        ours.model_.random = np.random.RandomState(ours.seed_)
        return ((ours.model_.random.random_sample(size) - 0.5) / size).astype(np.float32)

    monkeypatch.setattr("gensim.models.doc2vec.pseudorandom_weak_vector", same_start)
    texts = ["the sea and sail", "embers glow in the fire"]
    for vector, text in zip(ours.transform(texts), texts, strict=True):
        n_passes = np.ceil(30 * max(1, 7 / len(text.split())) ** 0.9)
        expected = ours.model_.infer_vector(text.split(), epochs=int(n_passes))
        np.testing.assert_allclose(vector, expected, atol=1e-6)
    assert ours.median_words_ == 7  # of 9, 7, 3, 7, 7 and 4 words


@pytest.mark.parametrize("dm", [0, 1])
def test_threads_that_share_a_model_get_the_same_vectors(dm):
    model = Doc2VecLyrics(100, dm=dm, epochs=50, random_state=0).fit(CORPUS)
    expected = model.transform(CORPUS)
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(model.transform, [CORPUS] * 16):
            np.testing.assert_array_equal(answer, expected)


def test_tokenizers_may_be_generators_but_not_return_text():
    words = Doc2VecLyrics(4, min_count=1, tokenizer=lambda text: iter(text.split()), random_state=0)
    listed = Doc2VecLyrics(4, min_count=1, tokenizer=str.split, random_state=0)
    np.testing.assert_array_equal(words.fit_transform(SEA), listed.fit_transform(SEA))
    with pytest.raises(
        TypeError, match="`tokenizer` must return a list of words, got the str 'the sea"
    ):
        Doc2VecLyrics(tokenizer=str.lower).fit(SEA)


def test_vectors_do_not_depend_on_the_hash_seed():
    code = (
        "from _lyrics import CORPUS; from skdcca import Doc2VecLyrics;"
        "print(Doc2VecLyrics(8, random_state=3).fit_transform(CORPUS).tobytes().hex())"
    )
    outputs = {run_program(code, env={"PYTHONHASHSEED": seed}) for seed in ("1", "2")}
    here = Doc2VecLyrics(8, random_state=3).fit_transform(CORPUS).tobytes().hex()
    assert {here + "\n"} == outputs


def test_seeds_differ_and_none_is_random():
    fits = [
        Doc2VecLyrics(8, random_state=seed).fit_transform(CORPUS) for seed in (0, 1, None, None)
    ]
    for i in range(4):
        for j in range(i):
            assert not np.array_equal(fits[i], fits[j])


def test_the_model_keeps_no_training_texts():
    small, large = (Doc2VecLyrics(50, random_state=0).fit(CORPUS * n) for n in (1, 50))
    assert len(pickle.dumps(large)) < 1.1 * len(pickle.dumps(small))


def test_pretrained_models_are_used_unchanged(tmp_path):
    documents = [TaggedDocument(text.split(), [i]) for i, text in enumerate(CORPUS)]
    gensim_model = Doc2Vec(documents, vector_size=12, min_count=1, epochs=20, seed=1, workers=1)
    gensim_model.save(str(tmp_path / "model.d2v"))
    ours = Doc2VecLyrics(pretrained=tmp_path / "model.d2v", random_state=0).fit(SEA)
    np.testing.assert_array_equal(ours.model_.wv.vectors, gensim_model.wv.vectors)
    assert ours.transform(FIRE).shape == (3, 12)
    np.testing.assert_array_equal(ours.transform(FIRE), ours.transform(FIRE))
    assert len(ours.get_feature_names_out()) == 12


def test_pretrained_errors(tmp_path):
    with pytest.raises(ValueError, match=r"`pretrained` must be an existing file, got .*lost.d2v"):
        Doc2VecLyrics(pretrained=tmp_path / "lost.d2v").fit(SEA)
    (tmp_path / "text.d2v").write_text("no model")
    with pytest.raises(ValueError, match=r"text.d2v.*cannot be read"):
        Doc2VecLyrics(pretrained=tmp_path / "text.d2v").fit(SEA)


def test_a_custom_tokenizer():
    model = Doc2VecLyrics(4, min_count=1, tokenizer=list, random_state=0).fit(["abc", "abd"])
    assert set(model.model_.wv.key_to_index) == set("abcd")


def test_unknown_words_warn_and_give_zero():
    model = Doc2VecLyrics(8, random_state=0).fit(CORPUS)
    with pytest.warns(UnknownTextWarning, match="1 of 2 texts .* rows 1"):
        vectors = model.transform(["the sea", "xyzzy"])
    assert vectors[0].any()
    assert not vectors[1].any()


@pytest.mark.parametrize("name", ["vector_size", "window", "min_count", "epochs"])
@pytest.mark.parametrize("value", [0, 2.5, "many"])
def test_bad_parameters_are_named(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer >= 1, got {value!r}"):
        Doc2VecLyrics(**{name: value}).fit(SEA)
    with pytest.raises(ValueError, match=r"`dm` must be one of \[0, 1\], got 2"):
        Doc2VecLyrics(dm=2).fit(SEA)


def test_saved_models_keep_their_words():
    model = Doc2VecLyrics(4, min_count=1, epochs=2, random_state=0).fit(["दिल और", "the sea"])
    assert model._words("दिल") == ["दिल"]
    del model._text_rules  # as in files of earlier versions
    assert model._words("दिल") == ["द", "ल"]
    assert model._words("Schö\u00adne SEE") == ["schöne", "see"]


def test_too_rare_words_are_refused():
    with pytest.raises(ValueError, match="No word occurs min_count=5 times or more in the 2 texts"):
        Doc2VecLyrics(min_count=5).fit(["one two", "three four"])


def test_progress_only_on_request(capfd):
    Doc2VecLyrics(4, random_state=0).fit_transform(CORPUS)
    assert capfd.readouterr() == ("", "")
    Doc2VecLyrics(4, random_state=0, verbose=1).fit_transform(CORPUS)
    shown = capfd.readouterr().err
    assert "Doc2vec: 100%" in shown
    assert "lyrics: 100%" in shown


def passes(model, text, monkeypatch):
    """Return the numbers of words of all passes over a text."""
    words = []
    monkeypatch.setattr(
        "gensim.models.doc2vec.train_document_dbow",
        lambda model, document, *args, **kwargs: words.append(len(document)),
    )
    model.transform([text])
    return words


def test_short_texts_are_passed_more_often(monkeypatch):
    model = Doc2VecLyrics(4, min_count=1, epochs=10, random_state=0)
    model.fit(["a b c d e f g h i j", "a b c d", "a b c d e f g h i j k l"])
    assert model.median_words_ == 10
    assert passes(model, "a b c d e f g h i j a", monkeypatch) == 10 * [11]
    assert passes(model, "a b c d e f g h i j", monkeypatch) == 10 * [10]
    assert passes(model, "a b c d e", monkeypatch) == 19 * [5]  # 10 * 2**0.9 is 18.7
    assert passes(model, "a x y z", monkeypatch) == 80 * [1]  # words that it does not know
    del model.median_words_  # as in files of earlier versions
    assert passes(model, "a", monkeypatch) == 10 * [1]


def test_a_repeated_line_is_near_the_line_and_lines_differ():
    model = Doc2VecLyrics(16, epochs=200, random_state=0).fit(CORPUS)
    model.model_.epochs = 10  # a small corpus needs many epochs, but not a line of it
    model.median_words_ = 70  # as if the lyrics were ten times as long
    texts = [SEA[1], 2 * (SEA[1] + " "), FIRE[1]]
    line, again, other = model.transform(texts)
    assert cosine(line, again) > 0.95
    del model.median_words_
    line_before, _, other_before = model.transform(texts)
    assert cosine(line, other) < cosine(line_before, other_before) - 0.1
    assert np.linalg.norm(line) > 2 * np.linalg.norm(line_before)


def test_pretrained_models_take_the_median_from_the_lyrics(tmp_path):
    documents = [TaggedDocument(text.split(), [i]) for i, text in enumerate(CORPUS)]
    model = Doc2Vec(documents, vector_size=4, min_count=1, epochs=5, seed=1, workers=1)
    model.save(str(tmp_path / "model.d2v"))
    ours = Doc2VecLyrics(pretrained=tmp_path / "model.d2v", random_state=0)
    assert ours.fit(["the sea", "the waves of unknown", "fire"]).median_words_ == 2
