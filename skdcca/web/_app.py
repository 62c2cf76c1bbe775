"""The page behind ``skdcca serve``: lyrics find songs, a sound finds lyrics, in the browser.

`make_app` is the application, `serve` runs it on this machine. The page is one file, ``page.html``,
and asks nothing of any other host. Whatever comes from a browser is taken for hostile: no path of it
is opened, no name of it is kept, no other site may ask in its stead. What comes from the index is
shown as text, never as markup.
"""

import importlib.util
import ipaddress
import logging
import os
import re
import shutil
import socket
import time
import warnings
from base64 import b64encode
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Annotated
from urllib.parse import urlsplit

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdcca.retrieval._question import ask

__all__ = ["make_app", "serve"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_TEXT = 20_000  # characters of a query
MAX_BYTES = 50_000_000  # of a sound file
MAX_BODY = 1_000_000  # bytes of any other request
MAX_SECONDS, MIN_SECONDS = 600, 0.5  # of a sound
MAX_RATE, MAX_CHANNELS = 192_000, 8  # what keeps ten minutes within memory
MAX_RESULTS = 100
MAX_POINTS = 2000  # of the map, both sides together
EXCERPT_LINES, EXCERPT_LETTERS = 4, 280
MAX_SEARCHES = 4  # threads that search; others wait, and leave the threads that send sounds alone
MAX_UPLOADS = 8  # clips on this machine at a time, in memory or on the disk; others wait
MAX_WAIT = 30  # seconds that an upload waits for its turn
MAX_HEADER = 15  # seconds until the header of a request is there
MAX_SILENCE, MAX_SENDING = 15, 120  # seconds between two parts of a request, and of all of it
MAX_CONNECTIONS = 200  # well below the files that a process may have open

# What browsers call the formats; Python's own table differs between machines.
_SOUND_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".au": "audio/basic",
}
_SOUND_BEGINNINGS = [
    re.compile(known, re.DOTALL)
    for known in (
        rb"(RIFF|RIFX|RF64)....WAVE",
        rb"FORM....AIF[FC]",
        rb"fLaC|OggS|\.snd",
        rb"ID3|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xfd]",  # mp3 with tags; frames of layers II and III
    )
]
_PACKAGES = ("fastapi", "uvicorn", "python_multipart")
_log = logging.getLogger(__name__)


def serve(index, host="127.0.0.1", port=8000):
    """Show an index in the browser until Ctrl-C.

    Parameters
    ----------
    index : CrossModalIndex
        The fitted index; of its metadata the keys "title", "group", "lyrics" and "audio" (the path of
        the sound file) are shown, as far as they are there.
    host : str, default="127.0.0.1"
        Address to listen at; by default that which this machine alone can reach. There is no password
        and no encryption: any other address opens the songs and lyrics to the network.
    port : int, default=8000
        Port to listen at; 0 takes a free one.

    Raises
    ------
    ImportError
        If fastapi, uvicorn or python-multipart is not installed.
    ValueError
        If the port is no whole number from 0 to 65535.
    OSError
        If host or port cannot be had, because another program has it, say.
    """
    _check_installed()
    listener = _listen(host, port)
    with listener:
        app = make_app(index, hosts=(*LOOPBACK, host) if _is_loopback(host) else None)
        _announce(len(index.ids_), host, listener.getsockname()[1])
        try:
            _server(app).run(sockets=[listener])
        except KeyboardInterrupt:
            print("\nStopped.")


def _server(app, **options):
    """uvicorn, but that it hangs up on clients that send no whole header, which could stay for ever."""
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Impatient(H11Protocol):
        timer = None

        def connection_made(self, transport):
            super().connection_made(transport)
            self.wait()

        def data_received(self, data):
            super().data_received(data)
            self.wait()

        def wait(self):
            if self.timer is None and (self.cycle is None or self.cycle.response_complete):
                self.timer = self.loop.call_later(MAX_HEADER, self.end, self.cycle)

        def end(self, cycle):
            self.timer = None
            if self.cycle is not cycle:  # a request has come, and perhaps half of another
                self.wait()
            elif not self.transport.is_closing():
                self.transport.close()

        def connection_lost(self, exc):
            if self.timer is not None:
                self.timer.cancel()
            super().connection_lost(exc)

    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Impatient,
            log_level="warning",
            ws="none",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=3,
            **options,
        )
    )


def make_app(index, *, hosts=LOOPBACK):
    """Make the web application of an index, for any ASGI server.

    Parameters
    ----------
    index : CrossModalIndex
        As for `serve`.
    hosts : sequence of str or None, default=("127.0.0.1", "localhost", "::1")
        Names by which the application may be called. A page of another site can point a name of its
        own at this machine; requests by such a name are refused. None: any name, for a server that is
        meant to be reached from elsewhere.

    Returns
    -------
    app : fastapi.FastAPI
        The application.

    Raises
    ------
    ImportError
        If fastapi, uvicorn or python-multipart is not installed.
    """
    _check_installed()
    check_is_fitted(index)
    from fastapi import FastAPI

    page = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    # The documentation pages of FastAPI load scripts from another host.
    app = FastAPI(title="skdcca", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_Guard, hosts=hosts, headers=_headers(page))
    _add_error_handlers(app)
    gallery = _Gallery(index)
    _add_reading_routes(app, gallery, page)
    _add_search_routes(app, gallery)
    return app


def _check_installed():
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f'the page needs {" and ".join(missing)}, not installed: pip install "skdcca[web]"'
        )


def _is_loopback(host):
    try:
        return host in LOOPBACK or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _listen(host, port):
    """A listening socket; made before the server starts, so that a port in use is an OSError."""
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError(f"port={port!r}; it must be a whole number from 0 to 65535")
    listener = None
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere it would let two servers have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise OSError(
            f"cannot listen at {host} port {port} ({error.strerror}); stop the program that has it "
            f"or choose another port (0 takes a free one)"
        ) from error
    return listener


def _announce(n_items, host, port):
    name = f"[{host}]" if ":" in host else host
    print(f"{n_items} songs at http://{name}:{port} (Ctrl-C stops)", flush=True)
    if not _is_loopback(host):
        print(
            f"Warning: host={host!r} lets every machine that reaches this one read the lyrics and "
            "hear the songs; there is no password.",
            flush=True,
        )


class _Gallery:
    """What the page asks of an index, in values that JSON knows."""

    def __init__(self, index):
        self.index = index
        self.ids = index.ids_.tolist()
        self.place = {name: at for at, name in enumerate(self.ids)}
        self.points = {"sound": _plane(index.zx_), "lyrics": _plane(index.zy_)}
        self.levels = {"lyrics": index.chance_score("y"), "sound": index.chance_score("x")}
        self.lock = Lock()  # transformers need not bear two threads at once

    def search(self, asked, view, query, n):
        """Answer one query; `asked` names its kind, `view` is "x" or "y"."""
        if not self.ids:
            raise _refusal(409, "This index has no songs yet.")
        with self.lock:
            answer = ask(self.index, view, query, n, self.levels[asked])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the same as in the answer
                at = _plane(self.index.embed(**{"X" if view == "x" else "y": [query]}))[0]
        for note in answer.notes:
            _log.info("the model warns: %s", note)
        above = answer.above or [None] * len(answer.ids)
        found = enumerate(zip(answer.ids, answer.scores, above, strict=True), start=1)
        return {
            "asked": asked,
            "level": answer.level,
            "stands_out": above[0],
            "understood": answer.understood,
            "gallery": len(self.ids),
            "query": at,
            "results": [{"place": place, **self.result(*hit)} for place, hit in found],
        }

    def result(self, name, score, above):
        """One hit, with all that the page shows of it."""
        position = self.place[name]
        return {
            "id": name if isinstance(name, int) else _text(name),
            "position": position,
            "title": self.title(name),
            "group": self.told(name, "group"),
            "score": score,
            "above_chance": above,
            "excerpt": _excerpt(self.told(name, "lyrics")),
            "has_audio": self.sound_file(position) is not None,
            **{
                side: None if points is None else points[position]
                for side, points in self.points.items()
            },
        }

    def told(self, name, key):
        """Metadata of an item as text, "" if there is none."""
        value = self.index.metadata_.get(name, {}).get(key)
        return "" if value is None else _text(value)

    def title(self, name):
        return self.told(name, "title").strip() or _text(name)

    def sound_file(self, position):
        """Path of the sound of the item at a position; None if there is none any more."""
        path = self.index.metadata_.get(self.ids[position], {}).get("audio")
        return path if isinstance(path, str) and _is_sound(path) else None

    def about(self):
        from skdcca.metrics import inside

        z = self.index.zx_ if self.index.zx_ is not None else self.index.zy_
        return {
            "items": len(self.ids),
            "sides": {side: points is not None for side, points in self.points.items()},
            "model": type(inside(self.index.estimator)[1]).__name__,
            "components": z.shape[1],
            "levels": self.levels,
            "limits": {"text": MAX_TEXT, "bytes": MAX_BYTES, "seconds": MAX_SECONDS},
            "examples": self.examples(),
        }

    def examples(self, n=3):
        """A line each of the lyrics of some songs, to be tried."""
        lines = []
        for position in _spread(len(self.ids), n):
            whole = self.told(self.ids[position], "lyrics").split("\n")
            lines += [line.strip() for line in whole if 8 <= len(line.strip()) <= 90][:1]
        return lines

    def map(self):
        """Where the items lie: some of them, evenly, if there are many."""
        sides = {side: points for side, points in self.points.items() if points is not None}
        shown = _spread(len(self.ids), MAX_POINTS // len(sides))
        return {
            "items": len(self.ids),
            "positions": shown,
            "titles": [self.title(self.ids[at]) for at in shown],
            "sound": None,
            "lyrics": None,
            **{side: [points[at] for at in shown] for side, points in sides.items()},
        }


def _plane(z):
    """First two variates of each row as lists; the second is 0 where there is one."""
    if z is None:
        return None
    plane = np.zeros((len(z), 2))
    plane[:, : z.shape[1]] = z[:, :2]
    return plane.round(4).tolist()


def _spread(n_items, n):
    """At most `n` positions, evenly spaced from the first to the last."""
    return np.unique(np.linspace(0, n_items - 1, min(n, n_items)).round().astype(int)).tolist()


def _text(value):
    """As str that UTF-8 can hold: names of files may have half of a surrogate pair."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _is_sound(path):
    """Whether name and content are those of a sound: an index of others may name any file."""
    if Path(path).suffix.lower() not in _SOUND_TYPES:
        return False
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            beginning = file.read(12)
    except (OSError, ValueError):  # it may not be read; it is no name of a file
        return False
    return any(known.match(beginning) for known in _SOUND_BEGINNINGS)


def _excerpt(lyrics):
    lines = [line.strip() for line in lyrics.splitlines() if line.strip()]
    excerpt = "\n".join(lines[:EXCERPT_LINES])
    if len(excerpt) > EXCERPT_LETTERS:
        return excerpt[:EXCERPT_LETTERS].rstrip() + "…"
    return excerpt + " …" if len(lines) > EXCERPT_LINES else excerpt


def _add_reading_routes(app, gallery, page):
    from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

    # Written once: the index stays as it is, and a map is long.
    about, points = (JSONResponse(told).body for told in (gallery.about(), gallery.map()))
    # By the text of the position: whatever is not the number of an item is not in here.
    positions = {str(position): position for position in range(len(gallery.ids))}

    @app.get("/", response_class=HTMLResponse)
    async def show_page():
        return HTMLResponse(page)

    @app.get("/api/about")
    async def tell_about():
        return Response(about, media_type="application/json")

    @app.get("/api/map")
    async def show_map():
        return Response(points, media_type="application/json")

    @app.get("/audio/{position}")
    def play(position: str):
        at = positions.get(position)
        path = None if at is None else gallery.sound_file(at)
        if path is None:
            raise _refusal(404, "There is no sound file of this song.")
        return FileResponse(path, media_type=_SOUND_TYPES[Path(path).suffix.lower()])


def _add_search_routes(app, gallery):
    from anyio import CapacityLimiter
    from anyio.to_thread import run_sync
    from fastapi import Body, File, Form, UploadFile

    count = {"ge": 1, "le": MAX_RESULTS}
    # Threads of their own: those that FastAPI takes for plain functions send the sounds, too, which
    # would wait behind the searches.
    in_thread = partial(run_sync, limiter=CapacityLimiter(MAX_SEARCHES))

    @app.post("/api/search/lyrics")
    async def search_by_lyrics(text: Annotated[str, Body()], n: Annotated[int, Body(**count)] = 10):
        _check_side(gallery, "sound")
        return await in_thread(gallery.search, "lyrics", "y", _check_text(text), n)

    @app.post("/api/search/audio")
    async def search_by_sound(
        file: Annotated[UploadFile, File()], n: Annotated[int, Form(**count)] = 10
    ):
        _check_side(gallery, "lyrics")
        return await in_thread(_search_clip, gallery, file.file, n)


def _search_clip(gallery, uploaded, n):
    with TemporaryDirectory(prefix="skdcca-") as folder:
        path = os.path.join(folder, "clip")  # the client's name is used nowhere
        with open(path, "wb") as copy:
            shutil.copyfileobj(uploaded, copy)
        _check_sound(path)
        return _search_sound(gallery, path, n)


def _check_side(gallery, side):
    if gallery.points[side] is None:
        raise _refusal(409, f"This index holds no {side} that could be found.")


def _check_text(text):
    if not text.strip():
        raise _refusal(400, "Type a line of lyrics first.")
    if len(text) > MAX_TEXT:
        raise _refusal(
            400, f"The text has {len(text):,} characters; at most {MAX_TEXT:,} are read."
        )
    return _text(text)


def _check_sound(path):
    """Refuse, in words for the person at the page, what is no sound or no sound of fit length."""
    import soundfile

    if os.path.getsize(path) == 0:
        raise _refusal(400, "This file is empty.")
    if os.path.getsize(path) > MAX_BYTES:
        raise _too_large()
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, OSError) as error:
        raise _refusal(
            415, "This file cannot be read as sound. Choose a wav, flac, ogg or mp3 file."
        ) from error
    _check_length(info.frames / max(1, info.samplerate))
    if info.samplerate > MAX_RATE or info.channels > MAX_CHANNELS:
        raise _refusal(
            400,
            f"This clip has {info.channels} channels at {info.samplerate:,} Hz; at most "
            f"{MAX_CHANNELS} at {MAX_RATE:,} Hz are read.",
        )


def _check_length(seconds):
    if seconds < MIN_SECONDS:
        raise _refusal(
            400, f"This clip is too short ({seconds:.2g} s). Choose one of half a second or more."
        )
    if seconds > MAX_SECONDS:
        minutes = "{}:{:02}".format(*divmod(int(np.ceil(seconds)), 60))
        raise _refusal(
            400,
            f"This clip lasts {minutes} minutes; at most {MAX_SECONDS // 60} are read. "
            "Cut out the part that counts.",
        )


def _search_sound(gallery, path, n):
    try:
        return gallery.search("sound", "x", path, n)
    except ValueError as error:
        # What the model says of a song names its file, which is no business of the client.
        _log.warning("a clip was refused: %s", error)
        raise _refusal(
            400, "The sound in this file is damaged or unfit for this model. Choose another clip."
        ) from error


def _refusal(status, message, headers=None):
    from fastapi import HTTPException

    return HTTPException(status, message, headers)


def _too_large():
    return _refusal(413, f"This is too large; at most {MAX_BYTES // 1_000_000} MB are read.")


def _add_error_handlers(app):
    """Every error as ``{"error": message}``, whoever raises it."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    @app.exception_handler(HTTPException)
    async def tell(request, error):
        return _error(error.status_code, error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def tell_field(request, error):
        first = error.errors()[0]
        field = next((name for name in reversed(first["loc"]) if isinstance(name, str)), "body")
        return _error(400, f"{field}: {first['msg']}.")


def _error(status, message, headers=None):
    from fastapi.responses import JSONResponse

    return JSONResponse({"error": message}, status, headers)


def _headers(page):
    """Headers of every answer. The page's own script and style are known by their hashes."""
    hashes = {
        tag: " ".join(
            f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
            for text in re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        )
        for tag in ("script", "style")
    }
    policy = (
        f"default-src 'self'; script-src {hashes['script']}; style-src {hashes['style']}; "
        "img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


class _Guard:
    """ASGI middleware: who may ask, how much, and what goes with every answer.

    Parameters
    ----------
    app : ASGI application
        What answers.
    hosts : sequence of str or None
        As for `make_app`.
    headers : dict of str to str
        Headers of every answer.
    """

    def __init__(self, app, hosts, headers):
        from anyio import CapacityLimiter

        self.app = app
        self.uploads = CapacityLimiter(MAX_UPLOADS)
        self.hosts = hosts
        self.headers = [(key.lower().encode(), value.encode()) for key, value in headers.items()]

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False

        async def send_with_headers(message):
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": [*message["headers"], *self.headers]}
            await send(message)

        receive = _limited(receive, MAX_BODY + MAX_BYTES * _is_upload(scope))
        try:
            answer = self.refusal(scope) or (self.upload if _is_upload(scope) else self.app)
            await answer(scope, receive, send_with_headers)
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            if started:
                raise
            answer = _error(500, "Something went wrong here; the terminal of the server says what.")
            await answer(scope, receive, send_with_headers)

    async def upload(self, scope, receive, send):
        """Let the application answer in turn: until then nothing of the clip is read."""
        from anyio import fail_after

        try:
            with fail_after(MAX_WAIT):
                await self.uploads.acquire()
        except TimeoutError:
            busy = _error(503, "Too many sounds come at once; try again.", {"Retry-After": "10"})
            return await busy(scope, receive, send)
        try:
            await self.app(scope, receive, send)
        finally:
            self.uploads.release()

    def refusal(self, scope):
        """Answer to a request that other sites had a hand in; None if it is all right."""
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        host = headers.get("host", "")
        if self.hosts is not None and _host_name(host) not in self.hosts:
            return _error(421, "This server is not known by that name; call it localhost.")
        if scope["method"] not in ("GET", "HEAD") and _from_elsewhere(headers, host):
            return _error(403, "Only the page itself may search.")
        return None


def _is_upload(scope):
    return scope["path"] == "/api/search/audio"


def _host_name(host):
    """Name without the port, of a Host header."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _from_elsewhere(headers, host):
    """Whether a browser says that another site sent this; programs that are none say nothing."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != host.lower()


def _limited(receive, limit):
    """`receive` that counts what really comes, whatever length the header promises, and how slowly."""
    from anyio import fail_after

    n_bytes, more, end = 0, True, None

    async def counted():
        nonlocal n_bytes, more, end
        if not more:  # it waits for the client to go
            return await receive()
        end = end or time.monotonic() + MAX_SENDING
        try:
            with fail_after(min(MAX_SILENCE, end - time.monotonic())):
                message = await receive()
        except TimeoutError:
            raise _refusal(
                408, "This came too slowly; try again.", {"Connection": "close"}
            ) from None
        n_bytes += len(message.get("body", b""))
        if n_bytes > limit:
            raise _too_large()
        more = message.get("more_body", False)
        return message

    return counted
