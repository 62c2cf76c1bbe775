"""Format and print what the commands report."""

import shlex
from pathlib import Path

from skdcca._cli.song_views import has_views, view_transformers
from skdcca.metrics import inside
from skdcca.retrieval import metadata_text, several_views

_FAR = "This query is unlike the songs of this index, so its scores mean little."
_KEPT = {"networks": "Networks kept", "linear": "Linear model kept"}
_REMEDIES = {
    "y": "Try more words, or a whole line.",
    "x": "Try a longer or clearer clip.",
    "tags": "Try tags that more songs have.",
    "several": "Try a clearer clip, other words or other tags.",
}
# Names of queries, of other songs: when one of their scores is judged, and when the best one is.
_QUERIES = {
    "y": ("lines", "lyrics"),
    "x": ("clips", "clips"),
    "tags": ("tags", "tags"),
    "several": ("queries", "queries"),
}
_HEADINGS = {"audio": "Sounds like it", "lyrics": "Lyrics that fit", "tags": "Tags that fit"}
_OTHER_WORDS = {
    "y": "Try other words of the song, or check their spelling.",
    "x": "Try a clip with other words.",
    "several": "Try other words of the song, or check their spelling.",
}


def print_command(*arguments, program="skdcca"):
    """Print a command to run next, quoted for a shell."""
    print(f"  {shlex.join([program, *map(str, arguments)])}")


def print_safely(line):
    """Print a line from an untrusted file, with its control characters replaced."""
    print(
        "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)
    )


def describe_file(path):
    """Return the path and size of a file as text."""
    size = Path(path).stat().st_size
    return f"{path} ({size / 1e6:.1f} MB)" if size > 1e5 else f"{path} ({size / 1e3:.0f} kB)"


def describe_steps(model):
    """Return two lines of text: the names of the audio steps, and of the lyrics steps.

    Each part of a fusion has two lines of its own, after its name, and a model of several views has one
    line for each view.
    """
    if has_views(model):
        views = view_transformers(model).items()
        lines = [f"{name}: {_names(transformer)}" for name, transformer in views]
        return "\n".join([type(several_views(model)).__name__, *lines])
    before, cca = inside(model)
    if hasattr(cca, "named_estimators"):
        parts = cca.named_estimators.items()
        return "\n".join(f"{name}: {describe_steps(part)}" for name, part in parts)
    steps = [step for part in before for step in part.named_steps.values()]
    audio = " -> ".join(type(step).__name__ for step in [*steps, cca])
    return f"{audio}\nlyrics: {_names(getattr(cca, 'y_transformer', None))}"


def _names(transformer):
    if transformer is None or isinstance(transformer, str):
        return "passthrough"
    if hasattr(transformer, "steps"):
        return " -> ".join(_names(step) for _, step in transformer.steps)
    if hasattr(transformer, "transformer_list"):
        return " + ".join(_names(part) for _, part in transformer.transformer_list)
    return type(transformer).__name__


def describe_correlations(model):
    """Return as text the correlations on training songs and, if available, on held-out songs.

    A fusion is described by the weights of its parts, and a model without correlations by a remark. For
    a model of several views, there is a line for each pair.
    """
    if has_views(model):
        pairs = several_views(model).pair_correlations_.items()
        lines = [f"  {' - '.join(pair)}: {_rounded(r)}" for pair, r in pairs]
        return "\n".join(["Canonical correlations, training songs:", *lines])
    _, cca = inside(model)
    if hasattr(cca, "weights_") and hasattr(cca, "named_estimators_"):
        rows = zip(cca.named_estimators_, cca.weights_, strict=True)
        return f"Weights: {', '.join(f'{name} {weight:.2f}' for name, weight in rows)}"
    if not hasattr(cca, "canonical_correlations_"):
        return "The views share a space, so no correlations are learned."
    lines = [f"Canonical correlations, training songs: {_rounded(cca.canonical_correlations_)}"]
    held_out = getattr(cca, "validation_correlations_", None)
    if held_out is not None:
        lines.append(f"Canonical correlations, held-out songs: {_rounded(held_out)}")
    return "\n".join(lines)


def describe_decision(model):
    """Return a line on the choice of a deep model between networks and a linear model.

    It is empty for models that do not choose.
    """
    decision = None if has_views(model) else getattr(inside(model)[1], "decision_", None)
    if decision is None:
        return ""
    if "difference" not in decision:
        return f"{_KEPT[decision['model']]}, without a comparison: {decision['reason']}."
    clearly = "clearly" if decision["model"] == "networks" else "not clearly"
    return (
        f"{_KEPT[decision['model']]}: the networks are {clearly} better than a linear model (sum of "
        f"correlations of {decision['n_rows']} held-out songs: networks {decision['networks']:.2f}, "
        f"linear {decision['linear']:.2f}, standard error of the difference "
        f"{decision['standard_error']:.2f})."
    )


def _rounded(correlations):
    return ", ".join(f"{r:.2f}" for r in correlations)


def answer_as_json(index, answer):
    """Return an answer of `ask` as a dict that can be written as JSON."""
    words = [
        {"title": metadata_text(_about(index, match.id), "title"), **match._asdict()}
        for match in answer.words
    ]
    above = answer.above or [None] * len(answer.ids)
    results = [
        {**_about(index, name), "id": name, "score": score, "p": p, "above_chance": is_above}
        for name, score, p, is_above in zip(answer.ids, answer.scores, answer.p, above, strict=True)
    ]
    return {
        "words": words,
        "heard": answer.heard,
        "chance_score": answer.level,
        "understood": answer.understood,
        "far": answer.far,
        "results": results,
    }


def print_answer(index, answer, view, find=None, *, n_items=None):
    """Print an answer of `ask`: the items with its words, and the items that the model finds.

    Parameters
    ----------
    index : CrossModalIndex
        Index of the items.
    answer : Bunch
        Answer of `ask`.
    view : {"x", "y", "tags", "several"}
        Kind of the query: audio, lyrics, tags, or several of them.
    find : {"audio", "lyrics", "tags"}, default=None
        View that was searched. If None, it is the lyrics for "x", and the audio for other queries.
    n_items : int, default=None
        Number of items that were searched. If None, these are all items.
    """
    find = find or ("lyrics" if view == "x" else "audio")
    searches_words = view == "y" or answer.words or answer.heard is not None
    if searches_words:
        _print_words(index, answer, view)
    if answer.ids:
        if searches_words and (answer.words or answer.heard is not None or index.has_texts()):
            print(_HEADINGS[find])
        _print_results(index, answer, view, find)
    for note in answer.notes:
        print(f"\n{note}")
    if answer.far:
        print(f"\n{_FAR} {_REMEDIES[view]}")
    if answer.above:
        print(f"\n{_judgment(answer, view, n_items or len(index.ids_))}")


def _print_words(index, answer, view):
    if answer.heard:
        print_safely(f'Words heard in the clip: "{answer.heard}"')
    if answer.heard == "":
        print("No words were understood in the clip.\n")
    elif answer.words:
        print("These words are in")
        for place, match in enumerate(answer.words, start=1):
            _print_match(place, match, _about(index, match.id))
        print()
    elif index.has_texts():
        print(f"No song has these words. {_OTHER_WORDS[view]}\n")


def _print_match(place, match, metadata):
    when = "" if match.start is None else f", {_minutes(match.start)}"
    print_safely(f"{place:3}. {_heading(match.id, metadata)}{when}")
    print_safely(f"{'':5}{_with_marks(match)}")


def _minutes(seconds):
    """Return a time in a song as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _with_marks(match):
    """Return the line of a match with asterisks around the words that match."""
    marked, last = "", 0
    for begin, end in _joined(match):
        marked += f"{match.line[last:begin]}*{match.line[begin:end]}*"
        last = end
    return marked + match.line[last:]


def _joined(match):
    """Return the spans that match, those without letters between them as one."""
    joined = []
    for begin, end in match.marks:
        if joined and not any(map(str.isalpha, match.line[joined[-1][1] : begin])):
            begin = joined.pop()[0]
        joined.append((begin, end))
    return joined


def _print_results(index, answer, view, find):
    rows = zip(answer.ids, answer.scores, answer.p, strict=True)
    for place, (name, score, p) in enumerate(rows, start=1):
        metadata = _about(index, name)
        print_safely(f"{place:3}. {score:7.3f}  {_heading(name, metadata)}")
        for shown in _shown(metadata, find):
            print_safely(f"{'':14}{shown[:100]}")
        if p is not None:
            print(f"{'':14}{_rarity(p, view)}")


def _shown(metadata, find):
    """Return the lines that describe an item: what was searched in it, and its tags."""
    lyrics = metadata_text(metadata, "lyrics").strip().partition("\n")[0]
    searched = {"audio": metadata_text(metadata, "audio"), "lyrics": lyrics, "tags": ""}[find]
    tags = metadata_text(metadata, "tags").strip()
    return [line for line in (searched, f"tags: {tags}" if tags else "") if line]


def _rarity(p, view):
    """Return as text how often unrelated queries score an item as high."""
    queries = _QUERIES[view][0]
    if p < 0.01:
        return f"fewer than 1 in 100 unrelated {queries} score as high"
    return f"{round(100 * p)} in 100 unrelated {queries} score as high"


def _about(index, name):
    return index.metadata_.get(name, {})


def _heading(name, metadata):
    """Return the title of an item (or its id), followed by its group unless that is the id."""
    title = (metadata_text(metadata, "title").strip() or str(name))[:60]
    group = metadata_text(metadata, "group")
    return title if group in ("", str(name)) else f"{title}  ({group[:40]})"


def _judgment(answer, view, n_items):
    """Return a sentence that compares the scores with the chance level."""
    if not answer.understood:
        return (
            "The model knows none of these words, so the ranking is meaningless. Try other words."
        )
    queries, level = _QUERIES[view][1], f"{answer.level:.3f}"
    if any(answer.above):
        n_above = sum(answer.above)
        return (
            f"Results above the chance level of {level}: {n_above} of {len(answer.above)}. 95% of "
            f"unrelated {queries} score lower."
        )
    remedy = _REMEDIES[view] if view in ("tags", "several") else "Try more lines, or a longer clip."
    return (
        f"No result is above the chance level of {level}: 5% of unrelated {queries} score higher "
        f"among these {n_items} songs. {remedy}"
    )
