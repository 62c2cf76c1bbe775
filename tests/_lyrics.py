"""A corpus of two subjects, small enough to train doc2vec in a test."""

SEA = [
    "the sea and the waves roll on the shore",
    "waves of the sea, sail and shore",
    "sail the waves",
]
FIRE = [
    "fire and embers glow in the hearth",
    "embers of the fire, hearth and glow",
    "the glow of fire",
]
CORPUS = (SEA + FIRE) * 20
