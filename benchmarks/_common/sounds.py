"""Synthesize scores to audio.

Requires the program ``fluidsynth`` and the sound font ``TimGM6mb.sf2``, and for voices ``espeak-ng`` (on
Debian and Ubuntu: ``apt-get install fluidsynth timgm6mb-soundfont espeak-ng``).
"""

import os
import shutil
import subprocess
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile
from tqdm import tqdm

from _common.internals import atomic_write

SAMPLE_RATE = 22050
SOUND_FONTS = ("/usr/share/sounds/sf2/TimGM6mb.sf2", "/usr/share/soundfonts/TimGM6mb.sf2")


def add_sounds(songs, archive, root, folder):
    """Set ``audio`` of each song to a FLAC file in `folder`, synthesized if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for song in songs:
        song["audio"] = str(folder / (Path(song["midi"]).stem + ".flac"))
    missing = [song for song in songs if not Path(song["audio"]).exists()]
    if not missing:
        return songs
    font = find_sound_font()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")

        def sound_one(song):
            sound(font, Path(scratch) / root / song["midi"], Path(song["audio"]))

        work = pool.map(sound_one, missing)
        list(tqdm(work, total=len(missing), desc=f"sounding {archive.name}", mininterval=5))
    return songs


def sound(font, midi, flac):
    """Synthesize a score to a mono FLAC file."""
    wav = midi.with_suffix(".wav")
    command = ["fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-g", "0.8", "-r", str(SAMPLE_RATE)]
    command += ["-F", str(wav), "-T", "wav", font, str(midi)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waveform, rate = soundfile.read(wav, dtype="float32")
    write_flac(flac, waveform.mean(axis=1), rate)
    wav.unlink()


def add_voice(words, music, flac, gain):
    """Write a FLAC file of the music with the words spoken over it."""
    if shutil.which("espeak-ng") is None:
        raise SystemExit("voices need espeak-ng. On Debian or Ubuntu: apt-get install espeak-ng")
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        subprocess.run(["espeak-ng", "-v", "en", "-w", wav.name, "--", words], check=True)
        voice, voice_rate = soundfile.read(wav.name, dtype="float32")
    waveform, rate = soundfile.read(music, dtype="float32")
    if voice_rate != rate:
        raise SystemExit(f"espeak-ng speaks at {voice_rate} Hz, but the music has {rate} Hz")
    voice = voice[: len(waveform)]
    waveform[: len(voice)] += gain * voice
    waveform /= max(1.0, abs(waveform).max())
    write_flac(flac, waveform, rate)


def write_flac(file, waveform, rate):
    """Write a FLAC file atomically."""
    with atomic_write(file) as unfinished:
        soundfile.write(unfinished, waveform, rate, subtype="PCM_16", format="FLAC")


def find_sound_font():
    """Return the path of the sound font; exit if it or fluidsynth is missing."""
    font = next((font for font in SOUND_FONTS if Path(font).exists()), None)
    if font is None or shutil.which("fluidsynth") is None:
        raise SystemExit(
            "sounding the scores needs fluidsynth and TimGM6mb.sf2. On Debian or Ubuntu: "
            "apt-get install fluidsynth timgm6mb-soundfont"
        )
    return font
