"""Searches that ``skdcca demo`` shows at its end: by a line, a verse and a clip, and by spoken words."""

import shutil

import numpy as np
from sklearn.utils import Bunch

from skdcca._audio import middle_of_sound
from skdcca._cli.hearing import REMEDY, find_whisper
from skdcca._cli.song_models import features_folder, song_index, song_model
from skdcca._cli.spoken import spoken_song
from skdcca._utils.files import atomic_write
from skdcca._utils.optional import needed_by
from skdcca.datasets import load_tiny_songs
from skdcca.retrieval import ask

N_SHOWN = 3
CLIP_SECONDS = 5.0
GAIN = 0.1  # of the clip: 20 dB quieter than its song
# Adjectives for the low and the high end of each mood of the synthetic songs.
MOODS = (("calm", "wild"), ("dark", "bright"), ("sad", "happy"), ("rough", "smooth"))
N_WORDS = 4  # words at the end of a spoken line that ask for its song


def print_title(text):
    """Print a heading between two rules."""
    print(f"\n{'=' * 100}\n{text}\n{'=' * 100}")


def write_audio(songs, folder):
    """Write each waveform to a file, unless the file exists, and return the paths."""
    with needed_by("skdcca demo"):
        import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.flac" for name in songs.ids]
    for path, (waveform, rate) in zip(paths, songs.audio, strict=True):
        if not path.exists():
            with atomic_write(path) as unfinished:
                soundfile.write(unfinished, waveform, rate, format="FLAC")
    return [str(path) for path in paths]


def show_searches(index, songs, held_out):
    """Search for a held-out song by a line, a verse and a clip, and print the answers.

    The song is the one whose moods are strongest, or the first one if the songs have no known moods.

    Parameters
    ----------
    index : CrossModalIndex
        Index of the songs.
    songs : Bunch
        Songs as returned by `load_songs` or `make_songs`, with paths of audio files.
    held_out : ndarray of int
        Positions of the songs that the model was not trained on.
    """
    moods = songs.get("lyrics_mood")
    song = held_out[0] if moods is None else max(held_out, key=lambda i: np.abs(moods[i]).sum())
    lines = songs.lyrics[song].splitlines()
    verse = "\n".join(lines[:4])
    clip, rate, _ = middle_of_sound(songs.audio[song], CLIP_SECONDS)
    print(f'The song: "{songs.titles[song]}"{_mood(songs, song)}')
    line = lines[len(lines) // 2]
    _show(f'A line: "{line}"', index, "y", line, songs, song)
    _show(f"A verse: its first {len(verse.splitlines())} lines", index, "y", verse, songs, song)
    quiet = f"A clip: {CLIP_SECONDS:g} s from its middle, 20 dB quieter"
    _show(quiet, index, "x", (GAIN * clip, rate), songs, song)


def _show(title, index, view, query, songs, song):
    """Print the best results of a query, and the rank of the song that it comes from."""
    answer = ask(index, view, query, len(index.ids_))
    print(f"\n{title}")
    if answer.words:
        found = songs.ids.index(answer.words[0].id)
        print(f'  these words are in: "{songs.titles[found]}"{_mark(found, song)}')
        print(f"    {answer.words[0].line[:90]}")
    print("  sounds like it:")
    for place, name in enumerate(answer.ids[:N_SHOWN], start=1):
        found = songs.ids.index(name)
        about = f'"{songs.titles[found]}"{_mood(songs, found)}{_mark(found, song)}'
        print(f"    {place}. {about}")
    rank = answer.ids.index(songs.ids[song]) + 1
    print(f"    the song itself is number {rank} of {len(answer.ids)}")


def _mark(found, song):
    return "   <- the song" if found == song else ""


def _mood(songs, song):
    """Return the moods of a synthetic song as text, or "" for other songs."""
    if "lyrics_mood" not in songs:
        return ""
    moods = zip(MOODS, songs.lyrics_mood[song], strict=True)
    strong = [ends[int(value > 0)] for ends, value in moods if abs(value) > 0.5]
    return f" ({', '.join(strong)})" if strong else ""


def show_spoken_songs(folder, whisper=None):
    """Find songs without lyrics by their words, which a speech recognizer hears.

    The words of well-known songs are spoken by a speech synthesizer over their melodies.

    Parameters
    ----------
    folder : Path
        Folder for the audio files.
    whisper : str, default=None
        Name or folder of the speech recognizer. If None, the one of this machine is used, if any.
    """
    whisper = whisper or find_whisper()
    if whisper is None or shutil.which("espeak-ng") is None:
        lack = "espeak-ng, a speech synthesizer" if whisper else f"a speech recognizer: {REMEDY}"
        print(f"\nSkipping the songs that are found by the words heard in them, which need {lack}.")
        return
    songs = _spoken_songs(folder)
    print_title(
        f"{len(songs.audio)} well-known songs without lyrics, whose first line is spoken over the "
        "melody. The words are heard."
    )
    model = song_model("heard", len(songs.audio), whisper=whisper, memory=features_folder())
    heard = model["words"].set_params(n_jobs=-1, verbose=1).fit(songs.audio)
    transcripts = heard.transcribe(songs.audio)
    model.set_params(words__verbose=0).fit(songs.audio, [of.text for of in transcripts])
    index = song_index(model, songs, transcripts=transcripts)
    _search_spoken(index, songs)


def _search_spoken(index, songs):
    """Search every song by the end of its line, and print how many are found and the first answers."""
    queries = [" ".join(line.split()[-N_WORDS:]).rstrip(".,;!?") for line in songs.lines]
    found = [next(iter(index.find_words(query, 1)), None) for query in queries]
    pairs = zip(found, songs.ids, strict=True)
    n_right = sum(match is not None and match.id == own for match, own in pairs)
    print(f"The last {N_WORDS} words of a line find its song: {n_right} of {len(queries)}.")
    for query, match in list(zip(queries, found, strict=True))[:N_SHOWN]:
        print(f'\n"{query}"')
        if match is None:
            print("  in no song, as it was heard")
            continue
        title = index.metadata_[match.id]["title"]
        print(f'  heard in "{title}" at {match.start:.0f} s: {match.line}')


def _spoken_songs(folder):
    """Return the English ones of the songs of the package, spoken, without lyrics."""
    tiny = load_tiny_songs()
    english = [i for i, language in enumerate(tiny.languages) if language == "en"]
    lines = [tiny.lyrics[i].splitlines()[0] for i in english]
    songs = Bunch(
        audio=[
            spoken_song(line, tiny.audio[i][0], tiny.audio[i][1])
            for i, line in zip(english, lines, strict=True)
        ],
        ids=[tiny.ids[i] for i in english],
        titles=[tiny.titles[i] for i in english],
        lyrics=[""] * len(english),
        lines=lines,
        groups=tiny.groups[english],
    )
    songs.audio = write_audio(songs, folder)
    return songs
