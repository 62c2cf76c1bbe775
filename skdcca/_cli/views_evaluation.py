"""Score how well the views of songs find each other: audio, lyrics and tags."""

import json

import numpy as np

from skdcca._cli.evaluation import describe_queries
from skdcca._cli.hearing import use_recognizer
from skdcca._cli.song_models import show_progress, use_cache
from skdcca._cli.song_views import has_view, song_table, split_tags, view_names
from skdcca._cli.songs import (
    describe_songs,
    load_manifest,
    print_optimism,
    select_songs,
    songs_to_evaluate,
    without_damaged,
)
from skdcca._cli.views_scores import pairs_of, rows_with, scores_of
from skdcca.metrics import both_directions, chance, report_of_variates, variate_correlations
from skdcca.retrieval import several_views

_LEAST = 2  # songs that a gallery needs
# Queries by two views at once, beside those of `pairs_of` in both directions.
_TOGETHER = ((("audio", "tags"), "lyrics"), (("lyrics", "tags"), "audio"))


def evaluate_views(model, header, options):
    """Score a model of several views on the songs of a manifest, and return what was measured.

    Returns
    -------
    figures : dict
        ``n_songs``; ``songs``: relation of the songs to the model; ``n_training``: number of training
        songs in the manifest or None; ``rows``: list of dict, one for each query; ``left_out``: queries
        for which too few songs have the views; ``n_alone``: number of songs with one view, which are
        not scored; ``sum_of_correlations``; ``queries``: rows of
        `query_report` for audio and lyrics; ``n_tags``: number of different sets of tags.
    """
    use_recognizer(model, options.whisper, must_hear=True)
    use_cache(model)
    model = several_views(model)
    songs, n_alone = _with_two_views(load_manifest(options, require_lyrics=False), model)
    songs, kind, n_training = songs_to_evaluate(songs, header, options)
    show_progress(model, options.quiet)
    variates, songs = without_damaged(
        lambda part: model.transform_views(song_table(part)), songs, options
    )
    show_progress(model, quiet=True)  # the clips have a bar of their own
    rows, left_out = _rows(model, variates)
    if not rows:
        raise ValueError(
            f"{options.manifest}: at least {_LEAST} songs must have two of the views "
            f"{', '.join(view_names(model))} ({kind}). Add lyrics or tags."
        )
    return {
        "n_songs": len(songs.audio),
        "songs": kind,
        "n_training": n_training,
        "rows": rows,
        "left_out": left_out,
        "n_alone": n_alone,
        "sum_of_correlations": _total(model, variates),
        "queries": _queries(model, songs, variates, options),
        "n_tags": len({frozenset(split_tags(text)) for text in songs.get("tags") or [] if text}),
    }


def _with_two_views(songs, model):
    """Return the songs that have a view of the model besides their audio, and the number of others."""
    present = has_view(songs)
    has_two = np.any([present[name] for name in view_names(model) if name != "audio"], axis=0)
    return select_songs(songs, has_two), int(np.sum(~has_two))


def print_figures(figures, *, as_json=False):
    """Print what `evaluate_views` returns."""
    if as_json:
        hidden = ("n_training", "left_out", "n_alone", "n_tags")
        shown = {name: value for name, value in figures.items() if name not in hidden}
        print(json.dumps(shown, indent=2))
        return
    n_songs, kind = figures["n_songs"], figures["songs"]
    print(f"{describe_songs(n_songs, kind, figures['n_training'])}\n")
    print("\n".join(rows_table(figures["rows"])))
    if figures["n_alone"]:
        print(f"Songs with one view only: {figures['n_alone']}. They are not scored.")
    if figures["left_out"]:
        print(f"Left out, because too few songs have these views: {', '.join(figures['left_out'])}")
    print(f"Songs with the same tags tie; different sets of tags: {figures['n_tags']}.")
    if figures["sum_of_correlations"] is not None:
        print(f"Sum of the correlations, mean of all pairs: {figures['sum_of_correlations']:.2f}")
    if figures["queries"]:
        print(f"\n{describe_queries(figures['queries'])}")
    print_optimism(kind)


def rows_table(rows):
    """Return the lines of a table of retrieval scores, each next to its gallery size and chance."""
    head = f"{'':28}{'gallery':>8}{'MRR':>8}{'R@1':>8}{'R@10':>8}{'MedR':>8}{'chance: MRR':>14}"
    lines = [f"{head}{'R@10':>8}{'MedR':>8}"]
    for row in rows:
        level = row["chance"]
        measured = f"{row['mrr']:8.3f}{row['recall@1']:8.3f}{row['recall@10']:8.3f}"
        by_chance = f"{level['mrr']:14.3f}{level['recall@10']:8.3f}{level['median_rank']:8.1f}"
        size, median = f"{row['n_gallery']:8}", f"{row['median_rank']:8.1f}"
        lines.append(f"{_title(row['view'], row['find']):28}{size}{measured}{median}{by_chance}")
    return lines


def _title(view, find):
    return f"{' + '.join(view)} -> {find}"


def _rows(model, variates):
    """Return one dict for each query that enough songs allow, and the titles of the others."""
    rows, left_out = [], []
    for one, other in pairs_of(model):
        found = _measured(model, variates, one, other)
        if found is None:
            left_out.append(f"{one} and {other}")
        else:
            rows += [_row((one,), other, found["x_to_y"]), _row((other,), one, found["y_to_x"])]
    for views, find in _TOGETHER:
        if {*views, find} <= set(view_names(model)):
            found = _measured(model, variates, views, find)
            if found is None:
                left_out.append(_title(views, find))
            else:
                rows.append(_row(views, find, found["x_to_y"]))
    return rows, left_out


def _measured(model, variates, view, find):
    """Return the metrics of both directions, or None if fewer than two songs have all the views."""
    names = [view] if isinstance(view, str) else view
    if rows_with(variates, [*names, find]).sum() < _LEAST:
        return None
    scores = scores_of(model, variates, view, find)
    n_gallery = {"n_gallery": len(scores), "chance": chance(len(scores))}
    return {way: {**metrics, **n_gallery} for way, metrics in both_directions(scores).items()}


def _row(view, find, metrics):
    return {"view": list(view), "find": find, **metrics}


def _total(model, variates):
    """Return the sum over the components of the correlations, averaged over all pairs of views.

    It is None if fewer than three songs have the views of a pair, whose correlations are then unknown.
    """
    totals = []
    for one, other in pairs_of(model):
        both = rows_with(variates, [one, other])
        if both.sum() <= _LEAST:
            return None
        totals.append(variate_correlations(variates[one][both], variates[other][both]).sum())
    return float(np.mean(totals))


def _queries(model, songs, variates, options):
    """Return the rows of `query_report` for the songs with lyrics, if there are enough."""
    if "lyrics" not in variates:
        return []
    places = np.flatnonzero(rows_with(variates, ["audio", "lyrics"]))
    if len(places) < _LEAST:
        return []
    audio, lyrics = ([column[i] for i in places] for column in (songs.audio, songs.lyrics))
    z = (variates[name][places] for name in ("audio", "lyrics"))
    verbose = 0 if options.quiet else 1
    return report_of_variates(model.pair("audio", "lyrics"), audio, lyrics, *z, verbose=verbose)
