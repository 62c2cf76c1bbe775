"""Build the models and indexes of the commands from raw audio and lyrics."""

from hashlib import sha256
from pathlib import Path

from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter

from skdcca import (
    DeepCCA,
    Doc2VecLyrics,
    KernelCCA,
    LinearCCA,
    LyricsForm,
    MelSpectrogram,
    MultiCCA,
    ScoreFusion,
    SharedSpace,
    TemporalSummary,
    WhisperWords,
)
from skdcca._cli.parser import MODELS
from skdcca._cli.song_views import (
    MOST_COMPONENTS,
    has_views,
    table_of,
    tags_side,
    view_transformers,
)
from skdcca._utils.files import cache_folder
from skdcca._utils.validation import check_option
from skdcca.encoders import MLP, MelCNN
from skdcca.metrics import inside
from skdcca.retrieval import CrossModalIndex, prepare_chance

TRAINED_ON = "learned_from"  # key in the notes of a file: fingerprints of the training songs
_MAX_EXACT = 5000  # songs; with more, an exact kernel takes minutes and gigabytes


def song_model(kind, n_songs, *, whisper="base", memory=None, random_state=0, verbose=0):
    """Return a model of songs, from raw audio and lyrics.

    Parameters
    ----------
    kind : {"words", "heard", "linear", "kernel", "deep", "joint", "views"}
        "linear", "kernel", "deep" and "joint" correlate audio with Doc2vec and form features of
        lyrics; "joint" trains convolutions over the spectrogram, and the others use summary statistics
        over time. "heard" compares the words that are heard with lyrics, and "words" joins it with
        "linear". "views" correlates audio, lyrics and tags, from the table of `song_table`.
    n_songs : int
        Number of training songs; it limits the number of components.
    whisper : str, default="base"
        Speech recognizer of "words" and "heard", as in `WhisperWords`.
    memory : str, default=None
        Folder in which spectrograms and what is heard are cached. If None, they are not cached.
    random_state : int, default=0
        Random seed.
    verbose : int, default=0
        If not 0, show the progress of deep models.

    Returns
    -------
    model : Pipeline, ScoreFusion or MultiCCA
        Unfitted model. The last step of a pipeline with a canonical correlation model is named "cca".
        The models of a fusion are named "heard" and "sound", and the views as in `VIEWS`.
    """
    check_option("kind", kind, (*MODELS, "heard"))
    if kind == "heard":
        return Pipeline([("words", WhisperWords(whisper, memory=memory)), ("space", SharedSpace())])
    if kind == "words":
        heard = song_model("heard", n_songs, whisper=whisper, memory=memory)
        sound = song_model("linear", n_songs, memory=memory, random_state=random_state)
        return ScoreFusion([("heard", heard), ("sound", sound)])
    # Recordings may begin with more silence than the excerpt is long.
    mel = MelSpectrogram(n_mels=64, hop_length=1024, offset="first_sound", memory=memory)
    summary = [("summary", TemporalSummary()), ("scale", StandardScaler())]
    if kind == "views":
        audio = Pipeline([("mel", mel), *summary])
        return _multi_cca(audio, n_songs, random_state)
    cca = _cca(kind, n_songs, random_state, verbose)
    cca.set_params(y_transformer=lyrics_side(random_state))
    if kind == "joint":
        return Pipeline([("mel", mel), ("cca", cca)])
    return Pipeline([("mel", mel), *summary, ("cca", cca)])


def lyrics_side(random_state=0):
    """Return the lyrics transformer: standardized Doc2vec and form features."""
    words = Doc2VecLyrics(50, epochs=20, random_state=random_state)
    both = FeatureUnion([("words", words), ("form", LyricsForm())])
    return make_pipeline(both, StandardScaler())


def _multi_cca(audio, n_songs, random_state):
    # The columns are those of `song_table`. With the ridge "auto", audio and lyrics find each other
    # less often: it is chosen for correlations, and the summary has more columns than there are songs.
    views = [
        ("audio", audio, 0),
        ("lyrics", lyrics_side(random_state), 1),
        ("tags", tags_side(), 2),
    ]
    return MultiCCA(views, _n_components(n_songs), reg=1.0)


def _n_components(n_songs):
    return max(1, min(MOST_COMPONENTS, n_songs // 5))


def _cca(kind, n_songs, random_state, verbose):
    n_components = _n_components(n_songs)
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
        random_state=random_state,
        verbose=verbose,
    )


def fit_parameters(model, groups):
    """Return the parameters with which `fit` of a deep model holds out whole groups.

    Parameters
    ----------
    model : Pipeline
        A model of `song_model`, or part of one.
    groups : array-like of shape (n_songs,)
        Group of each training song.

    Returns
    -------
    parameters : dict
        Empty for models that hold out no songs, and if all songs are in one group.
    """
    if len(set(groups)) < 2 or not has_fit_parameter(model["cca"], "groups"):
        return {}
    return {"cca__groups": groups}


def training_notes(songs, *, by_id=False):
    """Return the notes that identify the training songs in a model file.

    Songs are identified by their lyrics. If some have none, nothing identifies them; with `by_id`, their
    ids do.
    """
    notes = {"n_songs": len(songs.lyrics)}
    if by_id or all(songs.lyrics):
        rows = zip(songs.lyrics, songs.ids, strict=True)
        notes[TRAINED_ON] = [fingerprint(text or of_id(name)) for text, name in rows]
    return notes


def of_id(name):
    """Return the text that identifies a song without lyrics."""
    return f"\0{name}"  # no lyrics have this character


def fingerprint(text):
    """Return a short hash that identifies a text without storing it."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def read_songs(model, songs, verbose=0):
    """Compute spectrograms, and hear words, once, with a progress bar, and cache them.

    Parameters
    ----------
    model : estimator
        Unfitted model of `song_model`.
    songs : Bunch
        Songs as returned by `load_songs`.
    verbose : int, default=0
        If not 0, show the progress.
    """
    for pipeline in _pipelines(model):
        pipeline[0].set_params(n_jobs=-1, verbose=verbose).fit_transform(songs.audio)
        pipeline[0].set_params(n_jobs=None, verbose=0)


def _pipelines(model):
    """Return the pipelines that read audio in an unfitted model of `song_model`."""
    if has_views(model):
        return [view_transformers(model)["audio"]]
    return list(model.named_estimators.values()) if hasattr(model, "named_estimators") else [model]


def show_progress(model, quiet):
    """Let the audio steps use all processors and show a progress bar, unless quiet."""
    n_jobs, verbose = (None, 0) if quiet else (-1, 1)
    for step in _audio_steps(model):
        step.set_params(n_jobs=n_jobs, verbose=verbose)


def use_cache(model):
    """Let the audio steps of a fitted model use the cache of the commands; files of models have none."""
    for step in _audio_steps(model):
        step.set_params(memory=features_folder())


def _audio_steps(model):
    """Return the steps of a fitted model that read audio, those of the parts of a fusion included."""
    if has_views(model):
        audio = view_transformers(model).get("audio")
        before, last = [audio] if hasattr(audio, "named_steps") else [], None
    else:
        before, last = inside(model)
    steps = [step for part in before for step in part.named_steps.values()]
    found = [step for step in steps if {"n_jobs", "verbose", "memory"} <= set(step.get_params())]
    for part in getattr(last, "estimators_", []):
        found += _audio_steps(part)
    return found


def features_folder():
    """Return the folder in which the commands cache spectrograms and what is heard."""
    return str(cache_folder() / "features")


def song_index(model, songs, neighbors=None, transcripts=None):
    """Return an index of songs in all views, with the metadata shown by the page and commands.

    The words that are heard stand in for lyrics that are missing.

    Parameters
    ----------
    model : estimator
        Fitted model.
    songs : Bunch
        Songs as returned by `load_songs`, with paths of audio files.
    neighbors : estimator, default=None
        As in `CrossModalIndex`.
    transcripts : list of Transcript or None, default=None
        What was heard in each song, or None for a song that was not heard. If None, no song was.

    Returns
    -------
    index : CrossModalIndex
        Fitted index.
    """
    transcripts = transcripts or [None] * len(songs.audio)
    tags = songs.get("tags") or [""] * len(songs.audio)
    rows = zip(
        songs.titles, songs.groups, songs.audio, songs.lyrics, tags, transcripts, strict=True
    )
    about = {"ids": songs.ids, "metadata": [_metadata(*row) for row in rows]}
    pairs = list(zip(songs.lyrics, transcripts, strict=True))
    lyrics = [text or (heard and heard.text) for text, heard in pairs]
    texts = [text or heard for text, heard in pairs]
    index = CrossModalIndex(model, neighbors=neighbors)
    if has_views(model):
        index.fit(table_of(songs.audio, lyrics, tags), texts=texts, **about)
        searched = index.pair("audio", "lyrics") if "lyrics" in index.views_ else None
    else:
        searched = index.fit(songs.audio, lyrics, texts=texts, **about)
    if searched is not None:
        prepare_chance(searched)
    return index


def _metadata(title, group, audio, lyrics, tags, heard):
    metadata = {"title": title, "group": str(group), "audio": str(Path(audio).resolve())}
    metadata["lyrics"] = lyrics
    if tags:
        metadata["tags"] = tags
    if heard is not None:
        segments = [[float(start), float(end), text] for start, end, text in heard.segments]
        metadata["heard"] = {"language": heard.language, "segments": segments}
    return metadata
