"""
Lyrics search: a line finds its sound
=====================================

A fitted model becomes a search by putting songs into an index. Lyrics then find sounds, sounds
find lyrics, and the index tells what a score is worth. The songs of the gallery are none that the
model has learned from.
"""

# %%
# A model of 300 songs
# --------------------
#
# Planted songs share a mood between sound and words: bright or dark, calm or wild. The model has to
# discover that; it is told nothing but pairs. Songs are made independently, so that a split in
# order will do.

import matplotlib.pyplot as plt
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import CrossModalIndex, Doc2VecLyrics, LinearCCA, MelSpectrogram, TemporalSummary
from skdcca.datasets import make_songs

songs = make_songs(400, duration=3.0, sample_rate=11025, random_state=0)
audio, lyrics, ids = songs.audio[300:], songs.lyrics[300:], songs.ids[300:]
model = make_pipeline(
    MelSpectrogram(sample_rate=11025, n_mels=40, duration=3.0),
    TemporalSummary(),
    StandardScaler(),
    LinearCCA(4, reg=1.0, y_transformer=Doc2VecLyrics(40, random_state=0)),
)
model = model.fit(songs.audio[:300], songs.lyrics[:300])

# %%
# The index
# ---------
#
# 100 other songs. Their lyrics are asked for one by one: how far up in the list is the song itself?

from skdcca.metrics import chance, mrr_scorer
from skdcca.plotting import RecallDisplay, SpaceDisplay

index = CrossModalIndex(model).fit(audio, lyrics, ids=ids, metadata=[{"text": t} for t in lyrics])
found = mrr_scorer(model, audio, lyrics)
print(f"MRR {found:.2f}, chance {chance(100)['mrr']:.2f}, gallery 100")

# %%
# A line of one's own finds sounds. What a score is worth, ``chance_score`` tells: 19 of 20 lyrics
# find no song that is not theirs with a score above it. The best hit of this line is below: storm and
# glass were found, and still with four components many songs point the same way. Such a list
# is worth a look, and no proof.

line = "thunder and a broken drum, the knife of the wild storm"
scores, best = index.query(y=[line], n_neighbors=3)
print(f'"{line}"')
print(f"a score below {index.chance_score('y'):.2f} says little")
for score, song in zip(scores[0], best[0], strict=True):
    text = index.metadata_[song]["text"].replace("\n", " / ")
    print(f"{score:6.2f}  {song}: {text[:70]}...")

# %%
# The other way round: a sound finds words.

scores, best = index.query(X=[audio[0]], n_neighbors=3)
for score, song in zip(scores[0], best[0], strict=True):
    text = index.metadata_[song]["text"].replace("\n", " / ")
    print(f"{score:6.2f}  {song}{' (its own)' if song == ids[0] else ''}: {text[:60]}...")

# %%
# Where the songs lie
# -------------------
#
# On the left the share of songs that are found among the first k. On the right the shared space:
# a sound and its words are joined by a line; the shorter the lines, the better the search.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
RecallDisplay.from_estimator(model, audio, lyrics, names=("sound", "lyrics"), ax=axes[0])
few = slice(0, 40)
SpaceDisplay.from_predictions(index.zx_[few], index.zy_[few], names=("sound", "lyrics"), ax=axes[1])
axes[1].set_title("40 of the 100 songs, in the first two components")
plt.show()

# %%
# ``skdcca.save(index, "songs.index")`` writes the index to a file, and ``skdcca serve
# songs.index`` shows it in the browser.
