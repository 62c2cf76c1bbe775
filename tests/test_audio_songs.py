"""Lists of songs: what is refused, excerpts, parallel work and the cache."""

import os
import pickle

import joblib
import librosa
import numpy as np
import pytest
import soundfile
from _songs import RATE, chirp
from joblib.parallel import ThreadingBackend

from skdcca import MelSpectrogram
from skdcca._audio.spectra import mel_power
from skdcca.exceptions import InvalidSongsError


def test_files_pairs_and_waveforms_are_the_same_song(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, chirp(), RATE, subtype="FLOAT")
    mel = MelSpectrogram(duration=2.0)
    spectrograms = mel.fit_transform([str(path), (chirp(), RATE), chirp()])
    np.testing.assert_allclose(spectrograms[1], spectrograms[0], atol=1e-4)
    np.testing.assert_array_equal(spectrograms[2], spectrograms[1])
    array = np.stack([chirp(), chirp(seed=1)])
    np.testing.assert_array_equal(mel.transform(array), mel.transform(list(array)))


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
        "song 3: .*empty.wav' has no audio",
        "song 4: .* is not a file",
        "song 5: its waveform contains NaN",
        "song 6: .*and not empty",
        "song 7: its sample rate is -1",
        "song 8: its waveform has dtype int16.*divide",
        "song 9: its waveform has dtype object",
    ]
    for method in (MelSpectrogram().fit, MelSpectrogram().fit([chirp()]).transform):
        with pytest.raises(ValueError, match="songs cannot be used") as error:
            method(songs)
        for message in expected:
            assert error.match(message)


def test_an_empty_list_and_a_single_path_are_refused():
    with pytest.raises(ValueError, match="no songs"):
        MelSpectrogram().fit([])
    with pytest.raises(ValueError, match="must be a list of songs or one column, got str"):
        MelSpectrogram().fit("song.wav")


def test_the_error_lists_faults_apart_from_its_summary():
    songs = [chirp()] + [np.zeros(0)] * 25
    with pytest.raises(InvalidSongsError) as error:
        MelSpectrogram().fit(songs)
    for found in (error.value, pickle.loads(pickle.dumps(error.value))):
        assert found.summary == "25 of 26 songs cannot be used"
        assert found.n_usable == 1
        assert len(found.faults) == len(found.songs) == 25
        assert found.faults[0].startswith("song 1: its waveform has shape (0,)")
        lines = str(found).splitlines()
        assert lines[0] == "25 of 26 songs cannot be used:"
        assert len(lines) == 1 + 20 + 1
        assert lines[-1] == "  ..."


def test_channels_on_the_wrong_axis_are_refused():
    stereo = np.column_stack([chirp(), chirp()])
    with pytest.raises(ValueError, match=r"more channels than samples.*transpose"):
        MelSpectrogram().fit([(stereo, RATE)])
    many = np.stack([chirp()] * 8)
    expected = MelSpectrogram(duration=2.0).fit_transform([chirp()])
    np.testing.assert_allclose(
        MelSpectrogram(duration=2.0).fit_transform([many]), expected, atol=1e-3
    )


@pytest.mark.parametrize(
    ("song", "fault"),
    [
        ((chirp(), 44.1), r"its sample rate is 44.1 Hz.*pass 44100"),
        ((chirp(), 8), r"its sample rate is 8 Hz; it must be >= 1000 Hz .*pass 8000"),
        ((RATE, chirp()), r"\(sample_rate, waveform\), as scipy.io.wavfile.read returns; swap"),
        ((np.int64(RATE), np.zeros(99, np.int16)), r"scipy.io.wavfile.read"),
        ((chirp(), chirp()), r"its sample rate is an array.*\(2, n_samples\)"),
        (((1e4 * chirp()).astype(np.int16), RATE), r"dtype int16.*divide it by 32768.0"),
        (((1e9 * chirp()).astype(np.int32), RATE), r"dtype int32.*divide it by 2147483648.0"),
        ((np.zeros(99, np.uint8), RATE), r"dtype uint8.*subtract 128 and divide it by 128.0"),
    ],
)
def test_pairs_that_are_mistaken_are_refused_with_the_remedy(song, fault):
    with pytest.raises(InvalidSongsError) as error:
        MelSpectrogram().fit([chirp(), song])
    assert len(error.value.faults) == 1
    assert error.match(f"song 1: .*{fault}")
    assert len(error.value.faults[0]) < 200


# Excerpts


def librosa_by_hand(waveform, **parameters):
    power = librosa.feature.melspectrogram(y=waveform.astype(np.float32), sr=RATE, **parameters)
    return librosa.power_to_db(power, ref=np.max)


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


# Parallel work


def test_jobs_do_not_change_the_numbers():
    songs = [chirp(1.0, seed=i) for i in range(5)]
    mel = MelSpectrogram(duration=1.0).fit(songs)
    expected = mel.transform(songs)
    np.testing.assert_array_equal(mel.set_params(n_jobs=2).transform(songs), expected)
    with joblib.parallel_config(
        "loky"
    ):  # BLAS has fewer threads in a worker, so the last bit may differ
        np.testing.assert_allclose(mel.transform(songs[:2]), expected[:2], atol=1e-4)


class AllAtOnce(ThreadingBackend):
    """A backend of joblib without a generator of results, such as that of ray."""

    supports_return_generator = False


def test_a_backend_without_a_generator_of_results():
    songs = [chirp(0.5, seed=seed) for seed in range(3)]
    mel = MelSpectrogram(duration=0.5)
    with joblib.parallel_config(AllAtOnce(), n_jobs=2):
        found = mel.fit_transform(songs)
    np.testing.assert_array_equal(found, mel.fit_transform(songs))


def test_verbose_shows_progress_and_the_default_is_silent(capfd):
    MelSpectrogram(duration=1.0).fit_transform([chirp(1.0)])
    assert capfd.readouterr() == ("", "")
    MelSpectrogram(duration=1.0, verbose=1).fit_transform([chirp(1.0)])
    assert "spectrograms: 100%" in capfd.readouterr().err


# Cache


def test_the_cache_reads_each_file_once_and_notices_changes(tmp_path, monkeypatch):
    path = tmp_path / "song.wav"
    soundfile.write(path, chirp(), RATE)
    loads = []
    monkeypatch.setattr(
        "skdcca._audio.mel.mel_power",
        lambda *args, **more: loads.append(1) or mel_power(*args, **more),
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


def test_the_cache_distinguishes_waveforms(tmp_path):
    songs = [chirp(1.0, seed=i) for i in range(3)]
    mel = MelSpectrogram(duration=1.0, memory=tmp_path).fit(songs)
    expected = MelSpectrogram(duration=1.0).fit_transform(songs)
    for _ in range(2):
        np.testing.assert_array_equal(mel.transform(songs), expected)


def test_the_cache_distinguishes_excerpts_rates_and_sizes(tmp_path):
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
