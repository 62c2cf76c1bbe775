"""Describe the installation, and say what to do about what is missing or slow."""

import os
import platform
import re
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from threadpoolctl import threadpool_info

from skdcca import __version__
from skdcca._utils.files import cache_folder

# Extras for work on skdcca itself.
_FOR_DEVELOPERS = ("bench", "docs", "lint", "test")
_WHAT_FOR = {
    "av": "AAC, M4A and video files",
    "dask": "tables larger than memory",
    "excel": "manifests in .xlsx files",
    "faiss": "galleries of more than 100,000 items",
    "plot": "plots",
    "songs": "Bach's chorales",
    "speech": "hearing words",
    "web": "the search page",
}
# The kernels of OpenBLAS that do not use AVX-512 instructions.
_WITHOUT_AVX512 = ("Haswell", "Zen", "Sandybridge", "Nehalem", "Prescott")
_LEAST_FREE = 1e9  # bytes in the cache folder; the spectrograms of a thousand songs
_LINE = "{:<16}{}"


@dataclass
class Facts:
    """Facts about this machine and what is installed on it.

    Attributes
    ----------
    processor : str
        Name of the processor.
    n_cores : int
        Number of cores that this process may use.
    has_avx512 : bool
        True if the processor has AVX-512 instructions.
    blas : list of dict
        Libraries of linear algebra, as `threadpoolctl.threadpool_info` describes them.
    packages : dict of str to str or None
        Versions of the packages that skdcca needs; None if a package is not installed.
    extras : dict of str to list of str
        Packages that each optional part lacks.
    cache : pathlib.Path
        Folder of the cache.
    free : float or None
        Free bytes in this folder; None if it cannot be written to.
    gpu : str or None
        Name of the GPU that torch uses; None if there is none.
    has_driver : bool
        True if the machine has an Nvidia driver.
    """

    processor: str
    n_cores: int
    has_avx512: bool
    blas: list
    packages: dict
    extras: dict
    cache: Path
    free: float | None
    gpu: str | None = None
    has_driver: bool = False


def doctor(options):
    """Print what is installed, and advice."""
    facts = find_facts()
    print(_LINE.format("skdcca", f"{__version__}, Python {platform.python_version()}"))
    print(_LINE.format("System", platform.platform()))
    instructions = ", AVX-512" if facts.has_avx512 else ""
    print(_LINE.format("Processor", f"{facts.processor}, {facts.n_cores} cores{instructions}"))
    for library in facts.blas:
        print(_LINE.format("Linear algebra", _describe_blas(library)))
    print(_LINE.format("GPU", facts.gpu or "none that torch can use"))
    free = "not writable" if facts.free is None else f"{facts.free / 1e9:.1f} GB free"
    print(_LINE.format("Cache", f"{facts.cache} ({free})"))
    installed = [f"{name} {number}" for name, number in facts.packages.items() if number]
    print(_LINE.format("Packages", ", ".join(installed)))
    for name, missing in facts.extras.items():
        state = f"missing: {', '.join(missing)}" if missing else "installed"
        print(_LINE.format(f"Extra {name}", f"{state} ({_WHAT_FOR.get(name, 'optional')})"))
    found = advice(facts)
    print("\nNothing to do." if not found else "\nWhat to do:")
    for line in found:
        print(f"- {line}")


def find_facts():
    """Return the `Facts` of this machine."""
    processor, flags = _processor()
    packages, extras = _packages()
    cache = cache_folder()
    gpu, has_driver = None, bool(shutil.which("nvidia-smi"))
    if packages.get("torch"):
        import torch

        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
        if gpu is None and torch.backends.mps.is_available():
            gpu = "Apple (mps)"
    return Facts(
        processor=processor,
        n_cores=_n_cores(),
        has_avx512="avx512f" in flags,
        blas=_blas(),
        packages=packages,
        extras=extras,
        cache=cache,
        free=_free_bytes(cache),
        gpu=gpu,
        has_driver=has_driver,
    )


def advice(facts):
    """Return sentences that say what to do, most important first."""
    lacking = [name for name, number in facts.packages.items() if number is None]
    lines = []
    if lacking:
        lines.append(f"Packages are missing: run `pip install {' '.join(lacking)}`.")
    if not facts.blas:
        lines.append("NumPy has no fast linear algebra: install it by pip or conda.")
    slow = {of["architecture"] for of in facts.blas if of.get("architecture") in _WITHOUT_AVX512}
    if facts.has_avx512 and slow:
        lines.append(
            f"OpenBLAS runs the kernels of {' and '.join(sorted(slow))} on a processor with AVX-512, "
            "which takes a third of its speed: set OPENBLAS_CORETYPE=SkylakeX before Python starts."
        )
    if any(of["num_threads"] > facts.n_cores for of in facts.blas):
        lines.append(
            f"Linear algebra uses more threads than the {facts.n_cores} cores: set "
            f"OMP_NUM_THREADS={facts.n_cores}."
        )
    if facts.has_driver and facts.gpu is None and facts.packages.get("torch"):
        lines.append(
            "This machine has an Nvidia GPU that torch cannot use: install torch for its CUDA version."
        )
    if facts.free is None:
        lines.append(f"{facts.cache} cannot be written to: set SKDCCA_CACHE to another folder.")
    elif facts.free < _LEAST_FREE:
        lines.append(
            f"The disk of {facts.cache} is nearly full: set SKDCCA_CACHE to another folder."
        )
    for name, missing in facts.extras.items():
        if missing:
            what = _WHAT_FOR.get(name, "this part")
            lines.append(f'For {what}: run `pip install "skdcca[{name}]"`.')
    return lines


def _describe_blas(library):
    threads = library["num_threads"]
    kernels = library.get("architecture") or "unknown"
    return f"{library['internal_api']} {library['version']}, kernels {kernels}, {threads} threads"


def _blas():
    """Return the libraries of linear algebra that NumPy and SciPy load."""
    import scipy.linalg  # noqa: F401  (so that its library is loaded)

    return [of for of in threadpool_info() if of["user_api"] == "blas"]


def _n_cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor():
    """Return the name of the processor, and its flags as text; the flags are known on Linux only."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE)
    return name[1] if name else platform.machine(), flags[1] if flags else ""


def _packages():
    """Return the versions of the packages that skdcca needs, and what each extra lacks."""
    packages, extras = {}, {}
    for requirement in requires("skdcca") or []:
        name = re.match(r"[\w.-]+", requirement)[0]
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        if name == "skdcca" or (extra and extra[1] in _FOR_DEVELOPERS):
            continue
        if extra is None:
            packages[name] = _version(name)
        else:
            lacking = extras.setdefault(extra[1], [])
            lacking += [] if _version(name) else [name]
    return packages, extras


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _free_bytes(folder):
    """Return the free bytes of the disk of a folder, or None if it cannot be written to."""
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return None
    return shutil.disk_usage(folder).free
