"""
Search songs by their lyrics
============================

A fitted model and a gallery of songs make a search index: lyrics find audio, audio finds lyrics, and
the index provides the chance level of the scores. No song of the gallery is a training song of the
model.
"""

# %%
# Train a model on 300 songs
# --------------------------
#
# The audio and the lyrics of a synthetic song share a mood: bright or dark, calm or wild. The model
# must discover that from pairs alone. The songs are independent, so they need not be shuffled before
# the split.

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
# Build an index
# --------------
#
# The index contains 100 other songs. The MRR measures how high each song ranks when its own lyrics are
# the query, and how high the lyrics rank for their audio.

from skdcca.metrics import chance, mrr_scorer
from skdcca.plotting import RecallDisplay, SpaceDisplay

index = CrossModalIndex(model).fit(audio, lyrics, ids=ids, metadata=[{"text": t} for t in lyrics])
found = mrr_scorer(model, audio, lyrics)
print(f"MRR {found:.2f}, chance {chance(100)['mrr']:.2f}, gallery 100")

# %%
# Any line of text can be a query. ``chance_score`` puts the scores into perspective: 95% of lyrics
# score lower with all songs but their own. The best result of this line is below that level. The first
# results do have a similar mood (storm, glass), but with only four components many songs have similar
# directions, so such a list is a suggestion, not evidence.

line = "thunder and a broken drum, the knife of the wild storm"
scores, best = index.query(y=[line], n_neighbors=3)
print(f'"{line}"')
print(f"chance level of the score: {index.chance_score('y'):.2f}")
for score, song in zip(scores[0], best[0], strict=True):
    text = index.metadata_[song]["text"].replace("\n", " / ")
    print(f"{score:6.2f}  {song}: {text[:70]}...")

# %%
# In the other direction, audio finds lyrics.

scores, best = index.query(X=[audio[0]], n_neighbors=3)
for score, song in zip(scores[0], best[0], strict=True):
    text = index.metadata_[song]["text"].replace("\n", " / ")
    print(f"{score:6.2f}  {song}{' (its own)' if song == ids[0] else ''}: {text[:60]}...")

# %%
# Plot recall and the shared space
# --------------------------------
#
# The left panel shows the fraction of queries whose song is among the first k results. In the right
# panel, a line joins the audio and the lyrics of each song; shorter lines mean better retrieval.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
RecallDisplay.from_estimator(model, audio, lyrics, names=("sound", "lyrics"), ax=axes[0])
few = slice(0, 40)
SpaceDisplay.from_predictions(index.zx_[few], index.zy_[few], names=("sound", "lyrics"), ax=axes[1])
axes[1].set_title("40 of the 100 songs, in the first two components")
plt.show()

# %%
# ``skdcca.save(index, "songs.index")`` saves the index to a file, and ``skdcca serve songs.index``
# serves it in the browser.
