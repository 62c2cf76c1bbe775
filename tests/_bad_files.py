"""Sound files of every kind: good, damaged, and with headers that claim too much."""

import struct
from inspect import signature

import numpy as np
import soundfile

RATE = 22050
# Older versions of soundfile cannot be asked for an mp3 of constant rate.
CONSTANT_RATE = "compression_level" in signature(soundfile.write).parameters
# The first bytes of a PNG, a pickle and a table in Latin-1.
PNG, PICKLE, LATIN = b"\x89PNG\r\n\x1a\n" + bytes(200), b"\x80\x04K\x01.", "für".encode("latin-1")


def noise(n=RATE, seed=0):
    """Return white noise, a second by default."""
    return (0.1 * np.random.default_rng(seed).normal(size=n)).astype(np.float32)


def flac_that_claims(path, seconds):
    """Write a second of sound whose header declares more: the last 36 of 64 bits."""
    soundfile.write(path, noise(RATE), RATE, format="FLAC")
    content = bytearray(path.read_bytes())
    head = int.from_bytes(content[18:26], "big")
    content[18:26] = (head & ~(2**36 - 1) | seconds * RATE).to_bytes(8, "big")
    path.write_bytes(content)


def wav_that_claims(path, n_bytes):
    """Write a second of sound whose header declares this many bytes."""
    soundfile.write(path, noise(), RATE)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", n_bytes)
    path.write_bytes(content)


def write_files(folder):
    """Write a sound file of each kind into a folder, and tables that are faulty."""
    for name, content in {"empty.wav": b"", "png.wav": PNG, "sound.raw": bytes(99)}.items():
        (folder / name).write_bytes(content)
    for i in range(12):
        soundfile.write(folder / f"good{i}.wav", noise(seed=i), RATE)
    broken = noise()
    broken[5000] = np.nan
    sounds = {
        "none": noise(0),
        "one": noise(1),
        "silent": np.zeros(RATE // 2),
        "eight": np.tile(noise()[:, None], 8),
    }
    for name, sound in sounds.items():
        soundfile.write(folder / f"{name}.wav", sound, RATE)
    soundfile.write(folder / "nan.wav", broken, RATE, subtype="FLOAT")
    soundfile.write(folder / "loud.wav", 1e30 * noise().astype(float), RATE, subtype="FLOAT")
    soundfile.write(folder / "eight_bits.wav", noise(), RATE, subtype="PCM_U8")
    soundfile.write(folder / "fast.wav", noise(192000), 192000)
    soundfile.write(folder / "whole.flac", noise(4 * RATE), RATE)
    constant = {"compression_level": 0.0} if CONSTANT_RATE else {}
    soundfile.write(folder / "whole.mp3", noise(8 * RATE), 2 * RATE, **constant)
    for kind in ("aiff", "au"):
        soundfile.write(folder / f"whole.{kind}", noise(), RATE)
    for name in ("whole.flac", "whole.mp3", "good0.wav", "whole.aiff", "whole.au"):
        content = (folder / name).read_bytes()
        (folder / f"cut_{name}").write_bytes(content[: len(content) // 2])
    flac_that_claims(folder / "ten_hours.flac", 36000)
    wav_that_claims(folder / "ten_hours.wav", RATE * 2 * 36000)
    wav_that_claims(folder / "streamed.wav", 2**32 - 1)  # as ffmpeg writes into a pipe
    (folder / "folder.wav").mkdir()
    (folder / "link.wav").symlink_to(folder / "nowhere.wav")
    (folder / "latin.csv").write_bytes(b"audio,lyrics\ngood0.wav," + LATIN)
    (folder / "nothing.csv").write_bytes(b"")
    (folder / "header.csv").write_text("audio,lyrics\n")
    (folder / "columns.csv").write_text("song,mood\ngood0.wav,la\n")
    (folder / "pickle.skdcca").write_bytes(PICKLE)


def three_of_five(files, bad):
    """Return the paths of two good songs and three bad ones."""
    return [str(files / name) for name in ("good0.wav", bad[0], "good1.wav", bad[1], bad[2])]
