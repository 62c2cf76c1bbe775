"""What of a song tells its lyrics: length, sung notes, density, register, tempo, mode, one by one.

Read from the scores of 1,341 art songs, as if a perfect transcription were at hand: each is correlated
with the number of syllables of the lyrics (Spearman), and retrieves them alone and in sets, by a
`LinearCCA` with `LyricsForm` (ridge 0.01, likelihood; nothing is chosen, so nothing is flattered), five
folds by composer. Then the audio features: how much of the variance of the sung notes a ridge regression
tells of composers that it has not met.

    python benchmarks/what_tells.py --data DATA [--quick]     # needs mido, in the extra "bench"
"""

import argparse
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
from skdcca._utils.files import cache_folder
from skdcca.metrics import chance, mrr_scorer

from _scores import data_folder, load_lieder
from paper_table import SECONDS, features

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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the benchmark data (default: $SKDCCA_DATA)")
    parser.add_argument("--cache", help="folder for sounds and features (default: $SKDCCA_CACHE)")
    parser.add_argument("--audio", nargs="*", default=["summary", "MTT_musicnn", "dynamics"])
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="scores of 200 songs, no audio")
    options = parser.parse_args()
    data, cache = data_folder(options.data), cache_folder(options.cache)
    songs = load_lieder(data, cache, 200 if options.quick else None)
    scores = read_scores(data / "lieder_midi.tar.xz", songs, options.n_jobs)
    sung = scores["log sung notes"] > 0
    songs = [song for song, has in zip(songs, sung, strict=True) if has]
    scores = {name: column[sung] for name, column in scores.items()}
    form = LyricsForm().fit([song["lyrics"] for song in songs])
    lyrics = form.transform([song["lyrics"] for song in songs])
    syllables = lyrics[:, list(form.get_feature_names_out()).index("log_syllables")]
    groups = np.array([song["group"] for song in songs])
    n_gallery = len(songs) // 5
    print(f"{len(songs)} songs with a sung part; galleries of about {n_gallery}")
    print(f"| of the score | with syllables | MRR, chance {chance(n_gallery)['mrr']:.3f} |")
    print("|---|---|---|")
    for name, column in scores.items():
        found = retrieval(column[:, None], lyrics, groups)
        print(f"| {name} | {spearmanr(column, syllables)[0]:.2f} | {found:.3f} |", flush=True)
    for name, columns in {**SETS, "everything": list(scores)}.items():
        found = retrieval(np.column_stack([scores[c] for c in columns]), lyrics, groups)
        print(f"| {name} |  | {found:.3f} |", flush=True)
    if not options.quick:
        print("| audio features | variance of log sung notes told |")
        print("|---|---|")
        for audio in options.audio:
            X = features(audio, load_lieder(data, cache), SECONDS["lieder"], cache, options.n_jobs)
            told = variance_told(X[sung], scores["log sung notes"], groups)
            print(f"| {audio} | {told:.2f} |", flush=True)


def read_scores(archive, songs, n_jobs):
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        paths = [Path(folder) / song["midi"] for song in songs]
        rows = Parallel(n_jobs)(delayed(read_score)(path) for path in paths)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def read_score(path):
    """Numbers of a score; the piano has the MIDI program 0, the sung part any other."""
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
    """Major thirds over minor ones above the likeliest tonic, the one whose fifths sound most."""
    rolled = [np.roll(pitch_classes, -tonic) for tonic in range(12)]
    best = max(rolled, key=lambda classes: 2 * classes[0] + classes[7] + classes[5])
    return float(np.log((1 + best[4]) / (1 + best[3])))


def retrieval(X, lyrics, groups):
    """MRR, both directions, mean of five folds by group."""
    found = []
    for train, test in GroupKFold(5).split(X, groups=groups):
        cca = LinearCCA(min(X.shape[1], 5), reg=0.01, similarity="likelihood")
        model = make_pipeline(StandardScaler(), cca).fit(X[train], lyrics[train])
        found.append(mrr_scorer(model, X[test], lyrics[test]))
    return np.mean(found)


def variance_told(X, target, groups):
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 12)))
    told = cross_val_predict(ridge, X, target, cv=GroupKFold(5), groups=groups)
    return 1 - np.mean((told - target) ** 2) / target.var()


if __name__ == "__main__":
    main()
