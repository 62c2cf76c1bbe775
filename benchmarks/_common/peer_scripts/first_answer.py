"""Models of cca-zoo 4, run by `first_answer.py` in the environment of `make peers`.

Each line of input is a JSON object with the name of a model, its parameters, and the rows to fit and to
transform. The variates of the latter are saved next to the views, and the answer is their number.
"""

import json
import logging
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.preprocessing import StandardScaler


def main():
    path = Path(sys.argv[1])
    warnings.filterwarnings("ignore")
    with np.load(path) as archive:
        views = [archive["x"], archive["y"]]
    for line in sys.stdin:
        try:
            variates = answer(views, **json.loads(line))
        except Exception as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            print(np.nan, flush=True)
            continue
        np.savez(path.with_name("variates.npz"), zx=variates[0], zy=variates[1])
        print(variates[0].shape[1], flush=True)


def answer(views, model, n_components, parameters, train, test):
    """Return the variates of the test rows."""
    train, test = ([view[rows] for view in views] for rows in (train, test))
    if parameters:
        # The ridge and the width of a kernel are chosen for columns of variance 1.
        scalers = [StandardScaler().fit(view) for view in train]
        train = [scaler.transform(view) for scaler, view in zip(scalers, train, strict=True)]
        test = [scaler.transform(view) for scaler, view in zip(scalers, test, strict=True)]
    return MODELS[model](n_components, parameters, train, test)


def cca(n_components, parameters, train, test):
    from cca_zoo.linear import CCA, RidgeCCA

    model = RidgeCCA(n_components, **parameters) if parameters else CCA(n_components)
    return model.fit(train).transform(test)


def kcca(n_components, parameters, train, test):
    from cca_zoo.nonparametric import KCCA

    return KCCA(n_components, **parameters).fit(train).transform(test)


def dcca(n_components, parameters, train, test):
    """Return variates as the documentation of `DCCA` computes them: a linear CCA of the encodings."""
    import lightning.pytorch as pl
    from cca_zoo.deep import DCCA, MultiviewDataset
    from cca_zoo.linear import CCA
    from torch.utils.data import DataLoader

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    pl.seed_everything(0, verbose=False)
    n_units = parameters["n_units"]
    encoders = [network(view.shape[1], n_units, n_components) for view in train]
    model = DCCA(n_components, encoders, learning_rate=parameters["learning_rate"])
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    trainer = pl.Trainer(max_epochs=100, accelerator="cpu", enable_model_summary=False, **quiet)
    train, test = (
        MultiviewDataset([v.astype(np.float32) for v in views]) for views in (train, test)
    )
    trainer.fit(model, DataLoader(train, 256, shuffle=True))
    train, test = (encode(trainer, model, views) for views in (train, test))
    return CCA(n_components).fit(train).transform(test)


def network(n_features, n_units, n_components):
    from torch import nn

    layers = [nn.Linear(n_features, n_units), nn.BatchNorm1d(n_units), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(n_units, n_components))


def encode(trainer, model, views):
    import torch
    from torch.utils.data import DataLoader

    batches = trainer.predict(model, DataLoader(views, 1000))
    return [torch.cat(parts).numpy() for parts in zip(*batches, strict=True)]


MODELS = {"CCA": cca, "KCCA": kcca, "DCCA": dcca}


if __name__ == "__main__":
    main()
