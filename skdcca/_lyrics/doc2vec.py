"""Embed lyrics with doc2vec, and convert a gensim model to plain arrays and back."""

import copy
import os
from collections.abc import Callable
from math import ceil
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from tqdm import tqdm

from skdcca._lyrics import older_rules
from skdcca._lyrics.tokens import TEXT_RULES, check_lyrics, tokenize, warn_unknown_texts
from skdcca._utils.mixins import RawInputMixin
from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_integer, check_option

# Power of the ratio of lengths by which short texts are passed more often. With 1, the standardized
# features of lines have a 99th percentile of 5.3 in benchmarks/queries.py, with 0.9 one of 4.3; lines
# find songs equally well.
_PASSES_POWER = 0.9


class Doc2VecLyrics(
    RawInputMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    r"""Doc2vec embeddings of lyrics, trained on your lyrics or loaded from a pretrained model.

    Doc2vec places texts that use similar words near each other, in a space of `vector_size`
    dimensions. It describes the content of lyrics; combine it with `LyricsForm`, which describes
    their form. Start with the defaults, and vary `vector_size` between 50 and 300 first. If there
    are fewer than a few hundred training texts, use a `TfidfVectorizer` with a `TruncatedSVD`, or a
    `pretrained` model.

    The parameters have the same names as in gensim. Unlike in gensim, a fitted model always gives a
    text the same embedding: it does not depend on the other texts, on earlier calls or on the
    process.

    Parameters
    ----------
    vector_size : int, default=100
        Number of dimensions.
    window : int, default=5
        Maximum distance between a word and the words that predict it. Used only if ``dm=1``.
    min_count : int, default=2
        Minimum number of occurrences of a word in the training lyrics. Rarer words are ignored.
    epochs : int, default=40
        Number of passes over the training lyrics, and also over each text that is embedded. Texts with
        fewer words than the median training text, such as a line, are passed more often; see the
        notes.
    dm : {0, 1}, default=0
        Model: 0 is the distributed bag of words (PV-DBOW), 1 is the distributed memory (PV-DM).
        PV-DBOW is better for small collections of texts, such as most collections of songs; see
        ``benchmarks/doc2vec.py``.
    pretrained : str or path-like, default=None
        File written by the `save` method of a `gensim.models.Doc2Vec`. The model is not trained
        further, and the parameters above are ignored. If None, a new model is trained.

        .. warning:: Such a file is a pickle, which can run any code. Load only files that you trust.
    tokenizer : callable, default=None
        Function from a text to a list of words, for example of a library that knows where the words
        of a Japanese line end. If None, `tokenize` is used: words are case-folded runs of letters and
        their combining marks in any script, and pairs of adjacent characters in Chinese, Japanese,
        Thai, Lao, Khmer and Burmese.
    random_state : int, RandomState instance or None, default=None
        Seed of training and inference. Pass an int for reproducible results.
    verbose : int, default=0
        0 is silent; 1 shows progress bars.

    Attributes
    ----------
    model_ : gensim.models.doc2vec.Doc2Vec
        The trained model, without the vectors of its training texts.
    median_words_ : float
        Median number of words that the model knows in the lyrics passed to `fit`.
    seed_ : int
        Seed of training and of the inference of each text, drawn from `random_state`.

    Raises
    ------
    TypeError
        If `X` is not a list of str (the error lists the rows that are not), or `tokenizer` does not
        return a list of str.
    ValueError
        If a parameter is out of range, `X` is empty or contains blank texts, no text contains a word,
        no word occurs at least `min_count` times, or `pretrained` cannot be used.
    MissingDependencyError
        If gensim is not installed.

    Warns
    -----
    UnknownTextWarning
        If the model knows no word of a text. The embedding of such a text is all zeros.

    See Also
    --------
    LyricsForm : Length, phrases, repetition and punctuation of lyrics.
    LyricsSequence : Features of consecutive parts of lyrics.
    tokenize : Words of a text.
    sklearn.feature_extraction.text.TfidfVectorizer : Weighted word counts.

    Notes
    -----
    PV-DBOW learns a vector :math:`v_d` for each text :math:`d` that predicts the words of the text
    (section 2.3 of [1]_). Its softmax is approximated by negative sampling (equation 4 of [2]_), so
    training maximizes

    .. math::

        \sum_d \sum_{w \in d} \Big[ \log \sigma(u_w^\top v_d)
        + \sum_{k=1}^{5} \mathbb{E}_{w_k} \log \sigma(-u_{w_k}^\top v_d) \Big],

    where :math:`u_w` is the output vector of the word :math:`w`, :math:`\sigma` the logistic
    function. The words :math:`w_k` are drawn with probabilities proportional to their frequency to
    the power of 0.75. PV-DM instead predicts each word from the mean of :math:`v_d` and the vectors
    of the words in its window (section 2.2 of [1]_). To embed a text, the same objective is
    maximized over :math:`v_d` alone.

    The vector of a text starts near 0 and moves by one step for each word that is read. After the same
    number of passes, a line of lyrics is still near its start, where all lines are alike. Therefore the
    number of passes is multiplied by :math:`(m / n)^{0.9}` for a text of :math:`n` known words, if these
    are fewer than the median :math:`m` of the training texts. The number of steps is then nearly that
    of a median text; with the exponent 1, vectors of lines would lie further from the others than
    those of songs, because the steps for the same few words add up.

    Training runs in one thread, because several threads would give irreproducible results. gensim
    reads only the first 10,000 words of a text.

    A model that was fitted with an earlier version and saved keeps the words of that version, which
    ended at combining marks, and passes all texts equally often.

    References
    ----------
    .. [1] Q. Le and T. Mikolov, "Distributed representations of sentences and documents", ICML 2014.
    .. [2] T. Mikolov et al., "Distributed representations of words and phrases and their
       compositionality", NeurIPS 2013.

    Examples
    --------
    >>> from skdcca import Doc2VecLyrics
    >>> lyrics = ["twinkle twinkle little star", "how I wonder what you are", "little star"]
    >>> model = Doc2VecLyrics(vector_size=8, min_count=1, random_state=0).fit(lyrics)
    >>> model.transform(["wonder, little star!"]).shape
    (1, 8)

    The embedding does not depend on the other texts:

    >>> texts = ["wonder, little star!", "what are you?"]
    >>> bool((model.transform(texts)[1] == model.transform(texts[1:])[0]).all())
    True
    """

    def __init__(
        self,
        vector_size: int = 100,
        *,
        window: int = 5,
        min_count: int = 2,
        epochs: int = 40,
        dm: int = 0,
        pretrained: str | PathLike[str] | None = None,
        tokenizer: Callable[[str], list[str]] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.epochs = epochs
        self.dm = dm
        self.pretrained = pretrained
        self.tokenizer = tokenizer
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train a model on the lyrics, or load the pretrained one.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text per song.
        y : object
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        check_lyrics(X)
        if not (self.tokenizer is None or callable(self.tokenizer)):
            raise ValueError(
                f"`tokenizer` must be a function from a text to a list of words, or None, got "
                f"{self.tokenizer!r}."
            )
        if self.pretrained is None:
            self._check_parameters()
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._text_rules = TEXT_RULES
        documents = [self._words(text) for text in X]
        if self.pretrained is None:
            self.model_ = self._train(documents)
        else:
            self.model_ = _load_pretrained(self.pretrained)
        self.median_words_ = float(np.median([len(_known(self.model_, d)) for d in documents]))
        return self

    def transform(self, X: Any) -> NDArray:
        """Compute the embeddings of lyrics.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text per song.

        Returns
        -------
        embeddings : ndarray of shape (n_samples, vector_size), float32
            One row per text. The row of a text without known words is all zeros.
        """
        check_is_fitted(self)
        check_lyrics(X)
        # Inference replaces the random state of the model, so work on a copy.
        model = copy.copy(self.model_)
        embeddings = np.zeros((len(X), model.vector_size), dtype=np.float32)
        unknown = []
        shown = {"desc": "lyrics", "unit": "text", "disable": not self.verbose}
        for i, text in enumerate(tqdm(X, **shown)):
            words = _known(model, self._words(text))
            if words:
                embeddings[i] = _infer(model, words, self.seed_, self._n_passes(len(words)))
            else:
                unknown.append(i)
        warn_unknown_texts(unknown, len(X), "word", "embedding")
        return embeddings

    def _n_passes(self, n_words):
        """Return the number of passes over a text with this number of known words."""
        # Missing in files of older versions.
        median = getattr(self, "median_words_", 0)
        return ceil(self.model_.epochs * max(1, median / n_words) ** _PASSES_POWER)

    def _words(self, text):
        has_new_rules = getattr(self, "_text_rules", 1) == TEXT_RULES
        words = (self.tokenizer or (tokenize if has_new_rules else older_rules.tokenize))(text)
        if isinstance(words, str):
            raise TypeError(f"`tokenizer` must return a list of words, got the str {words[:30]!r}.")
        words = list(words) if hasattr(words, "__iter__") else [words]
        for word in words:
            if not isinstance(word, str):
                raise TypeError(f"`tokenizer` must return a list of words, got {word!r}.")
        return words

    def _train(self, documents):
        with needed_by("Doc2VecLyrics"):
            from gensim.models.doc2vec import Doc2Vec, TaggedDocument
            from gensim.models.keyedvectors import KeyedVectors

        if not any(documents):
            raise ValueError(
                f"Found no words in {len(documents)} lyrics, because they have no letters. Pass texts "
                "with letters, or a `tokenizer` that returns words for them."
            )
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
                f"No word occurs min_count={self.min_count} times or more in the {len(documents)} "
                "texts. Pass more texts or decrease `min_count`."
            )
        callbacks = [_epoch_bar(self.epochs)] if self.verbose else []
        model.train(tagged, total_examples=len(tagged), epochs=model.epochs, callbacks=callbacks)
        model.dv = KeyedVectors(self.vector_size)
        return model

    def _check_parameters(self):
        for name in ("vector_size", "window", "min_count", "epochs"):
            check_integer(name, getattr(self, name))
        check_option("dm", self.dm, (0, 1))

    @property
    def _n_columns(self):
        """Number of output columns if it is known before the fit, otherwise None."""
        return self.vector_size if self.pretrained is None else None

    @property
    def _n_features_out(self):
        return self.model_.vector_size

    def __getstate__(self):
        """Return the state with the model as plain arrays, so that files need no gensim classes."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = _state_of(self.model_)
        return state

    def __setstate__(self, state):
        if "model_" in state:
            state = {**state, "model_": _restored(state["model_"])}
        super().__setstate__(state)


def _known(model, words):
    """Return the words that a model knows, in order."""
    return [word for word in words if word in model.wv.key_to_index]


def _infer(model, words, seed, n_passes):
    """Return the vector of a text, computed by the gradient steps of gensim's ``infer_vector``.

    ``infer_vector`` itself is not reproducible: it starts from Python's `hash` of the text, which
    differs between processes, and continues with the random state that the last call left behind.
    """
    with needed_by("Doc2VecLyrics"):
        from gensim.models.doc2vec import train_document_dbow, train_document_dm

    model.random = np.random.RandomState(seed)
    start = (model.random.random_sample(model.vector_size) - 0.5) / model.vector_size
    vector = start.astype(np.float32).reshape(1, -1)
    # Pass the work array, because gensim frees an array that it allocates itself too early.
    space = {"work": np.zeros(model.layer1_size, dtype=np.float32)}
    if model.sg:
        step = train_document_dbow
    else:
        step = train_document_dm
        space["neu1"] = np.zeros(model.layer1_size, dtype=np.float32)
    for alpha in np.linspace(model.alpha, model.min_alpha, n_passes):
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
    with needed_by("Doc2VecLyrics"):
        from gensim.models.doc2vec import Doc2Vec

    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"`pretrained` must be the path of a file, or None, got {path!r}.")
    if not os.path.isfile(path):
        raise ValueError(f"`pretrained` must be an existing file, got {str(path)!r}.")
    try:
        model = Doc2Vec.load(str(path))
    except Exception as error:
        raise ValueError(
            f"`pretrained` {str(path)!r} cannot be read ({error}). Pass a file that a gensim Doc2Vec "
            "has written by its method save."
        ) from error
    if not isinstance(model, Doc2Vec) or getattr(model, "dm_concat", 0):
        raise ValueError(
            f"`pretrained` {str(path)!r} must be a Doc2Vec with dm_concat=0, got {model!r}."
        )
    return model


# Attributes of a Doc2Vec that inference and training use.
_NUMBERS = ("vector_size", "window", "epochs", "alpha", "min_alpha", "sample", "negative", "hs")
_NUMBERS += ("seed", "min_count", "ns_exponent", "dbow_words")


def _state_of(model):
    """Return a Doc2Vec as plain numbers, words and arrays, without its training texts."""
    state = {name: getattr(model, name) for name in _NUMBERS}
    state |= {"dm": 1 - model.sg, "dm_mean": model.cbow_mean}
    state |= {"words": model.wv.index_to_key, "vectors": model.wv.vectors}
    state |= {name: model.wv.expandos[name] for name in ("count", "sample_int")}
    if model.negative:
        state |= {"outputs": model.syn1neg, "cum_table": model.cum_table}
    if model.hs:
        state["tree"] = model.syn1
        # The paths of the words differ in length, so store them end to end.
        state["path_lengths"] = np.array([len(path) for path in model.wv.expandos["code"]])
        state["codes"] = np.concatenate(model.wv.expandos["code"])
        state["points"] = np.concatenate(model.wv.expandos["point"])
    return state


def _restored(state):
    """Return the Doc2Vec that a state describes.

    The state is checked first, because gensim reads arrays without checking bounds.
    """
    with needed_by("Doc2VecLyrics"):
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
    """Return the codes and points of each word: its path through the tree of the softmax."""
    lengths = _array(state, "path_lengths", np.int64, (n_words,))
    codes = _array(state, "codes", np.uint8, (lengths.sum(),))
    points = _array(state, "points", np.uint32, (lengths.sum(),))
    if (lengths < 0).any() or (points >= n_words).any():
        raise ValueError("points of a Doc2Vec must be rows of its tree")
    paths = {"code": np.empty(n_words, dtype=object), "point": np.empty(n_words, dtype=object)}
    for i, end in enumerate(np.cumsum(lengths)):
        path = slice(end - lengths[i], end)
        paths["code"][i], paths["point"][i] = codes[path], points[path]
    return paths


def _array(state, name, dtype, shape):
    given = np.asarray(state[name])
    with np.errstate(invalid="ignore"):
        array = np.ascontiguousarray(given, dtype=dtype)
    if array.shape != shape:
        raise ValueError(f"{name} of a Doc2Vec has shape {array.shape}; it must be {shape}")
    if array.dtype.kind in "iu" and not np.array_equal(array, given):
        raise ValueError(f"{name} of a Doc2Vec must be integers in the range of {array.dtype}")
    return array


def _epoch_bar(epochs):
    with needed_by("Doc2VecLyrics"):
        from gensim.models.callbacks import CallbackAny2Vec

    class EpochBar(CallbackAny2Vec):
        def on_train_begin(self, model):
            self.bar = tqdm(total=epochs, desc="Doc2vec", unit="epoch")

        def on_epoch_end(self, model):
            self.bar.update()

        def on_train_end(self, model):
            self.bar.close()

    return EpochBar()
