"""Convert a file of ABC tunes with lyrics to the JSON of `skdcca.datasets.load_tiny_songs`.

    python tools/abc_to_json.py songs.abc skdcca/datasets/data/tiny_songs.json

It supports the subset of ABC that a single sung line needs: the fields X T M L Q K w and ``%%tags``;
notes with accidentals, octave marks, lengths and ties; rests and bar lines. Anything else is an error,
and so are bars that do not fill their meter and lines with more syllables than notes.
"""

import argparse
import json
import re
import unicodedata
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

# The source lacks some accents, hyphens (a hyphen within a word is \\- in ABC) and the languages.
SPELLING = {
    "Frere": "Frère",
    "Fre-re": "Frè-re",
    "schoner": "schöner",
    "Gotterfunken": "Götterfunken",
    "a-ri-ding": r"a\--ri-ding",
    "prê-te moi": r"prê-te\--moi",
}
LANGUAGES = {"Frère Jacques": "fr", "Au clair de la lune": "fr"}
LANGUAGES |= {"Freude schöner Götterfunken": "de", "Alle meine Entchen": "de"}

NATURAL = {"C": 60, "D": 62, "E": 64, "F": 65, "G": 67, "A": 69, "B": 71}
ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
FIFTHS = "FCGDAEB"  # order of sharps; flats have the reverse order
TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<bar>\|\]|\|\||\|)"
    r"|(?P<accidental>\^\^|\^|__|_|=)?(?P<letter>[A-Ga-gz])(?P<octave>[,']*)"
    r"(?P<times>\d*)(?P<slashes>/*)(?P<over>\d*)(?P<tie>-?)"
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="ABC file (UTF-8)")
    parser.add_argument("target", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    songs = read_abc(arguments.source.read_text(encoding="utf-8"))
    lines = (json.dumps(song, ensure_ascii=False) for song in songs)
    arguments.target.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    print(f"{len(songs)} songs written to {arguments.target}")


def read_abc(text):
    """Read all tunes of an ABC file, each as a dict for JSON."""
    blocks = re.split(r"\n\s*\n", text.replace("\r\n", "\n"))
    return [read_tune(block.splitlines()) for block in blocks if re.search(r"^X:", block, re.M)]


def read_tune(lines):
    """Read one tune: fields, notes in seconds, and lines of lyrics."""
    fields, music, words = {"tags": ""}, [], []
    for line in lines:
        if line.startswith("%%tags"):
            fields["tags"] = line.removeprefix("%%tags")
        elif line.startswith("%") or not line.strip():
            continue
        elif line.startswith("w:"):
            words.append(respell(line[2:].strip()))
            check_syllables(words[-1], music[-1], fields["T"])
        elif re.match(r"[A-Z]:", line):
            fields[line[0]] = line[2:].strip()
        else:
            music.append(line.split("%")[0])
    title = respell(fields["T"])
    tempo = quarters_per_minute(fields["Q"], Fraction(fields["L"]))
    return {
        "id": identifier(title),
        "title": title,
        "tags": fields["tags"].split(),
        "lang": LANGUAGES.get(title, "en"),
        "tempo": tempo,
        "lyrics": "\n".join(map(plain_text, words)),
        "notes": read_music(" ".join(music), fields, 60 / tempo),
    }


def respell(text):
    """Return the text with the accents of `SPELLING`, in composed Unicode."""
    for plain, accented in SPELLING.items():
        text = text.replace(plain, accented)
    return unicodedata.normalize("NFC", text)


def identifier(title):
    """Return the lowercase ASCII words of a title, joined by hyphens."""
    ascii_title = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z]+", ascii_title.lower()))


def quarters_per_minute(field, unit):
    """Return the tempo of a Q: field: ``1/4=92``, ``"Andante" 3/8=46`` or ``120`` (in units of L)."""
    field = re.sub(r'"[^"]*"', "", field).strip()
    length, _, beats = field.rpartition("=")
    return float(Fraction(beats) * (Fraction(length) if length else unit) * 4)


def plain_text(words):
    """Return the text of a w: line with joined syllables, without holds (_) and skips (*)."""
    words = re.sub(r"[_*]", "", words)
    words = re.sub(r"(?<!\\)-\s*", "", words).replace(r"\-", "-")
    return " ".join(words.replace("~", " ").split())


def check_syllables(words, music, title):
    """Raise if a line of lyrics has more syllables than its line of music has notes."""
    syllables = len(re.findall(r"[_*]|(?:\\-|[^\s_*-])+", words))
    notes = sum(token["letter"] not in (None, "z") for token in tokens(music))
    if syllables > notes:
        raise ValueError(f"{title}: {syllables} syllables for {notes} notes in {words!r}")


def tokens(music):
    """Yield notes, rests and bars of a line of music, as the named groups of `TOKEN`."""
    position = 0
    while position < len(music):
        match = TOKEN.match(music, position)
        if not match:
            raise ValueError(f"cannot read {music[position:]!r}")
        position = match.end()
        yield match.groupdict()


def read_music(music, fields, seconds_per_quarter):
    """Return the notes of a tune: [onset, duration, MIDI pitch], in seconds."""
    unit, key = Fraction(fields["L"]) * 4, key_signature(fields["K"])
    clock, bars, altered, notes, tied = Fraction(0), [Fraction(0)], {}, [], None
    for token in tokens(music):
        if token["bar"]:
            bars.append(clock)
            altered = {}  # an accidental holds until the end of its bar
        if not token["letter"]:
            continue
        length = unit * note_length(token)
        if token["letter"] != "z":
            pitch = midi_pitch(token, key, altered, tied)
            if pitch == tied:
                notes[-1][1] += length
            else:
                notes.append([clock, length, pitch])
            tied = pitch if token["tie"] else None
        clock += length
    check_bars(bars, Fraction(fields["M"]) * 4, fields["T"])
    scale = seconds_per_quarter
    return [
        [round(float(on) * scale, 4), round(float(long) * scale, 4), p] for on, long, p in notes
    ]


def note_length(token):
    """Return the length in units: ``3/`` is 3/2, ``/`` is 1/2, ``//`` is 1/4, ``3/4`` is 3/4."""
    over = int(token["over"]) if token["over"] else 2 ** len(token["slashes"])
    return Fraction(int(token["times"] or 1), over)


def key_signature(field):
    """Return the alterations of a key in semitones: {"F": 1} for G, {"B": -1} for Dm."""
    tonic, sign, mode = re.fullmatch(r"([A-G])([#b]?)\s*(m|min|maj|)", field).groups()
    sharps = FIFTHS.index(tonic) - 1 + 7 * {"#": 1, "b": -1, "": 0}[sign]
    sharps -= 3 if mode in ("m", "min") else 0
    altered = FIFTHS[:sharps] if sharps >= 0 else FIFTHS[sharps:]
    return dict.fromkeys(altered, 1 if sharps >= 0 else -1)


def midi_pitch(token, key, altered, tied):
    """Return the MIDI pitch of a note; `altered` stores the accidentals of the bar."""
    letter = token["letter"].upper()
    octave = token["letter"].islower() + token["octave"].count("'") - token["octave"].count(",")
    natural = NATURAL[letter] + 12 * octave
    if token["accidental"]:
        altered[natural] = ACCIDENTALS[token["accidental"]]
    elif tied is not None and abs(tied - natural) <= 1 and natural not in altered:
        return tied  # a tie carries its accidental across the bar line
    return natural + altered.get(natural, key.get(letter, 0))


def check_bars(bars, meter, title):
    """Raise unless all bars fill the meter, except the first and the last, which may be shorter."""
    lengths = [end - start for start, end in pairwise(bars)]
    wrong = [
        f"bar {i} has {float(n)} quarters" for i, n in enumerate(lengths[1:-1], 2) if n != meter
    ]
    wrong += [f"bar {i} is too long" for i in (0, -1) if lengths[i] > meter]
    if wrong:
        raise ValueError(f"{title}: {'; '.join(wrong)}; the meter asks for {float(meter)}")


if __name__ == "__main__":
    main()
