"""Clips and small networks for MelCNNAudio and the networks of musicnn."""

import librosa
import numpy as np
import torch

RATE = 16000


def make_clips():
    """Return the clips of tools/convert_musicnn.py: chirp, chord, bursts of noise; 3, 4.5 and 7 s."""
    time = np.arange(7 * 16000) / 16000
    chirp = 0.5 * np.sin(2 * np.pi * (200 + 400 * time[: 3 * 16000]) * time[: 3 * 16000])
    chord = np.zeros(72000)
    for pitch in (220.0, 277.18, 329.63):
        for partial in range(1, 7):
            wave = np.sin(2 * np.pi * pitch * partial * time[:72000])
            chord += 0.2 / partial * np.exp(-partial * (time[:72000] % 1.5)) * wave
    noise = np.random.default_rng(0).normal(size=time.size)
    bursts = 0.2 * noise * np.exp(-12 * (time % 0.5)) + 0.1 * np.sin(2 * np.pi * 110 * time)
    return [clip.astype(np.float32) for clip in (chirp, chord, bursts)]


CLIPS = make_clips()


class BandMeans(torch.nn.Module):
    """The mean of each band, which shows the spectrogram that a network reads."""

    def forward(self, x):
        return x.mean(dim=1)


def heard(clip):
    """Return a clip without silence around its sound, at the level that the networks expect."""
    sounds = np.flatnonzero(np.abs(clip) > 1e-3 * np.abs(clip).max())
    clip = clip[sounds[0] : sounds[-1] + 1]
    return clip * min(0.125 / np.sqrt(np.mean(clip**2)), 1 / np.abs(clip).max())


def log_mel(waveform):
    """Return the spectrogram that the shipped networks read, computed by librosa."""
    power = librosa.feature.melspectrogram(
        y=waveform, sr=RATE, n_fft=512, hop_length=256, n_mels=96
    )
    return np.log10(10000 * power.T + 1)
