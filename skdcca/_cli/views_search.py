"""Search an index of audio, lyrics and tags, by one of them or by two at once."""

import json
from difflib import get_close_matches
from unicodedata import normalize

import numpy as np

from skdcca._cli.hearing import use_recognizer
from skdcca._cli.output import answer_as_json, print_answer
from skdcca._cli.song_views import split_tags, view_transformers
from skdcca._utils.readers import opens_files
from skdcca._utils.warnings import warn
from skdcca.exceptions import InvalidSongsError, UnknownTextWarning
from skdcca.retrieval import ask, is_understood, several_views, tag_groups

_MOST_LISTED = 5  # tags in an error
_OPTIONS = {"audio": "--audio", "lyrics": "the line of lyrics", "tags": "--tags"}


def text_of(options):
    """Return the line of lyrics of a search, or None."""
    return options.lyrics if options.text is None else options.text


def check_two_views(options):
    """Raise ValueError if the options of a search need an index of several views."""
    for name in ("tags", "find"):
        if getattr(options, name) is not None:
            raise ValueError(
                f"`--{name}` must be left out for an index of audio and lyrics. Fit a model with "
                "--model views, and index it, to search with tags."
            )
    if options.audio is not None and text_of(options) is not None:
        raise ValueError(
            "`--audio` must not be given together with a line of lyrics, unless the model is of "
            "--model views. Leave out one of them."
        )


def items_with(index, name):
    """Return the number of items of an index that have a view."""
    return int(np.isfinite(index.variates_[name][:, 0]).sum())


def search_views(index, options):
    """Search an index of several views, and print the answer."""
    given = _given(index, options)
    find = _searched(index, given, options)
    if "tags" in given:
        _check_tags(index.estimator, given["tags"])
    if "audio" in given:
        use_recognizer(index.estimator, options.whisper, must_hear=True)
    known = _without_unknown(index, given, find)
    pair, view, query = _question(index, known, find)
    groups = tag_groups(index) if "tags" in (*known, find) else None
    answer = answer_or_explain(pair, view, query, options.number, groups)
    if "lyrics" in given:
        answer.words = pair.find_words(given["lyrics"], options.number)
    elif "audio" not in given:  # the words that are heard in a clip are searched by `ask`
        answer.words = []
    if options.json:
        print(json.dumps(answer_as_json(index, answer), indent=2, ensure_ascii=False))
        return
    print_answer(pair, answer, _kind(given), find, n_items=items_with(index, find))


def answer_or_explain(index, view, query, n, groups=None):
    """Return the answer of `ask`; an error about a sound says that it is that of ``--audio``."""
    try:
        return ask(index, view, query, n, groups=groups)
    except InvalidSongsError as error:  # a list with one entry
        raise ValueError(f"--audio: {error.faults[0].removeprefix('song 0: ')}") from error


def _given(index, options):
    """Return the parts of a query by the names of their views, in the order of `VIEWS`."""
    tags = None if options.tags is None else normalize("NFC", options.tags)
    parts = {"audio": options.audio, "lyrics": text_of(options), "tags": tags}
    given = {name: part for name, part in parts.items() if part is not None}
    for name, part in given.items():
        if name not in index.views_:
            raise ValueError(
                f"{options.index_file} has no {name}, only {', '.join(index.views_)}. Leave out "
                f"{_OPTIONS[name]}, or fit a model of songs with {name}."
            )
        if not part.strip():
            raise ValueError(f"The query by {name} is empty. Give at least one word.")
        if name != "audio" and opens_files(view_transformers(index.estimator)[name]):
            raise ValueError(
                f"The model of {options.index_file} reads {name} from files, so a text cannot be "
                "searched. Search by --audio."
            )
    return given


def _searched(index, given, options):
    """Return the name of the view to search."""
    others = [name for name in index.views_ if name not in given]
    if not others:
        raise ValueError(
            f"{', '.join(given)} are all given, so that nothing is left to find. Leave out one of them."
        )
    find = others[0] if options.find is None else options.find
    if find not in others:
        raise ValueError(
            f"`--find` must be {' or '.join(others)}, which the index has and the query lacks, got "
            f"{find!r}."
        )
    if not items_with(index, find):
        raise ValueError(
            f"{options.index_file} contains no {find} to search. Index songs that have them, or give "
            "another --find."
        )
    return find


def _check_tags(model, text):
    """Raise ValueError if no song of the training has any of the tags, and warn about single ones."""
    known = getattr(view_transformers(model)["tags"], "vocabulary_", None)
    if known is None:  # a model that was made in Python may read tags in another way
        return
    tags = split_tags(text)
    unknown = [tag for tag in tags if tag not in known]
    if len(unknown) == len(tags):
        near = [one for tag in tags for one in get_close_matches(tag, known, _MOST_LISTED)]
        which = "Similar ones" if near else f"Some of {len(known)}"
        raise ValueError(
            f"`--tags` must have a tag that a training song has, got {text[:40]!r}. {which}: "
            f"{', '.join((near or sorted(known))[:_MOST_LISTED])}."
        )
    if unknown:
        warn(f"No training song has these tags: {', '.join(unknown)}.", UnknownTextWarning)


def _without_unknown(index, given, find):
    """Return a query without lyrics of unknown words, unless it has no other view.

    They would count as if they said something. Unknown tags have been refused before.
    """
    if len(given) == 1 or "lyrics" not in given:
        return given
    pair = several_views(index.estimator).pair(find, "lyrics")
    if is_understood(pair, given["lyrics"]):
        return given
    warn("The model knows none of these words, so they were left out.", UnknownTextWarning)
    return {name: part for name, part in given.items() if name != "lyrics"}


def _question(index, given, find):
    """Return the index of two views that answers a query, its view, and the query."""
    if len(given) > 1:
        return index.pair(tuple(given), find), "x", list(given.values())
    ((name, query),) = given.items()
    if name == "audio":
        return index.pair(name, find), "x", query
    return index.pair(find, name), "y", query  # a text is the second view by convention


def _kind(given):
    """Return the kind of a query, as `print_answer` takes it."""
    if len(given) > 1:
        return "several"
    return {"audio": "x", "lyrics": "y", "tags": "tags"}[next(iter(given))]
