"""Warnings point at the line of the caller, however deep inside scikit-learn or joblib they arise."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import KernelCCA, LinearCCA
from skdcca._utils.warnings import warn
from skdcca.exceptions import RankWarning

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 2))
X = np.column_stack([X, X.sum(axis=1)])  # three columns of rank 2
y = rng.normal(size=(60, 3))
LINEAR = make_pipeline(StandardScaler(), LinearCCA(3))
KERNEL = KernelCCA(3, kernel="linear")
CALLS = {
    "fit": lambda model: model.fit(X, y),
    "fit_transform": lambda model: model.fit_transform(X, y),
    "pipeline in pipeline": lambda model: make_pipeline(model).fit_transform(X, y),
    "search": lambda model: GridSearchCV(model, {}, cv=2).fit(X, y),
    "cross-validation": lambda model: cross_validate(model, X, y, cv=2),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("model", [LINEAR, KERNEL], ids=["linear", "kernel"])
def test_a_warning_points_at_this_file(model, call):
    with pytest.warns(RankWarning) as caught:
        CALLS[call](model)
    assert {warning.filename for warning in caught} == {__file__}


def test_a_warning_is_shown_once_per_line_by_default():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            warn("so", RankWarning)
        warn("so", RankWarning)
    assert len(caught) == 2


def test_a_warning_can_be_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RankWarning)
        with pytest.raises(RankWarning):
            LINEAR.fit(X, y)


def test_a_warning_is_filtered_by_module():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module=__name__)
        LINEAR.fit(X, y)
    assert caught == []


def test_a_program_sees_its_own_line(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import numpy as np\n"
        "from skdcca import LinearCCA\n"
        "X = np.ones((9, 2)) * np.arange(9)[:, None]\n"
        "LinearCCA(2).fit(X, X)\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert f"{program}:4: RankWarning" in done.stderr


def test_without_a_caller_the_outermost_frame_is_named():
    with pytest.warns(UserWarning, match="so") as caught:
        exec("warn('so', UserWarning)", {"__name__": "skdcca.inner", "warn": warn})
    assert caught[0].filename == __file__
