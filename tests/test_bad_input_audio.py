"""Bad and unusual songs, and bad parameters of the audio transformers."""

import os
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest
import soundfile
from _bad_files import CONSTANT_RATE, RATE, noise, three_of_five
from _bad_input import Case, check_accepted, check_cases, check_refused, each
from _songs import write_table
from sklearn.exceptions import NotFittedError

from skdcca import (
    AudioDynamics,
    AudioForm,
    MelCNNAudio,
    MelSpectrogram,
    TemporalSummary,
)
from skdcca._audio.files import read_excerpt, read_header
from skdcca.datasets import load_songs
from skdcca.exceptions import AudioFileWarning, SilentSongWarning

AUDIO = {
    "MelSpectrogram": lambda **k: MelSpectrogram(**{"n_mels": 20, "duration": 0.5, **k}),
    "AudioForm": lambda **k: AudioForm(**k),
    "AudioDynamics": lambda **k: AudioDynamics(**{"n_mels": 20, **k}),
    "MelCNNAudio": lambda **k: MelCNNAudio(**k),
}


# What is wrong with a song, its file, the culprit and the remedy; late ones show only when decoded.
SONGS = [
    ("an empty file", "empty.wav", r"empty.wav' cannot be read as audio", "convert it"),
    ("a PNG that is called wav", "png.wav", r"png.wav' cannot be read as audio", "convert it"),
    ("raw samples", "sound.raw", r"sound.raw' cannot be read as audio .*no header", "convert it"),
    ("a folder", "folder.wav", r"folder.wav' is not a file", ""),
    ("a link to nowhere", "link.wav", r"there is no file .*link.wav", ""),
    ("no samples", "none.wav", r"none.wav' has no audio", ""),
    ("ten hours in a header", "ten_hours.flac", r"ten_hours.flac' .*36000 s", "convert it"),
]


LATE_SONGS = [
    ("NaN samples", "nan.wav", r"nan.wav' contains NaN", "leave it out"),
    ("samples that overflow", "loud.wav", r"loud.wav' has an amplitude of .*e\+29", "divide"),
]


WAVEFORMS = [
    ("bytes", b"a.wav", r"dtype \|S5", "a path must be a str"),
    ("None", None, "dtype object", "a path must be a str"),
    ("16-bit integers", np.arange(99, dtype=np.int16), "dtype int16", "divide"),
    ("no samples", np.zeros(0), r"shape \(0,\)", "not empty"),
    ("NaN", np.full(RATE, np.nan), "contains NaN", ""),
    ("numbers that overflow", np.full(RATE, 1e200), r"amplitude of 1e\+200", r"in \[-1, 1\]"),
    ("channels last", (np.zeros((RATE, 2)), RATE), r"shape \(22050, 2\)", "transpose"),
    ("a rate of 0", (np.zeros(RATE), 0), "sample rate is 0", "Hz > 0"),
    ("a rate in words", (np.zeros(RATE), "44100"), "sample rate is '44100'", "number of Hz"),
]


LISTS = [
    ("None", None, "X must be .* got NoneType"),
    ("a path", "song.wav", "X must be .* got str"),
    ("bytes", b"song.wav", "X must be .* got bytes"),
    ("a generator", (song for song in ["song.wav"]), "X must be .* got generator"),
    ("one waveform", np.zeros(RATE), "X must be .* got one waveform"),
    ("no songs", [], "0 sample"),
]


OF_AUDIO = [
    ("MelSpectrogram", {"sample_rate": 22050.5}, "`sample_rate` .* got 22050.5", "an integer"),
    ("MelSpectrogram", {"n_mels": 0}, "`n_mels` .* got 0", ">= 1"),
    ("MelSpectrogram", {"hop_length": "a"}, "`hop_length` .* got 'a'", "an integer"),
    ("MelSpectrogram", {"fmin": "low"}, "fmin='low'", "0 <= fmin"),
    ("MelSpectrogram", {"fmax": 1e5}, "fmax=100000.0", "sample_rate / 2"),
    ("MelSpectrogram", {"duration": -1}, "`duration` .* got -1", "> 0"),
    ("MelSpectrogram", {"duration": np.nan}, "`duration` .* got nan", "finite number > 0"),
    ("MelSpectrogram", {"duration": 0.01}, "duration of 0.01 s", "n_fft=2048"),
    ("MelSpectrogram", {"offset": "middle"}, "`offset` .* got 'middle'", "center"),
    ("MelSpectrogram", {"offset": 9.0}, r"song 0: `offset` is 9.0 s", "end of the song at 1.00 s"),
    ("MelSpectrogram", {"memory": 5}, "memory='5'", "string"),
    ("MelSpectrogram", {"n_jobs": "all"}, "n_jobs", "int"),
    ("AudioForm", {"sample_rate": 10}, "`sample_rate` .* got 10", ">= 1000"),
    ("AudioForm", {"sample_rate": None}, "`sample_rate` .* got None", "an integer"),
    ("AudioDynamics", {"n_mels": 1.5}, "`n_mels` .* got 1.5", "an integer"),
    ("AudioDynamics", {"sample_rate": 100}, "`sample_rate` .* got 100", ">= 1000"),
    ("MelCNNAudio", {"weights": "MTT"}, "`weights` .* got 'MTT'", "MTT_musicnn"),
    ("MelCNNAudio", {"pooling": "median"}, "`pooling` .* got 'median'", "mean_std"),
    ("MelCNNAudio", {"pooling": "sequence"}, "`n_segments` .* got None", ">= 1"),
    ("MelCNNAudio", {"offset": -1}, "`offset` .* got -1", "center"),
]


OF_SUMMARIES = [
    ("NaN", lambda s: np.nan * s, {}, "Input X contains NaN", "imputer"),
    ("two axes", lambda s: s[0], {}, r"X must have shape .* got \(4, 20\)", "n_frames"),
    ("few frames", lambda s: s[:, :, :5], {}, r"X must have shape .* got \(3, 4, 5\)", "16 frames"),
    ("no bands", lambda s: s[:, :0], {}, r"X must have shape .* got \(3, 0, 20\)", "n_mels"),
    (
        "numbers that overflow",
        lambda s: 1e200 * s,
        {},
        r"X must have absolute values .* got 1e\+200",
        "decibels",
    ),
    ("an unknown statistic", lambda s: s, {"statistics": ["median"]}, "'median'", "rhythm"),
    ("no statistics", lambda s: s, {"statistics": None}, "`statistics` .* got None", "rhythm"),
    ("no lags", lambda s: s, {"n_lags": 0}, "`n_lags` .* got 0", ">= 1"),
]


def of_audio():
    for name, make in AUDIO.items():
        for late, songs in ((False, SONGS), (True, LATE_SONGS)):
            for what, file, culprit, remedy in songs:

                def call(w, make=make, file=file):
                    return make().fit_transform([w.file(file)])

                yield Case(
                    f"{name}, {what}", call, ValueError, f"song 0: .*{culprit}", remedy, late
                )
        for what, song, culprit, remedy in WAVEFORMS:

            def call(w, make=make, song=song):
                return make().fit_transform([song])

            yield Case(
                f"{name}, a waveform: {what}", call, ValueError, f"song 0: .*{culprit}", remedy
            )
        for what, songs, culprit in LISTS:

            def call(w, make=make, songs=songs):
                return make().fit_transform(songs)

            yield Case(f"{name}, as X {what}", call, ValueError, culprit, "list|no songs")
        yield Case(
            f"{name}, not fitted",
            lambda w, make=make: make().transform([noise()]),
            NotFittedError,
            f"This {name} instance is not fitted",
            "Call 'fit'",
        )
    for name, parameters, culprit, remedy in OF_AUDIO:

        def call(w, n=name, p=parameters):
            return AUDIO[n](**p).fit_transform([noise(RATE)])

        yield Case(f"{name}, {parameters}", call, ValueError, culprit, remedy)
    for what, change, parameters, culprit, remedy in OF_SUMMARIES:

        def call(w, c=change, p=parameters):
            return TemporalSummary(**p).fit(c(np.ones((3, 4, 20))))

        yield Case(f"TemporalSummary, {what}", call, ValueError, culprit, remedy)
    for name in ("AudioForm", "AudioDynamics", "MelCNNAudio"):

        def call(w, name=name):
            return AUDIO[name]().fit_transform([w.file("silent.wav")])

        yield Case(
            f"{name}, silence", call, ValueError, r"silent.wav' is silent", "leave it out", True
        )
    cut = {"flac": "cut_whole.flac' is damaged"}
    if CONSTANT_RATE:
        cut["mp3"] = "cut_whole.mp3' is truncated"
    for name in AUDIO:
        # The beginning is intact, and an excerpt of it may be used.
        settings = {"duration": None} if name == "MelSpectrogram" else {}
        for kind, culprit in cut.items():

            def call(w, make=AUDIO[name], settings=settings, kind=kind):
                return make(**settings).fit_transform([w.file(f"cut_whole.{kind}")])

            yield Case(f"{name}, half of a {kind}", call, ValueError, culprit, "leave it out", True)


# Songs of a second, of which MelSpectrogram reads half: 22 frames of 512 samples.
SOUNDS = {
    "silence": "silent.wav",
    "one sample": "one.wav",
    "eight channels": "eight.wav",
    "8 bits": "eight_bits.wav",
    "192 kHz": "fast.wav",
    "a WAVE file written as a stream": "streamed.wav",
}


WIDTHS = {
    "MelSpectrogram": (20, 22),
    "AudioForm": (16,),
    "AudioDynamics": (201,),
    "MelCNNAudio": (200,),
}


NOT_MEASURED = {"AudioForm": ["silence"], "AudioDynamics": ["silence"]}


NOT_MEASURED["MelCNNAudio"] = ["silence", "one sample"]
QUIET = ["silence", "one sample"]


def of_sounds():
    for name, make in AUDIO.items():
        for what, file in SOUNDS.items():
            if what not in NOT_MEASURED.get(name, []):

                def call(w, make=make, file=file, what=what):
                    quiet = pytest.warns(SilentSongWarning) if what in QUIET else nullcontext()
                    with quiet:
                        return make().fit_transform([w.file(file)])

                yield f"{name}, {what}", call, (1, *WIDTHS[name])


REFUSED = list(of_audio())
ACCEPTED = list(of_sounds())


def test_there_are_many_different_cases():
    check_cases(REFUSED, ACCEPTED)


@each(REFUSED)
def test_bad_input_is_refused_with_a_remedy(case, world, request):
    check_refused(case, world, request)


@each(ACCEPTED)
def test_unusual_input_is_accepted(case, world):
    check_accepted(case, world)


# Batches: three bad of five


@pytest.mark.parametrize(
    "bad", [["png.wav", "link.wav", "sound.raw"], ["nan.wav", "loud.wav", "cut_whole.flac"]]
)
@pytest.mark.parametrize("name", AUDIO)
def test_all_bad_songs_of_a_batch_are_named_at_once(name, bad, sound_files):
    transformer = AUDIO[name](**({"duration": None} if name == "MelSpectrogram" else {}))
    with pytest.raises(ValueError, match="3 of 5 songs cannot be used") as error:
        transformer.fit_transform(three_of_five(sound_files, bad))
    lines = str(error.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == ["song 1", "song 3", "song 4"]
    assert all(file in line for file, line in zip(bad, lines, strict=True))


# Headers and permissions


@pytest.mark.parametrize(
    ("file", "declared", "found"),
    [
        ("ten_hours.wav", "36000.00 s", "1.00 s"),
        ("cut_good0.wav", "1.00 s", "0.50 s"),
        ("cut_whole.aiff", "1.00 s", "0.50 s"),
        ("cut_whole.au", "1.00 s", "0.50 s"),
    ],
)
def test_incomplete_files_of_samples_are_read_with_a_warning(file, declared, found, sound_files):
    fault = f"declares {declared} of audio, {found} were found"
    with pytest.warns(AudioFileWarning, match=f"{file}' is incomplete: its header {fault}"):
        header = read_header(sound_files / file)
    assert f"{header.n_frames / RATE:.2f} s" == found
    assert read_excerpt(sound_files / file, 0.0, 1.0)[0].shape == (1, header.n_frames)


@pytest.mark.parametrize("name", AUDIO)
def test_no_memory_is_allocated_for_the_ten_hours_of_a_header(name, sound_files):
    transformer = AUDIO[name](**({"duration": None} if name == "MelSpectrogram" else {}))
    transformer.fit_transform([noise()])  # imports and caches are not counted
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"ten_hours.flac' .*36000 s"):
            transformer.fit_transform([noise(), str(sound_files / "ten_hours.flac")])
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_a_long_silence_in_a_small_file_is_read(tmp_path):
    path = tmp_path / "hour.flac"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(60):
            file.write(np.zeros(60 * 8000, dtype=np.int16))
    assert path.stat().st_size < 8000 * 3600 / 8
    mel = MelSpectrogram(sample_rate=8000, duration=1.0, offset=3500.0)
    with pytest.warns(SilentSongWarning, match="hour.flac' has no sound"):
        assert np.isfinite(mel.fit_transform([str(path)])).all()


def test_a_file_without_permission(sound_files, tmp_path, monkeypatch):
    path = str(sound_files / "good0.wav")
    monkeypatch.setattr(os, "access", lambda file, mode: False)
    for make in AUDIO.values():
        with pytest.raises(ValueError, match=r"good0.wav' .*no permission to read it"):
            make().fit([path])
    table = write_table(tmp_path / "songs.csv", [(path, "la")])
    with pytest.raises(ValueError, match=r"line 2: .*good0.wav \(there is no permission"):
        load_songs(table)


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may read anything")
def test_a_file_that_the_system_does_not_open(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, noise(), RATE)
    path.chmod(0)
    with pytest.raises(ValueError, match=r"song.wav' .*no permission to read it"):
        MelSpectrogram().fit([str(path)])
