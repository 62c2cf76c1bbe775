"""The synthesizer: pitch, spectrum and timing of notes."""

import numpy as np
import pytest
from _songs import loudest_frequency, spectrum

from skdcca.datasets._synthesis import synthesize


@pytest.mark.parametrize(("pitch", "hertz"), [(69, 440), (57, 220), (60, 261.63), (81.5, 905.79)])
@pytest.mark.parametrize("sample_rate", [11025, 44100])
def test_pitch_of_a_note(pitch, hertz, sample_rate):
    waveform = synthesize([[0, 2, pitch, 1]], sample_rate)
    assert loudest_frequency(waveform, sample_rate) == pytest.approx(hertz, abs=0.6)


def test_all_energy_lies_at_harmonics_below_half_the_sample_rate():
    waveform = synthesize([[0, 4, 95, 1]], 8000, brightness=0.9)
    frequencies, amplitudes = spectrum(waveform, 8000)
    hertz = 440 * 2 ** (26 / 12)  # 1975.5 Hz: only two harmonics fit, the third would alias
    peaks = (np.abs(frequencies - hertz) < 5) | (np.abs(frequencies - 2 * hertz) < 5)
    assert amplitudes[np.abs(frequencies - 2 * hertz) < 1].max() == pytest.approx(0.9, abs=0.05)
    assert 20 * np.log10(amplitudes[~peaks].max()) < -50
    assert not synthesize([[0, 1, 120, 1]], 8000).any()  # 8372 Hz


def test_brightness_moves_energy_up():
    centroids = []
    for brightness in (0, 0.3, 0.6, 0.9):
        frequencies, amplitudes = spectrum(
            synthesize([[0, 1, 60, 1]], brightness=brightness), 22050
        )
        centroids.append((frequencies * amplitudes).sum() / amplitudes.sum())
    assert np.all(np.diff(centroids) > 50)


def test_notes_sound_when_they_should_and_as_loud():
    waveform = synthesize([[1.0, 0.5, 60, 0.5], [2.0, 0.5, 72, 1.0]], 8000, duration=3)
    assert waveform.dtype == np.float32
    assert waveform.shape == (24000,)
    assert np.abs(waveform).max() == pytest.approx(0.9, abs=1e-6)
    loud = [np.abs(waveform[int(a * 8000) : int(b * 8000)]).max() for a, b in [(1, 1.6), (2, 2.6)]]
    assert loud[0] / loud[1] == pytest.approx(0.5, abs=0.05)
    for start, end in [(0, 1), (1.56, 2), (2.56, 3)]:
        assert not waveform[int(start * 8000) : int(end * 8000)].any()


def test_notes_do_not_click():
    """A click is a broad burst; a low sine without one has no energy in the upper spectrum."""
    waveform = synthesize([[0.1, 0.3, 45, 1], [0.5, 0.02, 45, 1]], brightness=0, duration=1)
    frequencies, amplitudes = spectrum(waveform, 22050)
    assert 20 * np.log10(amplitudes[frequencies > 5000].max()) < -60


def test_the_order_of_notes_does_not_matter():
    notes = np.random.RandomState(0).uniform([0, 0.1, 40, 0.2], [3, 1, 90, 1], (30, 4))
    np.testing.assert_allclose(synthesize(notes), synthesize(notes[::-1]), atol=1e-5)


@pytest.mark.parametrize(
    ("notes", "options", "message"),
    [
        ([[0, 1, 60]], {}, r"`notes` must have shape .* got \(1, 3\)"),
        ([[0, np.nan, 60, 1]], {}, "NaN"),
        ([[-1, 1, 60, 1]], {}, "negative"),
        (
            [[0, 1, 60, 1]],
            {"brightness": 1.0},
            r"`brightness` must be a finite number in \[0, 1\), got 1.0",
        ),
        ([[0, 1, 60, 1]], {"sample_rate": 0}, "`sample_rate` must be an integer >= 1000, got 0"),
    ],
)
def test_wrong_notes_are_refused(notes, options, message):
    with pytest.raises(ValueError, match=message):
        synthesize(notes, **options)
