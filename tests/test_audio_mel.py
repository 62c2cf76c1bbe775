"""MelSpectrogram against librosa called by hand."""

import librosa
import numpy as np
import pytest
import soundfile
from _songs import RATE, chirp

from skdcca import MelSpectrogram, TemporalSummary
from skdcca.exceptions import SilentSongWarning


def librosa_by_hand(waveform, **parameters):
    power = librosa.feature.melspectrogram(y=waveform.astype(np.float32), sr=RATE, **parameters)
    return librosa.power_to_db(power, ref=np.max)


def assert_levels_equal(ours, expected):
    """Check levels in dB; rounding is relative to the peak, so it matters more at low levels."""
    loud = expected > -60
    np.testing.assert_allclose(ours[loud], expected[loud], atol=1e-4)
    np.testing.assert_allclose(ours, expected, atol=1e-3)


def test_equals_librosa():
    waveform = chirp()
    ours = MelSpectrogram(duration=2.0).fit_transform([waveform])
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours[0], librosa_by_hand(waveform), atol=1e-4)
    other = {"n_mels": 40, "n_fft": 1024, "hop_length": 300, "fmin": 50.0, "fmax": 8000.0}
    ours = MelSpectrogram(duration=2.0, **other).fit_transform([waveform])
    np.testing.assert_allclose(ours[0], librosa_by_hand(waveform, **other), atol=1e-4)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_files_equal_librosa(tmp_path, suffix):
    path = tmp_path / f"song.{suffix}"
    soundfile.write(path, chirp(), RATE)
    waveform, _ = librosa.load(path, sr=RATE, duration=1.5)
    for song in (str(path), path):
        ours = MelSpectrogram(duration=1.5).fit_transform([song])
        assert_levels_equal(ours[0], librosa_by_hand(waveform))


def test_resampled_and_mixed_down_like_librosa(tmp_path):
    path = tmp_path / "stereo.wav"
    stereo = np.column_stack([chirp(rate=44100), chirp(rate=44100, seed=1)])
    soundfile.write(path, stereo, 44100, subtype="FLOAT")
    waveform, _ = librosa.load(path, sr=RATE)
    mel = MelSpectrogram(duration=2.0)
    from_file, from_pair = mel.fit_transform([str(path), (stereo.T, 44100)])
    assert_levels_equal(from_file, librosa_by_hand(waveform))
    np.testing.assert_allclose(from_pair, from_file, atol=1e-3)


def test_the_pitch_is_in_the_right_band():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    mel = MelSpectrogram(duration=1.0, n_mels=64)
    loudest = mel.fit_transform([tone])[0].mean(axis=1).argmax()
    centers = librosa.mel_frequencies(66, fmin=0, fmax=RATE / 2)[1:-1]
    assert centers[loudest] == pytest.approx(1000, rel=0.05)


def test_offset_center_and_padding(tmp_path):
    path = tmp_path / "song.wav"
    waveform = chirp(3.0)
    soundfile.write(path, waveform, RATE, subtype="FLOAT")
    for song in (str(path), waveform):
        later = MelSpectrogram(duration=1.0, offset=1.5).fit_transform([song])[0]
        expected = librosa_by_hand(waveform[int(1.5 * RATE) : int(2.5 * RATE)])
        np.testing.assert_allclose(later, expected, atol=1e-3)
        middle = MelSpectrogram(duration=1.0, offset="center").fit_transform([song])[0]
        expected = librosa_by_hand(waveform[RATE : 2 * RATE])
        np.testing.assert_allclose(middle, expected, atol=1e-3)
        padded = MelSpectrogram(duration=5.0).fit_transform([song])[0]
        expected = librosa_by_hand(waveform)
        np.testing.assert_allclose(padded[:, : expected.shape[1]], expected, atol=1e-3)
        np.testing.assert_array_equal(padded[:, expected.shape[1] :], -80)


@pytest.mark.parametrize("n_before", [0, 7 * 512, 40 * RATE])
def test_the_first_sound_of_a_song(tmp_path, n_before):
    song = chirp(2.0)
    silence = 5e-5 * np.random.default_rng(0).normal(size=n_before)  # 80 dB below the music
    expected = MelSpectrogram(duration=2.0).fit_transform([song])
    path = tmp_path / "song.wav"
    soundfile.write(path, np.concatenate([silence, song]), RATE, subtype="FLOAT")
    mel = MelSpectrogram(duration=2.0, offset="first_sound")
    for later in (str(path), (np.concatenate([silence, song]), RATE)):
        np.testing.assert_allclose(mel.fit_transform([later]), expected, atol=1e-3)


def test_gain_changes_nothing():
    song = chirp(2.0)
    rows = MelSpectrogram(duration=3.0).fit_transform([song, 1e-3 * song])
    np.testing.assert_allclose(rows[1], rows[0], atol=1e-3)
    assert rows.max() == 0


def test_models_of_older_files_keep_their_levels():
    mel = MelSpectrogram(duration=2.0).fit([chirp()])
    state = {name: value for name, value in mel.__getstate__().items() if name != "_format"}
    older = MelSpectrogram()
    older.__setstate__(state)
    power = librosa.feature.melspectrogram(y=chirp().astype(np.float32), sr=RATE)
    expected = librosa.power_to_db(power)
    np.testing.assert_allclose(older.transform([chirp()])[0], expected, atol=1e-4)


def test_songs_without_enough_sound_are_named():
    mel = MelSpectrogram(duration=5.0)
    songs = [chirp(3.0), np.zeros(3 * RATE), np.pad(chirp(0.5), (RATE, RATE)), chirp(1.0)]
    with pytest.warns(
        SilentSongWarning, match="2 of 4 songs have less than 1 s of sound"
    ) as caught:
        mel.fit_transform(songs)
    assert caught[0].message.songs == [1, 2]
    lines = str(caught[0].message).splitlines()[1:]
    assert lines == ["  song 1: it has no sound", "  song 2: it has 0.50 s of sound"]
    dither = np.random.default_rng(0).integers(-1, 2, size=2 * RATE) / 2**15
    with pytest.warns(SilentSongWarning, match="song 0: it has no sound"):
        mel.fit_transform([dither])
    MelSpectrogram(duration=0.3).fit_transform(
        [chirp(3.0)]
    )  # a short excerpt is what was asked for


def test_duration_none_takes_the_longest_song_of_fit():
    mel = MelSpectrogram(duration=None).fit([chirp(1.0), chirp(2.0)])
    assert mel.duration_ == pytest.approx(2.0)
    assert mel.transform([chirp(1.0), chirp(3.0)]).shape == (2, 128, 1 + 2 * RATE // 512)


def test_silence_is_finite():
    with pytest.warns(SilentSongWarning, match="1 of 2 songs"):
        silent = MelSpectrogram(duration=1.0).fit_transform([np.zeros(RATE), chirp(1.0)])
    assert np.isfinite(silent).all()
    assert np.isfinite(TemporalSummary().fit_transform(silent)).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"duration": 0}, "`duration` must be a finite number > 0, or None, got 0"),
        ({"duration": "long"}, "`duration` must be .* got 'long'"),
        ({"duration": 0.01}, "shorter than one window"),
        ({"offset": -1}, "`offset` must be a finite number >= 0, got -1"),
        ({"offset": "middle"}, "`offset` must be .* got 'middle'.*\"center\""),
        ({"offset": 10.0}, "song 0: `offset` is 10.0 s, past the end of the song at 2.00 s"),
        ({"n_mels": 0}, "`n_mels` must be an integer >= 1, got 0"),
        ({"hop_length": 1.5}, "`hop_length` must be an integer >= 1, got 1.5"),
        ({"sample_rate": None}, "`sample_rate` must be an integer >= 1, got None"),
        ({"fmin": 5000, "fmax": 300}, "fmin=5000 and fmax=300"),
        ({"fmax": 20000}, "fmax=20000"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        MelSpectrogram(**parameters).fit([chirp()])


def test_duration_none_goes_from_the_offset_to_the_end():
    mel = MelSpectrogram(duration=None, offset=0.5).fit([chirp(1.0), chirp(2.0)])
    assert mel.duration_ == pytest.approx(1.5)
    with pytest.raises(ValueError, match="shorter than one window"):
        MelSpectrogram(duration=None).fit([chirp(0.01)])
