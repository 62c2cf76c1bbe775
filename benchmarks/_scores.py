"""Real songs for the benchmarks: MIDI scores of `SKDCCA_DATA`, sounded once into a cache.

Needs the program ``fluidsynth`` and the sound font ``TimGM6mb.sf2``, and for voices ``espeak-ng`` (on
Debian and Ubuntu: ``apt-get install fluidsynth timgm6mb-soundfont espeak-ng``).
"""

import json
import lzma
import os
import shutil
import subprocess
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile
from tqdm import tqdm

from skdcca._utils.files import atomic_write

SAMPLE_RATE = 22050
SOUND_FONTS = ("/usr/share/sounds/sf2/TimGM6mb.sf2", "/usr/share/soundfonts/TimGM6mb.sf2")


def data_folder(argument=None):
    """Folder of the benchmark data: the argument, else the variable SKDCCA_DATA."""
    folder = argument or os.environ.get("SKDCCA_DATA")
    if not folder or not Path(folder).is_dir():
        raise SystemExit(
            f"the benchmark data are not at {folder!r}: give their folder with --data or in the "
            "environment variable SKDCCA_DATA"
        )
    return Path(folder)


def load_lieder(data, cache, most=None):
    """The 1,341 whole art songs; one dict a song, with ``audio``, ``lyrics`` and ``group``.

    `most` takes that many of them, evenly spaced.
    """
    with lzma.open(data / "lieder.jsonl.xz", "rt", encoding="utf-8") as lines:
        songs = [json.loads(line) for line in lines]
    songs = _thinned(songs, most)
    return _sounded(songs, data / "lieder_midi.tar.xz", Path(), cache / "lieder")


def load_pairs(data, cache, source="lwin", most=None):
    """The pairs of one `source`; ``"lwin"`` are 3,898 windows of 20 s with the words sung in them.

    `most` takes that many of them, evenly spaced.
    """
    with tarfile.open(data / "pairs.tar.xz") as archive:
        lines = archive.extractfile("dev/pairs.jsonl").read().decode("utf-8").splitlines()
    songs = [song for song in map(json.loads, lines) if song["source"] == source]
    songs = _thinned(songs, most)
    return _sounded(songs, data / "pairs.tar.xz", Path("dev"), cache / "pairs")


def _thinned(songs, most):
    return songs[:: max(1, len(songs) // most)][:most] if most else songs


def with_voice(songs, cache, gain=0.7, n_words=22, only=None):
    """English songs of `n_words` words or more, the words spoken over the music at a fixed rate.

    `only` takes so many of the words, which are then the lyrics.
    """
    songs = [song for song in songs if song["lang"] == "en"]
    songs = [dict(song) for song in songs if len(song["lyrics"].split()) >= n_words]
    folder = cache / f"voice-{gain}-{only or 'all'}"
    folder.mkdir(parents=True, exist_ok=True)
    for song in songs:
        song["lyrics"] = " ".join(song["lyrics"].split()[:only])
        music, song["audio"] = song["audio"], str(folder / Path(song["audio"]).name)
        if not Path(song["audio"]).exists():
            _speak(song["lyrics"], music, Path(song["audio"]), gain)
    return songs


def _speak(words, music, flac, gain):
    if shutil.which("espeak-ng") is None:
        raise SystemExit("voices need espeak-ng; on Debian or Ubuntu: apt-get install espeak-ng")
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        subprocess.run(["espeak-ng", "-v", "en", "-w", wav.name, "--", words], check=True)
        voice, voice_rate = soundfile.read(wav.name, dtype="float32")
    waveform, rate = soundfile.read(music, dtype="float32")
    if voice_rate != rate:
        raise SystemExit(f"espeak-ng speaks at {voice_rate} Hz, and the music has {rate} Hz")
    voice = voice[: len(waveform)]
    waveform[: len(voice)] += gain * voice
    waveform /= max(1.0, abs(waveform).max())
    with atomic_write(flac) as unfinished:
        soundfile.write(unfinished, waveform, rate, subtype="PCM_16", format="FLAC")


def _sounded(songs, archive, root, cache):
    cache.mkdir(parents=True, exist_ok=True)
    for song in songs:
        song["audio"] = str(cache / (Path(song["midi"]).stem + ".flac"))
    missing = [song for song in songs if not Path(song["audio"]).exists()]
    if missing:
        font = _sound_font()
        with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
            with tarfile.open(archive) as packed:
                packed.extractall(scratch, filter="data")
            midi = [Path(scratch) / root / song["midi"] for song in missing]
            work = pool.map(lambda job: _sound(font, *job), zip(midi, missing, strict=True))
            list(tqdm(work, total=len(missing), desc=f"sounding {archive.name}", mininterval=5))
    return songs


def _sound(font, midi, song):
    wav, flac = midi.with_suffix(".wav"), Path(song["audio"])
    command = ["fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-g", "0.8", "-r", str(SAMPLE_RATE)]
    command += ["-F", str(wav), "-T", "wav", font, str(midi)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waveform, rate = soundfile.read(wav, dtype="float32")
    with atomic_write(flac) as unfinished:
        soundfile.write(unfinished, waveform.mean(axis=1), rate, subtype="PCM_16", format="FLAC")
    wav.unlink()


def _sound_font():
    font = next((font for font in SOUND_FONTS if Path(font).exists()), None)
    if font is None or shutil.which("fluidsynth") is None:
        raise SystemExit(
            "sounding the scores needs fluidsynth and TimGM6mb.sf2; on Debian or Ubuntu: "
            "apt-get install fluidsynth timgm6mb-soundfont"
        )
    return font
