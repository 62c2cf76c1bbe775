"""Read the formats of libsndfile, and correct lengths in headers that it takes at their word."""

import math
import re
from contextlib import nullcontext

from skdcca._audio.mended import MendedFile, find_correction
from skdcca._utils.optional import needed_by

# libsndfile corrects a length that exceeds the file without an error; only its log shows the declared
# length.
_CORRECTED_LENGTH = re.compile(
    r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE
)
# Programs that write to a pipe do not know the length and declare the greatest possible length.
_UNKNOWN_LENGTH = 0.9 * 0x7FFF0000
# Seconds of audio that a header may declare in excess without a note.
_TOLERANCE = 0.05


class LibsndfileSource:
    """A sound file that libsndfile reads.

    Parameters
    ----------
    path : str or path-like
        The file.

    Attributes
    ----------
    n_frames, sample_rate, n_channels : int
        Length, sample rate in Hz and number of channels.
    note : str or None
        What is wrong with the header although the audio can be read.

    Raises
    ------
    ValueError
        If libsndfile does not know the format.
    """

    def __init__(self, path):
        soundfile = import_soundfile()
        self.path = path
        self._correction = None
        try:
            # Without its name, a file is judged by its content alone: for any name that ends in .mp3,
            # libsndfile would search for MP3 frames and report on the standard error.
            with open(path, "rb") as file:
                info = soundfile.info(file)
            self._correction = find_correction(path, info.format, info.frames)
            if self._correction is not None:
                with self._opened() as file:
                    info = soundfile.info(file)
        except (soundfile.SoundFileError, OSError) as error:
            raise ValueError(getattr(error, "error_string", str(error))) from error
        except TypeError as error:  # soundfile requires a sample rate for names that end in .raw
            raise ValueError("it has no header") from error
        self.format = info.format
        self.n_frames = info.frames
        self.sample_rate = info.samplerate
        self.n_channels = info.channels
        declared_bytes = _declared_bytes(info)
        is_mended = self._correction is not None and info.format != "FLAC"  # where it is legal
        self.note = _note(declared_bytes, self.n_frames / self.sample_rate, is_mended)

    def read(self, start, seconds):
        """Return the waveform and the sample rate of an excerpt; it may end with the file."""
        soundfile = import_soundfile()
        first = int(start * self.sample_rate)
        n_wanted = min(math.ceil(seconds * self.sample_rate), self.n_frames - first)
        try:
            with self._opened() as content, soundfile.SoundFile(content) as file:
                file.seek(first)
                waveform = file.read(n_wanted, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise ValueError(str(error)) from error
        return waveform.T, self.sample_rate

    def _opened(self):
        """Return a context of what soundfile opens: the path, or a file with a corrected header."""
        if self._correction is None:
            return nullcontext(self.path)
        return MendedFile(self.path, *self._correction)


def _declared_bytes(info):
    """Return the bytes of audio that a header declares and the smaller number found, or None."""
    lengths = _CORRECTED_LENGTH.search(info.extra_info)
    if lengths is None:
        return None
    declared, found = map(int, lengths.groups())
    return (declared, found) if 0 < found < declared < _UNKNOWN_LENGTH else None


def _note(declared_bytes, seconds, is_mended):
    """Return what is wrong with the length in a header, or None."""
    if is_mended:
        return f"its header declares no audio, {seconds:.2f} s were found"
    if declared_bytes is None:
        return None
    declared = seconds * declared_bytes[0] / declared_bytes[1]
    if declared - seconds < _TOLERANCE:
        return None
    return f"its header declares {declared:.2f} s of audio, {seconds:.2f} s were found"


def import_soundfile():
    """Return the package soundfile."""
    with needed_by("Reading audio files"):
        import soundfile

    return soundfile
