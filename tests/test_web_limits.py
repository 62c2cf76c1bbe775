"""Limits on queries and clips."""

import io

import numpy as np
import pytest
import soundfile
from _page import RATE, client_of, synthetic_index, upload, use_temporary_folder, wav

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


def almost_silent():
    """Return the content of a WAV file with a tenth of a second of sound in two seconds."""
    file = io.BytesIO()
    soundfile.write(file, np.pad(np.ones(RATE // 10) / 2, RATE), RATE, format="WAV")
    return file.getvalue()


PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
BAD_CLIPS = {
    "text": (b"la la la " * 100, 415, "cannot be read as audio"),
    "picture": (PNG, 415, "cannot be read as audio"),
    "empty": (b"", 400, "empty"),
    "header alone": (wav()[:44], 400, "too short"),
    "cut header": (wav()[:20], 415, "cannot be read as audio"),
    "too short": (wav(0.01), 400, "too short (0.01 s)"),
    "silent": (almost_silent(), 400, "less than 1 s of sound to search by"),
    "not a number": (wav(value=np.nan, subtype="FLOAT"), 400, "damaged"),
    "too long": (wav(601, rate=1000), 400, "is 10:01 minutes long; the limit is 10"),
    "too many channels": (wav(channels=9), 400, "9 channels"),
    "too fast": (wav(rate=400_000), 400, "400,000 Hz"),
}


@pytest.mark.parametrize("kind", BAD_CLIPS)
def test_bad_clips_get_a_message_and_leave_no_file(client, scratch, kind):
    content, status, message = BAD_CLIPS[kind]
    answer = upload(client, content)
    assert answer.status_code == status
    assert message in answer.json()["error"]
    assert str(scratch) not in answer.text
    assert "skdcca-" not in answer.text
    assert not list(scratch.iterdir())


BAD_QUERIES = {
    "empty": ({"text": ""}, "Type a line"),
    "blank": ({"text": " \n\t "}, "Type a line"),
    "long": ({"text": "la " * 7000}, "21,000 characters; the limit is 20,000"),
    "no text": ({}, "text: "),
    "number": ({"text": 3}, "text: "),
    "none": ({"text": "moon", "n": 0}, "n: "),
    "many": ({"text": "moon", "n": 101}, "n: "),
    "list": (["moon"], ": "),
}


@pytest.mark.parametrize("kind", BAD_QUERIES)
def test_bad_queries_get_a_message(client, kind):
    query, message = BAD_QUERIES[kind]
    answer = client.post("/api/search/lyrics", json=query)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert message in answer.json()["error"]
