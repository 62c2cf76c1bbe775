"""Take the screenshots of the web page for the documentation, with headless Chromium.

Run ``python tools/screenshots.py``; it requires chromium, chromedriver and selenium. The audio and the
lyrics of the synthetic songs share a mood. The model was trained on the songs that the page shows.
"""

import argparse
import io
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import soundfile
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import Doc2VecLyrics, LinearCCA, MelSpectrogram, TemporalSummary
from skdcca.datasets import make_songs
from skdcca.retrieval import CrossModalIndex
from skdcca.web import make_app

KEPT = [
    "page",
    "page-sound",
    "page-phone",
]  # used in the documentation; "all" selects the others too
# Queries without a result above chance, and without known words.
NOTHING = "the quiet meadow sleeps beneath a gentle moon"
UNKNOWN = "invoice number seven, payable within thirty days"


def synthetic_index(folder):
    """Return an index of the training songs of its model, with their audio in a folder."""
    songs = make_songs(
        48, strength=1.0, duration=4.0, sample_rate=11025, n_groups=12, random_state=0
    )
    files = [str(Path(folder, f"{name}.wav")) for name in songs.ids]
    for file, (waveform, rate) in zip(files, songs.audio, strict=True):
        soundfile.write(file, waveform, rate)
    model = make_pipeline(
        MelSpectrogram(sample_rate=11025, n_mels=40, duration=4.0),
        TemporalSummary(),
        StandardScaler(),
        LinearCCA(12, reg=0.1, y_transformer=Doc2VecLyrics(30, epochs=60, random_state=0)),
    ).fit(files, songs.lyrics)
    rows = zip(songs.titles, songs.groups.tolist(), songs.lyrics, files, strict=True)
    keys = ["title", "group", "lyrics", "audio"]
    metadata = [dict(zip(keys, row, strict=True)) for row in rows]
    return CrossModalIndex(model).fit(files, songs.lyrics, ids=songs.ids, metadata=metadata)


def start(app):
    """Run the application in a thread and return its address."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


def browser():
    """Return a driver of a headless Chromium."""
    os.environ["SE_OFFLINE"] = "true"
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ):
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


def show(driver, address, width=1200, height=900, dark=False):
    """Open the page in a window with the given inner size."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    features = [
        {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    driver.get(address)
    WebDriverWait(driver, 10).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#map .dot"))


def search(driver, text=None, file=None):
    """Search by text or audio file, if given, and wait for the results."""
    if text is not None:
        field = driver.find_element(By.ID, "text")
        field.send_keys(text.replace("\n", Keys.SHIFT + "\n" + Keys.NULL))
        field.send_keys(Keys.ENTER)
    if file is not None:
        driver.find_element(By.ID, "file").send_keys(file)
    if text or file:
        WebDriverWait(driver, 20).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#results li"))


def take(driver, path):
    """Save a small screenshot with 256 colors; the octree preserves rare colors."""
    picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    reduced = picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)
    print(path, f"{path.stat().st_size / 1000:.0f} kB")


def shots(index, song=3):
    """Return the query and the window of each screenshot, by name."""
    lyrics = index.metadata_[index.ids_[song].item()]["lyrics"]
    lines = {"text": "\n".join(lyrics.split("\n")[9:11])}
    sound = {"file": index.metadata_[index.ids_[song].item()]["audio"]}
    return {
        "page": (lines, {}),
        "page-sound": (sound, {}),
        "page-phone": (lines, {"width": 375, "height": 812}),
        "page-start": ({}, {}),
        "page-nothing": ({"text": NOTHING}, {}),
        "page-unknown": ({"text": UNKNOWN}, {}),
        "page-dark": (lines, {"dark": True}),
        "page-phone-dark": (sound, {"width": 375, "height": 2000, "dark": True}),
    }


def main(output, names):
    """Take the screenshots with the given names."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        index = synthetic_index(folder)
        address = start(make_app(index))
        driver = browser()
        try:
            for name, (query, window) in shots(index).items():
                if name in names or "all" in names:
                    show(driver, address, **window)
                    search(driver, **query)
                    take(driver, output / f"{name}.png")
        finally:
            driver.quit()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=KEPT, help=f"by default {', '.join(KEPT)}")
    parser.add_argument("--output", type=Path, default=Path("docs/pictures"), metavar="FOLDER")
    options = parser.parse_args()
    main(options.output, options.names)
