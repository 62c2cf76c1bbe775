"""The shipped networks: their files, their front end, and the embeddings and tags of the originals."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from _musicnn import CLIPS, RATE, BandMeans, heard, log_mel

from skdcca import MelCNNAudio
from skdcca._audio.musicnn import SHIPPED, load_network

GOLDEN = Path(__file__).parent / "data" / "musicnn_golden.npz"


@pytest.mark.parametrize("name", SHIPPED)
def test_equals_the_original_networks(name):
    with np.load(GOLDEN) as golden:
        audio = MelCNNAudio(name, pooling="sequence", n_segments=1)
        for i, clip in enumerate(CLIPS):
            embedding, tags = golden[f"{name}/{i}/embedding"], golden[f"{name}/{i}/tags"]
            audio.set_params(n_segments=None, pooling="mean").fit([clip])
            audio._format = 1  # as the originals, which read songs at the level of the file
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
    first = {name: MelCNNAudio(name).fit(CLIPS).tag_names_[0] for name in SHIPPED}
    assert first == {
        "MTT_musicnn": "guitar",
        "MTT_vgg": "guitar",
        "MSD_musicnn": "rock",
        "MSD_vgg": "rock",
    }


class Flat(torch.nn.Module):
    """Return all numbers of a segment."""

    def forward(self, x):
        return x.flatten(1)


def test_the_front_end_equals_librosa():
    ours = MelCNNAudio(Flat()).fit_transform(CLIPS[:1])[0].reshape(187, 96)
    expected = log_mel(heard(CLIPS[0]))[:187]
    np.testing.assert_allclose(ours, expected, atol=2e-3)  # half precision


def test_gain_and_silence_around_a_song_change_nothing():
    padded = np.pad(CLIPS[0], (2 * RATE + 77, RATE))
    songs = [CLIPS[0], 1e-3 * CLIPS[0], 32768 * CLIPS[0], 0.1 * padded]
    rows = MelCNNAudio(BandMeans()).fit_transform(songs)
    np.testing.assert_allclose(rows, rows[[0, 0, 0, 0]], atol=2e-3)


def test_segments_are_evenly_spaced_or_consecutive():
    long = log_mel(heard(CLIPS[2]))
    room = len(long) - 187
    for n_segments, starts in ((1, [room // 2]), (3, [0, round(room / 2), room])):
        steps = MelCNNAudio(BandMeans(), pooling="sequence", n_segments=n_segments)
        expected = np.stack([long[start : start + 187].mean(axis=0) for start in starts], axis=1)
        np.testing.assert_allclose(steps.fit_transform([CLIPS[2]])[0], expected, atol=2e-3)
    both = np.stack([long[:187].mean(axis=0), long[187:374].mean(axis=0)])
    ours = MelCNNAudio(BandMeans(), pooling="max").fit_transform([CLIPS[2]])[0]
    np.testing.assert_allclose(ours, both.max(axis=0), atol=2e-3)


def test_short_songs_are_repeated():
    short = CLIPS[0][:20000]
    expected = log_mel(np.tile(heard(short), 3)[:47616]).mean(axis=0)
    ours = MelCNNAudio(BandMeans()).fit_transform([short])[0]
    np.testing.assert_allclose(ours, expected, atol=2e-3)
    assert MelCNNAudio(pooling="sequence", n_segments=4).fit_transform([short]).shape == (1, 200, 4)


def test_weights_from_a_file_are_kept_in_the_model(tmp_path):
    from safetensors.torch import save_file

    network, tags = load_network("MSD_vgg")
    shipped = resources.files("skdcca") / "weights" / "MSD_vgg.safetensors"
    path = tmp_path / "own.safetensors"
    path.write_bytes(shipped.read_bytes())
    expected = MelCNNAudio("MSD_vgg").fit(CLIPS)
    for weights in (path, str(path)):
        audio = MelCNNAudio(weights).fit(CLIPS)
        assert audio.tag_names_ == tags
        np.testing.assert_array_equal(audio.transform(CLIPS), expected.transform(CLIPS))
    # Tensors may be floats, and the number of tags is free.
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


def test_files_without_weights_are_refused(tmp_path):
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


def test_a_module_that_returns_nan_is_refused():
    class Broken(torch.nn.Module):
        def forward(self, x):
            return x.mean(dim=1) / (x[0, 0, 0] == 0)

    with pytest.raises(ValueError, match="the network returns NaN or infinity"):
        MelCNNAudio(Broken()).fit(CLIPS).transform(CLIPS)


def test_weights_and_license_are_package_data():
    folder = resources.files("skdcca") / "weights"
    sizes = [len((folder / f"{name}.safetensors").read_bytes()) for name in SHIPPED]
    assert sum(sizes) < 7e6
    assert "Permission to use" in (folder / "LICENSE.musicnn").read_text(encoding="utf-8")
