"""Server of the web page: its socket, connection limits and messages."""

import ipaddress
import os
import socket

from skdcca._utils.validation import check_integer
from skdcca.retrieval import CrossModalIndex
from skdcca.web import _limits
from skdcca.web._app import check_installed, make_app


def serve(index: CrossModalIndex, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve an index as a web page until interrupted.

    Parameters
    ----------
    index : CrossModalIndex
        Fitted index of two or several views. The page shows the metadata keys "title", "group",
        "lyrics", "audio" (path of the audio file) and "heard" (dict with "segments", a list of [start,
        end, text] in seconds), if present; of several views also "tags" (str, separated by semicolons
        or commas). A view called "tags" gets a field of its own.
    host : str, default="127.0.0.1"
        Address to listen on. The default is reachable from this machine only. Any other address
        exposes the songs and lyrics to the network, without password or encryption.
    port : int, default=8000
        Port to listen on; 0 picks a free one.

    Raises
    ------
    ImportError
        If fastapi, uvicorn or python-multipart is not installed.
    ValueError
        If `port` is not an integer in [0, 65535].
    OSError
        If `host` or `port` is not available, for example because the port is in use.

    Examples
    --------
    >>> from skdcca import load
    >>> from skdcca.web import serve
    >>> serve(load("songs.index"), port=8080)  # doctest: +SKIP
    Serving 40 songs at http://127.0.0.1:8080 (press Ctrl-C to stop)
    """
    check_installed()
    listener = _listen(host, port)
    with listener:
        app = make_app(index, hosts=(*_limits.LOOPBACK, host) if _is_loopback(host) else None)
        _announce(len(index.ids_), host, listener.getsockname()[1])
        try:
            make_server(app).run(sockets=[listener])
        except KeyboardInterrupt:
            print("\nStopped.")


def make_server(app, **options):
    """Return a uvicorn server that disconnects a client if its request header is late."""
    import uvicorn

    config = uvicorn.Config(
        app,
        http=_impatient_protocol(),
        log_level="warning",
        ws="none",
        limit_concurrency=_limits.MAX_CONNECTIONS,
        timeout_graceful_shutdown=3,
        **options,
    )
    return uvicorn.Server(config)


def _impatient_protocol():
    """Return uvicorn's HTTP/1.1 protocol with a time limit on the header of each request."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class ImpatientProtocol(H11Protocol):
        timer = None

        def connection_made(self, transport):
            super().connection_made(transport)
            self.wait()

        def data_received(self, data):
            super().data_received(data)
            self.wait()

        def wait(self):
            if self.timer is None and (self.cycle is None or self.cycle.response_complete):
                self.timer = self.loop.call_later(_limits.MAX_HEADER, self.end, self.cycle)

        def end(self, cycle):
            self.timer = None
            if self.cycle is not cycle:  # a request arrived, and perhaps part of the next
                self.wait()
            elif not self.transport.is_closing():
                self.transport.close()

        def connection_lost(self, exc):
            if self.timer is not None:
                self.timer.cancel()
            super().connection_lost(exc)

    return ImpatientProtocol


def _listen(host, port):
    """Return a listening socket.

    It is created before the server starts, so that a port in use raises an OSError.
    """
    check_integer("port", port, ge=0, le=65535)
    listener = None
    try:
        family, *_, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":  # on Windows it would let two servers share one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise OSError(
            f"Cannot listen on {host} port {port} ({error.strerror}). Choose another port (0 picks a "
            "free one) or host, or stop the program that uses this port."
        ) from error
    return listener


def _announce(n_items, host, port):
    name = f"[{host}]" if ":" in host else host
    print(f"Serving {n_items} songs at http://{name}:{port} (press Ctrl-C to stop)", flush=True)
    if not _is_loopback(host):
        print(
            f"Warning: with host={host!r}, any machine on the network can read the lyrics and play the "
            "songs; there is no password.",
            flush=True,
        )


def _is_loopback(host):
    try:
        return host in _limits.LOOPBACK or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a host name, not an address
        return False
