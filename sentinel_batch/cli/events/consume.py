"""Command ``events consume``."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.events.options import CONSUMED, JUDGED, Consumed, Judged, prepared, show_tally
from sentinel_batch.cli.option_groups import grouped
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from audio_batch.events import Consumer, Tally


@with_session
@grouped("judged", Judged, JUDGED)
@grouped("consumed", Consumed, CONSUMED)
def consume(
    session: Session,
    judged: Judged,
    consumed: Consumed,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            metavar="ADDRESS",
            envvar="SENTINEL_EVENTS_SOURCE",
            show_envvar=False,
            help="kafka://HOST:PORT/TOPIC, amqp://…?queue=, redis://…?stream=, sqs://QUEUE or file:PATH "
            "[env SENTINEL_EVENTS_SOURCE].",
        ),
    ],
) -> ExitCode:
    """Work off a queue of events that carry recordings, until told to end; a file until its end.

    Each event is answered once, whatever is killed in between: its recording is scored and routed, and the result kept
    and published. SIGTERM finishes what is under way. Exit code 3: there were dead letters.
    """
    from audio_batch.events import Consumer, open_source

    queue = open_source(source, workers=consumed.workers)
    with prepared(session, judged, consumed) as parts:
        consumer = Consumer(queue, parts.store, parts.handler, **parts.settings)
        tally = asyncio.run(_run(consumer))
    return show_tally(session.output, tally)


async def _run(consumer: Consumer) -> Tally:
    loop = asyncio.get_running_loop()
    for told in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(told, consumer.stop)
    return await consumer.run()
