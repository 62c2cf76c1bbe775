"""Correct the headers of WAVE and FLAC files that declare no length, without writing to the files.

FLAC of unknown length is legal: a program that writes to a pipe cannot go back to the header. A WAVE
file has length 0 if the recorder stopped before it could enter the length.
"""

import io
import re

from skdcca._audio.tags import mapped, skip_tags

# libsndfile replaces the unknown length of FLAC by this one.
UNKNOWN_FRAMES = 2**63 - 1
# Bytes at the end of a FLAC file in which the last frame begins.
_TAIL = 1 << 20
_FLAC_SYNC = re.compile(rb"\xff[\xf8\xf9]")
# Maximum number of chunks of a WAVE file before the audio.
_MAX_CHUNKS = 1000


class MendedFile(io.FileIO):
    """A file that is read with other bytes at one position.

    Parameters
    ----------
    path : str or path-like
        The file.
    position : int
        Position of the bytes to replace.
    content : bytes
        Their replacement.
    """

    def __init__(self, path, position, content):
        super().__init__(path)
        self.position = position
        self.content = content

    def readinto(self, buffer):
        """Read bytes into a buffer, and return their number."""
        begin = self.tell()
        n_read = super().readinto(buffer)
        first = max(begin, self.position)
        last = min(begin + n_read, self.position + len(self.content))
        if first < last:
            replaced = self.content[first - self.position : last - self.position]
            memoryview(buffer).cast("B")[first - begin : last - begin] = replaced
        return n_read


def find_correction(path, kind, n_frames):
    """Return the position and the new bytes of a length that is missing in a header, or None.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : str
        Name of its format in libsndfile.
    n_frames : int
        Length according to libsndfile.
    """
    with mapped(path) as data:
        if kind == "FLAC" and n_frames == UNKNOWN_FRAMES:
            return _flac_correction(data)
        if kind in ("WAV", "WAVEX", "RF64") and n_frames == 0:
            return _wave_correction(data)
    return None


# ---- WAVE -------------------------------------------------------------------------------------


def _wave_correction(data):
    """Return the position and the content of the length of the audio, which is 0."""
    order = "big" if data[:4] == b"RIFX" else "little"
    position, length_of_rf64 = 12, None
    for _ in range(_MAX_CHUNKS):
        name, size = _chunk(data, position, order)
        if name == b"ds64":
            length_of_rf64 = position + 16
        if name in (b"data", b""):
            break
        position += 8 + size + size % 2
    n_bytes = len(data) - position - 8
    if name != b"data" or n_bytes <= 0 or _is_chunk(data, position + 8, order):
        return None
    if length_of_rf64 is not None:
        return length_of_rf64, n_bytes.to_bytes(8, order)
    return position + 4, min(n_bytes, 0xFFFFFFFE).to_bytes(4, order)


def _chunk(data, position, order):
    """Return the name and the size of a chunk; at the end of the file the name is empty."""
    return data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], order)


def _is_chunk(data, position, order):
    """Return True if a chunk follows, not audio."""
    name, size = _chunk(data, position, order)
    is_name = len(name) == 4 and all(32 <= letter < 127 for letter in name)
    return is_name and position + 8 + size <= len(data)


# ---- FLAC -------------------------------------------------------------------------------------


def _flac_correction(data):
    """Return the position and the content of the field with the number of samples, which is 0."""
    start = skip_tags(data, 0)
    position = start + 18  # within STREAMINFO, which is always the first block
    block_size = int.from_bytes(data[start + 10 : start + 12])
    field = int.from_bytes(data[position : position + 8])  # its last 36 bits are the number
    n_samples = _last_sample(data[-_TAIL:], block_size)
    return position, (field & ~(2**36 - 1) | min(n_samples, 2**36 - 1)).to_bytes(8)


def _last_sample(tail, block_size):
    """Return the number of samples up to the end of the last frame."""
    for sync in reversed(list(_FLAC_SYNC.finditer(tail))):
        n_samples = _samples_until(tail[sync.start() : sync.start() + 16], block_size)
        if n_samples is not None:
            return n_samples
    return 0


def _samples_until(header, block_size):
    """Return the number of samples up to the end of a frame, or None if this is not its header.

    See the format of FLAC, RFC 9639, section 9.1.
    """
    header = header.ljust(16, b"\0")
    size_code, rate_code = header[2] >> 4, header[2] & 15
    channels, depth = header[3] >> 4, header[3] >> 1 & 7
    number, end = _coded_number(header)
    is_reserved = size_code == 0 or rate_code == 15 or channels > 10 or depth == 3 or header[3] & 1
    if is_reserved or number is None:
        return None
    size, end = _size_of_block(header, size_code, end)
    end += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if _checksum(header[:end]) != header[end]:
        return None
    # A frame has the number of its first sample, or its own number if all blocks have the same size.
    return (number if header[1] & 1 else number * block_size) + size


def _size_of_block(header, code, position):
    """Return the number of samples in a block, and the position after it."""
    if code == 6:
        return header[position] + 1, position + 1
    if code == 7:
        return int.from_bytes(header[position : position + 2]) + 1, position + 2
    if code == 1:
        return 192, position
    return 576 << (code - 2) if code < 6 else 256 << (code - 8), position


def _coded_number(header):
    """Return the number of a frame, coded like a character of UTF-8, and the position after it."""
    first = header[4]
    if first < 0x80:
        return first, 5
    n_more = 7 - (first ^ 0xFF).bit_length()  # leading ones, less one
    if not 1 <= n_more <= 6:
        return None, 5
    number = first & (0x3F >> n_more)
    for byte in header[5 : 5 + n_more]:
        if byte >> 6 != 2:
            return None, 5
        number = number << 6 | byte & 0x3F
    return number, 5 + n_more


def _checksum(header):
    """Return the CRC-8 of bytes, with polynomial 0x07."""
    value = 0
    for byte in header:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x07) & 0xFF if value & 0x80 else value << 1
    return value
