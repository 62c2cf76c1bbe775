"""Pictures of the page for the documentation, by a headless Chromium.

Run as ``python tools/screenshots.py`` where chromium, chromedriver and selenium are installed. The
songs are planted ones, whose sound and lyrics share a mood, and the model has learned from them.
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

KEPT = ["page", "page-sound", "page-phone"]  # in the documentation; "all" takes the others too
NOTHING = "the quiet meadow sleeps beneath a gentle moon"
UNKNOWN = "invoice number seven, payable within thirty days"


def planted_index(folder):
    """Index of the songs that its model has learned from, their sounds in a folder."""
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
    told = zip(songs.titles, songs.groups.tolist(), songs.lyrics, files, strict=True)
    metadata = [dict(zip(["title", "group", "lyrics", "audio"], of, strict=True)) for of in told]
    return CrossModalIndex(model).fit(files, songs.lyrics, ids=songs.ids, metadata=metadata)


def start(app):
    """Address of the running application."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


def browser():
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
    """Open the page in a window of this inner size."""
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


def ask(driver, text=None, file=None):
    if text is not None:
        driver.find_element(By.ID, "text").send_keys(
            text.replace("\n", Keys.SHIFT + "\n" + Keys.NULL)
        )
        driver.find_element(By.ID, "text").send_keys(Keys.ENTER)
    if file is not None:
        driver.find_element(By.ID, "file").send_keys(file)
    if text or file:
        WebDriverWait(driver, 20).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#results li"))


def take(driver, path):
    """A picture of few bytes: 256 colours, of which an octree keeps the rare ones too."""
    picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    colours = picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    colours.save(path, optimize=True)
    print(path, f"{path.stat().st_size / 1000:.0f} kB")


def shots(index, song=3):
    """Name of each picture, with its question and its window."""
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
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        index = planted_index(folder)
        address = start(make_app(index))
        driver = browser()
        try:
            for name, (question, window) in shots(index).items():
                if name in names or "all" in names:
                    show(driver, address, **window)
                    ask(driver, **question)
                    take(driver, output / f"{name}.png")
        finally:
            driver.quit()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=KEPT, help=f"by default {', '.join(KEPT)}")
    parser.add_argument("--output", type=Path, default=Path("docs/pictures"), metavar="FOLDER")
    options = parser.parse_args()
    main(options.output, options.names)
