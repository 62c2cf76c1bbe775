"""The page's server: what is found, what is refused, and what never leaves or enters the machine."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import Doc2VecLyrics, LinearCCA, MelSpectrogram, TemporalSummary, web
from skdcca.datasets import make_songs
from skdcca.retrieval import CrossModalIndex

pytest.importorskip("fastapi", reason='the page needs the extra: pip install "skdcca[web]"')
# Starlette would rather have its test client use a successor of httpx; either does.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

N_SONGS, RATE = 40, 11025
WAIT = 20  # seconds, of which a test needs a fraction
UNKNOWN_WORDS = "qwertz uiop asdf"
BAD_NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\udce9t\udce9",
    "x" * 300,
]


def planted_index(folder):
    """An index of songs that its model has learned from, with their sounds in a folder."""
    songs = make_songs(N_SONGS, strength=1.0, duration=3.0, sample_rate=RATE, random_state=0)
    files = [str(Path(folder, f"{name}.wav")) for name in songs.ids]
    for file, (waveform, rate) in zip(files, songs.audio, strict=True):
        soundfile.write(file, waveform, rate)
    model = make_pipeline(
        MelSpectrogram(sample_rate=RATE, n_mels=40, duration=3.0),
        TemporalSummary(),
        StandardScaler(),
        LinearCCA(10, reg=0.1, y_transformer=Doc2VecLyrics(30, epochs=60, random_state=0)),
    ).fit(files, songs.lyrics)
    told = zip(songs.titles, songs.groups.tolist(), songs.lyrics, files, strict=True)
    keys = ["title", "group", "lyrics", "audio"]
    metadata = [dict(zip(keys, values, strict=True)) for values in told]
    return CrossModalIndex(model).fit(files, songs.lyrics, ids=songs.ids, metadata=metadata)


def number_index(n_items=30, n_components=2, **fit):
    """An index over plain numbers, for all that needs no songs."""
    X = np.random.default_rng(0).normal(size=(n_items, 3))
    return CrossModalIndex(LinearCCA(n_components).fit(X, X)).fit(X, X, **fit)


def start(app):
    """Address of an application that runs in a thread, and its server."""
    server = web._server(app, port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + WAIT
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < end, "the server takes too long to start"
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    return f"http://127.0.0.1:{port}", server, thread


def client_of(index, **options):
    from fastapi.testclient import TestClient

    return TestClient(web.make_app(index, **options), base_url="http://localhost")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return planted_index(tmp_path_factory.mktemp("songs"))


@pytest.fixture
def client(index):
    return client_of(index)


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Where temporary files go, so that a test sees those left behind."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def told(index, position):
    return index.metadata_[index.ids_[position].item()]


def upload(client, content, name="clip.wav", **fields):
    return client.post("/api/search/audio", files={"file": (name, content)}, data=fields)


def wav(seconds=1.0, channels=1, value=None, rate=RATE, **options):
    waveform = 0.1 * np.random.default_rng(0).normal(size=(int(seconds * rate), channels))
    if value is not None:
        waveform[5] = value
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format="WAV", **options)
    return file.getvalue()


# ---- what is found ---------------------------------------------------------------------------


def test_lyrics_search_is_that_of_the_index(client, index):
    text = told(index, 3)["lyrics"]
    answer = client.post("/api/search/lyrics", json={"text": text, "n": 5}).json()
    scores, ids = index.query(y=[text], n_neighbors=5)
    results = answer["results"]
    assert [hit["id"] for hit in results] == ids[0].tolist()
    assert [hit["score"] for hit in results] == scores[0].tolist()
    assert [hit["place"] for hit in results] == [1, 2, 3, 4, 5]
    level = index.chance_score("y")
    assert answer["level"] == level
    assert [hit["above_chance"] for hit in results] == (scores[0] > level).tolist()
    assert answer["stands_out"] is True
    assert answer["gallery"] == N_SONGS


def test_a_result_has_what_the_page_shows(client, index):
    text = told(index, 3)["lyrics"]
    answer = client.post("/api/search/lyrics", json={"text": text, "n": 1}).json()
    hit, song = answer["results"][0], told(index, 3)
    assert (hit["title"], hit["group"], hit["position"]) == (song["title"], song["group"], 3)
    assert hit["excerpt"] == "\n".join(song["lyrics"].split("\n")[:4]) + " …"
    assert hit["has_audio"] is True
    np.testing.assert_allclose(hit["sound"], index.zx_[3, :2], atol=1e-4)
    np.testing.assert_allclose(hit["lyrics"], index.zy_[3, :2], atol=1e-4)
    np.testing.assert_allclose(answer["query"], index.embed(y=[text])[0, :2], atol=1e-4)


def test_sound_search_is_that_of_the_index(client, index, scratch):
    path = told(index, 7)["audio"]
    answer = upload(client, Path(path).read_bytes(), n=5).json()
    scores, ids = index.query(X=[path], n_neighbors=5)
    assert [hit["id"] for hit in answer["results"]] == ids[0].tolist()
    assert [hit["score"] for hit in answer["results"]] == scores[0].tolist()
    assert answer["results"][0]["position"] == 7
    assert answer["level"] == index.chance_score("x")
    np.testing.assert_allclose(answer["query"], index.embed(X=[path])[0, :2], atol=1e-4)
    assert not list(scratch.iterdir())


def test_the_content_decides_not_the_name(client, index):
    waveform, rate = soundfile.read(told(index, 7)["audio"])
    flac = io.BytesIO()
    soundfile.write(flac, waveform, rate, format="FLAC")
    for name in ("../../etc/passwd", "clip.txt", "\x00.wav"):
        assert upload(client, flac.getvalue(), name, n=1).json()["results"][0]["position"] == 7


def test_at_most_all_songs(client):
    answer = client.post("/api/search/lyrics", json={"text": "gentle moon", "n": 100}).json()
    assert sorted(hit["position"] for hit in answer["results"]) == list(range(N_SONGS))


def test_nothing_stands_out(client, index):
    level = index.chance_score("y")
    lines = [told(index, at)["lyrics"].split("\n")[0] for at in range(N_SONGS)]
    weakest = lines[index.query(y=lines, n_neighbors=1)[0].argmin()]
    answer = client.post("/api/search/lyrics", json={"text": weakest}).json()
    assert answer["results"][0]["score"] < level
    assert answer["stands_out"] is False
    assert not any(hit["above_chance"] for hit in answer["results"])
    assert len(answer["results"]) == 10


def test_the_level_itself_is_no_more_than_chance(index, monkeypatch):
    text = told(index, 3)["lyrics"]
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


def test_index_of_sound_alone(index):
    files = [told(index, at)["audio"] for at in range(10)]
    client = client_of(CrossModalIndex(index.estimator).fit(files))
    about = client.get("/api/about").json()
    assert about["sides"] == {"sound": True, "lyrics": False}
    assert client.get("/api/map").json()["lyrics"] is None
    answer = client.post("/api/search/lyrics", json={"text": "gentle moon"}).json()
    assert answer["level"] is answer["stands_out"] is None
    hit = answer["results"][0]
    assert hit["above_chance"] is hit["lyrics"] is None
    assert hit["title"] == str(hit["id"])  # there is no other
    assert (hit["group"], hit["excerpt"], hit["has_audio"]) == ("", "", False)
    refused = upload(client, wav())
    assert refused.status_code == 409
    assert "no lyrics" in refused.json()["error"]


def test_index_of_lyrics_alone(index):
    texts = [told(index, at)["lyrics"] for at in range(10)]
    client = client_of(CrossModalIndex(index.estimator).fit(y=texts))
    assert len(upload(client, wav()).json()["results"]) == 10
    assert client.post("/api/search/lyrics", json={"text": "moon"}).status_code == 409
    assert client.get("/audio/0").status_code == 404


def test_empty_index():
    index = number_index()
    client = client_of(index.remove(range(30)))
    assert client.get("/api/map").json()["positions"] == []
    refused = client.post("/api/search/lyrics", json={"text": "moon"})
    assert (refused.status_code, refused.json()["error"]) == (409, "This index has no songs yet.")


def test_about(client, index):
    about = client.get("/api/about").json()
    assert (about["items"], about["model"], about["components"]) == (N_SONGS, "LinearCCA", 10)
    assert about["levels"] == {"lyrics": index.chance_score("y"), "sound": index.chance_score("x")}
    assert about["examples"]
    assert all(
        any(line in told(index, at)["lyrics"] for at in range(40)) for line in about["examples"]
    )


def test_map_of_all_songs(client, index):
    points = client.get("/api/map").json()
    np.testing.assert_allclose(points["sound"], index.zx_[:, :2], atol=1e-4)
    np.testing.assert_allclose(points["lyrics"], index.zy_[:, :2], atol=1e-4)
    assert points["titles"] == [told(index, at)["title"] for at in range(N_SONGS)]


def test_map_of_many_songs_is_thinned_evenly():
    index = number_index(5001)
    points = client_of(index).get("/api/map").json()
    at = np.array(points["positions"])
    assert len(points["sound"]) + len(points["lyrics"]) <= web.MAX_POINTS
    assert (at[0], at[-1]) == (0, 5000)
    assert set(np.diff(at)) <= {5, 6}
    np.testing.assert_allclose(points["sound"], index.zx_[at], atol=1e-4)


def test_map_of_one_component():
    points = client_of(number_index(n_components=1)).get("/api/map").json()
    assert {y for _, y in points["sound"] + points["lyrics"]} == {0.0}


def test_one_query_at_a_time(index, monkeypatch):
    inside, most = [], []
    query = CrossModalIndex.query

    def watched(self, *arguments, **options):
        inside.append(1)
        most.append(len(inside))
        found = query(self, *arguments, **options)
        inside.pop()
        return found

    monkeypatch.setattr(CrossModalIndex, "query", watched)
    texts = [told(index, at)["lyrics"] for at in range(12)]
    with client_of(index) as client, ThreadPoolExecutor(6) as threads:
        answers = threads.map(
            lambda text: client.post("/api/search/lyrics", json={"text": text}).json(), texts
        )
        found = [answer["results"][0]["position"] for answer in answers]
    assert found == list(range(12))
    assert max(most) == 1


# ---- what is refused -------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
BAD_CLIPS = {
    "text": (b"la la la " * 100, 415, "cannot be read as sound"),
    "picture": (PNG, 415, "cannot be read as sound"),
    "empty": (b"", 400, "empty"),
    "header alone": (wav()[:44], 400, "too short"),
    "cut header": (wav()[:20], 415, "cannot be read as sound"),
    "too short": (wav(0.01), 400, "too short (0.01 s)"),
    "not a number": (wav(value=np.nan, subtype="FLOAT"), 400, "damaged"),
    "too long": (wav(601, rate=1000), 400, "lasts 10:01 minutes; at most 10"),
    "too many channels": (wav(channels=9), 400, "9 channels"),
    "too fast": (wav(rate=400_000), 400, "400,000 Hz"),
}


@pytest.mark.parametrize("kind", BAD_CLIPS)
def test_bad_clips_get_words_and_leave_nothing(client, scratch, kind):
    content, status, words = BAD_CLIPS[kind]
    answer = upload(client, content)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert str(scratch) not in answer.text
    assert "skdcca-" not in answer.text
    assert not list(scratch.iterdir())


def test_a_damaged_clip_does_not_tell_where_it_lay(client, scratch):
    flac = io.BytesIO()
    soundfile.write(flac, np.random.default_rng(0).normal(size=RATE) / 9, RATE, format="FLAC")
    content = bytearray(flac.getvalue())
    content[len(content) // 4 :] = bytes(len(content) - len(content) // 4)
    answer = upload(client, bytes(content))
    assert answer.status_code in (200, 400)  # some decoders play on
    assert str(scratch) not in answer.text
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("claimed", ["true", "10"])
def test_the_size_of_an_upload_is_counted(client, scratch, monkeypatch, claimed):
    monkeypatch.setattr(web, "MAX_BYTES", 30_000)
    monkeypatch.setattr(web, "MAX_BODY", 1_000)
    assert upload(client, wav(1.0)).status_code == 200  # 22 kB
    content = wav(2.0)
    body = client.build_request("POST", "/api/search/audio", files={"file": ("a.wav", content)})
    body.read()
    headers = dict(body.headers) | ({} if claimed == "true" else {"content-length": claimed})
    answer = client.post("/api/search/audio", content=body.content, headers=headers)
    assert answer.status_code == 413
    assert "too large" in answer.json()["error"]
    assert not list(scratch.iterdir())


def test_the_size_of_a_text_is_counted(client, monkeypatch):
    monkeypatch.setattr(web, "MAX_BODY", 1_000)
    chunks = (b" " * 100 for _ in range(100))  # sent without a length
    answer = client.post(
        "/api/search/lyrics", content=chunks, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


BAD_QUERIES = {
    "empty": ({"text": ""}, "Type a line"),
    "blank": ({"text": " \n\t "}, "Type a line"),
    "long": ({"text": "la " * 7000}, "21,000 characters; at most 20,000"),
    "no text": ({}, "text: "),
    "number": ({"text": 3}, "text: "),
    "none": ({"text": "moon", "n": 0}, "n: "),
    "many": ({"text": "moon", "n": 101}, "n: "),
    "list": (["moon"], ": "),
}


@pytest.mark.parametrize("kind", BAD_QUERIES)
def test_bad_queries_get_words(client, kind):
    query, words = BAD_QUERIES[kind]
    answer = client.post("/api/search/lyrics", json=query)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]


def test_broken_requests_get_words(client):
    json_type = {"content-type": "application/json"}
    broken = [
        client.post("/api/search/lyrics", content=b"{", headers=json_type),
        client.post("/api/search/lyrics", content=b"\xff\xfe", headers=json_type),
        client.post("/api/search/lyrics", content=b"text=moon"),
        client.post("/api/search/audio", content=b"nothing"),
        client.post("/api/search/audio", data={"file": "no file"}),
        upload(client, wav(), n="many"),
    ]
    for answer in broken:
        assert answer.status_code == 400
        assert list(answer.json()) == ["error"]


def test_half_a_surrogate_pair_in_a_query(client, monkeypatch):
    asked = []
    query = CrossModalIndex.query

    def watched(self, *, y, n_neighbors):
        asked.extend(y)
        return query(self, y=y, n_neighbors=n_neighbors)

    monkeypatch.setattr(CrossModalIndex, "query", watched)
    json_type = {"content-type": "application/json"}
    body = b'{"text": "moon \\ud800"}'
    assert client.post("/api/search/lyrics", content=body, headers=json_type).status_code == 200
    assert asked == ["moon ?"]  # what any transformer can encode


def test_unexpected_errors_tell_nothing(index, monkeypatch, caplog):
    def broken(*arguments, **options):
        raise RuntimeError("secret of /home/someone")

    monkeypatch.setattr(CrossModalIndex, "query", broken)
    answer = client_of(index).post("/api/search/lyrics", json={"text": "moon"})
    assert answer.status_code == 500
    assert list(answer.json()) == ["error"]
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "content-security-policy" in answer.headers
    assert "secret of /home/someone" in caplog.text  # whoever runs the server must know


# ---- sounds ----------------------------------------------------------------------------------


def test_sounds_are_served_whole_and_in_parts(client, index):
    content = Path(told(index, 5)["audio"]).read_bytes()
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
def test_nothing_but_a_position_opens_a_sound(client, trick):
    answer = client.get(f"/audio/{trick}", follow_redirects=False)
    if trick in (".", "..", "../5", "5/../../x"):  # made into another path by the client
        assert not answer.headers["content-type"].startswith("audio")
    else:
        assert answer.status_code == 404
        assert list(answer.json()) == ["error"]


def test_sounds_that_are_not_there(tmp_path):
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


def one_song_index(path):
    return number_index(4, metadata=[{"audio": str(path)}] + [{}] * 3)


NO_SOUNDS = {
    "trap.html": b"<script>alert(1)</script>",
    "trap.wav": b"<script>alert(1)</script>",
    "passwords": wav(0.1),
    "model.skdcca": wav(0.1),
    "model.wav": b"PK\x03\x04" + bytes(100),
    "utf16.mp3": "secret".encode("utf-16"),
    "zeros.mp3": bytes(100),
    "empty.flac": b"",
    "picture.ogg": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "film.wav": b"RIFF\x00\x00\x00\x00AVI LIST",
    "key.wav": b"-----BEGIN PRIVATE KEY-----",
}


@pytest.mark.parametrize("name", NO_SOUNDS)
def test_what_is_no_sound_by_name_and_content_is_not_served(tmp_path, name):
    (tmp_path / name).write_bytes(NO_SOUNDS[name])
    index = one_song_index(tmp_path / name)
    answer = client_of(index).get("/audio/0")
    assert answer.status_code == 404
    assert list(answer.json()) == ["error"]
    assert web._Gallery(index).sound_file(0) is None


@pytest.mark.skipif(not os.path.exists("/etc/passwd"), reason="needs files of a Unix system")
def test_files_of_the_system_are_not_served(tmp_path):
    (tmp_path / "song.wav").symlink_to("/etc/passwd")
    for path in ("/etc/passwd", "/dev/zero", "/proc/self/environ", tmp_path / "song.wav"):
        assert client_of(one_song_index(path)).get("/audio/0").status_code == 404


@pytest.mark.parametrize(
    ("suffix", "kind", "options"),
    [
        ("wav", "audio/wav", {}),
        ("WAV", "audio/wav", {"format": "RF64"}),
        ("wav", "audio/wav", {"endian": "BIG"}),
        ("flac", "audio/flac", {}),
        ("ogg", "audio/ogg", {}),
        ("oga", "audio/ogg", {"format": "OGG"}),
        ("opus", "audio/ogg", {"format": "OGG", "subtype": "OPUS"}),
        ("mp3", "audio/mpeg", {}),
        ("aiff", "audio/aiff", {}),
        ("au", "audio/basic", {}),
    ],
)
def test_sounds_of_all_formats_are_served(tmp_path, suffix, kind, options):
    path = tmp_path / f"song.{suffix}"
    tone = 0.1 * np.sin(np.arange(48_000) / 20)
    with open(path, "wb") as file:
        soundfile.write(file, tone, 48_000, **{"format": suffix.upper(), **options})
    answer = client_of(one_song_index(path)).get("/audio/0")
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.content == path.read_bytes()


def test_no_path_of_the_client_is_opened(client, tmp_path, monkeypatch):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(2.0))
    opened = []

    def watched(function):
        def open_and_tell(path, *arguments, **options):
            opened.append(os.fsdecode(path) if not isinstance(path, int) else "")
            return function(path, *arguments, **options)

        return open_and_tell

    monkeypatch.setattr("builtins.open", watched(open))
    monkeypatch.setattr("os.open", watched(os.open))
    monkeypatch.setattr("soundfile.SoundFile.__init__", seen(opened, soundfile.SoundFile.__init__))
    assert upload(client, wav(), str(secret)).status_code == 200
    assert upload(client, str(secret).encode(), str(secret)).status_code == 415
    assert client.post("/api/search/lyrics", json={"text": f"moon {secret}"}).status_code == 200
    assert client.get(f"/audio/{secret}").status_code == 404
    assert any("skdcca-" in path for path in opened)  # so that the test sees what is opened
    assert not [path for path in opened if "secret" in path]


def seen(opened, function):
    def init(self, file, *arguments, **options):
        opened.append(str(file))
        return function(self, file, *arguments, **options)

    return init


# ---- who may ask -----------------------------------------------------------------------------


def test_headers_of_every_answer(client):
    answers = [
        client.get("/"),
        client.get("/api/about"),
        client.get("/audio/0"),
        client.get("/nowhere"),
        client.post("/api/search/lyrics", json={"text": ""}),
        client.get("/", headers={"Host": "evil.example"}),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 400, 421]


def test_the_page_is_allowed_by_its_hash_and_needs_no_other_host(client):
    page = client.get("/").text
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = b64encode(sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in client.get("/").headers["content-security-policy"]
    assert set(re.findall(r"https?://[^/'\"]*", page)) == {"http://www.w3.org"}  # names of SVG
    assert "innerHTML" not in page
    assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    ],
)
def test_other_sites_cannot_search(client, headers):
    for answer in (
        client.post("/api/search/lyrics", json={"text": "moon"}, headers=headers),
        client.post("/api/search/audio", files={"file": ("a", wav())}, headers=headers),
    ):
        assert answer.status_code == 403
        assert list(answer.json()) == ["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_the_page_itself_can_search(client, headers):
    answer = client.post("/api/search/lyrics", json={"text": "moon"}, headers=headers)
    assert answer.status_code == 200


def test_names_of_this_machine_alone(client, index):
    for host in ("localhost:8000", "127.0.0.1", "127.0.0.1:1", "[::1]:8000", "LOCALHOST"):
        assert client.get("/api/about", headers={"Host": host}).status_code == 200
    for host in (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "[",
        "x@y",
    ):
        assert client.get("/api/about", headers={"Host": host}).status_code == 421
    elsewhere = client_of(index, hosts=None)
    assert elsewhere.get("/api/about", headers={"Host": "music.example"}).status_code == 200


def test_hostile_metadata_is_text(tmp_path):
    metadata = [{"title": name, "group": name, "lyrics": name, "audio": name} for name in BAD_NAMES]
    index = number_index(4, metadata=metadata)
    client = client_of(index)
    points = client.get("/api/map")
    assert points.headers["content-type"] == "application/json"
    assert points.json()["titles"] == [*BAD_NAMES[:2], "?t?", BAD_NAMES[3]]
    assert all(name not in client.get("/").text for name in BAD_NAMES[:2])
    json.dumps(client.get("/api/about").json())


# ---- many, slow and broken clients -----------------------------------------------------------


@pytest.fixture
def serving():
    """Function that serves an application on a real socket, and gives its port."""
    running = []

    def serve(app):
        address, *handles = start(app)
        running.append(handles)
        return int(address.rpartition(":")[2])

    yield serve
    for server, thread in running:
        server.should_exit = server.force_exit = True
        thread.join(WAIT)


def begin_upload(port, sent=b"", length=10_000_000):
    """Socket of a client that has sent the beginning of a clip, and sends no more."""
    client = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
    client.sendall(
        b"POST /api/search/audio HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: multipart/form-data; boundary=xx\r\n"
        b"Content-Length: %d\r\n\r\n--xx\r\n"
        b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' % length
    )
    client.sendall(sent)
    return client


def client_at(port):
    import httpx

    return httpx.Client(base_url=f"http://localhost:{port}", timeout=WAIT)


def until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def test_slow_uploads_keep_nobody_waiting(index, serving):
    port = serving(web.make_app(index))
    slow = [begin_upload(port) for _ in range(web.MAX_UPLOADS - 1)]
    began = time.monotonic()
    with client_at(port) as client:
        assert client.get("/").status_code == 200
        assert client.post("/api/search/lyrics", json={"text": "moon"}).status_code == 200
        assert client.get("/audio/3").status_code == 200
        assert upload(client, wav()).status_code == 200
    assert time.monotonic() - began < 10
    for one in slow:
        one.close()


def ends(client):
    """Whether the server hangs up, and does not just keep silent."""
    client.settimeout(WAIT)
    return client.recv(1) == b""


def test_who_sends_no_header_is_hung_up_on(index, serving, monkeypatch):
    monkeypatch.setattr(web, "MAX_HEADER", 0.4)
    port = serving(web.make_app(index))
    request = b"GET /api/about HTTP/1.1\r\nHost: localhost\r\n"
    for sent in (b"", request):
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as client:
            client.sendall(sent)
            assert ends(client)
    # Nor does a whole request first, or a letter now and then, buy the next one time.
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as client:
        client.sendall(request + b"\r\n")
        answer = client.recv(10_000)
        assert answer.startswith(b"HTTP/1.1 200 ")
        client.sendall(request)
        client.settimeout(0.05)
        began, ended = time.monotonic(), False
        while not ended and time.monotonic() - began < WAIT:
            try:
                client.sendall(b"X")
                ended = client.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
        assert ended


def test_a_request_longer_than_the_time_of_a_header_is_answered(index, serving, monkeypatch):
    monkeypatch.setattr(web, "MAX_HEADER", 0.1)
    query = CrossModalIndex.query

    def slow(self, *arguments, **options):
        time.sleep(0.4)
        return query(self, *arguments, **options)

    monkeypatch.setattr(CrossModalIndex, "query", slow)
    with client_at(serving(web.make_app(index))) as client:
        for _ in range(2):
            assert client.post("/api/search/lyrics", json={"text": "moon"}).status_code == 200


@pytest.mark.parametrize("limit", ["MAX_SILENCE", "MAX_SENDING"])
def test_an_upload_that_takes_too_long_is_ended(index, serving, scratch, monkeypatch, limit):
    monkeypatch.setattr(web, limit, 0.4)
    port = serving(web.make_app(index))
    with begin_upload(port, wav()) as client:
        answer = b"".join(iter(lambda: client.recv(4096), b""))  # the server hangs up
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'{"error":"This came too slowly' in answer
    assert not list(scratch.iterdir())


def test_a_drop_now_and_then_does_not_buy_time(index, serving, monkeypatch):
    monkeypatch.setattr(web, "MAX_SENDING", 1.0)
    port = serving(web.make_app(index))
    began = time.monotonic()
    with begin_upload(port) as client:
        client.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() - began < WAIT:
            client.sendall(b"x")
            try:
                answer = client.recv(4096)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_uploads_wait_for_their_turn(index, serving, monkeypatch):
    monkeypatch.setattr(web, "MAX_UPLOADS", 1)
    monkeypatch.setattr(web, "MAX_WAIT", 0.5)
    port = serving(web.make_app(index))
    first = begin_upload(port)
    time.sleep(0.2)
    with client_at(port) as client:
        refused = upload(client, wav())
        assert refused.status_code == 503
        assert "Too many sounds" in refused.json()["error"]
        assert refused.headers["retry-after"] == "10"
        assert client.get("/api/about").status_code == 200
        monkeypatch.setattr(web, "MAX_WAIT", WAIT)
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(upload, client, wav())
            time.sleep(0.3)
            assert not waiting.done()
            first.close()
            assert waiting.result(WAIT).status_code == 200


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts files by Linux's /proc")
def test_an_upload_that_breaks_off_leaves_nothing(index, serving, scratch):
    port = serving(web.make_app(index))
    with client_at(port) as client:
        assert upload(client, wav()).status_code == 200
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(12):  # more than there are turns
            # Above a megabyte it goes from memory to the disk.
            broken = begin_upload(port, bytes(3_000_000))
            time.sleep(0.05)
            broken.close()
        until(lambda: len(os.listdir("/proc/self/fd")) <= before)
        assert not list(scratch.iterdir())
        assert upload(client, wav()).status_code == 200


def test_searches_leave_threads_to_the_sounds(index, serving, monkeypatch):
    """The model is busy, and more clients wait for it than the server has threads."""
    go_on, query = threading.Event(), CrossModalIndex.query

    def slow(self, *arguments, **options):
        assert go_on.wait(WAIT)
        return query(self, *arguments, **options)

    monkeypatch.setattr(CrossModalIndex, "query", slow)
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
        finally:
            go_on.set()
        assert {one.result(WAIT).status_code for one in waiting} == {200}


# ---- serve -----------------------------------------------------------------------------------


def test_a_port_in_use_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} .*choose another port"):
            web.serve(number_index(), port=port)


@pytest.mark.parametrize("port", [-1, 65536, "8000", 80.0])
def test_a_port_that_is_none(port):
    with pytest.raises(ValueError, match="whole number from 0 to 65535"):
        web.serve(number_index(), port=port)


def test_a_host_that_is_none():
    with pytest.raises(OSError, match=r"cannot listen at no\.such\.host\.invalid"):
        web.serve(number_index(), host="no.such.host.invalid", port=0)


@pytest.mark.parametrize(
    ("host", "open_to_all"), [("127.0.0.1", False), ("127.0.0.2", False), ("0.0.0.0", True)]
)
@pytest.mark.skipif(sys.platform == "darwin", reason="has one loopback address")
def test_other_machines_only_if_asked_for(monkeypatch, capsys, host, open_to_all):
    served = {}

    def run(self, sockets):
        served["app"] = self.config.app
        served["address"] = sockets[0].getsockname()[0]

    monkeypatch.setattr("uvicorn.Server.run", run)
    web.serve(number_index(), host=host, port=0)
    assert served["address"] == host
    assert ("no password" in capsys.readouterr().out) == open_to_all
    from fastapi.testclient import TestClient

    client = TestClient(served["app"], base_url="http://music.example")
    assert client.get("/api/about").status_code == (200 if open_to_all else 421)
    assert client.get("/api/about", headers={"Host": host}).status_code == 200


SERVER = """
import numpy as np
from skdcca import LinearCCA
from skdcca.retrieval import CrossModalIndex
import signal, skdcca.web, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
assert "fastapi" not in sys.modules
X = np.random.default_rng(0).normal(size=(20, 3))
skdcca.web.serve(CrossModalIndex(LinearCCA(2).fit(X, X)).fit(X, X), port=0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs the signal of Ctrl-C")
def test_serve_until_interrupted():
    import httpx

    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())[0]
            assert httpx.get(f"{address}/api/about").json()["items"] == 20
            server.send_signal(signal.SIGINT)
            out, err = server.communicate(timeout=20)
        finally:
            server.kill()
    assert server.returncode == 0
    assert "Stopped." in out
    assert "Traceback" not in err


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "python_multipart", None)
    for function in (web.make_app, web.serve):
        with pytest.raises(ImportError, match=re.escape('pip install "skdcca[web]"')):
            function(number_index())
