"""The page of ``skdcca serve``: lyrics find songs, and a sound finds lyrics, in the browser.

`make_app` makes the application, `serve` runs it on this machine. The page is a single file,
``page.html``, and loads nothing from other hosts. All input from a browser is untrusted: no path in
it is opened, no file name in it is kept, and no other site may send requests. Metadata of the index
are shown as text, never as markup.
"""

from skdcca.web._app import make_app
from skdcca.web._server import serve

__all__ = ["make_app", "serve"]
