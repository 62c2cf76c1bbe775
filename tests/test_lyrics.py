"""Doc2VecLyrics against gensim by hand and across processes; LyricsForm against counts by hand."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from gensim.models.doc2vec import Doc2Vec, TaggedDocument

from skdcca import Doc2VecLyrics, LyricsForm
from skdcca._lyrics.doc2vec import _tokenize

SEA = [
    "the sea and the waves roll on the shore",
    "waves of the sea, sail and shore",
    "sail the waves",
]
FIRE = [
    "fire and embers glow in the hearth",
    "embers of the fire, hearth and glow",
    "the glow of fire",
]
CORPUS = (SEA + FIRE) * 20


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
def test_inference_is_that_of_gensim_from_the_same_start(dm, monkeypatch):
    ours = Doc2VecLyrics(16, dm=dm, window=3, epochs=30, random_state=0).fit(CORPUS)
    assert ours.model_.window == 3

    def same_start(size, seed_string=None):
        ours.model_.random = np.random.RandomState(ours.seed_)
        return ((ours.model_.random.random_sample(size) - 0.5) / size).astype(np.float32)

    monkeypatch.setattr("gensim.models.doc2vec.pseudorandom_weak_vector", same_start)
    texts = ["the sea and sail", "embers glow in the fire"]
    for vector, text in zip(ours.transform(texts), texts, strict=True):
        np.testing.assert_allclose(vector, ours.model_.infer_vector(text.split()), atol=1e-6)


@pytest.mark.parametrize("dm", [0, 1])
def test_threads_that_share_a_model_get_the_answers_of_one(dm):
    model = Doc2VecLyrics(100, dm=dm, epochs=50, random_state=0).fit(CORPUS)
    expected = model.transform(CORPUS)
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(model.transform, [CORPUS] * 16):
            np.testing.assert_array_equal(answer, expected)


def test_tokenizers_may_yield_and_must_not_give_text():
    words = Doc2VecLyrics(4, min_count=1, tokenizer=lambda text: iter(text.split()), random_state=0)
    listed = Doc2VecLyrics(4, min_count=1, tokenizer=str.split, random_state=0)
    np.testing.assert_array_equal(words.fit_transform(SEA), listed.fit_transform(SEA))
    with pytest.raises(TypeError, match="tokenizer gave the str 'the sea"):
        Doc2VecLyrics(tokenizer=str.lower).fit(SEA)


def test_the_same_in_another_process_whatever_the_hash_seed():
    code = (
        "import sys; from skdcca import Doc2VecLyrics; from tests.test_lyrics import CORPUS;"
        "print(Doc2VecLyrics(8, random_state=3).fit_transform(CORPUS).tobytes().hex())"
    )
    outputs = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)
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


def test_pretrained_models_are_used_as_they_are(tmp_path):
    documents = [TaggedDocument(text.split(), [i]) for i, text in enumerate(CORPUS)]
    gensim_model = Doc2Vec(documents, vector_size=12, min_count=1, epochs=20, seed=1, workers=1)
    gensim_model.save(str(tmp_path / "model.d2v"))
    ours = Doc2VecLyrics(pretrained=tmp_path / "model.d2v", random_state=0).fit(SEA)
    np.testing.assert_array_equal(ours.model_.wv.vectors, gensim_model.wv.vectors)
    assert ours.transform(FIRE).shape == (3, 12)
    np.testing.assert_array_equal(ours.transform(FIRE), ours.transform(FIRE))
    assert len(ours.get_feature_names_out()) == 12


def test_pretrained_errors(tmp_path):
    with pytest.raises(ValueError, match=r"lost.d2v.*there is no such file"):
        Doc2VecLyrics(pretrained=tmp_path / "lost.d2v").fit(SEA)
    (tmp_path / "text.d2v").write_text("no model")
    with pytest.raises(ValueError, match=r"text.d2v.*cannot be read"):
        Doc2VecLyrics(pretrained=tmp_path / "text.d2v").fit(SEA)


def test_words_of_german_french_and_english():
    assert _tokenize("Straße, MÜLLER; schöne\u00adre Götterfunken!") == [
        "strasse",
        "müller",
        "schönere",
        "götterfunken",
    ]
    assert _tokenize("L'amour, l’été où cœur peut-être") == [
        "l",
        "amour",
        "l",
        "été",
        "où",
        "cœur",
        "peut",
        "être",
    ]
    assert _tokenize("Don't stop 24/7 — it's O.K.") == ["don", "t", "stop", "it", "s", "o", "k"]
    assert _tokenize("Gru\u0308n") == _tokenize("GRÜN") == ["grün"]
    assert _tokenize("привет 你好") == ["привет", "你好"]


def test_own_tokenizer():
    model = Doc2VecLyrics(4, min_count=1, tokenizer=list, random_state=0).fit(["abc", "abd"])
    assert set(model.model_.wv.key_to_index) == set("abcd")


def test_unknown_words_are_told_and_give_zero():
    model = Doc2VecLyrics(8, random_state=0).fit(CORPUS)
    with pytest.warns(UserWarning, match="1 of 2 texts .* rows 1"):
        vectors = model.transform(["the sea", "xyzzy"])
    assert vectors[0].any()
    assert not vectors[1].any()


@pytest.mark.parametrize("transformer", [Doc2VecLyrics(4, random_state=0), LyricsForm()])
@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ([], ValueError, "no lyrics"),
        ("one text", TypeError, "give a list of str"),
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


@pytest.mark.parametrize("name", ["vector_size", "window", "min_count", "epochs"])
@pytest.mark.parametrize("value", [0, 2.5, "many"])
def test_bad_parameters_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name}={value!r}"):
        Doc2VecLyrics(**{name: value}).fit(SEA)
    with pytest.raises(ValueError, match="dm=2"):
        Doc2VecLyrics(dm=2).fit(SEA)


def test_too_rare_words_are_told():
    with pytest.raises(ValueError, match="no word occurs min_count=5 times in the 2 texts"):
        Doc2VecLyrics(min_count=5).fit(["one two", "three four"])


def test_progress_only_on_request(capfd):
    Doc2VecLyrics(4, random_state=0).fit_transform(CORPUS)
    assert capfd.readouterr() == ("", "")
    Doc2VecLyrics(4, random_state=0, verbose=1).fit_transform(CORPUS)
    shown = capfd.readouterr().err
    assert "Doc2vec: 100%" in shown
    assert "lyrics: 100%" in shown


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
