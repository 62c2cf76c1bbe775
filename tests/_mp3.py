"""MP3 files without the frame that describes them, with tags, and frames made by hand."""

import numpy as np
import soundfile

RATE = 44100
# Samples that the encoder LAME puts before the sound, and by which decoders lag.
DELAY = 576 + 529


def soft_then_loud(seconds=6.0):
    """Return tones of random pitch in noise; the first third is soft, so that its bit rates are low."""
    rng = np.random.default_rng(0)
    n_notes = int(4 * seconds)
    pitches = np.repeat(220 * 2 ** (rng.integers(0, 24, n_notes) / 12), RATE // 4)
    sound = 0.3 * np.sin(2 * np.pi * np.cumsum(pitches) / RATE) + 0.05 * rng.normal(
        size=len(pitches)
    )
    sound[: len(sound) // 3] *= 1e-3
    return sound.astype(np.float32)


def with_xing(path, sound):
    """Write a file of variable bit rate, whose first frame describes the others."""
    soundfile.write(path, sound, RATE, format="MP3")
    assert b"Xing" in path.read_bytes()[:100]


def without_xing(path, sound):
    """Write the same file as an encoder that writes to a pipe."""
    with_xing(path, sound)
    content = path.read_bytes()
    path.write_bytes(content[content.index(content[:2], 100) :])


def synchsafe(n):
    """Return a number in four bytes of seven bits, as ID3v2 has them."""
    return bytes(n >> shift & 127 for shift in (21, 14, 7, 0))


def id3(n_bytes, footer=False):
    """Return an ID3v2 tag with a cover image, which is noise."""
    image = np.random.default_rng(1).bytes(n_bytes)
    end = b"3DI\x04\x00\x10" + synchsafe(n_bytes) if footer else b""
    flags = b"\x10" if footer else b"\x00"
    return b"ID3\x04\x00" + flags + synchsafe(n_bytes) + image + end


def ape(n_bytes, header=True):
    """Return an APEv2 tag."""
    size = (n_bytes + 32).to_bytes(4, "little")
    ends = b"APETAGEX" + (2000).to_bytes(4, "little") + size + bytes(16)
    return (ends if header else b"") + np.random.default_rng(2).bytes(n_bytes) + ends


ID3V1 = b"TAG" + bytes(125)
LYRICS3 = b"LYRICSBEGIN" + b"INF00003000" + b"LYR00004la\r\n" + b"000033" + b"LYRICS200"


def silent_frame(header, n_bytes):
    """Return a frame of silence from its header in hexadecimal digits."""
    return bytes.fromhex(header).ljust(n_bytes, b"\0")
