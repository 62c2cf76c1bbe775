"""Errors become messages that reveal nothing of the server."""

import pytest
from _page import client_of, synthetic_index, upload, wav

from skdcca.retrieval import CrossModalIndex

pytest.importorskip("fastapi", reason='the page needs the extra: pip install "skdcca[web]"')
# Starlette deprecates httpx for its test client.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return synthetic_index(tmp_path_factory.mktemp("songs"))


@pytest.fixture
def client(index):
    return client_of(index)


def test_broken_requests_get_a_message(client):
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


def test_unexpected_errors_reveal_nothing(index, monkeypatch, caplog):
    def broken(*arguments, **options):
        raise RuntimeError("secret of /home/someone")

    monkeypatch.setattr(CrossModalIndex, "embed", broken)
    answer = client_of(index).post("/api/search/lyrics", json={"text": "moon"})
    assert answer.status_code == 500
    assert list(answer.json()) == ["error"]
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "content-security-policy" in answer.headers
    assert "secret of /home/someone" in caplog.text  # logged on the server
