"""The page behind ``skdcca serve``: lyrics find songs, a sound finds lyrics, in the browser.

`make_app` is the application, `serve` runs it on this machine. The page is one file, ``page.html``,
and asks nothing of any other host. Whatever comes from a browser is taken for hostile: no path of it
is opened, no name of it is kept, no other site may ask in its stead. What comes from the index is
shown as text, never as markup.
"""

from skdcca.web._app import make_app, serve

__all__ = ["make_app", "serve"]
