"""Choose the training songs of a model, and fit or tune it."""

from contextlib import redirect_stdout
from io import StringIO

from sklearn.base import clone
from sklearn.model_selection import GroupKFold

from skdcca._cli.song_models import fit_parameters, song_model
from skdcca._cli.songs import LEAST_GROUPS, LEAST_SONGS, check_enough, with_lyrics
from skdcca._cli.tuning import limit_components, tune
from skdcca._cli.views_training import limit_views, songs_of_views, train_views

N_FOLDS = 5  # with which the weights of words and sound are found, if there are enough groups


def training_songs(kind, songs, options):
    """Return the kind of model that songs allow, and those that it is trained on.

    A model of words and sound is trained on songs with lyrics. If there are too few of them, the model
    compares the words that it hears, and does not use the sound. A model of several views is trained on
    songs with lyrics or tags.
    """
    if kind == "views":
        songs = songs_of_views(songs, options)
        check_enough(kind, songs, options)
        return kind, songs
    known = with_lyrics(songs)
    n_known, n_lacking = len(known.audio), len(songs.audio) - len(known.audio)
    if kind == "words" and (n_known < LEAST_SONGS or len(set(known.groups)) < LEAST_GROUPS):
        print(
            f"Songs with lyrics: {n_known}. To learn from the sound as well, {LEAST_SONGS} in "
            f"{LEAST_GROUPS} groups are needed, so only the words that are heard are compared."
        )
        kind = "heard"
    elif kind == "words" and n_lacking:
        print(f"Songs without lyrics: {n_lacking}. They are not used for training.")
        songs = known
    check_enough(kind, songs, options)
    return kind, songs


def model_for(kind, songs, **settings):
    """Return the unfitted model of `song_model` for training songs."""
    model = song_model(kind, len(songs.audio), **settings)
    return limit_views(model, songs) if kind == "views" else model


def train(model, kind, songs, options):
    """Fit a model, or tune it with ``--search``.

    Parameters
    ----------
    model : estimator
        Unfitted model of `model_for`.
    kind : str
        Kind of the model, as in `song_model`.
    songs : Bunch
        Training songs.
    options : Namespace
        Parsed options.

    Returns
    -------
    model : estimator
        Fitted model.
    notes : dict
        The result of the search, if there was one; the decision of a deep model; the number of songs
        with each view for a model of several views.
    """
    notes = {}
    if kind == "views":
        return train_views(model, songs, options)
    if kind == "words":
        return _train_words(model, songs, options, notes), notes
    if kind == "heard":
        return model.fit(songs.audio, _words(model, songs)), notes
    if options.search:
        model, notes["search"] = tune(model, songs, kind, quiet=options.quiet)
    else:
        with redirect_stdout(StringIO()):  # `fit` of the commands prints the decision, in songs
            model.fit(songs.audio, songs.lyrics, **fit_parameters(model, songs.groups))
    if hasattr(model["cca"], "decision_"):
        notes["decision"] = model["cca"].decision_
    return model, notes


def _train_words(model, songs, options, notes):
    """Tune the model of the sound on request, then fit it together with the words that are heard."""
    sound = model.named_estimators["sound"]
    if options.search:
        tuned, notes["search"] = tune(sound, songs, "linear", quiet=options.quiet)
        chosen = {f"cca__{key}": value for key, value in notes["search"]["best"].items()}
        sound = clone(sound).set_params(cca__n_components=tuned["cca"].n_components, **chosen)
    folds = GroupKFold(min(N_FOLDS, len(set(songs.groups)) // 2))
    splits = list(folds.split(songs.audio, groups=songs.groups))
    sound, _ = limit_components(sound, {}, splits)
    model.set_params(sound=sound, cv=folds)
    return model.fit(songs.audio, songs.lyrics, groups=songs.groups)


def _words(model, songs):
    """Return the lyrics of songs; the words that are heard stand in for those that are missing."""
    if all(songs.lyrics):
        return songs.lyrics
    heard = clone(model["words"]).fit_transform(songs.audio)
    return [text or words for text, words in zip(songs.lyrics, heard, strict=True)]
