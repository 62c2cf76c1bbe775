"""Songs on the page: their words, marks and times, from metadata that may contain anything."""

import pytest
from _page import client_of, number_index

from skdcca import Transcript
from skdcca.web import _limits
from skdcca.web._songs import marked

pytest.importorskip("fastapi", reason='the page needs the extra: pip install "skdcca[web]"')
# Starlette deprecates httpx for its test client.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

HEARD = {"language": "en", "segments": [[0.0, 2.5, " the moon "], [2.5, 4, "is far"]]}
SEGMENTS = [
    {"start": 0.0, "end": 2.5, "text": "the moon"},
    {"start": 2.5, "end": 4.0, "text": "is far"},
]


def client_with(*metadata):
    n_more = max(0, 4 - len(metadata))
    return client_of(number_index(4, metadata=[*metadata, *[{}] * n_more]))


def test_all_words_of_a_song():
    client = client_with(
        {"title": "Moon", "lyrics": "the moon\nis far", "heard": HEARD},
        {"title": "Heard", "lyrics": " ", "heard": HEARD},
        {},
    )
    assert client.get("/api/song/0").json() == {
        "title": "Moon",
        "lyrics": "the moon\nis far",
        "heard": SEGMENTS,
    }
    assert client.get("/api/song/1").json() == {"title": "Heard", "lyrics": "", "heard": SEGMENTS}
    assert client.get("/api/song/2").json() == {"title": "2", "lyrics": "", "heard": []}


def test_texts_of_the_index_are_shown():
    transcript = Transcript.of("en", HEARD["segments"])
    texts = ["the sun", transcript, "another text", None]
    metadata = [{}, {}, {"lyrics": "the moon", "heard": HEARD}, {}]
    client = client_of(number_index(4, metadata=metadata, texts=texts))
    words = [client.get(f"/api/song/{position}").json() for position in range(4)]
    assert [one["lyrics"] for one in words] == ["the sun", "", "the moon", ""]
    assert [one["heard"] != [] for one in words] == [False, True, True, False]
    assert words[1]["heard"][1] == SEGMENTS[1]


@pytest.mark.parametrize("position", ["4", "-1", "00", "x", "٣"])
def test_unknown_songs(position):
    client = client_with()
    for what in ("song", "like", "waveform"):
        answer = client.get(f"/api/{what}/{position}")
        assert answer.status_code == 404


def test_words_that_were_heard_are_never_taken_for_lyrics():
    client = client_with({"lyrics": "the sun", "heard": HEARD}, {"lyrics": "", "heard": HEARD})
    hits = [client.get("/api/like/0").json()["seed"]]
    hits += sorted(client.get("/api/like/0").json()["results"], key=lambda hit: hit["position"])
    assert [(hit["source"], hit["excerpt"]) for hit in hits] == [
        ("lyrics", "the sun"),
        ("heard", "the moon\nis far"),
        (None, ""),
        (None, ""),
    ]


BAD_SEGMENTS = [
    None, "x", {}, [], [1], [0, 1], [0, 1, 2], [0, 1, ""], [0, 1, " "], [0, 1, "a", "b"],
]  # fmt: skip


def test_metadata_of_any_kind():
    heard = {"segments": [*BAD_SEGMENTS, [-1, True, "a"], ["0", None, "\udce9"], [1e400, 2, "b"]]}
    heard["segments"][-1][0] = 10**400  # too large for a float
    client = client_with(
        {"heard": heard, "lyrics": 7}, {"heard": "x"}, {"heard": {"segments": "x"}}, {"lyrics": []}
    )
    words = [client.get(f"/api/song/{position}").json() for position in range(4)]
    assert [segment["text"] for segment in words[0]["heard"]] == ["a", "?", "b"]
    assert [segment["start"] for segment in words[0]["heard"]] == [None, None, None]
    assert [segment["end"] for segment in words[0]["heard"]] == [None, None, 2.0]
    assert [one["heard"] for one in words[1:]] == [[], [], []]
    assert [one["lyrics"] for one in words] == ["7", "", "", "[]"]


def test_long_words_are_cut(monkeypatch):
    monkeypatch.setattr(_limits, "MAX_TEXT", 5)
    monkeypatch.setattr(_limits, "MAX_LINES", 1)
    words = client_with({"lyrics": "the moon", "heard": HEARD}).get("/api/song/0").json()
    assert words["lyrics"] == "the m"
    assert words["heard"] == SEGMENTS[:1]


@pytest.mark.parametrize(
    ("line", "marks", "expected"),
    [
        ("the moon", [(4, 8)], [["the ", False], ["moon", True]]),
        ("the moon", [(4, 8), (0, 3)], [["the moon", True]]),
        ("the moon, is", [(4, 8), (10, 12)], [["the ", False], ["moon, is", True]]),
        ("the moon is", [(0, 3), (9, 11)], [["the", True], [" moon ", False], ["is", True]]),
        ("𝄞𝄞 moon", [(3, 7)], [["𝄞𝄞 ", False], ["moon", True]]),  # two units each in a browser
        ("moon", [], [["moon", False]]),
        ("moon", [(0, 2), (1, 99)], [["moon", True]]),
        ("moon", [(2, 2), (3, 1)], [["moon", False]]),
        ("", [], []),
    ],
)
def test_marks(line, marks, expected):
    assert marked(line, marks) == expected
