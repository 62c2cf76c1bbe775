"""MelCNNAudio: pooling, excerpts, modules of users, cache and pickles."""

from pathlib import Path

import joblib
import librosa
import numpy as np
import pytest
import soundfile
import torch
from _musicnn import CLIPS, RATE, BandMeans
from _programs import run_program
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skdcca import LinearCCA, MelCNNAudio
from skdcca.encoders import SequenceEncoder


def test_files_pairs_and_other_rates(tmp_path):
    clip = CLIPS[2]
    path = tmp_path / "song.wav"
    soundfile.write(path, clip, RATE, subtype="FLOAT")
    stereo = (np.stack([clip, clip]), RATE)
    rows = MelCNNAudio(BandMeans()).fit_transform([str(path), path, (clip, RATE), stereo, clip])
    np.testing.assert_allclose(rows, rows[[0]].repeat(5, axis=0), atol=1e-5)
    fast = librosa.resample(clip, orig_sr=RATE, target_sr=44100)
    expected = librosa.resample(fast, orig_sr=44100, target_sr=RATE)
    rows = MelCNNAudio(BandMeans(), sample_rate=44100).fit_transform([fast, (expected, RATE)])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-4)


def test_pooling_equals_numpy_on_the_sequence():
    song = [CLIPS[2]]
    steps = MelCNNAudio(pooling="sequence", n_segments=5).fit_transform(song)
    assert steps.shape == (1, 200, 5)
    assert steps.dtype == np.float32
    expected = {
        "mean": steps.mean(axis=2),
        "max": steps.max(axis=2),
        "mean_std": np.concatenate([steps.mean(axis=2), steps.std(axis=2)], axis=1),
    }
    for pooling, value in expected.items():
        ours = MelCNNAudio(pooling=pooling, n_segments=5).fit_transform(song)
        np.testing.assert_allclose(ours, value, atol=1e-5)


def test_excerpts():
    song = CLIPS[2]
    cuts = [
        ({"duration": 3.0}, song[: 3 * RATE]),
        ({"duration": 3.0, "offset": 2.5}, song[int(2.5 * RATE) : int(5.5 * RATE)]),
        ({"duration": 3.0, "offset": "center"}, song[2 * RATE : 5 * RATE]),
        ({"offset": 3.5}, song[int(3.5 * RATE) :]),
        ({"offset": "center"}, song),
        ({"offset": "first_sound", "duration": 3.0}, song[: 3 * RATE]),
        ({"duration": 60.0, "offset": "center"}, song),
    ]
    whole = MelCNNAudio(BandMeans())
    for parameters, cut in cuts:
        ours = MelCNNAudio(BandMeans(), **parameters).fit_transform([song])
        np.testing.assert_allclose(ours, whole.fit_transform([cut]), atol=1e-5)


@pytest.mark.parametrize("name", ["MTT_musicnn", "MTT_vgg"])
def test_songs_do_not_affect_each_other(name):
    audio = MelCNNAudio(name, pooling="mean_std").fit(CLIPS)
    together = audio.transform(CLIPS)
    alone = np.concatenate([audio.transform([clip]) for clip in CLIPS])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_array_equal(together, audio.transform(CLIPS))
    np.testing.assert_allclose(audio.set_params(n_jobs=2).transform(CLIPS), together, atol=1e-5)
    tags = audio.predict_tags(CLIPS)
    np.testing.assert_allclose(tags[1:], audio.predict_tags(CLIPS[1:]), atol=1e-5)


def test_the_state_of_torch_and_of_the_module_is_kept():
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(), torch.nn.Linear(17952, 3))
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    audio = MelCNNAudio(module).fit(CLIPS)
    np.testing.assert_array_equal(audio.transform(CLIPS), audio.transform(CLIPS))  # no dropout
    assert module.training
    assert all(part.training for part in module)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()


def test_names_and_containers():
    audio = MelCNNAudio(BandMeans(), pooling="mean_std").fit(CLIPS)
    names = audio.get_feature_names_out().tolist()
    assert names == [f"mean{i}" for i in range(96)] + [f"std{i}" for i in range(96)]
    table = audio.set_output(transform="pandas").transform(CLIPS)
    assert table.columns.tolist() == names
    assert table.shape == (3, audio.n_features_out_)
    steps = MelCNNAudio(BandMeans(), pooling="sequence", n_segments=2)
    with config_context(transform_output="pandas"):
        shape = steps.set_output(transform="pandas").fit_transform(CLIPS).shape
    assert shape == (3, steps.n_features_out_, 2) == (3, 96, 2)
    assert not hasattr(steps, "get_feature_names_out")


def test_a_module_has_no_tags():
    audio = MelCNNAudio().fit(CLIPS).set_params(weights=BandMeans()).fit(CLIPS)
    assert not hasattr(audio, "tag_names_")
    with pytest.raises(ValueError, match="`weights` must be a network with tags"):
        audio.predict_tags(CLIPS)


def test_modules_of_the_wrong_shape_are_refused():
    for module, message in (
        (torch.nn.Identity(), r"shape \(1, 187, 96\) .*must be \(1, n_features\)"),
        (torch.nn.Sequential(BandMeans(), torch.nn.Flatten(0)), r"shape \(96,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            MelCNNAudio(module).fit(CLIPS)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weights": "MTT_big"}, r"`weights` must be one of .*MTT_musicnn.* got 'MTT_big'"),
        ({"weights": None}, "`weights` must be one of .* got None"),
        ({"weights": torch.nn.Linear}, "`weights` must be one of .*Module, got <class"),
        ({"pooling": "median"}, "`pooling` must be one of .* got 'median'"),
        ({"pooling": None}, "`pooling` must be one of .* got None"),
        ({"pooling": "sequence"}, "`n_segments` must be an integer >= 1 with pooling"),
        ({"n_segments": 0}, "`n_segments` must be an integer >= 1, or None, got 0"),
        ({"n_segments": 2.5}, "`n_segments` must be an integer .* got 2.5"),
        ({"duration": 0}, "`duration` must be a finite number > 0, or None, got 0"),
        ({"offset": "middle"}, "`offset` must be .* got 'middle'"),
        ({"offset": -1}, "`offset` must be a finite number >= 0, got -1"),
        ({"offset": 5.0}, "2 of 3 songs(.|\n)*song 0: `offset` is 5.0 s, past the end"),
        ({"sample_rate": 0}, "`sample_rate` must be an integer >= 1, got 0"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        MelCNNAudio(**parameters).fit(CLIPS)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_bad_songs_are_named_all_at_once(tmp_path, n_jobs):
    silent, short = tmp_path / "silent.wav", tmp_path / "short.wav"
    soundfile.write(silent, np.zeros(RATE), RATE)
    soundfile.write(short, CLIPS[0][:200], RATE)
    songs = [CLIPS[0], str(silent), short, np.zeros(RATE), CLIPS[0] * 32768]
    audio = MelCNNAudio(BandMeans(), n_jobs=n_jobs).fit(songs)
    with pytest.raises(ValueError, match="3 of 5 songs cannot be used") as error:
        audio.transform(songs)
    assert error.match(r"song 1: .*silent.wav' is silent")
    assert error.match(r"song 2: .*short.wav' has 0.013 s .*0.032 s or more")
    assert error.match(r"song 3: it is silent")
    text = tmp_path / "text.wav"
    text.write_text("this is no sound")
    for method in (MelCNNAudio().fit, audio.transform):
        with pytest.raises(ValueError, match=r"song 1: .*text.wav' cannot be read as audio"):
            method([CLIPS[0], str(text)])
    with pytest.raises(ValueError, match="no songs"):
        audio.fit([])


def test_clone_and_parameters():
    parameters = {"weights": "MSD_vgg", "pooling": "max", "n_segments": 2, "duration": 3.0}
    audio = MelCNNAudio(**parameters, offset=1.0, sample_rate=8000, memory="m", n_jobs=2, verbose=1)
    assert clone(audio.fit(CLIPS)).get_params() == audio.get_params()
    assert not hasattr(clone(audio), "weights_")


def test_in_a_pipeline_before_a_cca():
    rng = np.random.default_rng(0)
    songs = [CLIPS[2][start : start + 2 * RATE] for start in range(0, 80000, 8000)]
    y = rng.normal(size=(len(songs), 3))
    model = make_pipeline(MelCNNAudio("MTT_vgg"), LinearCCA(1, reg=0.1)).fit(songs, y)
    assert model.transform(songs).shape == (10, 1)
    assert np.isfinite(model.score(songs, y))


def test_sequences_fit_the_sequence_encoder():
    steps = MelCNNAudio(BandMeans(), pooling="sequence", n_segments=3).fit_transform(CLIPS)
    network = SequenceEncoder(8).build(steps.shape[1:], n_outputs=2)
    assert network(torch.from_numpy(steps)).shape == (3, 2)


def test_a_pickle_gives_the_same_rows_in_another_process(tmp_path):
    model, songs, rows = (str(tmp_path / name) for name in ("model", "songs", "rows.npy"))
    audio = MelCNNAudio("MTT_vgg").fit(CLIPS)
    joblib.dump(audio, model)
    joblib.dump(CLIPS, songs)
    assert Path(model).stat().st_size < 5000  # a shipped network is stored by its name
    program = (
        "import sys, joblib, numpy; model, songs, rows = sys.argv[1:];"
        "numpy.save(rows, joblib.load(model).transform(joblib.load(songs)))"
    )
    run_program(program, model, songs, rows)
    np.testing.assert_allclose(np.load(rows), audio.transform(CLIPS), atol=1e-5)


def test_the_cache_embeds_each_song_once_per_network(tmp_path):
    calls = []

    class Scaled(BandMeans):
        def __init__(self, scale):
            super().__init__()
            self._scale = scale
            self.shift = torch.nn.Parameter(torch.zeros(96))

        def forward(self, x):
            calls.append(len(x))
            return super().forward(x) * self._scale + self.shift

    def embed(module, **parameters):
        audio = MelCNNAudio(module, memory=tmp_path, **parameters).fit(CLIPS)
        calls.clear()
        return audio.transform(CLIPS)

    first = embed(Scaled(1.0))
    assert calls == [1, 1, 2]
    np.testing.assert_array_equal(embed(Scaled(1.0)), first)
    np.testing.assert_array_equal(embed(Scaled(1.0), pooling="mean_std")[:, :96], first)
    assert calls == []
    np.testing.assert_allclose(embed(Scaled(2.0)), 2 * first, rtol=1e-6)
    other = Scaled(1.0)
    with torch.no_grad():
        other.shift += 1
    np.testing.assert_allclose(embed(other), first + 1, atol=1e-5)
    embed(Scaled(1.0), n_segments=2)
    assert calls == [2, 2, 2]
    embed(Scaled(1.0), duration=3.0)
    assert calls == [1, 1]  # the first song has no more


def test_the_cache_distinguishes_the_shipped_networks(tmp_path):
    for name in ("MTT_vgg", "MSD_vgg", "MTT_vgg"):
        kept = MelCNNAudio(name, memory=str(tmp_path)).fit_transform(CLIPS[:1])
        expected = MelCNNAudio(name).fit_transform(CLIPS[:1])
        np.testing.assert_array_equal(kept, expected)


def test_verbose_shows_progress_and_the_default_is_silent(capfd):
    MelCNNAudio(BandMeans()).fit_transform(CLIPS)
    assert capfd.readouterr() == ("", "")
    MelCNNAudio(BandMeans(), verbose=1).fit_transform(CLIPS)
    assert "embeddings: 100%" in capfd.readouterr().err
