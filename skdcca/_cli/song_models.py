"""Models from raw audio and raw lyrics, ready to fit, as the commands build them."""

from hashlib import sha256
from pathlib import Path

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
from skdcca._cli.parser import MODELS
from skdcca._utils.validation import check_option
from skdcca.encoders import MLP, MelCNN
from skdcca.metrics import inside
from skdcca.retrieval import CrossModalIndex

TRAINED_ON = "learned_from"  # key in the notes of a file: fingerprints of the training songs
MAX_EPOCHS = 100
_MAX_EXACT = 5000  # songs; with more, the exact kernel takes minutes and gigabytes


def song_model(kind, n_songs, *, memory=None, random_state=0, verbose=0):
    """Return a pipeline from audio to variates, with Doc2vec and the form of lyrics as second view.

    Parameters
    ----------
    kind : {"linear", "kernel", "deep", "joint"}
        Canonical correlation model. "joint" trains convolutions over the spectrogram; the others take
        its statistics over time.
    n_songs : int
        Number of training songs; few songs support few components.
    memory : str, default=None
        Folder for the cache of spectrograms.
    random_state : int, default=0
        Seed.
    verbose : int, default=0
        1 shows the progress of deep models.

    Returns
    -------
    model : Pipeline
        Not fitted; its last step is called "cca".
    """
    check_option("kind", kind, MODELS)
    mel = MelSpectrogram(n_mels=64, hop_length=1024, memory=memory)
    cca = _cca(kind, n_songs, random_state, verbose)
    cca.set_params(y_transformer=lyrics_side(random_state))
    if kind == "joint":
        return Pipeline([("mel", mel), ("cca", cca)])
    summary = [("summary", TemporalSummary()), ("scale", StandardScaler())]
    return Pipeline([("mel", mel), *summary, ("cca", cca)])


def lyrics_side(random_state=0):
    """Return the transformer of lyrics: Doc2vec and form, standardized."""
    words = Doc2VecLyrics(50, epochs=20, random_state=random_state)
    both = FeatureUnion([("words", words), ("form", LyricsForm())])
    return make_pipeline(both, StandardScaler())


def _cca(kind, n_songs, random_state, verbose):
    n_components = max(1, min(10, n_songs // 5))
    if kind == "linear":
        return LinearCCA(n_components, reg=1.0)
    if kind == "kernel":
        approximation = "nystroem" if n_songs > _MAX_EXACT else None
        return KernelCCA(
            n_components, reg=0.1, approximation=approximation, random_state=random_state
        )
    encoder = MelCNN() if kind == "joint" else MLP((256,), input_noise=0.1)
    return DeepCCA(
        n_components,
        x_encoder=encoder,
        y_encoder=MLP((256,), input_noise=0.1),
        max_epochs=MAX_EPOCHS,
        random_state=random_state,
        verbose=verbose,
    )


def training_notes(songs):
    """Return the note for the file of a model that tells its training songs from others."""
    return {
        "n_songs": len(songs.lyrics),
        TRAINED_ON: [fingerprint(text) for text in songs.lyrics],
    }


def fingerprint(text):
    """Return a short hash by which a text is recognized without being stored."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def read_songs(model, songs, verbose=0):
    """Put the spectrograms of songs into the cache of a model, once, with a progress bar."""
    model["mel"].set_params(n_jobs=-1, verbose=verbose).fit_transform(songs.audio)
    model["mel"].set_params(n_jobs=None, verbose=0)


def show_progress(model, quiet):
    """Let the steps that read songs use all processors and show a progress bar, unless quiet."""
    n_jobs, verbose = (None, 0) if quiet else (-1, 1)
    steps = [step for part in inside(model)[0] for step in part.named_steps.values()]
    for step in steps:
        if {"n_jobs", "verbose"} <= set(step.get_params()):
            step.set_params(n_jobs=n_jobs, verbose=verbose)


def song_index(model, songs, neighbors=None):
    """Return an index of songs by both views, with the metadata that the page and commands show.

    Parameters
    ----------
    model : estimator
        A fitted model.
    songs : Bunch
        Songs as `load_songs` returns them, their audio as files.
    neighbors : estimator, default=None
        As in `CrossModalIndex`.

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
