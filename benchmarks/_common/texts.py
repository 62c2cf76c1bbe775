"""Text features compared in the tables."""

import json

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import Doc2VecLyrics, LyricsCharacters, LyricsForm

from _common.cache import keyed_file
from _common.internals import atomic_write
from _common.peers import run_script


def doc2vec():
    """Return Doc2vec with a fixed seed."""
    return Doc2VecLyrics(random_state=0)


def tf_idf(n_components=100, **parameters):
    """Return tf-idf, reduced to its first singular vectors."""
    words = TfidfVectorizer(min_df=2, **parameters)
    return make_pipeline(words, TruncatedSVD(n_components, random_state=0))


def with_form(transformer):
    """Return the union of a transformer and `LyricsForm`."""
    return FeatureUnion([("words", transformer), ("form", LyricsForm())])


TEXTS = {
    "Doc2vec": doc2vec,
    "Doc2vec + form": lambda: with_form(doc2vec()),
    "tf-idf": tf_idf,
    "tf-idf + form": lambda: with_form(tf_idf()),
    "20 of tf-idf + form": lambda: with_form(tf_idf(20, sublinear_tf=True)),
    "form": LyricsForm,
}
SENTENCES = ("sentences", "sentences + form")


def text_transformer(text, collection):
    """Return the transformer of a text; rows of the sentence encoder are already numeric."""
    if text == "characters":
        # Speech has its own rate, whereas sung words are spread over the excerpt.
        return LyricsCharacters(320, stretch=not collection.startswith("voice"))
    if text in SENTENCES:
        return StandardScaler()
    return TEXTS[text]()


def sentence_rows(text, lyrics, cache, python):
    """Return the rows of the sentence encoder, with those of `LyricsForm` if requested by `text`."""
    rows = sentence_embeddings(lyrics, cache, python)
    if text == "sentences + form":
        form = LyricsForm(excerpts="measured")  # which depends on no other text
        rows = np.hstack([rows, form.fit_transform(lyrics)])
    return list(rows)


def sentence_embeddings(lyrics, cache, python):
    """Return cached embeddings of the sentence encoder, which runs with `python`."""
    key = json.dumps(lyrics)
    file = keyed_file(cache / "features", key, prefix="sentences-")
    if not file.exists():
        if python is None:
            raise SystemExit("texts by sentences need --sentences, the Python of `make sentences`")
        with atomic_write(file) as unfinished:
            run_script(python, "sentences", unfinished, input=key)
    return np.load(file)
