"""Plots of fitted models, in the style of scikit-learn's Display objects.

Conventions
-----------
Each class draws one plot. ``from_estimator`` computes it from a fitted model, which may be inside a
`Pipeline` or a search. ``from_predictions``, if the class has it, draws results that were computed
elsewhere, and ``from_test``, ``from_intervals`` and ``from_result`` draw results of `skdcca.inference`.
All return a display, which stores the numbers in attributes named like its parameters.
Call its method ``plot`` to draw the numbers again on other axes. ``plot`` sets ``ax_`` and
``figure_`` and does not change the global settings of matplotlib.

The plots need matplotlib: ``pip install "skdcca[plot]"``. They are readable in gray and for color-blind
readers, because lines also differ in style and marker, and signs are shown by numbers or position.
"""

from skdcca.plotting._biplot import BiplotDisplay
from skdcca.plotting._correlation import CorrelationDisplay
from skdcca.plotting._helio import HelioDisplay
from skdcca.plotting._history import HistoryDisplay
from skdcca.plotting._loadings import LoadingsDisplay
from skdcca.plotting._recall import RecallDisplay
from skdcca.plotting._sample_size import SampleSizeDisplay
from skdcca.plotting._scree import ScreeDisplay
from skdcca.plotting._similarity import SimilarityDisplay
from skdcca.plotting._space import SpaceDisplay

__all__ = [
    "BiplotDisplay",
    "CorrelationDisplay",
    "HelioDisplay",
    "HistoryDisplay",
    "LoadingsDisplay",
    "RecallDisplay",
    "SampleSizeDisplay",
    "ScreeDisplay",
    "SimilarityDisplay",
    "SpaceDisplay",
]
