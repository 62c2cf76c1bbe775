"""Find the frames of MPEG audio (mp3, mp2): its exact length, and the bytes of an excerpt.

MPEG audio has no header. An encoder that can return to the beginning of its file describes the audio
there, in an Xing or VBRI frame; programs that write to a pipe do not. Decoders then guess the length
from the first bit rates, and are wrong by a factor of three on music that begins softly. The header of
every frame gives its length in bytes, so this module counts the frames instead.
"""

import io
import math
import re
from functools import lru_cache
from typing import NamedTuple

from skdcca._audio.libsndfile import import_soundfile
from skdcca._audio.tags import mapped, skip_tags

# Bit rates in kbit/s by their index in the header, for layers I, II and III. Index 0 is free format.
_BIT_RATES_1 = (
    (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)
_BIT_RATES_2 = (
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
# Sample rates by the version in the header: MPEG 1, 2 and 2.5.
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
# The first three bytes of a header that gives the length of its frame.
_ANY_HEADER = re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x10-\xef]", re.DOTALL)
_TAILS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")
# Number of headers in a row that tell audio from bytes that look like a header.
_CHAIN = 4
# Maximum number of places that look like a header; a megabyte of noise has about 300.
_MAX_TRIALS = 10_000
# Number of frames to decode before an excerpt. They must cover the reservoir, even if a frame of MPEG 2
# has only 24 bytes, and some more, because a frame overlaps with the one before it.
_LEAD = 30
# Maximum number of bytes before a frame of layer III that it refers to.
_RESERVOIR = 511
# Minimum fraction of the declared frames that a file must contain. A file with less is truncated.
LEAST_SHARE = 0.9
# Samples by which a decoder lags behind; the delay in a LAME tag does not include them.
_DECODER_DELAY = 529


class MpegAudio(NamedTuple):
    """Frames of a file and the part of their samples that is audio.

    Attributes
    ----------
    positions : list of int
        Byte at which each frame begins.
    lengths : dict
        Length of a frame in bytes by the first three bytes of its header.
    sample_rate : int
        Sample rate in Hz.
    n_channels : int
        Number of channels.
    frame_size : int
        Number of samples in a frame.
    delay : int
        Number of decoded samples before the first sample of the audio.
    n_samples : int
        Number of samples of the audio. It is more than the frames have if the file is truncated.
    """

    positions: list
    lengths: dict
    sample_rate: int
    n_channels: int
    frame_size: int
    delay: int
    n_samples: int


def is_frame(beginning):
    """Return True if these bytes begin like a frame."""
    return len(beginning) >= 4 and beginning[:2] >= b"\xff\xe0" and _kind(beginning) is not None


def find_audio(path):
    """Return the `MpegAudio` of a file, or None if it has no frames."""
    with mapped(path) as data:
        first = _first_frame(data)
        if first is None:
            return None
        lengths = _lengths_at(data, first)
        return _describe(data, _walk(data, first, lengths), lengths)


def read_frames(path, audio, first, n_samples):
    """Return a file of the frames around an excerpt, and where the excerpt is in it.

    A decoder that is given the whole file guesses its length and stops there. This file begins with a
    frame of silence at the lowest bit rate, so that the guess is always too high.

    Parameters
    ----------
    path : str or path-like
        The file.
    audio : MpegAudio
        Its frames.
    first : int
        First sample of the excerpt.
    n_samples : int
        Length of the excerpt in samples.

    Returns
    -------
    file : BytesIO
        MPEG audio.
    n_skipped : int
        Number of decoded samples before the excerpt.
    n_samples : int
        Length of the excerpt, which is shorter if the audio ends earlier.
    """
    start = first + audio.delay
    end = start + n_samples
    begin = max(0, start // audio.frame_size - _LEAD)
    stop = -(-end // audio.frame_size)
    frames = []
    with mapped(path) as data:
        silence = _silent_frame(data, audio)
        for position in audio.positions[begin:stop]:
            length = audio.lengths[data[position : position + 3]]
            frames.append(data[position : position + length])
    if frames:
        _mute_incomplete(frames)
    n_skipped = start - (begin - 1) * audio.frame_size
    n_samples = min(n_samples, (len(audio.positions) - begin + 1) * audio.frame_size - n_skipped)
    # Silence at the end as well, because a guess may be rounded down.
    content = b"".join([silence, *frames, 2 * silence])
    return io.BytesIO(content), n_skipped, max(0, n_samples)


def _mute_incomplete(frames):
    """Mute the frames of layer III that refer to bytes before the first frame.

    mpg123 would report them on the standard error. Later frames can still refer to their bytes.
    """
    version, layer, _ = _kind(frames[0])
    n_available = 0
    for i, frame in enumerate(frames):
        if layer != 3 or n_available >= _RESERVOIR:
            return
        begin = 4 if frame[1] & 1 else 6  # after the checksum
        n_side = begin + _side_size(version, frame[3] >> 6 == 3)
        n_back = int.from_bytes(frame[begin : begin + 2]) >> (7 if version == 3 else 8)
        if n_back > n_available:
            # Keep this number, because mpg123 keeps only the bytes that some frame refers to.
            mask = 0x80 if version == 3 else 0x00
            side = bytes((frame[begin], frame[begin + 1] & mask)).ljust(n_side - begin, b"\0")
            frames[i] = frame[:begin] + side + frame[n_side:]
        n_available += len(frame) - n_side


class MpegSource:
    """A file of MPEG audio.

    Parameters
    ----------
    path : str or path-like
        The file.
    audio : MpegAudio
        Its frames.

    Attributes
    ----------
    n_frames, sample_rate, n_channels : int
        Length, sample rate in Hz and number of channels.
    note : None
        No fault of a header is noted, because the frames are counted.
    """

    note = None

    def __init__(self, path, audio):
        self.path = path
        self.audio = audio
        self.n_frames = audio.n_samples
        self.sample_rate = audio.sample_rate
        self.n_channels = audio.n_channels

    def read(self, start, seconds):
        """Return the waveform and the sample rate of an excerpt; it may end with the file."""
        soundfile = import_soundfile()
        first = int(start * self.sample_rate)
        n_wanted = min(math.ceil(seconds * self.sample_rate), self.n_frames - first)
        content, n_skipped, n_samples = read_frames(self.path, self.audio, first, n_wanted)
        try:
            with soundfile.SoundFile(content) as file:
                waveform = file.read(n_skipped + n_samples, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise ValueError(str(error)) from error
        return waveform[n_skipped:].T, self.sample_rate


# ---- frames -----------------------------------------------------------------------------------


def _walk(data, position, lengths):
    """Return the positions of all complete frames."""
    positions = []
    n_bytes = len(data)
    same_kind = _any_of(lengths)
    trials = iter(range(_MAX_TRIALS))
    while True:
        length = lengths.get(data[position : position + 3])
        if length is None:
            position = skip_tags(data, position)
            position = _next_chain(data, position, same_kind, lambda _: lengths, trials)
            if position is None:
                return positions
            continue
        if position + length > n_bytes:
            return positions
        positions.append(position)
        position += length


def _any_of(headers):
    """Return a pattern of the first three bytes of a header."""
    second, third = (re.escape(bytes({header[i] for header in headers})) for i in (1, 2))
    return re.compile(b"\xff[" + second + b"][" + third + b"]", re.DOTALL)


def _first_frame(data):
    """Return the position of the first frame, or None."""
    start = skip_tags(data, 0)
    # Free format is recognized only here: its headers are easily mistaken.
    lengths = _lengths_at(data, start)
    if lengths and _is_chain(data, start, lengths):
        return start
    trials = iter(range(_MAX_TRIALS))
    return _next_chain(data, start, _ANY_HEADER, lambda at: _lengths_at(data, at), trials)


def _next_chain(data, position, pattern, lengths_at, trials):
    """Return the position of the next frame that is followed by others, or None."""
    for _ in trials:
        found = pattern.search(data, position)
        if found is None:
            return None
        position = found.start()
        lengths = lengths_at(position)
        if lengths and _is_chain(data, position, lengths):
            return position
        position += 1
    return None


def _is_chain(data, position, lengths):
    """Return True if some frames follow each other, or all frames until the end of the audio do."""
    for n_found in range(_CHAIN):
        length = lengths.get(data[position : position + 3])
        if length is None:
            return n_found > 0 and _is_end(data, position)
        position += length
    return position <= len(data)


def _is_end(data, position):
    return position == len(data) or data[position : position + 11].startswith(_TAILS)


# ---- headers ----------------------------------------------------------------------------------


def _kind(header):
    """Return the version, the layer and the sample rate of a header, or None."""
    version, layer, rate = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3), header[2] >> 2 & 3
    if version == 1 or layer == 4 or rate == 3:
        return None
    return version, layer, rate


def _frame_size(version, layer):
    """Return the number of samples in a frame."""
    if layer == 1:
        return 384
    return 576 if layer == 3 and version != 3 else 1152


def _side_size(version, is_mono):
    """Return the number of bytes between the header and the audio of a frame of layer III."""
    if version == 3:
        return 17 if is_mono else 32
    return 9 if is_mono else 17


@lru_cache(maxsize=64)
def _lengths(version, layer, rate, free_length=None):
    """Return the length in bytes of each frame of a kind by the first three bytes of its header.

    `free_length` is the length without padding of frames in free format.
    """
    bit_rates = (_BIT_RATES_1 if version == 3 else _BIT_RATES_2)[layer - 1]
    sample_rate = _SAMPLE_RATES[version][rate]
    slot = 4 if layer == 1 else 1  # bytes; frames have an integer number of slots
    per_slot = _frame_size(version, layer) * 1000 // (8 * slot)
    lengths = {}
    for flags in range(1 << 8):
        index, padding = flags >> 4, flags >> 1 & 1
        if flags >> 2 & 3 != rate or index == 15 or (index == 0 and free_length is None):
            continue
        length = per_slot * bit_rates[index] // sample_rate * slot if index else free_length
        for protection in (0, 1):
            second = 0xE0 | version << 3 | (4 - layer) << 1 | protection
            lengths[bytes((0xFF, second, flags))] = length + padding * slot
    return lengths


def _lengths_at(data, position):
    """Return the lengths of all frames of the same kind as the one at a position, or None."""
    header = data[position : position + 4]
    kind = _kind(header) if len(header) == 4 else None
    if kind is None or header[2] >> 4:
        return kind and _lengths(*kind)
    free_length = _free_length(data, position, *kind)
    return free_length and _lengths(*kind, free_length)


def _free_length(data, position, version, layer, rate):
    """Return the length without padding of a frame in free format, or None.

    Its header does not give the length; it is the distance to the next header.
    """
    second = data[position + 1 : position + 2]
    flags = bytes(rate << 2 | padding << 1 | private for padding in (0, 1) for private in (0, 1))
    pattern = re.compile(b"\xff" + re.escape(second) + b"[" + re.escape(flags) + b"]", re.DOTALL)
    found = pattern.search(data, position + 24, position + 8192)
    if found is None:
        return None
    slot = 4 if layer == 1 else 1
    return found.start() - position - (data[position + 2] >> 1 & 1) * slot


# ---- what the frames hold ---------------------------------------------------------------------


def _describe(data, positions, lengths):
    """Return the `MpegAudio` of frames; the first may describe the others instead of holding audio."""
    if not positions:
        return None
    header = data[positions[0] : positions[0] + 4]
    version, layer, rate = _kind(header)
    is_mono = header[3] >> 6 == 3
    first = data[positions[0] : positions[0] + lengths[header[:3]]]
    info = _read_info(first, version, is_mono) if layer == 3 else None
    if info is not None:
        positions = positions[1:]
    n_frames, delay, padding = info or (0, 0, 0)
    if len(positions) >= LEAST_SHARE * n_frames:
        n_frames = len(positions)
    size = _frame_size(version, layer)
    end = n_frames * size - padding
    return MpegAudio(
        positions=positions,
        lengths=lengths,
        sample_rate=_SAMPLE_RATES[version][rate],
        n_channels=1 if is_mono else 2,
        frame_size=size,
        delay=delay,
        n_samples=max(0, end - delay),
    )


def _read_info(frame, version, is_mono):
    """Return the declared number of frames, and the samples to remove from the beginning and the end.

    Return None if the frame holds audio.
    """
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54]), 0, 0
    start = 4 + _side_size(version, is_mono) + (0 if frame[1] & 1 else 2)  # after the checksum
    if frame[start : start + 4] not in (b"Xing", b"Info"):
        return None
    flags = int.from_bytes(frame[start + 4 : start + 8])
    n_frames = int.from_bytes(frame[start + 8 : start + 12]) if flags & 1 else 0
    fields = 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    return n_frames, *_read_lame(frame[start + 8 + fields :])


def _read_lame(tag):
    """Return the number of samples that decoders remove from the beginning and from the end."""
    both = int.from_bytes(tag[21:24])
    if len(tag) < 24 or both == 0:
        return 0, 0
    return (both >> 12) + _DECODER_DELAY, max(0, (both & 0xFFF) - _DECODER_DELAY)


def _silent_frame(data, audio):
    """Return a frame of silence at the lowest bit rate."""
    header = bytearray(data[audio.positions[0] : audio.positions[0] + 4])
    header[1] |= 0x01  # no checksum
    header[2] = 0x10 | header[2] & 0x0C
    return bytes(header).ljust(audio.lengths[bytes(header[:3])], b"\0")
