"""
Sequence or bag: when order matters
===================================

A mean over time turns a song into a bag: the order of its parts is lost. Often the order is not
needed. In this example it is: each song consists of two parts with different moods, and has a twin
with the same two parts in reverse order. A bag cannot distinguish twins; a model that keeps the
order can.
"""

# %%
# Songs of two parts, and their twins
# -----------------------------------
#
# The models are trained on 800 songs. The gallery contains 50 others in both orders: 100 songs, each
# with a twin that has the same sounds and the same words.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skdcca import DeepCCA, LinearCCA, LyricsSequence, MelSpectrogram, TemporalSummary
from skdcca.datasets import make_songs
from skdcca.encoders import SequenceEncoder
from skdcca.metrics import chance, mrr_scorer, pair_scores

parts = make_songs(1700, duration=1.5, sample_rate=11025, random_state=0)


def joined(first, second):
    sound = np.concatenate([parts.audio[first][0], parts.audio[second][0]])
    return sound, parts.lyrics[first] + "\n" + parts.lyrics[second]


audio, lyrics = zip(*(joined(i, i + 1) for i in range(0, 1600, 2)), strict=True)
twins = [joined(*order) for i in range(1600, 1700, 2) for order in [(i, i + 1), (i + 1, i)]]
twin_audio, twin_lyrics = (list(view) for view in zip(*twins, strict=True))
mel = MelSpectrogram(sample_rate=11025, n_fft=1024, hop_length=1024, n_mels=32, duration=3.0)
X, X_twins = mel.fit_transform(list(audio)), mel.transform(twin_audio)

# %%
# Compare bags with a sequence
# ----------------------------
#
# The first model is a bag: summary statistics of the spectrogram over time, and the words of the whole
# text. The sequence model compares audio and lyrics part by part: ``SequenceEncoder`` with the head
# "steps" keeps two steps of the audio, and ``LyricsSequence`` splits the text into two parts. The
# third model is the same network with a mean over time at its end, which makes it a bag again.


def make_words():
    return make_pipeline(TfidfVectorizer(min_df=2), TruncatedSVD(32, random_state=0))


def make_network(head):
    steps = {"head": head, "n_steps": 2}
    return DeepCCA(
        8,
        x_encoder=SequenceEncoder(64, n_layers=2, kernel_size=3, **steps),
        y_encoder=SequenceEncoder(64, n_layers=2, kernel_size=1, **steps),
        y_transformer=LyricsSequence(make_words(), n_steps=2),
        max_epochs=38,
        random_state=0,
    )


models = {
    "bag: statistics, linear": make_pipeline(
        TemporalSummary(), LinearCCA(4, reg=1.0, y_transformer=make_words())
    ),
    "bag: network, mean over time": make_network("mean"),
    "sequence: network, steps": make_network("steps"),
}

# %%
# Besides the rank among all 100 songs, a second score depends on order alone: how often a song scores
# higher with its own lyrics than with those of its twin. Its chance level is one half.

own, twin = np.arange(100), np.arange(100) ^ 1


def prefers_own(scores):
    difference = (scores[own, own] - scores[own, twin]).round(9)
    return np.mean((difference > 0) + 0.5 * (difference == 0))


found, matrices = {}, {}
for name, model in models.items():
    model.fit(X, list(lyrics))
    scores = matrices[name] = pair_scores(model, X_twins, twin_lyrics)
    right = np.mean([prefers_own(scores), prefers_own(scores.T)])
    found[name] = mrr_scorer(model, X_twins, twin_lyrics), right
    print(f"{name:30} MRR {found[name][0]:.3f}, prefers its own lyrics: {right:.0%}")

figure, axes = plt.subplots(1, 2, figsize=(11, 3.4), sharey=True, layout="constrained")
panels = ("mean reciprocal rank, gallery 100", "prefers its own lyrics to its twin's")
levels = chance(100)["mrr"], 0.5
for ax, label, level, values in zip(
    axes, panels, levels, zip(*found.values(), strict=True), strict=True
):
    ax.barh(list(found), values, color=["0.75", "0.75", "#0072B2"], edgecolor="black")
    ax.axvline(level, color="#D55E00", linestyle="--", label="chance")
    ax.set_xlabel(label)
    ax.legend(loc="lower right")
axes[0].invert_yaxis()
axes[1].set_xlim(0, 1)
plt.show()

# %%
# The plot shows the scores of the first eight pairs of twins, which are adjacent in the gallery: each
# two-by-two block is a pair. A bag scores all four cells of a block alike; the sequence model scores
# the correct cells, outlined, higher than the others.

from skdcca.plotting import SimilarityDisplay

# sphinx_gallery_thumbnail_number = 2
figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
shown = ["bag: network, mean over time", "sequence: network, steps"]
for ax, name in zip(axes, shown, strict=True):
    few = matrices[name][:16, :16]
    SimilarityDisplay.from_predictions(few, names=("sound", "lyrics"), ax=ax)
    ax.set_title(name)
plt.show()

# %%
# The sequence model has two vectors per song instead of one, which pays off only if audio and lyrics
# run in parallel. If the lyrics belong to the song as a whole, use a bag: it needs fewer songs.
