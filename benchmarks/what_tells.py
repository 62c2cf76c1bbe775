"""Measure how well properties of a song predict its lyrics, such as length, tempo and mode.

The properties (length, sung notes, density, register, tempo, mode) are read from the scores of 1,341 art
songs, which no recording contains in this form. The first table shows the Spearman correlation of
each with the number of syllables of the lyrics, and retrieval by each one and by sets of them, with
`LinearCCA` and `LyricsForm` (ridge 0.01, likelihood, five folds by composer; nothing is tuned, so the
scores are not optimistic). The second table shows the variance of the number of sung notes that a ridge
regression explains from audio features, for composers outside its training set.

    python benchmarks/what_tells.py --data DATA [--quick]     # needs mido, in the extra "bench"
"""

import tarfile
import tempfile
from pathlib import Path

import mido
import numpy as np
from joblib import Parallel, delayed
from scipy.stats import spearmanr
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import LinearCCA, LyricsForm
from skdcca.metrics import chance, mrr_scorer

from _common.arguments import add_song_options, data_folder, make_parser
from _common.audio_features import features
from _common.internals import cache_folder
from _common.songs import load_lieder, seconds_of
from _common.table import print_head, print_row

SETS = {
    "length": ["log seconds"],
    "length, piano notes": ["log seconds", "log piano notes"],
    "sung notes": ["log sung notes"],
    "length, sung notes": ["log seconds", "log sung notes"],
    "length, both notes": ["log seconds", "log sung notes", "log piano notes"],
    "all but length and notes": [
        "mean sung pitch",
        "deviation of sung pitch",
        "tempo",
        "major",
        "median step between sung notes",
    ],
}


def main():
    parser = make_parser(__doc__, "scores of 200 songs, no audio")
    add_song_options(parser)
    parser.add_argument("--audio", nargs="*", default=["summary", "MTT_musicnn", "dynamics"])
    options = parser.parse_args()
    data, cache = data_folder(options.data), cache_folder(options.cache)
    every_song = load_lieder(data, cache, 200 if options.quick else None)
    scores = read_scores(data / "lieder_midi.tar.xz", every_song, options.n_jobs)
    sung = scores["log sung notes"] > 0
    songs = [song for song, has_notes in zip(every_song, sung, strict=True) if has_notes]
    scores = {name: column[sung] for name, column in scores.items()}
    groups = np.array([song["group"] for song in songs])
    tabulate_scores(scores, [song["lyrics"] for song in songs], groups)
    if not options.quick:
        print_head("audio features", "variance of log sung notes told")
        for audio in options.audio:
            X = features(audio, every_song, seconds_of("lieder"), cache, options.n_jobs)
            explained = variance_explained(X[sung], scores["log sung notes"], groups)
            print_row(audio, f"{explained:.2f}")


def tabulate_scores(scores, texts, groups):
    """Print the table of the properties of a score, alone and in sets."""
    form = LyricsForm().fit(texts)
    lyrics = form.transform(texts)
    syllables = lyrics[:, list(form.get_feature_names_out()).index("log_syllables")]
    n_gallery = len(texts) // 5
    print(f"{len(texts)} songs with a sung part; galleries of about {n_gallery}")
    print_head("of the score", "with syllables", f"MRR, chance {chance(n_gallery)['mrr']:.3f}")
    for name, column in scores.items():
        found = retrieval(column[:, None], lyrics, groups)
        print_row(name, f"{spearmanr(column, syllables)[0]:.2f}", f"{found:.3f}")
    for name, columns in {**SETS, "everything": list(scores)}.items():
        found = retrieval(np.column_stack([scores[c] for c in columns]), lyrics, groups)
        print_row(name, "", f"{found:.3f}")


def read_scores(archive, songs, n_jobs):
    """Return the properties of all scores, one per column."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        paths = [Path(folder) / song["midi"] for song in songs]
        rows = Parallel(n_jobs)(delayed(read_score)(path) for path in paths)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def read_score(path):
    """Return the properties of a score; the piano has MIDI program 0, the sung part any other."""
    midi = mido.MidiFile(path)
    program, sung, pitches, pitch_classes, beats = {}, [], [], np.zeros(12), []
    seconds, n_piano = 0.0, 0
    for message in midi:
        seconds += message.time
        if message.type == "program_change":
            program[message.channel] = message.program
        elif message.type == "set_tempo":
            beats.append(mido.tempo2bpm(message.tempo))
        elif message.type == "note_on" and message.velocity > 0:
            pitch_classes[message.note % 12] += 1
            if program.get(message.channel, 0):
                sung.append(seconds)
                pitches.append(message.note)
            else:
                n_piano += 1
    return {
        "log seconds": np.log(midi.length),
        "log sung notes": np.log1p(len(sung)),
        "log piano notes": np.log1p(n_piano),
        "sung notes a second": len(sung) / midi.length,
        "mean sung pitch": np.mean(pitches) if pitches else 0.0,
        "deviation of sung pitch": np.std(pitches) if pitches else 0.0,
        "tempo": np.log(np.median(beats)) if beats else np.log(120),
        "major": major(pitch_classes),
        "median step between sung notes": np.median(np.diff(sung)) if len(sung) > 1 else 0.0,
    }


def major(pitch_classes):
    """Return the log ratio of major over minor thirds above the likeliest tonic.

    The likeliest tonic is the pitch class with the most notes on itself and its fifth.
    """
    rolled = [np.roll(pitch_classes, -tonic) for tonic in range(12)]
    best = max(rolled, key=lambda classes: 2 * classes[0] + classes[7] + classes[5])
    return float(np.log((1 + best[4]) / (1 + best[3])))


def retrieval(X, lyrics, groups):
    """Return the mean MRR over both directions and five folds by group."""
    found = []
    for train, test in GroupKFold(5).split(X, groups=groups):
        cca = LinearCCA(min(X.shape[1], 5), reg=0.01, similarity="likelihood")
        model = make_pipeline(StandardScaler(), cca).fit(X[train], lyrics[train])
        found.append(mrr_scorer(model, X[test], lyrics[test]))
    return np.mean(found)


def variance_explained(X, target, groups):
    """Return the fraction of variance that a ridge regression explains in held-out groups."""
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 12)))
    predicted = cross_val_predict(ridge, X, target, cv=GroupKFold(5), groups=groups)
    return 1 - np.mean((predicted - target) ** 2) / target.var()


if __name__ == "__main__":
    main()
