"""Processes that do one thing at a time: a JSON line in, JSON lines out, ended when they take too long."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
)
"""Variables that are set to 1 for workers: the recordings are the parallelism."""
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 28)}
"""Keeps the C library from giving the memory of each array back to the system and asking for it again: thousands of
page faults for each segment, up to a fifth of the time. Nothing where another C library is in use.

32 MiB is the most that the GNU C library before 2.35 takes: it would pass over a larger threshold in silence, and keep
to 128 KiB because of the other variable, at twice the processor time of none."""

_PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])


def start_process(module: str, messages: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start ``python -m module`` with one thread for each numerical library; what it prints to stderr is kept.

    Parameters
    ----------
    module
        It reads requests from its standard input and writes answers to its standard output.
    messages
        An open file, for what it prints.
    """
    # -P: whatever lies in the current folder, such as an email.py among recordings, is not imported.
    command = [sys.executable, "-P", "-m", module]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=messages, env=make_environment())


class Deadline:
    """Kills a process that has not answered in time; leave it as a context manager, which stops the clock."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.process, self.seconds = process, seconds
        self.is_over = False
        self.started = time.monotonic()
        self.answered, self.lock = threading.Event(), threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> Deadline:
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.answered.set()

    def extend(self, seconds: float) -> None:
        """Allow so many seconds more."""
        self.seconds += seconds

    def _watch(self) -> None:
        while (left := self.started + self.seconds - time.monotonic()) > 0:
            if self.answered.wait(left):
                return
        with self.lock:
            if not self.answered.is_set():
                self.is_over = True
                self.process.kill()


def ask(
    process: subprocess.Popen[bytes],
    document: dict[str, Any],
    begin: Callable[[dict[str, Any]], None] = lambda facts: None,
    tell: Callable[[float], None] = lambda share: None,
) -> dict[str, Any] | None:
    """Send a line and wait for the answer, None if the process is gone; what comes before it is passed on."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(json.dumps(document, default=str).encode() + b"\n")
        process.stdin.flush()
        while (line := process.stdout.readline()).endswith(b"\n"):
            answer = json.loads(line)
            if "begun" in answer:
                begin(answer["begun"])
            elif "share" in answer:
                tell(float(answer["share"]))
            else:
                return dict(answer)
    except (OSError, ValueError):
        pass
    return None


def answer_parent(serve: Callable[[BinaryIO, BinaryIO], None]) -> None:
    """Serve the parent of this process until it is gone; its answers are kept apart from what a library prints."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        serve(sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(0)


def write_answer(answers: BinaryIO, document: dict[str, Any]) -> None:
    """Write one line to the parent."""
    answers.write(json.dumps(document).encode() + b"\n")
    answers.flush()


def make_environment() -> dict[str, str]:
    """Return the variables of such a process."""
    paths = [_PACKAGE_PARENT, *filter(None, [os.environ.get("PYTHONPATH")])]
    limits = dict.fromkeys(THREAD_LIMITS, "1")
    named = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}
    return KEPT_MEMORY | os.environ | limits | named


def describe_exit(code: int) -> str:
    """Say in words how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name} (out of memory?)" if name == "SIGKILL" else name
