"""Compare the lengths and the audio that skdcca, librosa and soundfile read from files of many kinds.

One minute of synthetic music, soft in its first third, is written by FFmpeg and by hand: with and
without the frame that describes an MP3, with tags, into pipes, and as recorders that crash leave it.
The true length is that of a full decode by FFmpeg. The correlation is that of the whole decoded file
with the whole source, aligned within 0.15 s, so missing audio lowers it. "Center off by" is the
distance between the middle of the song and the place that an excerpt of two seconds comes from, which
was asked for there.

    python benchmarks/formats.py [--seconds 60] [--quick]
"""

import os
import subprocess
import tempfile
import warnings
from pathlib import Path

import imageio_ffmpeg
import librosa
import numpy as np
import soundfile
from scipy.signal import correlate, resample_poly

from skdcca._audio.files import read_excerpt, read_header

from _common.arguments import make_parser
from _common.table import print_head, print_row
from _common.timing import least_seconds

RATE = 44100
COMPARED = 11025  # Hz; the rate at which audio is compared
EXCERPT, MOST_LAG = 2.0, 0.15  # seconds
NAN = float("nan")

# Files by FFmpeg: name, options, and True if written to a pipe.
BY_FFMPEG = [
    ("mp3 vbr, Xing frame.mp3", "-q:a 4", False),
    ("mp3 vbr, pipe.mp3", "-q:a 4 -f mp3", True),
    ("mp3 cbr, Info frame.mp3", "-b:a 128k", False),
    ("mp3 cbr, no Info frame.mp3", "-b:a 128k -write_xing 0 -id3v2_version 0", False),
    ("mp3 mono 22 kHz, pipe.mp3", "-ac 1 -ar 22050 -q:a 5 -f mp3", True),
    ("mp3 mono 8 kHz, pipe.mp3", "-ac 1 -ar 8000 -b:a 16k -f mp3", True),
    ("mp2.mp2", "-c:a mp2 -b:a 192k", False),
    ("flac.flac", "", False),
    ("flac, pipe.flac", "-f flac", True),
    ("flac 24 bit, pipe.flac", "-sample_fmt s32 -f flac", True),
    ("wav, pipe.wav", "-f wav", True),
    ("rf64, pipe.wav", "-rf64 always -f wav", True),
    ("aiff.aiff", "", False),
    ("au, pipe.au", "-f au", True),
    ("caf.caf", "", False),
    ("ogg vorbis, pipe.ogg", "-c:a libvorbis -f ogg", True),
    ("opus, pipe.opus", "-c:a libopus -f opus", True),
    ("m4a.m4a", "", False),
    ("m4a, alac.m4a", "-c:a alac", False),
    ("mp4, fragments, pipe.mp4", "-c:a aac -movflags frag_keyframe+empty_moov -f mp4", True),
    ("aac.aac", "", False),
    ("wma.wma", "", False),
    ("webm, pipe.webm", "-c:a libopus -f webm", True),
    ("mka, flac.mka", "-c:a flac", False),
    ("ac3.ac3", "-b:a 192k", False),
]


def main():
    parser = make_parser(__doc__, "9 seconds of music")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    seconds = 9.0 if options.quick else options.seconds
    warnings.simplefilter("ignore")
    print_head(
        "file",
        "true length, s",
        "skdcca",
        "librosa",
        "soundfile",
        "correlation: skdcca",
        "librosa",
        "soundfile",
        "center off by, s: skdcca",
        "soundfile",
        "length found in, ms",
    )
    worst, n_files = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        source = music(seconds)
        for path, truth in write_files(Path(folder), source):
            ours, cells = measure(path, truth, mono(source.T, RATE))
            worst, n_files = max(worst, abs(ours - truth)), n_files + 1
            print_row(path.stem, f"{truth:.2f}", *cells)
    print(f"n_files={n_files}")
    print(f"worst_seconds={worst:.4f}")


# ---- files ------------------------------------------------------------------------------------


def music(seconds):
    """Return stereo tones of random pitch in noise, soft in the first third."""
    rng = np.random.default_rng(0)
    time = np.arange(RATE // 4) / RATE
    notes = []
    for pitch in 220 * 2 ** (rng.integers(0, 24, int(4 * seconds)) / 12):
        notes.append(0.4 * np.exp(-6 * time) * np.sin(2 * np.pi * pitch * time))
    sound = np.concatenate(notes)[:, None] * (1.0, 0.7)
    sound += 0.003 * np.linspace(0, 1, len(sound))[:, None] * rng.normal(size=sound.shape)
    sound[: len(sound) // 3] *= 0.05
    return sound


def write_files(folder, source):
    """Yield the path of each file and its true length in seconds."""
    wav = folder / "wav.wav"
    soundfile.write(wav, source, RATE, subtype="PCM_16")
    yield wav, len(source) / RATE
    for name, options, is_pipe in BY_FFMPEG:
        path = folder / name
        encode(wav, path, options.split(), is_pipe)
        is_unreadable = name.startswith("rf64")  # FFmpeg finds no audio in its own file
        yield path, len(source) / RATE if is_unreadable else decoded_seconds(path)
    plain = folder / "mp3 cbr, no Info frame.mp3"
    seconds = decoded_seconds(plain)
    for name, content in tagged(plain.read_bytes()):
        path = folder / f"{name}.mp3"
        path.write_bytes(content)
        yield path, seconds
    whole = wav.read_bytes()
    at = whole.index(b"data") + 4
    for name, n_bytes in (("length 0", 0), ("length of an hour", 4 * RATE * 3600)):
        path = folder / f"wav, {name}.wav"
        path.write_bytes(whole[:at] + n_bytes.to_bytes(4, "little") + whole[at + 4 :])
        yield path, len(source) / RATE


def encode(wav, path, options, is_pipe):
    """Encode a file by FFmpeg, into a pipe or into a file that it may write again."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(wav), *options]
    target = "pipe:1" if is_pipe else str(path)
    content = subprocess.run([*command, target], check=True, stdout=subprocess.PIPE).stdout
    if is_pipe:
        path.write_bytes(content)


def decoded_seconds(path):
    """Return the length of a file that FFmpeg decodes, in seconds."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
    command += ["-ac", "1", "-ar", str(RATE), "-f", "s16le", "pipe:1"]
    return len(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) / 2 / RATE


def tagged(content):
    """Yield names and contents of an MP3 file with tags and other bytes."""
    noise = np.random.default_rng(1).bytes(300_000)
    sizes = bytes(len(noise) >> shift & 127 for shift in (21, 14, 7, 0))
    id3 = b"ID3\x03\x00\x00" + sizes + noise
    size = (4032).to_bytes(4, "little")
    footer = b"APETAGEX" + (2000).to_bytes(4, "little") + size + bytes(16)
    tails = noise[:4000] + footer + b"LYRICSBEGININF00003000000020LYRICS200" + b"TAG" + bytes(125)
    middle = content.index(content[:2], len(content) // 2)
    yield "mp3, cover image", id3 + content
    yield "mp3, two tags, APE, Lyrics3, ID3v1", id3 + id3 + content + tails
    yield "mp3, APE tag first", footer + noise[:4000] + footer + content
    yield "mp3, noise first", noise[:5000] + content
    yield "mp3, a tag in the middle", content[:middle] + id3 + content[middle:]


# ---- what is read -----------------------------------------------------------------------------


def measure(path, truth, source):
    """Return the length that skdcca finds, and the cells of a row."""
    (found,), (header,) = least_seconds([lambda: read_header(path)], 5)
    ours = header.n_frames / header.sample_rate
    lengths = [ours, attempt(lambda: librosa.get_duration(path=path)), attempt(info_seconds, path)]
    readers = (read_by_skdcca, read_by_librosa, read_by_soundfile)
    matches = [attempt(whole_match, reader, path, source) for reader in readers]
    centers = [
        attempt(center_error, read_by_skdcca, path, ours, truth, source),
        attempt(center_error, read_by_soundfile, path, lengths[2], truth, source),
    ]
    cells = [f"{value:.2f}" for value in lengths] + [f"{value:.3f}" for value in matches]
    cells += [f"{value:.2f}" for value in centers] + [f"{1000 * found:.1f}"]
    return ours, ["refused" if cell == "nan" else cell for cell in cells]


def attempt(function, *arguments):
    """Return the value of a function, or NaN if it cannot read the file."""
    try:
        return function(*arguments)
    except Exception:
        return NAN


def info_seconds(path):
    seconds = soundfile.info(path).duration
    return seconds if seconds < 1e9 else NAN  # the greatest integer stands for an unknown length


def read_by_skdcca(path, start, seconds):
    return read_excerpt(path, start, seconds)


def read_by_librosa(path, start, seconds):
    waveform, rate = librosa.load(path, sr=None, offset=start, duration=seconds)
    return waveform[None], rate


def read_by_soundfile(path, start, seconds):
    with soundfile.SoundFile(path) as file:
        file.seek(int(start * file.samplerate))
        n_samples = int(min(seconds * file.samplerate, file.frames))
        return file.read(n_samples, always_2d=True).T, file.samplerate


def mono(waveform, rate):
    """Return the mean of the channels at the rate at which audio is compared."""
    divisor = np.gcd(int(rate), COMPARED)
    return resample_poly(waveform.mean(axis=0), COMPARED // divisor, int(rate) // divisor)


def whole_match(read, path, source):
    """Return the correlation of a whole file with the source, where what is missing counts as 0."""
    found = mono(*read(path, 0.0, len(source) / COMPARED + 1))
    if len(found) == 0:
        return NAN
    products = correlate(found, source, method="fft")
    zero, most = len(source) - 1, int(MOST_LAG * COMPARED)
    return products[max(0, zero - most) : zero + most].max() / (
        np.linalg.norm(found) * np.linalg.norm(source)
    )


def center_error(read, path, seconds, truth, source):
    """Return how far an excerpt from the middle is from the middle of the song, in seconds."""
    found = mono(*read(path, (seconds - EXCERPT) / 2, EXCERPT))
    products = correlate(source, found, "valid", method="fft")
    until = np.concatenate([[0.0], np.cumsum(source**2)])
    energies = until[len(found) :] - until[: -len(found)]
    levels = np.sqrt(np.maximum(energies, 1e-3 * energies.max()))
    best = np.argmax(products / levels)
    return abs(best / COMPARED - (truth - EXCERPT) / 2)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
