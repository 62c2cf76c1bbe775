"""Doc2vec of lyrics, PV-DBOW against PV-DM: how well half of a text finds its other half.

1,341 art songs in German, English and French; the model is trained on 800 of them and tested on the
others, by the mean reciprocal rank of the second halves for the first.

    python benchmarks/doc2vec.py --data DATA [--quick]
"""

import argparse
import json
import lzma
import time

from skdcca import Doc2VecLyrics
from skdcca.metrics import chance, ranks, reciprocal_rank, similarity

from _scores import data_folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the benchmark data (default: $SKDCCA_DATA)")
    parser.add_argument("--quick", action="store_true", help="a third of the songs; under 60 s")
    options = parser.parse_args()
    with lzma.open(data_folder(options.data) / "lieder.jsonl.xz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["lyrics"] for line in lines]
    texts = texts[:: 3 if options.quick else 1]
    n_train = round(0.6 * len(texts))
    # Every second song to and fro, as the file is in the order of composers.
    texts = texts[::2] + texts[1::2]
    train, test = texts[:n_train], [text for text in texts[n_train:] if len(text.split()) >= 10]
    print("| model | gallery | MRR | chance | seconds to train | milliseconds a text |")
    print("|---|---|---|---|---|---|")
    found = {}
    for name, dm in (("PV-DBOW (dm=0)", 0), ("PV-DM (dm=1)", 1)):
        began = time.perf_counter()
        model = Doc2VecLyrics(dm=dm, random_state=0).fit(train)
        trained = time.perf_counter()
        halves = [model.transform(half) for half in zip(*map(split, test), strict=True)]
        each = 1000 * (time.perf_counter() - trained) / (2 * len(test))
        found[dm] = reciprocal_rank(ranks(similarity(*halves)))
        cells = (
            f"{found[dm]:.3f} | {chance(len(test))['mrr']:.3f} | {trained - began:.1f} | {each:.1f}"
        )
        print(f"| {name} | {len(test)} | {cells} |", flush=True)
    print(f"mrr_ratio={found[0] / found[1]:.2f}")


def split(text):
    words = text.split()
    return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])


if __name__ == "__main__":
    main()
