"""Raw audio and raw lyrics through pipelines, searches, caches and pickles."""

import joblib
import numpy as np
import pytest
import soundfile
from _programs import run_program
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    cross_val_score,
    cross_validate,
    permutation_test_score,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import (
    DeepCCA,
    Doc2VecLyrics,
    KernelCCA,
    LinearCCA,
    LyricsCharacters,
    LyricsForm,
    MelSpectrogram,
    TemporalSummary,
)
from skdcca.datasets import make_songs
from skdcca.encoders import MLP, MelCNN, SequenceEncoder
from skdcca.metrics import (
    chance,
    embed,
    mrr_scorer,
    mrr_x_to_y,
    mrr_y_to_x,
    recall_at_k_scorer,
    retrieval_metrics,
    total_correlation_scorer,
)


@pytest.fixture(scope="module")
def songs():
    return make_songs(60, strength=0.95, duration=2.0, sample_rate=11025, random_state=0)


def make_model(memory=None):
    return Pipeline(
        [
            ("mel", MelSpectrogram(sample_rate=11025, n_mels=32, duration=2.0)),
            ("summary", TemporalSummary(n_lags=16)),
            ("scale", StandardScaler()),
            (
                "cca",
                LinearCCA(4, reg=1.0, y_transformer=Doc2VecLyrics(20, epochs=15, random_state=0)),
            ),
        ],
        memory=memory,
    )


def test_search_over_every_step_with_processes(songs, tmp_path):
    grid = {
        "mel__n_mels": [16, 32],
        "cca__reg": [0.1, 1.0],
        "cca__y_transformer__vector_size": [10, 20],
    }
    search = GridSearchCV(make_model(), grid, scoring=mrr_scorer, cv=GroupKFold(3), n_jobs=2)
    search.fit(songs.audio, songs.lyrics, groups=songs.groups)
    results = search.cv_results_
    assert len(results["params"]) == 8
    assert len(set(results["mean_test_score"])) > 1, "the grid keys change nothing"
    assert np.isfinite(results["mean_test_score"]).all()
    fitted = search.best_estimator_
    assert fitted["mel"].n_mels == search.best_params_["mel__n_mels"]
    assert (
        fitted["cca"].y_transformer_.vector_size
        == search.best_params_["cca__y_transformer__vector_size"]
    )
    zx, zy = embed(search, songs.audio, songs.lyrics)
    assert zx.shape == zy.shape == (60, 4)


def test_the_shared_mood_is_found_in_held_out_songs():
    songs = make_songs(300, strength=0.95, duration=3.0, sample_rate=11025, random_state=1)
    train, test = slice(0, 200), slice(200, 300)
    y_side = FeatureUnion(
        [("words", Doc2VecLyrics(30, epochs=80, random_state=0)), ("form", LyricsForm())]
    )
    model = make_model().set_params(cca__y_transformer=y_side)
    model.fit(songs.audio[train], songs.lyrics[train])
    zx, zy = embed(model, songs.audio[test], songs.lyrics[test])
    level = chance(100)
    for metrics in retrieval_metrics(zx, zy).values():
        assert metrics["mrr"] > 2 * level["mrr"]
        assert metrics["median_rank"] < 0.6 * level["median_rank"]
    # The first variate correlates with one of the moods.
    strongest = np.corrcoef(zx[:, 0], songs.audio_mood[test].T)[0, 1:]
    assert np.abs(strongest).max() > 0.5
    assert model.score(songs.audio[test], songs.lyrics[test]) > 0.8


def test_unrelated_sides_stay_at_chance():
    songs = make_songs(200, strength=0.0, duration=2.0, sample_rate=11025, random_state=1)
    model = make_model().fit(songs.audio[:100], songs.lyrics[:100])
    found = retrieval_metrics(*embed(model, songs.audio[100:], songs.lyrics[100:]))
    assert found["x_to_y"]["mrr"] < 2 * chance(100)["mrr"]
    assert model.score(songs.audio[100:], songs.lyrics[100:]) < 0.7


def test_cross_validate_with_several_scorers_and_groups(songs):
    scoring = {
        "mrr": mrr_scorer,
        "x_to_y": mrr_x_to_y,
        "y_to_x": mrr_y_to_x,
        "recall_at_5": recall_at_k_scorer(5),
        "total": total_correlation_scorer,
    }
    found = cross_validate(
        make_model(),
        songs.audio,
        songs.lyrics,
        params=None,
        groups=songs.groups,
        scoring=scoring,
        cv=GroupKFold(3),
        return_indices=True,
    )
    for train, test in zip(found["indices"]["train"], found["indices"]["test"], strict=True):
        assert not set(songs.groups[train]) & set(songs.groups[test])
    np.testing.assert_allclose(
        found["test_mrr"], (found["test_x_to_y"] + found["test_y_to_x"]) / 2, atol=1e-12
    )
    by_default = cross_val_score(
        make_model(), songs.audio, songs.lyrics, groups=songs.groups, cv=GroupKFold(3)
    )
    np.testing.assert_allclose(found["test_total"], by_default, atol=1e-12)


def test_clone_is_unfitted_and_fits_to_the_same_numbers(songs):
    model = make_model().fit(songs.audio, songs.lyrics)
    again = clone(model)
    assert not hasattr(again["cca"], "x_weights_")
    assert not hasattr(again["cca"].y_transformer, "model_")
    again.fit(songs.audio, songs.lyrics)
    np.testing.assert_array_equal(again["cca"].x_weights_, model["cca"].x_weights_)


class Counting(TransformerMixin, BaseEstimator):
    """Pass numbers on and count the fits."""

    fits = 0

    def fit(self, X, y=None):
        type(self).fits += 1
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


def test_memory_saves_transformer_fits_of_both_branches(songs, tmp_path):
    def count(memory):
        Counting.fits = 0
        y_side = make_pipeline(
            Doc2VecLyrics(5, random_state=0), Counting(), StandardScaler(), memory=memory
        )
        model = make_model(memory).set_params(cca__y_transformer=y_side)
        GridSearchCV(model, {"cca__reg": [0.1, 1.0, 10.0]}, cv=2, scoring=mrr_scorer).fit(
            songs.audio, songs.lyrics
        )
        return Counting.fits

    assert count(None) == 3 * 2 + 1
    assert count(str(tmp_path / "cache")) == 2 + 1  # once a fold, and once for all songs


def test_memory_saves_fits_of_the_audio_branch(songs, tmp_path):
    def count(memory):
        Counting.fits = 0
        steps = make_model().steps
        steps.insert(2, ("count", Counting()))
        model = Pipeline(steps, memory=memory)
        GridSearchCV(model, {"cca__reg": [0.1, 1.0, 10.0]}, cv=2).fit(songs.audio, songs.lyrics)
        return Counting.fits

    assert count(None) == 3 * 2 + 1
    assert count(str(tmp_path / "cache")) == 2 + 1


def embedded_in_a_fresh_process(model, audio, lyrics, folder):
    joblib.dump(model, folder / "model.joblib")
    joblib.dump((audio, lyrics), folder / "songs.joblib")
    code = (
        "import sys, joblib; from skdcca.metrics import embed; folder = sys.argv[1];"
        "model = joblib.load(folder + '/model.joblib'); songs = joblib.load(folder + '/songs.joblib');"
        "joblib.dump(embed(model, *songs), folder + '/embedded.joblib')"
    )
    run_program(code, folder)
    return joblib.load(folder / "embedded.joblib")


def test_joblib_round_trip_in_a_fresh_process(songs, tmp_path):
    model = make_model().fit(songs.audio, songs.lyrics)
    expected = embed(model, songs.audio[:5], songs.lyrics[:5])
    found = embedded_in_a_fresh_process(model, songs.audio[:5], songs.lyrics[:5], tmp_path)
    for ours, theirs in zip(expected, found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_search_of_a_joint_model_on_files_answers_the_same_in_a_fresh_process(songs, tmp_path):
    paths = [str(tmp_path / f"{i}.wav") for i in range(len(songs.audio))]
    for path, (waveform, rate) in zip(paths, songs.audio, strict=True):
        soundfile.write(path, waveform, rate, subtype="FLOAT")
    # Convolutions of frames on one side and of characters on the other.
    encoder = SequenceEncoder(8, kernel_size=3, pool_size=2, head="steps", n_steps=5)
    model = make_joint_model(
        n_components=5,
        loss="infonce",
        x_encoder=encoder,
        y_encoder=clone(encoder),
        y_transformer=LyricsCharacters(stretch=True),
        max_epochs=2,
        batch_size=20,
    )
    model.set_params(mel__duration=2.0)  # otherwise, the last of the five steps has only silence
    grid = {"cca__x_encoder__n_units": [8, 16], "cca__y_encoder__n_layers": [1, 2]}
    search = GridSearchCV(model, grid, scoring=mrr_scorer, cv=GroupKFold(2))
    search.fit(paths, songs.lyrics, groups=songs.groups)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    expected = embed(search, paths[:5], songs.lyrics[:5])
    found = embedded_in_a_fresh_process(search, paths[:5], songs.lyrics[:5], tmp_path)
    for ours, theirs in zip(expected, found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_permutation_test_score_finds_the_pairing(songs, tmp_path):
    score, permuted, p_value = permutation_test_score(
        make_model().set_params(mel__memory=str(tmp_path)),
        songs.audio,
        songs.lyrics,
        cv=KFold(2),
        scoring=mrr_scorer,
        n_permutations=9,
        random_state=0,
    )
    assert score > permuted.max()
    assert p_value == pytest.approx(1 / 10)


def test_set_output_gives_tables(songs):
    model = make_model().set_output(transform="pandas").fit(songs.audio, songs.lyrics)
    table = model.transform(songs.audio)
    assert list(table.columns) == list(model.get_feature_names_out())
    assert list(table.columns) == ["linearcca0", "linearcca1", "linearcca2", "linearcca3"]
    summary = model[:-1].transform(songs.audio)
    assert summary.columns[0] == "mean_mel0"
    assert list(model["cca"].feature_names_in_) == list(summary.columns)
    np.testing.assert_array_equal(embed(model, songs.audio)[:3], table.to_numpy()[:3])


def test_a_search_swaps_the_cca_step(songs):
    grid = [
        {
            "cca": [LinearCCA(2, y_transformer=Doc2VecLyrics(10, random_state=0))],
            "cca__reg": [0.1, 1.0],
        },
        {"cca": [LinearCCA(reg=1.0, y_transformer=LyricsForm())], "cca__n_components": [1, 3]},
    ]
    search = GridSearchCV(make_model(), grid, scoring=mrr_scorer, cv=2)
    search.fit(songs.audio, songs.lyrics)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_cca_may_be_a_middle_step(songs):
    steps = make_model().steps
    model = Pipeline([*steps, ("scale_again", StandardScaler())])
    assert model.fit_transform(songs.audio, songs.lyrics).shape == (60, 4)


def test_files_and_waveforms_give_the_same_model(songs, tmp_path):
    paths = []
    for name, (waveform, rate) in zip(songs.ids, songs.audio, strict=True):
        paths.append(str(tmp_path / f"{name}.wav"))
        soundfile.write(paths[-1], waveform, rate, subtype="FLOAT")
    from_files = make_model().fit(paths, songs.lyrics)
    from_waveforms = make_model().fit(songs.audio, songs.lyrics)
    np.testing.assert_allclose(
        from_files["cca"].canonical_correlations_,
        from_waveforms["cca"].canonical_correlations_,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (
            lambda audio, lyrics: (audio, lyrics[:-1]),
            ValueError,
            "same number of samples, got 60 and 59",
        ),
        (lambda audio, lyrics: ([], []), ValueError, "no songs"),
        (
            lambda audio, lyrics: (["lost.wav", *audio[1:]], lyrics),
            ValueError,
            "song 0: there is no file 'lost.wav'",
        ),
        (
            lambda audio, lyrics: ([np.full(22050, np.nan), *audio[1:]], lyrics),
            ValueError,
            "song 0: .*NaN",
        ),
        (lambda audio, lyrics: (audio, [None, *lyrics[1:]]), TypeError, "row 0 is NoneType"),
        (lambda audio, lyrics: (audio[:1], lyrics[:1]), ValueError, "minimum of 2 is required"),
        (lambda audio, lyrics: (audio, None), ValueError, "requires y to be passed"),
    ],
    ids=["lengths", "empty", "missing file", "NaN", "no text", "one song", "no lyrics"],
)
def test_bad_songs_are_named(songs, spoil, error, message):
    audio, lyrics = spoil(songs.audio, songs.lyrics)
    with pytest.raises(error, match=message):
        make_model().fit(audio, lyrics)


def test_too_many_components_are_named(songs):
    with pytest.raises(
        ValueError, match=r"`n_components` must be <= 20 .the number of features of y., got 50"
    ):
        make_model().set_params(cca__n_components=50).fit(songs.audio, songs.lyrics)


def make_joint_model(**parameters):
    """Return a pipeline from raw songs whose convolutions are trained by the correlation loss."""
    settings = {"x_encoder": MelCNN(8), "y_encoder": MLP((64,)), "lr": 3e-3, "batch_size": 100}
    settings |= {"n_components": 4, "max_epochs": 20, "fallback": None, "random_state": 0}
    settings["y_transformer"] = Doc2VecLyrics(20, epochs=40, random_state=0)
    return Pipeline(
        [
            ("mel", MelSpectrogram(sample_rate=11025, n_mels=32, duration=3.0)),
            ("cca", DeepCCA(**settings | parameters)),
        ]
    )


@pytest.fixture(scope="module")
def many_songs():
    return make_songs(600, strength=0.95, duration=3.0, sample_rate=11025, random_state=1)


@pytest.mark.parametrize("head", [pytest.param("gru", marks=pytest.mark.slow), "attention"])
def test_joint_training_finds_the_shared_mood_and_changes_its_filters(many_songs, head):
    audio, lyrics = many_songs.audio, many_songs.lyrics
    train, test = slice(0, 450), slice(450, 600)
    model = make_joint_model(x_encoder=MelCNN(8, head=head)).fit(audio[train], lyrics[train])
    level = chance(150)
    for metrics in retrieval_metrics(*embed(model, audio[test], lyrics[test])).values():
        assert metrics["mrr"] > 2 * level["mrr"]
        assert metrics["median_rank"] < 0.6 * level["median_rank"]
    assert model.score(audio[test], lyrics[test]) > 1.5
    # One epoch with a learning rate near 0 shows the initial filters.
    drawn = make_joint_model(x_encoder=MelCNN(8, head=head), lr=1e-12, max_epochs=1)
    drawn.fit(audio[train], lyrics[train])
    filters = [one["cca"].x_state_["1.1.weight"] for one in (drawn, model)]
    assert filters[0].shape == (8, 1, 3, 3)
    assert np.linalg.norm(filters[1] - filters[0]) > 0.03 * np.linalg.norm(filters[0])


def test_search_over_convolutions(songs):
    grid = {
        "cca__x_encoder__n_filters": [2, 4],
        "cca__x_encoder__head": ["mean", "gru"],
        "mel__n_mels": [16, 32],
    }
    model = make_joint_model(max_epochs=2, batch_size=20, y_transformer=LyricsForm())
    search = GridSearchCV(model, grid, scoring=mrr_scorer, cv=GroupKFold(2))
    search.fit(songs.audio, songs.lyrics, groups=songs.groups)
    assert len(set(search.cv_results_["mean_test_score"])) > 4
    best = search.best_params_["cca__x_encoder__n_filters"]
    assert search.best_estimator_["cca"].x_state_["1.1.weight"].shape[0] == best


def test_one_grid_swaps_linear_kernel_and_deep_models_on_raw_songs(songs):
    lyrics = Doc2VecLyrics(20, epochs=15, random_state=0)
    small = {"x_encoder": MLP((16,)), "y_encoder": MLP((16,)), "max_epochs": 3, "random_state": 0}
    small |= {"fallback": None, "n_networks": 1}
    exact = KernelCCA(4, y_transformer=lyrics)
    nystroem = KernelCCA(4, y_transformer=lyrics, approximation="nystroem", random_state=0)
    grid = [
        {"cca": [LinearCCA(4, y_transformer=lyrics)], "cca__reg": [0.1, 1.0]},
        {"cca": [exact], "cca__kernel": ["rbf", "cosine"], "cca__reg": [0.01, 0.1]},
        {"cca": [nystroem], "cca__n_landmarks": [10, 20], "cca__reg": [0.1]},
        {
            "cca": [DeepCCA(4, y_transformer=lyrics, **small)],
            "cca__loss": ["ey", "infonce"],
            "cca__x_encoder__dropout": [0.0, 0.2],
        },
    ]
    search = GridSearchCV(make_model(), grid, scoring=mrr_scorer, cv=GroupKFold(2), n_jobs=2)
    search.fit(songs.audio, songs.lyrics, groups=songs.groups)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 12
    assert np.isfinite(scores).all()
    assert len(set(scores)) == 12, "a grid key changes nothing"
    for kind, which in [
        (LinearCCA, slice(0, 2)),
        (KernelCCA, slice(2, 8)),
        (DeepCCA, slice(8, 12)),
    ]:
        assert {type(p["cca"]) for p in search.cv_results_["params"][which]} == {kind}
    for which in (
        slice(0, 2),
        slice(2, 6),
        slice(6, 8),
    ):  # three epochs are too few for a deep model
        assert scores[which].max() > 1.5 * chance(30)["mrr"]
    zx, zy = embed(search, songs.audio[:5], songs.lyrics[:5])
    assert zx.shape == zy.shape == (5, 4)
