"""
Your own songs, from a manifest
===============================

A table with a line for each song is all that is needed: a column ``audio`` with the paths of
sound files, a column ``lyrics`` (or ``lyrics_path``), and, if there are versions or artists, a
column ``group``. This example writes such a folder, with two broken files in it, and goes from
there to a measured model. It also shows why the column ``group`` matters more than the model.
"""

# %%
# A folder of songs
# -----------------
#
# 120 planted songs, in two versions each: as they are, and quieter, with some noise, without
# their first two lines. Both versions belong to one group. A folder of real songs is never quite
# in order, so one file here is cut off and one is missing.

import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import soundfile

from skdcca.datasets import make_songs

folder = Path(tempfile.mkdtemp())
planted = make_songs(120, duration=4.0, sample_rate=11025, random_state=0)
rng = np.random.default_rng(0)
rows = []
for (waveform, rate), lyrics, name in zip(planted.audio, planted.lyrics, planted.ids, strict=True):
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
# Reading it
# ----------
#
# All that is wrong is told at once, and before any work begins. With ``on_error="skip"`` the rest
# is loaded, and what was left out is named.

import warnings

from skdcca.datasets import load_songs

try:
    load_songs(folder / "songs.csv")
except ValueError as error:
    print(str(error).replace(str(folder), "..."))

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of what it leaves out
    songs = load_songs(folder / "songs.csv", on_error="skip")
print(f"\n{len(songs.audio)} songs in {len(set(songs.groups))} groups")

# %%
# Measuring, by group and not
# ---------------------------
#
# The same model twice: once with folds drawn at random, so that the other version of a song is
# often among those learned from; once with folds by group. What is measured on random folds is in
# part the recognition of songs that were seen before. Galleries have about 60 songs, and chance
# is the line; 20 components and little ridge make the difference plain.

from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skdcca import LinearCCA, MelSpectrogram, TemporalSummary
from skdcca.metrics import chance, mrr_scorer

text = make_pipeline(TfidfVectorizer(min_df=2), TruncatedSVD(40, random_state=0))
sound = make_pipeline(MelSpectrogram(sample_rate=11025, n_mels=40, duration=4.0), TemporalSummary())
X = sound.fit_transform(songs.audio)  # nothing is learned from other songs here
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
ax.set(ylabel="mean reciprocal rank", ylim=0, title="The same songs and models, other folds")
ax.legend()
plt.show()

# %%
# Random folds do not only promise too much: they would choose the wrong model, the one that is best
# at recognising songs. By group the smaller one is better.
#
# On the command line the column ``group`` does the same: ``skdcca fit songs.csv -o model.skdcca
# --search --hold-out 0.2`` keeps whole groups from the model, and ``skdcca evaluate`` measures
# those.
