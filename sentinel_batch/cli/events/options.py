"""Options that the commands of ``events`` share, in groups, and what they become."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

import typer

from sentinel_batch.cli.audio.options import KeyFile, Model, Profile, Store, exported_key, find_voices, settle_model
from sentinel_batch.cli.option_groups import Options
from sentinel_batch.cli.output import Output
from sentinel_batch.cli.session import Session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from audio_batch.events import EventStore, Metrics, Recordings, Tally, VoiceHandler

STORE_FOLDER = ".events"
"""Folder beside the lake's tables that keeps what became of events, unless a store is named."""


def _option(name: str, metavar: str, text: str, **settings: Any) -> Any:
    return typer.Option(name, metavar=metavar, help=text, **settings)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """How recordings are found and judged."""

    audio_folder: Annotated[
        Path | None, _option("--audio-folder", "DIR", "Folder below which events may name recordings [default none].")
    ] = None
    allow_host: Annotated[
        list[str] | None, _option("--allow-host", "NAME", "Host that audio_url may name; *.NAME for all below it.")
    ] = None
    allow_http: Annotated[bool, typer.Option("--allow-http", help="Let audio_url be http:// as well.")] = False
    allow_private: Annotated[
        bool,
        typer.Option("--allow-private", help="Let allowed hosts have addresses inside: loopback, link-local, private."),
    ] = False
    max_audio: Annotated[int, _option("--max-audio", "MB", "Largest recording that is fetched.", min=1)] = 256
    fetch_seconds: Annotated[
        float, _option("--fetch-seconds", "N", "Longest time that fetching one may take.", min=0.1)
    ] = 60.0
    policy_for: Annotated[
        list[str] | None, _option("--policy-for", "TYPE=POLICY", "Route events of a type by another policy.")
    ] = None
    enrollments: Store = None
    key_file: KeyFile = None
    model: Model = None
    profile: Profile = "telephone"
    sar_drafts: Annotated[
        Path | None,
        _option("--sar-drafts", "DIR", "Draft reports for events that ask for one; none is submitted [default none]."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Consumed:
    """How much is taken on, and where results go."""

    results: Annotated[
        str | None,
        _option(
            "--results", "ADDRESS", "Queue that results go to [env SENTINEL_EVENTS_RESULTS; default none].",
            envvar="SENTINEL_EVENTS_RESULTS",
            show_envvar=False,
        ),
    ] = None  # fmt: skip
    workers: Annotated[
        int, _option("--workers", "N", "Events that are worked on at the same time.", min=1, max=256)
    ] = 1
    attempts: Annotated[
        int, _option("--attempts", "N", "Tries until an event becomes a dead letter.", min=1, max=100)
    ] = 5
    store: Annotated[
        Path | None, _option("--store", "FILE", "What became of events [default .events/events.db in the lake].")
    ] = None
    keep_days: Annotated[float, _option("--keep-days", "N", "How long an event that comes twice is known.", min=1)] = (
        90.0
    )
    metrics_host: Annotated[str, _option("--metrics-host", "NAME", "Address of /metrics.")] = "127.0.0.1"
    metrics_port: Annotated[
        int | None, _option("--metrics-port", "N", "Answer /metrics on this port.", min=1, max=65535)
    ] = None


def _list_options(kind: type[Judged | Consumed]) -> Options:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: (hints[field.name], field.default) for field in fields(kind)}


JUDGED = _list_options(Judged)
CONSUMED = _list_options(Consumed)


@contextmanager
def open_handler(session: Session, judged: Judged, *, workers: int = 1) -> Iterator[VoiceHandler]:
    """Give what makes results of events."""
    from audio_batch.events import Judging, VoiceHandler

    voices = find_voices(session.configure())
    judging = Judging(
        policies=_parse_policies(judged.policy_for or ()),
        store=judged.enrollments or voices,
        model=settle_model(session, judged.model),
        profile=judged.profile,
        sar_drafts=judged.sar_drafts,
    )
    recordings = _make_recordings(judged)
    with exported_key(judged.key_file), VoiceHandler(recordings, judging, workers=workers) as handler:
        yield handler


def _parse_policies(pairs: list[str] | tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        kind, separator, policy = pair.partition("=")
        if not separator or not kind or not policy:
            hint = "Such as --policy-for account_access=call_centre."
            raise UsageError(f"--policy-for {pair!r} is not of the form TYPE=POLICY.", hint=hint, value=pair)
        found[kind] = policy
    return found


def _make_recordings(judged: Judged) -> Recordings:
    from audio_batch.events import Fetcher, FetchRules, Recordings

    folder = judged.audio_folder
    if folder is not None and not folder.is_dir():
        hint = "Name a folder that exists."
        raise UsageError(f"--audio-folder {str(folder)!r} is no folder.", hint=hint, value=str(folder))
    schemes = ("https", "http") if judged.allow_http else ("https",)
    hosts = tuple(judged.allow_host or ())
    rules = FetchRules(hosts, schemes, judged.allow_private, judged.max_audio << 20, judged.fetch_seconds)
    return Recordings(folder, Fetcher(rules))


class Prepared(NamedTuple):
    """What a consumer is made with.

    Attributes
    ----------
    settings
        ``sink``, ``limits``, ``metrics`` and ``log`` of a consumer.
    """

    handler: VoiceHandler
    store: EventStore
    path: Path
    settings: dict[str, Any]


@contextmanager
def prepared(session: Session, judged: Judged, consumed: Consumed) -> Iterator[Prepared]:
    """Give what a consumer is made with; what was begun in the store is written when the block ends."""
    from audio_batch.events import EventStore, Limits, open_sink

    path = consumed.store or session.configure().beside_lake(f"{STORE_FOLDER}/events.db", "Name a file with --store.")
    sink = open_sink(consumed.results, workers=consumed.workers) if consumed.results else None
    limits = Limits(consumed.workers, consumed.attempts, keep_days=consumed.keep_days)
    with (
        open_handler(session, judged, workers=consumed.workers) as handler,
        _serve_metrics(consumed.metrics_host, consumed.metrics_port) as metrics,
        closing(EventStore(path)) as store,
    ):
        settings = {"sink": sink, "limits": limits, "metrics": metrics, "log": session.output.log}
        yield Prepared(handler, store, path, settings)


@contextmanager
def _serve_metrics(host: str, port: int | None) -> Iterator[Metrics | None]:
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
