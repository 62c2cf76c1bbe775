"""AudioForm of synthesized songs with known length, tempo, pitch, key and loudness."""

import numpy as np
import pytest
import soundfile
from _contract import each_check, run_check
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skdcca import AudioForm, LinearCCA, LyricsForm
from skdcca._audio.songs import load_sound
from skdcca.exceptions import SilentSongWarning

RATE = 22050


def tone(frequency, seconds, rate=RATE, amplitude=0.5):
    """Return a note with four partials, which fades in and out."""
    time = np.arange(round(seconds * rate)) / rate
    note = sum(np.sin(2 * np.pi * k * frequency * time) / k**2 for k in (1, 2, 3, 4))
    return amplitude * note * np.minimum(1, 20 * np.minimum(time, seconds - time))


def clicks(n, per_second, rate=RATE):
    song = np.zeros(round(n / per_second * rate))
    rng = np.random.default_rng(0)
    for i in range(n):
        start = round((i + 0.5) / per_second * rate)
        song[start : start + 500] = rng.normal(size=500) * np.exp(-np.arange(500) / 80)
    return song


def cadence(third, tonic=261.63):
    """Return triads of the tonic, subdominant, dominant and tonic, with this third."""
    chords = []
    for root in (0, 5, 7, 0):
        notes = (root, root + third, root + 7)
        chords.append(sum(tone(tonic * 2 ** (i / 12), 1.0, amplitude=0.2) for i in notes))
    return np.concatenate(chords)


def form(*songs, **parameters):
    """Return a dict for each song."""
    transformer = AudioForm(**parameters)
    names = transformer.fit(songs).get_feature_names_out()
    return [dict(zip(names, row, strict=True)) for row in transformer.transform(songs)]


def test_length_and_density_of_clicks():
    slow, fast = form(clicks(20, 2), clicks(80, 4))
    # From the first click to the last.
    assert np.exp(slow["log_seconds"]) == pytest.approx(9.5, abs=0.03)
    assert np.exp(fast["log_seconds"]) == pytest.approx(19.75, abs=0.03)
    # There is no silence before the first click, from which it could rise.
    assert np.expm1(slow["log_onsets"]) == pytest.approx(19)
    assert np.expm1(fast["log_onsets"]) == pytest.approx(79, abs=1)
    assert fast["onsets_per_second"] == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("tempo", [90, 120, 150])
def test_tempo_and_pulse(tempo):
    (regular,) = form(clicks(40, tempo / 60))
    # Twice and half of a tempo sound alike.
    octaves = regular["log2_tempo"] - np.log2(tempo)
    assert abs(octaves - round(octaves)) < 0.06
    noise = form(np.random.default_rng(0).normal(size=10 * RATE))[0]
    assert regular["pulse"] > 0.5 > noise["pulse"] + 0.2


@pytest.mark.parametrize("frequency", [220.0, 880.0])
def test_register_of_a_sine(frequency):
    time = np.arange(3 * RATE) / RATE
    (sine,) = form(np.sin(2 * np.pi * frequency * time))
    for name in ("register", "low", "high"):
        assert sine[name] == pytest.approx(np.log2(frequency), abs=0.1)


@pytest.mark.parametrize("tonic", [261.63, 369.99])
def test_major_and_minor(tonic):
    major, minor = form(cadence(4, tonic), cadence(3, tonic))
    assert major["major"] > 0.05
    assert minor["major"] < -0.05
    assert min(major["key"], minor["key"]) > 0.7


def test_harmony_of_one_note_and_of_noise():
    note, noise = form(tone(440, 4.0), np.random.default_rng(0).normal(size=4 * RATE))
    assert note["chroma_entropy"] < 0.6 < 0.98 < noise["chroma_entropy"]
    changing = form(np.concatenate([tone(f, 1.0) for f in (220, 233, 247, 262)]))[0]
    assert changing["harmonic_change"] > 0.4 > note["harmonic_change"] + 0.2


def test_loudness_is_relative_to_the_loudest_frame():
    loud = tone(440, 2.0)
    # Half of the frames are 20 dB softer.
    both = form(np.concatenate([loud, 0.1 * loud]))[0]
    alone = form(loud)[0]
    assert both["loudness"] == pytest.approx(alone["loudness"] - 10, abs=0.5)
    assert both["loudness_std"] == pytest.approx(10, abs=1.5)


def test_gain_and_silence_around_a_song_change_nothing():
    song = cadence(4)
    padded = np.pad(song, (2 * RATE + 77, RATE))
    rows = AudioForm().fit_transform([song, 1e-3 * song, 0.1 * padded])
    np.testing.assert_allclose(rows, rows[[0, 0, 0]], atol=1e-4)


def test_a_rest_is_silence():
    note, rest = tone(440, 2.0), np.zeros(2 * RATE)
    alone, half = form(note, np.concatenate([note, rest, rest, note]))
    assert half["silence"] == pytest.approx(0.5, abs=0.05)
    assert half["loudness"] == pytest.approx(alone["loudness"], abs=1.0)


def test_files_equal_waveforms_at_any_rate(tmp_path):
    song = cadence(4)
    soundfile.write(tmp_path / "song.wav", np.column_stack([song, song]), RATE, subtype="FLOAT")
    ours, theirs = AudioForm().fit_transform([str(tmp_path / "song.wav"), song])
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    twice = np.column_stack([song, song]).repeat(2, axis=0).T
    (resampled,) = AudioForm().fit_transform([(twice, 2 * RATE)])
    assert resampled[0] == pytest.approx(theirs[0])


def test_cache_and_jobs_change_nothing(tmp_path):
    songs = [clicks(10, 2), tone(440, 2.0), cadence(4)]
    expected = AudioForm().fit_transform(songs)
    for _ in range(2):
        kept = AudioForm(memory=str(tmp_path), n_jobs=2).fit_transform(songs)
        np.testing.assert_array_equal(kept, expected)


def test_short_songs_have_a_form():
    with pytest.warns(SilentSongWarning, match=r"song 1: it has 0.30 s of sound") as caught:
        rows = AudioForm().fit_transform([tone(440, 0.05), tone(440, 0.3), tone(440, 1.1)])
    assert caught[0].message.songs == [0, 1]
    assert np.isfinite(rows).all()


def test_songs_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"song 1: it is silent"):
        AudioForm().fit_transform([tone(440, 1.0), np.zeros(RATE)])
    with pytest.raises(ValueError, match=r"song 0: there is no file"):
        AudioForm().fit([str(tmp_path / "lost.wav")])
    with pytest.raises(ValueError, match="`sample_rate` must be an integer >= 1000, got 0"):
        AudioForm(sample_rate=0).fit([tone(440, 1.0)])


def test_in_a_pipeline_with_names():
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 9, size=24)
    songs = [clicks(4 * n, 4) for n in lengths]
    lyrics = ["la " * 8 * n for n in lengths]
    table = AudioForm().set_output(transform="pandas").fit_transform(songs)
    assert list(table.columns) == list(AudioForm().get_feature_names_out())
    model = make_pipeline(AudioForm(), LinearCCA(1, reg=1.0, y_transformer=LyricsForm()))
    assert clone(model).fit(songs[:16], lyrics[:16]).score(songs[16:], lyrics[16:]) > 0.9


@each_check
def test_scikit_learn_contract(check):
    run_check(check, AudioForm())


def test_length_and_onsets_of_clips_are_those_of_the_mean_song():
    songs, clip = [clicks(20, 4), clicks(18, 2)], clicks(6, 3)
    model = AudioForm()
    rows = model.fit_transform(songs)
    np.testing.assert_array_equal(model.transform(songs), rows)
    np.testing.assert_array_equal(AudioForm(excerpts="measured").fit_transform(songs), rows)
    np.testing.assert_array_equal(model.mean_, rows.mean(axis=0))
    assert model.min_seconds_ == pytest.approx(4.75, abs=0.03)
    row = model.transform([0.1 * np.pad(clip, (RATE, 999))])[0]
    measured = AudioForm(excerpts="measured").fit(songs).transform([clip])[0]
    np.testing.assert_array_equal(row[:2], rows[:, :2].mean(axis=0))
    np.testing.assert_allclose(row[2:], measured[2:], atol=1e-3)
    assert np.exp(measured[0]) == pytest.approx(5 / 3, abs=0.03)


def test_songs_are_decoded_once_to_fit_and_transform(monkeypatch):
    decoded = []

    def counted(*args, **kwargs):
        decoded.append(1)
        return load_sound(*args, **kwargs)

    monkeypatch.setattr("skdcca._audio.form.load_sound", counted)
    songs = [tone(440, 1.5), tone(550, 2.0)]
    model = AudioForm()
    model.fit_transform(songs)
    assert len(decoded) == 2
    AudioForm(excerpts="measured").fit(songs)
    assert len(decoded) == 2
    np.testing.assert_array_equal(AudioForm().fit(songs).mean_, model.mean_)
    assert len(decoded) == 4


def test_older_files_measure_clips():
    songs = [tone(440, 1.5), tone(550, 2.0)]
    state = AudioForm().fit(songs).__getstate__()
    for name in ("excerpts", "mean_", "min_seconds_"):
        del state[name]
    old = AudioForm.__new__(AudioForm)
    old.__setstate__(state)
    assert np.exp(old.transform([tone(440, 1.0)])[0, 0]) == pytest.approx(1.0, abs=0.05)
    with pytest.raises(ValueError, match=r"`excerpts` must be one of \['mean', 'measured'\]"):
        AudioForm(excerpts=None).fit(songs)
