"""Define the words that are heard in a song, with their times."""

from typing import NamedTuple


class Transcript(NamedTuple):
    """Words heard in a song, with their times.

    `WhisperWords.transcribe` returns them. They consist of strings and numbers only, so
    ``json.dumps(transcript._asdict())`` works.

    Parameters
    ----------
    text : str
        All words; empty if none are understood.
    language : str or None
        Code of the language, such as ``"en"``; None if no words are understood.
    segments : tuple of (start, end, text)
        Phrases in order, with their start and end in seconds from the beginning of the song. `text`
        joins their texts with spaces.

    See Also
    --------
    WhisperWords : Hear the words of songs.

    Examples
    --------
    >>> from skdcca import Transcript
    >>> transcript = Transcript.of("en", [(0.0, 2.5, "Row, row,"), (2.5, 5.0, "row your boat")])
    >>> transcript.text
    'Row, row, row your boat'
    >>> transcript.segments[1]
    (2.5, 5.0, 'row your boat')
    """

    text: str
    language: str | None
    segments: tuple[tuple[float, float, str], ...]

    @classmethod
    def of(cls, language, segments):
        """Return the transcript that consists of segments.

        Parameters
        ----------
        language : str or None
            Code of the language; ignored if there are no segments.
        segments : iterable of (start, end, text)
            Phrases in order, with their times in seconds.

        Returns
        -------
        transcript : Transcript
            The transcript. Its text joins the texts of the segments.
        """
        segments = tuple((round(start, 2), round(end, 2), text) for start, end, text in segments)
        text = " ".join(text for _, _, text in segments)
        return cls(text, language if segments else None, segments)
