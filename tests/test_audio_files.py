"""Audio files: headers, decoding, and files that are damaged past their header."""

import os

import numpy as np
import pytest
import soundfile
from _songs import RATE, chirp

from skdcca import MelSpectrogram
from skdcca._audio import read_header


def test_a_header_is_read_without_decoding(tmp_path):
    path = tmp_path / "stereo.flac"
    soundfile.write(path, np.column_stack([chirp(1.0), chirp(1.0)]), RATE)
    assert read_header(path) == (RATE, RATE, 2)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"."):
        read_header(path)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_files_damaged_past_their_header_are_named_all_at_once(tmp_path, n_jobs):
    songs = [chirp()]
    for name in ("a", "b"):
        path = tmp_path / f"{name}.flac"
        soundfile.write(path, chirp(10.0), RATE)
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 5000] = os.urandom(5000)
        path.write_bytes(content)
        songs.append(str(path))
    with pytest.raises(ValueError, match="2 of 3 songs cannot be used") as error:
        MelSpectrogram(duration=10.0, n_jobs=n_jobs).fit_transform(songs)
    assert error.match(r"song 1: .*a\.flac.* damaged")
    assert error.match(r"song 2: .*b\.flac.* damaged")


def test_nan_inside_a_file_is_named(tmp_path):
    path = tmp_path / "nan.wav"
    soundfile.write(
        path, np.where(np.arange(RATE) == 5000, np.nan, chirp(1.0)), RATE, subtype="FLOAT"
    )
    with pytest.raises(ValueError, match=r"1 of 1 songs(.|\n)*song 0: .*nan.wav.* contains NaN"):
        MelSpectrogram(duration=1.0).fit_transform([str(path)])
