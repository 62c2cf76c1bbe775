"""Define the networks of the package musicnn: their input, weights and layers."""

import copy
import hashlib
import json
import os
from importlib import resources

import numpy as np
from joblib import hash as joblib_hash

from skdcca._audio.songs import as_pair, load_song, song_name
from skdcca._audio.spectra import mel_power
from skdcca._utils.fork_safety import make_torch_fork_safe
from skdcca._utils.optional import needed_by

with needed_by("MelCNNAudio"):
    import torch
    from torch import nn
    from torch.nn import functional

make_torch_fork_safe()

SHIPPED = ("MTT_musicnn", "MTT_vgg", "MSD_musicnn", "MSD_vgg")
RATE = 16000  # Hz
N_MELS = 96
N_FRAMES = 187  # frames of a segment, the input of every network
_N_FFT, _HOP = 512, 256
# Root mean square of a waveform, -18 dB of full scale. At this level, log-mel spectrograms of music have
# about the mean that the networks subtract from their input.
_LEVEL = 0.125
_SEGMENT = (N_FRAMES - 1) * _HOP  # samples in a segment
# Segments in a batch. The output of the widest layer takes 10 MB per segment.
_BATCH_SIZE, _BATCH_SIZE_ON_DEVICE = 4, 64


# ---- input ------------------------------------------------------------------------------------


def load_excerpt(song, start, n_samples, sample_rate):
    """Return the excerpt of a song as a waveform at 16 kHz.

    Parameters
    ----------
    song : str, path-like, (waveform, sample rate) or waveform
        The song.
    start : float or "first_sound"
        Start of the excerpt in seconds.
    n_samples : int
        Length of the excerpt in samples at 16 kHz.
    sample_rate : int
        Sample rate in Hz of a waveform that comes without one.

    Raises
    ------
    ValueError
        If the excerpt is shorter than one Fourier window.
    """
    if not isinstance(song, (str, os.PathLike)):
        song = as_pair(song, sample_rate)  # load_song would assume the rate of the networks
    waveform = load_song(song, start, n_samples, RATE)[:n_samples]
    if len(waveform) < _N_FFT:
        raise ValueError(
            f"{song_name(song)} has {len(waveform) / RATE:.3f} s in the excerpt; it must have "
            f"{_N_FFT / RATE:.3f} s or more"
        )
    return waveform


def prepare(waveform, first, last):
    """Return the samples with sound at the level of the songs that the networks were trained on."""
    waveform = waveform[first : max(last, first + _N_FFT)]
    gain = _LEVEL / np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    return waveform * np.float32(min(gain, 1 / np.abs(waveform).max()))


def filled(waveform):
    """Return a waveform that is repeated until it fills a segment."""
    return np.resize(waveform, _SEGMENT) if len(waveform) < _SEGMENT else waveform


def log_mel(waveform, song, device=None):
    """Return the log-mel frames of a waveform, with shape (n_frames, 96), for the networks."""
    power = mel_power(waveform, device, sr=RATE, n_fft=_N_FFT, hop_length=_HOP, n_mels=N_MELS)
    with np.errstate(over="ignore"):
        # Round the power to half precision, as musicnn does, but not its logarithm: 10000 times the
        # power would overflow.
        power = power.T.astype(np.float16).astype(np.float32)
    if not np.isfinite(power).all():
        peak = np.abs(waveform).max()
        raise ValueError(
            f"the waveform of {song_name(song)} has an amplitude of {peak:.3g}; it must be in [-1, 1] "
            "(divide 16-bit integers by 32768)"
        )
    return np.log10(10000 * power + 1)


def cut_segments(frames, n_segments):
    """Return segments of shape (n_segments, 187, 96).

    If `n_segments` is None, cut the frames into consecutive segments and ignore the remainder.
    """
    room = len(frames) - N_FRAMES
    if n_segments is None:
        starts = range(0, room + 1, N_FRAMES)
    elif n_segments == 1:
        starts = [room // 2]
    else:
        starts = np.linspace(0, room, n_segments).round().astype(int)
    return np.stack([frames[start : start + N_FRAMES] for start in starts])


def run(network, segments, device=None):
    """Return the embeddings and the tag probabilities of segments.

    If the network is not a `Tagger`, the second result is None.

    Parameters
    ----------
    network : torch.nn.Module
        The network.
    segments : ndarray of shape (n_segments, 187, 96)
        The segments.
    device : torch.device, default=None
        Device of the network. If None, the CPU.

    Raises
    ------
    ValueError
        If the output of the network has the wrong shape or contains NaN or infinity.
    """
    device = torch.device("cpu") if device is None else device
    batch_size = _BATCH_SIZE if device.type == "cpu" else _BATCH_SIZE_ON_DEVICE
    embeddings, tags = [], []
    with torch.inference_mode():
        for first in range(0, len(segments), batch_size):
            batch = torch.from_numpy(segments[first : first + batch_size]).to(device)
            output = network(batch)
            if output.ndim != 2 or len(output) != len(batch):
                raise ValueError(
                    f"the network returns shape {tuple(output.shape)} for input of shape "
                    f"{tuple(batch.shape)}; it must be ({len(batch)}, n_features)"
                )
            embeddings.append(output.cpu().numpy())
            if isinstance(network, Tagger):
                tags.append(network.probabilities(output).cpu().numpy())
    embeddings = np.concatenate(embeddings)
    if not np.isfinite(embeddings).all():
        raise ValueError("the network returns NaN or infinity")
    return embeddings, np.concatenate(tags) if tags else None


# ---- weights ----------------------------------------------------------------------------------


def resolve_weights(weights):
    """Return the name of a shipped network, the content of a file, or the module itself."""
    if isinstance(weights, nn.Module) or (isinstance(weights, str) and weights in SHIPPED):
        return weights
    if not isinstance(weights, (str, os.PathLike)) or not os.path.isfile(weights):
        raise ValueError(
            f"`weights` must be one of {sorted(SHIPPED)}, the path of an existing safetensors file, or "
            f"a torch.nn.Module, got {weights!r}."
        )
    with open(weights, "rb") as file:
        return file.read()


def load_network(weights, device=None):
    """Return a network, on a device and in evaluation mode, and its tags.

    If `weights` is a module, return a copy of it, and None as tags.
    """
    device = torch.device("cpu") if device is None else device
    if isinstance(weights, nn.Module):
        return copy.deepcopy(weights).to(device).eval(), None
    from safetensors import SafetensorError

    try:
        network, tags = _read_network(_content(weights))
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{type(error).__name__}: {error}; it must be safetensors with the tensors and metadata "
            "of the shipped ones"
        ) from error
    return network.to(device).eval(), tags


def network_key(weights):
    """Return the cache key of a network: a hash of its layers and weights."""
    if not isinstance(weights, nn.Module):
        return hashlib.blake2b(_content(weights)).hexdigest()
    common = vars(nn.Module()).keys()
    parts = []
    for name, part in weights.named_modules():
        kind = f"{type(part).__module__}.{type(part).__qualname__}"
        own = {key: value for key, value in vars(part).items() if key not in common}
        parts.append((name, kind, own))
    tensors = [*weights.named_parameters(), *weights.named_buffers()]
    arrays = [(name, tensor.detach().cpu().double().numpy()) for name, tensor in tensors]
    return joblib_hash((parts, arrays))


def _content(weights):
    if isinstance(weights, bytes):
        return weights
    return resources.files("skdcca").joinpath("weights", f"{weights}.safetensors").read_bytes()


def _read_network(content):
    """Return the network and the tags stored in a safetensors file, given as bytes."""
    from safetensors.torch import load

    tensors = load(content)
    end = 8 + int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8:end])["__metadata__"]
    tags = json.loads(metadata["tags"])
    architecture = _ARCHITECTURES[metadata["architecture"]]
    # The meta device skips the initial weights, which would change the global random generator.
    with torch.device("meta"):
        network = architecture(len(tags), json.loads(metadata["pools"]))
    network.to_empty(device="cpu").load_state_dict(_dequantized(tensors))
    return network, tags


def _dequantized(tensors):
    """Return the tensors, with each integer kernel multiplied by its scale."""
    kernels = dict(tensors)
    for name in tensors:
        if name.endswith(".scale"):
            kernel, scale = name.removesuffix("scale") + "weight", kernels.pop(name)
            kernels[kernel] = (tensors[kernel].movedim(0, -1) * scale).movedim(-1, 0)
    return kernels


# ---- layers -----------------------------------------------------------------------------------


class Tagger(nn.Module):
    """Network that returns embeddings, and has a linear layer that predicts tags from them."""

    def probabilities(self, embeddings):
        return self.tags(embeddings).sigmoid()


class Layer(nn.Module):
    """Convolution, ReLU and batch normalization, in this order."""

    def __init__(self, conv, norm):
        super().__init__()
        self.conv = conv
        self.norm = norm(conv.out_channels, eps=1e-3)

    def forward(self, x):
        return self.norm(self.conv(x).relu_())


class VGG(Tagger):
    """Five layers of small square filters; the embedding is the output of the last pooling layer."""

    def __init__(self, n_tags, pools):
        super().__init__()
        self.pools = pools
        self.input_norm = nn.BatchNorm2d(1, eps=1e-3)
        convs = (nn.Conv2d(n_in, 128, 3, padding=1) for n_in in (1, 128, 128, 128, 128))
        self.blocks = nn.ModuleList(Layer(conv, nn.BatchNorm2d) for conv in convs)
        self.tags = nn.Linear(256, n_tags)

    def forward(self, x):
        x = self.input_norm(x.unsqueeze(1))
        for block, (size, stride) in zip(self.blocks, self.pools, strict=True):
            x = functional.max_pool2d(block(x), size, stride)
        return x.permute(0, 2, 3, 1).flatten(1)  # channels vary fastest, as in musicnn


class MusiCNN(Tagger):
    """Timbre and rhythm filters, three convolutions over time, pooling and a dense layer."""

    def __init__(self, n_tags, _):
        super().__init__()
        self.input_norm = nn.BatchNorm2d(1, eps=1e-3)
        shapes = [(204, 7, 38), (204, 7, 67), (51, 128, 1), (51, 64, 1), (51, 32, 1)]
        convs = (nn.Conv2d(1, n, (n_frames, n_bands)) for n, n_frames, n_bands in shapes)
        self.front = nn.ModuleList(Layer(conv, nn.BatchNorm2d) for conv in convs)
        convs = (nn.Conv1d(n_in, 64, 7, padding=3) for n_in in (561, 64, 64))
        self.middle = nn.ModuleList(Layer(conv, nn.BatchNorm1d) for conv in convs)
        self.pool_norm = nn.BatchNorm1d(1506, eps=1e-3)
        self.hidden = nn.Linear(1506, 200)
        self.hidden_norm = nn.BatchNorm1d(200, eps=1e-3)
        self.tags = nn.Linear(200, n_tags)

    def forward(self, x):
        x = self.input_norm(x.unsqueeze(1))
        front = torch.cat([self._over_bands(layer, x) for layer in self.front], dim=1)
        first = self.middle[0](front)
        second = self.middle[1](first) + first
        third = self.middle[2](second) + second
        x = torch.cat([front, first, second, third], dim=1)
        # Interleave them: the maximum and the mean of a channel are adjacent.
        x = torch.stack([x.amax(dim=2), x.mean(dim=2)], dim=2).flatten(1)
        return self.hidden_norm(self.hidden(self.pool_norm(x)).relu())

    @staticmethod
    def _over_bands(layer, x):
        """Return the maximum response of each filter over the bands, for each frame."""
        around = layer.conv.kernel_size[0] - 1
        padded = functional.pad(x, (0, 0, around // 2, around - around // 2))
        return layer(padded).amax(dim=3)


_ARCHITECTURES = {"musicnn": MusiCNN, "vgg": VGG}
