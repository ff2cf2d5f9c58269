"""Command ``events consume``."""

from __future__ import annotations

import asyncio
import signal
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.audio.options import KeyFile, Model, Profile, Store
from sentinel_batch.cli.events.options import (
    AllowHost,
    AllowHttp,
    AllowPrivate,
    Attempts,
    AudioFolder,
    FetchSeconds,
    KeepDays,
    MaxAudio,
    MetricsHost,
    MetricsPort,
    PolicyFor,
    Results,
    SarDrafts,
    StoreFile,
    Workers,
    find_events_store,
    make_recordings,
    open_handler,
    open_metrics,
    show_tally,
)
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from audio_batch.events import Consumer, Tally


@with_session
def consume(
    session: Session,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            metavar="ADDRESS",
            envvar="SENTINEL_EVENTS_SOURCE",
            help="kafka://HOST:PORT/TOPIC, amqp://…?queue=, redis://…?stream=, sqs://QUEUE or file:PATH.",
        ),
    ],
    results: Results = None,
    audio_folder: AudioFolder = None,
    allow_host: AllowHost = None,
    allow_http: AllowHttp = False,
    allow_private: AllowPrivate = False,
    max_audio: MaxAudio = 256,
    fetch_seconds: FetchSeconds = 60.0,
    policy_for: PolicyFor = None,
    enrollments: Store = None,
    key_file: KeyFile = None,
    model: Model = None,
    profile: Profile = "telephone",
    sar_drafts: SarDrafts = None,
    workers: Workers = 1,
    attempts: Attempts = 5,
    store: StoreFile = None,
    keep_days: KeepDays = 90.0,
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: MetricsPort = None,
) -> ExitCode:
    """Work off a queue of events that carry recordings, until told to end; a file until its end.

    Each event is answered once, whatever is killed in between: its recording is scored and routed, and the result kept
    and published. SIGTERM finishes what is under way. Exit code 3: there were dead letters.
    """
    from audio_batch.events import Consumer, EventStore, Limits, open_sink, open_source

    recordings = make_recordings(audio_folder, allow_host, allow_http, allow_private, max_audio, fetch_seconds)
    queue = open_source(source, workers=workers)
    sink = open_sink(results, workers=workers) if results else None
    with (
        open_handler(
            session, recordings, policies=policy_for, store=enrollments, key_file=key_file, model=model,
            profile=profile, sar_drafts=sar_drafts, workers=workers,
        ) as handler,
        open_metrics(metrics_host, metrics_port) as metrics,
        closing(EventStore(find_events_store(session, store))) as kept,
    ):  # fmt: skip
        limits = Limits(workers, attempts, keep_days=keep_days)
        consumer = Consumer(queue, kept, handler, sink=sink, limits=limits, metrics=metrics, log=session.output.log)
        return show_tally(session.output, asyncio.run(_run(consumer)))


async def _run(consumer: Consumer) -> Tally:
    loop = asyncio.get_running_loop()
    for told in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(told, consumer.stop)
    return await consumer.run()
