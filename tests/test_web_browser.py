"""The page in headless Chromium; skipped if there is no browser."""

import os
import shutil

import pytest
from _page import BAD_NAMES, WAIT, number_index, servers, song, start, synthetic_index

from skdcca import web

pytest.importorskip("fastapi", reason='the page needs the extra: pip install "skdcca[web]"')
pytest.importorskip("selenium", reason="the browser is driven by selenium")


ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--window-size=1200,900",
    "--autoplay-policy=no-user-gesture-required",
]


# The browser's own message for a response with an error status.
REFUSED = "Failed to load resource: the server responded with a status of"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return synthetic_index(tmp_path_factory.mktemp("songs"))


@pytest.fixture(scope="module")
def serving():
    """Return a function that serves an index and returns its address."""
    with servers() as serve:
        yield lambda index: f"http://127.0.0.1:{serve(web.make_app(index))}"


@pytest.fixture(scope="module")
def driver():
    from selenium import webdriver

    browser = shutil.which("chromium") or shutil.which("google-chrome")
    service = shutil.which("chromedriver")
    if not browser or not service:
        pytest.skip("no chromium with chromedriver on this machine")
    os.environ["SE_OFFLINE"] = "true"  # keeps selenium from looking for a driver online
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(service))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(serving, index):
    return serving(index)


@pytest.fixture
def page(driver, address):
    page = Page(driver, address)
    yield page
    page.check_quiet()


class Page:
    """The page, newly opened, and the actions of a user."""

    def __init__(self, driver, address):
        self.driver, self.address, self.refusals = driver, address, 0
        driver.get_log("browser")
        driver.get(address)
        self.wait("return document.querySelector('#caption').textContent")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, *arguments):
        """Return the value of a script once it is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(self.driver, WAIT, poll_frequency=0.05)
        return wait.until(lambda driver: driver.execute_script(script, *arguments), script)

    def element(self, name):
        from selenium.webdriver.common.by import By

        return self.driver.find_element(By.ID, name)

    def texts(self, selector):
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
        return self.run(script, selector)

    def text(self, name):
        return self.run("return document.getElementById(arguments[0]).textContent", name)

    def shown(self, name):
        return self.element(name).is_displayed()

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def press_shifted(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        shifted = ActionChains(self.driver).key_down(Keys.SHIFT).send_keys(*keys)
        shifted.key_up(Keys.SHIFT).perform()

    def focused(self):
        return self.run("return document.activeElement.id || document.activeElement.textContent")

    def search(self, text):
        field = self.element("text")
        field.clear()
        field.send_keys(text, "\n")
        self.wait_for_answer()

    def upload(self, path):
        self.element("file").send_keys(str(path))
        self.wait_for_answer()

    def wait_for_answer(self):
        self.wait("return !document.body.classList.contains('searching')")

    def check_quiet(self):
        """Check that there were no unexpected errors and no requests to other hosts."""
        errors = [entry["message"] for entry in self.driver.get_log("browser")]
        unexpected = [message for message in errors if REFUSED not in message]
        assert not unexpected
        assert len(errors) == self.refusals
        names = self.run("return performance.getEntriesByType('resource').map((e) => e.name)")
        assert names
        own = (self.address, f"blob:{self.address}", "data:")
        assert all(name.startswith(own) for name in names)


def test_a_line_finds_songs_in_order(page, index):
    lyrics = song(index, 3)["lyrics"].replace("\n", " ")
    page.search(lyrics)
    scores, ids = index.query(y=[lyrics], n_neighbors=10)
    titles = [index.metadata_[name]["title"] for name in ids[0].tolist()]
    assert page.texts("#results > li .title") == titles
    assert page.texts("#results .score output") == [f"{s:.2f}".replace("-", "−") for s in scores[0]]
    assert page.texts("#results .place") == [str(place) for place in range(1, 11)]
    n_above = int((scores[0] > index.chance_score("y")).sum())
    assert page.text("state") == f"10 songs found, {n_above} above chance."
    assert page.texts("#results .verdict").count("above chance") == n_above
    assert f"at {index.chance_score('y'):.2f} is the chance level" in page.text("explain")
    assert not page.shown("note")
    assert page.texts("#map .badge") == [str(place) for place in range(1, 11)]
    assert len(page.texts("#map .star")) == 1
    assert len(page.texts("#map .pair")) == 10


def test_bars_show_score_and_chance(page, index):
    lyrics = song(index, 3)["lyrics"].replace("\n", " ")
    page.search(lyrics)
    bar, mark = page.run("""
        const bar = document.querySelector('#results .bar'), width = bar.clientWidth;
        const mark = bar.querySelector('b'), fill = bar.querySelector('i');
        return [fill.clientWidth / width, (mark.offsetLeft + 1) / width];""")
    assert bar == pytest.approx(index.query(y=[lyrics], n_neighbors=1)[0].item(), abs=0.02)
    assert mark == pytest.approx(index.chance_score("y"), abs=0.02)


def test_a_song_plays_and_stops_the_one_before(page, index):
    page.search(song(index, 3)["lyrics"].replace("\n", " "))
    ready = "return document.querySelectorAll('#results audio')[arguments[0]].readyState"
    assert page.run(ready, 0) == 0  # nothing is loaded in advance
    play = "document.querySelectorAll('#results audio')[arguments[0]].play()"
    at = "return document.querySelectorAll('#results audio')[arguments[0]].currentTime > 0"
    page.run(play, 0)
    page.wait(at, 0)
    assert page.run("return document.querySelector('#results audio').src").endswith("/audio/3")
    page.run(play, 1)
    page.wait(at, 1)
    assert page.run("return document.querySelectorAll('#results audio')[0].paused")


def test_a_clip_finds_its_lyrics(page, index):
    page.upload(song(index, 7)["audio"])
    assert page.text("heading") == "Lyrics for song07.wav"
    assert page.texts("#results .title")[0] == song(index, 7)["title"]
    assert page.texts("#results .excerpt")[0].startswith(song(index, 7)["lyrics"][:80])
    assert page.text("error") == ""
    page.run("document.getElementById('own').play()")
    page.wait("return document.getElementById('own').currentTime > 0")


def test_a_dropped_clip_finds_its_lyrics(page, index):
    page.run("""
        fetch('/audio/7').then((answer) => answer.blob()).then((sound) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([sound], 'dropped.wav'));
          const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
          document.querySelector('.map').dispatchEvent(new DragEvent('dragover', options));
          document.querySelector('.map').dispatchEvent(new DragEvent('drop', options));
        });""")
    page.wait("return document.querySelector('#heading').textContent.endsWith('dropped.wav')")
    assert page.texts("#results .title")[0] == song(index, 7)["title"]


def test_a_bad_clip_shows_a_message_and_keeps_the_results(page, tmp_path):
    page.search("gentle moon")
    before = page.texts("#results .title")
    bad = tmp_path / "notes.wav"
    bad.write_text("la la la")
    page.upload(bad)
    page.refusals = 1
    assert "cannot be read as audio" in page.text("error")
    assert "previous search" in page.text("state")
    assert page.shown("error")
    assert page.texts("#results .title") == before
    page.search("gentle moon")
    assert page.text("error") == ""


def test_an_empty_query_shows_a_message(page):
    page.element("text").send_keys("\n")
    page.wait_for_answer()
    page.refusals = 1
    assert page.text("error") == "Type a line of lyrics first."


def test_a_large_file_is_refused_before_it_is_sent(page, tmp_path):
    page.run("about.limits.bytes = 1000")
    large = tmp_path / "large.wav"
    large.write_bytes(bytes(1001))
    page.upload(large)
    assert "large.wav is too large" in page.text("error")


def test_nothing_stands_out(page, index):
    lines = [song(index, at)["lyrics"].split("\n")[0] for at in range(40)]
    weakest = lines[index.query(y=lines, n_neighbors=1)[0].argmin()]
    page.search(weakest)
    expected = "No result is above chance: unrelated songs reach the same scores."
    assert page.text("note") == expected
    assert page.shown("note")
    assert page.text("state") == "10 songs found, none above chance."
    assert len(page.texts("#results > li.weak")) == len(page.texts("#results > li")) == 10


def test_unknown_words_are_reported(page):
    page.search("qwertz uiop asdf")
    assert page.text("note").startswith("The model knows none of these words")
    assert page.shown("note")


def test_without_a_level_chance_is_not_mentioned(driver, serving, index):
    from skdcca.retrieval import CrossModalIndex

    files = [song(index, at)["audio"] for at in range(10)]
    page = Page(driver, serving(CrossModalIndex(index.estimator).fit(files)))
    assert not page.shown("by-sound")
    page.search("gentle moon")
    assert page.text("state") == "10 songs found, best first."
    assert not page.shown("note")
    assert page.texts(".verdict") == page.texts(".bar b") == page.texts(".weak") == []
    page.check_quiet()


def test_a_later_query_replaces_an_earlier_one(page):
    page.run("""
        const real = window.fetch;
        window.fetch = async (url, options) => {
          window.fetch = real;
          const answer = await real(url, { ...options, signal: undefined });
          await new Promise((release) => { window.release = release; });
          return answer;
        };""")
    page.element("text").send_keys("gentle moon\n")
    page.wait("return Boolean(window.release)")
    page.search("wild storm")
    page.driver.execute_async_script("window.release(); setTimeout(arguments[0], 50)")
    assert page.text("heading") == "Songs for “wild storm”"


def test_a_stopped_server_is_reported(driver, index):
    address, server, thread = start(web.make_app(index))
    page = Page(driver, address)
    server.should_exit = server.force_exit = True
    thread.join(WAIT)
    page.search("gentle moon")
    assert "Is skdcca serve still running?" in page.text("error")
    driver.get_log("browser")


def test_hostile_metadata_is_shown_and_does_not_run(driver, serving, index):
    from skdcca.retrieval import CrossModalIndex

    files = [song(index, at)["audio"] for at in range(4)]
    texts = [song(index, at)["lyrics"] for at in range(4)]
    names = [name.replace("alert(1)", "window.ran=1") for name in BAD_NAMES]
    metadata = [{"title": name, "group": f"{name} ", "lyrics": name} for name in names]
    index = CrossModalIndex(index.estimator).fit(files, texts, metadata=metadata)
    page = Page(driver, serving(index))
    page.search("gentle moon")
    shown = page.texts("#results .title")
    assert sorted(shown) == sorted([*names[:2], "?t?", names[3]])
    assert page.texts("#results .excerpt, #results .group")
    page.run("document.querySelector('.badge').dispatchEvent(new Event('focus'))")
    assert page.text("tip") == f"1. {shown[0]}"
    assert page.run("return window.ran") is None
    assert page.run("return document.querySelectorAll('main img, main script').length") == 0
    page.check_quiet()


def test_resources_of_other_origins_are_blocked(driver, address):
    blocked = Page(driver, address).driver.execute_async_script("""
        document.addEventListener('securitypolicyviolation', (e) => arguments[0](e.blockedURI));
        const image = new Image();
        image.src = 'http://elsewhere.invalid/x.png';""")
    assert "elsewhere.invalid" in blocked


def test_the_page_works_by_keyboard(page, index):
    from selenium.webdriver.common.keys import Keys

    page.press(Keys.TAB)
    assert page.focused() == "text"
    page.press("gentle moon", Keys.TAB, Keys.ENTER)  # on the button
    page.wait_for_answer()
    assert page.text("heading") == "Songs for “gentle moon”"
    page.press(Keys.TAB)
    assert page.focused() == "file"
    label = "return getComputedStyle(document.querySelector('.drop')).outlineStyle"
    assert page.run(label) == "solid"
    page.press(Keys.TAB)
    tag = page.run("return document.activeElement.tagName")
    assert tag == "AUDIO"
    assert page.run("return document.querySelector('#badge-1').classList.contains('lit')")
    page.press_shifted(Keys.TAB, Keys.TAB, Keys.TAB)
    assert page.focused() == "text"
    page.press("wild storm", Keys.ENTER)
    page.wait("return document.querySelector('#heading').textContent.includes('storm')")


def test_numbers_on_the_map_lead_to_the_list(page):
    page.search("gentle moon")
    page.run("document.getElementById('badge-2').focus()")
    title = page.texts("#results .title")[1]
    assert page.text("tip") == f"2. {title}"
    assert page.shown("tip")
    assert "lit" in page.element("result-2").get_attribute("class")
    from selenium.webdriver.common.keys import Keys

    page.press(Keys.ENTER)
    assert page.run("return location.hash") == "#result-2"


def test_points_of_the_map_show_their_titles(page, index):
    page.run("""
        const dot = document.querySelector('#map .dot'), box = dot.getBoundingClientRect();
        dot.dispatchEvent(new PointerEvent('pointermove', {
          clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true }));""")
    assert page.text("tip") == f"{song(index, 0)['title']} (audio)"
    assert page.run("return document.querySelectorAll('#map .dot').length") == 40
    assert page.run("return document.querySelectorAll('#map .tri').length") == 40


def test_examples_can_be_tried(page):
    line = page.texts("#tries button")[1]
    page.run("document.querySelectorAll('#tries button')[1].click()")
    page.wait("return document.querySelectorAll('#results li').length === 10")
    assert page.element("text").get_property("value") == line


@pytest.fixture
def narrow(driver):
    size = {"width": 375, "height": 812, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_narrow_window_needs_no_sideways_scrolling(narrow, driver, serving):
    long = "a" * 300
    metadata = [{"title": long, "group": long + "b", "lyrics": long}] * 30
    page = Page(driver, serving(number_index(metadata=metadata)))
    fits = "return document.documentElement.scrollWidth <= window.innerWidth"
    assert page.run("return window.innerWidth") == 375
    assert page.run(fits)
    # A model of numbers takes no text, so the test writes the answer itself.
    page.run("""
        const hit = { place: 1, position: 0, title: 'a'.repeat(300), group: 'b'.repeat(300),
          excerpt: 'c'.repeat(300), score: 0.5, above_chance: true, has_audio: true,
          sound: [0, 0], lyrics: [1, 1] };
        show({ asked: 'lyrics', level: 0.4, stands_out: true, understood: true, gallery: 30,
          query: [0, 1], results: [hit, { ...hit, place: 2 }] }, ['Songs for ', 'd'.repeat(300)]);
        fail('e'.repeat(300));""")
    assert page.run(fits)
    assert page.run("""
        return document.querySelector('.map').getBoundingClientRect().top >=
          document.querySelector('#results').getBoundingClientRect().bottom""")


def test_dark_mode(page, driver):
    ground = "return getComputedStyle(document.body).backgroundColor"
    found = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        found.append(max(map(int, page.run(ground)[4:-1].split(", "))))
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert found[0] > 230
    assert found[1] < 40


def test_screen_readers_get_names_and_roles(page):
    assert page.run("return document.documentElement.lang") == "en"
    assert page.driver.title
    assert page.run("return document.querySelectorAll('h1').length") == 1
    assert page.run("return document.getElementById('text').labels.length") == 1
    for name, role in (("state", "status"), ("error", "alert")):
        assert page.element(name).aria_role == role
    page.search("gentle moon")
    assert page.run("return document.getElementById('results').tagName") == "OL"
    names = page.run("return [...document.querySelectorAll('audio')].map((a) => a.ariaLabel)")
    assert all(names)
    assert len(set(names)) == len(names)
