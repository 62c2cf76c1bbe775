"""Models from raw songs and raw lyrics, ready to fit: what the command line and the demo build."""

from hashlib import sha256
from pathlib import Path

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import (
    DeepCCA,
    Doc2VecLyrics,
    KernelCCA,
    LinearCCA,
    LyricsForm,
    MelSpectrogram,
    TemporalSummary,
)
from skdcca.encoders import MLP, MelCNN
from skdcca.metrics import mrr_scorer
from skdcca.retrieval import CrossModalIndex

# A note of files: what the model learned from.
LEARNED_FROM = "learned_from"
# What a search tries of each kind, each part a grid of its own.
_SIMILARITIES = ["cosine", "weighted", "likelihood"]
GRIDS = {
    "linear": {"cca__reg": [0.1, 1.0, 10.0], "cca__similarity": _SIMILARITIES},
    "kernel": {"cca__reg": [1e-3, 1e-2, 1e-1], "cca__similarity": _SIMILARITIES},
    "deep": {"cca__loss": ["ey", "infonce"], "cca__lr": [1e-4, 1e-3]},
    "joint": {"cca__loss": ["ey", "infonce"], "cca__lr": [1e-4, 1e-3]},
}
MODELS = tuple(GRIDS)
# Of more songs the exact kernel costs minutes and gigabytes.
_MOST_EXACT = 5000
MAX_EPOCHS = 100


def song_model(kind, n_songs, *, memory=None, random_state=0, verbose=0):
    """Pipeline from songs to variates, with lyrics by Doc2vec and form on the other side.

    Parameters
    ----------
    kind : {"linear", "kernel", "deep", "joint"}
        Canonical correlation model; "joint" trains convolutions over the spectrogram, the others take
        its statistics over time.
    n_songs : int
        Number of songs to learn from; few of them support few components.
    memory : str, default=None
        Folder to keep spectrograms in.
    random_state : int, default=0
        Seed.
    verbose : int, default=0
        1 shows the progress of a deep training.

    Returns
    -------
    model : Pipeline
        Not fitted; the last step is called "cca".
    """
    mel = MelSpectrogram(n_mels=64, hop_length=1024, memory=memory)
    cca = _correlation(kind, n_songs, random_state, verbose)
    cca.set_params(y_transformer=lyrics_side(random_state))
    if kind == "joint":
        return Pipeline([("mel", mel), ("cca", cca)])
    summary = [("summary", TemporalSummary()), ("scale", StandardScaler())]
    return Pipeline([("mel", mel), *summary, ("cca", cca)])


def lyrics_side(random_state=0):
    """Words and form of lyrics, as numbers of one scale."""
    words = Doc2VecLyrics(50, epochs=20, random_state=random_state)
    both = FeatureUnion([("words", words), ("form", LyricsForm())])
    return make_pipeline(both, StandardScaler())


def _correlation(kind, n_songs, random_state, verbose):
    n_components = max(1, min(10, n_songs // 5))
    if kind == "linear":
        return LinearCCA(n_components, reg=1.0)
    if kind == "kernel":
        approximation = "nystroem" if n_songs > _MOST_EXACT else None
        return KernelCCA(
            n_components, reg=0.1, approximation=approximation, random_state=random_state
        )
    if kind not in MODELS:
        raise ValueError(f"model={kind!r}; it must be one of {', '.join(MODELS)}")
    encoder = MelCNN() if kind == "joint" else MLP((256,), input_noise=0.1)
    return DeepCCA(
        n_components,
        x_encoder=encoder,
        y_encoder=MLP((256,), input_noise=0.1),
        max_epochs=MAX_EPOCHS,
        random_state=random_state,
        verbose=verbose,
    )


def search_over(model, grid, scratch, *, scoring=mrr_scorer, cv=None, n_jobs=None):
    """Grid search over a model of `song_model`; its candidates share what they have in common.

    Parameters
    ----------
    model : Pipeline
        What is tuned.
    grid : dict
        The grid, one of `GRIDS` say.
    scratch : str
        Folder for what is shared.
    scoring, cv, n_jobs
        As of `GridSearchCV`.

    Returns
    -------
    search : GridSearchCV
        Not fitted.
    """
    model = clone(model).set_params(memory=scratch, cca__y_transformer__memory=scratch)
    return GridSearchCV(model, grid, scoring=scoring, cv=cv, n_jobs=n_jobs, error_score="raise")


def learned_from(songs):
    """Note for the file of a model: fingerprints of the lyrics it learned from, and their number."""
    return {
        "n_songs": len(songs.lyrics),
        LEARNED_FROM: [fingerprint(text) for text in songs.lyrics],
    }


def fingerprint(text):
    """A text as a short number, by which it is known again and not read."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def read_songs(model, songs, verbose=0):
    """Spectrograms of songs into the cache of a model, once, with a progress bar."""
    model["mel"].set_params(n_jobs=-1, verbose=verbose).fit_transform(songs.audio)
    model["mel"].set_params(n_jobs=None, verbose=0)


def song_index(model, songs, neighbors=None):
    """Index of songs by both views, with what the page and the command line show of each.

    Parameters
    ----------
    model : estimator
        A fitted model.
    songs : Bunch
        Songs as `load_songs` gives them, their audio as files.
    neighbors : estimator, default=None
        As of `CrossModalIndex`.

    Returns
    -------
    index : CrossModalIndex
        Fitted.
    """
    rows = zip(songs.titles, songs.groups, songs.audio, songs.lyrics, strict=True)
    metadata = [
        {"title": title, "group": str(group), "audio": str(Path(audio).resolve()), "lyrics": lyrics}
        for title, group, audio, lyrics in rows
    ]
    index = CrossModalIndex(model, neighbors=neighbors)
    return index.fit(songs.audio, songs.lyrics, ids=songs.ids, metadata=metadata)
