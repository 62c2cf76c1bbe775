"""Files of an index that are served as sounds, and those that are not."""

import os

import numpy as np
import pytest
import soundfile
from _page import client_of, one_song_index, wav

from skdcca.web._songs import Songs

pytest.importorskip("fastapi", reason='the page needs the extra: pip install "skdcca[web]"')
# Starlette deprecates httpx for its test client.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


NOT_SOUNDS = {
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


@pytest.mark.parametrize("name", NOT_SOUNDS)
def test_files_that_are_not_sounds_are_not_served(tmp_path, name):
    (tmp_path / name).write_bytes(NOT_SOUNDS[name])
    index = one_song_index(tmp_path / name)
    answer = client_of(index).get("/audio/0")
    assert answer.status_code == 404
    assert list(answer.json()) == ["error"]
    assert Songs(index).sound_file(0) is None


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
