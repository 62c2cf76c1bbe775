from skdcca._lyrics.doc2vec import LyricsForm  # noqa: F401
