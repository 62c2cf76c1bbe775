"""Plots of fitted models, as scikit-learn's Display objects.

Conventions
-----------
Each class draws one plot. ``from_estimator`` computes it from a fitted model and looks through pipelines
and searches; ``from_predictions``, if there is one, takes results that were computed elsewhere. Both
return the display, which keeps the numbers as attributes under the names of its parameters, so that
``plot`` can draw them again on other axes. ``plot`` sets ``ax_`` and ``figure_`` and does not change the
global settings of matplotlib.

Lines differ in style and marker as well as in color, and signs are shown by numbers or position, so
that the plots can be read in gray and by the color-blind. They need matplotlib:
``pip install "skdcca[plot]"``.
"""

from skdcca.plotting._correlation import CorrelationDisplay
from skdcca.plotting._history import HistoryDisplay
from skdcca.plotting._loadings import LoadingsDisplay
from skdcca.plotting._recall import RecallDisplay
from skdcca.plotting._similarity import SimilarityDisplay
from skdcca.plotting._space import SpaceDisplay

__all__ = [
    "CorrelationDisplay",
    "HistoryDisplay",
    "LoadingsDisplay",
    "RecallDisplay",
    "SimilarityDisplay",
    "SpaceDisplay",
]
