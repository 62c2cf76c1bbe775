"""Print a table of the tasks that skdcca and its peers support, determined by running them.

Each row is a task, with the code that a user of each package would write for it. It passes if nothing
is raised and its assertions hold. A dash means that we know of no support in the package. The peers run
in their own environments, built with ``make peers``.

    python benchmarks/peers.py [--why]    # --why prints the errors of failed tasks
"""

import os
import subprocess
import sys

from _common.arguments import make_parser
from _common.peers import INSTALLED, NO_PEERS
from _common.table import print_head, print_row

PACKAGES = {"skdcca": sys.executable, "scikit-learn": sys.executable, **INSTALLED}
MODULES = {"scikit-learn": "sklearn", "cca-zoo": "cca_zoo"}

# X and y share one direction, with correlation 0.8; no linear model relates `circle` and `double`:
# points at an angle, and at twice the angle.
BEFORE = """
import pickle, resource, tempfile, warnings
import numpy as np
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
rng = np.random.default_rng(0)
shared = rng.normal(size=400)
X, y = rng.normal(size=(400, 6)), rng.normal(size=(400, 4))
X[:, 0], y[:, 0] = shared + 0.5 * X[:, 0], shared + 0.5 * y[:, 0]
X_test, y_test, X, y = X[200:], y[200:], X[:200], y[:200]
angle = rng.uniform(0, 2 * np.pi, size=20_000)
circle = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.05 * rng.normal(size=(20_000, 2))
double = np.column_stack([np.cos(2 * angle), np.sin(2 * angle)]) + 0.05 * rng.normal(size=(20_000, 2))
test = slice(1000, 2000)

def correlations(pair):
    zx, zy = (np.asarray(z, dtype=float) for z in pair)
    assert np.isfinite(zx).all() and np.isfinite(zy).all()
    return np.array([abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(zx.T, zy.T)])
"""
IMPORTS = {
    "skdcca": "from skdcca import CrossModalIndex, DeepCCA, KernelCCA, LinearCCA",
    "scikit-learn": "from sklearn.cross_decomposition import CCA",
    "cca-zoo": "from cca_zoo.linear import CCA, MCCA, RidgeCCA\nfrom cca_zoo.nonparametric import KCCA",
    "mvlearn": "from mvlearn.embed import CCA, KMCCA, MCCA",
}

# Columns and settings shared by several packages in a row
WIDE = """
signal = shared[:, None] + rng.normal(size=(400, 30))
wide = np.hstack([signal, rng.normal(size=(400, 270))])
wide_test, wide = wide[200:], wide[:200]
"""
ODD = "odd = np.column_stack([X, X[:, 0], np.ones(200)])"
HERTZ = """
hertz = X.astype(np.float32)
hertz[:, 0] = 3000 + 1000 * X[:, 0]
bases = [np.linalg.qr(a - a.mean(axis=0))[0] for a in (hertz.astype(float), y)]
true = np.linalg.svd(bases[0].T @ bases[1])[1]
"""
MEMORY = """
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 10**9,) * 2)
"""
NETWORKS = """
from skdcca.encoders import MLP
networks = {"x_encoder": MLP((32,)), "y_encoder": MLP((32,))}
model = DeepCCA(1, **networks, max_epochs=60, random_state=0)
"""
LIGHTNING = """
import lightning.pytorch as pl, logging, torch
from cca_zoo.deep import DCCA, MultiviewDataset
from torch import nn
from torch.utils.data import DataLoader

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
pl.seed_everything(0, verbose=False)
networks = [nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1)) for _ in range(2)]
model = DCCA(1, networks, learning_rate=1e-2)
"""
TRAINED = """
quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
trainer = pl.Trainer(max_epochs=60, accelerator="cpu", enable_model_summary=False, **quiet)
views = circle.astype("f"), double.astype("f")
rows = MultiviewDataset([view[:1000] for view in views])
trainer.fit(model, DataLoader(rows, 200, shuffle=True))
rows = MultiviewDataset([view[test] for view in views])

def encoded(model):
    return [torch.cat(z).numpy() for z in zip(*trainer.predict(model, DataLoader(rows, 200)))]
"""
ARRAYS = """
import sklearn, torch
sklearn.set_config(array_api_dispatch=True)
tensors = [torch.tensor(view) for view in (X, y)]
"""

TASKS = {
    "a ridge, for a view with more columns than rows": {
        "skdcca": WIDE
        + """
models = [LinearCCA(1, reg=reg).fit(wide, y) for reg in (1, 10, 100)]
assert max(correlations(model.transform(wide_test, y_test)) for model in models) > 0.5""",
        "cca-zoo": WIDE
        + """
models = [RidgeCCA(1, shrinkage=reg).fit([wide, y]) for reg in (0.5, 0.9, 0.99)]
assert max(correlations(model.transform([wide_test, y_test])) for model in models) > 0.5""",
        "mvlearn": WIDE
        + """
models = [CCA(1, regs=reg).fit([wide, y]) for reg in (0.5, 0.9, 0.99)]
assert max(correlations(model.transform([wide_test, y_test])) for model in models) > 0.5""",
    },
    "correlations to 0.001 where a float32 column is in Hz (3000 + 1000 x)": {
        "skdcca": HERTZ
        + """
assert np.allclose(correlations(LinearCCA(4).fit(hertz, y).transform(hertz, y)), true, atol=1e-3)""",
        "scikit-learn": HERTZ
        + """
assert np.allclose(correlations(CCA(4).fit(hertz, y).transform(hertz, y)), true, atol=1e-3)""",
        "cca-zoo": HERTZ
        + """
views = [hertz, y.astype(np.float32)]
assert np.allclose(correlations(CCA(4).fit(views).transform(views)), true, atol=1e-3)""",
        "mvlearn": HERTZ
        + """
views = [hertz, y.astype(np.float32)]
assert np.allclose(correlations(CCA(4).fit(views).transform(views)), true, atol=1e-3)""",
    },
    "a constant and a doubled column": {
        "skdcca": f"{ODD}\nassert correlations(LinearCCA(1).fit(odd, y).transform(odd, y)) > 0.7",
        "scikit-learn": f"{ODD}\nassert correlations(CCA(1).fit(odd, y).transform(odd, y)) > 0.7",
        "cca-zoo": f"{ODD}\nassert correlations(CCA(1).fit([odd, y]).transform([odd, y])) > 0.7",
        "mvlearn": f"{ODD}\nassert correlations(CCA(1).fit([odd, y]).transform([odd, y])) > 0.7",
    },
    "`score` is the correlation of held-out rows": {
        "skdcca": """
model = LinearCCA(1).fit(X, y)
assert np.isclose(model.score(X_test, y_test), correlations(model.transform(X_test, y_test)))""",
        "scikit-learn": """
model = CCA(1).fit(X, y)
assert np.isclose(model.score(X_test, y_test), correlations(model.transform(X_test, y_test)))""",
        "cca-zoo": """
model, held_out = CCA(1).fit([X, y]), [X_test, y_test]
assert np.isclose(model.score(held_out), correlations(model.transform(held_out)))""",
        "mvlearn": """
model, held_out = CCA(1).fit([X, y]), [X_test, y_test]
assert np.isclose(model.score(held_out), correlations(model.transform(held_out)))""",
    },
    "a grid search": {
        "skdcca": "GridSearchCV(LinearCCA(1), {'reg': [0.1, 1.0]}).fit(X, y).best_params_",
        "scikit-learn": "GridSearchCV(CCA(1), {'n_components': [1, 2]}).fit(X, y).best_params_",
        "cca-zoo": """
from cca_zoo.model_selection import GridSearchCV
GridSearchCV(RidgeCCA(1), {"shrinkage": [0.1, 0.5]}).fit([X, y]).best_params_""",
        "mvlearn": "GridSearchCV(CCA(1), {'regs': [0.1, 0.5]}, error_score='raise').fit([X, y])",
    },
    "scikit-learn's own `GridSearchCV` over a `Pipeline` that ends in it": {
        "skdcca": """
model = make_pipeline(StandardScaler(), LinearCCA(1))
GridSearchCV(model, {"linearcca__reg": [0.1, 1.0]}, error_score="raise").fit(X, y)""",
        "scikit-learn": """
model = make_pipeline(StandardScaler(), CCA(1))
GridSearchCV(model, {"cca__n_components": [1, 2]}, error_score="raise").fit(X, y)""",
        "cca-zoo": """
model = make_pipeline(StandardScaler(), RidgeCCA(1))
GridSearchCV(model, {"ridgecca__shrinkage": [0.1, 0.5]}, error_score="raise").fit([X, y])""",
        "mvlearn": """
model = make_pipeline(StandardScaler(), CCA(1))
GridSearchCV(model, {"cca__regs": [0.1, 0.5]}, error_score="raise").fit([X, y])""",
    },
    "the same, with a step after it": {
        "skdcca": """
model = make_pipeline(StandardScaler(), LinearCCA(1), Ridge())
GridSearchCV(model, {"linearcca__reg": [0.1, 1.0]}, error_score="raise").fit(X, y)""",
        "scikit-learn": """
model = make_pipeline(StandardScaler(), CCA(1), Ridge())
GridSearchCV(model, {"cca__n_components": [1, 2]}, error_score="raise").fit(X, y)""",
        "cca-zoo": """
model = make_pipeline(StandardScaler(), RidgeCCA(1), Ridge())
GridSearchCV(model, {"ridgecca__shrinkage": [0.1, 0.5]}, error_score="raise").fit([X, y])""",
        "mvlearn": """
model = make_pipeline(StandardScaler(), CCA(1), Ridge())
GridSearchCV(model, {"cca__regs": [0.1, 0.5]}, error_score="raise").fit([X, y])""",
    },
    "weights of samples": {
        "skdcca": "LinearCCA(1).fit(X, y, sample_weight=rng.uniform(size=200))",
        "scikit-learn": "CCA(1).fit(X, y, sample_weight=rng.uniform(size=200))",
        "cca-zoo": "CCA(1).fit([X, y], sample_weight=rng.uniform(size=200))",
        "mvlearn": "CCA(1).fit([X, y], sample_weight=rng.uniform(size=200))",
    },
    "a sparse view (tf-idf)": {
        "skdcca": "LinearCCA(1).fit(csr_array(np.maximum(X, 0)), y)",
        "scikit-learn": "CCA(1).fit(csr_array(np.maximum(X, 0)), y)",
        "cca-zoo": "CCA(1).fit([csr_array(np.maximum(X, 0)), y])",
        "mvlearn": "CCA(1).fit([csr_array(np.maximum(X, 0)), y])",
    },
    "batch by batch, to the answer of all rows at once": {
        "skdcca": """
model, whole = LinearCCA(1), LinearCCA(1).fit(X, y)
for i in range(0, 200, 50):
    model.partial_fit(X[i : i + 50], y[i : i + 50])
assert np.allclose(model.canonical_correlations_, whole.canonical_correlations_)""",
    },
    "kernels": {
        "skdcca": """
model = KernelCCA(1, gamma=1.0, reg=1e-3).fit(circle[:500], double[:500])
assert correlations(model.transform(circle[test], double[test])) > 0.9""",
        "cca-zoo": """
model = KCCA(1, kernel="rbf", gamma=1.0, shrinkage=1e-3).fit([circle[:500], double[:500]])
assert correlations(model.transform([circle[test], double[test]])) > 0.9""",
        "mvlearn": """
model = KMCCA(1, kernel="rbf", kernel_params={"gamma": 1.0}, regs=1e-3)
model.fit([circle[:500], double[:500]])
assert correlations(model.transform([circle[test], double[test]])) > 0.9""",
    },
    "kernels of 20,000 rows in 2 GB": {
        "skdcca": MEMORY
        + """
model = KernelCCA(1, gamma=1.0, reg=1e-3, approximation="nystroem", n_landmarks=100)
assert correlations(model.fit(circle, double).transform(circle, double)) > 0.9""",
        "cca-zoo": MEMORY
        + """
KCCA(1, kernel="rbf", gamma=1.0, shrinkage=1e-3).fit([circle, double])""",
        "mvlearn": MEMORY
        + """
model = KMCCA(1, kernel="rbf", kernel_params={"gamma": 1.0}, regs=1e-3, pgso=True)
model.fit([circle, double])""",
    },
    "deep networks": {
        "skdcca": NETWORKS
        + """
model.fit(circle[:1000], double[:1000])
assert correlations(model.transform(circle[test], double[test])) > 0.9""",
        "cca-zoo": LIGHTNING + TRAINED + "assert correlations(encoded(model)) > 0.9",
    },
    "a grid search over their hyper-parameters": {
        "skdcca": NETWORKS
        + """
model.set_params(max_epochs=2)
GridSearchCV(model, {"x_encoder__dropout": [0.0, 0.1]}, cv=2).fit(circle[:500], double[:500])""",
        "cca-zoo": LIGHTNING
        + """
from cca_zoo.model_selection import GridSearchCV
GridSearchCV(model, {"learning_rate": [1e-3, 1e-2]}, cv=2).fit([circle[:500], double[:500]])""",
    },
    "a trained network pickled": {
        "skdcca": NETWORKS
        + """
model.set_params(max_epochs=2).fit(circle[:500], double[:500])
again = pickle.loads(pickle.dumps(model))
assert (again.transform(circle[test]) == model.transform(circle[test])).all()""",
        "cca-zoo": LIGHTNING
        + TRAINED
        + """
again = pickle.loads(pickle.dumps(model))
assert np.allclose(encoded(again), encoded(model))""",
    },
    "the missing view told": {
        "skdcca": "assert LinearCCA(1).fit(X, y).predict(X).shape == y.shape",
        "scikit-learn": "assert CCA(1).fit(X, y).predict(X).shape == y.shape",
        "cca-zoo": "assert CCA(1).fit([X, y]).predict([X, None])[1].shape == y.shape",
        "mvlearn": "assert CCA(1).fit([X, y]).predict([X, None])[1].shape == y.shape",
    },
    "a test of significance": {
        "skdcca": """
from skdcca import canonical_correlation_test
found = canonical_correlation_test(LinearCCA(1), X, y, n_permutations=99, random_state=0)
assert found.p_values[0] < 0.05""",
        "cca-zoo": """
from cca_zoo.model_selection import permutation_test_significance
permutation_test_significance(CCA(1), [X, y], n_permutations=99, random_state=0)""",
        "mvlearn": """
model = CCA(1).fit([X, y])
assert model.stats(model.transform([X, y]))["pF"][0] < 0.05""",
    },
    "a test with confounds, or of families": {
        "skdcca": """
from skdcca import canonical_correlation_test
confounds, families = X[:, :1], np.arange(len(X)) // 4
rows = slice(0, len(X) // 4 * 4)
settings = {"n_permutations": 99, "random_state": 0}
canonical_correlation_test(LinearCCA(1), X[:, 1:], y, confounds=confounds, **settings)
settings |= {"blocks": families[rows], "permute": "whole"}
canonical_correlation_test(LinearCCA(1), X[rows], y[rows], **settings)""",
    },
    "intervals of correlations and loadings": {
        "skdcca": """
from skdcca import canonical_correlation_intervals
found = canonical_correlation_intervals(LinearCCA(1, reg=0), X, y, random_state=0)
assert found.low[0] < found.corrected[0] < found.high[0]
assert (found.x_loadings_low < found.x_loadings_high).all()""",
    },
    "the tables of SAS, SPSS and R": {
        "skdcca": """
from skdcca import canonical_summary
assert "Redundancy" in str(canonical_summary(LinearCCA(reg=0), X, y))""",
    },
    "from sound files and lyrics": {
        "skdcca": """
from skdcca import Doc2VecLyrics, MelSpectrogram, TemporalSummary
from skdcca.datasets import make_songs
songs = make_songs(24, duration=1.0, random_state=0)
cca = LinearCCA(2, reg=1.0, y_transformer=Doc2VecLyrics(5, min_count=1, random_state=0))
make_pipeline(MelSpectrogram(duration=1.0), TemporalSummary(), cca).fit(songs.audio, songs.lyrics)""",
    },
    "a search index across the views": {
        "skdcca": """
index = CrossModalIndex(LinearCCA(1).fit(X, y)).fit(X, y)
assert index.query(y=y[:3], n_neighbors=5)[1].shape == (3, 5)""",
    },
    "files of models that run no code": {
        "skdcca": """
import skdcca
path = tempfile.mkdtemp() + "/model.skdcca"
skdcca.save(LinearCCA(1).fit(X, y), path)
skdcca.load(path).transform(X)""",
    },
    "more than two views": {
        "skdcca": """
from skdcca import MultiCCA
views = [("x", "passthrough", slice(0, 3)), ("y", "passthrough", slice(3, 5))]
views.append(("z", "passthrough", slice(5, 7)))
table = np.hstack([X[:, :3], y[:, :2], X[:, :2] + y[:, :2]])
assert MultiCCA(views, 1).fit(table).n_components_ == 1""",
        "cca-zoo": "MCCA(1).fit([X, y, X[:, :2] + y[:, :2]])",
        "mvlearn": "MCCA(1).fit([X, y, X[:, :2] + y[:, :2]])",
    },
    "the same, with rows that lack a view": {
        "skdcca": """
from skdcca import MultiCCA
table = np.hstack([X[:, :3], y[:, :2], X[:, :2] + y[:, :2]])
table[::4, 3:5] = np.nan
views = [("x", "passthrough", slice(0, 3)), ("y", "passthrough", slice(3, 5))]
views.append(("z", "passthrough", slice(5, 7)))
consensus = MultiCCA(views, 1, output="consensus").fit_transform(table)
assert np.isfinite(consensus).all()""",
    },
    "any of three views finds any other one": {
        "skdcca": """
from skdcca import MultiCCA
views = [("x", "passthrough", slice(0, 6)), ("y", "passthrough", slice(6, 10))]
table = np.hstack([X, y, X[:, :1] + y[:, :1]])
index = CrossModalIndex(MultiCCA([*views, ("z", "passthrough", [10])]).fit(table)).fit(table)
assert index.query(view=("x", "y"), V=table[:5, :10], find="z")[1].shape[0] == 5""",
    },
    "deep networks of more than two views": {
        "skdcca": """
from skdcca import DeepMultiCCA
from skdcca.encoders import MLP
columns = [slice(0, 2), slice(2, 4), slice(4, 6)]
views = [(name, "passthrough", of) for name, of in zip("abc", columns)]
table = np.hstack([circle, double, double[:, ::-1] + 0.05 * rng.normal(size=double.shape)])
model = DeepMultiCCA(views, 1, encoders=MLP((32,)), max_epochs=60, random_state=0)
model.fit(table[:1000])
assert model.score(table[test]) > 0.8""",
        "cca-zoo": """
import lightning.pytorch as pl, logging, torch
from cca_zoo.deep import DMCCA, MultiviewDataset
from torch import nn
from torch.utils.data import DataLoader

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
pl.seed_everything(0, verbose=False)
networks = [nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1)) for _ in range(3)]
model = DMCCA(1, networks, learning_rate=1e-2)
third = double[:, ::-1] + 0.05 * rng.normal(size=double.shape)
quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
trainer = pl.Trainer(max_epochs=60, accelerator="cpu", enable_model_summary=False, **quiet)
views = [view.astype("f") for view in (circle, double, third)]
rows = MultiviewDataset([view[:1000] for view in views])
trainer.fit(model, DataLoader(rows, 200, shuffle=True))
rows = MultiviewDataset([view[test] for view in views])
z = [torch.cat(z).numpy() for z in zip(*trainer.predict(model, DataLoader(rows, 200)))]
assert np.mean([correlations((z[i], z[j])) for i, j in ((0, 1), (0, 2), (1, 2))]) > 0.8""",
    },
    "weights that are mostly 0 (sparse CCA)": {
        "skdcca": "from skdcca import SparseCCA\nSparseCCA().fit(X, y)",
        "cca-zoo": "from cca_zoo.sparse import PMDCCA\nPMDCCA(1).fit([X, y])",
    },
    "in how many half samples a column is selected": {
        "skdcca": """
from skdcca import SparseCCA
found = SparseCCA().fit(X, y).stability(X, y, n_splits=10, random_state=0).x_frequencies
assert found[0, 0] == 1 and found[1:, 0].max() < 0.9""",
    },
    "linear models of GPU tensors (Array API)": {
        "skdcca": f"{ARRAYS}\nassert isinstance(LinearCCA(1).fit(*tensors).x_weights_, torch.Tensor)",
        "cca-zoo": f"{ARRAYS}\nassert isinstance(CCA(1).fit(tensors).weights_[0], torch.Tensor)",
    },
}


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--why", action="store_true", help="print the errors of failed tasks")
    why = parser.parse_args().why
    version = "print(__import__('{}').__version__)"
    names = [f"{p} {run(p, version.format(MODULES.get(p, p)))[1]}" for p in PACKAGES]
    print_head("task", *names)
    for task, codes in TASKS.items():
        found = {package: run(package, codes[package]) for package in PACKAGES if package in codes}
        print_row(task, *(cell(found.get(package)) for package in PACKAGES))
        for package, (passed, said) in found.items():
            if why and not passed:
                print(f"    {package}: {said}")
    if not INSTALLED:
        print(NO_PEERS)


def cell(found):
    if found is None:
        return "-"
    passed, _ = found
    return "yes" if passed else "no"


def run(package, code):
    """Run the code in the environment of the package.

    Return whether it passed, and its last line of output or errors.
    """
    done = subprocess.run(
        [PACKAGES[package], "-c", f"{BEFORE}\n{IMPORTS[package]}\n{code}"],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    said = done.stdout if done.returncode == 0 else done.stderr
    return done.returncode == 0, (said.strip().splitlines() or [""])[-1]


if __name__ == "__main__":
    main()
