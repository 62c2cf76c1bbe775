"""The page in headless Chromium; skipped if there is no browser."""

import os
import re
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
        self.open("")

    def open(self, query):
        """Open an address of the page as if it were typed into a new tab."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}/{query}")
        self.wait("return document.querySelector('#caption').textContent")
        self.wait_for_answer()

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

    def click(self, selector):
        self.run("document.querySelector(arguments[0]).click()", selector)

    def time(self):
        """Return the position of the player in seconds once it is known."""
        self.wait("return sound.readyState > 0 && !sound.seeking")
        return self.run("return sound.currentTime")

    def wait_for_answer(self):
        self.wait("return !document.body.classList.contains('searching') && running === null")

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


# ---- results ----------------------------------------------------------------------------------


def test_a_line_finds_songs_by_words_and_by_sound(page, index):
    line = song(index, 3)["lyrics"].split("\n")[2]
    page.search(line)
    found = index.find_words(line, 10)
    assert page.texts("#words .title") == [index.metadata_[one.id]["title"] for one in found]
    _, ids = index.query(y=[line], n_neighbors=10)
    titles = [index.metadata_[name]["title"] for name in ids[0].tolist()]
    assert page.texts("#results .title") == titles
    assert page.text("words-heading") == "These words are in"
    assert page.text("sound-heading") == "Sounds like it"
    assert page.text("state") == "1 song has these words."
    assert page.texts("#words .line mark")[0] == line
    shown = page.run("return document.querySelector('main').innerText")
    assert not re.search(r"score|chance level|p =|\d\.\d\d", shown)  # no statistics unasked


def test_more_results_are_shown_on_demand(page):
    page.search("gentle moon")
    count = "return [...document.querySelectorAll('#results > li')].filter((e) => !e.hidden).length"
    before = page.run(count)
    assert 0 < before < 10
    assert page.text("results-more") == f"Show {10 - before} more"
    page.click("#results-more")
    assert page.run(count) == 10
    assert not page.shown("results-more")
    focused = page.run(
        "return [...document.querySelectorAll('.hit')].indexOf(document.activeElement)"
    )
    assert focused == page.run("return document.querySelectorAll('#words .hit').length") + before


def test_why_this(page, index):
    line = song(index, 3)["lyrics"].split("\n")[2]
    page.search(line)
    assert page.texts(".why > *") == []
    page.click("#words [aria-expanded]")
    page.wait("return document.querySelector('#words .words-of')")
    assert page.texts("#words .why p")[0] == "The words are here exactly as you typed them."
    assert page.texts("#words .words-of .matched") == [line]
    assert len(page.texts("#words .words-of p")) == len(song(index, 3)["lyrics"].split("\n"))
    page.click("#results [aria-expanded]")
    page.wait("return document.querySelector('#results .words-of')")
    figures = page.texts("#results .figures")[0]
    score = index.query(y=[line], n_neighbors=1)[0].item()
    assert figures.startswith(f"Score of the sound: {score:.2f}".replace("-", "−"))
    assert re.search(r"fits this one as well in .*% of cases", page.texts("#results .why")[0])
    page.click("#words [aria-expanded]")
    assert page.run("return document.querySelector('#words .why').hidden")


def test_unknown_words_are_reported(page):
    page.search("qwertz uiop asdf")
    assert page.text("state") == "Nothing found."
    assert page.text("words-note").startswith("No song here has these words. Try")
    assert page.text("note").startswith("The model knows none of these words")
    assert page.shown("words-note")
    assert page.shown("note")
    assert page.run("return cards().length") == 0
    page.click("#results-more")
    assert page.run("return cards().length") == 10


def test_without_lyrics_chance_is_not_mentioned(driver, serving, index):
    from skdcca.retrieval import CrossModalIndex

    files = [song(index, at)["audio"] for at in range(10)]
    page = Page(driver, serving(CrossModalIndex(index.estimator).fit(files)))
    assert not page.shown("by-sound")
    page.search("gentle moon")
    assert page.text("state") == "10 songs by sound, the best first."
    assert not page.shown("note")
    assert not page.shown("words-list")
    page.check_quiet()


def test_hostile_metadata_is_shown_and_does_not_run(driver, serving, index):
    from skdcca.retrieval import CrossModalIndex

    files = [song(index, at)["audio"] for at in range(4)]
    texts = [song(index, at)["lyrics"] for at in range(4)]
    names = [name.replace("alert(1)", "window.ran=1") for name in BAD_NAMES]
    heard = {"language": "en", "segments": [[0, 1, name] for name in names]}
    metadata = [
        {"title": name, "group": f"{name} ", "lyrics": name, "heard": heard} for name in names
    ]
    texts[0] = f"gentle moon {names[0]}"
    index = CrossModalIndex(index.estimator).fit(files, texts, metadata=metadata)
    page = Page(driver, serving(index))
    page.search("gentle moon")
    shown = page.texts("#results .title")
    assert sorted(shown) == sorted([*names[:2], "?t?", names[3]])
    assert page.texts("#words .line")[0].endswith(names[0])
    assert page.texts("#results .excerpt, #results .group")
    page.click("#results [aria-expanded]")
    page.wait("return document.querySelector('.words-of')")
    page.run("document.querySelector('.point').dispatchEvent(new Event('focus'))")
    assert page.text("tip") in shown
    assert page.run("return window.ran") is None
    assert page.run("return document.querySelectorAll('main img, main script').length") == 0
    page.check_quiet()


# ---- playing ----------------------------------------------------------------------------------


def test_a_song_plays_from_the_moment_that_matched(page, index):
    start = 2 * 3.0 / len(song(index, 3)["lyrics"].split("\n"))
    page.search(song(index, 3)["lyrics"].split("\n")[2])
    assert page.run("return sound.readyState") == 0  # nothing is loaded in advance
    page.click("#words .play")
    assert start <= page.time() < start + 0.5
    assert page.run("return sound.src").endswith("/audio/3")
    page.wait("return !sound.paused && sound.currentTime > arguments[0]", start)
    assert page.text("player-title") == song(index, 3)["title"]
    page.wait("return document.getElementById('player-line').textContent")
    label = page.run("return document.querySelector('#words .play').ariaLabel")
    assert label == f"Pause {song(index, 3)['title']}"
    band = page.run("""
        const [wave, band] = ['.wave', '.wave-moment'].map((name) =>
          document.querySelector(`#words ${name}`).getBoundingClientRect());
        return (band.left - wave.left) / wave.width;""")
    assert band == pytest.approx(start / 3.0, abs=0.01)


def test_a_click_on_a_waveform_plays_from_there(page):
    page.search("gentle moon")
    page.wait("return document.querySelector('#results .wave').wave.levels")
    page.run("""
        const wave = document.querySelector('#results .wave'), box = wave.getBoundingClientRect();
        const options = { clientX: box.left + 0.5 * box.width, clientY: box.top + 5, bubbles: true };
        wave.dispatchEvent(new MouseEvent('click', options));""")
    assert 1.45 <= page.time() < 2.2
    played = "return document.querySelector('#results .wave-played').style.clipPath"
    page.wait(f"{played}.includes('inset(0px 4')")
    path = page.run("return document.querySelector('#results .wave path').getAttribute('d')")
    assert path.count("M") > 20


def test_one_song_plays_at_a_time(page):
    page.search("gentle moon")
    page.run("document.querySelectorAll('#results .play')[0].click()")
    page.wait("return sound.currentTime > 0")
    page.run("document.querySelectorAll('#results .play')[1].click()")
    page.wait("return sound.currentTime > 0 && sound.readyState > 0")
    states = page.run(
        "return [...document.querySelectorAll('#results .play')].map((e) => e.ariaLabel)"
    )
    assert [state.split()[0] for state in states[:3]] == ["Play", "Pause", "Play"]


# ---- clips ------------------------------------------------------------------------------------


def test_a_clip_finds_its_lyrics(page, index):
    page.upload(song(index, 7)["audio"])
    assert page.text("heading") == "Songs for song07.wav"
    assert page.texts("#seed .title") == ["song07.wav"]
    assert page.texts("#results .title")[0] == song(index, 7)["title"]
    assert page.texts("#results .excerpt")[0].startswith(song(index, 7)["lyrics"][:80])
    assert page.text("error") == ""
    page.wait("return document.querySelector('#seed .wave').wave.levels")
    page.click("#seed .play")
    page.wait("return sound.currentTime > 0")
    assert page.run("return sound.src").startswith("blob:")


def test_what_was_heard_in_a_clip_is_shown(page):
    page.run("""
        const reply = { asked: 'sound', heard: 'the moon <b>', words: [], results: [], gallery: 40,
          understood: true, far: false, level: null, stands_out: null, query: null };
        show(reply, 'Songs for a clip');""")
    assert page.text("heard") == "heard: the moon <b>"
    assert page.shown("heard")
    assert page.text("words-note").startswith("No song here has these words.")


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
    assert "search before" in page.text("state")
    assert page.shown("error")
    assert page.texts("#results .title") == before
    page.search("gentle moon")
    assert page.text("error") == ""


def test_a_large_file_is_refused_before_it_is_sent(page, tmp_path):
    page.run("about.limits.bytes = 1000")
    large = tmp_path / "large.wav"
    large.write_bytes(bytes(1001))
    page.upload(large)
    assert "large.wav is too large" in page.text("error")


# ---- queries ----------------------------------------------------------------------------------


def test_an_empty_query_shows_a_message(page):
    page.element("text").send_keys("\n")
    page.wait("return document.getElementById('error').textContent")
    page.refusals = 1
    assert page.text("error") == "Type a line of lyrics first."


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


def test_the_address_holds_the_query(page):
    page.search("gentle moon & more")
    address = page.run("return location.hash")
    assert address == "#/?q=gentle+moon+%26+more"
    first = page.texts("#results .title")
    page.search("wild storm")
    second = page.texts("#results .title")
    assert second != first
    page.driver.back()
    page.wait("return document.title.includes('gentle moon & more')")
    assert page.element("text").get_property("value") == "gentle moon & more"
    assert page.texts("#results .title") == first
    page.driver.forward()
    page.wait("return document.title.includes('wild storm')")
    page.driver.refresh()
    page.wait("return document.title.includes('wild storm')")
    assert page.texts("#results .title") == second
    page.open(address)
    assert page.texts("#results .title") == first
    page.click("#home")
    page.wait("return document.body.classList.contains('starting')")
    assert page.element("text").get_property("value") == ""


def test_more_like_a_song(page, index):
    from skdcca.retrieval import more_like

    page.search("gentle moon")
    title = page.texts("#results .title")[0]
    page.click("#results .link")
    page.wait("return location.hash.startsWith('#/?like=') && answer.asked === 'like'")
    assert page.text("heading") == f"More like “{title}”"
    assert page.texts("#seed .title") == [title]
    at = int(page.run("return location.hash").partition("=")[2])
    _, ids = more_like(index, index.ids_[at].item(), 10)
    assert page.texts("#results .title") == [index.metadata_[name]["title"] for name in ids]


def test_examples_can_be_tried(page):
    line = page.texts("#tries button")[1]
    page.run("document.querySelectorAll('#tries button')[1].click()")
    page.wait("return document.querySelectorAll('#results li').length === 10")
    assert page.element("text").get_property("value") == line


def test_resources_of_other_origins_are_blocked(driver, address):
    blocked = Page(driver, address).driver.execute_async_script("""
        document.addEventListener('securitypolicyviolation', (e) => arguments[0](e.blockedURI));
        const image = new Image();
        image.src = 'http://elsewhere.invalid/x.png';""")
    assert "elsewhere.invalid" in blocked


# ---- keys, map and windows ----------------------------------------------------------------------


def test_the_page_works_by_keyboard(page):
    from selenium.webdriver.common.keys import Keys

    page.press("/")
    assert page.focused() == "text"
    page.press("gentle moon", Keys.ENTER)
    page.wait("return answer !== null")
    page.press(Keys.ARROW_DOWN)
    at = "return cards().indexOf(document.activeElement)"
    assert page.run(at) == 0
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert page.run(outline) == "solid"
    assert page.run("return document.querySelector('.point.lit') !== null")
    page.press(Keys.ARROW_DOWN)
    assert page.run(at) == 1
    page.press(" ")
    page.wait("return isPlaying(cards()[1].hit) && sound.currentTime > 0")
    page.press(" ")
    page.wait("return sound.paused")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_UP, " ")
    page.wait("return isPlaying(cards()[0].hit)")
    page.press(Keys.ESCAPE)
    page.wait("return playing.song === null")
    assert not page.shown("player")
    page.press(Keys.ARROW_UP)
    assert page.focused() == "text"
    page.press(" /")
    assert page.element("text").get_property("value") == "gentle moon /"


def test_every_control_can_be_reached_by_tab(page):
    from selenium.webdriver.common.keys import Keys

    page.search("gentle moon")
    page.press("/", *[Keys.TAB] * 3)
    assert page.run("return document.activeElement === cards()[0]")
    page.press(Keys.TAB)
    assert page.run("return document.activeElement.matches('.play')")
    page.press(Keys.TAB, Keys.TAB)
    assert page.run("return document.activeElement.closest('.hit') === cards()[0]")


def test_the_map_has_titles_and_leads_to_the_songs(page, index):
    assert set(page.texts("#map .label"))
    assert page.run("return document.querySelectorAll('#map .dot').length") == 40
    page.search("gentle moon")
    assert len(page.texts("#map .star")) == 1
    shown = page.run("return cards().map((item) => item.hit.title)")
    links = page.run("return [...document.querySelectorAll('#map .point')].map((e) => e.ariaLabel)")
    assert sorted(links) == sorted(set(shown))
    page.run("document.querySelector('#map .point').focus()")
    first = page.run("return document.querySelector('#map .point').ariaLabel")
    assert page.text("tip") == first
    from selenium.webdriver.common.keys import Keys

    page.press(Keys.ENTER)
    assert page.run("return document.activeElement.hit.title") == first
    page.run("""
        const dot = document.querySelector('#map .dot'), box = dot.getBoundingClientRect();
        const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true };
        dot.dispatchEvent(new PointerEvent('pointermove', at));
        dot.dispatchEvent(new MouseEvent('click', at));""")
    page.wait("return answer.asked === 'like'")
    assert page.text("heading") == f"More like “{song(index, 0)['title']}”"


@pytest.fixture
def narrow(driver):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_narrow_window_needs_no_sideways_scrolling(narrow, driver, serving):
    long = "a" * 300
    metadata = [{"title": long, "group": long + "b", "lyrics": long}] * 30
    page = Page(driver, serving(number_index(metadata=metadata)))
    fits = "return document.documentElement.scrollWidth <= window.innerWidth"
    assert page.run("return window.innerWidth") == 390
    assert page.run(fits)
    # A model of numbers takes no text, so the test writes the answer itself.
    page.run("""
        const hit = { place: 1, position: 0, title: 'a'.repeat(300), group: 'b'.repeat(300),
          excerpt: 'c'.repeat(300), source: 'lyrics', score: 0.5, above_chance: true, p: 0.01,
          has_audio: true, sound: [0, 0], lyrics: [1, 1],
          levels: async () => ({ seconds: 3, levels: [20, 60] }) };
        const match = { ...hit, place: null, position: 1, start: 1, end: 2, exact: true,
          line: [['d'.repeat(300), true]] };
        show({ asked: 'lyrics', level: 0.4, stands_out: true, understood: true, far: false, heard: '',
          gallery: 30, query: [0, 1], words: [match], results: [hit, { ...hit, place: 2 }] }, 'e');
        fail('e'.repeat(300));
        load({ ...hit, url: 'data:audio/wav,' });""")
    page.wait("return document.querySelector('#words .hit')")
    for button in page.run("return [...document.querySelectorAll('[aria-expanded]')]"):
        page.run("arguments[0].click()", button)
    assert page.run(fits)
    small = page.run("""
        return [...document.querySelectorAll('button, .drop')].filter((e) => e.checkVisibility())
          .filter((e) => e.getBoundingClientRect().height < 38).map((e) => e.className);""")
    assert small == []
    assert page.run("return document.querySelector('#results .hit').clientHeight") > 100
    assert page.run("""
        return document.querySelector('.map').getBoundingClientRect().top >=
          document.querySelector('#results').getBoundingClientRect().bottom""")
    driver.get_log("browser")  # the empty sound cannot be played


def brightness(page):
    color = page.run("return getComputedStyle(document.body).backgroundColor")
    return max(map(int, re.findall(r"\d+", color)[:3]))


@pytest.fixture
def scheme(driver):
    def use(name):
        feature = {"name": "prefers-color-scheme", "value": name}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    yield use
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_dark_mode_follows_the_system_until_it_is_switched(page, scheme):
    scheme("light")
    assert brightness(page) > 230
    scheme("dark")
    assert brightness(page) < 40
    page.click("#theme")
    assert brightness(page) > 230
    page.open("")
    assert brightness(page) > 230  # the switch is remembered
    page.run("localStorage.clear()")
    page.open("")
    assert brightness(page) < 40


CONTRAST = """
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgb = (color) => {
      canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (element) => {
      for (let one = element; one; one = one.parentElement) {
        const color = rgb(getComputedStyle(one).backgroundColor);
        if (color[3] === 255) return color;
      }
    };
    return [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() &&
      !e.closest('svg') && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
      .map((e) => {
        const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
        return [e.className || e.tagName, (a + 0.05) / (b + 0.05)];
      }).filter(([, ratio]) => ratio < 4.5);
"""


@pytest.mark.parametrize("name", ["light", "dark"])
def test_texts_have_enough_contrast(page, scheme, index, name):
    scheme(name)
    page.search(song(index, 3)["lyrics"].split("\n")[2])
    page.click("#words [aria-expanded]")
    page.wait("return document.querySelector('#words .words-of .matched')")
    page.click("#words .play")
    assert page.run(CONTRAST) == []


def test_screen_readers_get_names_and_roles(page):
    assert page.run("return document.documentElement.lang") == "en"
    assert page.driver.title
    assert page.run("return document.querySelectorAll('h1').length") == 1
    assert page.run("return document.getElementById('text').labels.length") == 1
    for name, role in (("state", "status"), ("error", "alert")):
        assert page.element(name).aria_role == role
    page.search("gentle moon")
    assert page.run("return document.getElementById('results').tagName") == "OL"
    controls = "[...document.querySelectorAll('button, [role=slider]')]"
    for element in page.run(f"return {controls}.filter((e) => e.checkVisibility())"):
        assert element.accessible_name.strip()
    players = page.run(
        "return [...document.querySelectorAll('#results .play')].map((e) => e.ariaLabel)"
    )
    assert len(set(players)) == len(players) == 10
    sliders = "[...document.querySelectorAll('[role=slider]')]"
    assert all(page.run(f"return {sliders}.map((e) => e.ariaValueText)"))
