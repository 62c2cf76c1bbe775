"""Pictures of fitted models, as scikit-learn's Display objects.

Conventions
-----------
Each class draws one picture. ``from_estimator`` computes it from a fitted model and looks through
pipelines and searches; ``from_predictions``, where there is one, takes what was computed elsewhere. Both
return the display, which keeps the numbers as attributes under the names of its parameters, so that
``plot`` can draw them again on other axes. ``plot`` sets ``ax_`` and ``figure_`` and leaves the global
settings of matplotlib alone.

Lines differ in style and marker as well as in colour, and signs are told by numbers or position, so that
the pictures can be read in grey and by the colour-blind. They need matplotlib:
``pip install "skdcca[plot]"``.
"""

from skdcca.plotting._displays import (
    CorrelationDisplay,
    HistoryDisplay,
    LoadingsDisplay,
    RecallDisplay,
    SimilarityDisplay,
    SpaceDisplay,
)

__all__ = [
    "CorrelationDisplay",
    "HistoryDisplay",
    "LoadingsDisplay",
    "RecallDisplay",
    "SimilarityDisplay",
    "SpaceDisplay",
]
