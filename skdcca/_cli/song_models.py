"""Build the models and indexes of the commands from raw audio and lyrics."""

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
_MAX_EXACT = 5000  # songs; with more, an exact kernel takes minutes and gigabytes


def song_model(kind, n_songs, *, memory=None, random_state=0, verbose=0):
    """Return a pipeline that correlates audio with Doc2vec and form features of lyrics.

    Parameters
    ----------
    kind : {"linear", "kernel", "deep", "joint"}
        Canonical correlation model. "joint" trains convolutions over the spectrogram; the others use
        summary statistics over time.
    n_songs : int
        Number of training songs; it limits the number of components.
    memory : str, default=None
        Folder of the spectrogram cache. If None, spectrograms are not cached.
    random_state : int, default=0
        Random seed.
    verbose : int, default=0
        If not 0, show the progress of deep models.

    Returns
    -------
    model : Pipeline
        Unfitted pipeline; its last step is named "cca".
    """
    check_option("kind", kind, MODELS)
    # Recordings may begin with more silence than the excerpt is long.
    mel = MelSpectrogram(n_mels=64, hop_length=1024, offset="first_sound", memory=memory)
    cca = _cca(kind, n_songs, random_state, verbose)
    cca.set_params(y_transformer=lyrics_side(random_state))
    if kind == "joint":
        return Pipeline([("mel", mel), ("cca", cca)])
    summary = [("summary", TemporalSummary()), ("scale", StandardScaler())]
    return Pipeline([("mel", mel), *summary, ("cca", cca)])


def lyrics_side(random_state=0):
    """Return the lyrics transformer: standardized Doc2vec and form features."""
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
    """Return the notes that identify the training songs in a model file."""
    return {
        "n_songs": len(songs.lyrics),
        TRAINED_ON: [fingerprint(text) for text in songs.lyrics],
    }


def fingerprint(text):
    """Return a short hash that identifies a text without storing it."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def read_songs(model, songs, verbose=0):
    """Compute the spectrograms of songs once, with a progress bar, and cache them."""
    model["mel"].set_params(n_jobs=-1, verbose=verbose).fit_transform(songs.audio)
    model["mel"].set_params(n_jobs=None, verbose=0)


def show_progress(model, quiet):
    """Let the audio steps use all processors and show a progress bar, unless quiet."""
    n_jobs, verbose = (None, 0) if quiet else (-1, 1)
    steps = [step for part in inside(model)[0] for step in part.named_steps.values()]
    for step in steps:
        if {"n_jobs", "verbose"} <= set(step.get_params()):
            step.set_params(n_jobs=n_jobs, verbose=verbose)


def song_index(model, songs, neighbors=None):
    """Return an index of songs in both views, with the metadata shown by the page and commands.

    Parameters
    ----------
    model : estimator
        Fitted model.
    songs : Bunch
        Songs as returned by `load_songs`, with paths of audio files.
    neighbors : estimator, default=None
        As in `CrossModalIndex`.

    Returns
    -------
    index : CrossModalIndex
        Fitted index.
    """
    rows = zip(songs.titles, songs.groups, songs.audio, songs.lyrics, strict=True)
    metadata = [
        {"title": title, "group": str(group), "audio": str(Path(audio).resolve()), "lyrics": lyrics}
        for title, group, audio, lyrics in rows
    ]
    index = CrossModalIndex(model, neighbors=neighbors)
    return index.fit(songs.audio, songs.lyrics, ids=songs.ids, metadata=metadata)
