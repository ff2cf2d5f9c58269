"""The whole way of one call through server and client: ``python -m sentinel_batch.service.voice.golden_path [FILE]``.

A service with the real scorer is started on a free port of this machine, with a key of its own and a lake that is
removed afterwards. The bundled customer is enrolled over HTTP; then a recording (by default the bundled synthetic voice
that claims to be her) is scored, compared with her voice, decided on by a policy, and a report on it is drafted. The
JSON document that the original prints goes to standard output, and what is done to standard error.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import requests

from audio_batch.demo import CONTEXT, CUSTOMER, SAMPLES, cut_clips
from audio_batch.remote import SonotheiaClient, follow_golden_path
from sentinel_batch.desk import open_desk
from sentinel_batch.service.keys import KeyStore
from sentinel_batch.service.settings import service_folder
from sentinel_batch.service.voice.engine import count_cores
from sentinel_batch.service.voice_paths import HEALTH_PATH

_START_SECONDS = 120.0
_STOP_SECONDS = 60.0


def show_golden_path(
    audio: Path | None = None,
    *,
    session_id: str | None = None,
    sar: Literal["auto", "never", "always"] = "auto",
    policy: str = "wire_transfer",
) -> dict[str, Any]:
    """Start a service, go the golden path with the client, and end the service.

    Parameters
    ----------
    audio
        A recording; None takes the bundled synthetic voice.
    session_id
        Name of the session; None makes one up.
    sar
        Whether a report is drafted: ``auto`` does so for what is escalated, blocked or scored above 0.8.
    policy
        Routing policy.

    Returns
    -------
    dict
        ``session_id``, ``timestamp``, ``inputs``, ``results``, ``decision``, ``diagnostics``.

    Raises
    ------
    RuntimeError
        If the service does not start.
    requests.RequestException
        If it refuses the recording.
    """
    with TemporaryDirectory(prefix="golden-path-") as name:
        folder = Path(name)
        with _serving(folder) as (url, key), SonotheiaClient(key, url, timeout=120) as client:
            _say(f"A service with the real scorer answers at {url}.")
            for number, clip in enumerate(cut_clips(SAMPLES / "customer-enrollment.wav", folder), start=1):
                enrolled = client.enroll(clip, {"enrollment_id": CUSTOMER})
                _say(f"Recording {number} of the customer is sent: her enrolment is {enrolled['status']}.")
            return follow_golden_path(
                client,
                audio or SAMPLES / "call-synthetic.wav",
                enrollment_id=CUSTOMER,
                session_id=session_id,
                sar=sar,
                policy=policy,
                context=CONTEXT,
            )


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[str, str]]:
    """Give the address and a key of a service."""
    desk = open_desk(folder / "lake", None)
    _, key = KeyStore(service_folder(desk)).add("golden-path", "admin", by="golden-path")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-P", "-m", "sentinel_batch", "serve", "--lake", str(folder / "lake")]
    options = ["--port", str(port), "--voice-workers", str(count_cores())]
    log = folder / "serve.log"
    with log.open("wb") as file:
        process = subprocess.Popen([*command, *options], stdout=file, stderr=file)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, log)
        yield url, key
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_STOP_SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(url + HEALTH_PATH, timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise RuntimeError(f"The service does not start:\n{log.read_text(errors='replace')}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Print the document."""
    parser = argparse.ArgumentParser(prog="golden_path", description=__doc__)
    parser.add_argument("audio", nargs="?", type=Path, help="a recording [default: a bundled synthetic voice]")
    parser.add_argument("--session-id", help="name of the session")
    parser.add_argument("--sar", choices=("auto", "never", "always"), default="auto", help="whether to draft a report")
    parser.add_argument("--policy", default="wire_transfer", help="routing policy")
    given = parser.parse_args()
    found = show_golden_path(given.audio, session_id=given.session_id, sar=given.sar, policy=given.policy)
    print(json.dumps(found, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
