"""What the displays draw, against scikit-learn, SciPy and NumPy; and that they disturb nothing."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from scipy.stats import binom
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import label_ranking_average_precision_score, top_k_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdcca import DeepCCA, KernelCCA, LinearCCA
from skdcca.encoders import MLP
from skdcca.metrics import embed, pair_scores
from skdcca.plotting import (
    CorrelationDisplay,
    HistoryDisplay,
    LoadingsDisplay,
    RecallDisplay,
    SimilarityDisplay,
    SpaceDisplay,
)

matplotlib.use("Agg")

RNG = np.random.default_rng(0)
SHARED = RNG.normal(size=(160, 3))
X = np.hstack([SHARED + 0.7 * RNG.normal(size=(160, 3)), RNG.normal(size=(160, 2))])
Y = np.hstack([SHARED + 0.7 * RNG.normal(size=(160, 3)), RNG.normal(size=(160, 1))])
X_TRAIN, Y_TRAIN, X_TEST, Y_TEST = X[:100], Y[:100], X[100:], Y[100:]
SCORES = RNG.normal(size=(30, 30)) + 1.5 * np.eye(30)
HISTORY = [
    {"epoch": 1, "train_loss": 2.0, "train_correlation": 0.5, "valid_correlation": 0.4},
    {"epoch": 2, "train_loss": 1.0, "train_correlation": 1.0, "valid_correlation": 0.9},
    {"epoch": 3, "train_loss": 0.5, "train_correlation": 1.5, "valid_correlation": 0.9},
    {"epoch": 4, "train_loss": 0.4, "train_correlation": 1.8, "valid_correlation": 0.7},
]
# Each display, made of numbers alone.
DRAWN = {
    "CorrelationDisplay": lambda ax: CorrelationDisplay.from_predictions([0.5], [0.9], ax=ax),
    "RecallDisplay": lambda ax: RecallDisplay.from_predictions(SCORES, ax=ax),
    "HistoryDisplay": lambda ax: HistoryDisplay(history=HISTORY).plot(ax),
    "SpaceDisplay": lambda ax: SpaceDisplay.from_predictions(X, X, ax=ax),
    "LoadingsDisplay": lambda ax: LoadingsDisplay(loadings=X_TRAIN[:9] / 9).plot(ax),
    "SimilarityDisplay": lambda ax: SimilarityDisplay.from_predictions(SCORES, ax=ax),
}


def new_axes():
    return Figure(layout="constrained").subplots()


@pytest.fixture(scope="module")
def linear():
    return LinearCCA(3).fit(X_TRAIN, Y_TRAIN)


@pytest.fixture(scope="module")
def wrapped():
    """The same model inside a Pipeline inside a search."""
    pipeline = make_pipeline(StandardScaler(), LinearCCA(3))
    return GridSearchCV(pipeline, {"linearcca__reg": [0.0]}, cv=2).fit(X_TRAIN, Y_TRAIN)


def small_deep(**params):
    networks = {"x_encoder": MLP((8,)), "y_encoder": MLP((8,))}
    return DeepCCA(2, **networks, **{"max_epochs": 2, "random_state": 0} | params)


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# The contract of all displays


@pytest.mark.parametrize("name", DRAWN)
def test_given_axes_are_used_and_pyplot_knows_nothing_of_them(name):
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    before = dict(matplotlib.rcParams)
    display = DRAWN[name](right)
    assert type(display).__name__ == name
    assert display.ax_ is right
    assert display.figure_ is figure
    assert plt.get_fignums() == []
    assert not left.has_data()
    figure.draw_without_rendering()  # a warning is an error
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", DRAWN)
def test_without_axes_there_is_one_new_figure_in_constrained_layout(name):
    display = DRAWN[name](None)
    assert plt.get_fignums() == [display.figure_.number]
    assert display.figure_.get_layout_engine().adjust_compatible is False  # constrained
    display.figure_.draw_without_rendering()
    plt.close(display.figure_)


@pytest.mark.parametrize("name", DRAWN)
def test_a_display_draws_again_elsewhere(name):
    display, again = DRAWN[name](new_axes()), new_axes()
    assert display.plot(again) is display
    assert display.ax_ is again


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_stays_inside_the_figure(name):
    figure = DRAWN[name](new_axes()).figure_
    figure.draw_without_rendering()
    left, bottom, right, top = figure.get_tightbbox().extents
    width, height = figure.get_size_inches()
    assert min(left, bottom) >= 0
    assert right <= width
    assert top <= height


@pytest.mark.parametrize("name", ["CorrelationDisplay", "RecallDisplay", "HistoryDisplay"])
def test_legends_leave_the_lines_free(name):
    display = DRAWN[name](new_axes())
    display.figure_.draw_without_rendering()
    ax = getattr(display, "correlation_ax_", display.ax_)
    legend = ax.get_legend().get_window_extent()
    for line in ax.get_lines():
        points = line.get_transform().transform(line.get_xydata())
        assert not legend.count_contains(points)


@pytest.mark.parametrize("name", DRAWN)
def test_missing_matplotlib_names_the_extra(name, monkeypatch):
    ax = new_axes()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for where in (None, ax):
        with pytest.raises(ImportError, match=rf'{name} .*pip install "skdcca\[plot\]"'):
            DRAWN[name](where)


@pytest.mark.parametrize(
    "display", [CorrelationDisplay, RecallDisplay, SpaceDisplay, SimilarityDisplay]
)
def test_missing_matplotlib_is_told_before_any_work(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="skdcca"):
        display.from_estimator(LinearCCA(), X, Y)  # not even fitted


def test_the_module_imports_without_matplotlib_and_torch():
    code = "import sys, skdcca.plotting; print({'matplotlib', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Correlations


def test_correlations_are_those_of_numpy(linear):
    display = CorrelationDisplay.from_estimator(
        linear, X_TEST, Y_TEST, X_train=X_TRAIN, y_train=Y_TRAIN, ax=new_axes()
    )
    drawn = [(display.held_out_line_, X_TEST, Y_TEST), (display.train_line_, X_TRAIN, Y_TRAIN)]
    for line, some_x, some_y in drawn:
        zx, zy = linear.transform(some_x, some_y)
        expected = [np.corrcoef(zx[:, i], zy[:, i])[0, 1] for i in range(3)]
        np.testing.assert_allclose(line.get_ydata(), expected)
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    assert display.train_line_.get_linestyle() != display.held_out_line_.get_linestyle()
    assert display.train_line_.get_marker() != display.held_out_line_.get_marker()


def test_without_training_rows_the_correlations_are_the_models_own(wrapped):
    display = CorrelationDisplay.from_estimator(wrapped, X_TEST, Y_TEST, ax=new_axes())
    own = wrapped.best_estimator_[-1].canonical_correlations_
    np.testing.assert_array_equal(display.train_line_.get_ydata(), own)
    assert f"training rows, sum {own.sum():.2f}" in texts(display.ax_)
    assert f"held-out rows, sum {wrapped.score(X_TEST, Y_TEST):.2f}" in texts(display.ax_)


@pytest.mark.parametrize("projection", ["raw", "whitened"])
def test_of_a_deep_model_the_canonical_variates_are_measured(projection):
    model = small_deep(projection=projection).fit(X_TRAIN, Y_TRAIN)
    display = CorrelationDisplay.from_estimator(model, X_TEST, Y_TEST, ax=new_axes())
    assert display.held_out.sum() == pytest.approx(model.score(X_TEST, Y_TEST), abs=1e-6)


def test_negative_correlations_are_inside_the_axes():
    display = CorrelationDisplay.from_predictions([0.5, -0.7], ax=new_axes())
    assert display.train_line_ is None
    assert display.ax_.get_ylim()[0] < -0.7


@pytest.mark.parametrize("n", [1, 2, 30])
def test_components_and_epochs_are_counted_in_whole_numbers(n):
    correlations = CorrelationDisplay.from_predictions(np.full(n, 0.5), ax=new_axes())
    history = HistoryDisplay(history=[HISTORY[0] | {"epoch": i + 1} for i in range(n)])
    for ax in (correlations.ax_, history.plot(new_axes()).correlation_ax_):
        low, high = ax.get_xlim()
        ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
        assert ticks
        assert all(tick == round(tick) for tick in ticks)


def test_half_of_the_training_rows_is_refused(linear):
    with pytest.raises(ValueError, match="X_train is given and y_train=None"):
        CorrelationDisplay.from_estimator(linear, X, Y, X_train=X)
    with pytest.raises(ValueError, match="y_train is given and X_train=None"):
        CorrelationDisplay.from_estimator(linear, X, Y, y_train=Y)


def test_correlations_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="train has 1 correlations and held_out 2"):
        CorrelationDisplay.from_predictions([0.5, 0.4], [0.9])
    with pytest.raises(ValueError, match=r"held_out has shape \(1, 2\)"):
        CorrelationDisplay.from_predictions([[0.5, 0.4]])


# Recall


def test_recall_is_the_top_k_accuracy_of_scikit_learn():
    display = RecallDisplay.from_predictions(SCORES, ax=new_axes())
    for direction, scores in (("x_to_y", SCORES), ("y_to_x", SCORES.T)):
        line = display.lines_[direction]
        expected = [
            top_k_accuracy_score(np.arange(30), scores, k=k) if k < 30 else 1.0
            for k in line.get_xdata()
        ]
        np.testing.assert_allclose(line.get_ydata(), expected)
        mrr = label_ranking_average_precision_score(np.eye(30), scores)
        assert any(f"MRR {mrr:.3f}" in text for text in texts(display.ax_))


def test_chance_is_a_line_and_the_binomial_quantiles():
    display = RecallDisplay.from_predictions(SCORES, ax=new_axes())
    k = np.arange(1, 31)
    np.testing.assert_array_equal(display.lines_["chance"].get_xdata(), k)
    np.testing.assert_allclose(display.lines_["chance"].get_ydata(), k / 30)
    low, high = band(display, k)
    np.testing.assert_allclose(low, binom.ppf(0.025, 30, k / 30) / 30)
    np.testing.assert_allclose(high, binom.ppf(0.975, 30, k / 30) / 30)
    harmonic = np.sum(1 / k) / 30
    assert f"chance, MRR {harmonic:.3f}" in texts(display.ax_)


def band(display, k):
    """Lower and upper end of the band at each `k`."""
    points = display.band_.get_paths()[0].vertices
    at = [points[np.isclose(points[:, 0], one), 1] for one in k]
    return np.array([one.min() for one in at]), np.array([one.max() for one in at])


def test_random_rankings_are_inside_the_band_as_often_as_it_says():
    rng = np.random.default_rng(1)
    display = RecallDisplay.from_predictions(rng.normal(size=(40, 40)), ax=new_axes())
    (low,), (high,) = band(display, [10])
    rankings = rng.normal(size=(500, 40, 40))
    recalls = np.array([top_k_accuracy_score(np.arange(40), one, k=10) for one in rankings])
    inside = np.mean((low <= recalls) & (recalls <= high))
    assert 0.94 <= inside <= 0.99  # more than 0.95, as the recall is a whole number of 40


def test_folds_are_averaged_at_the_smallest_gallery_and_their_queries_counted():
    folds = [SCORES, SCORES[:20, :20], SCORES[5:, 5:]]
    display = RecallDisplay.from_predictions(folds, names=("audio", "lyrics"), ax=new_axes())
    k = np.arange(1, 21)
    assert (display.n_gallery, display.n_queries) == (20, 75)
    accuracies = [top_k_accuracy_score(np.arange(len(fold)), fold, k=5) for fold in folds]
    assert display.lines_["x_to_y"].get_ydata()[4] == pytest.approx(np.mean(accuracies))
    np.testing.assert_allclose(band(display, k)[1], binom.ppf(0.975, 75, k / 20) / 75)
    mrr = np.mean([label_ranking_average_precision_score(np.eye(len(f)), f.T) for f in folds])
    assert f"lyrics to audio, MRR {mrr:.3f}" in texts(display.ax_)


def test_recall_ranks_as_the_model_compares():
    model = LinearCCA(3, similarity="likelihood").fit(X_TRAIN, Y_TRAIN)
    display = RecallDisplay.from_estimator(model, X_TEST, Y_TEST, ax=new_axes())
    scores = pair_scores(model, X_TEST, Y_TEST)
    accuracy = top_k_accuracy_score(np.arange(60), scores, k=3)
    assert display.recall["x_to_y"][2] == pytest.approx(accuracy)


@pytest.mark.parametrize("n", [2, 7, 60, 999, 5000])
def test_ticks_are_whole_lengths_below_the_gallery(n):
    recall = {way: np.ones(2) for way in ("x_to_y", "y_to_x")}
    mrr = {"x_to_y": 1.0, "y_to_x": 1.0}
    display = RecallDisplay(k=[1, n], recall=recall, mrr=mrr, n_gallery=n, n_queries=n)
    ax = display.plot(new_axes()).ax_
    ax.figure.draw_without_rendering()
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert ticks[0] == "1"
    assert all(tick.isdigit() and int(tick) < n for tick in ticks)
    assert len(ax.xaxis.get_ticklocs(minor=True)) == 0
    assert len(ticks) <= 9


@pytest.mark.parametrize("display", [RecallDisplay, SimilarityDisplay])
@pytest.mark.parametrize("scores", [np.ones((3, 4)), [[1.0]]])
def test_scores_that_are_not_square_are_refused(display, scores):
    with pytest.raises(ValueError, match=r"scores has shape \(\d, \d\); it must be square"):
        display.from_predictions(scores)


@pytest.mark.parametrize("display", [RecallDisplay, SimilarityDisplay])
def test_views_of_other_lengths_are_refused(display, linear):
    with pytest.raises(ValueError, match=r"scores has shape \(60, 50\)"):
        display.from_estimator(linear, X_TEST, Y_TEST[:50])


@pytest.mark.parametrize("names", ["xy", ("audio",)])
def test_names_must_be_a_pair(names):
    for draw in (RecallDisplay.from_predictions, SimilarityDisplay.from_predictions):
        with pytest.raises(ValueError, match=r"names=.* it must be a pair"):
            draw(SCORES, names=names)
    with pytest.raises(ValueError, match=r"names=.* it must be a pair"):
        SpaceDisplay.from_predictions(X, X, names=names)
    assert plt.get_fignums() == []  # no empty figure is left behind


# History


def test_history_is_drawn_and_the_first_of_the_best_epochs_marked():
    display = HistoryDisplay(history=HISTORY).plot(new_axes())
    assert display.best_epoch_ == 2
    (loss, line), (train, held_out, at, star) = (
        display.loss_ax_.get_lines()[::-1],
        display.correlation_ax_.get_lines(),
    )
    np.testing.assert_array_equal(loss.get_ydata(), [2.0, 1.0, 0.5, 0.4])
    np.testing.assert_array_equal(train.get_ydata(), [0.5, 1.0, 1.5, 1.8])
    np.testing.assert_array_equal(held_out.get_ydata(), [0.4, 0.9, 0.9, 0.7])
    np.testing.assert_array_equal(held_out.get_xdata(), [1, 2, 3, 4])
    assert line.get_xdata()[0] == at.get_xdata()[0] == star.get_xdata()[0] == 2
    assert star.get_ydata()[0] == 0.9


def test_the_best_epoch_is_the_one_that_the_model_keeps():
    steady = {"lr_schedule": "constant", "lr": 0.05}
    model = small_deep(max_epochs=12, **steady).fit(X_TRAIN, Y_TRAIN)
    best = HistoryDisplay.from_estimator(model, ax=new_axes()).best_epoch_
    assert 1 < best < 12
    shorter = small_deep(max_epochs=best, **steady).fit(X_TRAIN, Y_TRAIN)
    np.testing.assert_allclose(shorter.transform(X_TEST), model.transform(X_TEST))


def test_history_through_a_pipeline_and_a_search():
    pipeline = make_pipeline(StandardScaler(), small_deep())
    search = GridSearchCV(pipeline, {"deepcca__max_epochs": [3]}, cv=2).fit(X_TRAIN, Y_TRAIN)
    display = HistoryDisplay.from_estimator(search, ax=new_axes())
    assert display.history == search.best_estimator_[-1].history_
    assert len(display.loss_ax_.get_lines()[-1].get_xdata()) == 3


def test_without_held_out_rows_there_is_the_loss_alone():
    model = small_deep(validation_fraction=0).fit(X_TRAIN, Y_TRAIN)
    display = HistoryDisplay.from_estimator(model, ax=new_axes())
    assert display.loss_ax_ is display.ax_
    assert display.correlation_ax_ is None
    assert display.best_epoch_ is None
    assert display.ax_.get_xlabel() == "epoch"
    assert len(display.ax_.get_lines()) == 1


def test_models_without_history_are_refused(linear):
    with pytest.raises(TypeError, match=r"LinearCCA has no history_.*give a fitted DeepCCA"):
        HistoryDisplay.from_estimator(linear)
    with pytest.raises(TypeError, match="StandardScaler embeds no second view"):
        HistoryDisplay.from_estimator(StandardScaler())


# Space


def test_points_and_lines_are_the_embeddings(wrapped):
    display = SpaceDisplay.from_estimator(
        wrapped, X_TEST, Y_TEST, components=(2, 0), names=("audio", "lyrics"), ax=new_axes()
    )
    zx, zy = (z[:, [2, 0]] for z in embed(wrapped, X_TEST, Y_TEST))
    np.testing.assert_allclose(display.points_[0].get_xydata(), zx)
    np.testing.assert_allclose(display.points_[1].get_xydata(), zy)
    np.testing.assert_allclose(display.pairs_.get_segments(), np.stack([zx, zy], axis=1))
    assert display.points_[0].get_marker() != display.points_[1].get_marker()
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("component 3", "component 1")
    assert texts(display.ax_) == ["audio", "lyrics"]


def test_labels_stand_beside_the_points_of_x_away_from_the_lines():
    zx, zy = np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([[1.0, 1.0], [1.0, 2.0]])
    display = SpaceDisplay.from_predictions(zx, zy, labels=["a", "b"], ax=new_axes())
    a, b = display.ax_.texts
    assert (a.get_text(), a.xy, a.get_ha()) == ("a", (0.0, 1.0), "right")
    assert (b.get_text(), b.xy, b.get_ha()) == ("b", (2.0, 3.0), "left")


@pytest.mark.parametrize(
    "components", [(0, 5), (0, 0), (0,), (-1, 0), (0, 1, 2), (0.0, 1.0), 1, "01", (True, False)]
)
def test_components_that_are_not_there_are_refused(components):
    with pytest.raises(ValueError, match=r"components=.* two different whole numbers from 0 to 4"):
        SpaceDisplay.from_predictions(X, X, components=components)
    assert plt.get_fignums() == []


def test_what_has_no_two_components_is_refused():
    with pytest.raises(ValueError, match=r"a single component.*n_components of 2"):
        SpaceDisplay.from_estimator(LinearCCA(1).fit(X, Y), X, Y)
    with pytest.raises(ValueError, match=r"zx has shape \(160, 5\) and zy \(160, 4\)"):
        SpaceDisplay.from_predictions(X, Y)
    with pytest.raises(ValueError, match="labels has 2 texts for 160 points"):
        SpaceDisplay.from_predictions(X, X, labels=["a", "b"])


# Loadings


@pytest.mark.parametrize("view", ["x", "y"])
def test_loadings_are_correlations_of_columns_with_variates_strongest_first(wrapped, view):
    display = LoadingsDisplay.from_estimator(
        wrapped, view=view, n_features=3, n_components=2, ax=new_axes()
    )
    columns = (X_TRAIN if view == "x" else Y_TRAIN).T
    variates = embed(wrapped, X_TRAIN, Y_TRAIN)["xy".index(view)]
    expected = np.corrcoef(columns, variates.T)[: len(columns), len(columns) :][:, :2]
    strongest = np.argsort(-np.abs(expected).max(axis=1))[:3]
    np.testing.assert_array_equal(display.strongest_, strongest)
    np.testing.assert_allclose(display.image_.get_array(), expected[strongest], atol=1e-10)
    ticks = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert ticks == [f"{view}{i}" for i in strongest]
    written = [float(text.get_text().replace("−", "-")) for text in display.ax_.texts]
    np.testing.assert_allclose(written, expected[strongest].ravel(), atol=0.00501)


def test_the_sign_is_written_and_the_colours_are_even_about_zero():
    display = LoadingsDisplay(loadings=np.array([[-0.25], [0.5], [-0.125]])).plot(new_axes())
    assert [text.get_text() for text in display.ax_.texts] == ["+0.50", "−0.25", "−0.12"]
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["x1", "x0", "x2"]
    assert display.image_.get_clim() == (-0.5, 0.5)


def test_numbers_fit_into_small_cells():
    loadings = RNG.uniform(-1, 1, size=(20, 8))
    ax = Figure(figsize=(5, 4), layout="constrained").subplots()
    LoadingsDisplay(loadings=loadings).plot(ax, n_features=20, n_components=8)
    ax.figure.draw_without_rendering()
    cell = ax.get_window_extent().size / (8, 20)
    assert all((text.get_window_extent().size <= cell).all() for text in ax.texts)


def test_loadings_that_are_all_zero_are_drawn():
    display = LoadingsDisplay(loadings=np.zeros((3, 1))).plot(new_axes())
    display.figure_.draw_without_rendering()
    np.testing.assert_array_equal(display.strongest_, [0, 1, 2])


def test_names_come_from_the_model_the_steps_or_the_transformer():
    pandas = pytest.importorskip("pandas")
    songs = ["sun sea sun", "sea sand", "sand sun", "sun", "sea sea sand sand", "sand"] * 20
    dense = FunctionTransformer(lambda counts: counts.toarray(), feature_names_out="one-to-one")
    frame = pandas.DataFrame(X[:120], columns=list("abcde"))

    def names(model, view, **more):
        display = LoadingsDisplay.from_estimator(model, view=view, ax=new_axes(), **more)
        return list(display.feature_names)

    of_text = LinearCCA(2, y_transformer=make_pipeline(CountVectorizer(), dense))
    model = of_text.fit(frame, songs)
    assert names(model, "x") == list("abcde")
    assert names(model, "y") == ["sand", "sea", "sun"]
    assert names(model, "y", feature_names=["1", "2", "3"]) == ["1", "2", "3"]
    assert names(make_pipeline(StandardScaler(), of_text).fit(frame, songs), "x") == list("abcde")
    assert names(LinearCCA(2).fit(X[:120], frame), "y") == list("abcde")


def test_transformers_without_names_leave_the_columns_numbered():
    silent = FunctionTransformer()  # has no get_feature_names_out
    pipeline = make_pipeline(silent, LinearCCA(2, y_transformer=silent)).fit(X, Y)
    for view, n in (("x", 5), ("y", 4)):
        display = LoadingsDisplay.from_estimator(pipeline, view=view, ax=new_axes())
        ticks = {text.get_text() for text in display.ax_.get_yticklabels()}
        assert ticks == {f"{view}{i}" for i in range(n)}


@pytest.mark.parametrize("model", [KernelCCA(2), small_deep()])
def test_models_without_loadings_are_refused(model):
    model = make_pipeline(StandardScaler(), model).fit(X_TRAIN, Y_TRAIN)
    with pytest.raises(TypeError, match=r"(Kernel|Deep)CCA has no x_loadings_.*fitted LinearCCA"):
        LoadingsDisplay.from_estimator(model)


def test_parameters_of_loadings_are_checked(linear):
    with pytest.raises(ValueError, match="view='audio'; it must be 'x' or 'y'"):
        LoadingsDisplay.from_estimator(linear, view="audio")
    with pytest.raises(ValueError, match="feature_names has 1 names, and the view 'x' has 5"):
        LoadingsDisplay.from_estimator(linear, feature_names=["a"])
    for name in ("n_features", "n_components"):
        with pytest.raises(ValueError, match=f"{name}=0; it must be a whole number from 1"):
            LoadingsDisplay.from_estimator(linear, **{name: 0})


# Similarity


def test_the_image_is_the_scores_and_the_diagonal_is_outlined(wrapped):
    display = SimilarityDisplay.from_estimator(
        wrapped, X_TEST, Y_TEST, names=("audio", "lyrics"), ax=new_axes()
    )
    scores = pair_scores(wrapped, X_TEST, Y_TEST)
    np.testing.assert_allclose(display.image_.get_array(), scores)
    centres = [path.vertices[:4].mean(axis=0) for path in display.diagonal_.get_paths()]
    np.testing.assert_allclose(centres, np.repeat(np.arange(60), 2).reshape(60, 2))
    assert display.ax_.get_ylabel() == "row of audio"  # imshow counts rows downwards
    assert display.ax_.get_xlabel() == "row of lyrics"
    display.figure_.draw_without_rendering()


def test_unfitted_models_say_so():
    for display in (HistoryDisplay, LoadingsDisplay):
        with pytest.raises(NotFittedError):
            display.from_estimator(LinearCCA())
