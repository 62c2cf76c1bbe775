"""Synthetic songs: moods, their correlation, and reproducibility."""

import numpy as np
import pytest
from _programs import run_program
from _songs import check_core, digest
from scipy.signal import spectrogram
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca.datasets import make_songs


@pytest.fixture(scope="module")
def synthetic():
    return make_songs(200, duration=8, sample_rate=11025, random_state=3)


def test_synthetic_songs_have_the_core_fields(synthetic):
    check_core(synthetic, 200)
    waveform, sample_rate = synthetic.audio[7]
    assert sample_rate == 11025
    assert waveform.dtype == np.float32
    assert waveform.shape == (8 * 11025,)
    assert 0.5 < np.abs(waveform).max() <= 1


@pytest.mark.parametrize("strength", [0, 0.7, 1])
def test_moods_have_the_requested_correlation(strength):
    songs = make_songs(2000, strength=strength, duration=0.01, sample_rate=1000, random_state=0)
    both = np.corrcoef(songs.audio_mood, songs.lyrics_mood, rowvar=False)
    expected = np.kron([[1, strength], [strength, 1]], np.eye(4))
    np.testing.assert_allclose(both, expected, atol=0.08)  # 3.6 standard errors at 0
    np.testing.assert_allclose(np.diag(both[:4, 4:]), strength, atol=0.02 + 0.06 * (1 - strength))
    np.testing.assert_allclose(songs.lyrics_mood.mean(axis=0), 0, atol=0.08)
    np.testing.assert_allclose(songs.lyrics_mood.std(axis=0), 1, atol=0.06)


def heard(waveform, sample_rate):
    """Return mean, deviation and change of log bands, and the autocorrelation of onsets."""
    _, _, power = spectrogram(waveform, sample_rate, nperseg=1024, noverlap=768)
    edges = np.unique(np.geomspace(3, 500, 40).astype(int))
    bands = np.log(np.add.reduceat(power, edges) + 1e-8)
    change = np.diff(bands)
    onsets = np.maximum(change, 0).mean(axis=0)
    onsets = onsets - onsets.mean()
    echo = np.correlate(onsets, onsets, "full")[len(onsets) - 1 :][:100]
    return np.concatenate(
        [*(f(axis=1) for f in (bands.mean, bands.std, change.std)), echo / echo[0]]
    )


def held_out(features, mood):
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 4, 9)))
    return cross_val_predict(clone(model), features, mood, cv=5)


def test_moods_are_predictable_from_audio_and_lyrics(synthetic):
    sounds = held_out(np.array([heard(*pair) for pair in synthetic.audio]), synthetic.audio_mood)
    assert r2_score(synthetic.audio_mood, sounds, multioutput="raw_values").min() > 0.4
    words = CountVectorizer().fit_transform(synthetic.lyrics).toarray().astype(float)
    texts = held_out(words, synthetic.lyrics_mood)
    assert r2_score(synthetic.lyrics_mood, texts, multioutput="raw_values").min() > 0.6
    # and the two views of one song agree, dimension by dimension
    agreement = np.corrcoef(sounds, texts, rowvar=False)[:4, 4:]
    assert np.diag(agreement).min() > 0.5
    assert np.abs(agreement - np.diag(np.diag(agreement))).max() < 0.3


def test_strength_zero_leaves_nothing_to_find():
    songs = make_songs(400, strength=0, duration=0.01, sample_rate=1000, random_state=1)
    words = CountVectorizer().fit_transform(songs.lyrics).toarray().astype(float)
    assert r2_score(songs.audio_mood, held_out(words, songs.audio_mood)) < 0.02


def test_strength_one_is_one_mood():
    songs = make_songs(5, strength=1, duration=0.1, random_state=0)
    np.testing.assert_array_equal(songs.audio_mood, songs.lyrics_mood)


@pytest.mark.usefixtures("unchanged_generator")
def test_random_state_repeats_the_songs():
    first = digest(make_songs(6, duration=1, random_state=5))
    assert first == digest(make_songs(6, duration=1, random_state=np.random.RandomState(5)))
    assert first != digest(make_songs(6, duration=1, random_state=6))


def test_songs_do_not_depend_on_the_hash_seed():
    code = (
        "from _songs import digest; from skdcca.datasets import make_songs;"
        "print(digest(make_songs(6, duration=1, random_state=5)))"
    )
    found = run_program(code, env={"PYTHONHASHSEED": "77"})
    assert found.strip() == digest(make_songs(6, duration=1, random_state=5))


def test_artists_share_the_songs_equally():
    songs = make_songs(23, n_groups=4, duration=0.1, random_state=0)
    _, counts = np.unique(songs.groups, return_counts=True)
    assert sorted(counts) == [5, 6, 6, 6]
    default = make_songs(20, duration=0.1, random_state=0)
    assert len(list(GroupKFold(5).split(default.lyrics, groups=default.groups))) == 5
    many = make_songs(700, n_groups=700, duration=0.01, sample_rate=1000, random_state=0)
    assert len(set(many.groups)) == 700


@pytest.mark.parametrize("n_songs", [1, 2])
@pytest.mark.parametrize("duration", [0.05, 1])
def test_few_and_short_songs(n_songs, duration):
    songs = make_songs(n_songs, duration=duration, random_state=0)
    check_core(songs, n_songs)
    assert all(waveform.any() for waveform, _ in songs.audio)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 1.2}, r"`strength` must be a finite number in \[0, 1\], got 1.2"),
        ({"strength": -0.1}, r"`strength` must be a finite number in \[0, 1\], got -0.1"),
        ({"n_songs": 0}, "`n_songs` must be an integer >= 1, got 0"),
        ({"duration": 0}, "`duration` must be a finite number > 0, got 0"),
        ({"n_groups": 11}, r"`n_groups` must be an integer in \[1, 10\], got 11"),
        ({"sample_rate": 10}, "`sample_rate` must be an integer >= 1000, got 10"),
    ],
)
def test_synthetic_songs_refuse_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        make_songs(**{"n_songs": 10, **options})
