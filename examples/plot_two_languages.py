"""
Two languages of the same song
==============================

Views need not be audio. Here both are texts: songs in English, and the same songs in German. From
such pairs alone, CCA learns a space in which a song retrieves its translation, and, as a
by-product, a dictionary.

The songs and their translations are synthetic (see below). They show the method and what it learns,
not how well it works on poetry.
"""

# %%
# Synthetic translations
# ----------------------
#
# :func:`~skdcca.datasets.make_songs` generates English lines. Their translations keep the words of the
# small dictionary below, drop 30% of them at random, shuffle the rest, and insert German function
# words. The model never sees the dictionary.

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
# One pipeline per language
# -------------------------
#
# Each text becomes a tf-idf vector, reduced to 40 dimensions because the second view must be dense.
# The German pipeline is the parameter ``y_transformer`` of the CCA. The model is trained on 400
# songs; each of the other 200 searches for its translation. The songs are independent, so they need
# not be shuffled before the split.

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
print(f"gallery 200, chance level: MRR {level['mrr']:.3f}, recall@1 {level['recall@1']:.3f}")

# %%
# Recover the dictionary
# ----------------------
#
# A single word is a very short song, so words can be projected like songs. Each English word searches
# for its translation among the 40 German words; by chance, one of 40 is correct.

from skdcca.metrics import pair_scores

english_words, german_words = list(dictionary), list(dictionary.values())
scores = pair_scores(model, english_words, german_words)
right = scores.argmax(axis=1) == np.arange(len(scores))
print(f"correct: {right.mean():.0%} of {len(right)} words, chance {1 / len(right):.1%}")

figure, ax = plt.subplots(figsize=(9, 8.4), layout="constrained")
image = ax.imshow(scores, cmap="gray_r")
ax.plot(scores.argmax(axis=1), np.arange(len(scores)), "o", color="#D55E00", markersize=4)
ax.set_xticks(range(len(german_words)), german_words, rotation=90, fontsize=8)
ax.set_yticks(range(len(english_words)), english_words, fontsize=8)
ax.set(xlabel="German", ylabel="English", title="scores of words (dots: best German word of each)")
figure.colorbar(image, ax=ax, label="score", shrink=0.6)
plt.show()

# %%
# All words are translated correctly, from 400 songs and without any dictionary; the gray off the
# diagonal is mostly noise. Real songs would give less clear results, because their translations are
# free and their vocabulary is large. The pipeline stays the same; only the texts change.
