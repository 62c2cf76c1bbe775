"""Tell the usual lengths of training samples from outliers."""

import numpy as np

# Samples with a smaller share of the median length do not show how short songs or lyrics can be. A
# single text such as "[Instrumental]" would make every line as long as a song.
_LEAST_SHARE = 0.1


def is_usual_length(lengths):
    """Return True for each length that is at least a tenth of the median."""
    return lengths >= _LEAST_SHARE * np.median(lengths)
