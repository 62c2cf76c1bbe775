"""
Two languages of the same song
==============================

Neither view has to be sound. Here both are texts: songs in English, and the same songs in German.
From nothing but such pairs CCA learns a space in which a song finds its translation, and, as a
by-product, a dictionary.

The songs are made up, and so is their translation: see below. They show how it is done and what
is learned, not how well it would go with poetry.
"""

# %%
# Planted translations
# --------------------
#
# :func:`~skdcca.datasets.make_songs` writes English lines. We keep the words that stand in the
# little dictionary below, drop three of ten (no translation is complete), put the others into
# another order, and write German for them, with small words of its own. The model never sees the
# dictionary.

import matplotlib.pyplot as plt
import numpy as np

from skdcca.datasets import make_songs

pairs = """pillow Kissen, lullaby Wiegenlied, snail Schnecke, storm Sturm, thunder Donner, drum Trommel,
night Nacht, shadow Schatten, smoke Rauch, sun Sonne, mirror Spiegel, star Stern, grave Grab,
tear Träne, winter Winter, smile Lächeln, kiss Kuss, friend Freund, stone Stein, needle Nadel,
knife Messer, feather Feder, river Fluss, honey Honig, calm ruhig, wild wild, dark dunkel, bright hell,
sad traurig, happy glücklich, sharp scharf, soft weich, rest ruhen, dance tanzen, hide verstecken,
shine leuchten, weep weinen, laugh lachen, cut schneiden, glide gleiten"""
dictionary = dict(pair.split() for pair in pairs.replace("\n", " ").split(", "))
rng = np.random.default_rng(0)


def translate(song):
    words = [dictionary[word] for word in song.split() if word in dictionary and rng.random() > 0.3]
    return " ".join(
        f"{rng.choice(['und', 'mit', 'wie', 'bei'])} {word}" for word in rng.permutation(words)
    )


english = make_songs(600, duration=0.1, sample_rate=1000, random_state=0).lyrics
german = [translate(song) for song in english]
print(english[0][:120], "...\n")
print(german[0][:120], "...")

# %%
# One Pipeline a language
# -----------------------
#
# Texts of both sides become tf-idf and then, as the second view must be dense, 40 directions of
# it. The German side is the parameter ``y_transformer`` of the CCA. 400 songs are learned from;
# among the other 200 each song looks for its translation. A song has no versions here, so that a
# random split will do.

from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skdcca import LinearCCA
from skdcca.metrics import chance, retrieval_scorer


def text():
    return make_pipeline(TfidfVectorizer(), TruncatedSVD(40, random_state=0))


model = make_pipeline(text(), LinearCCA(30, reg=0.1, y_transformer=text()))
model.fit(english[:400], german[:400])
found = retrieval_scorer(model, english[400:], german[400:])
level = chance(200)
print(
    f"English to German: MRR {found['mrr_x_to_y']:.2f}, recall@1 {found['recall_at_1_x_to_y']:.2f}"
)
print(
    f"German to English: MRR {found['mrr_y_to_x']:.2f}, recall@1 {found['recall_at_1_y_to_x']:.2f}"
)
print(f"gallery 200, chance: MRR {level['mrr']:.3f}, recall@1 {level['recall@1']:.3f}")

# %%
# A dictionary that nobody wrote
# ------------------------------
#
# A single word is a very short song. Words are projected like songs, and each English word looks
# for its German one among the 40: by chance one of 40 is right.

from skdcca.metrics import pair_scores

english_words, german_words = list(dictionary), list(dictionary.values())
scores = pair_scores(model, english_words, german_words)
right = scores.argmax(axis=1) == np.arange(len(scores))
print(f"right: {right.mean():.0%} of {len(right)} words, chance {1 / len(right):.1%}")

figure, ax = plt.subplots(figsize=(9, 8.4), layout="constrained")
image = ax.imshow(scores, cmap="gray_r")
ax.plot(scores.argmax(axis=1), np.arange(len(scores)), "o", color="#D55E00", markersize=4)
ax.set_xticks(range(len(german_words)), german_words, rotation=90, fontsize=8)
ax.set_yticks(range(len(english_words)), english_words, fontsize=8)
ax.set(
    xlabel="German", ylabel="English", title="scores of words; dots: the best German word of each"
)
figure.colorbar(image, ax=ax, label="score", shrink=0.6)
plt.show()

# %%
# All are right, from 400 songs and no word of help; the grey beside the diagonal is mostly noise. A
# dictionary of real songs would be dimmer: their translations are free, and their words many. What
# changes with them is the text that goes in; the pipeline stays as it is.
