"""What one service was asked to do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

from sentinel_batch.desk import Desk
from sentinel_batch.errors import SentinelError

MIB = 1 << 20

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of one service.

    Parameters
    ----------
    desk
        The lake and its settings.
    host, port
        Where to listen.
    insecure_local
        Whether everybody on this machine may do everything without a key; on loopback only.
    job_workers
        Processes that do the long jobs.
    max_upload
        Largest file that is taken, in bytes as sent.
    max_expansion
        Largest size of a compressed file once it is read, in bytes.
    max_body
        Largest body of any other request, in bytes.
    requests_per_minute
        For each key; a request to send an event is not one.
    events_per_minute
        For each key.
    wait_seconds
        How long a request waits for its job before it is answered with 202.
    answer_seconds
        How long a question to the lake may take before it is answered with 503.
    kept_answers
        Bytes of answers that are kept in memory until a commit changes what they say; 0 keeps none.
    body_seconds
        How long a client may be silent in the middle of a body; three times that for a whole small body.
    heartbeat_seconds
        Interval of WebSocket heartbeats.
    flush_seconds
        How long an event waits at most until it is loaded into the lake.
    allowed_origins
        Web origins, such as ``https://desk.example``, whose pages may call beside the service's own.
    mask_numbers
        Whether readers see masked numbers.
    voice_workers
        Processes that listen to recordings, started with the service; None starts one for each core once the first
        recording arrives.
    voice_queue
        Recordings that may wait for one of them.
    voice_seconds
        Within which a recording must be answered.
    voice_upload
        Largest recording, in bytes.
    voice_keep
        Folder into which recordings are moved once they are answered; None removes them.
    """

    desk: Desk
    host: str = "127.0.0.1"
    port: int = 8000
    insecure_local: bool = False
    job_workers: int = 1
    max_upload: int = 4096 * MIB
    max_expansion: int = 64 * 1024 * MIB
    max_body: int = MIB
    requests_per_minute: int = 6000
    events_per_minute: int = 120_000
    wait_seconds: float = 5.0
    answer_seconds: float = 10.0
    kept_answers: int = 64 * MIB
    body_seconds: float = 20.0
    heartbeat_seconds: float = 30.0
    flush_seconds: float = 60.0
    allowed_origins: tuple[str, ...] = ()
    mask_numbers: bool = True
    voice_workers: int | None = None
    voice_queue: int = 16
    voice_seconds: float = 60.0
    voice_upload: int = 100 * MIB
    voice_keep: Path | None = None

    @cached_property
    def folder(self) -> Path:
        """Folder of the service beside the lake's tables: keys, jobs, events, uploads."""
        return service_folder(self.desk)

    @cached_property
    def scrub(self) -> Callable[[str], str]:
        """Take paths of this machine out of a message that leaves it."""
        return hide_lake(self.desk)


def service_folder(desk: Desk) -> Path:
    """Return the folder of the service beside the lake's tables; it is private to the user who serves."""
    return desk.config.beside_lake(".service").absolute()


def hide_lake(desk: Desk) -> Callable[[str], str]:
    """Return what takes a lake's place, and that of what is kept beside it, out of messages that leave this machine."""
    places = [str(service_folder(desk).parent), str(desk.config.lake)]
    if isinstance(desk.config.lake, str):
        with suppress(SentinelError):  # Its mirror; one that was not opened is in no message.
            places.append(str(desk.lake.path))

    def hide(text: str) -> str:
        for place in places:
            text = text.replace(place, "the lake")
        return text

    return hide


def is_loopback(host: str) -> bool:
    """Tell whether a host can be reached from this machine only."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
