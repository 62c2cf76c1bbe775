"""MelCNNAudio against the original networks, whose outputs tools/convert_musicnn.py wrote down."""

import subprocess
import sys
from importlib import resources
from pathlib import Path

import joblib
import librosa
import numpy as np
import pytest
import soundfile
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skdcca import LinearCCA
from skdcca._audio.mel_cnn import _SHIPPED, MelCNNAudio, _load_network
from skdcca.encoders import SequenceEncoder

GOLDEN = Path(__file__).parent / "data" / "musicnn_golden.npz"
RATE = 16000


def make_clips():
    """Those of tools/convert_musicnn.py: chirp, chord, bursts of noise; 3, 4.5 and 7 s."""
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
    """The mean of each band, so that the front end can be seen from outside."""

    def forward(self, x):
        return x.mean(dim=1)


class Flat(torch.nn.Module):
    """All numbers of a segment."""

    def forward(self, x):
        return x.flatten(1)


def log_mel(waveform):
    power = librosa.feature.melspectrogram(
        y=waveform, sr=RATE, n_fft=512, hop_length=256, n_mels=96
    )
    return np.log10(10000 * power.T + 1)


@pytest.mark.parametrize("name", _SHIPPED)
def test_equals_the_original_networks(name):
    with np.load(GOLDEN) as golden:
        audio = MelCNNAudio(name, pooling="sequence", n_segments=1)
        for i, clip in enumerate(CLIPS):
            embedding, tags = golden[f"{name}/{i}/embedding"], golden[f"{name}/{i}/tags"]
            audio.set_params(n_segments=None, pooling="mean").fit([clip])
            tolerance = {"rtol": 1e-3, "atol": 1e-3}
            mean = audio.transform([clip])[0]
            np.testing.assert_allclose(mean, embedding.mean(axis=0), **tolerance)
            highest = audio.set_params(pooling="max").transform([clip])[0]
            np.testing.assert_allclose(highest, embedding.max(axis=0), **tolerance)
            ours = audio.predict_tags([clip])[0]
            np.testing.assert_allclose(ours, tags.mean(axis=0), atol=1e-3)
        assert audio.n_features_out_ == embedding.shape[1]
        assert embedding.std() > 0.1
        assert len(audio.tag_names_) == len(set(audio.tag_names_)) == tags.shape[1] == 50


def test_tags_of_both_data_sets():
    first = {name: MelCNNAudio(name).fit(CLIPS).tag_names_[0] for name in _SHIPPED}
    assert first == {
        "MTT_musicnn": "guitar",
        "MTT_vgg": "guitar",
        "MSD_musicnn": "rock",
        "MSD_vgg": "rock",
    }


def test_the_front_end_is_that_of_librosa():
    ours = MelCNNAudio(Flat()).fit_transform(CLIPS[:1])[0].reshape(187, 96)
    np.testing.assert_allclose(ours, log_mel(CLIPS[0])[:187], atol=2e-3)  # half precision
    loud = CLIPS[0] * 2  # ten thousand times the power overflows half precision
    ours = MelCNNAudio(Flat()).fit_transform([loud])[0].reshape(187, 96)
    np.testing.assert_allclose(ours, log_mel(loud)[:187], atol=2e-3)


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


def test_segments_are_evenly_spaced_or_consecutive():
    long = log_mel(CLIPS[2])
    room = len(long) - 187
    for n_segments, starts in ((1, [room // 2]), (3, [0, round(room / 2), room])):
        steps = MelCNNAudio(BandMeans(), pooling="sequence", n_segments=n_segments)
        expected = np.stack([long[start : start + 187].mean(axis=0) for start in starts], axis=1)
        np.testing.assert_allclose(steps.fit_transform([CLIPS[2]])[0], expected, atol=2e-3)
    both = np.stack([long[:187].mean(axis=0), long[187:374].mean(axis=0)])
    ours = MelCNNAudio(BandMeans(), pooling="max").fit_transform([CLIPS[2]])[0]
    np.testing.assert_allclose(ours, both.max(axis=0), atol=2e-3)


def test_the_excerpt():
    song = CLIPS[2]
    cuts = [
        ({"duration": 3.0}, song[: 3 * RATE]),
        ({"duration": 3.0, "offset": 2.5}, song[int(2.5 * RATE) : int(5.5 * RATE)]),
        ({"duration": 3.0, "offset": "center"}, song[2 * RATE : 5 * RATE]),
        ({"offset": 3.5}, song[int(3.5 * RATE) :]),
        ({"offset": "center"}, song),
        ({"duration": 60.0, "offset": "center"}, song),
    ]
    whole = MelCNNAudio(BandMeans())
    for parameters, cut in cuts:
        ours = MelCNNAudio(BandMeans(), **parameters).fit_transform([song])
        np.testing.assert_allclose(ours, whole.fit_transform([cut]), atol=1e-5)


def test_short_songs_are_repeated():
    short = CLIPS[0][:20000]
    expected = log_mel(np.tile(short, 3)[:47616]).mean(axis=0)
    ours = MelCNNAudio(BandMeans()).fit_transform([short])[0]
    np.testing.assert_allclose(ours, expected, atol=2e-3)
    assert MelCNNAudio(pooling="sequence", n_segments=4).fit_transform([short]).shape == (1, 200, 4)


@pytest.mark.parametrize("name", ["MTT_musicnn", "MTT_vgg"])
def test_each_song_is_alone(name):
    audio = MelCNNAudio(name, pooling="mean_std").fit(CLIPS)
    together = audio.transform(CLIPS)
    alone = np.concatenate([audio.transform([clip]) for clip in CLIPS])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_array_equal(together, audio.transform(CLIPS))
    np.testing.assert_allclose(audio.set_params(n_jobs=2).transform(CLIPS), together, atol=1e-5)
    tags = audio.predict_tags(CLIPS)
    np.testing.assert_allclose(tags[1:], audio.predict_tags(CLIPS[1:]), atol=1e-5)


def test_torch_and_the_module_stay_as_they_were():
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
    with pytest.raises(ValueError, match="no tags"):
        audio.predict_tags(CLIPS)


def test_modules_of_the_wrong_shape_are_refused():
    for module, message in (
        (torch.nn.Identity(), r"shape \(1, 187, 96\) .*must be \(1, n_features\)"),
        (torch.nn.Sequential(BandMeans(), torch.nn.Flatten(0)), r"shape \(96,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            MelCNNAudio(module).fit(CLIPS)


def test_a_file_of_weights_is_kept(tmp_path):
    from safetensors.torch import save_file

    network, tags = _load_network("MSD_vgg")
    shipped = resources.files("skdcca") / "weights" / "MSD_vgg.safetensors"
    path = tmp_path / "own.safetensors"
    path.write_bytes(shipped.read_bytes())
    expected = MelCNNAudio("MSD_vgg").fit(CLIPS)
    for weights in (path, str(path)):
        audio = MelCNNAudio(weights).fit(CLIPS)
        assert audio.tag_names_ == tags
        np.testing.assert_array_equal(audio.transform(CLIPS), expected.transform(CLIPS))
    # Tensors need not be integers, and there may be any number of tags.
    tensors = {name: value for name, value in network.state_dict().items() if "num_" not in name}
    tensors |= {"tags.weight": tensors["tags.weight"][:2].clone()}
    tensors |= {"tags.bias": tensors["tags.bias"][:2].clone()}
    pools = str(network.pools)
    save_file(tensors, path, {"architecture": "vgg", "tags": '["a", "b"]', "pools": pools})
    two = MelCNNAudio(path).fit(CLIPS)
    path.unlink()
    assert two.tag_names_ == ["a", "b"]
    ours, theirs = two.predict_tags(CLIPS), expected.predict_tags(CLIPS)[:, :2]
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_files_that_hold_no_weights_are_refused(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "own.safetensors"
    shipped = (resources.files("skdcca") / "weights" / "MTT_vgg.safetensors").read_bytes()
    writers = [
        lambda: path.write_bytes(b""),
        lambda: path.write_text("no tensors at all, only text"),
        lambda: path.write_bytes(shipped[:-100]),
        lambda: save_file({"a": np.zeros(3)}, path),
        lambda: save_file({"a": np.zeros(3)}, path, {"architecture": "vgg", "tags": "[]"}),
        lambda: path.write_bytes(shipped.replace(b"hidden.bias", b"hodden.bias")[:-4]),
        lambda: path.write_bytes(shipped.replace(b"tags.bias", b"tigs.bias")),
    ]
    for write in writers:
        write()
        with pytest.raises(ValueError, match=r"own.safetensors.* cannot be used"):
            MelCNNAudio(path).fit(CLIPS)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weights": "MTT_big"}, r"weights='MTT_big'.*MTT_musicnn"),
        ({"weights": None}, "weights=None"),
        ({"weights": torch.nn.Linear}, "weights=.*Module"),
        ({"pooling": "median"}, "pooling='median'"),
        ({"pooling": None}, "pooling=None"),
        ({"pooling": "sequence"}, "needs n_segments"),
        ({"n_segments": 0}, "n_segments=0"),
        ({"n_segments": 2.5}, "n_segments=2.5"),
        ({"duration": 0}, "duration=0"),
        ({"offset": "middle"}, "offset='middle'"),
        ({"offset": -1}, "offset=-1"),
        ({"offset": 5.0}, "2 of 3 songs(.|\n)*song 0: offset=5.0 s is past its end"),
        ({"sample_rate": 0}, "sample_rate=0"),
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
    with pytest.raises(ValueError, match="4 of 5 songs cannot be used") as error:
        audio.transform(songs)
    assert error.match(r"song 1: .*silent.wav' is silent")
    assert error.match(r"song 2: .*short.wav' has 0.013 s .*0.032 s or more")
    assert error.match(r"song 3: it is silent")
    assert error.match(r"song 4: the waveform of it goes up to 1.64e\+04")
    text = tmp_path / "text.wav"
    text.write_text("this is no sound")
    for method in (MelCNNAudio().fit, audio.transform):
        with pytest.raises(ValueError, match=r"song 1: .*text.wav' cannot be read as audio"):
            method([CLIPS[0], str(text)])
    with pytest.raises(ValueError, match="no songs"):
        audio.fit([])


def test_a_module_that_gives_nan_is_refused():
    class Broken(torch.nn.Module):
        def forward(self, x):
            return x.mean(dim=1) / (x[0, 0, 0] == 0)

    with pytest.raises(ValueError, match="the network gives NaN or infinity"):
        MelCNNAudio(Broken()).fit(CLIPS).transform(CLIPS)


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


def test_sequences_are_what_the_encoder_reads():
    steps = MelCNNAudio(BandMeans(), pooling="sequence", n_segments=3).fit_transform(CLIPS)
    network = SequenceEncoder(8).build(steps.shape[1:], n_outputs=2)
    assert network(torch.from_numpy(steps)).shape == (3, 2)


def test_pickled_it_answers_the_same_in_a_fresh_process(tmp_path):
    model, songs, rows = (str(tmp_path / name) for name in ("model", "songs", "rows.npy"))
    audio = MelCNNAudio("MTT_vgg").fit(CLIPS)
    joblib.dump(audio, model)
    joblib.dump(CLIPS, songs)
    assert Path(model).stat().st_size < 5000  # a shipped network goes by its name
    program = (
        "import sys, joblib, numpy; model, songs, rows = sys.argv[1:];"
        "numpy.save(rows, joblib.load(model).transform(joblib.load(songs)))"
    )
    subprocess.run([sys.executable, "-c", program, model, songs, rows], check=True)
    np.testing.assert_allclose(np.load(rows), audio.transform(CLIPS), atol=1e-5)


def test_memory_embeds_each_song_once_and_tells_networks_apart(tmp_path):
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


def test_memory_tells_the_shipped_networks_apart(tmp_path):
    for name in ("MTT_vgg", "MSD_vgg", "MTT_vgg"):
        kept = MelCNNAudio(name, memory=str(tmp_path)).fit_transform(CLIPS[:1])
        expected = MelCNNAudio(name).fit_transform(CLIPS[:1])
        np.testing.assert_array_equal(kept, expected)


def test_verbose_shows_progress_and_the_default_is_silent(capfd):
    MelCNNAudio(BandMeans()).fit_transform(CLIPS)
    assert capfd.readouterr() == ("", "")
    MelCNNAudio(BandMeans(), verbose=1).fit_transform(CLIPS)
    assert "embeddings: 100%" in capfd.readouterr().err


def test_weights_and_licence_are_package_data():
    folder = resources.files("skdcca") / "weights"
    sizes = [len((folder / f"{name}.safetensors").read_bytes()) for name in _SHIPPED]
    assert sum(sizes) < 7e6
    assert "Permission to use" in (folder / "LICENSE.musicnn").read_text(encoding="utf-8")
