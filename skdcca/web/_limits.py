"""Limits of the web page: size and speed of requests, size of responses."""

import os
import warnings

import numpy as np

from skdcca._audio import can_read_m4a, read_header
from skdcca.web._errors import refusal, too_large

LOOPBACK = ("127.0.0.1", "localhost", "::1")

# Queries
MAX_TEXT = 20_000  # characters
MAX_BYTES = 50_000_000  # bytes of a sound file
MAX_BODY = 1_000_000  # bytes of any other request
MAX_SECONDS = 600  # duration of a clip
MIN_SECONDS = 1  # as in a query of `CrossModalIndex`
MAX_RATE = 192_000  # Hz; with MAX_CHANNELS, bounds the memory of ten minutes of audio
MAX_CHANNELS = 8

# Answers
MAX_RESULTS = 100
MAX_DRAWN_SECONDS = 7200  # duration of a song whose waveform is drawn
MAX_WAVEFORMS = 2  # threads for waveforms; each decodes a minute at a time
MAX_POINTS = 2000  # points on the map, both views together
EXCERPT_LINES = 4
EXCERPT_LETTERS = 280
MAX_LINES = 2000  # heard lines of one song
MAX_TAGS = 20  # of one song
TAG_LETTERS = 60  # of one tag
COMMON_TAGS = 12  # tags that the page offers at the start

# Clients
MAX_SEARCHES = 4  # threads for searches; audio is sent by other threads
MAX_UPLOADS = 8  # clips held at a time, in memory or on disk
MAX_WAIT = 30  # seconds that an upload waits for a slot
MAX_HEADER = 15  # seconds until the header of a request is complete
MAX_SILENCE = 15  # seconds between two parts of a request
MAX_SENDING = 120  # seconds for all parts of a request
MAX_CONNECTIONS = 200  # well below the number of files that a process may open


def check_text(text, kind="lyrics"):
    """Reject a query of some kind that is blank or too long."""
    if kind == "tags" and not text.replace(";", " ").replace(",", " ").strip():
        raise refusal(400, "Type a tag first.")
    if not text.strip():
        raise refusal(400, "Type a line of lyrics first.")
    if len(text) > MAX_TEXT:
        raise refusal(400, f"The text has {len(text):,} characters; the limit is {MAX_TEXT:,}.")


def check_sound(path):
    """Reject an uploaded file that is not readable as audio, or exceeds the limits."""
    n_bytes = os.path.getsize(path)
    if n_bytes == 0:
        raise refusal(400, "This file is empty.")
    if n_bytes > MAX_BYTES:
        raise too_large(MAX_BYTES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the search issues them again
            header = read_header(path)
    except (ValueError, OSError) as error:
        raise refusal(
            415, f"This file cannot be read as audio. Choose a {formats()} file."
        ) from error
    _check_duration(header.n_frames / max(1, header.sample_rate))
    if header.sample_rate > MAX_RATE or header.n_channels > MAX_CHANNELS:
        raise refusal(
            400,
            f"This clip has {header.n_channels} channels at {header.sample_rate:,} Hz; the limit is "
            f"{MAX_CHANNELS} channels at {MAX_RATE:,} Hz.",
        )


def formats():
    """Return the names of the most common formats that can be read."""
    return "WAV, FLAC, OGG, MP3 or M4A" if can_read_m4a() else "WAV, FLAC, OGG or MP3"


def _check_duration(seconds):
    if seconds < MIN_SECONDS:
        raise refusal(
            400,
            f"This clip is too short ({seconds:.2g} s). Choose one of at least {MIN_SECONDS} s.",
        )
    if seconds > MAX_SECONDS:
        minutes, rest = divmod(int(np.ceil(seconds)), 60)
        raise refusal(
            400,
            f"This clip is {minutes}:{rest:02} minutes long; the limit is {MAX_SECONDS // 60}. "
            "Choose a shorter excerpt.",
        )
