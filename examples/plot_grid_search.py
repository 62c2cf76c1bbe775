"""
One grid over linear, kernel and deep models
============================================

The three models are interchangeable steps of a pipeline. Like any scikit-learn estimators, they can
be candidates of one grid search, each with its own hyperparameters. This example runs such a search
on waveforms and lyrics, and then scores the best model on held-out songs.
"""

# %%
# A pipeline for the audio, a transformer for the lyrics
# ------------------------------------------------------
#
# The search uses 240 synthetic songs; 120 others are held out for the final score. Audio features
# are pipeline steps before the CCA, and lyrics features are its parameter ``y_transformer``. With
# ``memory``, both are computed once instead of for every candidate.

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import DeepCCA, KernelCCA, LinearCCA, MelSpectrogram, TemporalSummary
from skdcca.datasets import make_songs
from skdcca.encoders import MLP

songs = make_songs(360, duration=3.0, sample_rate=11025, random_state=0)
cache = tempfile.mkdtemp()
words = make_pipeline(
    TfidfVectorizer(min_df=2), TruncatedSVD(20, random_state=0), StandardScaler(), memory=cache
)
mel = MelSpectrogram(sample_rate=11025, n_mels=40, duration=3.0, memory=cache)
model = Pipeline(
    [
        ("mel", mel),
        ("summary", TemporalSummary()),
        ("scale", StandardScaler()),
        ("cca", LinearCCA(4, y_transformer=words)),
    ],
    memory=cache,
)

# %%
# The grid
# --------
#
# The search takes a list of grids, one for each kind of model. The step ``cca`` itself is a key, and
# so are its parameters. The four folds are grouped by artist, so that no artist is on both sides of
# a split; the galleries have 60 songs. (Artists of synthetic songs have no style; real ones do.)
#
# By default, ``DeepCCA`` itself replaces networks that are no better than a linear model. The search
# makes this comparison here, so ``fallback=None`` and ``n_networks=1`` keep a single network.

from sklearn.model_selection import GridSearchCV, GroupKFold

from skdcca.metrics import chance, mrr_scorer

deep = DeepCCA(
    4,
    x_encoder=MLP((32,)),
    y_encoder=MLP((32,)),
    y_transformer=words,
    n_networks=1,
    fallback=None,
    batch_size=32,
    max_epochs=60,
    random_state=0,
)
grid = [
    {"cca": [LinearCCA(4, y_transformer=words)], "cca__reg": [0.1, 1.0, 10.0]},
    {
        "cca": [KernelCCA(4, kernel="rbf", y_transformer=words)],
        "cca__gamma": [1e-3, 1e-2],
        "cca__reg": [1e-2, 1e-1],
    },
    {"cca": [deep], "cca__loss": ["ey_infonce", "infonce"]},
]
search = GridSearchCV(model, grid, scoring=mrr_scorer, cv=GroupKFold(4))
search.fit(songs.audio[:240], songs.lyrics[:240], groups=songs.groups[:240])
print("best:", type(search.best_params_["cca"]).__name__, f"MRR {search.best_score_:.3f}")
print(f"chance {chance(60)['mrr']:.3f}, gallery 60")

# %%
# The plot shows every candidate with its four folds. The kernel model is as good as the linear one but
# not better: the differences are smaller than those between folds, so prefer the simpler model. The
# networks are above chance but behind, because 162 training songs are few for them.

results = search.cv_results_
folds = np.array([results[f"split{k}_test_score"] for k in range(4)]).T
order = np.argsort(results["mean_test_score"])
styles = {"LinearCCA": ("#0072B2", "o"), "KernelCCA": ("#D55E00", "s"), "DeepCCA": ("#009E73", "D")}
figure, ax = plt.subplots(figsize=(9, 4.8), layout="constrained")
for place, candidate in enumerate(order):
    params = dict(results["params"][candidate])
    kind = type(params.pop("cca")).__name__
    settings = ", ".join(f"{k.removeprefix('cca__')}={v}" for k, v in params.items())
    color, marker = styles[kind]
    ax.plot(folds[candidate], [place] * 4, marker, color=color, markerfacecolor="white", alpha=0.8)
    ax.plot(folds[candidate].mean(), place, marker, color=color, markersize=10)
    ax.text(-0.01, place, f"{kind}, {settings}", ha="right", va="center", fontsize=9)
ax.axvline(chance(60)["mrr"], color="0.25", linestyle="--", label="chance")
ax.set(xlabel="mean reciprocal rank, gallery 60", yticks=[], xlim=(0, None))
ax.set_title("filled: mean of four folds", fontsize=10)
ax.legend(loc="lower right")
plt.show()

# %%
# The score of the best candidate is optimistic, because it is the best of nine. Score it once on
# songs that took no part in the search. ``search`` contains every step from waveforms and lyrics.
# (With real songs, split by artist here as well.)

found = mrr_scorer(search, songs.audio[240:], songs.lyrics[240:])
print(f"120 held-out songs: MRR {found:.3f}, chance {chance(120)['mrr']:.3f}")
