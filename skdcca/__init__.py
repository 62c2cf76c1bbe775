"""Canonical correlation analysis between music audio and lyrics, as scikit-learn estimators.

Public names are imported on first use, so that ``import skdcca`` stays light.
"""

import lazy_loader

__version__ = "0.1.0.dev0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "adapters",
        "datasets",
        "encoders",
        "losses",
        "metrics",
        "persistence",
        "plotting",
        "retrieval",
    ],
    submod_attrs={
        "_audio": ["MelSpectrogram", "TemporalSummary"],
        "_audio_dynamics": ["AudioDynamics"],
        "_audio_form": ["AudioForm"],
        "_deep": ["DeepCCA"],
        "_kernel": ["KernelCCA"],
        "_linear": ["LinearCCA"],
        "_lyrics": ["Doc2VecLyrics", "LyricsForm"],
        "_pretrained": ["MelCNNAudio"],
        "_sequence": ["LyricsCharacters", "LyricsSequence"],
        "_significance": ["canonical_correlation_test", "redundancy", "variance_explained"],
        "persistence": ["load", "save"],
        "retrieval": ["CrossModalIndex", "FaissNeighbors"],
    },
)
