"""The process that does the long jobs, one after the other, so that a request never waits for them."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fastapi import HTTPException

from batch_base.errors import ReportedError
from batch_base.plain import to_plain
from sentinel_batch.config import Config
from sentinel_batch.desk import Desk
from sentinel_batch.service.failures import describe
from sentinel_batch.service.settings import hide_lake

log = logging.getLogger("sentinel_batch.service")

Report = Callable[[str, int, int], None]
Outcome = tuple[int, dict[str, Any]]

_REPORT_SECONDS = 0.5
_SEED_KEYS = ("status", "records_processed", "records_inserted", "duplicates_skipped", "processing_time_seconds")
_RULE = "SDHF_001"


@dataclass(frozen=True)
class Order:
    """A job as the process gets it."""

    kind: str
    parameters: dict[str, Any]


def work(orders: Connection, config: Config, max_expansion: int) -> None:
    """Do jobs until the other end hangs up: each is answered by ``("done", status, body)``."""
    # Ctrl-C goes to the whole group; the service lets its job come to the end, or stops it itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    desk = Desk(config)
    # Before the first order, so that nobody waits for it.
    for name in ("sentinel_batch.detection.service", "sentinel_batch.ingestion.loading.run"):
        import_module(name)
    while True:
        try:
            order = orders.recv()
            orders.send(("done", *_do(order, desk, max_expansion, _reporter(orders))))
        except (EOFError, BrokenPipeError, OSError):
            return


def _do(order: Order, desk: Desk, max_expansion: int, report: Report) -> Outcome:
    scrub = hide_lake(desk)
    try:
        status, body = _TASKS[order.kind](order.parameters, desk, max_expansion, report)
        return status, to_plain(body)
    except HTTPException as error:
        return error.status_code, {"detail": error.detail}
    except ReportedError as error:
        status, body = describe(error, scrub=scrub)
        return status, to_plain(body)
    except Exception:
        log.exception("A job of the kind %s failed", order.kind)
        return 500, {"detail": "The job has failed; the log of the service says where.", "code": "unexpected"}


def _reporter(orders: Connection) -> Report:
    last = 0.0

    def report(label: str, done: int, total: int) -> None:
        nonlocal last
        moment = time.monotonic()
        if moment - last >= _REPORT_SECONDS:
            last = moment
            orders.send(("progress", Path(label).name, done, total))

    return report


def _ingest(parameters: dict[str, Any], desk: Desk, max_expansion: int, report: Report) -> Outcome:
    from sentinel_batch.ingestion import ingest, list_dialects
    from sentinel_batch.service.uploads import check_expansion

    file = Path(parameters["file"])
    check_expansion(file, max_expansion)
    options = dict(parameters.get("options", {}))
    # By name only: a path would read, and quote, files of this machine.
    if "dialect" in options and options["dialect"] not in [dialect.name for dialect in list_dialects()]:
        said = f"There is no dialect {options['dialect']!r}; allowed: {', '.join(d.name for d in list_dialects())}."
        return 422, {"detail": [{"type": "dialect", "loc": ["body", "dialect"], "msg": said, "ctx": {}}]}
    # From its own folder, so that the lake and all messages know the file by the name that its sender gave it.
    with _inside(file.parent):
        result = ingest(file.name, lake=desk, progress=report, **options).to_dict()
    [taken] = result["files"]
    if taken["error"] is not None:
        wrong = taken["error"]
        ctx = {"hint": wrong.get("hint", ""), **{name: result[name] for name in result if name.startswith("records")}}
        detail = {"type": wrong["code"], "loc": ["body", "cdr_file"], "msg": wrong["message"], "ctx": ctx}
        return 507 if wrong["code"] == "disk_full" else 422, {"detail": [detail]}
    return 200, {name: result[name] for name in _SEED_KEYS} | result


def _detect(parameters: dict[str, Any], desk: Desk, max_expansion: int, report: Report) -> Outcome:
    from sentinel_batch.detection import run_detection

    if parameters.get("max_avg_duration") == 0:
        # No average is below 0 seconds; the rule itself starts at 0.001.
        nothing = {"status": "success", "alerts_generated": 0, "alert_ids": [], "suspects": []}
        return 200, {**nothing, "recorded": False, "until": parameters.get("until") or desk.tables.newest_call}
    done = run_detection(_RULE, lake=desk, record=True, **parameters)
    document = done.to_dict()
    document["suspects"] = _match_ids(document)
    kept = ("recorded", "run_id", "since", "until", "calls_examined", "counts", "rules", "notices", "suppressed")
    seed = ("status", "alerts_generated", "alert_ids", "suspects")
    return 200, {name: document[name] for name in (*seed, *kept)}


def _match_ids(document: dict[str, Any]) -> list[str]:
    """Return the suspects, those of the new alerts first and in their order: clients read both lists side by side."""
    numbers = {alert["id"]: alert["suspect_number"] for alert in document["alerts"]}
    created = [numbers[alert_id] for alert_id in document["alert_ids"] if alert_id in numbers]
    return list(dict.fromkeys([*created, *document["suspects"]]))


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


_TASKS: dict[str, Callable[[dict[str, Any], Desk, int, Report], Outcome]] = {
    "ingest": _ingest,
    "detect": _detect,
}
