"""Convert the checkpoints of the package musicnn to the safetensors that `MelCNNAudio` loads.

    pip download --no-deps musicnn==0.1.0
    python -m venv tf
    tf/bin/pip install tensorflow-cpu==2.21.0 librosa safetensors
    tf/bin/python tools/convert_musicnn.py musicnn-0.1.0-py3-none-any.whl skdcca/weights
    tf/bin/python tools/convert_musicnn.py musicnn-0.1.0-py3-none-any.whl skdcca/weights \\
        --golden tests/data/musicnn_golden.npz

Run it in a separate environment, because only the checkpoints need TensorFlow; musicnn itself, which
requires package versions of 2019, is unpacked but not installed. The tests run in the environment of
skdcca and compare its networks with the golden outputs, which come from the original graphs.

Kernels are stored as 16-bit integers with a scale per output, which is several times more accurate than
half precision at the same size; everything else is in single precision.
"""

import argparse
import ast
import json
import os
import tempfile
import zipfile
from pathlib import Path

import librosa
import numpy as np
from safetensors.numpy import save_file

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf

MODELS = ["MTT_vgg", "MTT_musicnn", "MSD_vgg", "MSD_musicnn"]
LAYERS = {
    "vgg": {
        **{f"blocks.{i}.conv": f"{i + 1}CNN" for i in range(5)},
        **{f"blocks.{i}.norm": f"batch_normalization_{i + 1}" for i in range(5)},
        "input_norm": "batch_normalization",
        "tags": "dense",
    },
    "musicnn": {
        **{f"front.{i}.conv": "conv2d" + f"_{i}" * (i > 0) for i in range(5)},
        **{f"front.{i}.norm": f"batch_normalization_{i + 1}" for i in range(5)},
        **{f"middle.{i}.conv": f"conv2d_{i + 5}" for i in range(3)},
        **{f"middle.{i}.norm": f"batch_normalization_{i + 6}" for i in range(3)},
        "input_norm": "batch_normalization",
        "pool_norm": "batch_normalization_9",
        "hidden": "dense",
        "hidden_norm": "batch_normalization_10",
        "tags": "dense_1",
    },
}
NORM = {"weight": "gamma", "bias": "beta"}
NORM |= {"running_mean": "moving_mean", "running_var": "moving_variance"}
EMBEDDING = {
    "vgg": "model/max_pooling2d_4/MaxPool",
    "musicnn": "model/batch_normalization_10/batchnorm/add_1",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="the wheel of musicnn 0.1.0")
    parser.add_argument("target", type=Path, help="folder for the safetensors")
    parser.add_argument("--golden", type=Path, help="file for the outputs of the original graphs")
    arguments = parser.parse_args()
    golden = {}
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(arguments.wheel) as wheel:
        tags = read_tags(wheel.read("musicnn/configuration.py").decode())
        for name in MODELS:
            prefix = unpack(wheel, name, folder)
            convert(prefix, name, tags[name.split("_")[0]], arguments.target)
            if arguments.golden:
                golden |= run_original(prefix, name)
    if arguments.golden:
        np.savez_compressed(arguments.golden, **golden)


def read_tags(source):
    """Read the tags of both data sets from musicnn/configuration.py."""
    lists = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and node.targets[0].id.endswith("_LABELS"):
            lists[node.targets[0].id.removesuffix("_LABELS")] = ast.literal_eval(node.value)
    return lists


def unpack(wheel, name, folder):
    """Unpack a checkpoint with a prefix, which is missing in the wheel but required by TensorFlow."""
    for suffix in ("index", "meta", "data-00000-of-00001"):
        Path(folder, f"{name}.{suffix}").write_bytes(wheel.read(f"musicnn/{name}/.{suffix}"))
    return f"{folder}/{name}"


def convert(prefix, name, tags, target):
    """Write the weights of one model with the layout and the names of our network."""
    architecture = name.split("_")[1]
    read = tf.train.load_checkpoint(prefix).get_tensor
    tensors = {}
    for ours, theirs in LAYERS[architecture].items():
        if ours.endswith("norm"):
            for key, variable in NORM.items():
                tensors[f"{ours}.{key}"] = read(f"{theirs}/{variable}")
        else:
            kernel = torch_order(read(f"{theirs}/kernel"), ours)
            tensors[f"{ours}.weight"], tensors[f"{ours}.scale"] = as_integers(kernel)
            tensors[f"{ours}.bias"] = read(f"{theirs}/bias")
    metadata = {
        "architecture": architecture,
        "pools": json.dumps(read_pools(prefix)) if architecture == "vgg" else "[]",
        "tags": json.dumps(tags),
        "source": f"musicnn 0.1.0, {name}",
        "license": "ISC, Copyright (c) Music Technology Group, Universitat Pompeu Fabra 2019",
    }
    path = target / f"{name}.safetensors"
    save_file(tensors, path, metadata)
    path.chmod(0o644)  # save_file makes it readable by the owner only
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def as_integers(kernel):
    """Return the kernel as 16-bit integers, and the scale of each output."""
    largest = np.abs(kernel).reshape(len(kernel), -1).max(axis=1)
    scale = np.maximum(largest / 32767, np.finfo(np.float32).tiny)
    integers = np.round(kernel / scale.reshape(-1, *[1] * (kernel.ndim - 1)))
    return np.ascontiguousarray(integers, dtype=np.int16), scale.astype(np.float32)


def read_pools(prefix):
    """Return size and stride (frames, bands) of each pooling layer; they differ by data set."""
    pools = []
    for node in read_graph(prefix).node:
        if node.op == "MaxPool":
            size, stride = (list(node.attr[key].list.i)[1:3] for key in ("ksize", "strides"))
            pools.append((node.name, size, stride))
    return [[size, stride] for _, size, stride in sorted(pools)]


def torch_order(kernel, layer):
    """Return the kernel in the layout of torch: outputs, inputs, time, bands."""
    if kernel.ndim == 2:
        return kernel.T
    if layer.startswith("middle"):  # one input channel as wide as the features: a Conv1d
        return kernel[:, :, 0].transpose(2, 1, 0)
    return kernel.transpose(3, 2, 0, 1)


def run_original(prefix, name):
    """Return the embeddings and tags of the clips by the original graph."""
    forward = read_graph(prefix)
    read = tf.train.load_checkpoint(prefix).get_tensor
    outputs = {}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(forward, name="")
        restore(session, forward, read)
        fetches = [EMBEDDING[name.split("_")[1]] + ":0", "model/Sigmoid:0"]
        for i, clip in enumerate(make_clips()):
            feed = {"model/Placeholder:0": segments_of(clip), "model/Placeholder_2:0": False}
            embedding, tags = session.run(fetches, feed)
            outputs[f"{name}/{i}/embedding"] = embedding.reshape(len(embedding), -1)
            outputs[f"{name}/{i}/tags"] = tags
    return outputs


def read_graph(prefix):
    """Return the inference graph of a checkpoint; its training graph is no longer importable."""
    meta = tf.compat.v1.MetaGraphDef.FromString(Path(prefix + ".meta").read_bytes())
    return tf.compat.v1.graph_util.extract_sub_graph(meta.graph_def, ["model/Sigmoid"])


def restore(session, graph, read):
    """Set the variables of an imported graph, which has no initializers."""
    for node in graph.node:
        if node.op == "VariableV2":
            variable = session.graph.get_tensor_by_name(f"{node.name}:0")
            session.run(tf.raw_ops.Assign(ref=variable, value=read(node.name)))


def segments_of(clip):
    """Return all whole segments of 187 frames, shape (n_segments, 187, 96)."""
    power = librosa.feature.melspectrogram(y=clip, sr=16000, n_fft=512, hop_length=256, n_mels=96)
    # Half precision as in musicnn, except for the logarithm, where the factor 10000 would overflow.
    log_mel = np.log10(10000 * power.T.astype(np.float16).astype(np.float32) + 1)
    n_segments = len(log_mel) // 187
    return log_mel[: n_segments * 187].reshape(n_segments, 187, 96)


def make_clips():
    """Return a chirp, a chord of decaying partials and noise bursts: 3, 4.5 and 7 s at 16 kHz."""
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


if __name__ == "__main__":
    main()
