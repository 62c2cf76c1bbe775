"""Measure `skdcca serve`: how soon it answers, and how it bears 50 concurrent clients.

An index of synthetic songs is saved and served by ``python -m skdcca serve`` in a separate process on
the same machine. First, the time until the server listens is measured, and the times of the first
searches by three to ten words, one after the other. Then the clients come. Each of them sends its next
request when the last one has been answered. Every response is checked: its status, the audio, and that
the ten songs match those that the index returns without a server. Memory and open files of the server
are read from /proc (Linux only).

    python benchmarks/page_load.py [--songs 200] [--clients 50] [--seconds 60] [--pause 0] [--quick]
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import httpx
import numpy as np
import soundfile

from skdcca import save
from skdcca._cli.song_models import song_index, song_model
from skdcca.datasets import make_songs

from _common.arguments import make_parser
from _common.memory import status
from _common.table import print_head, print_row

RATE, SECONDS = 11025, 3.0
# Number of requests of each kind per hundred.
MIX = {
    "GET /": 10,
    "GET /api/about": 5,
    "GET /api/map": 5,
    "GET /api/waveform/N": 5,
    "GET /api/song/N": 5,
    "GET /api/like/N": 5,
    "POST /api/search/lyrics": 30,
    "POST /api/search/audio": 10,
    "GET /audio/N": 10,
    "GET /audio/N, a range": 15,
}


def main():
    parser = make_parser(__doc__, "10 seconds, 40 songs")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=0, help="mean seconds between two requests")
    parser.add_argument("--songs", type=int, default=200)
    options = parser.parse_args()
    seconds, n_songs = (10, 40) if options.quick else (options.seconds, options.songs)
    with tempfile.TemporaryDirectory() as folder:
        index, songs = saved_index(folder, n_songs)
        command = [sys.executable, "-m", "skdcca", "serve", index, "--port", "0"]
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                address = re.search(r"http://\S+", server.stdout.readline())[0]
                print(
                    f"{n_songs:,} songs, {time.perf_counter() - began:.2f} s until the server listens"
                )
                first_answers(address, songs)
                load = Load(address, server.pid, songs)
                asyncio.run(load.run(options.clients, seconds, options.pause))
            finally:
                server.send_signal(signal.SIGINT)
    load.report(options.clients, seconds)
    sys.exit(bool(load.errors))


def saved_index(folder, n_songs):
    """Return the path of an index, and its songs with their files and expected results."""
    songs = make_songs(n_songs, strength=1.0, duration=SECONDS, sample_rate=RATE, random_state=0)
    songs.files = [os.path.join(folder, f"{name}.wav") for name in songs.ids]
    for file, (waveform, rate) in zip(songs.files, songs.audio, strict=True):
        soundfile.write(file, waveform, rate)
    songs.audio = songs.files
    index = song_index(song_model("linear", n_songs).fit(songs.files, songs.lyrics), songs)
    by_lyrics, by_sound = index.query(y=songs.lyrics)[1], index.query(X=songs.files)[1]
    songs.found = {"lyrics": by_lyrics.tolist(), "audio": by_sound.tolist()}
    path = os.path.join(folder, "songs.index")
    save(index, path)
    return path, songs


def first_answers(address, songs, n=30):
    """Print how long the first search takes, and others of a line or of some words of a line."""
    lines = [lyrics.split("\n")[1] for lyrics in songs.lyrics[:n]]
    queries = [" ".join(line.split()[: 3 + at % 8]) for at, line in enumerate(lines)]
    with httpx.Client(base_url=address, timeout=300) as client:
        seconds = [search_seconds(client, query) for query in queries]
    print(f"first search {seconds[0]:.3f} s; the next {n - 1}: ", end="")
    print(f"median {np.median(seconds[1:]):.3f} s, greatest {max(seconds[1:]):.3f} s\n")


def search_seconds(client, text):
    """Return the seconds that one search by lyrics takes."""
    began = time.perf_counter()
    client.post("/api/search/lyrics", json={"text": text}).raise_for_status()
    return time.perf_counter() - began


class Load:
    """Clients of a server, with their latencies and errors.

    Parameters
    ----------
    address : str
        Address of the server.
    process : int
        Process id of the server.
    songs : Bunch
        Songs that it serves.
    """

    def __init__(self, address, process, songs):
        self.address = address
        self.process = process
        self.songs = songs
        self.contents = [Path(file).read_bytes() for file in songs.files]
        self.latencies = defaultdict(list)
        self.errors = defaultdict(int)
        self.states = [("start", *self.state())]

    def state(self):
        """Return the memory of the server in MB, its open files and its threads."""
        text = Path(f"/proc/{self.process}/status").read_text()
        threads = int(re.search(r"Threads:\s+(\d+)", text)[1])
        n_files = len(os.listdir(f"/proc/{self.process}/fd"))
        return status("VmRSS", self.process) / 2**20, n_files, threads

    async def run(self, n_clients, seconds, pause):
        """Run the clients for some time while sampling the state of the server."""
        await self.one_of_each()
        self.states.append(("one request of each kind", *self.state()))
        end = time.monotonic() + seconds
        clients = [asyncio.create_task(self.client(seed, end, pause)) for seed in range(n_clients)]
        parts = 6
        for part in range(1, parts):
            await asyncio.sleep(max(0, end - seconds * (1 - part / parts) - time.monotonic()))
            self.states.append((f"{seconds * part / parts:.0f} s", *self.state()))
        await asyncio.gather(*clients)
        self.states.append((f"{seconds:.0f} s, clients gone", *self.state()))

    async def one_of_each(self):
        """Warm up the server with one request of each kind."""
        async with httpx.AsyncClient(base_url=self.address, timeout=60) as client:
            for kind in MIX:
                await self.ask(client, kind, 0)
        self.latencies.clear()

    async def client(self, seed, end, pause):
        """Send one request after the other until the end."""
        rng = np.random.default_rng(seed)
        kinds, shares = list(MIX), np.array(list(MIX.values())) / 100
        async with httpx.AsyncClient(base_url=self.address, timeout=60) as client:
            while time.monotonic() < end:
                kind = kinds[rng.choice(len(kinds), p=shares)]
                try:
                    await self.ask(client, kind, int(rng.integers(len(self.contents))))
                except (httpx.HTTPError, ValueError, KeyError) as error:
                    self.errors[f"{kind}: {type(error).__name__} {error}"] += 1
                if pause:
                    await asyncio.sleep(rng.exponential(pause))

    async def ask(self, client, kind, at):
        """Send one request for the song at a position and check the response."""
        method, path = kind.partition(",")[0].replace("N", str(at)).split()
        content, options, status = self.contents[at], {}, 200
        if "lyrics" in kind:
            options["json"] = {"text": self.songs.lyrics[at]}
        elif "search" in kind:
            options["files"] = {"file": ("clip.wav", content)}
        elif "range" in kind:
            options["headers"], status = {"Range": "bytes=1000-20999"}, 206
            content = content[1000:21000]
        began = time.perf_counter()
        answer = await client.request(method, path, **options)
        self.latencies[kind].append(time.perf_counter() - began)
        if answer.status_code != status:
            raise ValueError(f"status {answer.status_code}, {answer.text[:100]}")
        if "search" in kind:
            found = [hit["id"] for hit in answer.json()["results"]]
            if found != self.songs.found["lyrics" if "lyrics" in kind else "audio"][at]:
                raise ValueError("other songs than the index finds")
        if "audio/N" in kind and answer.content != content:
            raise ValueError("another sound")

    def report(self, n_clients, seconds):
        """Print the tables."""
        n_requests = sum(map(len, self.latencies.values()))
        print(f"{n_clients} clients, {seconds:.0f} s, {n_requests:,} requests", end=", ")
        print(f"{n_requests / seconds:.0f} a second, {sum(self.errors.values())} errors")
        for error, times in self.errors.items():
            print(f"  {times} x {error}")
        print()
        print_head("request", "number", "median, ms", "95 %", "99 %", "greatest")
        for kind in MIX:
            if times := self.latencies[kind]:
                shown = 1000 * np.quantile(times, [0.5, 0.95, 0.99, 1])
                print_row(kind, f"{len(times):,}", *(f"{value:.0f}" for value in shown))
        print()
        print_head("server after", "memory, MB", "open files", "threads")
        for name, memory, files, threads in self.states:
            print_row(name, f"{memory:.0f}", files, threads)


if __name__ == "__main__":
    main()
