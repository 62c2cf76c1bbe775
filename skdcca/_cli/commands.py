"""Functions that run the commands of ``skdcca``; each takes the parsed options."""

import json
from functools import partial
from pathlib import Path

from skdcca import web
from skdcca._cli.evaluation import describe_queries, table, total_correlation
from skdcca._cli.hearing import choose_model, hear, songs_and_listener, use_recognizer
from skdcca._cli.model_files import check_input, check_output, is_model, load_index, load_model
from skdcca._cli.output import (
    answer_as_json,
    describe_correlations,
    describe_decision,
    describe_file,
    describe_steps,
    print_answer,
    print_command,
    print_safely,
)
from skdcca._cli.song_models import (
    TRAINED_ON,
    features_folder,
    read_songs,
    show_progress,
    song_index,
    training_notes,
    use_cache,
)
from skdcca._cli.song_views import has_views
from skdcca._cli.songs import (
    describe_songs,
    hold_out,
    load_manifest,
    print_optimism,
    songs_to_evaluate,
    without_damaged,
)
from skdcca._cli.training import model_for, train, training_songs
from skdcca._cli.views_evaluation import evaluate_views, print_figures
from skdcca._cli.views_search import (
    answer_or_explain,
    check_two_views,
    items_with,
    search_views,
    text_of,
)
from skdcca.metrics import (
    both_directions,
    chance,
    compare,
    embed,
    report_of_variates,
)
from skdcca.persistence import load, read_header, save
from skdcca.retrieval import CrossModalIndex, FaissNeighbors, can_find_words, opens_texts


def fit(options):
    """Fit a model to the songs of a manifest and save it."""
    check_output(options.output, options.manifest, overwrite=options.overwrite)
    kind, whisper = choose_model(options)
    may_lack_lyrics = kind in ("words", "views")
    songs = load_manifest(options, require_lyrics=not may_lack_lyrics)
    if kind != "views" and any(songs.tags or []):
        print("The tags of the songs are not used; --model views learns from them.")
    songs, n_held_out = hold_out(songs, options)
    kind, songs = training_songs(kind, songs, options)
    n_songs, n_groups = len(songs.audio), len(set(songs.groups))
    print(f"Training songs: {n_songs} in {n_groups} groups; held-out songs: {n_held_out}")
    verbose = 0 if options.quiet else 1
    settings = {
        "whisper": whisper,
        "memory": features_folder(),
        "random_state": options.seed,
        "verbose": verbose,
    }
    model = model_for(kind, songs, **settings)
    print(describe_steps(model))
    _, songs = without_damaged(partial(read_songs, model, verbose=verbose), songs, options)
    kind, songs = training_songs(kind, songs, options)
    model = model_for(kind, songs, **settings)
    model, found = train(model, kind, songs, options)
    decision = describe_decision(model)
    if decision:
        print(decision)
    print(describe_correlations(model))
    notes = {"manifest": Path(options.manifest).name, "model": kind, "seed": options.seed, **found}
    if whisper is not None:
        notes["whisper"] = whisper
    notes.update(training_notes(songs, by_id=kind == "views"))
    save(model, options.output, notes=notes)
    print(f"Saved {describe_file(options.output)}. Next:")
    if kind == "views" or all(songs.lyrics):
        print_command("evaluate", options.output, options.manifest)
    print_command("index", options.output, options.manifest, "-o", "songs.index")


def evaluate(options):
    """Score retrieval in both directions on the songs of a manifest."""
    model, header = load_model(options.model_file)
    if has_views(model):
        print_figures(evaluate_views(model, header, options), as_json=options.json)
        return
    use_recognizer(model, options.whisper, must_hear=True)
    use_cache(model)
    songs, kind, n_training = songs_to_evaluate(load_manifest(options), header, options)
    show_progress(model, options.quiet)
    (zx, zy), songs = without_damaged(
        lambda part: embed(model, part.audio, part.lyrics), songs, options
    )
    scores = compare(model, zx, zy)
    found, level = both_directions(scores), chance(len(scores))
    show_progress(model, quiet=True)  # the clips have a bar of their own
    queries = report_of_variates(
        model, songs.audio, songs.lyrics, zx, zy, verbose=0 if options.quiet else 1
    )
    total = total_correlation(model, zx, zy)
    if options.json:
        figures = {"n_songs": len(scores), "songs": kind, **found, "chance": level}
        figures = {**figures, "sum_of_correlations": total, "queries": queries}
        print(json.dumps(figures, indent=2))
        return
    print(f"{describe_songs(len(scores), kind, n_training)}\n")
    rows = [("this model", {**found, "chance": level}), ("chance", {"chance": level})]
    print("\n".join(table(rows, len(scores))))
    if total is not None:
        print(f"\nSum of the canonical correlations ({zx.shape[1]} components): {total:.2f}")
    print(f"\n{describe_queries(queries)}")
    print_optimism(kind)


def index(options):
    """Index the songs of a manifest."""
    inputs = options.manifest, options.model_file
    check_output(options.output, *inputs, overwrite=options.overwrite)
    model, _ = load_model(options.model_file)
    use_recognizer(model, options.whisper, must_hear=True)
    use_cache(model)
    songs = load_manifest(options, require_lyrics=False)
    songs, listener = songs_and_listener(model, songs, options)
    show_progress(model, options.quiet)
    neighbors = FaissNeighbors() if options.faiss else None

    def make(part):
        return song_index(model, part, neighbors, hear(listener, part, model))

    made, songs = without_damaged(make, songs, options)
    show_progress(model, quiet=True)  # queries need no progress bar
    save(made, options.output, notes={"manifest": Path(options.manifest).name})
    n_songs = "1 song" if len(songs.ids) == 1 else f"{len(songs.ids)} songs"
    print(f"{n_songs}. Saved {describe_file(options.output)}. Next:")
    print_command("search", options.output, "a line of lyrics")
    print_command("search", options.output, "--audio", "clip.wav")
    if has_views(model):
        tags = next(filter(None, songs.tags or []), "slow; sad")
        print_command("search", options.output, "--tags", tags)
    print_command("serve", options.output)


def search(options):
    """Find songs by a line of lyrics, lyrics by an audio file, or any view by others."""
    found, _ = load_index(options.index_file)
    if found.views_ is not None:
        search_views(found, options)
        return
    check_two_views(options)
    if options.audio is not None:
        use_recognizer(found.estimator, options.whisper, must_hear=True)
        view, query, searched = "x", options.audio, found.zy_
        missing = "lyrics"
    else:
        view, query, searched = "y", text_of(options), found.zx_
        missing = "audio"
        if not query.strip():
            raise ValueError("The line of lyrics is empty. Give at least one word.")
        if opens_texts(found.estimator):
            raise ValueError(
                f"The model of {options.index_file} reads lyrics from files, so a line of lyrics "
                "cannot be searched. Search by --audio."
            )
    if searched is None and not can_find_words(found, view):
        raise ValueError(f"{options.index_file} contains no {missing} to search. Index both views.")
    answer = answer_or_explain(found, view, query, options.number)
    if options.json:
        print(json.dumps(answer_as_json(found, answer), indent=2, ensure_ascii=False))
    else:
        print_answer(found, answer, view)


def inspect(options):
    """Describe a model or index file."""
    check_input(options.file, "skdcca fit or skdcca index")
    header = read_header(options.file)
    print(f"{describe_file(options.file)}, {header['class']}, written by skdcca {header['skdcca']}")
    for key, value in header["notes"].items():
        if key != TRAINED_ON:
            shown = value if isinstance(value, str | int | float) else json.dumps(value)
            print_safely(f"  {key}: {shown}")
    found = load(options.file)
    if isinstance(found, CrossModalIndex):
        print(f"index of {len(found.ids_)} items ({_views_of(found)})")
        found = found.estimator
    if is_model(found):
        print(describe_steps(found))
        print(describe_correlations(found))
    print(f"\n{found}")


def _views_of(index):
    """Return as text which views an index has, and how many items have each of several views."""
    if index.views_ is not None:
        return ", ".join(f"{name} {items_with(index, name)}" for name in index.views_)
    views = {"audio": index.zx_, "lyrics": index.zy_}
    return ", ".join(name for name, z in views.items() if z is not None)


def serve(options):
    """Serve the web page of an index."""
    found, _ = load_index(options.index_file)
    use_recognizer(found.estimator, options.whisper, must_hear=False)
    web.serve(found, host=options.host, port=options.port)
