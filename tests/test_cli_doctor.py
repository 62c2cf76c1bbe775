"""The command that describes the installation."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from skdcca._cli import main
from skdcca._cli.doctor import Facts, advice, find_facts

HEALTHY = Facts(
    processor="A processor",
    n_cores=4,
    has_avx512=True,
    blas=[
        {"internal_api": "openblas", "version": "0.3", "architecture": "SkylakeX", "num_threads": 4}
    ],
    packages={"numpy": "2.4", "torch": "2.13"},
    extras={"web": []},
    cache=Path("cache"),
    free=1e12,
)


def with_blas(**changes):
    return replace(HEALTHY, blas=[HEALTHY.blas[0] | changes])


@pytest.mark.parametrize(
    ("facts", "remedy"),
    [
        (replace(HEALTHY, packages={"gensim": None}), "pip install gensim"),
        (replace(HEALTHY, blas=[]), "by pip or conda"),
        (with_blas(architecture="Haswell"), "OPENBLAS_CORETYPE=SkylakeX"),
        (with_blas(num_threads=8), "OMP_NUM_THREADS=4"),
        (replace(HEALTHY, has_driver=True), "install torch for its CUDA version"),
        (replace(HEALTHY, free=None), "set SKDCCA_CACHE to another folder"),
        (replace(HEALTHY, free=1e6), "set SKDCCA_CACHE to another folder"),
        (replace(HEALTHY, extras={"web": ["fastapi"]}), 'pip install "skdcca[web]"'),
    ],
)
def test_each_fault_has_a_remedy(facts, remedy):
    (line,) = advice(facts)
    assert remedy in line


@pytest.mark.parametrize(
    "facts",
    [
        HEALTHY,
        replace(with_blas(architecture="Haswell"), has_avx512=False),
        replace(HEALTHY, has_driver=True, gpu="A GPU"),
        replace(HEALTHY, has_driver=True, packages={"numpy": "2.4"}),
    ],
)
def test_a_healthy_machine_gets_no_advice(facts):
    assert advice(facts) == []


def test_the_facts_are_those_of_this_machine():
    facts = find_facts()
    assert facts.packages["numpy"] == version("numpy")
    assert {of["version"] for of in facts.blas} == {
        of["version"] for of in threadpool_info() if of["user_api"] == "blas"
    }
    assert facts.n_cores >= 1
    assert "pytest" not in facts.packages


def test_the_command_prints_versions_and_the_cache(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SKDCCA_CACHE", str(tmp_path / "not" / "there"))
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert f"numpy {version('numpy')}" in shown
    assert str(tmp_path / "not" / "there") in shown
    assert not (tmp_path / "not").exists()
