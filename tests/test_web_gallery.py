"""The gallery of a page: results, chance levels, examples and the map."""

import json
from threading import Event

import numpy as np
import pytest
from _page import BAD_NAMES, N_SONGS, WAIT, client_of, number_index, song, synthetic_index
from sklearn.decomposition import PCA

from skdcca import SharedSpace
from skdcca.retrieval import CrossModalIndex, item_groups, more_like
from skdcca.web import _limits
from skdcca.web._gallery import Gallery
from skdcca.web._map import frame

pytest.importorskip("fastapi", reason='the page needs the extra: pip install "skdcca[web]"')
# Starlette deprecates httpx for its test client.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return synthetic_index(tmp_path_factory.mktemp("songs"))


@pytest.fixture
def client(index):
    return client_of(index)


UNKNOWN_WORDS = "qwertz uiop asdf"


def test_a_result_has_what_the_page_shows(client, index):
    text = song(index, 3)["lyrics"]
    answer = client.post("/api/search/lyrics", json={"text": text, "n": 1}).json()
    hit, expected = answer["results"][0], song(index, 3)
    assert (hit["title"], hit["group"], hit["position"]) == (
        expected["title"],
        expected["group"],
        3,
    )
    assert hit["excerpt"] == "\n".join(expected["lyrics"].split("\n")[:4]) + " …"
    assert hit["has_audio"] is True
    np.testing.assert_allclose(hit["sound"], index.zx_[3, :2], atol=1e-4)
    np.testing.assert_allclose(hit["lyrics"], index.zy_[3, :2], atol=1e-4)
    np.testing.assert_allclose(answer["query"], index.embed(y=[text])[0, :2], atol=1e-4)


def test_the_words_of_a_line_find_their_song(client, index):
    line = song(index, 3)["lyrics"].split("\n")[2]
    words = " ".join(line.split()[1:])
    answer = client.post("/api/search/lyrics", json={"text": words.upper(), "n": 3}).json()
    assert len(answer["words"]) <= 3
    hit = answer["words"][0]
    assert (hit["position"], hit["exact"], hit["source"]) == (3, True, "lyrics")
    assert "".join(text for text, _ in hit["line"]) == line
    assert [text for text, is_marked in hit["line"] if is_marked] == [words]
    segment = song(index, 3)["heard"]["segments"][2]
    assert [hit["start"], hit["end"]] == pytest.approx(segment[:2])
    np.testing.assert_allclose(hit["sound"], index.zx_[3, :2], atol=1e-4)
    assert answer["heard"] == ""


def test_words_that_were_heard_have_their_time(index):
    line = "an entirely different zebra"
    heard = {"language": "en", "segments": [[0, 1.5, "first"], [1.5, 4.25, line]]}
    metadata = [{"lyrics": "", "title": "heard", "heard": heard}] + [{}] * 3
    gallery = CrossModalIndex(index.estimator).fit(
        [song(index, at)["audio"] for at in range(4)], metadata=metadata
    )
    answer = client_of(gallery).post("/api/search/lyrics", json={"text": "different zebra"})
    (hit,) = answer.json()["words"]
    assert (hit["title"], hit["source"]) == ("heard", "heard")
    assert (hit["start"], hit["end"]) == (1.5, 4.25)
    assert hit["line"] == [["an entirely ", False], ["different zebra", True]]


def test_songs_like_a_song(client, index):
    answer = client.get("/api/like/5?n=4").json()
    scores, ids = more_like(index, index.ids_[5].item(), 4)
    assert answer["seed"]["title"] == song(index, 5)["title"]
    assert [hit["id"] for hit in answer["results"]] == ids
    assert [hit["score"] for hit in answer["results"]] == scores
    assert answer["query"] == answer["seed"]["sound"]
    assert client.get("/api/like/5?n=0").status_code == 400


def test_the_index_is_prepared_when_the_server_starts(index, monkeypatch):
    prepared = Event()
    lengths = set()

    def watched(self, view, **options):
        lengths.add(len(options["like"].split()))
        if {1, 4, 8, 16} <= lengths:
            prepared.set()

    monkeypatch.setattr(CrossModalIndex, "chance_score", watched)
    with client_of(index) as client:
        assert prepared.wait(WAIT)
        assert client.get("/api/about").status_code == 200


def test_the_server_answers_if_the_index_cannot_be_prepared(index, monkeypatch, caplog):
    def fail(self, *arguments, **options):
        raise ValueError("no")

    monkeypatch.setattr(CrossModalIndex, "chance_score", fail)
    Gallery(index).warm_up()
    assert "could not be prepared" in caplog.text


def test_nothing_stands_out(client, index):
    lines = [song(index, at)["lyrics"].split("\n")[0] for at in range(N_SONGS)]
    weakest = lines[index.query(y=lines, n_neighbors=1)[0].argmin()]
    answer = client.post("/api/search/lyrics", json={"text": weakest}).json()
    level = index.chance_score("y", groups=item_groups(index), like=weakest)
    assert answer["results"][0]["score"] < answer["level"] == level
    assert answer["stands_out"] is False
    assert not any(hit["above_chance"] for hit in answer["results"])
    assert len(answer["results"]) == 10


def test_a_score_at_the_level_is_not_above_chance(index, monkeypatch):
    text = song(index, 3)["lyrics"]
    best = index.query(y=[text], n_neighbors=1)[0].item()
    monkeypatch.setattr(CrossModalIndex, "chance_score", lambda self, view, **options: best)
    answer = client_of(index).post("/api/search/lyrics", json={"text": text}).json()
    assert answer["results"][0]["above_chance"] is answer["stands_out"] is False


def test_unknown_words_never_stand_out(index, monkeypatch):
    monkeypatch.setattr(CrossModalIndex, "chance_score", lambda self, view, **options: -2.0)
    answer = client_of(index).post("/api/search/lyrics", json={"text": UNKNOWN_WORDS}).json()
    assert answer["understood"] is False
    assert answer["stands_out"] is False
    assert not any(hit["above_chance"] for hit in answer["results"])


def test_about(client, index):
    about = client.get("/api/about").json()
    assert (about["items"], about["model"], about["components"]) == (N_SONGS, "LinearCCA", 10)
    assert about["words"] is True
    assert about["answers"] == {"lyrics": True, "sound": True}
    assert about["examples"]
    assert all(
        any(line in song(index, at)["lyrics"] for at in range(40)) for line in about["examples"]
    )


def test_map_of_all_songs(client, index):
    points = client.get("/api/map").json()
    np.testing.assert_allclose(points["sound"], index.zx_[:, :2], atol=1e-4)
    np.testing.assert_allclose(points["lyrics"], index.zy_[:, :2], atol=1e-4)
    assert points["titles"] == [song(index, at)["title"] for at in range(N_SONGS)]


def test_map_of_many_songs_is_thinned_evenly():
    index = number_index(5001)
    points = client_of(index).get("/api/map").json()
    at = np.array(points["positions"])
    assert len(points["sound"]) + len(points["lyrics"]) <= _limits.MAX_POINTS
    assert (at[0], at[-1]) == (0, 5000)
    assert set(np.diff(at)) <= {5, 6}
    np.testing.assert_allclose(points["sound"], index.zx_[at], atol=1e-4)


def test_a_far_point_does_not_squeeze_the_others():
    index = number_index()
    before = client_of(index).get("/api/map").json()["frames"]["sound"]
    np.testing.assert_allclose(before["center"], np.median(index.zx_, axis=0), atol=1e-4)
    distances = np.hypot(*(index.zx_ - before["center"]).T)
    assert before["radius"] == pytest.approx(np.median(distances), abs=1e-3)
    index.zx_[7] *= 1e6
    after = client_of(index).get("/api/map").json()["frames"]["sound"]
    assert after["radius"] < 1.5 * before["radius"]
    np.testing.assert_allclose(after["center"], before["center"], atol=0.5)


@pytest.mark.parametrize(
    ("points", "radius"), [([], 1), ([[1, 1]] * 3, 1), ([[0, 0]] * 3 + [[3, 4]], 5)]
)
def test_the_frame_of_a_map_has_a_positive_radius(points, radius):
    assert frame(points)["radius"] == radius


def test_the_map_of_other_models_has_principal_axes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6)) * [0.1, 3.0, 0.1, 0.1, 9.0, 0.1]
    space = SharedSpace().fit(X, X)
    index = CrossModalIndex(space).fit(X, X)
    points = np.array(client_of(index).get("/api/map").json()["sound"])
    expected = PCA(2).fit_transform(index.zx_)
    assert np.abs(np.corrcoef(points.T, expected.T)[:2, 2:].diagonal()) == pytest.approx(1)


def test_map_of_one_component():
    points = client_of(number_index(n_components=1)).get("/api/map").json()
    assert {y for _, y in points["sound"] + points["lyrics"]} == {0.0}


def test_hostile_metadata_is_text(tmp_path):
    metadata = [{"title": name, "group": name, "lyrics": name, "audio": name} for name in BAD_NAMES]
    index = number_index(4, metadata=metadata)
    client = client_of(index)
    points = client.get("/api/map")
    assert points.headers["content-type"] == "application/json"
    assert points.json()["titles"] == [*BAD_NAMES[:2], "?t?", BAD_NAMES[3]]
    assert all(name not in client.get("/").text for name in BAD_NAMES[:2])
    json.dumps(client.get("/api/about").json())
