"""The guard: other sites, sizes of requests, and many or slow uploads."""

import os
import re
import socket
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from _page import (
    WAIT,
    client_at,
    client_of,
    servers,
    synthetic_index,
    upload,
    use_temporary_folder,
    wav,
)

from skdcca import web
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


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    return use_temporary_folder(tmp_path, monkeypatch)


@pytest.fixture
def serving():
    with servers() as serve:
        yield serve


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
    assert set(re.findall(r"https?://[^/'\"]*", page)) == {
        "http://www.w3.org"
    }  # the namespace of SVG
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


def test_only_names_of_this_machine_are_accepted(client, index):
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


@pytest.mark.parametrize("claimed", ["true", "10"])
def test_the_size_of_an_upload_is_counted(client, scratch, monkeypatch, claimed):
    monkeypatch.setattr(_limits, "MAX_BYTES", 30_000)
    monkeypatch.setattr(_limits, "MAX_BODY", 1_000)
    assert upload(client, wav(1.0)).status_code == 200  # 22 kB
    content = wav(2.0)
    body = client.build_request("POST", "/api/search/audio", files={"file": ("a.wav", content)})
    body.read()
    headers = dict(body.headers) | ({} if claimed == "true" else {"content-length": claimed})
    answer = client.post("/api/search/audio", content=body.content, headers=headers)
    assert answer.status_code == 413
    assert "too large; the limit is 0.03 MB" in answer.json()["error"]
    assert not list(scratch.iterdir())


def test_the_size_of_a_text_is_counted(client, monkeypatch):
    monkeypatch.setattr(_limits, "MAX_BODY", 1_000)
    chunks = (b" " * 100 for _ in range(100))  # sent without a length
    answer = client.post(
        "/api/search/lyrics", content=chunks, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert answer.json() == {"error": "The request is too large; the limit is 0.001 MB."}


def begin_upload(port, sent=b"", length=10_000_000):
    """Return the socket of a client that has sent only the beginning of a clip."""
    client = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
    client.sendall(
        b"POST /api/search/audio HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: multipart/form-data; boundary=xx\r\n"
        b"Content-Length: %d\r\n\r\n--xx\r\n"
        b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' % length
    )
    client.sendall(sent)
    return client


def until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def test_slow_uploads_do_not_block_others(index, serving):
    port = serving(web.make_app(index))
    slow = [begin_upload(port) for _ in range(_limits.MAX_UPLOADS - 1)]
    began = time.monotonic()
    with client_at(port) as client:
        assert client.get("/").status_code == 200
        assert client.post("/api/search/lyrics", json={"text": "moon"}).status_code == 200
        assert client.get("/audio/3").status_code == 200
        assert upload(client, wav()).status_code == 200
    assert time.monotonic() - began < 10
    for one in slow:
        one.close()


@pytest.mark.parametrize("limit", ["MAX_SILENCE", "MAX_SENDING"])
def test_an_upload_that_takes_too_long_is_ended(index, serving, scratch, monkeypatch, limit):
    monkeypatch.setattr(_limits, limit, 0.4)
    port = serving(web.make_app(index))
    with begin_upload(port, wav()) as client:
        answer = b"".join(iter(lambda: client.recv(4096), b""))  # the server disconnects
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'{"error":"The request was sent too slowly' in answer
    assert not list(scratch.iterdir())


def test_sending_a_byte_now_and_then_does_not_extend_the_limit(index, serving, monkeypatch):
    monkeypatch.setattr(_limits, "MAX_SENDING", 1.0)
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


def test_uploads_wait_in_a_queue(index, serving, monkeypatch):
    monkeypatch.setattr(_limits, "MAX_UPLOADS", 1)
    monkeypatch.setattr(_limits, "MAX_WAIT", 0.5)
    port = serving(web.make_app(index))
    first = begin_upload(port)
    time.sleep(0.2)
    with client_at(port) as client:
        refused = upload(client, wav())
        assert refused.status_code == 503
        assert "Too many uploads" in refused.json()["error"]
        assert refused.headers["retry-after"] == "10"
        assert client.get("/api/about").status_code == 200
        monkeypatch.setattr(_limits, "MAX_WAIT", WAIT)
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(upload, client, wav())
            time.sleep(0.3)
            assert not waiting.done()
            first.close()
            assert waiting.result(WAIT).status_code == 200


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts files by Linux's /proc")
def test_aborted_uploads_leave_no_file(index, serving, scratch):
    port = serving(web.make_app(index))
    with client_at(port) as client:
        assert upload(client, wav()).status_code == 200
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(12):  # more than MAX_UPLOADS
            # Uploads above a megabyte are moved from memory to disk.
            broken = begin_upload(port, bytes(3_000_000))
            time.sleep(0.05)
            broken.close()
        until(lambda: len(os.listdir("/proc/self/fd")) <= before)
        assert not list(scratch.iterdir())
        assert upload(client, wav()).status_code == 200
