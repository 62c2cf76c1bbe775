"""The page of an index of several views in headless Chromium; skipped if there is no browser."""

import pytest
from _page import song
from sklearn.feature_extraction.text import CountVectorizer
from test_web_browser import CONTRAST, Page
from test_web_browser import address as address
from test_web_browser import driver as driver
from test_web_browser import narrow as narrow
from test_web_browser import page as page
from test_web_browser import scheme as scheme
from test_web_browser import serving as serving
from test_web_views import N_SONGS, NO_AUDIO, NO_LYRICS, NO_TAGS, number_views, views_index

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return views_index(tmp_path_factory.mktemp("songs"))


def titles_of(index, view, V, find):
    _, ids = index.query(view=view, V=V, find=find, n_neighbors=10)
    return [index.metadata_[name]["title"] for name in ids[0].tolist()]


def type_tags(page, tags):
    field = page.element("tags")
    field.clear()
    field.send_keys(tags, "\n")
    page.wait("return answer !== null")
    page.wait_for_answer()


def choose(page, name):
    """Choose what is searched."""
    page.run(
        "[...document.querySelectorAll('.option')].find((e) => e.textContent === arguments[0]).click()",
        name,
    )
    page.wait(
        "return document.querySelector('[aria-pressed=true]')?.textContent === arguments[0]", name
    )
    page.wait_for_answer()


def test_a_line_is_compared_with_sound_or_tags(page, index):
    line = song(index, 3)["lyrics"].split("\n")[2]
    page.search(line)
    assert page.texts("#results .title") == titles_of(index, "lyrics", [line], "audio")
    assert (page.text("words-heading"), page.text("sound-heading")) == (
        "These words are in",
        "Sounds like it",
    )
    assert page.texts(".option") == ["sound", "tags"]  # but not lyrics, which were asked for
    choose(page, "tags")
    assert page.texts("#results .title") == titles_of(index, "lyrics", [line], "tags")
    assert page.text("sound-heading") == "Tags that go with it"
    assert "find=tags" in page.run("return location.hash")
    page.driver.back()
    page.wait("return document.querySelector('[aria-pressed=true]').textContent === 'sound'")
    page.click("#results [aria-expanded]")
    page.wait("return document.querySelector('#results .figures')")
    assert "the sound of this song goes with words like yours" in page.texts("#results .why")[0]


def test_a_tag_of_a_card_is_searched(page, index):
    page.search("gentle moon")
    tag = page.texts("#results .tag")[0]
    page.click("#results .tag")
    page.wait("return answer.asked === 'tags'")
    assert page.element("tags").get_property("value") == tag
    assert page.element("text").get_property("value") == ""
    assert page.text("words-heading") == "This tag is on"
    assert page.texts("#results .title") == titles_of(index, "tags", [tag], "audio")
    assert set(page.texts(".tag.asked")) == {tag}
    assert page.run("return location.hash") == f"#/?tags={tag}"
    page.click("#results [aria-expanded]")
    page.wait("return document.querySelector('#results .figures')")
    assert "tags like yours" in page.texts("#results .why")[0]
    assert "The tags of another song fit this one" in page.texts("#results .why")[0]


def test_common_tags_can_be_tried(page):
    tag = page.texts("#common-tags .tag")[0]
    page.click("#common-tags .tag")
    page.wait("return answer?.asked === 'tags'")
    assert page.text("state").endswith("have this tag.")
    type_tags(page, f"{tag}; qwertz")
    assert page.text("words-heading") == "Some of these tags are on"
    type_tags(page, "qwertz")
    assert page.text("note").startswith("The model knows none of these tags")
    assert page.text("words-note") == "No song here has this tag."


def test_a_clip_and_tags_are_searched_together(page, index):
    path = song(index, 7)["audio"]
    page.upload(path)
    page.wait("return answer?.asked === 'sound'")
    assert page.texts("#results .title") == titles_of(index, "audio", [path], "lyrics")
    choose(page, "tags")
    assert page.texts("#results .title") == titles_of(index, "audio", [path], "tags")
    page.element("tags").send_keys("fast; happy\n")
    page.wait("return answer.tags.length === 2")
    both = titles_of(index, ("audio", "tags"), [[path, "fast; happy"]], "lyrics")
    assert page.texts("#results .title") == both
    assert page.text("heading") == "Songs for song07.wav and the tags fast, happy"
    assert page.texts("#seed .tag") == ["fast", "happy"]
    page.driver.back()
    page.wait("return answer.tags.length === 0")
    assert page.element("tags").get_property("value") == ""


def test_typed_tags_go_with_a_clip(page):
    page.element("tags").send_keys("fast")
    assert page.text("drop-text") == "Search with a clip and these tags"
    page.run("""
        fetch('/audio/7').then((answer) => answer.blob())
          .then((sound) => askSound(new File([sound], 'dropped.wav')));""")
    page.wait("return answer?.asked === 'sound' && answer.tags[0] === 'fast'")


def test_unknown_tags_are_left_out_and_it_is_said(page):
    page.search("gentle moon")
    before = page.texts("#results .title")
    page.element("tags").send_keys("qwertz")
    page.click(".go")
    page.wait("return answer.without.length")
    assert page.texts("#results .title") == before
    assert page.text("note").startswith(
        "The model knows none of these tags, so they were left out."
    )


def test_more_like_a_song_by_any_view(page):
    page.open("#/?like=3")
    assert page.texts(".choice-title, .option") == ["Alike by", "sound", "lyrics", "tags"]
    first = page.texts("#results .title")
    choose(page, "tags")
    assert page.texts("#results .title") != first
    assert page.run("return location.hash") == "#/?like=3&view=tags"
    page.click("#results [aria-expanded]")
    assert page.texts("#results .why p")[0].startswith(
        "To the model, the tags of this song are like those of"
    )


def test_the_map_shows_the_view_that_is_searched(page):
    dots = "return document.querySelectorAll('#map .dot').length"
    assert page.run(dots) == N_SONGS - len(NO_AUDIO)
    assert page.text("caption").endswith("Songs without sound are not on it.")
    page.search("gentle moon")
    assert len(page.texts("#map .star")) == 1
    choose(page, "tags")
    assert page.run(dots) == N_SONGS - len(NO_TAGS)
    page.open(f"#/?like={NO_AUDIO[0]}")
    assert page.run(dots) == N_SONGS - len(NO_LYRICS)
    assert page.text("caption").endswith("Songs without lyrics are not on it.")


def test_other_indexes_show_what_they_take(driver, serving):
    page = Page(driver, serving(number_views()))
    assert (page.shown("by-lyrics"), page.shown("by-tags"), page.shown("by-sound")) == (
        True,
        False,
        False,
    )
    page.search("wind rain")
    assert page.texts(".option") == ["pitch", "tempo"]
    assert page.text("sound-heading") == "Pitch that goes with it"
    page.check_quiet()


def test_a_line_can_belong_to_another_view(driver, serving):
    page = Page(driver, serving(number_views(theme=(CountVectorizer(), 0))))
    page.search("wind rain")
    assert page.texts(".choice:first-child > *") == ["Your line is", "lyrics", "theme"]
    choose(page, "theme")
    assert page.run("return answer.views") == ["theme"]
    assert not page.shown("words-list")
    page.click("#results [aria-expanded]")
    page.wait("return document.querySelector('#results .figures')")
    assert page.texts("#results .why p")[0].endswith("texts like yours.")
    page.check_quiet()


def test_a_narrow_window_needs_no_sideways_scrolling(narrow, page):
    fits = "return document.documentElement.scrollWidth <= window.innerWidth"
    assert page.run(fits)
    page.search("gentle moon")
    assert page.run(fits)
    small = page.run("""
        return [...document.querySelectorAll('button, .drop')].filter((e) => e.checkVisibility())
          .filter((e) => e.getBoundingClientRect().height < 38).map((e) => e.className);""")
    assert small == []


@pytest.mark.parametrize("name", ["light", "dark"])
def test_texts_have_enough_contrast(page, scheme, name):
    scheme(name)
    type_tags(page, "slow; sad")
    assert page.run("return document.querySelectorAll('.tag.asked').length") > 0
    page.click("#results [aria-expanded]")
    assert page.run(CONTRAST) == []


def test_the_page_works_by_keyboard(page):
    from selenium.webdriver.common.keys import Keys

    page.press("/", Keys.TAB, Keys.TAB)
    assert page.focused() == "tags"
    page.press("slow", Keys.ENTER)
    page.wait("return answer?.asked === 'tags'")
    page.press(Keys.TAB, Keys.TAB)
    assert page.run("return document.activeElement === cards()[0]")
    chips = page.run("""
        return [...document.querySelectorAll('.tag, .option')].filter((e) => e.checkVisibility());""")
    assert all(chip.accessible_name.strip() for chip in chips)
    assert {chip.aria_role for chip in chips} == {"button"}
