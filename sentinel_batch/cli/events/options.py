"""Options that the commands of ``events`` share, and what they become."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.audio.options import VOICEPRINTS, exported_key
from sentinel_batch.cli.output import Output
from sentinel_batch.cli.session import Session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from audio_batch.events import Metrics, Recordings, Tally, VoiceHandler

STORE_FOLDER = ".events"
"""Folder beside the lake's tables that keeps what became of events, unless a store is named."""

Results = Annotated[
    str | None,
    typer.Option(
        "--results", metavar="ADDRESS", envvar="SENTINEL_EVENTS_RESULTS",
        help="Queue that results go to [default they are only kept].",
    ),
]  # fmt: skip
StoreFile = Annotated[
    Path | None,
    typer.Option("--store", metavar="FILE", help="What became of events [default .events/events.db in the lake]."),
]
AudioFolder = Annotated[
    Path | None,
    typer.Option("--audio-folder", metavar="DIR", help="Folder below which events may name recordings [default none]."),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="NAME", help="Host that audio_url may name; *.NAME for all below it."),
]
AllowHttp = Annotated[bool, typer.Option("--allow-http", help="Let audio_url be http:// as well.")]
AllowPrivate = Annotated[
    bool, typer.Option("--allow-private", help="Let allowed hosts be inside: loopback, link-local, private addresses.")
]
MaxAudio = Annotated[int, typer.Option("--max-audio", metavar="MB", min=1, help="Largest recording that is fetched.")]
FetchSeconds = Annotated[
    float, typer.Option("--fetch-seconds", metavar="N", min=0.1, help="Longest time that fetching one may take.")
]
PolicyFor = Annotated[
    list[str] | None,
    typer.Option("--policy-for", metavar="TYPE=POLICY", help="Route events of a type by another policy."),
]
SarDrafts = Annotated[
    Path | None,
    typer.Option(
        "--sar-drafts", metavar="DIR",
        help="Draft reports for events that ask for one (sar: true); nothing is ever submitted [default none].",
    ),
]  # fmt: skip
Workers = Annotated[
    int, typer.Option("--workers", metavar="N", min=1, max=256, help="Events that are worked on at the same time.")
]
Attempts = Annotated[
    int, typer.Option("--attempts", metavar="N", min=1, max=100, help="Tries until an event becomes a dead letter.")
]
KeepDays = Annotated[
    float, typer.Option("--keep-days", metavar="N", min=1, help="How long an event that comes twice is known.")
]
MetricsPort = Annotated[
    int | None, typer.Option("--metrics-port", metavar="N", min=1, max=65535, help="Answer /metrics on this port.")
]
MetricsHost = Annotated[str, typer.Option("--metrics-host", metavar="NAME", help="Address of /metrics.")]


def parse_policies(pairs: Sequence[str] | None) -> dict[str, str]:
    """Read ``TYPE=POLICY``."""
    found = {}
    for pair in pairs or ():
        kind, separator, policy = pair.partition("=")
        if not separator or not kind or not policy:
            hint = "Such as --policy-for account_access=call_centre."
            raise UsageError(f"--policy-for {pair!r} is not of the form TYPE=POLICY.", hint=hint, value=pair)
        found[kind] = policy
    return found


def make_recordings(
    folder: Path | None, hosts: Sequence[str] | None, http: bool, private: bool, megabytes: int, seconds: float
) -> Recordings:
    """Return where recordings may be taken from."""
    from audio_batch.events import Fetcher, FetchRules, Recordings

    if folder is not None and not folder.is_dir():
        hint = "Name a folder that exists."
        raise UsageError(f"--audio-folder {str(folder)!r} is no folder.", hint=hint, value=str(folder))
    schemes = ("https", "http") if http else ("https",)
    rules = FetchRules(tuple(hosts or ()), schemes, private, megabytes << 20, seconds)
    return Recordings(folder, Fetcher(rules))


@contextmanager
def open_handler(
    session: Session,
    recordings: Recordings,
    *,
    policies: Sequence[str] | None,
    store: Path | None,
    key_file: Path | None,
    model: str | None,
    profile: str,
    sar_drafts: Path | None,
    workers: int,
) -> Iterator[VoiceHandler]:
    """Give what makes results of events."""
    from audio_batch.events import Judging, VoiceHandler

    voices = session.configure().lake / VOICEPRINTS
    judging = Judging(
        parse_policies(policies), store or (voices if voices.is_dir() else None), model, profile, sar_drafts
    )
    with exported_key(key_file), VoiceHandler(recordings, judging, workers=workers) as handler:
        yield handler


def find_events_store(session: Session, store: Path | None) -> Path:
    """Return the file that remembers events."""
    return store if store is not None else session.configure().lake / STORE_FOLDER / "events.db"


@contextmanager
def open_metrics(host: str, port: int | None) -> Iterator[Metrics | None]:
    """Give counters that answer on a port, or None where no port is named."""
    if port is None:
        yield None
        return
    from audio_batch.events import Metrics

    metrics = Metrics()
    try:
        _, end = metrics.serve(host, port)
    except OSError as error:
        hint = "Name another port with --metrics-port."
        raise UsageError(f"--metrics-port {port} cannot be had on {host}: {error.strerror}.", hint=hint) from error
    try:
        yield metrics
    finally:
        end()


def show_tally(out: Output, tally: Tally) -> ExitCode:
    """Print what a consumer did; dead letters make it partly done."""
    partly = tally.dead_lettered > 0
    if out.as_json:
        out.document({"status": "partial" if partly else "success", **asdict(tally)})
    else:
        out.line(
            f"{tally.received:,} received: {tally.processed:,} processed, {tally.duplicates:,} known already, "
            f"{tally.failed:,} failed tries, {tally.dead_lettered:,} dead letters; {tally.published:,} published"
        )
    return ExitCode.PARTLY_DONE if partly else ExitCode.DONE
