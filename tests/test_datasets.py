"""Song collections: what is heard, what is planted, what is read, and what is refused."""

import gzip
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import spectrogram
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca._utils.files import atomic_write
from skdcca.datasets import (
    _chorales,
    _synthesis,
    _tunes,
    _words,
    load_chorales,
    load_songs,
    load_tiny_songs,
    make_songs,
)
from skdcca.datasets._synthesis import synthesise

ROOT = Path(__file__).parents[1]
CORE = ("audio", "lyrics", "ids", "titles", "groups")


def check_core(songs, n_songs):
    """The fields that every collection has."""
    assert all(len(songs[field]) == n_songs for field in CORE)
    assert all(isinstance(text, str) and text for text in songs.lyrics + songs.titles)
    assert len(set(songs.ids)) == n_songs
    assert isinstance(songs.groups, np.ndarray)
    assert songs.groups.dtype.kind == "U"
    assert isinstance(songs.DESCR, str)


def spectrum(waveform, sample_rate):
    """Frequencies in Hz, and amplitudes relative to the largest."""
    amplitudes = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return np.fft.rfftfreq(len(waveform), 1 / sample_rate), amplitudes / amplitudes.max()


def loudest_frequency(waveform, sample_rate):
    frequencies, amplitudes = spectrum(waveform, sample_rate)
    return frequencies[amplitudes.argmax()]


# The synthesiser


@pytest.mark.parametrize(("pitch", "hertz"), [(69, 440), (57, 220), (60, 261.63), (81.5, 905.79)])
@pytest.mark.parametrize("sample_rate", [11025, 44100])
def test_pitch_of_a_note(pitch, hertz, sample_rate):
    waveform = synthesise([[0, 2, pitch, 1]], sample_rate)
    assert loudest_frequency(waveform, sample_rate) == pytest.approx(hertz, abs=0.6)


def test_all_energy_lies_at_harmonics_below_half_the_sample_rate():
    waveform = synthesise([[0, 4, 95, 1]], 8000, brightness=0.9)
    frequencies, amplitudes = spectrum(waveform, 8000)
    hertz = 440 * 2 ** (26 / 12)  # 1975.5 Hz: only two harmonics fit, the third would alias
    peaks = (np.abs(frequencies - hertz) < 5) | (np.abs(frequencies - 2 * hertz) < 5)
    assert amplitudes[np.abs(frequencies - 2 * hertz) < 1].max() == pytest.approx(0.9, abs=0.05)
    assert 20 * np.log10(amplitudes[~peaks].max()) < -50
    assert not synthesise([[0, 1, 120, 1]], 8000).any()  # 8372 Hz


def test_brightness_moves_energy_up():
    centroids = []
    for brightness in (0, 0.3, 0.6, 0.9):
        frequencies, amplitudes = spectrum(
            synthesise([[0, 1, 60, 1]], brightness=brightness), 22050
        )
        centroids.append((frequencies * amplitudes).sum() / amplitudes.sum())
    assert np.all(np.diff(centroids) > 50)


def test_notes_sound_when_they_should_and_as_loud():
    waveform = synthesise([[1.0, 0.5, 60, 0.5], [2.0, 0.5, 72, 1.0]], 8000, duration=3)
    assert waveform.dtype == np.float32
    assert waveform.shape == (24000,)
    assert np.abs(waveform).max() == pytest.approx(0.9, abs=1e-6)
    loud = [np.abs(waveform[int(a * 8000) : int(b * 8000)]).max() for a, b in [(1, 1.6), (2, 2.6)]]
    assert loud[0] / loud[1] == pytest.approx(0.5, abs=0.05)
    for start, end in [(0, 1), (1.56, 2), (2.56, 3)]:
        assert not waveform[int(start * 8000) : int(end * 8000)].any()


def test_notes_do_not_click():
    """A click is a broad burst; nothing of a low sine may reach the upper half of the spectrum."""
    waveform = synthesise([[0.1, 0.3, 45, 1], [0.5, 0.02, 45, 1]], brightness=0, duration=1)
    frequencies, amplitudes = spectrum(waveform, 22050)
    assert 20 * np.log10(amplitudes[frequencies > 5000].max()) < -60


def test_the_order_of_notes_does_not_matter():
    notes = np.random.RandomState(0).uniform([0, 0.1, 40, 0.2], [3, 1, 90, 1], (30, 4))
    np.testing.assert_allclose(synthesise(notes), synthesise(notes[::-1]), atol=1e-5)


@pytest.mark.parametrize(
    ("notes", "options", "message"),
    [
        ([[0, 1, 60]], {}, r"shape \(1, 3\)"),
        ([[0, np.nan, 60, 1]], {}, "NaN"),
        ([[-1, 1, 60, 1]], {}, "negative"),
        ([[0, 1, 60, 1]], {"brightness": 1.0}, "brightness == 1.0"),
        ([[0, 1, 60, 1]], {"sample_rate": 0}, "sample_rate == 0"),
    ],
)
def test_wrong_notes_are_refused(notes, options, message):
    with pytest.raises(ValueError, match=message):
        synthesise(notes, **options)


# Planted songs


@pytest.fixture(scope="module")
def planted():
    return make_songs(200, duration=8, sample_rate=11025, random_state=3)


def test_planted_songs_have_the_core_fields(planted):
    check_core(planted, 200)
    waveform, sample_rate = planted.audio[7]
    assert sample_rate == 11025
    assert waveform.dtype == np.float32
    assert waveform.shape == (8 * 11025,)
    assert 0.5 < np.abs(waveform).max() <= 1


@pytest.mark.parametrize("strength", [0, 0.7, 1])
def test_moods_correlate_as_planted(strength):
    songs = make_songs(2000, strength=strength, duration=0.01, sample_rate=1000, random_state=0)
    both = np.corrcoef(songs.audio_mood, songs.lyrics_mood, rowvar=False)
    expected = np.kron([[1, strength], [strength, 1]], np.eye(4))
    np.testing.assert_allclose(both, expected, atol=0.08)  # 3.6 standard errors at 0
    np.testing.assert_allclose(np.diag(both[:4, 4:]), strength, atol=0.02 + 0.06 * (1 - strength))
    np.testing.assert_allclose(songs.lyrics_mood.mean(axis=0), 0, atol=0.08)
    np.testing.assert_allclose(songs.lyrics_mood.std(axis=0), 1, atol=0.06)


def heard(waveform, sample_rate):
    """Mean, deviation and change of log bands, and the autocorrelation of onsets."""
    _, _, power = spectrogram(waveform, sample_rate, nperseg=1024, noverlap=768)
    edges = np.unique(np.geomspace(3, 500, 40).astype(int))
    bands = np.log(np.add.reduceat(power, edges) + 1e-8)
    change = np.diff(bands)
    onsets = np.maximum(change, 0).mean(axis=0)
    onsets = onsets - onsets.mean()
    echo = np.correlate(onsets, onsets, "full")[len(onsets) - 1 :][:100]
    return np.concatenate(
        [*(f(axis=1) for f in (bands.mean, bands.std, change.std)), echo / echo[0]]
    )


def held_out(features, mood):
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 4, 9)))
    return cross_val_predict(clone(model), features, mood, cv=5)


def test_moods_can_be_heard_and_read(planted):
    sounds = held_out(np.array([heard(*pair) for pair in planted.audio]), planted.audio_mood)
    assert r2_score(planted.audio_mood, sounds, multioutput="raw_values").min() > 0.4
    words = CountVectorizer().fit_transform(planted.lyrics).toarray().astype(float)
    texts = held_out(words, planted.lyrics_mood)
    assert r2_score(planted.lyrics_mood, texts, multioutput="raw_values").min() > 0.6
    # and the two views of one song agree, dimension by dimension
    agreement = np.corrcoef(sounds, texts, rowvar=False)[:4, 4:]
    assert np.diag(agreement).min() > 0.5
    assert np.abs(agreement - np.diag(np.diag(agreement))).max() < 0.3


def test_strength_zero_leaves_nothing_to_find():
    songs = make_songs(400, strength=0, duration=0.01, sample_rate=1000, random_state=1)
    words = CountVectorizer().fit_transform(songs.lyrics).toarray().astype(float)
    assert r2_score(songs.audio_mood, held_out(words, songs.audio_mood)) < 0.02


def test_strength_one_is_one_mood():
    songs = make_songs(5, strength=1, duration=0.1, random_state=0)
    np.testing.assert_array_equal(songs.audio_mood, songs.lyrics_mood)


def digest(songs):
    sounds = b"".join(waveform.tobytes() for waveform, _ in songs.audio)
    rest = repr((songs.lyrics, songs.ids, songs.titles, songs.groups.tolist())).encode()
    return hashlib.sha256(sounds + rest + songs.lyrics_mood.tobytes()).hexdigest()


def test_random_state_repeats_the_songs():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = digest(make_songs(6, duration=1, random_state=5))
    assert first == digest(make_songs(6, duration=1, random_state=np.random.RandomState(5)))
    assert first != digest(make_songs(6, duration=1, random_state=6))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_songs_do_not_depend_on_the_hash_seed():
    code = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]\n"
        "from test_datasets import digest, make_songs\n"
        "print(digest(make_songs(6, duration=1, random_state=5)))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == digest(make_songs(6, duration=1, random_state=5))


def test_artists_share_the_songs_equally():
    songs = make_songs(23, n_groups=4, duration=0.1, random_state=0)
    _, counts = np.unique(songs.groups, return_counts=True)
    assert sorted(counts) == [5, 6, 6, 6]
    default = make_songs(20, duration=0.1, random_state=0)
    assert len(list(GroupKFold(5).split(default.lyrics, groups=default.groups))) == 5
    many = make_songs(700, n_groups=700, duration=0.01, sample_rate=1000, random_state=0)
    assert len(set(many.groups)) == 700


def test_no_word_belongs_to_two_moods():
    pools = [group.split() for ends in _words.MOOD_WORDS.values() for end in ends for group in end]
    words = [word for pool in pools for word in pool]
    assert len(words) == len(set(words)) == 4 * 2 * 18
    filler = " ".join(_words.LINES).replace("{", " ").replace("}", " ").split()
    assert not set(words) & set(filler)


@pytest.mark.parametrize("n_songs", [1, 2])
@pytest.mark.parametrize("duration", [0.05, 1])
def test_few_and_short_songs(n_songs, duration):
    songs = make_songs(n_songs, duration=duration, random_state=0)
    check_core(songs, n_songs)
    assert all(waveform.any() for waveform, _ in songs.audio)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 1.2}, "strength == 1.2"),
        ({"strength": -0.1}, "strength == -0.1"),
        ({"n_songs": 0}, "n_songs == 0"),
        ({"duration": 0}, "duration == 0"),
        ({"n_groups": 11}, "n_groups == 11"),
        ({"sample_rate": 10}, "sample_rate == 10"),
    ],
)
def test_planting_refuses_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        make_songs(**{"n_songs": 10, **options})


# Tiny songs


@pytest.fixture(scope="module")
def tiny():
    return load_tiny_songs()


def test_tiny_songs(tiny):
    check_core(tiny, 20)
    assert tiny.groups.tolist() == tiny.ids
    assert tiny.tags[tiny.titles.index("Clementine")] == ["sad", "story"]
    assert sorted(set(tiny.languages)) == ["de", "en", "fr"]
    text = " ".join(tiny.lyrics)
    assert "Freude, schöner Götterfunken, Tochter aus Elysium" in text
    assert "Amazing grace, how sweet the sound, that saved a wretch like me!" in text
    assert "a-riding on a pony" in text
    assert "prête-moi ta plume, pour écrire un mot" in text
    assert not set("_*\\|") & set(text)
    assert "- " not in text


@pytest.mark.parametrize(
    ("title", "beats", "tempo"),
    [
        ("Twinkle Twinkle Little Star", 48, 92),
        ("Joy to the World", 13.5, 96),
        ("Silent Night", 24, 46),  # dotted quarters
        ("Amazing Grace", 49, 76),
        ("My Bonnie", 24, 132),
    ],
)
def test_tiny_songs_last_their_beats(tiny, title, beats, tempo):
    waveform, sample_rate = tiny.audio[tiny.titles.index(title)]
    seconds = beats * 60 / tempo + _synthesis.RELEASE
    assert len(waveform) / sample_rate == pytest.approx(seconds, abs=1e-3)


def test_twinkle_starts_with_c_c_g_g_a_a_g(tiny):
    waveform, sample_rate = tiny.audio[0]
    beat = sample_rate * 60 / 92
    notes = [waveform[int((i + 0.15) * beat) : int((i + 0.9) * beat)] for i in range(7)]
    pitches = [69 + 12 * np.log2(loudest_frequency(note, sample_rate) / 440) for note in notes]
    np.testing.assert_allclose(pitches, [60, 60, 67, 67, 69, 69, 67], atol=0.3)


def test_tiny_songs_at_another_sample_rate(tiny):
    slow = load_tiny_songs(sample_rate=8000)
    assert slow.audio[0][1] == 8000
    assert len(slow.audio[0][0]) == pytest.approx(len(tiny.audio[0][0]) * 8000 / 22050, abs=1)
    assert slow.lyrics == tiny.lyrics


# The tool that made the tiny songs


@pytest.fixture(scope="module")
def abc():
    file = ROOT / "tools" / "abc_to_json.py"
    if not file.exists():
        pytest.skip("tools are not part of this installation")
    spec = importlib.util.spec_from_file_location("abc_to_json", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TUNE = """X:1
T:Test
%%tags calm test
M:3/4
L:1/8
Q:1/4=60
K:Dm
D2 | ^F2 F B,- B,2 | F2 z2 c'/c'/ b- | b3/ a/4 a/4 A4 |]
w: One two three four_ five six sev-en
"""


def test_abc_is_read(abc):
    (song,) = abc.read_abc(TUNE)
    assert song["tags"] == ["calm", "test"]
    assert song["tempo"] == 60
    assert song["lyrics"] == "One two three four five six seven"
    assert song["notes"] == [
        [0.0, 1.0, 62],  # the upbeat
        [1.0, 1.0, 66],  # F sharp,
        [2.0, 0.5, 66],  # which lasts for its bar
        [2.5, 1.5, 58],  # B flat by the key, tied to the next
        [4.0, 1.0, 65],  # F natural again
        [6.0, 0.25, 84],
        [6.25, 0.25, 84],
        [6.5, 1.25, 82],  # tied over the bar
        [7.75, 0.125, 81],
        [7.875, 0.125, 81],
        [8.0, 2.0, 69],
    ]


@pytest.mark.parametrize(
    ("field", "quarters"), [("1/4=92", 92), ("3/8=46", 69), ('"Slow" 1/2=30', 60), ("120", 60)]
)
def test_abc_tempo(abc, field, quarters):
    (song,) = abc.read_abc(TUNE.replace("1/4=60", field))
    assert song["tempo"] == quarters


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("F2 z2", "F2 z", "bar 3 has 2.5 quarters"),
        ("A4", "A4 A6", "bar -1 is too long"),
        ("One two", "One two a b c d e f", "15 syllables for 13 notes"),
        ("D2 |", "|: D2 |", "cannot read"),
    ],
)
def test_abc_faults_are_reported(abc, old, new, message):
    with pytest.raises(ValueError, match=message):
        abc.read_abc(TUNE.replace(old, new))


def test_shipped_songs_come_from_the_tool(abc, tmp_path, monkeypatch):
    source = Path(os.environ.get("SKDCCA_DATA", "")) / "tiny_pd_songs.abc"
    if not source.is_file():
        pytest.skip("set SKDCCA_DATA to the folder of tiny_pd_songs.abc")
    monkeypatch.setattr(sys, "argv", ["abc_to_json", str(source), str(tmp_path / "made.json")])
    abc.main()
    shipped = ROOT / "skdcca" / "datasets" / "data" / "tiny_songs.json"
    assert (tmp_path / "made.json").read_bytes() == shipped.read_bytes()


# Your own songs


@pytest.fixture
def folder(tmp_path):
    """Folder with two good songs: a.wav, a.txt, b.flac, b.txt."""
    tone = 0.1 * np.sin(np.arange(800))
    soundfile.write(tmp_path / "a.wav", tone, 8000)
    soundfile.write(tmp_path / "b.flac", tone, 8000)
    (tmp_path / "a.txt").write_text("words of a\nsecond line", encoding="utf-8")
    (tmp_path / "b.txt").write_text("\ufeffWörter von b\n", encoding="utf-8")
    return tmp_path


def write_table(folder, text, name="songs.csv"):
    (folder / name).write_bytes(text.encode("utf-8"))
    return folder / name


def test_folder_of_songs(folder):
    (folder / "cover.jpg").touch()
    (folder / ".hidden.txt").touch()
    songs = load_songs(folder)
    check_core(songs, 2)
    assert songs.audio == [str(folder / "a.wav"), str(folder / "b.flac")]
    assert songs.lyrics == ["words of a\nsecond line", "Wörter von b"]
    assert songs.ids == songs.titles == songs.groups.tolist() == ["a", "b"]
    assert songs.skipped == []


@pytest.mark.parametrize(("name", "mark"), [("s.csv", ","), ("s.tsv", "\t"), ("s.txt", "\t")])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_table_of_songs(folder, name, mark, start):
    (folder / "sub").mkdir()
    (folder / "a.wav").rename(folder / "sub" / "a.wav")
    rows = [
        ["id", "audio", "lyrics", "lyrics_path", "title", "group", "year"],
        ["one", "sub/a.wav", '"hey, ""you""\nsecond line"', "", "A song", "Ann", "1999"],
        ["two", str(folder / "b.flac"), "", "b.txt", "", "", ""],
    ]
    table = write_table(folder, start + "\r\n".join(mark.join(row) for row in rows), name)
    songs = load_songs(str(table))
    check_core(songs, 2)
    assert [Path(file).name for file in songs.audio] == ["a.wav", "b.flac"]
    assert songs.lyrics == ['hey, "you"\nsecond line', "Wörter von b"]
    assert songs.ids == ["one", "two"]
    assert songs.titles == ["A song", "b"]
    assert songs.groups.tolist() == ["Ann", "two"]


BAD_TABLE = """audio,lyrics,lyrics_path,id
a.wav,fine,,a
gone.wav,words,,b
noise.wav,words,,c
a.wav,,,d
a.wav,,gone.txt,e
a.wav,,empty.txt,f
a.wav,,latin.txt,g
a.wav,again,,a
,words,,h
a.wav,"two
lines",,i
a.wav,words, with, commas,j
silent.wav,,,k
"""


@pytest.fixture
def bad_table(folder):
    (folder / "noise.wav").write_bytes(b"this is no audio" * 20)
    (folder / "empty.txt").write_text(" \n")
    (folder / "latin.txt").write_bytes("schöner".encode("latin-1"))
    soundfile.write(folder / "silent.wav", np.zeros(0), 8000)
    return write_table(folder, BAD_TABLE)


FAULTS = [
    ("line 3", "audio file not found: .*gone.wav"),
    ("line 4", "audio file cannot be read: .*noise.wav"),
    ("line 5", "no lyrics given"),
    ("line 6", "lyrics file cannot be read: .*gone.txt"),
    ("line 7", "lyrics file is empty: .*empty.txt"),
    ("line 8", "lyrics are not UTF-8: save .*latin.txt"),
    ("line 9", "id 'a' is already that of line 2"),
    ("line 10", "no audio file given"),
    ("line 13", "more cells than columns: put the lyrics in quotes"),
    ("line 14", "audio file has no samples: .*silent.wav"),
    ("line 14", "no lyrics given"),
]


def test_all_faults_are_reported_at_once(bad_table):
    with pytest.raises(ValueError, match=r"10 of 12 songs .* cannot be used") as error:
        load_songs(bad_table)
    lines = str(error.value).splitlines()[1:-1]
    assert len(lines) == len(FAULTS)
    for line, (where, reason) in zip(lines, FAULTS, strict=True):
        assert re.search(f"^  {where}: {reason}", line)
    assert 'on_error="skip" to leave them out (2 remain)' in str(error.value)


def test_bad_songs_can_be_skipped(bad_table):
    with pytest.warns(UserWarning, match="10 of 12 songs .* are left out") as record:
        songs = load_songs(bad_table, on_error="skip")
    assert record[0].filename == __file__
    check_core(songs, 2)
    assert songs.ids == ["a", "i"]
    assert songs.lyrics == ["fine", "two\nlines"]
    assert [where for where, _ in songs.skipped] == [where for where, _ in FAULTS]


def test_skipping_all_songs_is_an_error(folder):
    table = write_table(folder, "audio,lyrics\ngone.wav,words\n")
    with pytest.raises(ValueError, match="1 of 1 songs") as error:
        load_songs(table, on_error="skip")
    assert "on_error" not in str(error.value)


def test_folder_faults(folder):
    soundfile.write(folder / "alone.wav", np.ones(10), 8000)
    soundfile.write(folder / "b.wav", np.ones(10), 8000)
    (folder / "text.txt").write_text("words")
    with pytest.raises(ValueError, match="3 of 4 songs") as error:
        load_songs(folder)
    message = str(error.value)
    assert "alone.wav: audio without text: put its lyrics into alone.txt" in message
    assert "text.txt: text without audio: expected text.wav (or .flac, .ogg, .mp3)" in message
    assert "b.flac: more files than one pair: b.flac, b.txt, b.wav" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("audio;lyrics\na.wav;words\n", r"lacks the column audio and .*\['audio;lyrics'\]"),
        ("audio,text\na.wav,words\n", r"lacks the column lyrics \(or lyrics_path\).*'text'"),
        ("", "lacks the column audio"),
        ("audio,lyrics\n", "no songs; add one row"),
    ],
)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_unusable_tables(folder, text, message, on_error):
    with pytest.raises(ValueError, match=message):
        load_songs(write_table(folder, text), on_error=on_error)


def test_unusable_paths(folder):
    (folder / "latin.csv").write_bytes("audio,lyrics\na.wav,schöner\n".encode("latin-1"))
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match=r"not UTF-8 .*; save it again as UTF-8"):
        load_songs(folder / "latin.csv")
    with pytest.raises(ValueError, match=r"no songs; expected pairs such as name.wav"):
        load_songs(folder / "empty")
    with pytest.raises(ValueError, match=r"ends in '.wav'; expected a table"):
        load_songs(folder / "a.wav")
    with pytest.raises(FileNotFoundError, match=r"nowhere.csv' does not exist"):
        load_songs(folder / "nowhere.csv")
    with pytest.raises(ValueError, match="on_error='ignore' is not known"):
        load_songs(folder, on_error="ignore")


# Tunes


def naive_distance(a, b):
    """Levenshtein distance from its recursive definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        naive_distance(a[1:], b) + 1,
        naive_distance(a, b[1:]) + 1,
        naive_distance(a[1:], b[1:]) + (a[0] != b[0]),
    )


def test_edit_distances_follow_their_definition():
    rng = np.random.RandomState(0)
    words = [rng.randint(3, size=rng.randint(1, 6)) for _ in range(12)]
    expected = [
        [naive_distance(list(a), list(b)) / max(len(a), len(b)) for b in words] for a in words
    ]
    np.testing.assert_allclose(_tunes.edit_distances(words), expected)


def melody(pitches, beat=1.0):
    return [[[beat * place, beat, pitch] for place, pitch in enumerate(pitches)]]


def test_tunes_are_told_by_melody_title_or_text():
    rng = np.random.RandomState(0)
    tune, *others = rng.randint(60, 73, (6, 40)).tolist()
    ornament = [[[0, 0.5, tune[0]], [0.5, 0.5, tune[0] + 1], *melody(tune)[0][1:]]]
    transposed = melody([pitch - 5 for pitch in tune], beat=2.0)
    texts = [" ".join(rng.choice(list("abcdefghij"), 30)) for _ in range(6)]
    misprint = texts[5][:-9] + "x x x x x"
    groups = _tunes.tune_groups(
        ["First", "Second", "Third", "Not so", "Noth so", "Sixth", "Last"],
        [*texts[:6], misprint],
        [melody(tune), transposed, ornament, *map(melody, others[:4])],
    )
    assert groups[0] == groups[1] == groups[2]  # other key and tempo; a passing note
    assert groups[3] == groups[4]  # old spelling
    assert groups[5] == groups[6]
    assert len(set(groups)) == 3


# Chorales

CHORALES = ["bwv8.6", "bwv26.6", "bwv161.6", "bwv244.15", "bwv286"]


@pytest.fixture
def few_chorales(monkeypatch, tmp_path):
    """Five pieces instead of all, and a cache of our own."""
    pytest.importorskip("music21")
    files = [file for file in _chorales._score_files() if file.stem in CHORALES]
    monkeypatch.setattr(_chorales, "_score_files", lambda: files)
    monkeypatch.setenv("SKDCCA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_parsing(monkeypatch):
    def refuse(*_):
        raise AssertionError("the cache was not used")

    return lambda: monkeypatch.setattr(_chorales, "_parse", refuse)


def test_a_few_chorales(few_chorales, capsys, no_parsing):
    songs = load_chorales(sample_rate=8000)
    check_core(songs, 5)
    assert songs.ids == CHORALES
    assert songs.titles[3] == "O Haupt voll Blut und Wunden"
    assert songs.lyrics[4] == (
        "Danket dem Herren, denn er ist sehr freundlich,\n"
        "und seine Güt' und Wahrheit bleibet ewiglich."
    )
    assert songs.lyrics[3].splitlines()[:3] == [
        "O Haupt voll Blut und Wunden,",
        "voll Schmerz und voller Hohn!",
        "O Haupt, zu Spott gebunden",  # words of the repeat
    ]
    # one tune in another key, and nothing else in common
    assert songs.groups[2] == songs.groups[3]
    assert len(set(songs.groups)) == 4
    # 24 and 80 quarter notes (44 + 20 + 16, with first and second ending) of 0.75 seconds
    seconds = [soundfile.info(songs.audio[i]).duration for i in (4, 0)]
    assert seconds == pytest.approx([18, 60], abs=0.1)
    assert soundfile.info(songs.audio[0]).samplerate == 8000
    assert capsys.readouterr() == ("", "")

    no_parsing()
    again = load_chorales(sample_rate=8000)
    assert all(np.array_equal(songs[field], again[field]) for field in CORE)
    assert len(list(few_chorales.rglob("*"))) == 1 + 1 + 5  # no temporary files


def test_the_last_chord_sounds_as_written(few_chorales):
    """The notes of all four parts, read from the score by other means, are heard at the end."""
    from music21 import corpus

    waveform, sample_rate = soundfile.read(load_chorales(sample_rate=8000).audio[4])
    frequencies, amplitudes = spectrum(waveform[-int(0.7 * sample_rate) :], sample_rate)
    for part in corpus.parse("bach/bwv286").parts:
        hertz = part.flatten().notes[-1].pitch.frequency
        assert amplitudes[np.abs(frequencies - hertz) < 3].max() > 0.1


def test_damaged_or_missing_cache_is_made_again(few_chorales, no_parsing, capsys):
    songs = load_chorales(sample_rate=8000, cache=few_chorales / "other", verbose=1)
    assert "reading chorales" in capsys.readouterr().err
    (cached,) = (few_chorales / "other").glob("*.json.gz")
    content = gzip.decompress(cached.read_bytes())
    for damage in (b"no gzip", cached.read_bytes()[:100], gzip.compress(b"{")):
        cached.write_bytes(damage)
        assert load_chorales(sample_rate=8000, cache=few_chorales / "other").ids == songs.ids
        assert gzip.decompress(cached.read_bytes()) == content
    Path(songs.audio[1]).unlink()
    no_parsing()
    load_chorales(sample_rate=8000, cache=few_chorales / "other")
    assert all(Path(file).exists() for file in songs.audio)


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def write_half():
        with atomic_write(tmp_path / "file") as unfinished:
            unfinished.write_text("half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_chorales_say_how_to_get_music21(monkeypatch, tmp_path):
    def missing(_):
        raise PackageNotFoundError

    monkeypatch.setattr(_chorales, "version", missing)
    with pytest.raises(ImportError, match=r'pip install "skdcca\[songs\]"'):
        load_chorales(cache=tmp_path)


@pytest.mark.slow
def test_all_chorales(tmp_path):
    pytest.importorskip("music21")
    songs = load_chorales(cache=tmp_path, sample_rate=8000, n_jobs=2)
    check_core(songs, len(songs.ids))
    assert len(songs.ids) > 300
    sizes = np.unique(songs.groups, return_counts=True)[1]
    assert 150 < len(sizes) < 250
    assert sizes.max() < 15
    group = dict(zip(songs.ids, songs.groups, strict=True))
    assert group["bwv270"] == group["bwv244.62"] == group["bwv153.5"]  # passion chorale
    assert group["bwv392"] == group["bwv244.37"] == group["bwv13.6"]  # Innsbruck
    assert group["bwv326"] == group["bwv327"]  # Old Hundredth, two texts
    assert group["bwv70.11"] != group["bwv379"]  # two hymns that begin with the same words
    words = [len(text.split()) for text in songs.lyrics]
    assert min(words) > 10
    assert 30 < np.median(words) < 45
