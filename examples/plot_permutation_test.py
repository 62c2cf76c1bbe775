"""
Test canonical correlations by permutation
==========================================

Canonical correlations of training rows are never 0, and with few rows they are large for any data.
This example compares songs whose audio and lyrics share a mood with the same songs after their
lyrics were shuffled. A permutation test tells the two apart.
"""

# %%
# Songs with their own and with shuffled lyrics
# ---------------------------------------------
#
# The 150 synthetic songs are described by summary statistics of the audio and tf-idf weights of the
# lyrics, each reduced to five dimensions. In the second data set, the lyrics are shuffled.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import MelSpectrogram, TemporalSummary
from skdcca.datasets import make_songs

songs = make_songs(150, duration=3.0, sample_rate=11025, random_state=0)
sound = make_pipeline(
    MelSpectrogram(sample_rate=11025, n_mels=40, duration=3.0),
    TemporalSummary(),
    StandardScaler(),
    PCA(5, random_state=0),
)
text = make_pipeline(TfidfVectorizer(min_df=2), TruncatedSVD(5, random_state=0))
X, y = sound.fit_transform(songs.audio), text.fit_transform(songs.lyrics)
rng = np.random.default_rng(0)
data = {"own lyrics": y, "shuffled lyrics": y[rng.permutation(len(y))]}

# %%
# The test
# --------
#
# The songs are independent, so under the null hypothesis their lyrics are exchangeable. (The songs of a
# few artists, or the frames of one song, are not.) A component is significant if few permutations
# reach its correlation *after* the components before it are removed. ``p_values`` contains one
# p-value per component. The songs share four moods; with 150 songs and five dimensions per view, two
# components are significant.

from skdcca import LinearCCA, canonical_correlation_test

tests = {
    name: canonical_correlation_test(LinearCCA(reg=0), X, words, n_permutations=999, random_state=0)
    for name, words in data.items()
}
for name, test in tests.items():
    print(name)
    print("  correlations", test.correlations.round(2))
    print("  p-values    ", test.p_values.round(3))

# %%
# The first correlation with shuffled lyrics is not near 0 either. To see its distribution under the
# null hypothesis, shuffle the lyrics and refit many times, and keep the largest correlation of each
# fit. In the gray histogram, the correlation of the original songs lies far outside, and that of the
# shuffled songs in the middle.

shuffled = np.array(
    [
        LinearCCA(1, reg=0).fit(X, y[rng.permutation(len(y))]).canonical_correlations_[0]
        for _ in range(999)
    ]
)
figure, (heap, bars) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
heap.hist(shuffled, bins=30, color="0.75", label="999 permutations")
styles = {"own lyrics": ("#0072B2", "-"), "shuffled lyrics": ("#D55E00", "--")}
for name, test in tests.items():
    color, line = styles[name]
    first = test.correlations[0]
    heap.axvline(first, ymax=0.65, color=color, linestyle=line, linewidth=2, label=name)
heap.set(
    xlabel="first canonical correlation",
    ylabel="number of permutations",
    xlim=(0, 1),
    ylim=(0, 150),
)
heap.set_title("null distribution, 150 songs")
heap.legend()

component = np.arange(1, 6)
for name, test in tests.items():
    color, line = styles[name]
    bars.plot(component, test.p_values, "o", linestyle=line, color=color, label=name)
bars.axhline(0.05, color="0.25", linewidth=1)
bars.text(5.1, 0.06, "0.05", va="bottom", ha="right")
bars.set(xlabel="component", ylabel="p-value", ylim=(0, 1.05), xticks=component)
bars.set_title("significance of each component")
bars.legend(loc="center right")
plt.show()

# %%
# For raw songs, pass a whole pipeline as the estimator.
# :func:`sklearn.model_selection.permutation_test_score` works as well, and answers a different
# question: whether *held-out* songs are retrieved better than by chance.
