"""MelSpectrogram against librosa called by hand; TemporalSummary against known signals."""

import os

import joblib
import librosa
import numpy as np
import pytest
import soundfile
from joblib.parallel import ThreadingBackend

from skdcca import MelSpectrogram, TemporalSummary

RATE = 22050


def chirp(seconds=2.0, rate=RATE, seed=0):
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(size=time.size)
    return 0.4 * np.sin(2 * np.pi * (200 + 300 * time) * time) + 0.01 * noise


def librosa_by_hand(waveform, **parameters):
    power = librosa.feature.melspectrogram(y=waveform.astype(np.float32), sr=RATE, **parameters)
    return librosa.power_to_db(power)


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
        np.testing.assert_allclose(ours[0], librosa_by_hand(waveform), atol=1e-4)


def test_resampled_and_mixed_down_like_librosa(tmp_path):
    path = tmp_path / "stereo.wav"
    stereo = np.column_stack([chirp(rate=44100), chirp(rate=44100, seed=1)])
    soundfile.write(path, stereo, 44100, subtype="FLOAT")
    waveform, _ = librosa.load(path, sr=RATE)
    mel = MelSpectrogram(duration=2.0)
    from_file, from_pair = mel.fit_transform([str(path), (stereo.T, 44100)])
    np.testing.assert_allclose(from_file, librosa_by_hand(waveform), atol=1e-4)
    np.testing.assert_allclose(from_pair, from_file, atol=1e-3)


def test_files_pairs_and_waveforms_are_the_same_song(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, chirp(), RATE, subtype="FLOAT")
    mel = MelSpectrogram(duration=2.0)
    spectrograms = mel.fit_transform([str(path), (chirp(), RATE), chirp()])
    np.testing.assert_allclose(spectrograms[1], spectrograms[0], atol=1e-4)
    np.testing.assert_array_equal(spectrograms[2], spectrograms[1])
    array = np.stack([chirp(), chirp(seed=1)])
    np.testing.assert_array_equal(mel.transform(array), mel.transform(list(array)))


def test_the_pitch_is_in_the_right_band():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    mel = MelSpectrogram(duration=1.0, n_mels=64)
    loudest = mel.fit_transform([tone])[0].mean(axis=1).argmax()
    centres = librosa.mel_frequencies(66, fmin=0, fmax=RATE / 2)[1:-1]
    assert centres[loudest] == pytest.approx(1000, rel=0.05)


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
        expected = librosa_by_hand(np.pad(waveform, (0, 2 * RATE)))
        np.testing.assert_allclose(padded, expected, atol=1e-3)


def test_duration_none_takes_the_longest_song_of_fit():
    mel = MelSpectrogram(duration=None).fit([chirp(1.0), chirp(2.0)])
    assert mel.duration_ == pytest.approx(2.0)
    assert mel.transform([chirp(1.0), chirp(3.0)]).shape == (2, 128, 1 + 2 * RATE // 512)


def test_silence_is_finite():
    silent = MelSpectrogram(duration=1.0).fit_transform([np.zeros(RATE), chirp(1.0)])
    assert np.isfinite(silent).all()
    assert np.isfinite(TemporalSummary().fit_transform(silent)).all()


def test_jobs_do_not_change_the_numbers():
    songs = [chirp(1.0, seed=i) for i in range(5)]
    mel = MelSpectrogram(duration=1.0).fit(songs)
    expected = mel.transform(songs)
    np.testing.assert_array_equal(mel.set_params(n_jobs=2).transform(songs), expected)
    with joblib.parallel_config(
        "loky"
    ):  # processes share out BLAS threads: the last bit may differ
        np.testing.assert_allclose(mel.transform(songs[:2]), expected[:2], atol=1e-4)


def test_memory_reads_each_file_once_and_notices_changes(tmp_path, monkeypatch):
    path = tmp_path / "song.wav"
    soundfile.write(path, chirp(), RATE)
    loads = []
    mel_of_librosa = librosa.feature.melspectrogram
    monkeypatch.setattr(
        librosa.feature,
        "melspectrogram",
        lambda **kwargs: loads.append(1) or mel_of_librosa(**kwargs),
    )
    mel = MelSpectrogram(duration=1.0, memory=str(tmp_path / "cache"))
    first = mel.fit_transform([str(path)])
    again = MelSpectrogram(duration=1.0, memory=str(tmp_path / "cache")).fit_transform([str(path)])
    np.testing.assert_array_equal(again, first)
    assert len(loads) == 1
    assert (
        MelSpectrogram(duration=0.5, memory=str(tmp_path / "cache"))
        .fit_transform([str(path)])
        .shape[2]
        < 40
    )
    assert len(loads) == 2
    soundfile.write(path, chirp(seed=1), RATE)
    os.utime(path, (0, 0))
    changed = mel.transform([str(path)])
    assert np.abs(changed - first).max() > 1
    assert len(loads) == 3
    moved = path.rename(tmp_path / "another name.wav")
    os.utime(moved, (1, 1))
    np.testing.assert_array_equal(mel.transform([str(moved)]), changed)
    assert len(loads) == 3


def test_memory_tells_waveforms_apart(tmp_path):
    songs = [chirp(1.0, seed=i) for i in range(3)]
    mel = MelSpectrogram(duration=1.0, memory=tmp_path).fit(songs)
    expected = MelSpectrogram(duration=1.0).fit_transform(songs)
    for _ in range(2):
        np.testing.assert_array_equal(mel.transform(songs), expected)


def test_verbose_shows_progress_and_the_default_is_silent(capfd):
    MelSpectrogram(duration=1.0).fit_transform([chirp(1.0)])
    assert capfd.readouterr() == ("", "")
    MelSpectrogram(duration=1.0, verbose=1).fit_transform([chirp(1.0)])
    assert "spectrograms: 100%" in capfd.readouterr().err


def test_all_bad_songs_are_named_at_once(tmp_path):
    text = tmp_path / "text.wav"
    text.write_text("this is no sound")
    empty = tmp_path / "empty.wav"
    soundfile.write(empty, np.zeros(0), RATE)
    songs = [
        chirp(),
        str(tmp_path / "lost.wav"),
        str(text),
        str(empty),
        str(tmp_path),
        chirp() * np.nan,
        np.zeros(0),
        (chirp(), -1),
        (chirp() * 1000).astype(np.int16),
        None,
    ]
    expected = [
        "9 of 10 songs",
        "song 1: there is no file .*lost.wav",
        "song 2: .*text.wav' cannot be read as audio .*convert it",
        "song 3: .*empty.wav' holds no sound",
        "song 4: .* is not a file",
        "song 5: its waveform holds NaN",
        "song 6: .*and not empty",
        "song 7: its sample rate is -1",
        "song 8: its waveform has the type int16.*divide",
        "song 9: its waveform has the type object",
    ]
    for method in (MelSpectrogram().fit, MelSpectrogram().fit([chirp()]).transform):
        with pytest.raises(ValueError, match="songs cannot be used") as error:
            method(songs)
        for message in expected:
            assert error.match(message)


def test_nan_inside_a_file_is_named(tmp_path):
    path = tmp_path / "nan.wav"
    soundfile.write(
        path, np.where(np.arange(RATE) == 5000, np.nan, chirp(1.0)), RATE, subtype="FLOAT"
    )
    with pytest.raises(ValueError, match=r"1 of 1 songs(.|\n)*song 0: .*nan.wav.* holds NaN"):
        MelSpectrogram(duration=1.0).fit_transform([str(path)])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"duration": 0}, "duration=0"),
        ({"duration": "long"}, "duration='long'"),
        ({"duration": 0.01}, "shorter than one window"),
        ({"offset": -1}, "offset=-1"),
        ({"offset": "middle"}, "offset='middle'"),
        ({"offset": 10.0}, "song 0: offset=10.0 s is past its end, it has 2.00 s"),
        ({"n_mels": 0}, "n_mels=0"),
        ({"hop_length": 1.5}, "hop_length=1.5"),
        ({"sample_rate": None}, "sample_rate=None"),
        ({"fmin": 5000, "fmax": 300}, "fmin=5000 and fmax=300"),
        ({"fmax": 20000}, "fmax=20000"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        MelSpectrogram(**parameters).fit([chirp()])


def test_no_songs_and_no_list():
    with pytest.raises(ValueError, match="no songs"):
        MelSpectrogram().fit([])
    with pytest.raises(ValueError, match="give a list of songs"):
        MelSpectrogram().fit("song.wav")


def test_summary_of_known_spectrograms():
    spectrogram = np.tile(np.arange(4.0)[:, None], (1, 100))
    spectrogram[0] = np.arange(100) % 2  # 0, 1, 0, 1, ...
    row = TemporalSummary(("mean", "std", "delta")).fit_transform(spectrogram[None])[0]
    np.testing.assert_allclose(row, [0.5, 1, 2, 3, 0.5, 0, 0, 0, 1, 0, 0, 0])


def test_rhythm_peaks_at_the_beat():
    rng = np.random.default_rng(0)
    spectrogram = rng.normal(0, 0.1, size=(1, 8, 400))
    spectrogram[:, :, ::20] += 5  # a beat every 20 frames
    summary = TemporalSummary(("rhythm",), n_lags=60).fit(spectrogram)
    lags = [float(name.removeprefix("rhythm_lag")) for name in summary.get_feature_names_out()]
    best = lags[summary.transform(spectrogram)[0][:50].argmax()]
    assert best == pytest.approx(20, abs=1.5)


def test_padding_does_not_change_the_summary():
    short, long = MelSpectrogram(duration=10.0), MelSpectrogram(duration=30.0)
    alone, padded = (m.fit_transform([chirp(10.0)])[0] for m in (short, long))
    statistics = ("mean", "std", "delta")
    expected = TemporalSummary(statistics).fit_transform(alone[None])
    ours = TemporalSummary(statistics).fit_transform(padded[None])
    # The windows at the cut differ by the few frames that reach over it.
    np.testing.assert_allclose(ours, expected, rtol=0.05, atol=1.0)
    assert np.abs(padded.mean(axis=1) - alone.mean(axis=1)).min() > 5


def test_summary_refuses_what_is_no_spectrogram():
    for shape in [(5, 40), (5, 40, 8), (5, 40, 30, 2)]:
        with pytest.raises(ValueError, match=r"X has shape|Found array with dim"):
            TemporalSummary().fit(np.zeros(shape))
    with pytest.raises(ValueError, match="statistics="):
        TemporalSummary(("mean", "mode")).fit(np.zeros((2, 3, 20)))
    fitted = TemporalSummary().fit(np.ones((2, 3, 20)))
    with pytest.raises(ValueError, match="features"):
        fitted.transform(np.ones((2, 4, 20)))
    assert (
        fitted.transform(np.ones((2, 3, 40))).shape == fitted.transform(np.ones((2, 3, 20))).shape
    )


def test_offset_counts_in_seconds_of_the_song_at_every_rate(tmp_path):
    waveform = chirp(3.0, rate=44100)
    path = tmp_path / "song.wav"
    soundfile.write(path, waveform, 44100, subtype="FLOAT")
    expected, _ = librosa.load(path, sr=RATE, offset=1.5, duration=1.0)
    mel = MelSpectrogram(duration=1.0, offset=1.5)
    for spectrogram in mel.fit_transform([str(path), (waveform, 44100)]):
        np.testing.assert_allclose(spectrogram, librosa_by_hand(expected), atol=1e-2)


def test_center_of_a_short_song_is_all_of_it():
    short = MelSpectrogram(duration=3.0, offset="center").fit_transform([chirp(1.0)])
    np.testing.assert_array_equal(short, MelSpectrogram(duration=3.0).fit_transform([chirp(1.0)]))


def test_memory_tells_excerpts_rates_and_sizes_apart(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, chirp(3.0), RATE)
    os.utime(path, ns=(0, 0))
    songs = [str(path), (chirp(3.0), RATE), (chirp(3.0), 2 * RATE)]
    for offset in (0.0, 0.4):
        expected = MelSpectrogram(duration=1.0, offset=offset).fit_transform(songs)
        kept = MelSpectrogram(duration=1.0, offset=offset, memory=str(tmp_path / "cache"))
        np.testing.assert_array_equal(kept.fit_transform(songs), expected)
    soundfile.write(path, chirp(2.0, seed=1), RATE)  # of another size, at the same time
    os.utime(path, ns=(0, 0))
    expected = MelSpectrogram(duration=1.0, offset=0.4).fit_transform(songs)
    np.testing.assert_array_equal(kept.transform(songs), expected)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_files_damaged_past_their_header_are_named_all_at_once(tmp_path, n_jobs):
    songs = [chirp()]
    for name in ("a", "b"):
        path = tmp_path / f"{name}.flac"
        soundfile.write(path, chirp(10.0), RATE)
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 5000] = os.urandom(5000)
        path.write_bytes(content)
        songs.append(str(path))
    with pytest.raises(ValueError, match="2 of 3 songs cannot be used") as error:
        MelSpectrogram(duration=10.0, n_jobs=n_jobs).fit_transform(songs)
    assert error.match(r"song 1: .*a\.flac.* damaged")
    assert error.match(r"song 2: .*b\.flac.* damaged")


def test_channels_in_the_wrong_place_are_refused():
    stereo = np.column_stack([chirp(), chirp()])
    with pytest.raises(ValueError, match=r"more channels than samples.*transpose"):
        MelSpectrogram().fit([(stereo, RATE)])
    many = np.stack([chirp()] * 8)
    expected = MelSpectrogram(duration=2.0).fit_transform([chirp()])
    np.testing.assert_allclose(
        MelSpectrogram(duration=2.0).fit_transform([many]), expected, atol=1e-3
    )


def test_duration_none_goes_from_the_offset_to_the_end():
    mel = MelSpectrogram(duration=None, offset=0.5).fit([chirp(1.0), chirp(2.0)])
    assert mel.duration_ == pytest.approx(1.5)
    with pytest.raises(ValueError, match="shorter than one window"):
        MelSpectrogram(duration=None).fit([chirp(0.01)])


def test_rhythm_is_the_autocorrelation_of_the_onsets():
    rng = np.random.default_rng(0)
    spectrogram = rng.normal(size=(6, 64))
    onset = np.maximum(spectrogram[:, 1:] - spectrogram[:, :-1], 0).mean(axis=0)
    onset = onset - onset.mean()
    whole = np.correlate(onset, onset, mode="full")[len(onset) - 1 :] / np.sum(onset**2)
    summary = TemporalSummary(["rhythm"], n_lags=4)
    row = summary.fit_transform(spectrogram[None])[0]
    np.testing.assert_allclose(
        row, np.interp(np.geomspace(2, 16, 4), np.arange(63), whole), atol=1e-12
    )
    assert summary.get_feature_names_out()[0] == "rhythm_lag2.000"


def test_summary_of_a_very_short_sound_in_long_silence():
    spectrogram = np.full((1, 4, 200), -80.0)
    spectrogram[:, :, 0] = 0.0
    row = TemporalSummary(("mean", "delta")).fit_transform(spectrogram)[0]
    np.testing.assert_allclose(
        row, [-75.0] * 4 + [80 / 15] * 4
    )  # of the 16 frames it takes at least


def test_summary_parameters_are_checked():
    with pytest.raises(ValueError, match="statistics='mean'; it must be a list"):
        TemporalSummary("mean").fit(np.zeros((2, 3, 20)))
    for n_lags in (0, 1.5):
        with pytest.raises(ValueError, match="n_lags="):
            TemporalSummary(n_lags=n_lags).fit(np.zeros((2, 3, 20)))


class AllAtOnce(ThreadingBackend):
    """A backend of joblib that has no generator of results, as that of ray has none."""

    supports_return_generator = False


def test_a_backend_that_gives_all_results_at_once():
    songs = [chirp(0.5, seed=seed) for seed in range(3)]
    mel = MelSpectrogram(duration=0.5)
    with joblib.parallel_config(AllAtOnce(), n_jobs=2):
        found = mel.fit_transform(songs)
    np.testing.assert_array_equal(found, mel.fit_transform(songs))
