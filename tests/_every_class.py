"""Every public class and function once, as a user writes them; read by pyright and run by a test."""

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skdcca
from skdcca import datasets, encoders, losses, metrics, plotting


def main(folder: str) -> None:
    """Fit, search, save and draw, on synthetic songs."""
    songs = datasets.make_songs(n_songs=8, duration=2.0, random_state=0)
    tiny, audio, lyrics = datasets.load_tiny_songs(), songs.audio, songs.lyrics
    mel = skdcca.MelSpectrogram(duration=2.0, n_mels=20, offset="center")
    spectra = mel.fit_transform(audio)
    X = make_pipeline(skdcca.TemporalSummary(("mean", "std"))).fit_transform(spectra)
    form = skdcca.AudioForm(sample_rate=22050).fit_transform(audio)
    dynamics = skdcca.AudioDynamics(n_mels=20).fit(audio).transform(audio)
    tags = skdcca.MelCNNAudio("MTT_musicnn", pooling="mean").fit(audio).predict_tags(audio)
    doc2vec = skdcca.Doc2VecLyrics(5, min_count=1, epochs=5, random_state=0)
    y = np.hstack([doc2vec.fit_transform(lyrics), skdcca.LyricsForm().fit_transform(lyrics)])
    parts = skdcca.LyricsSequence(skdcca.LyricsForm(), n_steps=4).fit_transform(lyrics)
    letters = skdcca.LyricsCharacters(100, stretch=True).fit_transform(tiny.lyrics)
    words = skdcca.tokenize(lyrics[0])
    linear = skdcca.LinearCCA(2, reg=(0.1, 1), similarity=4).fit(X, y)
    kernel = skdcca.KernelCCA(2, kernel="rbf", gamma=0.1, reg=0.1, random_state=0).fit(X, y)
    grid = {"reg": [0.1, 1.0]}
    search = GridSearchCV(skdcca.LinearCCA(2), grid, scoring=metrics.mrr_scorer, cv=2)
    conv = encoders.MelCNN(4, n_layers=2, head="mean")
    sequence = encoders.SequenceEncoder(8, head="attention")
    loss = losses.InfoNCELoss(temperature=0.1)
    deep = skdcca.DeepCCA(
        2, x_encoder=conv, y_encoder=sequence, loss=loss, max_epochs=1, batch_size=4, random_state=0
    ).fit(spectra, parts)
    others = losses.CCALoss(0.1), losses.EYLoss(), losses.BarlowTwinsLoss(), losses.VICRegLoss(1.0)
    wide = skdcca.DeepCCA(1, x_encoder=encoders.MLP((8,)), loss=others[1], max_epochs=1).fit(X, y)
    index = skdcca.CrossModalIndex(search.fit(X, y), neighbors=skdcca.FaissNeighbors(1)).fit(X, y)
    scores, ids = index.query(y=y[:1], n_neighbors=3)
    test = skdcca.canonical_correlation_test(linear, X, y, n_permutations=9, random_state=0)
    shares = skdcca.variance_explained(linear, X, y), skdcca.redundancy(linear, X, y)
    skdcca.save(index, f"{folder}/songs.index", notes={"songs": "made here"})
    again = skdcca.load(f"{folder}/songs.index")
    plotting.RecallDisplay.from_estimator(linear, X, y).plot(names=("audio", "lyrics"))
    plotting.HistoryDisplay.from_estimator(wide)
    print(linear.transform(X).shape, linear.transform(X, y)[1].shape, kernel.score(X, y))
    print(deep.n_epochs_, form.shape, dynamics.shape, tags.shape, letters.shape, words[:2])
    print(scores.max(), ids[0, 0], again, test, shares)
