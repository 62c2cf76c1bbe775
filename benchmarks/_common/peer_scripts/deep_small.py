"""Deep CCA with the Eckart-Young loss by cca-zoo 4, run by `deep_small.py`.

Each line of input is a JSON object with the path of the views and the settings. The variates of the
test rows are saved to the same path, and the answer is the CPU time of the fit in seconds. The
networks have the layers of `MLP` of skdcca. Batches, epochs and learning rate are those of the examples
in the documentation of cca-zoo; so is the linear CCA on the encodings.
"""

import json
import logging
import sys
import time
import warnings

import lightning.pytorch as pl
import numpy as np
import torch
from cca_zoo.deep import DCCAEY, MultiviewDataset
from cca_zoo.linear import CCA
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader

BATCH_SIZE, MAX_EPOCHS = 64, 50
ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU}
QUIET = {
    "logger": False,
    "enable_progress_bar": False,
    "enable_checkpointing": False,
    "enable_model_summary": False,
}


def main():
    warnings.filterwarnings("ignore")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(1)
    for line in sys.stdin:
        try:
            seconds = answer(**json.loads(line))
        except Exception as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            seconds = np.nan
        print(seconds, flush=True)


def answer(path, n_components, seed, **layers):
    """Save the variates of the test rows, and return the CPU time of the fit."""
    with np.load(path) as views:
        train, test = [views["X"], views["y"]], [views["X_test"], views["y_test"]]
    began = time.process_time()
    # cca-zoo does not scale columns, and networks need columns of similar scale.
    scalers = [StandardScaler().fit(view) for view in train]
    train = [scaler.transform(view) for scaler, view in zip(scalers, train, strict=True)]
    test = [scaler.transform(view) for scaler, view in zip(scalers, test, strict=True)]
    pl.seed_everything(seed, verbose=False)
    encoders = [network(view.shape[1], n_components, **layers) for view in train]
    model = DCCAEY(n_components, encoders)
    trainer = pl.Trainer(max_epochs=MAX_EPOCHS, accelerator="cpu", **QUIET)
    trainer.fit(model, batches_of(train))
    linear = CCA(n_components).fit(encode(trainer, model, train))
    seconds = time.process_time() - began
    zx, zy = linear.transform(encode(trainer, model, test))
    np.savez(path, zx=zx, zy=zy)
    return seconds


def network(n_features, n_components, hidden_layer_sizes, activation, dropout):
    layers, width = [], n_features
    for n_units in hidden_layer_sizes:
        layers += [nn.Linear(width, n_units), nn.BatchNorm1d(n_units)]
        layers += [ACTIVATIONS[activation](), nn.Dropout(dropout)]
        width = n_units
    return nn.Sequential(*layers, nn.Linear(width, n_components))


def batches_of(views):
    """Return shuffled batches, without a last batch of a single row, which has no variance."""
    single = len(views[0]) % BATCH_SIZE == 1
    return DataLoader(MultiviewDataset(views), BATCH_SIZE, shuffle=True, drop_last=single)


def encode(trainer, model, views):
    batches = trainer.predict(model, DataLoader(MultiviewDataset(views), 1000))
    return [torch.cat(parts).numpy() for parts in zip(*batches, strict=True)]


if __name__ == "__main__":
    main()
