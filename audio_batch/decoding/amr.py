"""AMR, narrow and wide band: how many frames a file has. Without a container FFmpeg guesses from the first ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

_FRAME_BYTES = {
    b"#!AMR\n": (12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0),
    b"#!AMR-WB\n": (17, 23, 32, 36, 40, 46, 50, 58, 60, 5, 0, 0, 0, 0, 0, 0),
}
FRAMES_PER_SECOND = 50


@dataclass(frozen=True)
class AmrSurvey:
    """Frames of 20 ms that a file has, pauses included, and whether the last of them is whole."""

    frames: int
    is_whole: bool


def survey_amr(file: BinaryIO, size: int) -> AmrSurvey | None:
    """Walk the frames of an AMR file of one channel (RFC 4867, section 5); None if it is something else."""
    file.seek(0)
    head = file.read(9)
    for magic, lengths in _FRAME_BYTES.items():
        if head.startswith(magic):
            position, frames = len(magic), 0
            while position < size:
                file.seek(position)
                position += 1 + lengths[file.read(1)[0] >> 3 & 15]
                frames += 1
            return AmrSurvey(frames - (position > size), position == size)
    return None
