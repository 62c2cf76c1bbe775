"""Choose the training songs of a model of audio, lyrics and tags, and fit or tune it."""

import tempfile

import numpy as np
from sklearn.model_selection import GridSearchCV, GroupKFold, ParameterGrid
from tqdm import tqdm

from skdcca._cli.parser import VIEWS
from skdcca._cli.song_views import components_of, has_view, song_table, without_lyrics
from skdcca._cli.songs import LEAST_SONGS, select_songs
from skdcca._cli.tuning import GRIDS, N_SPLITS, best_place, result_of
from skdcca._cli.views_scores import pairs_of, rows_with, scores_of
from skdcca.base import SIMILARITIES
from skdcca.metrics import both_directions

_OTHER_MODEL = "or fit a model without tags, such as --model linear"


def songs_of_views(songs, options):
    """Return the songs that have lyrics or tags, as training songs.

    Lyrics are left out if too few songs have them.

    Raises
    ------
    ValueError
        If too few songs have tags, or both lyrics and tags.
    """
    if songs.tags is None:
        raise ValueError(
            f"{options.manifest} has no column tags, which --model views learns from. Add it, "
            f"{_OTHER_MODEL}."
        )
    present = has_view(songs)
    _check_number(present["tags"], "tags", options)
    n_lyrics = int(present["lyrics"].sum())
    if n_lyrics < LEAST_SONGS:
        if n_lyrics:
            print(
                f"Songs with lyrics: {n_lyrics}. To learn from lyrics as well, {LEAST_SONGS} are "
                "needed, so only audio and tags are related."
            )
        songs = without_lyrics(songs)
        present = has_view(songs)
    else:
        _check_number(present["lyrics"] & present["tags"], "both lyrics and tags", options)
    useful = present["lyrics"] | present["tags"]
    if not useful.all():
        lacking = "neither lyrics nor tags" if present["lyrics"].any() else "no tags"
        print(f"Songs with {lacking}: {np.sum(~useful)}. They are not used for training.")
    return select_songs(songs, useful)


def _check_number(has, what, options):
    if has.sum() < LEAST_SONGS:
        raise ValueError(
            f"{options.manifest}: at least {LEAST_SONGS} training songs with {what} are needed, got "
            f"{has.sum()}. Add some, hold out fewer songs, {_OTHER_MODEL}."
        )


def limit_views(model, songs):
    """Return an unfitted model with the views that songs have, and as many components as they allow."""
    if not has_view(songs)["lyrics"].any():
        model.set_params(lyrics="drop")
    return model.set_params(n_components=components_of(songs))


def train_views(model, songs, options):
    """Fit a model of `limit_views`, or tune it with ``--search``; return it and its notes."""
    present = has_view(songs)
    notes = {"n_songs_of_views": {name: int(present[name].sum()) for name in VIEWS}}
    if options.search:
        model, notes["search"] = _tune(model, songs, quiet=options.quiet)
    else:
        model.fit(song_table(songs))
    return model, notes


def _tune(model, songs, quiet):
    """Tune a model of several views, with folds by group, and print the best candidate."""
    folds = list(GroupKFold(N_SPLITS).split(songs.audio, groups=songs.groups))
    of_folds = [select_songs(songs, train) for train, _ in folds]
    model.set_params(n_components=min(map(components_of, [songs, *of_folds])))
    n_fits = len(ParameterGrid(GRIDS["views"])) * N_SPLITS
    with (
        tempfile.TemporaryDirectory() as scratch,
        tqdm(total=n_fits, desc="search", unit="fit", disable=quiet) as bar,
    ):

        def score(fitted, X, y=None):
            bar.update()
            return _mrr_by_similarity(fitted, X)

        memories = {f"{name}__memory": scratch for name in ("audio", "lyrics")}
        known = model.get_params()
        model.set_params(**{key: value for key, value in memories.items() if key in known})
        search = GridSearchCV(
            model, GRIDS["views"], scoring=score, cv=folds, refit=best_place, error_score="raise"
        )
        search.fit(song_table(songs))
    result = result_of(search, _galleries(model, songs, folds))
    best = search.best_estimator_
    return best.set_params(similarity=result["best"]["similarity"]), result


def _mrr_by_similarity(model, table):
    """Return the mean reciprocal rank, over both directions of all pairs, with each similarity."""
    variates = model.transform_views(table)
    pairs = [pair for pair in pairs_of(model) if rows_with(variates, pair).any()]
    found = {}
    for similarity in SIMILARITIES:
        model.set_params(similarity=similarity)
        ways = [both_directions(scores_of(model, variates, *pair)) for pair in pairs]
        found[similarity] = np.mean([of["mrr"] for way in ways for of in way.values()])
    return found


def _galleries(model, songs, folds):
    """Return the sizes of the galleries of all pairs of views in all folds, if they have songs."""
    present = has_view(songs)
    sizes = [
        int((present[one] & present[other])[test].sum())
        for _, test in folds
        for one, other in pairs_of(model)
    ]
    return [size for size in sizes if size]
