"""The pipeline: ingest what is new, examine what is unexamined, record alerts, listen, report, tell the monitoring.

Every step can be repeated without doing its work twice, and the row in ``runs`` that makes the night successful is
written after all of them: a night that is interrupted anywhere is finished by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from sentinel_batch.errors import ExitCode, LakeLockedError, LakeNotFoundError, NoInputError, SentinelError, UsageError
from sentinel_batch.lake import Lake, now
from sentinel_batch.nightly.inbox import InboxMemory, list_inbox, reading_settings
from sentinel_batch.nightly.metrics import render_metrics, write_metrics
from sentinel_batch.nightly.outcome import NightlyResult, Step, describe_error
from sentinel_batch.nightly.period import find_backlog, last_success
from sentinel_batch.runs import Run, new_run_id, recorded_run

if TYPE_CHECKING:
    from sentinel_batch.config import Config
    from sentinel_batch.rules import Detection

DEFAULT_POLICY = "voice_only"
"""Routing policy of recordings when none is configured: it asks for nothing but the voice."""

QUIET_NIGHT = timedelta(hours=24)
"""When nothing came in, the report is about the newest calls, this long."""

_STEP_STATUS: dict[str, Literal["done", "partial", "skipped"]] = {
    "success": "done",
    "partial": "partial",
    "no_input": "skipped",
}

OnStep = Callable[[Step], None]


def run_nightly(
    *,
    lake: Lake | str | Path | None = None,
    inbox: str | Path | None = None,
    out: str | Path | None = None,
    metrics_file: str | Path | None = None,
    config: Config | None = None,
    on_step: OnStep | None = None,
    lock_timeout: float | None = None,
) -> NightlyResult:
    """Do the night's work; safe to repeat, and to interrupt at any moment.

    Parameters
    ----------
    lake
        The lake, or its folder; made if there is none and the inbox holds something.
    inbox
        Folder whose files are ingested, but for those already in the lake.
    out
        Folder for reports; the night's goes to ``YYYY-MM-DD`` below it, the date of the run's start in the configured
        time zone.
    metrics_file
        Prometheus textfile to replace.
    config
        Settings; None loads them. They stand in for every argument above that is None.
    on_step
        Called with each step when it ends.
    lock_timeout
        Seconds to wait for the lake's writer lock. Another night under way is not waited for.

    Returns
    -------
    NightlyResult
        Also when a step failed: see its ``status``, ``exit_code`` and ``error``.

    Raises
    ------
    LakeLockedError
        If another nightly run is under way on this lake; nothing was done.
    UsageError
        If no inbox is given.
    """
    from sentinel_batch.config import load_config

    settings = config or load_config()
    folder = lake.path if isinstance(lake, Lake) else Path(lake if lake is not None else settings.lake)
    chosen = Path(inbox) if inbox is not None else settings.inbox
    if chosen is None:
        raise UsageError("No inbox is given.", hint="Name a folder with --inbox, or set inbox in sentinel.toml.")
    metrics = Path(metrics_file) if metrics_file is not None else settings.metrics_file
    night = _Night(
        lake=folder.absolute(),
        inbox=chosen,
        out=Path(out if out is not None else settings.reports),
        settings=settings,
        on_step=on_step,
        lock_timeout=settings.lock_timeout if lock_timeout is None else lock_timeout,
    )
    return night.run(metrics)


class _Night:
    """One run under way."""

    def __init__(
        self, *, lake: Path, inbox: Path, out: Path, settings: Config, on_step: OnStep | None, lock_timeout: float
    ) -> None:
        self.folder, self.inbox, self.out = lake, inbox, out
        self.settings, self.on_step, self.lock_timeout = settings, on_step, lock_timeout
        self.result = NightlyResult(run_id=new_run_id(), started_at=now())
        self.newest_call: datetime | None = None

    def run(self, metrics: Path | None) -> NightlyResult:
        clock = time.perf_counter()
        try:
            lake = self._open()
            with _nightly_lock(lake):
                try:
                    self._work(lake)
                except BaseException as error:
                    self._end(error, clock, metrics)
                    if not isinstance(error, SentinelError):
                        raise
                else:
                    self._end(None, clock, metrics)
        except NoInputError as error:
            self._end(error, clock, metrics)
        return self.result

    def _open(self) -> Lake:
        """Open the lake, making one only when there is something to put into it."""
        with self._step("inbox") as step:
            files = list_inbox(self.inbox)
            step.counts = {"files": len(files)}
            try:
                return Lake.open(self.folder)
            except LakeNotFoundError:
                if not files and self.settings.audio_inbox is None:
                    raise NoInputError(
                        f"The inbox {self.inbox} is empty and there is no lake at {self.folder}.",
                        hint="Put call detail records into the inbox, or check both paths.",
                    ) from None
            return Lake.create(self.folder)

    def _work(self, lake: Lake) -> None:
        parameters: dict[str, Any] = {
            "inbox": str(self.inbox),
            "out": str(self.out),
            "rules": self.settings.rules,
            "audio_inbox": None if self.settings.audio_inbox is None else str(self.settings.audio_inbox),
        }
        with recorded_run(lake, "nightly", parameters, run_id=self.result.run_id) as run:
            self._ingest(lake, run)
            detections = self._detect(lake, run)
            self._record(lake, detections)
            self._group(lake, detections)
            failure = self._listen(lake)
            self._report(lake)
            if failure is not None:
                raise failure
            if self.result.failed_files or self.result.failed_rules:
                self.result.status, self.result.exit_code = "partial", ExitCode.PARTLY_DONE
            run.counts = {
                **{f"{step.name}.{name}": count for step in self.result.steps for name, count in step.counts.items()},
                "exit_code": int(self.result.exit_code),
            }

    def _ingest(self, lake: Lake, run: Run) -> None:
        from sentinel_batch.ingestion import ingest

        with self._step("ingest") as step:
            files = list_inbox(self.inbox)
            memory = InboxMemory(lake, reading_settings(self.settings))
            new = memory.choose_new(files)
            step.counts = {"files_unchanged": len(files) - len(new)}
            if not new:
                step.status = "skipped"
                return
            done = self.result.ingest = ingest(new, lake=lake, lock_timeout=self.lock_timeout, config=self.settings)
            known = [file for file in done.files if file.status in ("inserted", "already_ingested")]
            memory.remember({str(file.path): file.ingest_id for file in known if file.ingest_id})
            run.inputs["ingest_run_id"] = done.run_id
            run.inputs["files"] = {str(file.path): file.sha256 for file in done.files}
            step.counts |= {
                "files": len(done.files),
                "records_processed": done.records_processed,
                "records_inserted": done.records_inserted,
                "duplicates_skipped": done.duplicates_skipped,
                "records_rejected": done.records_rejected,
                "records_refused": done.records_refused,
            }
            if self.result.failed_files:
                step.status = "partial"
                step.counts["files_failed"] = len(self.result.failed_files)

    def _detect(self, lake: Lake, run: Run) -> list[Detection]:
        from sentinel_batch.profiles import build_profiles
        from sentinel_batch.rules import examine_rules, read_catalogue

        with self._step("profiles") as step:
            if lake.bounds() is None:
                step.status = "skipped"
            else:
                built = build_profiles(lake, config=self.settings)
                step.counts = {"days": len(built.built), "rows": built.rows}
        with self._step("detect") as step:
            backlog = find_backlog(lake)
            if backlog is None:
                step.status = "skipped"
                return []
            self.newest_call = run.until = backlog.until
            run.since = backlog.since
            run.inputs["examined_ingests"] = backlog.ingest_ids
            if backlog.is_empty:
                step.status = "skipped"
                return []
            self.result.since, self.result.until = backlog.since, backlog.until
            detections = examine_rules(
                lake=lake,
                since=backlog.since,
                until=backlog.until,
                configured=self.settings.rules,
                catalogue=read_catalogue(self.settings.rule_books, self.settings.packs),
                on_failure=lambda failed: self.result.failed_rules.append(failed.to_dict()),
            )
            if self.result.failed_rules:
                step.status = "partial"
            step.counts = {
                "rules": len(detections),
                "calls_examined": max((found.calls_examined for found in detections), default=0),
                "findings": sum(found.findings.height for found in detections),
            }
            return detections

    def _record(self, lake: Lake, detections: list[Detection]) -> None:
        import polars as pl

        from sentinel_batch.alerts import record_alerts

        with self._step("alerts") as step:
            if detections:
                changes = record_alerts(
                    pl.concat([found.findings for found in detections]),
                    lake=lake,
                    run_id=self.result.run_id,
                    lock_timeout=self.lock_timeout,
                    suppressions_file=self.settings.suppressions_file,
                )
                self.result.alert_changes = [changes]
            step.status = "done" if detections else "skipped"
            step.counts = dict(self.result.alert_counts())

    def _group(self, lake: Lake, detections: list[Detection]) -> None:
        from sentinel_batch.cases import Rates, build_cases

        with self._step("cases") as step:
            if not detections:
                step.status = "skipped"
                return
            done = build_cases(
                lake,
                until=detections[0].until,
                rates=Rates.of(self.settings),
                run_id=self.result.run_id,
                lock_timeout=self.lock_timeout,
            )
            step.counts = done.counts()

    def _listen(self, lake: Lake) -> SentinelError | None:
        """Analyse the recordings; what is wrong with them ends the night only after the report on the calls."""
        settings = self.settings
        if settings.audio_inbox is None:
            return None
        from sentinel_batch.recordings import analyse_recordings

        try:
            with self._step("audio") as step:
                done = self.result.recordings = analyse_recordings(
                    settings.audio_inbox,
                    lake=lake,
                    manifest=settings.audio_manifest,
                    enrollments=settings.enrollments,
                    policy=settings.audio_policy or DEFAULT_POLICY,
                    workers=settings.audio_workers,
                    region=settings.region,
                    lock_timeout=self.lock_timeout,
                )
                step.status = _STEP_STATUS[done.status]
                step.counts = {"received": done.recordings.height, "stored": done.stored}
                step.counts |= done.count("status") | done.count("label")
        except SentinelError as error:
            return error
        return None

    def _report(self, lake: Lake) -> None:
        from sentinel_batch.reporting import write_report

        with self._step("report") as step:
            since, until = self.result.since, self.newest_call
            if since is None and until is not None:
                since = until - QUIET_NIGHT
            heard = self.result.recordings is not None and self.result.recordings.recordings.height > 0
            if until is None and not heard and not self.result.failed_files:
                raise NoInputError(
                    f"The lake {lake.path} holds no calls, and the inbox {self.inbox} brought none.",
                    hint="Put call detail records into the inbox.",
                )
            day = self.result.started_at.astimezone(ZoneInfo(self.settings.timezone)).date()
            self.result.report = write_report(
                lake=lake,
                out=self.out / day.isoformat(),
                since=since,
                until=until,
                timezone=self.settings.timezone,
                examined_by=self.result.run_id if self.result.since is not None else None,
                model=self.settings.model,
            )
            step.counts = {"alerts": self.result.report.alerts_total}

    def _end(self, error: BaseException | None, clock: float, metrics: Path | None) -> None:
        """Settle the result and tell the monitoring, after all else: also how the night ended."""
        if error is not None:
            self.result.fail(error)
        self.result.seconds = time.perf_counter() - clock
        if metrics is None:
            return
        try:
            with self._step("metrics"):
                success = last_success(Lake.open(self.folder)) if self._has_lake() else None
                write_metrics(metrics, render_metrics(self.result, success))
        except (SentinelError, OSError) as failure:
            if error is None:
                self.result.fail(failure)

    def _has_lake(self) -> bool:
        try:
            Lake.open(self.folder)
        except LakeNotFoundError:
            return False
        return True

    @contextmanager
    def _step(self, name: str) -> Iterator[Step]:
        step = Step(self.result.run_id, name, now())
        clock = time.perf_counter()
        try:
            yield step
        except BaseException as error:
            step.status, step.error = "failed", describe_error(error)
            raise
        finally:
            step.seconds = time.perf_counter() - clock
            self.result.steps.append(step)
            if self.on_step is not None:
                self.on_step(step)


@contextmanager
def _nightly_lock(lake: Lake) -> Iterator[None]:
    """Keep two nights apart; the system releases the lock if the process dies."""
    from filelock import FileLock, Timeout

    lock = FileLock(str(lake.path / ".nightly.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise LakeLockedError(
            f"Another nightly run is under way on {lake.path}.",
            hint="Nothing to do: it does this night's work. If nights overlap often, start them further apart.",
        ) from error
    try:
        yield
    finally:
        lock.release()
