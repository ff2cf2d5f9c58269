"""The issues that several formats share, worded once."""

from __future__ import annotations

from audio_batch.validation.outcome import Issue

ASK_AGAIN = "Ask for the recording again; the sender's copy may be whole."


def make_truncated(field: str, actual: str, expected: str) -> Issue:
    """Return ``truncated``: less is there than was declared."""
    message = f"The file is cut off: {field.replace('_', ' ')} is {actual}, declared {expected}."
    return Issue("error", "truncated", field, actual, expected, message, ASK_AGAIN)


def make_bad_header(field: str, actual: object, expected: object) -> Issue:
    """Return ``bad_header``: a field of the header has a value that cannot be."""
    message = f"The header says {field.replace('_', ' ')} {actual}; expected {expected}."
    hint = "Ask for the recording again, or declare the samples as raw if you know their format."
    return Issue("error", "bad_header", field, actual, expected, message, hint)


def make_trailing(count: int) -> Issue:
    """Return ``trailing_bytes``: more is there than the format accounts for."""
    message = f"{count} bytes follow the end of the audio."
    hint = "Harmless to the audio, but look at what they are: files are hidden like that."
    return Issue("warning", "trailing_bytes", "file_size", count, 0, message, hint)


def make_damaged(field: str, position: int, what: str) -> Issue:
    """Return ``corrupt``: the chain of frames or pages is broken."""
    message = f"The file is damaged near byte {position}: {what}."
    return Issue("error", "corrupt", field, what, "an unbroken chain", message, ASK_AGAIN)


def make_no_audio(actual: object, message: str) -> Issue:
    """Return ``no_audio``: a container with nothing in it."""
    return Issue("error", "no_audio", "frames", actual, "1 or more", message, ASK_AGAIN)
