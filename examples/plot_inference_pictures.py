"""
Draw a canonical correlation analysis
=====================================

Age, sex, body mass index and blood pressure of 442 patients are related to six measurements of their
blood. This example draws the pictures of a result section: the number of components, the size of
their correlations, and what the components are made of.
"""

# %%
# How many components
# -------------------
#
# The gray band contains the correlations of permuted pairs, from their 5 % to their 95 % quantile.
# Filled markers are significant: two components are more than chance.

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes

from skdcca import LinearCCA, canonical_correlation_test
from skdcca.plotting import ScreeDisplay

table = load_diabetes(as_frame=True, scaled=False).data
body = table[["age", "sex", "bmi", "bp"]]
names = ["cholesterol", "LDL", "HDL", "cholesterol / HDL", "log triglycerides", "glucose"]
blood = table[["s1", "s2", "s3", "s4", "s5", "s6"]].set_axis(names, axis=1)

test = canonical_correlation_test(
    LinearCCA(reg=0), body, blood, null_distribution=True, random_state=0
)
ScreeDisplay.from_test(test)
plt.show()

# %%
# How large are the correlations
# ------------------------------
#
# Sample correlations are too large. On the left, they are corrected, with confidence intervals; the
# crossed components cannot be told from 0. On the right is what a model with a ridge reaches on
# held-out rows, with its deviation over five folds.

from skdcca import canonical_correlation_intervals
from skdcca.plotting import CorrelationDisplay

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
intervals = canonical_correlation_intervals(LinearCCA(reg=0), body, blood, random_state=0)
CorrelationDisplay.from_intervals(intervals, ax=left)
held_out = canonical_correlation_intervals(LinearCCA(reg=0.1), body, blood, random_state=0)
CorrelationDisplay.from_intervals(held_out, ax=right)
plt.show()

# %%
# What the components are made of
# -------------------------------
#
# In the circle, columns in the same direction go together: a large body mass index and a high blood
# pressure with triglycerides and glucose, and against HDL. The helio plot shows the first component
# alone, with the intervals of its loadings as black lines.

from skdcca.plotting import BiplotDisplay, HelioDisplay

views = ("body", "blood")
model = LinearCCA(reg=0).fit(body, blood)
BiplotDisplay.from_estimator(model, names=views)
HelioDisplay.from_intervals(intervals, names=views)
plt.show()

# %%
# The cross-loadings are the correlations of the columns with the variates of the other view. Those whose
# interval contains 0 are pale and in parentheses.

from skdcca.plotting import LoadingsDisplay

LoadingsDisplay.from_intervals(intervals, view="y", kind="cross")
plt.show()

# %%
# How many samples the next study needs
# -------------------------------------
#
# If the correlation in the population is 0.3, with 10 columns in each view, a test finds it long before
# the weights are close to those of the population.

from skdcca import cca_sample_size
from skdcca.plotting import SampleSizeDisplay

plan = cca_sample_size(0.3, 10, 10, n_simulations=0)
SampleSizeDisplay.from_result(plan)
plt.show()
