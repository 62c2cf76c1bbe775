"""Format and print what the commands report."""

import shlex
from pathlib import Path

from skdcca.metrics import inside
from skdcca.retrieval import metadata_text


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
    """Return two lines of text: the names of the audio steps, and of the lyrics steps."""
    before, cca = inside(model)
    steps = [step for part in before for step in part.named_steps.values()]
    audio = " -> ".join(type(step).__name__ for step in [*steps, cca])
    return f"{audio}\nlyrics: {_names(getattr(cca, 'y_transformer', None))}"


def _names(transformer):
    if transformer is None:
        return "passthrough"
    if hasattr(transformer, "steps"):
        return " -> ".join(_names(step) for _, step in transformer.steps)
    if hasattr(transformer, "transformer_list"):
        return " + ".join(_names(part) for _, part in transformer.transformer_list)
    return type(transformer).__name__


def describe_correlations(model):
    """Return as text the correlations on training songs and, if available, on held-out songs."""
    _, cca = inside(model)
    lines = [f"Canonical correlations, training songs: {_rounded(cca.canonical_correlations_)}"]
    held_out = getattr(cca, "validation_correlations_", None)
    if held_out is not None:
        lines.append(f"Canonical correlations, held-out songs: {_rounded(held_out)}")
    return "\n".join(lines)


def _rounded(correlations):
    return ", ".join(f"{r:.2f}" for r in correlations)


def answer_as_json(index, answer):
    """Return an answer of `ask` as a dict that can be written as JSON."""
    above = answer.above or [None] * len(answer.ids)
    results = [
        {**index.metadata_.get(name, {}), "id": name, "score": score, "above_chance": is_above}
        for name, score, is_above in zip(answer.ids, answer.scores, above, strict=True)
    ]
    return {"chance_score": answer.level, "understood": answer.understood, "results": results}


def print_answer(index, answer, view):
    """Print an answer of `ask`: the items, best first, and a comparison with the chance level."""
    for place, (name, score) in enumerate(zip(answer.ids, answer.scores, strict=True), start=1):
        metadata = index.metadata_.get(name, {})
        print_safely(f"{place:3}. {score:7.3f}  {_heading(name, metadata)}")
        if view == "x":
            shown = metadata_text(metadata, "lyrics").strip().partition("\n")[0]
        else:
            shown = metadata_text(metadata, "audio")
        if shown:
            print_safely(f"{'':14}{shown[:100]}")
    for note in answer.notes:
        print(f"\n{note}")
    if answer.above:
        print(f"\n{_judgment(answer, view, len(index.ids_))}")


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
    queries, level = "clips" if view == "x" else "lyrics", f"{answer.level:.3f}"
    if any(answer.above):
        n_above = sum(answer.above)
        return (
            f"Results above the chance level of {level}: {n_above} of {len(answer.above)}. 95% of "
            f"unrelated {queries} score lower."
        )
    return (
        f"No result is above the chance level of {level}: 5% of unrelated {queries} score higher "
        f"among these {n_items} songs. Try more lines, or a longer clip."
    )
