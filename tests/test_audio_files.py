"""Audio files: headers, decoding, and files that are damaged past their header."""

import os

import numpy as np
import pytest
import soundfile
from _mp3 import id3
from _songs import RATE, chirp

from skdcca import MelSpectrogram
from skdcca._audio import read_header
from skdcca._audio.files import read_excerpt, to_mono
from skdcca.datasets import load_songs
from skdcca.exceptions import AudioFileWarning


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


# Headers without a length


def noise(seconds, n_channels=2, rate=RATE):
    rng = np.random.default_rng(0)
    return 0.1 * rng.normal(size=(int(seconds * rate), n_channels))


def flac_of_unknown_length(path, sound, rate=RATE):
    soundfile.write(path, sound, rate, format="FLAC")
    content = bytearray(path.read_bytes())
    assert int.from_bytes(content[21:26], "big") & (2**36 - 1) == len(sound)
    content[21] &= 0xF0  # the number has 36 bits
    content[22:26] = bytes(4)
    path.write_bytes(content)


@pytest.mark.parametrize(("seconds", "n_channels"), [(0.1, 1), (2.0, 2), (30.0, 1)])
def test_flac_of_unknown_length(tmp_path, seconds, n_channels):
    path = tmp_path / "piped.flac"
    sound = noise(seconds, n_channels)
    flac_of_unknown_length(path, sound)
    assert read_header(path) == (len(sound), RATE, n_channels)
    whole, _ = read_excerpt(path, 0.0, seconds)
    np.testing.assert_allclose(whole.T, sound, atol=1e-4)
    middle, _ = read_excerpt(path, seconds / 2, 0.04)
    first = int(seconds / 2 * RATE)
    np.testing.assert_array_equal(middle, whole[:, first : first + middle.shape[1]])


def test_flac_of_unknown_length_after_a_tag(tmp_path):
    path = tmp_path / "piped.flac"
    flac_of_unknown_length(path, noise(1.0))
    path.write_bytes(id3(1000) + path.read_bytes())
    assert read_header(path).n_frames == RATE


def test_flac_that_ends_within_a_frame(tmp_path):
    path = tmp_path / "piped.flac"
    flac_of_unknown_length(path, noise(2.0))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    assert read_header(path).n_frames / RATE == pytest.approx(1.5, abs=0.2)
    assert read_excerpt(path, 0.0, 1.0)[0].shape == (2, RATE)


def wave_with_length(path, n_bytes, kind="WAV"):
    """Write a second of sound whose header declares this many bytes."""
    soundfile.write(path, noise(1.0), RATE, format=kind, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    if kind == "RF64":
        content[28:36] = n_bytes.to_bytes(8, "little")
    else:
        at = content.index(b"data") + 4
        content[at : at + 4] = n_bytes.to_bytes(4, "little")
    path.write_bytes(content)


def test_a_fault_of_a_header_is_told_once_for_each_check(tmp_path):
    path = tmp_path / "crashed.wav"
    wave_with_length(path, 0, "WAV")
    transformer = MelSpectrogram(duration=1.0, offset="first_sound")
    with pytest.warns(AudioFileWarning) as caught:
        transformer.fit([path]).transform([path])
    # Decoding the song to find its first sound does not check it a third time.
    assert len([w for w in caught if w.category is AudioFileWarning]) == 2
    assert read_excerpt(path, 0.25)[0].shape == (2, RATE - int(0.25 * RATE))


@pytest.mark.parametrize(
    ("n_bytes", "kind", "declared"),
    [
        (0, "WAV", "no audio, 1.00 s were found"),
        (0, "WAVEX", "no audio, 1.00 s"),
        (0, "RF64", "no audio, 1.00 s"),
        (60 * 4 * RATE, "WAV", "60.00 s of audio, 1.00 s were found"),
        (5 * RATE, "WAV", "1.25 s of audio, 1.00 s"),
    ],
)
def test_wave_files_of_recorders_that_crashed(tmp_path, n_bytes, kind, declared):
    path = tmp_path / "crashed.wav"
    wave_with_length(path, n_bytes, kind)
    with pytest.warns(AudioFileWarning, match=rf"crashed.wav' is incomplete.*declares {declared}"):
        header = read_header(path)
    assert header == (RATE, RATE, 2)
    whole, _ = read_excerpt(path, 0.0, 1.0)
    np.testing.assert_allclose(whole.T, noise(1.0), atol=1e-4)


def test_wave_files_without_fault_are_read_without_a_warning(tmp_path):
    path = tmp_path / "piped.wav"
    wave_with_length(path, 2**32 - 1)  # as programs write to a pipe
    assert read_header(path).n_frames == RATE
    soundfile.write(path, np.zeros(0), RATE)
    path.write_bytes(path.read_bytes() + b"LIST\4\0\0\0INFO")
    assert read_header(path).n_frames == 0


# Formats that need PyAV


KINDS = {
    "m4a": ("ipod", "aac", 44100),
    "aac": ("adts", "aac", 44100),
    "mp4": ("mp4", "aac", 22050),
    "wma": ("asf", "wmav2", 44100),
    "webm": ("webm", "libopus", 48000),
    "mka": ("matroska", "libopus", 48000),
}


def write_with_av(path, sound):
    """Write 16-bit mono sound by the encoder for the suffix of a path, and return its sample rate."""
    av = pytest.importorskip("av", reason='needs the extra: pip install "skdcca[av]"')
    container, codec, rate = KINDS[path.suffix[1:]]
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.layout = "mono"
        stream.bit_rate = 96_000
        samples = np.round(32767 * sound(rate)).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = rate
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return rate


@pytest.mark.parametrize("suffix", KINDS)
def test_formats_that_libsndfile_lacks(tmp_path, suffix):
    path = tmp_path / f"song.{suffix}"
    rate = write_with_av(path, lambda rate: chirp(4.0, rate))
    header = read_header(path)
    assert header.sample_rate == rate
    assert header.n_frames / rate == pytest.approx(4.0, abs=0.1)  # with what encoders add
    excerpt, _ = read_excerpt(path, 2.5, 0.5)
    near = int(2.45 * rate)
    source = chirp(4.0, rate)[near : near + int(0.6 * rate)]
    windows = np.lib.stride_tricks.sliding_window_view(source, excerpt.shape[1])
    best = windows[np.argmax(windows @ excerpt[0])]
    assert np.corrcoef(best, excerpt[0])[0, 1] > 0.99
    assert read_excerpt(path, 0.0, header.n_frames / rate)[0].shape[1] / rate > 3.9


def test_a_missing_pyav_is_named_with_the_remedies(tmp_path, monkeypatch):
    monkeypatch.setattr("skdcca._audio.pyav.is_installed", lambda: False)
    path = tmp_path / "my song.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    with pytest.raises(ValueError, match="1 of 2 songs") as error:
        MelSpectrogram(duration=1.0).fit([chirp(), str(path)])
    assert error.match(r'my song.m4a.* needs the package av: run `pip install "skdcca\[av\]"`')
    assert error.match(r"`ffmpeg -i 'my song.m4a' 'my song.flac'`")


def test_damaged_files_for_pyav_are_refused(tmp_path):
    pytest.importorskip("av", reason='needs the extra: pip install "skdcca[av]"')
    for name, beginning in {"a.m4a": b"\0\0\0\x20ftypM4A ", "a.webm": b"\x1a\x45\xdf\xa3"}.items():
        (tmp_path / name).write_bytes(beginning + noise(0.1).tobytes())
        with pytest.raises(ValueError, match=rf"{name}' cannot be read as audio"):
            MelSpectrogram(duration=1.0).fit([str(tmp_path / name)])


def test_a_truncated_stream_of_aac_is_read_up_to_its_last_packet(tmp_path):
    pytest.importorskip("av", reason='needs the extra: pip install "skdcca[av]"')
    path = tmp_path / "radio.aac"
    write_with_av(path, lambda rate: chirp(2.0, rate))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    waveform, rate = read_excerpt(path, 0.0, 10.0)
    assert waveform.shape[1] == pytest.approx(read_header(path).n_frames, abs=0.05 * rate)
    middle = len(content) // 4
    path.write_bytes(content[:middle] + bytes(200) + content[middle + 200 :])
    with pytest.raises(ValueError, match=r"radio\.aac' is damaged"):
        read_excerpt(path, 0.0, 10.0)


def test_a_folder_of_songs_of_all_suffixes(tmp_path):
    kinds = {"aiff": "AIFF", "au": "AU", "opus": "OGG", "oga": "OGG", "caf": "CAF", "w64": "W64"}
    for suffix, kind in kinds.items():
        subtype = "OPUS" if suffix == "opus" else None
        with open(tmp_path / f"{suffix}.{suffix}", "wb") as file:
            soundfile.write(file, noise(0.1, rate=48000), 48000, format=kind, subtype=subtype)
    write_with_av(tmp_path / "m4a.m4a", lambda rate: chirp(0.5, rate))
    write_with_av(tmp_path / "both.m4a", lambda rate: chirp(0.5, rate))
    soundfile.write(tmp_path / "both.flac", chirp(0.5), RATE)
    for path in list(tmp_path.iterdir()):
        path.with_suffix(".txt").write_text("la la la")
    songs = load_songs(tmp_path)
    assert songs.ids == sorted([*kinds, "m4a", "both"])
    assert str(tmp_path / "both.flac") in songs.audio  # converted from the other


def test_text_named_as_audio_is_refused_without_notes_of_libraries(tmp_path, capfd):
    path = tmp_path / "song.mp3"
    path.write_text("la la la\n" * 10_000)
    with pytest.raises(ValueError, match=r"^Format not recogni[sz]ed\.$"):
        read_header(path)
    assert capfd.readouterr().err == ""


def test_channels_of_opposite_sign_do_not_cancel():
    song, noise = chirp(0.2).astype(np.float32), chirp(0.2, seed=1).astype(np.float32) - chirp(0.2)
    np.testing.assert_allclose(np.abs(to_mono(np.stack([song, -song]))), np.abs(song))
    mono = to_mono(np.stack([0.9 * song, -song + noise]))
    assert np.corrcoef(mono, -song)[0, 1] > 0.99
    surround = to_mono(np.stack([song, song, -song, -song]))
    np.testing.assert_allclose(np.abs(surround), np.abs(song), rtol=1e-5)


def test_other_channels_are_averaged():
    rng = np.random.default_rng(0)
    left, right, voice = rng.normal(size=(3, 5000)).astype(np.float32)
    wide = np.stack([left + voice, voice - left])  # the voice is in the middle
    for channels in (np.stack([left, right]), wide, np.stack([left, 0 * left]), np.zeros((2, 9))):
        np.testing.assert_allclose(to_mono(channels), channels.mean(axis=0), atol=1e-6)
