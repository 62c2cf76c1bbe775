"""Songs without any lyrics, whose words are spoken: from a folder of files to a search, with Whisper.

The words are spoken by espeak-ng over synthetic music. The recognizer is the one in the folder that
SKDCCA_WHISPER names; `make whisper` fetches it.
"""

import json
import os
import shutil

import pytest
import soundfile

from skdcca import web
from skdcca._cli import main
from skdcca._cli.spoken import spoken_song
from skdcca.datasets import make_songs
from skdcca.persistence import load

pytest.importorskip(
    "faster_whisper", reason='hearing needs the extra: pip install "skdcca[speech]"'
)
pytest.importorskip("fastapi", reason='the page needs the extra: pip install "skdcca[web]"')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("SKDCCA_WHISPER"), reason="SKDCCA_WHISPER names no model"
    ),
    pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed"),
    # Starlette deprecates httpx for its test client.
    pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`"),
]

N_SONGS = 30
# Share of the songs that each of their two lines must find at the first place: by its words, and by the
# fit of the whole query with what was heard. Chance is 1 in 30.
LEAST_BY_WORDS, LEAST_BY_FIT = 0.95, 0.9


@pytest.fixture(scope="module")
def lines():
    """Return two lines of lyrics for each song."""
    songs = make_songs(N_SONGS, duration=0.1, random_state=0)
    return [text.splitlines()[2:4] for text in songs.lyrics]


@pytest.fixture(scope="module")
def place(lines, tmp_path_factory):
    """Return a folder with the songs, and with a model and an index that the commands made."""
    place = tmp_path_factory.mktemp("heard")
    (place / "music").mkdir()
    music = make_songs(N_SONGS, duration=6.0, random_state=0).audio
    for number, ((waveform, rate), words) in enumerate(zip(music, lines, strict=True)):
        song, rate = spoken_song("\n".join(words), waveform, rate)
        soundfile.write(place / "music" / f"song{number:02d}.flac", song, rate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKDCCA_CACHE", str(place / "cache"))
        model, index = str(place / "model"), str(place / "songs.index")
        assert main(["fit", str(place / "music"), "-o", model, "--quiet"]) == 0
        assert main(["index", model, str(place / "music"), "-o", index, "--quiet"]) == 0
    return place


def queries(lines):
    return [(f"song{number:02d}", line) for number, two in enumerate(lines) for line in two]


def share(found):
    return sum(found) / len(found)


def test_a_line_finds_its_song_by_the_command(place, lines, capsys):
    by_words, by_fit = [], []
    for name, line in queries(lines):
        assert main(["search", str(place / "songs.index"), line, "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        by_words.append(bool(answer["words"]) and answer["words"][0]["id"] == name)
        by_fit.append(answer["results"][0]["id"] == name)
        if by_words[-1]:
            assert 0 <= answer["words"][0]["start"] < 10
    print(f"by words {share(by_words):.3f}, by fit {share(by_fit):.3f}")
    assert share(by_words) >= LEAST_BY_WORDS
    assert share(by_fit) >= LEAST_BY_FIT


def test_a_line_finds_its_song_by_the_page(place, lines):
    from fastapi.testclient import TestClient

    client = TestClient(web.make_app(load(place / "songs.index")), base_url="http://localhost")
    by_words, by_fit = [], []
    for name, line in queries(lines):
        answer = client.post("/api/search/lyrics", json={"text": line, "n": 3}).json()
        by_words.append(bool(answer["words"]) and answer["words"][0]["id"] == name)
        by_fit.append(answer["results"][0]["id"] == name)
    assert share(by_words) >= LEAST_BY_WORDS
    assert share(by_fit) >= LEAST_BY_FIT


def test_a_recording_of_the_song_finds_it_by_its_words(place, capsys):
    clip = place / "clip.wav"
    waveform, rate = soundfile.read(place / "music" / "song07.flac")
    soundfile.write(clip, 0.1 * waveform, rate)  # 20 dB quieter
    assert main(["search", str(place / "songs.index"), "--audio", str(clip), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["heard"]
    assert answer["words"][0]["id"] == answer["results"][0]["id"] == "song07"
