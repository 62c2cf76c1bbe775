"""
Is it more than chance? A permutation test
==========================================

Canonical correlations of the rows that a model has learned from are never 0, and with few rows
they are large for any data. This example measures songs whose sound and words share a mood, and
songs whose words were dealt out at random, and lets shuffled pairs tell which is which.
"""

# %%
# Songs, and the same songs with wrong words
# ------------------------------------------
#
# 150 planted songs as numbers: statistics of the sound and weights of the words, each brought down
# to five dimensions. In the second data set the words are dealt out to other songs.

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
data = {"own words": y, "words of another song": y[rng.permutation(len(y))]}

# %%
# The test
# --------
#
# The songs were made one by one, so that under the hypothesis of chance any song may have any
# words: pairs can be exchanged. (Songs of a few artists, or frames of one song, could not be.) A
# component counts as found if hardly any shuffle reaches its correlation, *after* the components
# before it are taken out: that is what ``p_values`` tell, component by component. Four moods were
# planted; with five numbers a song and 150 songs, two of them can be told from chance.

from skdcca import LinearCCA, canonical_correlation_test

tests = {
    name: canonical_correlation_test(LinearCCA(), X, words, n_permutations=999, random_state=0)
    for name, words in data.items()
}
for name, test in tests.items():
    print(name)
    print("  correlations", test.correlations.round(2))
    print("  p values    ", test.p_values.round(3))

# %%
# The first correlation of the wrong words is not near 0 either. To see what it has to be compared
# with, shuffle the words and fit again, many times, and keep the greatest correlation of each
# time: the grey heap. The one of the right words stands far outside, the other in the middle of
# it.

shuffled = np.array(
    [LinearCCA(1).fit(X, y[rng.permutation(len(y))]).canonical_correlations_[0] for _ in range(999)]
)
figure, (heap, bars) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
heap.hist(shuffled, bins=30, color="0.75", label="999 shuffles")
styles = {"own words": ("#0072B2", "-"), "words of another song": ("#D55E00", "--")}
for name, test in tests.items():
    colour, line = styles[name]
    first = test.correlations[0]
    heap.axvline(first, ymax=0.65, color=colour, linestyle=line, linewidth=2, label=name)
heap.set(
    xlabel="first canonical correlation", ylabel="number of shuffles", xlim=(0, 1), ylim=(0, 150)
)
heap.set_title("what chance finds in 150 songs")
heap.legend()

component = np.arange(1, 6)
for name, test in tests.items():
    colour, line = styles[name]
    bars.plot(component, test.p_values, "o", linestyle=line, color=colour, label=name)
bars.axhline(0.05, color="0.25", linewidth=1)
bars.text(5.1, 0.06, "0.05", va="bottom", ha="right")
bars.set(xlabel="component", ylabel="p value", ylim=(0, 1.05), xticks=component)
bars.set_title("how many components are real")
bars.legend(loc="center right")
plt.show()

# %%
# For a pipeline from raw songs give the whole pipeline as the estimator; it is fitted again for
# every shuffle then. :func:`sklearn.model_selection.permutation_test_score` works too, and asks
# another question: whether *held-out* songs are found better than by chance.
