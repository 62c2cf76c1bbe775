"""The application: searches, sounds, and requests that it refuses."""

import io
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from _page import (
    N_SONGS,
    RATE,
    WAIT,
    client_at,
    client_of,
    number_index,
    servers,
    song,
    synthetic_index,
    upload,
    use_temporary_folder,
    wav,
)

from skdcca import web
from skdcca.exceptions import MissingDependencyError
from skdcca.retrieval import CrossModalIndex, item_groups

pytest.importorskip("fastapi", reason='the page needs the extra: pip install "skdcca[web]"')
# Starlette deprecates httpx for its test client.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return synthetic_index(tmp_path_factory.mktemp("songs"))


@pytest.fixture
def client(index):
    return client_of(index)


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    return use_temporary_folder(tmp_path, monkeypatch)


@pytest.fixture
def serving():
    with servers() as serve:
        yield serve


def test_lyrics_search_gives_the_results_of_the_index(client, index):
    text = song(index, 3)["lyrics"]
    answer = client.post("/api/search/lyrics", json={"text": text, "n": 5}).json()
    scores, ids = index.query(y=[text], n_neighbors=5)
    results = answer["results"]
    assert [hit["id"] for hit in results] == ids[0].tolist()
    assert [hit["score"] for hit in results] == scores[0].tolist()
    assert [hit["place"] for hit in results] == [1, 2, 3, 4, 5]
    level = index.chance_score("y", groups=item_groups(index), like=text)
    assert answer["level"] == level
    assert [hit["above_chance"] for hit in results] == (scores[0] > level).tolist()
    assert answer["stands_out"] is True
    assert answer["gallery"] == N_SONGS


def test_sound_search_gives_the_results_of_the_index(client, index, scratch):
    path = song(index, 7)["audio"]
    answer = upload(client, Path(path).read_bytes(), n=5).json()
    scores, ids = index.query(X=[path], n_neighbors=5)
    assert [hit["id"] for hit in answer["results"]] == ids[0].tolist()
    assert [hit["score"] for hit in answer["results"]] == scores[0].tolist()
    assert answer["results"][0]["position"] == 7
    assert answer["level"] == index.chance_score("x", groups=item_groups(index))
    np.testing.assert_allclose(answer["query"], index.embed(X=[path])[0, :2], atol=1e-4)
    assert not list(scratch.iterdir())


def test_the_content_of_an_upload_decides_and_not_its_name(client, index):
    waveform, rate = soundfile.read(song(index, 7)["audio"])
    flac = io.BytesIO()
    soundfile.write(flac, waveform, rate, format="FLAC")
    for name in ("../../etc/passwd", "clip.txt", "\x00.wav"):
        assert upload(client, flac.getvalue(), name, n=1).json()["results"][0]["position"] == 7


def test_n_may_exceed_the_number_of_songs(client):
    answer = client.post("/api/search/lyrics", json={"text": "gentle moon", "n": 100}).json()
    assert sorted(hit["position"] for hit in answer["results"]) == list(range(N_SONGS))


def test_half_a_surrogate_pair_in_a_query(client, monkeypatch):
    asked = []
    embed, find_words = CrossModalIndex.embed, CrossModalIndex.find_words

    def watched_embed(self, X=None, y=None):
        asked.extend([] if y is None else y)
        return embed(self, X, y)

    def watched_find_words(self, query, n_neighbors=10):
        asked.append(query)
        return find_words(self, query, n_neighbors)

    monkeypatch.setattr(CrossModalIndex, "embed", watched_embed)
    monkeypatch.setattr(CrossModalIndex, "find_words", watched_find_words)
    json_type = {"content-type": "application/json"}
    body = b'{"text": "moon \\ud800"}'
    assert client.post("/api/search/lyrics", content=body, headers=json_type).status_code == 200
    assert asked[:2] == ["moon ?", "moon ?"]  # text that any transformer can encode


def test_index_with_only_sounds(index):
    files = [song(index, at)["audio"] for at in range(10)]
    client = client_of(CrossModalIndex(index.estimator).fit(files))
    about = client.get("/api/about").json()
    assert about["sides"] == {"sound": True, "lyrics": False}
    assert about["answers"] == {"lyrics": True, "sound": False}
    assert client.get("/api/map").json()["lyrics"] is None
    answer = client.post("/api/search/lyrics", json={"text": "gentle moon"}).json()
    assert answer["level"] is answer["stands_out"] is None
    hit = answer["results"][0]
    assert hit["above_chance"] is hit["lyrics"] is None
    assert hit["title"] == str(hit["id"])  # the index has no metadata
    assert (hit["group"], hit["excerpt"], hit["has_audio"]) == ("", "", False)
    refused = upload(client, wav())
    assert refused.status_code == 409
    assert "no lyrics" in refused.json()["error"]


def test_index_with_only_lyrics(index):
    texts = [song(index, at)["lyrics"] for at in range(10)]
    client = client_of(CrossModalIndex(index.estimator).fit(y=texts))
    assert len(upload(client, wav()).json()["results"]) == 10
    answer = client.post("/api/search/lyrics", json={"text": texts[3].split("\n")[1]}).json()
    assert answer["words"][0]["position"] == 3  # the words are found without any sound
    assert answer["results"] == []
    assert answer["stands_out"] is answer["query"] is None
    assert client.get("/audio/0").status_code == 404
    numbers = client_of(CrossModalIndex(number_index().estimator).fit(y=np.zeros((4, 3))))
    assert numbers.post("/api/search/lyrics", json={"text": "moon"}).status_code == 409


def test_empty_index():
    index = number_index()
    client = client_of(index.remove(range(30)))
    assert client.get("/api/map").json()["positions"] == []
    refused = client.post("/api/search/lyrics", json={"text": "moon"})
    assert (refused.status_code, refused.json()["error"]) == (409, "This index has no songs yet.")


def test_one_query_at_a_time(index, monkeypatch):
    inside, most = [], []
    embed = CrossModalIndex.embed

    def watched(self, *arguments, **options):
        inside.append(1)
        most.append(len(inside))
        found = embed(self, *arguments, **options)
        inside.pop()
        return found

    monkeypatch.setattr(CrossModalIndex, "embed", watched)
    texts = [song(index, at)["lyrics"] for at in range(12)]
    with client_of(index) as client, ThreadPoolExecutor(6) as threads:
        answers = threads.map(
            lambda text: client.post("/api/search/lyrics", json={"text": text}).json(), texts
        )
        found = [answer["results"][0]["position"] for answer in answers]
    assert found == list(range(12))
    assert max(most) == 1


def test_searches_do_not_block_sounds(index, serving, monkeypatch):
    """More clients wait for the busy model than the server has threads."""
    resume, embed = threading.Event(), CrossModalIndex.embed

    def slow(self, *arguments, **options):
        assert resume.wait(WAIT)
        return embed(self, *arguments, **options)

    monkeypatch.setattr(CrossModalIndex, "embed", slow)
    port = serving(web.make_app(index))
    with client_at(port) as client, ThreadPoolExecutor(50) as threads:
        waiting = [
            threads.submit(client.post, "/api/search/lyrics", json={"text": "gentle moon"})
            for _ in range(50)
        ]
        time.sleep(0.5)
        try:
            with client_at(port) as other:
                assert other.get("/audio/3", timeout=5).status_code == 200
                assert other.get("/api/map", timeout=5).status_code == 200
                assert other.get("/api/waveform/3", timeout=5).status_code == 200
                assert other.get("/api/like/3", timeout=5).status_code == 200
        finally:
            resume.set()
        assert {one.result(WAIT).status_code for one in waiting} == {200}


def test_sounds_are_served_whole_and_in_parts(client, index):
    content = Path(song(index, 5)["audio"]).read_bytes()
    whole = client.get("/audio/5")
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == "audio/wav"
    part = client.get("/audio/5", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert client.get("/audio/5", headers={"Range": "bytes=99999999-"}).status_code == 416


TRICKS = [
    "40", "-1", "00", "1.0", "1e0", "+1", " 1", "٣", "9" * 5000, "", ".", "..", "../5", "%2e%2e%2f5",
    "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "5/../../x", "5%00", "song05.wav", "\\..\\x",
]  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_only_positions_open_a_sound(client, trick):
    answer = client.get(f"/audio/{trick}", follow_redirects=False)
    if trick in (".", "..", "../5", "5/../../x"):  # the client normalizes these paths
        assert not answer.headers["content-type"].startswith("audio")
    else:
        assert answer.status_code == 404
        assert list(answer.json()) == ["error"]


def test_missing_sounds(tmp_path):
    gone = tmp_path / "gone.wav"
    gone.write_bytes(wav())
    audio = [str(gone), str(tmp_path), "\x00", 7, None, str(tmp_path / ("x" * 300))]
    metadata = [{"audio": value} for value in audio] + [{}]
    client = client_of(number_index(7, metadata=metadata))
    assert client.get("/audio/0").status_code == 200
    gone.unlink()
    for position in range(7):
        answer = client.get(f"/audio/{position}")
        assert answer.status_code == 404
        assert str(tmp_path) not in answer.text


def test_no_path_of_the_client_is_opened(client, tmp_path, monkeypatch):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(2.0))
    opened = []

    def watched(function):
        def open_watched(path, *arguments, **options):
            opened.append(os.fsdecode(path) if not isinstance(path, int) else "")
            return function(path, *arguments, **options)

        return open_watched

    monkeypatch.setattr("builtins.open", watched(open))
    monkeypatch.setattr("os.open", watched(os.open))
    monkeypatch.setattr(
        "soundfile.SoundFile.__init__", recording(opened, soundfile.SoundFile.__init__)
    )
    assert upload(client, wav(), str(secret)).status_code == 200
    assert upload(client, str(secret).encode(), str(secret)).status_code == 415
    assert client.post("/api/search/lyrics", json={"text": f"moon {secret}"}).status_code == 200
    assert client.get(f"/audio/{secret}").status_code == 404
    assert any("skdcca-" in path for path in opened)  # the recording works
    assert not [path for path in opened if "secret" in path]


def recording(opened, function):
    def init(self, file, *arguments, **options):
        opened.append(str(file))
        return function(self, file, *arguments, **options)

    return init


def test_a_damaged_clip_does_not_reveal_its_path(client, scratch):
    flac = io.BytesIO()
    soundfile.write(flac, np.random.default_rng(0).normal(size=RATE) / 9, RATE, format="FLAC")
    content = bytearray(flac.getvalue())
    content[len(content) // 4 :] = bytes(len(content) - len(content) // 4)
    answer = upload(client, bytes(content))
    assert answer.status_code in (200, 400)  # some decoders continue
    assert str(scratch) not in answer.text
    assert not list(scratch.iterdir())


def test_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "python_multipart", None)
    message = r"'python_multipart', which is not installed. Run `pip install \"skdcca\[web\]\""
    for function in (web.make_app, web.serve):
        with pytest.raises(MissingDependencyError, match=message):
            function(number_index())
