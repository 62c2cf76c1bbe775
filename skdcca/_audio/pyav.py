"""Read the formats that libsndfile lacks, such as m4a, with the optional package PyAV."""

import math
import re
from contextlib import contextmanager

import numpy as np

from skdcca._audio.tags import mapped, skip_tags

# The first bytes of files, and the demuxer for them. No others are used, because some demuxers of FFmpeg
# open further files or addresses that are named in a file.
_DEMUXERS = (
    (re.compile(rb"....ftyp", re.DOTALL), "mov"),
    (re.compile(rb"\x1a\x45\xdf\xa3"), "matroska"),
    (re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"), "asf"),
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"), "aac"),
    (re.compile(rb"\x0b\x77"), "ac3"),
)
# Seconds to decode before an excerpt: the output of a decoder is right only after some packets.
_LEAD = 1.0


def find_demuxer(path):
    """Return the name of the demuxer for a file by its first bytes, or None."""
    with mapped(path) as data:
        start = skip_tags(data, 0)
        beginning = data[start : start + 16]
    for pattern, name in _DEMUXERS:
        if pattern.match(beginning):
            return name
    return None


def is_installed():
    """Return True if PyAV can be imported."""
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


class PyAVSource:
    """A sound file that PyAV reads.

    Parameters
    ----------
    path : str or path-like
        The file.
    demuxer : str
        Name of its demuxer.

    Attributes
    ----------
    n_frames, sample_rate, n_channels : int
        Length, sample rate in Hz and number of channels.
    note : None
        No fault of a header is noted, because lengths in headers are not used.
    """

    note = None

    def __init__(self, path, demuxer):
        self.path = path
        self.demuxer = demuxer
        with self._opened() as (container, stream):
            first, last = None, 0.0
            for packet in container.demux(stream):  # not decoded
                if packet.pts is not None:
                    first = _seconds(packet) if first is None else first
                    last = max(last, _seconds(packet) + _length(packet))
            codec = stream.codec_context
            self.sample_rate = codec.sample_rate
            self.n_channels = codec.channels
        # Decoders remove what comes before time 0.
        self.n_frames = round((last - max(0.0, first or 0.0)) * self.sample_rate)

    def read(self, start, seconds):
        """Return the waveform and the sample rate of an excerpt; it may end with the file."""
        parts, first, rate = [], 0.0, self.sample_rate
        with self._opened() as (container, stream):
            to_float = _import_av().AudioResampler(format="fltp")
            for time, frame in _timed_frames(container.demux(stream), start):
                rate = frame.sample_rate
                end = time + frame.samples / rate
                if end > start:
                    first = first if parts else time
                    parts += [part.to_ndarray() for part in to_float.resample(frame)]
                if end >= start + seconds:
                    break
        if not parts:
            return np.empty((self.n_channels, 0), np.float32), rate
        waveform = np.concatenate(parts, axis=1)
        n_skipped = max(0, round((start - first) * rate))
        return waveform[:, n_skipped : n_skipped + math.ceil(seconds * rate)], rate

    @contextmanager
    def _opened(self):
        """Open the first audio stream; all errors of FFmpeg are raised as ValueError."""
        av = _import_av()
        try:
            # FFmpeg gets an open file, because it takes some paths for addresses.
            with (
                open(self.path, "rb") as file,
                av.open(file, format=self.demuxer, metadata_errors="ignore") as container,
            ):
                if not container.streams.audio:
                    raise ValueError("it has no audio")
                yield container, container.streams.audio[0]
        except av.FFmpegError as error:
            raise ValueError(error.strerror or str(error)) from error


def _import_av():
    import av

    return av


def _timed_frames(packets, start):
    """Yield the time in seconds of each decoded frame, and the frame.

    Packets that end more than a second before `start` are not decoded, except the first ones: the audio
    begins with the first decoded frame, whatever its time stamp. The last packet may be incomplete, if
    the file is.
    """
    origin, time, damage = None, 0.0, None
    for packet in packets:
        if damage is not None and packet.size:  # the packet that ends the stream is empty
            raise damage
        is_early = packet.pts is not None and origin is not None
        if is_early and _seconds(packet) + _length(packet) - origin < start - _LEAD:
            continue
        frames, fault = _decode(packet)
        # The first packet after those that are skipped may refer to one of them.
        damage = fault if time >= start else None
        for frame in frames:
            if frame.pts is not None:  # the last frame may have no time stamp
                origin = _seconds(frame) if origin is None else origin
                time = _seconds(frame) - origin
            yield time, frame
            time += frame.samples / frame.sample_rate


def _decode(packet):
    """Return the frames of a packet, and the error if it cannot be decoded."""
    try:
        return packet.decode(), None
    except _import_av().error.InvalidDataError as error:
        return [], error


def _seconds(item):
    return float(item.pts * item.time_base)


def _length(packet):
    return float((packet.duration or 0) * packet.time_base)
