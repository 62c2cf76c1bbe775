"""Indexes, clients and uploads for the tests of the page."""

import io
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import LinearCCA, MelSpectrogram, TemporalSummary, web
from skdcca.datasets import make_songs
from skdcca.retrieval import CrossModalIndex
from skdcca.web._server import make_server

N_SONGS, RATE = 40, 11025
WAIT = 20  # seconds; a test needs a fraction of them
BAD_NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\udce9t\udce9",
    "x" * 300,
]


def synthetic_index(folder):
    """Return an index of the training songs of its model, with sounds in a folder."""
    songs = make_songs(N_SONGS, strength=1.0, duration=3.0, sample_rate=RATE, random_state=0)
    files = [str(Path(folder, f"{name}.wav")) for name in songs.ids]
    for file, (waveform, rate) in zip(files, songs.audio, strict=True):
        soundfile.write(file, waveform, rate)
    words = make_pipeline(TfidfVectorizer(), TruncatedSVD(30, random_state=0))
    model = make_pipeline(
        MelSpectrogram(sample_rate=RATE, n_mels=40, duration=3.0),
        TemporalSummary(),
        StandardScaler(),
        LinearCCA(10, reg=0.1, y_transformer=words),
    ).fit(files, songs.lyrics)
    heard = [heard_lines(lyrics, seconds=3.0) for lyrics in songs.lyrics]
    rows = zip(songs.titles, songs.groups.tolist(), songs.lyrics, files, heard, strict=True)
    keys = ["title", "group", "lyrics", "audio", "heard"]
    metadata = [dict(zip(keys, values, strict=True)) for values in rows]
    return CrossModalIndex(model).fit(files, songs.lyrics, ids=songs.ids, metadata=metadata)


def heard_lines(lyrics, seconds):
    """Return the lines of a song as if they had been heard one after another, equally long."""
    lines = lyrics.split("\n")
    times = np.linspace(0, seconds, len(lines) + 1).tolist()
    segments = [list(row) for row in zip(times[:-1], times[1:], lines, strict=True)]
    return {"language": "en", "segments": segments}


def number_index(n_items=30, n_components=2, **fit):
    """Return an index of plain numbers, for tests that need no songs."""
    X = np.random.default_rng(0).normal(size=(n_items, 3))
    return CrossModalIndex(LinearCCA(n_components).fit(X, X)).fit(X, X, **fit)


def one_song_index(path):
    """Return an index whose first song has its sound in this file."""
    return number_index(4, metadata=[{"audio": str(path)}] + [{}] * 3)


def start(app):
    """Run an application in a thread; return its address, its server and the thread."""
    server = make_server(app, port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + WAIT
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < end, "the server takes too long to start"
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    return f"http://127.0.0.1:{port}", server, thread


@contextmanager
def servers():
    """Yield a function that serves an application on a real socket and returns its port."""
    running = []

    def serve(app):
        address, *handles = start(app)
        running.append(handles)
        return int(address.rpartition(":")[2])

    try:
        yield serve
    finally:
        for server, thread in running:
            server.should_exit = server.force_exit = True
            thread.join(WAIT)


def client_of(index, **options):
    """Return a client that calls the application of an index without a server."""
    from fastapi.testclient import TestClient

    return TestClient(web.make_app(index, **options), base_url="http://localhost")


def client_at(port):
    """Return a client of a server on this machine."""
    import httpx

    return httpx.Client(base_url=f"http://localhost:{port}", timeout=WAIT)


def song(index, position):
    """Return the metadata of the song at a position."""
    return index.metadata_[index.ids_[position].item()]


def upload(client, content, name="clip.wav", **fields):
    """Search by a clip and return the response."""
    return client.post("/api/search/audio", files={"file": (name, content)}, data=fields)


def wav(seconds=1.0, channels=1, value=None, rate=RATE, **options):
    """Return the content of a WAV file of noise, with one sample of another value if it is given."""
    waveform = 0.1 * np.random.default_rng(0).normal(size=(int(seconds * rate), channels))
    if value is not None:
        waveform[5] = value
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format="WAV", **options)
    return file.getvalue()


def use_temporary_folder(tmp_path, monkeypatch):
    """Put temporary files into a new folder and return it, so that a test finds those left behind."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder
