"""Lyrics in: Doc2vec embeddings of raw text, and its form in a few numbers."""

import copy
import itertools
import os
import re
import unicodedata
import warnings
from collections import Counter

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from tqdm import tqdm

from skdcca._utils.mixins import RawInputMixin
from skdcca._utils.validation import check_integer

_WORD = re.compile(r"[^\W\d_]+")
_VOWELS = re.compile(r"[aeiouyæœø]+")
_PHRASE_END = re.compile(r"[.,;:!?()\n–—]+")
_MARKS = {"comma": ",", "stop": ".", "exclamation": "!", "question": "?", "colon": ";:"}
_MARKS |= {"quote": '"“”„«»', "apostrophe": "'’"}


class Doc2VecLyrics(
    RawInputMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Doc2vec embeddings of lyrics, trained on the lyrics given or pretrained.

    Parameters are gensim's, by their names. Unlike gensim's own, the embedding of a text is always
    the same: it does not depend on the texts around it, on earlier calls or on the process.

    Parameters
    ----------
    vector_size : int, default=100
        Number of dimensions.
    window : int, default=5
        Largest distance between a word and the words that predict it.
    min_count : int, default=2
        Words that occur less often in the training lyrics are left out.
    epochs : int, default=40
        Passes over the training lyrics, and over each text when it is embedded.
    dm : {0, 1}, default=0
        0 trains the distributed bag of words (PV-DBOW), 1 the distributed memory model (PV-DM).
        On corpora of the size of a song collection the first is better, see
        ``benchmarks/doc2vec.py``.
    pretrained : str or path-like, default=None
        File of a `gensim.models.Doc2Vec` saved with its ``save``. It is used as it is: the
        parameters above are then not. Such a file is a pickle, so open only files that you trust.
    tokenizer : callable, default=None
        Function from a text to a list of words. None: words of letters of any alphabet, in lower
        case (case-folded), after Unicode normalisation; apostrophes and hyphens part words.
    random_state : int, RandomState instance or None, default=None
        Seed of training and inference; an int makes both repeat exactly.
    verbose : int, default=0
        1 shows progress bars.

    Attributes
    ----------
    model_ : gensim.models.doc2vec.Doc2Vec
        The trained model, without the vectors of its training texts.
    seed_ : int
        Seed of each inference.

    Raises
    ------
    TypeError
        If a text is not a str; every such row is named.
    ValueError
        If there are no texts, texts are blank, or no word occurs `min_count` times.

    Warns
    -----
    UserWarning
        For texts none of whose words the model knows: their embedding is 0.

    Notes
    -----
    Training runs in one thread, as it would not repeat otherwise. gensim reads the first 10,000 words
    of a text.

    References
    ----------
    .. [1] Q. Le and T. Mikolov, "Distributed representations of sentences and documents", ICML 2014.

    Examples
    --------
    >>> from skdcca import Doc2VecLyrics
    >>> lyrics = ["twinkle twinkle little star", "how I wonder what you are", "little star"]
    >>> model = Doc2VecLyrics(vector_size=8, min_count=1, random_state=0).fit(lyrics)
    >>> model.transform(["wonder, little star!"]).shape
    (1, 8)
    """

    def __init__(
        self,
        vector_size=100,
        *,
        window=5,
        min_count=2,
        epochs=40,
        dm=0,
        pretrained=None,
        tokenizer=None,
        random_state=None,
        verbose=0,
    ):
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.epochs = epochs
        self.dm = dm
        self.pretrained = pretrained
        self.tokenizer = tokenizer
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y=None):
        """Train on the lyrics, or load the pretrained model.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text a song.
        y : object
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        _check_lyrics(X)
        if not (self.tokenizer is None or callable(self.tokenizer)):
            raise ValueError(
                f"tokenizer={self.tokenizer!r}; it must be a function from a text to words, or None"
            )
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        if self.pretrained is None:
            self._check_parameters()
            self.model_ = self._train([self._words(text) for text in X])
        else:
            self.model_ = _load_pretrained(self.pretrained)
        return self

    def transform(self, X):
        """Embed lyrics.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text a song.

        Returns
        -------
        embeddings : ndarray of shape (n_samples, vector_size), float32
            Inferred vectors; 0 for a text without a known word.
        """
        check_is_fitted(self)
        _check_lyrics(X)
        # A copy of its own, as inference draws from the model's random state.
        model = copy.copy(self.model_)
        embeddings = np.zeros((len(X), model.vector_size), dtype=np.float32)
        unknown = []
        shown = {"desc": "lyrics", "unit": "text", "disable": not self.verbose}
        for i, text in enumerate(tqdm(X, **shown)):
            words = [word for word in self._words(text) if word in model.wv.key_to_index]
            if words:
                embeddings[i] = _infer(model, words, self.seed_)
            else:
                unknown.append(i)
        if unknown:
            warnings.warn(
                f"{len(unknown)} of {len(X)} texts have no word that the model knows, so that their "
                f"embedding is 0; rows {_listed(unknown)}",
                stacklevel=2,
            )
        return embeddings

    def _words(self, text):
        words = (self.tokenizer or _tokenize)(text)
        if isinstance(words, str):
            raise TypeError(f"tokenizer gave the str {words[:30]!r}; it must give a list of words")
        words = list(words) if hasattr(words, "__iter__") else [words]
        if wrong := [word for word in words if not isinstance(word, str)]:
            raise TypeError(f"tokenizer gave {wrong[0]!r}; it must give a list of words")
        return words

    def _train(self, documents):
        from gensim.models.doc2vec import Doc2Vec, TaggedDocument
        from gensim.models.keyedvectors import KeyedVectors

        model = Doc2Vec(
            vector_size=self.vector_size,
            window=self.window,
            min_count=self.min_count,
            epochs=self.epochs,
            dm=self.dm,
            workers=1,
            seed=self.seed_,
        )
        tagged = [TaggedDocument(words, [i]) for i, words in enumerate(documents)]
        model.build_vocab(tagged)
        if not len(model.wv):
            raise ValueError(
                f"no word occurs min_count={self.min_count} times in the {len(documents)} texts: give "
                "more text or lower min_count"
            )
        callbacks = [_epoch_bar(self.epochs)] if self.verbose else []
        model.train(tagged, total_examples=len(tagged), epochs=model.epochs, callbacks=callbacks)
        model.dv = KeyedVectors(self.vector_size)
        return model

    def _check_parameters(self):
        for name in ("vector_size", "window", "min_count", "epochs"):
            check_integer(name, getattr(self, name))
        if self.dm not in (0, 1):
            raise ValueError(f"dm={self.dm!r}; it must be 0 or 1")

    @property
    def _n_features_out(self):
        return self.model_.vector_size

    def __getstate__(self):
        """The model as words and arrays, so that a file of it needs no classes of gensim."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = _state_of(self.model_)
        return state

    def __setstate__(self, state):
        if "model_" in state:
            state = {**state, "model_": _restored(state["model_"])}
        super().__setstate__(state)


class LyricsForm(RawInputMixin, TransformerMixin, BaseEstimator):
    """Form of lyrics, whatever they say: length, syllables, phrases, repetition, punctuation.

    How much text there is, and in what portions, is what music betrays most readily of its words;
    beside `Doc2VecLyrics` in a `FeatureUnion` it adds to what they mean.

    Attributes
    ----------
    feature_names_ : list of str
        Names of the numbers: logarithms of counts (``log_...``), ratios and means.

    Raises
    ------
    TypeError
        If a text is not a str; every such row is named.
    ValueError
        If there are no texts, or texts are blank.

    See Also
    --------
    Doc2VecLyrics : What the lyrics say.

    Notes
    -----
    A syllable is a run of vowels, which is right on average for German, French, English, Latin and
    the like, and one a word in other scripts. A phrase ends at punctuation or a line's end.

    Examples
    --------
    >>> from skdcca import LyricsForm
    >>> form = LyricsForm().fit(["row, row, row your boat"])
    >>> form.transform(["row, row, row your boat", "life is but a dream"]).shape
    (2, 21)
    """

    def fit(self, X, y=None):
        """Check the lyrics; there is nothing to learn.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text a song.
        y : object
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        _check_lyrics(X)
        self.feature_names_ = list(_form("a"))
        return self

    def transform(self, X):
        """Measure lyrics.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text a song.

        Returns
        -------
        form : ndarray of shape (n_samples, n_features_out)
            One row a text.
        """
        check_is_fitted(self)
        _check_lyrics(X)
        return np.array([list(_form(text).values()) for text in X], dtype=np.float64)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns.

        Parameters
        ----------
        input_features : object
            Ignored.

        Returns
        -------
        names : ndarray of str
            ``log_words``, ``log_syllables``, ...
        """
        check_is_fitted(self)
        return np.array(self.feature_names_, dtype=object)


def _form(text):
    words = _tokenize(text)
    n_words = max(1, len(words))
    pairs = list(itertools.pairwise(words))
    phrases = [_tokenize(phrase) for phrase in _PHRASE_END.split(text)]
    syllables = [sum(map(_n_syllables, phrase)) for phrase in phrases if phrase] or [0]
    capitals = sum(word[0].isupper() for word in _WORD.findall(text))
    return {
        "log_words": np.log1p(len(words)),
        "log_syllables": np.log1p(sum(syllables)),
        "log_characters": np.log1p(len(text)),
        "log_phrases": np.log1p(len(syllables)),
        "log_lines": np.log1p(text.count("\n")),
        "syllables_per_word": sum(syllables) / n_words,
        "letters_per_word": sum(map(len, words)) / n_words,
        "phrase_mean": np.mean(syllables),
        "phrase_std": np.std(syllables),
        "log_phrase_max": np.log1p(max(syllables)),
        "distinct_words": len(set(words)) / n_words,
        "distinct_pairs": len(set(pairs)) / max(1, len(pairs)),
        "commonest_word": max(Counter(words).values(), default=0) / n_words,
        "capitals_per_word": capitals / n_words,
        **{f"{name}_per_word": sum(map(text.count, m)) / n_words for name, m in _MARKS.items()},
    }


def _n_syllables(word):
    bare = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    return max(1, len(_VOWELS.findall(bare)))


def _tokenize(text):
    # Soft hyphens mark where a word may be broken; they are not part of it.
    text = unicodedata.normalize("NFKC", text).replace("\u00ad", "")
    return _WORD.findall(text.casefold())


def _infer(model, words, seed):
    """Vector of one text, by the gradient steps of gensim's ``infer_vector``.

    That one begins from Python's `hash` of the text, which differs from process to process, and
    goes on with the random state that the last call left behind.
    """
    from gensim.models.doc2vec import train_document_dbow, train_document_dm

    model.random = np.random.RandomState(seed)
    start = (model.random.random_sample(model.vector_size) - 0.5) / model.vector_size
    vector = start.astype(np.float32).reshape(1, -1)
    # gensim would free work space of its own making before it has used it.
    space = {"work": np.zeros(model.layer1_size, dtype=np.float32)}
    if model.sg:
        step = train_document_dbow
    else:
        step = train_document_dm
        space["neu1"] = np.zeros(model.layer1_size, dtype=np.float32)
    for alpha in np.linspace(model.alpha, model.min_alpha, model.epochs):
        step(
            model,
            words,
            [0],
            alpha,
            learn_words=False,
            learn_hidden=False,
            doctag_vectors=vector,
            doctags_lockf=np.ones(1, dtype=np.float32),
            **space,
        )
    return vector[0]


def _load_pretrained(path):
    from gensim.models.doc2vec import Doc2Vec

    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"pretrained={path!r}; it must be the path of a file, or None")
    if not os.path.isfile(path):
        raise ValueError(f"pretrained={str(path)!r}: there is no such file")
    try:
        model = Doc2Vec.load(str(path))
    except Exception as error:
        raise ValueError(
            f"pretrained={str(path)!r} cannot be read ({error}); it must be a gensim Doc2Vec, saved "
            "with its own save method"
        ) from error
    if not isinstance(model, Doc2Vec) or getattr(model, "dm_concat", 0):
        raise ValueError(f"pretrained={str(path)!r} is not a Doc2Vec (dm_concat=0) but {model!r}")
    return model


# Numbers of a Doc2Vec that inference and training heed.
_NUMBERS = ("vector_size", "window", "epochs", "alpha", "min_alpha", "sample", "negative", "hs")
_NUMBERS += ("seed", "min_count", "ns_exponent", "dbow_words")


def _state_of(model):
    """A Doc2Vec without its training texts, as plain numbers, words and arrays."""
    state = {name: getattr(model, name) for name in _NUMBERS}
    state |= {"dm": 1 - model.sg, "dm_mean": model.cbow_mean}
    state |= {"words": model.wv.index_to_key, "vectors": model.wv.vectors}
    state |= {name: model.wv.expandos[name] for name in ("count", "sample_int")}
    if model.negative:
        state |= {"outputs": model.syn1neg, "cum_table": model.cum_table}
    if model.hs:
        state["tree"] = model.syn1
        # Each word has a path of its own length.
        state["path_lengths"] = np.array([len(path) for path in model.wv.expandos["code"]])
        state["codes"] = np.concatenate(model.wv.expandos["code"])
        state["points"] = np.concatenate(model.wv.expandos["point"])
    return state


def _restored(state):
    """A Doc2Vec of its state, checked, as gensim reads arrays without looking at their bounds."""
    from gensim.models.doc2vec import Doc2Vec
    from gensim.models.keyedvectors import KeyedVectors

    words, size = state["words"], state["vector_size"]
    n = len(words)
    for name in ("vector_size", "window"):
        check_integer(name, state[name])
    numbers = {name: state[name] for name in (*_NUMBERS, "dm", "dm_mean")}
    model = Doc2Vec(workers=1, **numbers)
    model.wv = wv = KeyedVectors(size)
    wv.index_to_key, wv.key_to_index = list(words), {word: i for i, word in enumerate(words)}
    wv.vectors = _array(state, "vectors", np.float32, (n, size))
    wv.vectors_lockf = np.ones(1, dtype=np.float32)
    wv.expandos["count"] = _array(state, "count", np.int64, (n,))
    wv.expandos["sample_int"] = _array(state, "sample_int", np.uint32, (n,))
    if model.negative:
        model.syn1neg = _array(state, "outputs", np.float32, (n, size))
        model.cum_table = _array(state, "cum_table", np.uint32, (n,))
        steps = np.diff(model.cum_table.astype(np.int64), prepend=0)
        if not steps.any() or (steps < 0).any():
            raise ValueError("cum_table of a Doc2Vec must rise from 0")
    if model.hs:
        model.syn1 = _array(state, "tree", np.float32, (n, size))
        wv.expandos |= _paths(state, n)
    return model


def _paths(state, n_words):
    """Way of each word through the tree of a hierarchical softmax."""
    lengths = _array(state, "path_lengths", np.int64, (n_words,))
    codes = _array(state, "codes", np.uint8, (lengths.sum(),))
    points = _array(state, "points", np.uint32, (lengths.sum(),))
    if (lengths < 0).any() or (points >= n_words).any():
        raise ValueError("points of a Doc2Vec must be rows of its tree")
    paths = {"code": np.empty(n_words, dtype=object), "point": np.empty(n_words, dtype=object)}
    for i, end in enumerate(np.cumsum(lengths)):
        way = slice(end - lengths[i], end)
        paths["code"][i], paths["point"][i] = codes[way], points[way]
    return paths


def _array(state, name, dtype, shape):
    given = np.asarray(state[name])
    with np.errstate(invalid="ignore"):
        array = np.ascontiguousarray(given, dtype=dtype)
    if array.shape != shape:
        raise ValueError(f"{name} of a Doc2Vec has shape {array.shape}; it must be {shape}")
    if array.dtype.kind in "iu" and not np.array_equal(array, given):
        raise ValueError(f"{name} of a Doc2Vec must be whole numbers, as {array.dtype} holds them")
    return array


def _check_lyrics(lyrics):
    listed = hasattr(lyrics, "__len__") and hasattr(lyrics, "__getitem__")
    if not listed or isinstance(lyrics, (str, bytes, dict)) or hasattr(lyrics, "columns"):
        raise TypeError(
            f"lyrics are a {type(lyrics).__name__}; give a list of str, one text a song"
        )
    if len(lyrics) == 0:
        raise ValueError("Found array with 0 sample(s): there are no lyrics")
    wrong = {i: type(text).__name__ for i, text in enumerate(lyrics) if not isinstance(text, str)}
    if wrong:
        raise TypeError(
            f"{len(wrong)} of {len(lyrics)} lyrics are not str: "
            + _listed([f"row {i} is {kind}" for i, kind in wrong.items()])
        )
    blank = [i for i, text in enumerate(lyrics) if not text.strip()]
    if blank:
        raise ValueError(
            f"{len(blank)} of {len(lyrics)} lyrics are blank, in rows {_listed(blank)}; leave those "
            "songs out of both views"
        )


def _listed(items):
    return ", ".join(map(str, items[:20])) + (", ..." if len(items) > 20 else "")


def _epoch_bar(epochs):
    from gensim.models.callbacks import CallbackAny2Vec

    class EpochBar(CallbackAny2Vec):
        def on_train_begin(self, model):
            self.bar = tqdm(total=epochs, desc="Doc2vec", unit="epoch")

        def on_epoch_end(self, model):
            self.bar.update()

        def on_train_end(self, model):
            self.bar.close()

    return EpochBar()
