"""Search across two views: find audio by lyrics, and lyrics by audio."""

from skdcca.retrieval._alike import more_like as more_like  # for the web page
from skdcca.retrieval._background import item_groups as item_groups  # for the commands and page
from skdcca.retrieval._background import opens_texts as opens_texts
from skdcca.retrieval._background import prepare_chance as prepare_chance
from skdcca.retrieval._background import tag_groups as tag_groups  # for the commands and page
from skdcca.retrieval._faiss import FaissNeighbors
from skdcca.retrieval._index import CrossModalIndex
from skdcca.retrieval._question import ask as ask  # for the command line and the web page
from skdcca.retrieval._question import can_find_words as can_find_words
from skdcca.retrieval._question import hearing_step as hearing_step
from skdcca.retrieval._question import is_understood as is_understood
from skdcca.retrieval._question import metadata_text as metadata_text
from skdcca.retrieval._texts import item_texts as item_texts  # for the web page
from skdcca.retrieval._views import several_views as several_views  # for the commands and page
from skdcca.retrieval._words import WordMatch

__all__ = ["CrossModalIndex", "FaissNeighbors", "WordMatch"]
