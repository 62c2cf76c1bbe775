"""Web page of ``skdcca serve``: find songs by lyrics, lyrics by an audio clip, and both by tags.

`make_app` creates the application, and `serve` runs it on this machine. The parts of the page are in
the folder ``page``; they are sent as one document, which loads nothing from other hosts. All input
from the browser is untrusted: paths in requests are never opened, names of uploaded files are
discarded, and cross-site requests are rejected. A text goes only to a view of an index of several
views that is known to read texts, and a clip to one that is known to read audio. Index metadata are
shown as text, never as markup.
"""

from skdcca.web._app import make_app
from skdcca.web._server import serve

__all__ = ["make_app", "serve"]
