"""Load the songs of a manifest and separate training songs from held-out songs."""

import warnings

import numpy as np
from sklearn.model_selection import GroupShuffleSplit
from sklearn.utils import Bunch

from skdcca._cli.song_models import TRAINED_ON, fingerprint, of_id
from skdcca._cli.tuning import N_SPLITS
from skdcca._utils.validation import check_number
from skdcca._utils.warnings import warn
from skdcca.datasets import load_songs
from skdcca.exceptions import InvalidSongsError, SkippedSongsWarning

LEAST_SONGS = 10
LEAST_HEARD = 2  # songs whose words alone are compared
LEAST_GROUPS = 4  # groups with lyrics; the weights of words and sound are found by group
# Relation of the evaluated songs to the model.
HELD_OUT = "held out"
TRAINING = "training songs"
PARTLY_TRAINING = "partly training songs"
UNKNOWN = "not known whether held out"


def load_manifest(options, *, require_lyrics=True):
    """Return the songs of a manifest; if some are unusable, the error suggests ``--skip-bad``."""
    settings = {"on_error": options.on_error, "encoding": options.encoding}
    try:
        return load_songs(options.manifest, **settings, require_lyrics=require_lyrics)
    except ValueError as error:
        if require_lyrics and _lacks_lyrics(options):
            raise ValueError(
                f"{options.manifest} has no lyrics. Add them (the column lyrics, or name.txt for "
                "name.wav); only skdcca fit --model words and skdcca index work without, and --model "
                "views with tags."
            ) from error
        if isinstance(error, InvalidSongsError):
            raise _with_remedy(error) from error
        raise


def _lacks_lyrics(options):
    """Return True if the songs of a manifest could be used if they had lyrics."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            songs = load_songs(
                options.manifest, on_error="skip", encoding=options.encoding, require_lyrics=False
            )
        except ValueError:
            return False
    return not any(songs.lyrics)


def without_damaged(work, songs, options):
    """Do work that decodes songs, and return its result and the songs that it used.

    Damage after the header of a file is found only when it is decoded. With ``--skip-bad``, the work is
    repeated without the damaged songs.

    Parameters
    ----------
    work : callable
        Function of the songs.
    songs : Bunch
        Songs as returned by `load_songs`.
    options : Namespace
        Parsed options.
    """
    try:
        return work(songs), songs
    except InvalidSongsError as error:
        if options.on_error == "raise" or not error.n_usable:
            raise _with_remedy(error) from error
        summary = f"{error.summary} and are skipped:"
        warn("\n  ".join([summary, *error.faults]), SkippedSongsWarning)
        songs = select_songs(songs, np.delete(np.arange(len(songs.audio)), error.songs))
    return work(songs), songs


def _with_remedy(error):
    remedy = "Correct them"
    if error.n_usable:
        remedy += f", or give --skip-bad to skip them ({error.n_usable} remain)"
    return InvalidSongsError(
        error.summary, error.faults, remedy=f"{remedy}.", n_usable=error.n_usable
    )


def hold_out(songs, options):
    """Return the training songs and the number of held-out songs; whole groups are held out."""
    share = options.hold_out
    check_number("--hold-out", share, ge=0, lt=1, remedy="For example, 0.2 holds out a fifth.")
    if share == 0:
        return songs, 0
    n_groups = len(set(songs.groups))
    n_held_out = max(1, round(share * n_groups))
    if n_held_out >= n_groups:
        raise ValueError(
            f"`--hold-out` must leave at least one group for training, got {share} with {n_groups} "
            f"groups in {options.manifest}. Give a smaller fraction, or set more groups in the column "
            "group."
        )
    splitter = GroupShuffleSplit(1, test_size=n_held_out, random_state=options.seed)
    train, test = next(splitter.split(songs.audio, groups=songs.groups))
    return select_songs(songs, train), len(test)


def with_lyrics(songs):
    """Return the songs that have lyrics."""
    return select_songs(songs, np.array([bool(text) for text in songs.lyrics]))


def check_enough(kind, songs, options):
    """Raise ValueError if there are too few training songs or groups for a kind of model."""
    n_songs, n_groups = len(songs.audio), len(set(songs.groups))
    least = LEAST_HEARD if kind == "heard" else LEAST_SONGS
    if n_songs < least:
        raise ValueError(
            f"{options.manifest}: at least {least} training songs are needed, got {n_songs}. "
            "Add songs or hold out fewer; a useful model needs hundreds."
        )
    if options.search and kind != "heard" and n_groups < N_SPLITS:
        raise ValueError(
            f"{options.manifest}: --search needs at least {N_SPLITS} groups of training songs, got "
            f"{n_groups}. Hold out fewer, or set more groups in the column group."
        )


def songs_to_evaluate(songs, header, options):
    """Return the songs to evaluate, their relation to the model, and the number of training songs.

    If only some of the songs are training songs, these are left out unless ``--all`` is given. The
    number is None if the file does not identify the training songs.
    """
    remedy = "Add songs."
    known = header["notes"].get(TRAINED_ON)
    if known is None:
        kind, n_training = UNKNOWN, None
    else:
        by_lyrics = np.isin([fingerprint(text) for text in songs.lyrics], known)
        is_training = by_lyrics | np.isin([fingerprint(of_id(name)) for name in songs.ids], known)
        n_training = int(is_training.sum())
        kind = _kind(is_training)
        if kind == PARTLY_TRAINING and not options.all:
            songs, kind = select_songs(songs, ~is_training), HELD_OUT
            remedy = "Add songs, or give --all to include the training songs."
    if len(songs.audio) < 2:
        raise ValueError(
            f"{options.manifest}: at least 2 songs are needed, got {len(songs.audio)} ({kind}). "
            f"{remedy}"
        )
    return songs, kind, n_training


def describe_songs(n_songs, kind, n_training):
    """Return as text how many songs are scored, and their relation to the model."""
    known = "" if n_training is None else f" (training songs in the manifest: {n_training})"
    return f"{n_songs} songs, {kind}{known}"


def print_optimism(kind):
    """Print a warning if scores are not those of held-out songs only."""
    if kind == HELD_OUT:
        return
    include = "may include" if kind == UNKNOWN else "include"
    print(
        f"These scores are optimistic: they {include} training songs. Fit the model with "
        "--hold-out 0.2, or evaluate it on other songs."
    )


def select_songs(songs, rows):
    """Return a subset of the songs; `rows` are positions or a boolean mask."""
    places = np.arange(len(songs.audio))[rows]
    keys = ["audio", "lyrics", "ids", "titles"]
    if songs.get("tags") is not None:
        keys.append("tags")
    part = {key: [songs[key][i] for i in places] for key in keys}
    return Bunch(**part, groups=songs.groups[places])


def _kind(is_training):
    if is_training.all():
        return TRAINING
    return PARTLY_TRAINING if is_training.any() else HELD_OUT
