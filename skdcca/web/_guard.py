"""Protect the application: check requests, limit their size and speed, and add headers."""

import logging
import re
import time
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlsplit

from skdcca.web import _limits
from skdcca.web._errors import error_response, refusal, too_large

UPLOADS = "/api/search/audio"  # the one path that takes files
_log = logging.getLogger(__name__)


class Guard:
    """ASGI middleware that rejects unsafe requests and adds headers to every response.

    Parameters
    ----------
    app : ASGI application
        Application to protect.
    hosts : sequence of str or None
        Accepted host names, as in `make_app`.
    headers : dict of str to str
        Headers that are added to every response.
    """

    def __init__(self, app, hosts, headers):
        from anyio import CapacityLimiter

        self.app = app
        self.uploads = CapacityLimiter(_limits.MAX_UPLOADS)
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

        is_upload = scope["path"] == UPLOADS
        if is_upload:
            receive = _limited(receive, _limits.MAX_BYTES, overhead=_limits.MAX_BODY)
        else:
            receive = _limited(receive, _limits.MAX_BODY)
        try:
            answer = self.refuse(scope)
            if answer is None:
                answer = self.upload if is_upload else self.app
            await answer(scope, receive, send_with_headers)
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            if started:
                raise
            answer = error_response(500, "Internal error. See the server log for details.")
            await answer(scope, receive, send_with_headers)

    async def upload(self, scope, receive, send):
        """Forward an upload when a slot is free; no part of it is read before that."""
        from anyio import fail_after

        try:
            with fail_after(_limits.MAX_WAIT):
                await self.uploads.acquire()
        except TimeoutError:
            busy = error_response(
                503, "Too many uploads at once. Try again later.", {"Retry-After": "10"}
            )
            return await busy(scope, receive, send)
        try:
            await self.app(scope, receive, send)
        finally:
            self.uploads.release()

    def refuse(self, scope):
        """Return the error response to a cross-site request, or None if the request is allowed."""
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        host = headers.get("host", "")
        if self.hosts is not None and _host_name(host) not in self.hosts:
            return error_response(421, "This host name is not accepted. Use localhost.")
        if scope["method"] not in ("GET", "HEAD") and _is_cross_site(headers, host):
            return error_response(403, "Cross-site requests are not allowed. Use the page itself.")
        return None


def security_headers(page):
    """Return the headers of every response; they allow the page's script and style by their hash."""
    policy = (
        f"default-src 'self'; script-src {_hashes(page, 'script')}; "
        f"style-src {_hashes(page, 'style')}; "
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


def _hashes(page, tag):
    """Return the hashes of all elements with a tag, in the syntax of the policy."""
    texts = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
    digests = [b64encode(sha256(text.encode()).digest()).decode() for text in texts]
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def _host_name(host):
    """Return the host name in a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_cross_site(headers, host):
    """Return True if a browser reports that a page of another site sent the request."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != host.lower()


def _limited(receive, limit, overhead=0):
    """Wrap `receive` so that slow clients and bodies larger than `limit` bytes are rejected.

    Received bytes are counted, because the length in the header may be wrong. `overhead` extra bytes
    are allowed for the form that surrounds a file.
    """
    from anyio import fail_after

    n_bytes, more, end = 0, True, None

    async def counted():
        nonlocal n_bytes, more, end
        if not more:  # the body is complete; this waits for the client to disconnect
            return await receive()
        end = end or time.monotonic() + _limits.MAX_SENDING
        try:
            with fail_after(min(_limits.MAX_SILENCE, end - time.monotonic())):
                message = await receive()
        except TimeoutError:
            raise refusal(
                408, "The request was sent too slowly. Try again.", {"Connection": "close"}
            ) from None
        n_bytes += len(message.get("body", b""))
        if n_bytes > limit + overhead:
            raise too_large(limit)
        more = message.get("more_body", False)
        return message

    return counted
