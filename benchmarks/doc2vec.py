"""Compare PV-DBOW with PV-DM: how well the first half of a text retrieves the second.

Doc2vec is trained on the lyrics of 60% of 1,341 art songs in German, English and French. On the
others, the score is the mean reciprocal rank of the second half of a text for the first.

    python benchmarks/doc2vec.py --data DATA [--quick]
"""

from skdcca import Doc2VecLyrics
from skdcca.metrics import chance, ranks, reciprocal_rank, similarity

from _common.arguments import add_data, data_folder, make_parser
from _common.songs import read_lieder
from _common.table import print_head, print_row
from _common.timing import timed


def main():
    parser = make_parser(__doc__, "a third of the songs; under 60 s")
    add_data(parser)
    options = parser.parse_args()
    texts = [song["lyrics"] for song in read_lieder(data_folder(options.data))]
    texts = texts[:: 3 if options.quick else 1]
    n_train = round(0.6 * len(texts))
    # The even songs, then the odd ones, because the file is sorted by composer.
    texts = texts[::2] + texts[1::2]
    train, test = texts[:n_train], [text for text in texts[n_train:] if len(text.split()) >= 10]
    first, second = zip(*map(split, test), strict=True)
    print_head("model", "gallery", "MRR", "chance", "seconds to train", "milliseconds a text")
    by_chance = chance(len(test))["mrr"]
    found = {}
    for name, dm in (("PV-DBOW (dm=0)", 0), ("PV-DM (dm=1)", 1)):
        training = timed(Doc2VecLyrics(dm=dm, random_state=0).fit, train)
        model = training.result
        inference = timed(lambda model=model: [model.transform(half) for half in (first, second)])
        each = 1000 * inference.wall / (2 * len(test))
        found[dm] = reciprocal_rank(ranks(similarity(*inference.result)))
        cells = [f"{found[dm]:.3f}", f"{by_chance:.3f}", f"{training.wall:.1f}", f"{each:.1f}"]
        print_row(name, len(test), *cells)
    print(f"mrr_ratio={found[0] / found[1]:.2f}")


def split(text):
    words = text.split()
    middle = len(words) // 2
    return " ".join(words[:middle]), " ".join(words[middle:])


if __name__ == "__main__":
    main()
