"""The page of an index of several views: questions, answers, tags and the map."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from _page import client_of, number_index, song, upload, use_temporary_folder, wav
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdcca import (
    Doc2VecLyrics,
    LyricsForm,
    LyricsSequence,
    MelSpectrogram,
    MultiCCA,
    TemporalSummary,
    WhisperWords,
)
from skdcca._utils.readers import reads
from skdcca.datasets import make_songs
from skdcca.retrieval import CrossModalIndex, item_groups, more_like, tag_groups
from skdcca.web import _limits
from skdcca.web._songs import split_tags
from skdcca.web._view_gallery import ViewGallery
from skdcca.web._views import Views

pytest.importorskip("fastapi", reason='the page needs the extra: pip install "skdcca[web]"')
# Starlette deprecates httpx for its test client.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

N_SONGS, RATE = 36, 8000
# Tags of a low and of a high value of each mood of the synthetic songs.
TAGS = [("slow", "fast"), ("dark", "bright"), ("sad", "happy"), ("rough", "smooth")]
# Positions of the songs that lack a view.
NO_AUDIO, NO_LYRICS, NO_TAGS = (4,), (5, 15, 25), (6, 16, 26)


def views_index(folder, n_songs=N_SONGS, duration=2.0, rate=RATE):
    """Return an index of songs with audio, lyrics and tags, of which some lack one of these."""
    songs = make_songs(n_songs, strength=1.0, duration=duration, sample_rate=rate, random_state=0)
    table = np.empty((n_songs, 3), dtype=object)
    for at, (waveform, _) in enumerate(songs.audio):
        path = str(Path(folder, f"{songs.ids[at]}.wav"))
        soundfile.write(path, waveform, rate)
        pairs = zip(TAGS, songs.audio_mood[at], strict=True)
        tags = [names[int(mood > 0)] for names, mood in pairs if abs(mood) > 0.3]
        table[at] = path, songs.lyrics[at], "; ".join(tags) or None
    keys = ("audio", "lyrics", "tags")
    for column, lacking in enumerate((NO_AUDIO, NO_LYRICS, NO_TAGS)):
        table[list(lacking), column] = None
    metadata = []
    for at, row in enumerate(table.tolist()):
        about = {key: value for key, value in zip(keys, row, strict=True) if value is not None}
        metadata.append({"title": songs.titles[at], "group": str(songs.groups[at]), **about})
    mel = MelSpectrogram(sample_rate=rate, n_fft=512, n_mels=20, fmax=rate / 2, duration=duration)
    views = [
        ("audio", make_pipeline(mel, TemporalSummary(), StandardScaler()), 0),
        ("lyrics", TfidfVectorizer(), 1),
        ("tags", CountVectorizer(binary=True, token_pattern=r"[^\s;,](?:[^;,]*[^\s;,])?"), 2),
    ]
    model = MultiCCA(views, n_components=3, reg=1.0).fit(table)
    return CrossModalIndex(model).fit(table, ids=songs.ids, metadata=metadata)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return views_index(tmp_path_factory.mktemp("songs"))


@pytest.fixture(scope="module")
def client(index):
    return client_of(index)


def ask(client, text, **fields):
    return client.post("/api/search/lyrics", json={"text": text, **fields})


def clip_of(index, position):
    return Path(song(index, position)["audio"]).read_bytes()


def found(answer):
    """Return the ids and scores of the results of an answer."""
    results = answer.json()["results"]
    return [hit["id"] for hit in results], [hit["score"] for hit in results]


def queried(index, view, V, find, n=5):
    scores, ids = index.query(view=view, V=V, find=find, n_neighbors=n)
    return ids[0].tolist(), scores[0].tolist()


def number_views(texts=None, first="lyrics", **views):
    """Return an index of songs with a view of texts, and with two views of one number each."""
    rng = np.random.default_rng(0)
    words = np.array(["sun sea sand", "wind rain", "ice snow night"], dtype=object)
    table = np.empty((30, 3), dtype=object)
    table[:, 0] = words[np.arange(30) % 3]
    table[:, 1:] = np.arange(30)[:, None] % 3 + 0.1 * rng.normal(size=(30, 2))
    given = {first: (TfidfVectorizer(), 0), "pitch": ("passthrough", [1])} | views
    given = [(name, *view) for name, view in (given | {"tempo": ("passthrough", [2])}).items()]
    model = MultiCCA(given, n_components=1, reg=1.0).fit(table)
    return CrossModalIndex(model).fit(table, texts=texts)


# ---- what the index takes -----------------------------------------------------------------------


def test_about_names_the_views(client, index):
    about = client.get("/api/about").json()
    kinds = [("audio", "sound"), ("lyrics", "text"), ("tags", "text")]
    assert about["views"] == [{"name": name, "kind": kind} for name, kind in kinds]
    assert (about["model"], about["components"]) == ("MultiCCA", 3)
    assert about["answers"] == {"lyrics": True, "sound": True}
    assert about["takes_tags"] is about["words"] is True
    counts = {}
    for of_song in index.metadata_.values():
        for tag in filter(None, of_song.get("tags", "").split("; ")):
            counts[tag] = counts.get(tag, 0) + 1
    assert sorted(about["tags"]) == sorted(counts)
    shown = [counts[tag] for tag in about["tags"]]
    assert shown == sorted(shown, reverse=True)


def test_two_views_have_no_views():
    client = client_of(number_index())
    assert client.get("/api/about").json()["views"] is None
    for field in ("view", "find", "tags"):
        refused = ask(client, "moon", **{field: "lyrics"})
        assert refused.status_code == 409
        assert "two views" in refused.json()["error"]
        assert upload(client, wav(), **{field: "lyrics"}).status_code == 409
    assert client.get("/api/like/0?view=sound").status_code == 409
    assert "tags" not in client.get("/api/like/0").json()["results"][0]


SONGS = [MelSpectrogram(), make_pipeline(MelSpectrogram(), TemporalSummary()), WhisperWords()]
TEXTS = [TfidfVectorizer(), HashingVectorizer(), LyricsForm(), LyricsSequence(), Doc2VecLyrics()]
UNKNOWN = [
    "passthrough",
    StandardScaler(),
    TemporalSummary(),  # of spectrograms
    FunctionTransformer(),
    make_pipeline(FunctionTransformer(), TfidfVectorizer()),
    FeatureUnion([("song", MelSpectrogram()), ("text", TfidfVectorizer())]),
    # These take texts for names of files.
    TfidfVectorizer(input="filename"),
    CountVectorizer(input="file"),
    FeatureUnion([("a", TfidfVectorizer(input="filename")), ("b", LyricsForm())]),
    make_pipeline(LyricsForm(), TfidfVectorizer(input="filename")),
]


@pytest.mark.parametrize(
    ("kind", "transformers"), [("sound", SONGS), ("text", TEXTS), ("other", UNKNOWN)]
)
def test_what_transformers_read(kind, transformers):
    assert {str(one): reads(one) for one in transformers} == {
        str(one): kind for one in transformers
    }


def test_what_joined_transformers_read():
    union = FeatureUnion([("words", TfidfVectorizer()), ("form", LyricsForm())])
    words = make_pipeline("passthrough", union, TfidfTransformer())
    heard = make_pipeline(WhisperWords(), TfidfVectorizer())
    assert (reads(FrozenEstimator(words)), reads(heard)) == ("text", "sound")


def test_views_that_cannot_be_asked_for():
    unknown = make_pipeline(FunctionTransformer(list), CountVectorizer())
    client = client_of(number_views(theme=(unknown, 0)))
    views = client.get("/api/about").json()["views"]
    assert [view["kind"] for view in views] == ["text", *["other"] * 3]
    for view in ("theme", "pitch"):
        refused = ask(client, "sun", view=view)
        assert refused.status_code == 409
        assert refused.json()["error"] == f"The view {view!r} cannot be asked for with a text."
    assert ask(client, "sun", find="pitch").status_code == 200
    assert "does not hear clips" in upload(client, wav()).json()["error"]
    assert "does not read tags" in ask(client, "sun", tags="slow").json()["error"]


def test_the_usual_views():
    kinds = {"covers": "other", "theme": "text", "lyrics": "text", "rhythm": "sound"}
    views = Views(kinds, {name: np.zeros((2, 1)) for name in kinds})
    assert views.choices(["theme"]) == ["rhythm", "lyrics", "covers"]
    assert views.choices(["rhythm"]) == ["lyrics", "theme", "covers"]
    assert views.find(None, ["covers"]) == "rhythm"
    assert (views.text_view(None, False), views.sound_view(None)) == ("lyrics", "rhythm")
    assert views.text_view("theme", False) == "theme"
    assert views.alike(["covers", "theme", "lyrics"]) == ["lyrics", "theme", "covers"]


REFUSALS = [
    ({"view": "nothing"}, 400, "The view must be one of audio, lyrics, tags."),
    ({"view": "x" * 10_000}, 400, "The view must be one of audio, lyrics, tags."),
    ({"find": "nothing"}, 400, "The view must be one of audio, lyrics, tags."),
    ({"find": "../audio"}, 400, "The view must be one of audio, lyrics, tags."),
    ({"view": "audio"}, 409, "The view 'audio' cannot be asked for with a text."),
    ({"find": "lyrics"}, 400, "The view that is searched must not be one of the query."),
    ({"tags": "slow", "find": "tags"}, 400, "The view that is searched must not be one of"),
    ({"tags": "slow", "view": "tags"}, 400, "Tags were given twice. Give them once."),
    ({"tags": "s" * (_limits.MAX_TEXT + 1)}, 400, "The text has 20,001 characters; the limit is"),
    ({"view": ["audio"]}, 400, "view: "),
    ({"find": {"a": 1}}, 400, "find: "),
]


@pytest.mark.parametrize(("fields", "status", "message"), REFUSALS)
def test_refused_texts(client, fields, status, message):
    refused = ask(client, "gentle moon", **fields)
    assert refused.status_code == status
    assert refused.json()["error"].startswith(message)


def test_refused_clips(client):
    for fields, status in [({"view": "tags"}, 409), ({"view": "no"}, 400), ({"find": "no"}, 400)]:
        assert upload(client, wav(), **fields).status_code == status
    assert upload(client, wav(), find="audio").status_code == 400
    assert upload(client, b"no sound", tags="slow").status_code == 415
    for blank in [ask(client, " ; ,", view="tags"), ask(client, "moon", tags=";")]:
        assert (blank.status_code, blank.json()["error"]) == (400, "Type a tag first.")


# ---- answers ------------------------------------------------------------------------------------


def test_lyrics_find_sound_or_tags(client, index):
    text = song(index, 3)["lyrics"]
    answer = ask(client, text, n=5)
    assert found(answer) == queried(index, "lyrics", [text], "audio")
    reply = answer.json()
    assert (reply["asked"], reply["find"], reply["finds"]) == ("lyrics", "audio", ["audio", "tags"])
    assert reply["words"][0]["position"] == 3
    pair = index.pair("audio", "lyrics")
    level = pair.chance_score("y", groups=item_groups(pair), like=text)
    assert reply["level"] == level
    assert [hit["above_chance"] for hit in reply["results"]] == [
        hit["score"] > level for hit in reply["results"]
    ]
    assert found(ask(client, text, n=5, find="tags")) == queried(index, "lyrics", [text], "tags")


@pytest.mark.parametrize("fields", [{}, {"find": "tags"}, {"tags": "slow"}])
def test_words_are_searched_once(client, index, monkeypatch, fields):
    line, asked = song(index, 3)["lyrics"].split("\n")[2], []
    find_words = CrossModalIndex.find_words

    def watched(self, query, n):
        asked.append(query)
        return find_words(self, query, n)

    monkeypatch.setattr(CrossModalIndex, "find_words", watched)
    words = ask(client, line, **fields).json()["words"]
    assert asked == [line]
    assert words[0]["position"] == 3


def test_songs_without_the_view_are_not_found(client):
    every = {"n": 100}
    for find, lacking in [("audio", NO_AUDIO), ("tags", NO_TAGS)]:
        results = ask(client, "gentle moon", find=find, **every).json()["results"]
        positions = {hit["position"] for hit in results}
        assert not positions & set(lacking)
        assert len(positions) == len(results) > 25


def test_tags_find_songs_that_have_them_and_sound(client, index):
    answer = ask(client, "slow; Sad", view="tags", n=100)
    assert found(answer) == queried(index, "tags", ["slow; Sad"], "audio", N_SONGS - 1)
    reply = answer.json()
    assert (reply["asked"], reply["tags"]) == ("tags", ["slow", "Sad"])
    has = [set(song(index, at).get("tags", "").split("; ")) for at in range(N_SONGS)]
    both = [at for at in range(N_SONGS) if {"slow", "sad"} <= has[at]]
    either = [at for at in range(N_SONGS) if len({"slow", "sad"} & has[at]) == 1]
    assert both
    assert [hit["position"] for hit in reply["words"]] == both + either
    assert [hit["exact"] for hit in reply["words"]] == [True] * len(both) + [False] * len(either)
    assert found(ask(client, "slow", view="tags", find="lyrics", n=5)) == queried(
        index, "tags", ["slow"], "lyrics"
    )


def test_tags_are_judged_by_tags(client, index):
    reply = ask(client, "slow; sad", view="tags").json()
    pair = index.pair("audio", "tags")
    assert reply["level"] == pair.chance_score("y", groups=tag_groups(index))
    found_p = [hit["p"] for hit in reply["results"]]
    given = [hit["score"] for hit in reply["results"]], [hit["id"] for hit in reply["results"]]
    assert found_p == pair.p_values("y", *given, groups=tag_groups(index))
    assert found_p != pair.p_values("y", *given, groups=item_groups(index))
    unknown = ask(client, "qwertz", view="tags").json()
    assert unknown["understood"] is unknown["stands_out"] is False
    assert unknown["words"] == []


def test_a_clip_finds_lyrics_or_tags(client, index, tmp_path, monkeypatch):
    scratch = use_temporary_folder(tmp_path, monkeypatch)
    path, clip = song(index, 7)["audio"], clip_of(index, 7)
    answer = upload(client, clip, n=5)
    assert found(answer) == queried(index, "audio", [path], "lyrics")
    assert (answer.json()["asked"], answer.json()["finds"]) == ("sound", ["lyrics", "tags"])
    by_tags = upload(client, clip, n=5, find="tags")
    assert found(by_tags) == queried(index, "audio", [path], "tags")
    level = index.pair("audio", "tags").chance_score("x", groups=tag_groups(index))
    assert by_tags.json()["level"] == level
    assert not list(scratch.iterdir())


def test_a_clip_and_tags_find_lyrics_together(client, index):
    path, row = song(index, 7)["audio"], np.empty((1, 2), dtype=object)
    row[0] = path, "fast; happy"
    answer = upload(client, clip_of(index, 7), n=5, tags="fast; happy")
    assert found(answer) == queried(index, ("audio", "tags"), row, "lyrics")
    assert found(answer) != queried(index, "audio", [path], "lyrics")
    reply = answer.json()
    assert (reply["views"], reply["tags"]) == (["audio", "tags"], ["fast", "happy"])
    pair = index.pair(("audio", "tags"), "lyrics")
    assert reply["level"] == pair.chance_score("x", groups=tag_groups(index))


def test_a_line_and_tags_find_sound_together(client, index):
    line, row = song(index, 3)["lyrics"].split("\n")[2], np.empty((1, 2), dtype=object)
    row[0] = line, "fast"
    answer = ask(client, line, n=5, tags="fast")
    assert found(answer) == queried(index, ("lyrics", "tags"), row, "audio")
    assert answer.json()["words"][0]["position"] == 3


def test_unknown_parts_of_a_query_are_left_out(client, index):
    line, clip = song(index, 3)["lyrics"].split("\n")[2], clip_of(index, 7)
    with_unknown = upload(client, clip, tags="qwertz")
    assert found(with_unknown) == found(upload(client, clip))
    assert with_unknown.json()["without"] == ["tags"]
    assert found(ask(client, line, tags="qwertz")) == found(ask(client, line))
    only_tags = ask(client, "qwertz uiop", tags="slow")
    assert found(only_tags) == found(ask(client, "slow", view="tags"))
    assert only_tags.json()["without"] == ["lyrics"]
    nothing = ask(client, "qwertz uiop", tags="asdf").json()
    assert nothing["understood"] is nothing["stands_out"] is False


def test_songs_like_a_song_by_any_view(client, index):
    for view, other in [("audio", "lyrics"), ("lyrics", "audio"), ("tags", "audio")]:
        answer = client.get(f"/api/like/3?n=4&view={view}")
        scores, ids = more_like(index.pair(view, other), index.ids_[3].item(), 4)
        assert found(answer) == (ids, scores)
        assert answer.json()["find"] == view
    assert client.get("/api/like/3").json()["find"] == "audio"
    assert client.get("/api/like/3").json()["finds"] == ["audio", "lyrics", "tags"]
    assert client.get(f"/api/like/{NO_AUDIO[0]}").json()["find"] == "lyrics"
    refused = client.get(f"/api/like/{NO_AUDIO[0]}?view=audio")
    assert (refused.status_code, "lacks the view" in refused.json()["error"]) == (409, True)
    assert client.get("/api/like/3?view=nothing").status_code == 400


# ---- cards, map and other indexes ---------------------------------------------------------------


def test_cards_have_tags_and_points_of_all_views(client, index):
    hit = ask(client, song(index, 3)["lyrics"]).json()["words"][0]
    assert hit["tags"] == song(index, 3)["tags"].split("; ")
    for name, z in index.variates_.items():
        np.testing.assert_allclose(hit["points"][name], z[3, :2], atol=1e-4)
    seed = client.get(f"/api/like/{NO_LYRICS[0]}").json()["seed"]
    assert (seed["excerpt"], seed["points"]["lyrics"]) == ("", None)


def test_the_map_leaves_out_songs_that_lack_a_view(client, index):
    points = client.get("/api/map").json()
    assert list(points["views"]) == ["audio", "lyrics", "tags"]
    for name, lacking in [("audio", NO_AUDIO), ("lyrics", NO_LYRICS)]:
        of_view, z = points["views"][name], index.variates_[name]
        assert [at for at, point in enumerate(of_view) if point is None] == list(lacking)
        known = np.delete(z[:, :2], lacking, axis=0)
        np.testing.assert_allclose([point for point in of_view if point], known, atol=1e-4)
        center = points["frames"][name]["center"]
        np.testing.assert_allclose(center, np.median(known, axis=0), atol=1e-4)


def test_tags_are_split_at_semicolons_and_commas():
    assert split_tags(" slow;sad , Slow;; late  night") == ["slow", "sad", "late night"]
    assert split_tags(" ; ,") == []
    accent_apart = "scho\u0308n"
    assert split_tags(f"{accent_apart}; sch\u00f6n") == ["sch\u00f6n"]


def test_hostile_tags_are_text_and_limited(index):
    tags = "<script>alert(1)</script>; " + "x" * 300 + "; " + "; ".join(map(str, range(50)))
    copy = CrossModalIndex(index.estimator)
    table = np.array([[None, "gentle moon", None]] * 3, dtype=object)
    copy.fit(table, metadata=[{"tags": tags}, {"tags": 7}, {"tags": None}])
    client = client_of(copy)
    cards = {hit["position"]: hit for hit in ask(client, "gentle moon").json()["words"]}
    assert cards[0]["tags"][:2] == ["<script>alert(1)</script>", "x" * _limits.TAG_LETTERS]
    assert len(cards[0]["tags"]) == _limits.MAX_TAGS
    assert (cards[1]["tags"], cards[2]["tags"]) == (["7"], [])
    json.dumps(client.get("/api/about").json())


def test_no_path_of_the_client_is_opened(index, tmp_path, monkeypatch):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(2.0))
    client, touched = client_of(index), []
    for owner, name in [
        ("builtins", "open"),
        ("os", "open"),
        ("os", "stat"),
        ("soundfile", "info"),
    ]:
        watch(monkeypatch, f"{owner}.{name}", touched)
    for fields in [{}, {"view": "tags"}, {"tags": str(secret)}, {"find": "tags"}]:
        assert ask(client, str(secret), **fields).status_code == 200
    for fields in [{"view": "audio"}, {"find": str(secret)}, {"view": str(secret)}]:
        assert ask(client, str(secret), **fields).status_code in (400, 409)
    assert upload(client, clip_of(index, 7), str(secret), tags=str(secret)).status_code == 200
    assert client.get(f"/api/like/3?view={secret}").status_code == 400
    assert any("skdcca-" in path for path in touched)  # the recording works
    assert not [path for path in touched if "secret" in path]


def watch(monkeypatch, name, touched):
    """Record the first argument of all calls of a function."""
    module, _, attribute = name.rpartition(".")
    function = getattr(importlib.import_module(module), attribute)

    def watched(path, *arguments, **options):
        touched.append(str(path))
        return function(path, *arguments, **options)

    monkeypatch.setattr(name, watched)


def test_a_text_is_never_a_file_of_a_second_view(index):
    client = client_of(index.pair("lyrics", "audio"))
    refused = ask(client, song(index, 3)["audio"])
    assert refused.status_code == 409
    assert "no text can search it" in refused.json()["error"]
    assert client.get("/api/about").json()["answers"]["lyrics"] is False


def test_a_pair_of_views_can_be_served(index):
    client = client_of(index.pair("audio", "lyrics"))
    points = client.get("/api/map").json()
    assert points["sound"][NO_AUDIO[0]] is None
    assert ask(client, "gentle moon").json()["results"]
    assert client.get(f"/api/like/{NO_AUDIO[0]}").json()["query"] is None


def test_an_index_with_tags_and_without_lyrics():
    client = client_of(number_views(first="tags"))
    about = client.get("/api/about").json()
    assert (about["words"], about["takes_tags"]) == (False, True)
    reply = ask(client, "wind rain").json()
    assert (reply["asked"], reply["find"]) == ("tags", "pitch")
    assert not any(hit["excerpt"] for hit in reply["results"])


def test_words_without_a_view_of_them_are_searched():
    texts = ["the song of the green sea"] * 29 + ["the song of the blue sea"]
    client = client_of(number_views(texts, first="tags"))
    reply = ask(client, "the blue sea").json()
    assert (reply["asked"], reply["words"][0]["position"]) == ("lyrics", 29)
    assert reply["results"] == []
    by_tags = found(ask(client, "wind rain", view="tags"))
    both = ask(client, "the blue sea", tags="wind rain")
    assert found(both) == by_tags
    assert both.json()["words"][0]["position"] == 29


def test_an_index_with_words_and_numbers_only():
    texts = ["the song of the green sea"] * 29 + ["the song of the blue sea"]
    numbers = {"lyrics": ("passthrough", [1])}
    client = client_of(number_views(texts, **numbers))
    assert client.get("/api/about").json()["answers"] == {"lyrics": True, "sound": False}
    reply = ask(client, "the blue sea").json()
    assert (reply["words"][0]["position"], reply["results"], reply["find"]) == (29, [], None)
    assert ask(client, "the blue sea", find="pitch").status_code == 409
    client = client_of(number_views(**numbers))
    assert "does not read texts" in ask(client, "the blue sea").json()["error"]


def test_a_second_view_of_texts():
    client = client_of(number_views(theme=(CountVectorizer(), 0)))
    by_lyrics, by_theme = ask(client, "wind").json(), ask(client, "wind", view="theme").json()
    assert (by_lyrics["asked"], by_theme["asked"]) == ("lyrics", "text")
    assert by_lyrics["words"]
    assert by_theme["words"] == []  # the words of a theme are not those of lyrics


def test_an_empty_index(index):
    copy = CrossModalIndex(index.estimator).fit(np.array([[None, "moon", None]], dtype=object))
    client = client_of(copy.remove([0]))
    assert client.get("/api/map").json()["positions"] == []
    refused = ask(client, "moon")
    assert (refused.status_code, refused.json()["error"]) == (409, "This index has no songs yet.")


def test_a_view_that_no_song_has_is_not_searched(index):
    table = np.array([[None, "gentle moon", "slow"]] * 3, dtype=object)
    client = client_of(CrossModalIndex(index.estimator).fit(table))
    assert client.get("/api/about").json()["sides"]["audio"] is False
    assert ask(client, "moon").json()["find"] == "tags"
    assert "nothing else to search" in ask(client, "moon", tags="slow").json()["error"]
    refused = ask(client, "moon", find="audio")
    assert refused.status_code == 409
    assert (
        refused.json()["error"] == "No song of this index has the view 'audio'. Search another one."
    )


def test_the_index_is_prepared_for_lines_and_tags(index, monkeypatch):
    asked = []
    chance_score = CrossModalIndex.chance_score

    def watched(self, view, *arguments, **options):
        asked.append((self.estimator.view, self.estimator.find, view))
        return chance_score(self, view, *arguments, **options)

    monkeypatch.setattr(CrossModalIndex, "chance_score", watched)
    ViewGallery(index).warm_up()
    assert set(asked) == {("audio", "lyrics", "y"), ("audio", "tags", "y")}
