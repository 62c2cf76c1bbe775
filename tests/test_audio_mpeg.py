"""MPEG audio: true lengths, excerpts at the right place, tags and damage."""

import tracemalloc

import numpy as np
import pytest
import soundfile
from _mp3 import (
    DELAY,
    ID3V1,
    LYRICS3,
    RATE,
    ape,
    id3,
    silent_frame,
    soft_then_loud,
    with_xing,
    without_xing,
)

from skdcca import MelSpectrogram
from skdcca._audio import read_header
from skdcca._audio.files import read_excerpt

SECONDS = 6.0


@pytest.fixture(scope="module")
def sound():
    return soft_then_loud(SECONDS)


@pytest.fixture(scope="module")
def piped(tmp_path_factory, sound):
    """A file of variable bit rate without a Xing frame."""
    path = tmp_path_factory.mktemp("mp3") / "piped.mp3"
    without_xing(path, sound)
    return path


def correlation(one, other):
    return np.corrcoef(one, other)[0, 1]


def test_a_file_with_a_xing_frame_is_the_sound_that_was_written(tmp_path, sound):
    path = tmp_path / "song.mp3"
    with_xing(path, sound)
    assert read_header(path) == (len(sound), RATE, 1)
    expected, _ = soundfile.read(path, dtype="float32")
    for start in (0.0, 1.0, 4.321):
        excerpt, rate = read_excerpt(path, start, 1.0)
        first = int(start * RATE)
        assert rate == RATE
        np.testing.assert_allclose(excerpt[0], expected[first : first + RATE], atol=1e-6)


def test_a_file_without_a_xing_frame_is_read_to_its_end(piped, sound):
    assert soundfile.info(piped).duration < 0.7 * SECONDS  # the guess of libsndfile
    header = read_header(piped)
    assert header.n_frames / RATE == pytest.approx(SECONDS, abs=0.05)
    whole, _ = read_excerpt(piped, 0.0, SECONDS + 1)
    assert whole.shape == (1, header.n_frames)
    assert correlation(whole[0, DELAY:][: len(sound)], sound) > 0.98
    for start in (3.0, 4.321, 5.5):  # as a decoder that has read all that is before
        excerpt, _ = read_excerpt(piped, start, 0.4)
        first = int(start * RATE)
        np.testing.assert_allclose(excerpt, whole[:, first : first + excerpt.shape[1]], atol=1e-6)


TAGGED = {
    "a cover image": (id3(200_000), b""),
    "two tags": (id3(5000), id3(300, footer=True)),
    "zeros": (id3(100) + bytes(3000), b""),
    "noise": (np.random.default_rng(3).bytes(3000), b""),
    "an APE tag": (ape(2000), b""),
    "tags at the end": (id3(100), ape(5000, header=False) + LYRICS3 + ID3V1),
}


@pytest.mark.parametrize("name", TAGGED)
def test_tags_do_not_shift_or_shorten_a_song(name, tmp_path, piped):
    before, after = TAGGED[name]
    path = tmp_path / "song.mp3"
    path.write_bytes(before + piped.read_bytes() + after)
    assert read_header(path) == read_header(piped)
    found, _ = read_excerpt(path, 2.5, 1.0)
    np.testing.assert_array_equal(found, read_excerpt(piped, 2.5, 1.0)[0])


def test_what_lies_between_frames_is_skipped(tmp_path, piped):
    content = piped.read_bytes()
    middle = content.index(content[:2], len(content) // 2)
    for between in (id3(4000), bytes(1_000_000)):
        path = tmp_path / "song.mp3"
        path.write_bytes(content[:middle] + between + content[middle:])
        assert abs(read_header(path).n_frames - read_header(piped).n_frames) <= 2 * 1152


def test_the_center_of_a_song_with_a_cover_image(tmp_path, piped):
    path = tmp_path / "song.mp3"
    path.write_bytes(id3(500_000) + piped.read_bytes())
    mel = MelSpectrogram(duration=1.0, offset="center")
    with_image, plain = mel.fit_transform([str(path), str(piped)])
    np.testing.assert_array_equal(with_image, plain)


# Lengths of frames in bytes and samples from ISO 11172-3 and 13818-3.
FRAMES = {
    "MPEG 1, layer III, 128 kbit/s": ("fffb9064", 417, 1152, 44100, 2),
    "MPEG 1, layer III, 320 kbit/s, padded, mono": ("fffbe6c4", 961, 1152, 48000, 1),
    "MPEG 1, layer II, 192 kbit/s": ("fffda004", 626, 1152, 44100, 2),
    "MPEG 1, layer I, 384 kbit/s": ("ffffc404", 384, 384, 48000, 2),
    "MPEG 2, layer III, 64 kbit/s": ("fff38064", 208, 576, 22050, 2),
    "MPEG 2, layer II, 64 kbit/s": ("fff58404", 384, 1152, 24000, 2),
    "MPEG 2.5, layer III, 8 kbit/s, mono": ("ffe318c4", 72, 576, 8000, 1),
    "free format": ("fffb0064", 500, 1152, 44100, 2),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_every_kind(name, tmp_path):
    header, n_bytes, n_samples, rate, n_channels = FRAMES[name]
    path = tmp_path / "silence.mp3"
    path.write_bytes(20 * silent_frame(header, n_bytes))
    assert read_header(path) == (20 * n_samples, rate, n_channels)
    silence, _ = read_excerpt(path, 0.0, 10.0)
    assert silence.shape == (n_channels, 20 * n_samples)
    assert not silence.any()


def test_a_vbri_frame_is_no_audio(tmp_path):
    frame = silent_frame("fffb9064", 417)
    described = frame[:36] + b"VBRI" + bytes(10) + (20).to_bytes(4) + frame[54:]
    path = tmp_path / "song.mp3"
    path.write_bytes(described + 20 * frame)
    assert read_header(path).n_frames == 20 * 1152


def test_a_file_that_lacks_declared_frames_is_truncated(tmp_path, sound):
    path = tmp_path / "cut.mp3"
    with_xing(path, sound)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert read_excerpt(path, 0.0, 1.0)[0].shape == (1, RATE)  # its beginning is intact
    with pytest.raises(ValueError, match=r"cut.mp3' is truncated"):
        read_excerpt(path, 0.0, SECONDS)


def test_nothing_is_said_of_frames_that_are_cut_off(tmp_path, piped, capfd):
    content = piped.read_bytes()
    path = tmp_path / "rest.mp3"
    path.write_bytes(content[len(content) // 2 :])  # begins within a frame, as a recorded stream
    read_header(path)
    for start in (0.0, 0.5, 1.0):
        read_excerpt(path, start, 0.3)
    assert capfd.readouterr() == ("", "")


def test_an_excerpt_of_a_long_song_takes_little_memory(tmp_path):
    path = tmp_path / "long.mp3"
    path.write_bytes(20_000 * silent_frame("fffbe064", 1044))  # 21 MB, 8 minutes
    read_excerpt(path, 0.0, 1.0)  # imports are not counted
    tracemalloc.start()
    try:
        excerpt, _ = read_excerpt(path, 400.0, 5.0)
        assert excerpt.shape == (2, 5 * RATE)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "content", [b"\xff\xfb\x90\x64" * 5000, b"\xff" * 20_000, id3(5000), b"\xff\xfe" + bytes(99)]
)
def test_what_looks_like_frames_is_refused(content, tmp_path, capfd):
    path = tmp_path / "song.mp3"
    path.write_bytes(content + bytes(2))
    with pytest.raises(ValueError, match=r"."):
        read_header(path)
