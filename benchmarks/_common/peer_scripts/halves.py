"""Deep CCA by cca-zoo 4, run by `two_halves.py` in an environment that has ``cca-zoo[deep]``.

The networks are those of the other rows. The loss, the optimizer (Adam) and the linear CCA of the
encodings are those of cca-zoo, used as its documentation shows.
"""

import json
import logging
import sys
import warnings

import lightning.pytorch as pl
import numpy as np
import torch
from cca_zoo.deep import DCCA, MultiviewDataset
from cca_zoo.linear import CCA
from torch import nn
from torch.utils.data import DataLoader


def main():
    path, settings = sys.argv[1], json.loads(sys.argv[2])
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    pl.seed_everything(settings["seed"])
    with np.load(path) as views:
        train, test = [views["x"], views["y"]], [views["x_test"], views["y_test"]]
    encoders = [network(view.shape[1], settings) for view in train]
    model = DCCA(settings["n_components"], encoders, settings["lr"])
    trainer = pl.Trainer(
        max_epochs=settings["max_epochs"],
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    batches = DataLoader(MultiviewDataset(train), settings["batch_size"], shuffle=True)
    trainer.fit(model, batches)
    encoded = [encode(trainer, model, views) for views in (train, test)]
    linear = CCA(n_components=settings["n_components"]).fit(encoded[0])
    learned = linear.transform(encoded[0])
    correlations = [
        np.corrcoef(zx, zy)[0, 1] for zx, zy in zip(*(z.T for z in learned), strict=True)
    ]
    zx, zy = linear.transform(encoded[1])
    np.savez(path, zx=zx, zy=zy, correlations=correlations)


def network(n_features, settings):
    layers, width = [], n_features
    for n_units in settings["hidden_layer_sizes"]:
        layers += [nn.Linear(width, n_units), nn.BatchNorm1d(n_units), nn.ReLU()]
        layers.append(nn.Dropout(settings["dropout"]))
        width = n_units
    return nn.Sequential(*layers, nn.Linear(width, settings["n_components"]))


def encode(trainer, model, views):
    batches = trainer.predict(model, DataLoader(MultiviewDataset(views), 1000))
    return [torch.cat(parts).numpy() for parts in zip(*batches, strict=True)]


if __name__ == "__main__":
    main()
