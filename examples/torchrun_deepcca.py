"""
DeepCCA in several processes
============================

Several processes, each with local rows, train the same model as a single process on all rows. This
script is not run when the site is built. Run it with ::

    torchrun --nproc_per_node=2 examples/torchrun_deepcca.py

On a machine with GPUs, each process uses one; otherwise, the processes share the cores. The first
process then trains alone on all rows, and prints the difference between the two training curves.
"""

import os

import numpy as np
import torch
from sklearn.base import clone
from torch import distributed as dist

from skdcca import DeepCCA
from skdcca.encoders import MLP


def main():
    """Train in all processes, then in the first process alone."""
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if gpu else "gloo")
    X, y = views()
    rows = own_rows(len(X))
    # Dropout draws different numbers in each process, so the training curves would differ.
    encoder = MLP((256,), activation="gelu", dropout=0)
    model = DeepCCA(
        5,
        x_encoder=encoder,
        y_encoder=encoder,
        max_epochs=15,
        random_state=0,
        distributed=True,
    )
    model.fit(X[rows], y[rows])
    print(
        f"process {dist.get_rank()}: {len(X[rows])} rows, {model.history_[-1]['dur']:.2f} s per epoch"
    )
    if dist.get_rank() == 0:
        alone = clone(model).set_params(distributed=False).fit(X, y)
        compare(model, alone)
    dist.barrier()
    dist.destroy_process_group()


def views(n=6000):
    """Return two views of five shared factors; the second contains their squares."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n, 5))
    X = shared @ rng.normal(size=(5, 60)) + rng.normal(size=(n, 60))
    y = shared**2 @ rng.normal(size=(5, 40)) + rng.normal(size=(n, 40))
    return X.astype(np.float32), y.astype(np.float32)


def own_rows(n):
    """Return the local rows; process i has i + 1 parts of them, so that all sizes differ."""
    ends = np.cumsum([0, *range(1, dist.get_world_size() + 1)])
    start, stop = (n * ends[dist.get_rank() + i] // ends[-1] for i in (0, 1))
    return slice(start, stop)


def compare(model, alone):
    """Print the loss of both models in every epoch."""
    print("epoch        group       single  difference")
    courses = [[row["train_loss"] for row in fitted.history_] for fitted in (model, alone)]
    for epoch, (ours, theirs) in enumerate(zip(*courses, strict=True), 1):
        print(f"{epoch:5}  {ours:11.6f}  {theirs:11.6f}  {abs(ours - theirs):.1e}")
    difference = np.abs(np.subtract(*courses)).max()
    print(f"largest difference: {difference:.1e}")
    if difference > 1e-6:
        raise SystemExit("The difference is larger than rounding errors.")


if __name__ == "__main__":
    main()
