"""
Load your own songs from a manifest
===================================

A manifest is a table with one row per song: a column ``audio`` with the paths of the audio files, a
column ``lyrics`` (or ``lyrics_path``) and, if several songs share an artist or a work, a column
``group``. This example writes a folder of songs with two bad files, loads it, and cross-validates a
model. It also shows why the column ``group`` matters more than the choice of model.
"""

# %%
# Write a folder of songs
# -----------------------
#
# The folder contains 120 synthetic songs in two versions each: the original, and a quieter, noisier
# one without the first two lines. Both versions belong to the same group. Real folders often contain
# bad files, so one file here is truncated and one is missing.

import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import soundfile

from skdcca.datasets import make_songs

folder = Path(tempfile.mkdtemp())
synthetic = make_songs(120, duration=4.0, sample_rate=11025, random_state=0)
rng = np.random.default_rng(0)
rows = []
for (waveform, rate), lyrics, name in zip(
    synthetic.audio, synthetic.lyrics, synthetic.ids, strict=True
):
    other = 0.5 * waveform + 0.01 * rng.normal(size=len(waveform))
    for version, sound, text in [
        ("studio", waveform, lyrics),
        ("live", other, "\n".join(lyrics.split("\n")[2:])),
    ]:
        path = folder / f"{name}-{version}.wav"
        soundfile.write(path, sound, rate)
        rows.append(
            {"audio": path.name, "lyrics": text, "title": f"{name}, {version}", "group": name}
        )

(folder / rows[6]["audio"]).write_bytes((folder / rows[6]["audio"]).read_bytes()[:2000])
(folder / rows[9]["audio"]).unlink()
with open(folder / "songs.csv", "w", newline="", encoding="utf-8") as file:
    table = csv.DictWriter(file, rows[0])
    table.writeheader()
    table.writerows(rows)

# %%
# Load the manifest
# -----------------
#
# All faults are reported at once, before any work begins. With ``on_error="skip"``, the other songs
# are loaded, and a warning names the skipped ones.

import warnings

from skdcca.datasets import load_songs

try:
    load_songs(folder / "songs.csv")
except ValueError as error:
    print(str(error).replace(str(folder), "..."))

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a warning names the skipped songs
    songs = load_songs(folder / "songs.csv", on_error="skip")
print(f"\n{len(songs.audio)} songs in {len(set(songs.groups))} groups")

# %%
# Cross-validate with and without groups
# --------------------------------------
#
# The same models are scored with random folds, in which the other version of a song is often a
# training song, and with folds by group. Random folds partly measure how well a model recognizes
# training songs. The galleries have about 60 songs, and the line marks the chance level. With 20
# components and a small ridge, the difference is large.

from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skdcca import LinearCCA, MelSpectrogram, TemporalSummary
from skdcca.metrics import chance, mrr_scorer

text = make_pipeline(TfidfVectorizer(min_df=2), TruncatedSVD(40, random_state=0))
sound = make_pipeline(MelSpectrogram(sample_rate=11025, n_mels=40, duration=4.0), TemporalSummary())
X = sound.fit_transform(songs.audio)  # features of one song do not depend on the others
scores = {}
for name, folds in [
    ("random", KFold(4, shuffle=True, random_state=0)),
    ("by group", GroupKFold(4)),
]:
    for n_components, reg in [(20, 0.1), (4, 1.0)]:
        model = LinearCCA(n_components, reg=reg, y_transformer=text)
        groups = songs.groups if name == "by group" else None
        found = cross_val_score(model, X, songs.lyrics, groups=groups, cv=folds, scoring=mrr_scorer)
        scores[name, n_components] = found
        print(f"{name:9} {n_components:3} components: MRR {found.mean():.3f}")

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, n_components), found in scores.items():
    ax.errorbar(
        f"{n_components} components\nfolds {name}",
        found.mean(),
        yerr=found.std(),
        fmt="o" if name == "random" else "s",
        color="#D55E00" if name == "random" else "#0072B2",
        markersize=9,
        capsize=4,
    )
ax.axhline(chance(60)["mrr"], color="0.4", linestyle="--", label="chance, gallery 60")
ax.margins(x=0.15)
ax.set(
    ylabel="mean reciprocal rank", ylim=0, title="The same songs and models with different folds"
)
ax.legend()
plt.show()

# %%
# Random folds are not only optimistic: they also select the wrong model, the one that is best at
# recognizing training songs. By group, the smaller model scores higher.
#
# On the command line, the column ``group`` has the same effect: ``skdcca fit songs.csv -o
# model.skdcca --search --hold-out 0.2`` holds out whole groups, and ``skdcca evaluate`` scores those.
