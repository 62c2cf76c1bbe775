"""The server: ports, hosts, Ctrl-C, and clients without a complete header."""

import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from _page import WAIT, client_at, number_index, servers, synthetic_index

from skdcca import web
from skdcca.retrieval import CrossModalIndex
from skdcca.web import _limits

pytest.importorskip("fastapi", reason='the page needs the extra: pip install "skdcca[web]"')
# Starlette deprecates httpx for its test client.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return synthetic_index(tmp_path_factory.mktemp("songs"))


@pytest.fixture
def serving():
    with servers() as serve:
        yield serve


def test_a_port_in_use_raises():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} .*Choose another port"):
            web.serve(number_index(), port=port)


@pytest.mark.parametrize("port", [-1, 65536, "8000", 80.0])
def test_an_invalid_port_raises(port):
    with pytest.raises(
        ValueError, match=rf"`port` must be an integer in \[0, 65535\], got {port!r}"
    ):
        web.serve(number_index(), port=port)


def test_an_unknown_host_raises():
    with pytest.raises(OSError, match=r"Cannot listen on no\.such\.host\.invalid"):
        web.serve(number_index(), host="no.such.host.invalid", port=0)


@pytest.mark.parametrize(
    ("host", "open_to_all"), [("127.0.0.1", False), ("127.0.0.2", False), ("0.0.0.0", True)]
)
@pytest.mark.skipif(sys.platform == "darwin", reason="has one loopback address")
def test_other_machines_are_accepted_only_on_request(monkeypatch, capsys, host, open_to_all):
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


def ends(client):
    """Return True if the server disconnects instead of staying silent."""
    client.settimeout(WAIT)
    return client.recv(1) == b""


def test_clients_without_a_complete_header_are_disconnected(index, serving, monkeypatch):
    monkeypatch.setattr(_limits, "MAX_HEADER", 0.4)
    port = serving(web.make_app(index))
    request = b"GET /api/about HTTP/1.1\r\nHost: localhost\r\n"
    for sent in (b"", request):
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as client:
            client.sendall(sent)
            assert ends(client)
    # The limit also holds after a complete request, and if single bytes keep arriving.
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


def test_the_limit_on_headers_does_not_end_a_long_search(index, serving, monkeypatch):
    monkeypatch.setattr(_limits, "MAX_HEADER", 0.1)
    find_words = CrossModalIndex.find_words

    def slow(self, *arguments, **options):
        time.sleep(0.4)
        return find_words(self, *arguments, **options)

    monkeypatch.setattr(CrossModalIndex, "find_words", slow)
    with client_at(serving(web.make_app(index))) as client:
        for _ in range(2):
            assert client.post("/api/search/lyrics", json={"text": "moon"}).status_code == 200
