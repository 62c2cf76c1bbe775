"""Songs that are one tone each, and a speech recognizer that knows the words of every tone."""

import numpy as np
import soundfile

RATE = 8000
N_TONES = 16
LOWEST, STEP = 300, 50  # Hz
WORDS = (
    "river mountain candle window garden bridge thunder velvet lantern harbor meadow copper whisper "
    "sailor orchard pepper ribbon castle hammer forest marble saddle timber willow anchor butter "
    "cotton dragon engine feather guitar hunter"
).split()


def words_of(number):
    """Return the words of a tone, which no other tone has."""
    first, second = WORDS[2 * number : 2 * number + 2]
    return f"the {first} waits for a {second} every {first} night"


def write_tones(folder, n_with_lyrics=0):
    """Write the songs as WAV files, and text files for the first ones, and return the folder."""
    rng = np.random.default_rng(0)
    time = np.arange(2 * RATE) / RATE
    for number in range(N_TONES):
        tone = 0.3 * np.sin(2 * np.pi * (LOWEST + STEP * number) * time)
        soundfile.write(
            folder / f"tone{number:02d}.wav", tone + 1e-3 * rng.normal(size=len(time)), RATE
        )
        if number < n_with_lyrics:
            (folder / f"tone{number:02d}.txt").write_text(f"{words_of(number)}\n" * 3)
    return folder


class ToneRecognizer:
    """Recognizer that hears the words of a tone in its second half."""

    def transcribe(self, waveform, language):
        strengths = np.abs(np.fft.rfft(waveform[:16000], 16000))  # 1 Hz for each place
        number = round((int(strengths.argmax()) - LOWEST) / STEP)
        half = len(waveform) / 32000
        return language or "en", [(half, 2 * half, words_of(number), -0.3, 0.01)]
