"""
One grid over linear, kernel and deep models
============================================

The three models are interchangeable steps: a grid search swaps one for another, each with
hyper-parameters of its own, like any estimator of scikit-learn. This example searches raw songs,
from waveforms and words, and then looks at songs that had no part in it.
"""

# %%
# A Pipeline for the sound, a transformer for the words
# -----------------------------------------------------
#
# 240 planted songs to search on, 120 others for the end. What turns sound into numbers are steps
# before the CCA; what turns words into numbers is its parameter ``y_transformer``. With
# ``memory`` both are computed once and not for every candidate.

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
# A list of grids, one for each kind of model: the step ``cca`` itself is a key, and so are its
# parameters. Four folds by artist, so that none is on both sides of a split, with galleries of 60
# songs. (The artists of planted songs have no style of their own; those of real songs do.)

from sklearn.model_selection import GridSearchCV, GroupKFold

from skdcca.metrics import chance, mrr_scorer

networks = {"x_encoder": MLP((32,)), "y_encoder": MLP((32,))}
deep = DeepCCA(4, y_transformer=words, **networks, batch_size=32, random_state=0)
grid = [
    {"cca": [LinearCCA(4, y_transformer=words)], "cca__reg": [0.1, 1.0, 10.0]},
    {
        "cca": [KernelCCA(4, kernel="rbf", y_transformer=words)],
        "cca__gamma": [1e-3, 1e-2],
        "cca__reg": [1e-2, 1e-1],
    },
    {"cca": [deep], "cca__loss": ["ey", "infonce"], "cca__x_encoder__dropout": [0.0, 0.2]},
]
search = GridSearchCV(model, grid, scoring=mrr_scorer, cv=GroupKFold(4))
search.fit(songs.audio[:240], songs.lyrics[:240], groups=songs.groups[:240])
print("best:", type(search.best_params_["cca"]).__name__, f"MRR {search.best_score_:.3f}")
print(f"chance {chance(60)['mrr']:.3f}, gallery 60")

# %%
# Every candidate with its four folds. The kernel is as good as the linear model and no better: the
# differences are smaller than those between folds, and then the simpler is the one to take. Networks are
# above chance and behind, as 162 songs to train on are few for them.

results = search.cv_results_
folds = np.array([results[f"split{k}_test_score"] for k in range(4)]).T
order = np.argsort(results["mean_test_score"])
styles = {"LinearCCA": ("#0072B2", "o"), "KernelCCA": ("#D55E00", "s"), "DeepCCA": ("#009E73", "D")}
figure, ax = plt.subplots(figsize=(9, 4.8), layout="constrained")
for place, candidate in enumerate(order):
    params = dict(results["params"][candidate])
    kind = type(params.pop("cca")).__name__
    settings = ", ".join(f"{k.removeprefix('cca__')}={v}" for k, v in params.items())
    colour, marker = styles[kind]
    ax.plot(folds[candidate], [place] * 4, marker, color=colour, markerfacecolor="white", alpha=0.8)
    ax.plot(folds[candidate].mean(), place, marker, color=colour, markersize=10)
    ax.text(-0.01, place, f"{kind}, {settings}", ha="right", va="center", fontsize=9)
ax.axvline(chance(60)["mrr"], color="0.25", linestyle="--", label="chance")
ax.set(xlabel="mean reciprocal rank, gallery 60", yticks=[], xlim=(0, None))
ax.set_title("filled: mean of four folds", fontsize=10)
ax.legend(loc="lower right")
plt.show()

# %%
# The score of the best candidate is the best of eleven, and flattering. What holds is told by
# songs that had no part in the search, asked once. ``search`` is the whole way from waveforms and
# words. (Songs of real artists should be parted by artist here as well.)

found = mrr_scorer(search, songs.audio[240:], songs.lyrics[240:])
print(f"120 other songs: MRR {found:.3f}, chance {chance(120)['mrr']:.3f}")
