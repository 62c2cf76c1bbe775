"""The gallery of a page: results, chance levels, examples and the map."""

import json

import numpy as np
import pytest
from _page import BAD_NAMES, N_SONGS, client_of, number_index, song, synthetic_index

from skdcca.retrieval import CrossModalIndex
from skdcca.web import _limits

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


def test_nothing_stands_out(client, index):
    level = index.chance_score("y")
    lines = [song(index, at)["lyrics"].split("\n")[0] for at in range(N_SONGS)]
    weakest = lines[index.query(y=lines, n_neighbors=1)[0].argmin()]
    answer = client.post("/api/search/lyrics", json={"text": weakest}).json()
    assert answer["results"][0]["score"] < level
    assert answer["stands_out"] is False
    assert not any(hit["above_chance"] for hit in answer["results"])
    assert len(answer["results"]) == 10


def test_a_score_at_the_level_is_not_above_chance(index, monkeypatch):
    text = song(index, 3)["lyrics"]
    best = index.query(y=[text], n_neighbors=1)[0].item()
    monkeypatch.setattr(CrossModalIndex, "chance_score", lambda self, view: best)
    answer = client_of(index).post("/api/search/lyrics", json={"text": text}).json()
    assert answer["results"][0]["above_chance"] is answer["stands_out"] is False


def test_unknown_words_never_stand_out(index, monkeypatch):
    monkeypatch.setattr(CrossModalIndex, "chance_score", lambda self, view: -2.0)
    answer = client_of(index).post("/api/search/lyrics", json={"text": UNKNOWN_WORDS}).json()
    assert answer["understood"] is False
    assert answer["stands_out"] is False
    assert not any(hit["above_chance"] for hit in answer["results"])


def test_about(client, index):
    about = client.get("/api/about").json()
    assert (about["items"], about["model"], about["components"]) == (N_SONGS, "LinearCCA", 10)
    assert about["levels"] == {"lyrics": index.chance_score("y"), "sound": index.chance_score("x")}
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
