"""Read the notes, lyrics and melody of a chorale from MusicXML."""

import re
import unicodedata
from itertools import pairwise

from skdcca._utils.optional import needed_by

QUARTERS_PER_MINUTE = 80  # default tempo of a score without a tempo mark


def read_score(path):
    """Return the notes, lyrics and melody of a score, or None if it has no lyrics.

    Parameters
    ----------
    path : pathlib.Path
        MusicXML file of the corpus of music21.

    Returns
    -------
    song : dict or None
        ``notes``: list of [onset, duration, MIDI pitch] for the notes of all parts, with times in
        seconds; ``lyrics``: str, one line per phrase of the melody; ``melody``: list of phrases,
        each a list of [onset, duration, MIDI pitch], with times in quarter notes and without
        repeats.
    """
    with needed_by("load_chorales", extra="songs"):
        from music21 import converter

    # With storePickle=True, music21 takes twice as long, because it stores a copy.
    score = converter.parse(path, forceSource=True, storePickle=False)
    parts = [_part_notes(part) for part in score.parts]
    sung = max(parts, key=lambda notes: sum(bool(note["lyrics"]) for note in notes), default=[])
    if not any(note["lyrics"] for note in sung):
        return None
    sections = _sections(score)
    return {
        "notes": _sounding(parts, sections, 60 / _tempo(score)),
        "lyrics": _sung_text(sung, sections),
        "melody": _phrases(sung),
    }


def _tempo(score):
    """Return the tempo of the first metronome mark in quarter notes per minute, or the default."""
    marks = (mark.getQuarterBPM() for mark in score.recurse().getElementsByClass("MetronomeMark"))
    return next((tempo for tempo in marks if tempo), QUARTERS_PER_MINUTE)


def _part_notes(part):
    """Return the notes of a part, merging tied notes; times are in quarter notes from its start."""
    notes = []
    for element in part.flatten().notes:
        tied = element.tie is not None and element.tie.type in ("stop", "continue")
        pitches = [pitch.midi for pitch in element.pitches]
        if tied and notes and notes[-1]["pitches"] == pitches:
            notes[-1]["duration"] += float(element.quarterLength)
            notes[-1]["fermata"] |= _has_fermata(element)
            notes[-1]["lyrics"] = {**_syllables(element), **notes[-1]["lyrics"]}
        elif element.quarterLength > 0:  # grace notes have no length
            notes.append(
                {
                    "onset": float(element.offset),
                    "duration": float(element.quarterLength),
                    "pitches": pitches,
                    "lyrics": _syllables(element),
                    "fermata": _has_fermata(element),
                }
            )
    return notes


def _syllables(element):
    return {lyric.number: (lyric.syllabic, lyric.text or "") for lyric in element.lyrics}


def _has_fermata(element):
    return any("Fermata" in expression.classes for expression in element.expressions)


def _sections(score):
    """Return the sections of a score in the order of performance, as tuples (start, end, turn).

    Start and end are in quarter notes. A section between repeat signs occurs twice: first with turn
    0, then with turn 1 and without its first ending. The repeat signs of all parts are used,
    because in some scores one part has none.
    """
    starts, ends, first_endings = {0.0}, set(), {}
    for part in score.parts:
        for measure in part.getElementsByClass("Measure"):
            if getattr(measure.leftBarline, "direction", None) == "start":
                starts.add(float(measure.offset))
            if getattr(measure.rightBarline, "direction", None) == "end":
                ends.add(_end(measure))
    for bracket in score.recurse().getElementsByClass("RepeatBracket"):
        if bracket.number == "1":
            measures = bracket.getSpannedElements()
            first_endings[_end(measures[-1])] = float(measures[0].offset)
    borders = sorted(starts | ends | {float(score.highestTime)})
    sections = []
    for start, end in pairwise(borders):
        sections.append((start, end, 0))
        if end in ends:
            sections.append((start, first_endings.get(end, end), 1))
    return sections


def _end(measure):
    return float(measure.offset + measure.duration.quarterLength)


def _sounding(parts, sections, seconds_per_quarter):
    """Return all notes as performed: [onset, duration, MIDI pitch], with times in seconds."""
    notes, clock = [], 0.0
    for start, end, _ in sections:
        for note in (note for part in parts for note in part if start <= note["onset"] < end):
            onset = (clock + note["onset"] - start) * seconds_per_quarter
            duration = note["duration"] * seconds_per_quarter
            notes += [[round(onset, 4), round(duration, 4), pitch] for pitch in note["pitches"]]
        clock += end - start
    return sorted(notes)


def _sung_text(notes, sections):
    """Return the first stanza, with a line break at each fermata of the melody."""
    text = ""
    for start, end, turn in sections:
        inside = [note for note in notes if start <= note["onset"] < end]
        # In a repeated section, the rows of text are sung in turn; elsewhere, only the first is
        # sung.
        rows = sorted({row for note in inside for row in note["lyrics"]}) or [None]
        row = rows[min(turn, len(rows) - 1)]
        for note in inside:
            syllabic, syllable = note["lyrics"].get(row, ("middle", ""))
            text += syllable + ("" if syllabic in ("begin", "middle") else " ")
            text += "\n" if note["fermata"] else ""
    return _tidy(text)


def _tidy(text):
    text = unicodedata.normalize("NFC", text).replace("’", "'")
    text = re.sub(r"(^|\s)\d+\.\s*", r"\1", text)  # stanza number
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _phrases(notes):
    """Return the melody as written, split after each fermata."""
    phrases = [[]]
    for note in notes:
        phrases[-1].append([note["onset"], note["duration"], max(note["pitches"])])
        if note["fermata"]:
            phrases.append([])
    return [phrase for phrase in phrases if phrase]
