from skdcca._audio.mel import TemporalSummary  # noqa: F401
