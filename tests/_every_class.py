"""Every public class and function once, as a user writes them; read by pyright and run by a test."""

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skdcca
from skdcca import augmentation, datasets, encoders, losses, metrics, plotting, retrieval


class Doorbell:
    """Recognizer that hears the same in every song."""

    def transcribe(self, waveform: np.ndarray, language: str | None):
        return "en", [(0.0, 1.0, "ding dong", -0.1, 0.0)]

    def encode(self, waveform: np.ndarray) -> np.ndarray:
        return waveform[: len(waveform) // 320 * 320].reshape(-1, 320)


def main(folder: str) -> None:
    """Fit, search, save and draw, on synthetic songs."""
    songs = datasets.make_songs(n_songs=8, duration=2.0, random_state=0)
    tiny, audio, lyrics = datasets.load_tiny_songs(), songs.audio, songs.lyrics
    mel = skdcca.MelSpectrogram(duration=2.0, n_mels=20, offset="center")
    spectra = mel.fit_transform(audio)
    X = make_pipeline(skdcca.TemporalSummary(("mean", "std"), floor=40)).fit_transform(spectra)
    form = skdcca.AudioForm(excerpts="mean", sample_rate=22050).fit_transform(audio)
    dynamics = skdcca.AudioDynamics(n_mels=20).fit(audio).transform(audio)
    tags = skdcca.MelCNNAudio("MTT_musicnn", pooling="mean").fit(audio).predict_tags(audio)
    hearing = skdcca.WhisperWords(Doorbell(), language="en", min_log_probability=-1.0).fit(audio)
    transcript: skdcca.Transcript = hearing.transcribe(audio)[0]
    empty = skdcca.Transcript("", None, ())
    states = skdcca.WhisperAudio(Doorbell(), pooling="statistics").fit_transform(audio)
    doc2vec = skdcca.Doc2VecLyrics(5, min_count=1, epochs=5, random_state=0)
    y = np.hstack([doc2vec.fit_transform(lyrics), skdcca.LyricsForm().fit_transform(lyrics)])
    parts = skdcca.LyricsSequence(skdcca.LyricsForm(), n_steps=4).fit_transform(lyrics)
    letters = skdcca.LyricsCharacters(100, stretch=True).fit_transform(tiny.lyrics)
    words = skdcca.tokenize(lyrics[0])
    linear = skdcca.LinearCCA(2, reg=(0.1, 1), similarity=4).fit(X, y)
    plain = skdcca.LinearCCA(1, reg=1.0, y_transformer=skdcca.LyricsForm(excerpts="measured"))
    sparse = skdcca.SparseCCA(1, l1=("cv", 0.5), reg=(0.0, np.inf), cv=2)
    sparse = sparse.set_params(l1=0.5).fit(X, y)
    frequencies: np.ndarray = sparse.stability(X, y, n_splits=1, random_state=0).x_frequencies
    lines = skdcca.Excerpts(plain, lines=(1, 2)).fit(X, lyrics).n_excerpts_
    kernel = skdcca.KernelCCA(2, kernel="rbf", gamma=0.1, reg=0.1, random_state=0).fit(X, y)
    pairs = [0.1, 1.0], [0.1]
    quick = skdcca.LinearCCACV([1, 2], regs=pairs, similarity="auto", refit="1se", cv=2).fit(X, y)
    curved = skdcca.KernelCCACV(1, gamma=[0.1, "scale"], scoring=metrics.mrr_scorer, cv=2).fit(X, y)
    grid = {"reg": [0.1, 1.0]}
    search = GridSearchCV(skdcca.LinearCCA(2), grid, scoring=metrics.mrr_scorer, cv=2)
    conv = encoders.MelCNN(4, n_layers=2, head="mean")
    sequence = encoders.SequenceEncoder(8, head="attention")
    loss = losses.InfoNCELoss(temperature=0.1)
    deep = skdcca.DeepCCA(
        2, x_encoder=conv, y_encoder=sequence, loss=loss, max_epochs=1, batch_size=4, random_state=0
    ).fit(spectra, parts)
    others = losses.CCALoss(0.1), losses.EYLoss(), losses.BarlowTwinsLoss(), losses.VICRegLoss(1.0)
    both = losses.EYInfoNCELoss(weight=15.0, learn_temperature=False)
    images, warp = encoders.ImageCNN(4, n_units=8, dropout=0.0), augmentation.Warp(5.0, elastic=0.1)
    one = {"n_networks": 1, "fallback": None, "max_epochs": 1}
    wide = skdcca.DeepCCA(1, x_encoder=encoders.MLP((8,)), loss=others[1])
    wide.set_params(**one).fit(X, y, groups=range(8))
    index = skdcca.CrossModalIndex(search.fit(X, y), neighbors=skdcca.FaissNeighbors(1)).fit(X, y)
    scores, ids = index.query(y=y[:1], n_neighbors=3)
    found: list[retrieval.WordMatch] = index.add(X, y, texts=lyrics).find_words(lyrics[0][:40])
    heard = skdcca.SharedSpace(64, center=False).fit(lyrics, lyrics).transform_y(lyrics[:1])
    fusion = skdcca.ScoreFusion([("linear", linear), ("kernel", kernel)], weights=[1.0, 2.0], cv=2)
    views = [("audio", "passthrough", slice(0, 3)), ("form", "passthrough", slice(3, None))]
    multi = skdcca.MultiCCA(views, 1, reg={"audio": 1.0, "form": "oas"}, output="consensus")
    table = np.hstack([X[:, :3], y])
    multi = multi.fit(table).partial_fit(table).fit_blocks([table, table])
    alike = multi.compare(multi.transform(table), multi.transform_view("audio", X[:, :3]))
    pair: skdcca.ViewPair = multi.pair("audio", "form")
    joint = skdcca.DeepMultiCCA(views, 1, encoders={"audio": encoders.MLP((8,))}, **one)
    joint = joint.fit(table, groups=range(8)).set_params(encoders__audio__dropout=0.1)
    same = skdcca.ViewPair(multi, view="audio", find="form")
    parts_of: dict[str, np.ndarray] = multi.transform_views(table, ("audio",))
    several = skdcca.CrossModalIndex(multi).fit(table)
    by_form = several.query(view="form", V=y, find="audio", n_neighbors=2)[1]
    audio_first: skdcca.CrossModalIndex = several.pair("audio", "form")
    songs = skdcca.CrossModalIndex(fusion.fit(X, y), join="mean").fit(X, y, groups=[0, 1] * 4)
    joined = metrics.join_scores(metrics.pair_scores(fusion, X, y), [0, 1] * 4, how="max")
    p, far = index.p_values("y", scores[0], ids[0]), index.is_far("y", index.embed(y=y[:1]))
    report = metrics.query_report(linear, X, y, n_queries=4)
    test = skdcca.canonical_correlation_test(linear, X, y, n_permutations=19, random_state=0)
    intervals = skdcca.canonical_correlation_intervals(linear, X, y, n_resamples=9, cv=2)
    age = skdcca.Residualizer([0])
    partial = make_pipeline(age, skdcca.LinearCCA(1, reg=0.1, y_transformer=age))
    scoring = metrics.mrr_scorer
    difference = skdcca.compare_models(partial, linear, X, y, cv=2, scoring=scoring).difference
    agreement = skdcca.weight_stability(partial, X, y, n_splits=2, random_state=0).x_weights.mean
    held_out: np.ndarray = skdcca.cross_val_variates(partial, X, y, cv=2)[0]
    shares = skdcca.variance_explained(linear, X, y), skdcca.redundancy(linear, X, y)
    summary: skdcca.inference.CanonicalSummary = skdcca.canonical_summary(linear, X, y, cv=2)
    skdcca.save(index, f"{folder}/songs.index", notes={"songs": "made here"})
    again = skdcca.load(f"{folder}/songs.index")
    plotting.RecallDisplay.from_estimator(linear, X, y).plot(names=("audio", "lyrics"))
    plotting.HistoryDisplay.from_estimator(wide)
    plotting.BiplotDisplay.from_estimator(linear, X, y, components=(1, 0), n_features=3)
    plotting.HelioDisplay.from_estimator(linear, kind="cross").plot(component=1, n_features=5)
    print(linear.transform(X).shape, linear.transform(X, y)[1].shape, kernel.score(X, y))
    print(both.get_params(), images.get_params(), warp.get_params())
    print(quick.best_params_, quick.validation_correlations_, curved.cv_results_["params"])
    print(lines, deep.n_epochs_, form.shape, dynamics.shape, tags.shape, letters.shape, words[:2])
    print(heard.shape, songs.query(X, groups=[0, 1] * 4, n_neighbors=2)[1], joined.shape)
    print(transcript.text, transcript.segments, empty.language, states.shape)
    print(scores.max(), ids[0, 0], found[0].line, again, test, shares)
    print(intervals.held_out_mean, intervals.x_loadings_low, intervals.x_loadings_high)
    print(summary.to_text(), summary.to_frames()["correlations"], summary.held_out_std)
    print(alike.shape, multi.pair_correlations_, multi.score(table), multi.output_indices_)
    print(joint.validation_pair_correlations_, joint.transform_view("audio", X[:, :3]).shape)
    print(pair.score(X[:, :3], y), same.transform_y(y).shape, parts_of["audio"].shape)
    print(multi.split_views(table)["form"][0], multi.leave_one_out_correlations_)
    print(by_form, audio_first.chance_score("y"), several.views_, several.variates_)
    print(p[0], far, report[0]["mrr"], frequencies.max())
    print(difference, agreement, held_out.shape)
    print(skdcca.representation.cka(X, y, kernel="rbf", debiased=False, bandwidth=0.5))
