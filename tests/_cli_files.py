"""Songs, models and indexes for the tests of the command line."""

import soundfile

from skdcca import CrossModalIndex, Doc2VecLyrics, LinearCCA
from skdcca.datasets import make_songs
from skdcca.persistence import save


def write_songs(folder, n_songs=30, **options):
    """Write synthetic songs as WAV files into a folder and return them."""
    settings = {"strength": 1.0, "duration": 3.0, "sample_rate": 11025, "random_state": 0}
    songs = make_songs(n_songs, **settings | options)
    for name, (waveform, rate) in zip(songs.ids, songs.audio, strict=True):
        soundfile.write(folder / f"{name}.wav", waveform, rate)
    return songs


def write_folder(folder):
    """Write 30 songs, each as name.wav with its lyrics in name.txt, and return the folder."""
    songs = write_songs(folder)
    for name, text in zip(songs.ids, songs.lyrics, strict=True):
        (folder / f"{name}.txt").write_text(text)
    return folder


def write_index(path):
    """Save an index of 30 songs whose first view is numbers, and return its path."""
    songs = make_songs(30, strength=1.0, duration=1.0, sample_rate=8000, random_state=0)
    lyrics = Doc2VecLyrics(5, min_count=1, epochs=20, random_state=0)
    model = LinearCCA(2, reg=0.1, y_transformer=lyrics).fit(songs.audio_mood, songs.lyrics)
    index = CrossModalIndex(model).fit(songs.audio_mood, songs.lyrics, ids=songs.ids)
    save(index, path)
    return str(path)
