"""The process that analyses recordings: one JSON line in, one JSON line out, until its parent is gone.

Before the answer come a line ``{"begun": …}`` with what `analyse` says before the hard work, and, of a long recording,
lines ``{"share": …}`` with how much of it is done.

Run as ``python -m audio_batch.batch.worker`` by the pool, which has capped the threads of the numerical libraries in
the environment: they read it when they are imported, so no other moment would do.
"""

from __future__ import annotations

import json
import time
from typing import BinaryIO

from audio_batch.batch.analysis import analyse
from audio_batch.batch.processes import answer_parent, write_answer
from audio_batch.batch.settings import Settings
from audio_batch.batch.tasks import Task
from batch_base.progress import watched

SECONDS_BETWEEN = 1.0
"""Between two words on how much of a recording is done."""


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    settings = Settings.from_json(json.loads(requests.readline()))
    write_answer(answers, {"ready": True})
    for line in requests:
        with watched(Teller(answers)):
            result = analyse(Task(**json.loads(line)), settings, lambda facts: write_answer(answers, {"begun": facts}))
        write_answer(answers, result)


class Teller:
    """Tells the parent how much of a recording is done, once a second at most."""

    def __init__(self, answers: BinaryIO) -> None:
        self.answers = answers
        self.told = time.monotonic()

    def __call__(self, label: str, share: float) -> None:
        """Take the share that is done, 0 to 1."""
        if time.monotonic() - self.told >= SECONDS_BETWEEN:
            self.told = time.monotonic()
            write_answer(self.answers, {"share": share})


if __name__ == "__main__":
    answer_parent(serve)
