"""Choose the speech recognizer of a command, and hear the words of songs with it."""

import os

from skdcca import WhisperWords
from skdcca._audio import find_whisper
from skdcca._cli.song_models import features_folder
from skdcca._cli.song_views import has_views
from skdcca._cli.songs import with_lyrics
from skdcca._utils.optional import needed_by
from skdcca._utils.warnings import warn
from skdcca.exceptions import SkippedSongsWarning
from skdcca.retrieval import hearing_step

REMEDY = 'pip install "skdcca[speech]", then --whisper base (downloads 145 MB once)'
NOT_HEARD = (
    "Words are not heard, because there is no speech recognizer. To find songs by the words that are "
    f"sung: {REMEDY}."
)


def choose_model(options):
    """Return the kind of model that ``fit`` trains, and its recognizer or None."""
    if options.model not in (None, "words"):
        if options.whisper is not None:
            raise ValueError(
                f"`--whisper` must be given with --model words only, got --model {options.model}. "
                "Leave out one of them."
            )
        return options.model, None
    whisper = options.whisper or find_whisper()
    if options.model is None and whisper is None:
        print(NOT_HEARD)
        return "linear", None
    return "words", _checked(whisper)


def _checked(whisper):
    """Return a recognizer, with a folder as an absolute path, or raise an error if there is none."""
    with needed_by("Hearing words", "speech"):
        import faster_whisper  # noqa: F401
    if whisper is None:
        raise ValueError(
            "`--whisper` must be given, because this machine has no speech recognizer yet. Give "
            "--whisper base to download it once (145 MB), or --whisper FOLDER."
        )
    return os.path.abspath(whisper) if os.path.isdir(whisper) else whisper


def use_recognizer(model, whisper, *, must_hear):
    """Let a model that hears words use a recognizer of this machine.

    This is the one given, else its own, else that of `find_whisper`.

    Parameters
    ----------
    model : estimator
        Fitted model.
    whisper : str or None
        Name or folder of a recognizer.
    must_hear : bool
        If True, raise an error if there is no recognizer; otherwise print a note.
    """
    step = hearing_step(model)
    if step is None:
        return
    own = step.model
    if whisper is not None:
        step.set_params(model=_checked(whisper))
    elif _is_missing(own) and find_whisper() is not None:
        step.set_params(model=_checked(find_whisper()))
        print(f"The recognizer of the model, {own}, is not here. Words are heard by {step.model}.")
    elif _is_missing(own):
        lack = f"The model hears words with {own}, which is not on this machine."
        if must_hear:
            raise FileNotFoundError(f"{lack} Give --whisper FOLDER, or --whisper base.")
        print(f"{lack} Without --whisper FOLDER, only text can be searched.")


def _is_missing(recognizer):
    """Return True for a folder that does not exist; names are found, or downloaded, by the library."""
    is_folder = isinstance(recognizer, str) and os.path.isabs(recognizer)
    return is_folder and not os.path.isdir(recognizer)


def songs_and_listener(model, songs, options):
    """Return the songs whose words are known or can be heard, and the transformer that hears or None.

    Songs of a model of several views may lack lyrics.

    Raises
    ------
    ValueError
        If songs have no lyrics and there is no recognizer. With ``--skip-bad``, they are skipped
        if others remain.
    """
    listener = hearing_step(model)
    if listener is not None or all(songs.lyrics):
        return songs, listener
    whisper = options.whisper or find_whisper()
    if whisper is None:
        return songs if has_views(model) else _without_lacking(songs, options), None
    listener = WhisperWords(_checked(whisper), memory=features_folder())
    return songs, listener.fit(songs.audio)


def _without_lacking(songs, options):
    """Return the songs that have lyrics, or raise ValueError."""
    known = with_lyrics(songs)
    n_songs, n_known = len(songs.audio), len(known.audio)
    summary = f"{n_songs - n_known} of {n_songs} songs of {options.manifest} have no lyrics"
    if options.on_error == "raise" or not n_known:
        raise ValueError(
            f"{summary}, and this model hears no words. Add lyrics, or hear them: {REMEDY}."
        )
    warn(f"{summary} and are skipped.", SkippedSongsWarning)
    return known


def hear(listener, songs, model):
    """Return the transcript of each song, or None for the songs that are not heard.

    A model that hears words has heard all songs, and its transcripts are in the cache. Otherwise,
    only songs without lyrics are heard.
    """
    found = [None] * len(songs.audio)
    hears_all = listener is hearing_step(model)
    places = [i for i, text in enumerate(songs.lyrics) if hears_all or not text]
    if listener is None or not places:
        return found
    transcripts = listener.transcribe([songs.audio[i] for i in places])
    for place, transcript in zip(places, transcripts, strict=True):
        found[place] = transcript
    return found
