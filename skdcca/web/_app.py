"""Create the web application of an index, with its routes."""

import logging
import os
import shutil
from collections.abc import Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Annotated

from sklearn.utils.validation import check_is_fitted

from skdcca._utils.optional import needed_by
from skdcca.exceptions import NoSoundError
from skdcca.retrieval import CrossModalIndex
from skdcca.web import _limits
from skdcca.web._errors import add_error_handlers, refusal
from skdcca.web._gallery import Gallery
from skdcca.web._guard import UPLOADS, Guard, security_headers
from skdcca.web._page import read_page
from skdcca.web._songs import as_text
from skdcca.web._sounds import sound_type
from skdcca.web._view_gallery import ViewGallery
from skdcca.web._waveforms import Waveforms

if TYPE_CHECKING:
    from fastapi import FastAPI

_log = logging.getLogger(__name__)


def make_app(
    index: CrossModalIndex, *, hosts: Sequence[str] | None = _limits.LOOPBACK
) -> "FastAPI":
    """Create the web application of an index, for any ASGI server.

    Parameters
    ----------
    index : CrossModalIndex
        Fitted index, as in `serve`.
    hosts : sequence of str or None, default=("127.0.0.1", "localhost", "::1")
        Accepted host names. Requests for other names are rejected, because another site can point
        its own name at this machine (DNS rebinding). Pass None to accept any name, for a server that
        other machines are meant to reach.

    Returns
    -------
    app : fastapi.FastAPI
        Web application.

    Raises
    ------
    ImportError
        If fastapi, uvicorn or python-multipart is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import CrossModalIndex, LinearCCA
    >>> from skdcca.web import make_app
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> index = CrossModalIndex(LinearCCA(2).fit(X, X)).fit(X, X)
    >>> app = make_app(index)
    >>> app.title
    'skdcca'
    """
    check_installed()
    check_is_fitted(index)
    from fastapi import FastAPI

    page = read_page()
    gallery = Gallery(index) if index.views_ is None else ViewGallery(index)
    # The documentation pages of FastAPI load scripts from another host.
    app = FastAPI(
        title="skdcca",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_warming_up(gallery),
    )
    app.add_middleware(Guard, hosts=hosts, headers=security_headers(page))
    add_error_handlers(app)
    # The keys are text, so that only the plain form of a number is found: "1", but not "01".
    positions = {str(position): position for position in range(len(gallery.songs.ids))}
    _add_reading_routes(app, gallery, page)
    _add_song_routes(app, gallery, positions)
    _add_search_routes(app, gallery)
    return app


def check_installed():
    """Raise MissingDependencyError unless all packages of the extra "web" can be imported."""
    with needed_by("The page of an index", extra="web"):
        for package in ("fastapi", "uvicorn", "python_multipart"):
            import_module(package)


def _warming_up(gallery):
    """Return the lifespan of an application that prepares its gallery while it already answers."""

    @asynccontextmanager
    async def lifespan(app):
        Thread(target=gallery.warm_up, daemon=True).start()
        yield

    return lifespan


def _add_reading_routes(app, gallery, page):
    from fastapi.responses import HTMLResponse, JSONResponse, Response

    # Encode once: the index does not change, and the map is large.
    about = JSONResponse(gallery.about()).body
    points = JSONResponse(gallery.map()).body

    @app.get("/", response_class=HTMLResponse)
    async def show_page():
        return HTMLResponse(page)

    @app.get("/api/about")
    async def show_about():
        return Response(about, media_type="application/json")

    @app.get("/api/map")
    async def show_map():
        return Response(points, media_type="application/json")


def _add_song_routes(app, gallery, positions):
    from anyio import CapacityLimiter
    from anyio.to_thread import run_sync
    from fastapi import Query
    from fastapi.responses import FileResponse

    waveforms = Waveforms()
    in_thread = partial(run_sync, limiter=CapacityLimiter(_limits.MAX_WAVEFORMS))

    def known(position):
        if position not in positions:
            raise refusal(404, "This index has no such song.")
        return positions[position]

    def sound_file(position):
        path = gallery.songs.sound_file(known(position))
        if path is None:
            raise refusal(404, "This song has no audio file.")
        return path

    @app.get("/audio/{position}")
    def play(position: str):
        path = sound_file(position)
        return FileResponse(path, media_type=sound_type(path))

    @app.get("/api/waveform/{position}")
    async def show_waveform(position: str):
        waveform = await in_thread(lambda: waveforms.of(sound_file(position)))
        if waveform is None:
            raise refusal(404, "The waveform of this song cannot be drawn.")
        return waveform

    @app.get("/api/song/{position}")
    async def show_song(position: str):
        return gallery.songs.whole(known(position))

    @app.get("/api/like/{position}")
    async def show_songs_like(
        position: str,
        n: Annotated[int, Query(ge=1, le=_limits.MAX_RESULTS)] = 10,
        view: Annotated[str | None, Query()] = None,
    ):
        return await in_thread(gallery.like, known(position), n, view)


def _add_search_routes(app, gallery):
    from anyio import CapacityLimiter
    from anyio.to_thread import run_sync
    from fastapi import Body, File, Form, UploadFile

    most = _limits.MAX_RESULTS
    # FastAPI runs plain functions in the threads that also send audio. Searches get their own threads,
    # so that audio does not wait for them.
    in_thread = partial(run_sync, limiter=CapacityLimiter(_limits.MAX_SEARCHES))

    @app.post("/api/search/lyrics")
    async def search_by_lyrics(
        text: Annotated[str, Body()],
        n: Annotated[int, Body(ge=1, le=most)] = 10,
        view: Annotated[str | None, Body()] = None,
        find: Annotated[str | None, Body()] = None,
        tags: Annotated[str | None, Body()] = None,
    ):
        question = gallery.question("lyrics", view, find, tags)
        return await in_thread(_search_text, gallery, question, text, n)

    @app.post(UPLOADS)
    async def search_by_sound(
        file: Annotated[UploadFile, File()],
        n: Annotated[int, Form(ge=1, le=most)] = 10,
        view: Annotated[str | None, Form()] = None,
        find: Annotated[str | None, Form()] = None,
        tags: Annotated[str | None, Form()] = None,
    ):
        question = gallery.question("sound", view, find, tags)
        return await in_thread(_search_upload, gallery, question, file.file, n)


def _search_text(gallery, question, text, n):
    _limits.check_text(text, question.kind)
    _check_not_empty(gallery)
    return gallery.answer(question, as_text(text), n)


def _search_upload(gallery, question, uploaded, n):
    with TemporaryDirectory(prefix="skdcca-") as folder:
        path = os.path.join(folder, "clip")  # the name sent by the client is never used
        with open(path, "wb") as copy:
            shutil.copyfileobj(uploaded, copy)
        _limits.check_sound(path)
        _check_not_empty(gallery)
        return _search_sound(gallery, question, path, n)


def _search_sound(gallery, question, path, n):
    try:
        return gallery.answer(question, path, n)
    except NoSoundError as error:
        least = f"{_limits.MIN_SECONDS:g} s"
        raise refusal(
            400, f"This clip has less than {least} of sound to search by. Choose another clip."
        ) from error
    except ValueError as error:
        # The message of the model names the temporary file, which must not reach the client.
        _log.warning("a clip was refused: %s", error)
        raise refusal(
            400,
            "This clip is damaged or does not fit the model. Choose another clip.",
        ) from error


def _check_not_empty(gallery):
    if not gallery.songs.ids:
        raise refusal(409, "This index has no songs yet.")
