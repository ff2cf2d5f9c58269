"""The pipeline: ingest what is new, examine what is unexamined, record alerts, listen, report, tell the monitoring.

Every step can be repeated without doing its work twice, and the row in ``runs`` that makes the night successful is
written after all of them: a night that is interrupted anywhere is finished by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from os.path import lexists
from pathlib import Path
from typing import Any, Literal

from batch_base.names import path_of
from sentinel_batch.boxes import alert_boxes, record_boxes
from sentinel_batch.cases import build_cases
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.detection import Detections, record_detections, run_detection
from sentinel_batch.errors import ExitCode, NoInputError, SentinelError, UsageError
from sentinel_batch.ingestion import IngestResult, ingest
from sentinel_batch.lake import Lake, held_lock
from sentinel_batch.maintenance import pack_calls, tidy_lake
from sentinel_batch.nightly.arrivals import (
    Arrivals,
    count_files,
    list_folder,
    look_at,
    name_vanished,
    receive_files,
    tell_files,
    tell_recordings,
)
from sentinel_batch.nightly.closing import Closing
from sentinel_batch.nightly.closing import OnStep as OnStep
from sentinel_batch.nightly.ending import (
    find_repeated,
    local_day,
    move_report,
    read_history,
)
from sentinel_batch.nightly.inbox import InboxMemory, reading_settings
from sentinel_batch.nightly.outcome import NightlyResult, Step
from sentinel_batch.nightly.period import find_backlog
from sentinel_batch.profiles import build_profiles
from sentinel_batch.recordings import analyse_recordings
from sentinel_batch.reporting import PastNight, count_grown, drafted_folder, publish_folder, write_report
from sentinel_batch.rules import FailedRule, check_rules
from sentinel_batch.runs import Run, recorded_run
from sentinel_batch.schema import ROW_COUNTS
from sentinel_batch.scores.judgement import judge_callers

DEFAULT_POLICY = "voice_only"
"""Routing policy of recordings when none is configured: it asks for nothing but the voice."""

QUIET_NIGHT = timedelta(hours=24)
"""When nothing came in, the report is about the newest calls, this long."""

_STEP_STATUS: dict[str, Literal["done", "partial", "skipped"]] = {
    "success": "done",
    "partial": "partial",
    "no_input": "skipped",
}


def run_nightly(
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    inbox: str | Path | None = None,
    out: str | Path | None = None,
    metrics_file: str | Path | None = None,
    on_step: OnStep | None = None,
) -> NightlyResult:
    """Do the night's work; safe to repeat, and to interrupt at any moment.

    The lake is made if there is none and the inbox holds something. Another night under way is not waited for.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    inbox
        Folder whose files are ingested, but for those already in the lake, or its address on another machine
        (``sftp://``, ``s3://``); None is the configured one.
    out
        Folder for reports; the night's goes to ``YYYY-MM-DD`` below it, the date of the run's start in the configured
        time zone, or to ``YYYY-MM-DD-2`` and so on where that is taken. None is the configured one.
    metrics_file
        Prometheus textfile to replace, or the folder of textfiles; None is the configured one, if any.
    on_step
        Called with each step when it ends.

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
    desk = open_desk(lake, config).configure(inbox=inbox, reports=out, metrics_file=metrics_file)
    if desk.config.inbox is None:
        raise UsageError("No inbox is given.", hint="Name a folder with --inbox, or set inbox in sentinel.toml.")
    return _Night(desk, desk.config.inbox, on_step).run()


class _Night(Closing):
    """One run under way."""

    def __init__(self, desk: Desk, inbox: Path | str, on_step: OnStep | None) -> None:
        super().__init__(desk, on_step)
        self.inbox = inbox
        self.newest_call: datetime | None = None
        self.model_notices: tuple[str, ...] = ()

    def run(self) -> NightlyResult:
        try:
            self._open()
            with _nightly_lock(self.desk.lake):
                try:
                    self._work()
                except BaseException as error:
                    self._end(error)
                    if not isinstance(error, SentinelError):
                        raise
                else:
                    self._end(None)
        except NoInputError as error:
            self._end(error)
        return self.result

    def _open(self) -> None:
        """Make the lake if there is none, but only when there is something to put into it."""
        with self._step("inbox") as step:
            if isinstance(self.inbox, str):  # It is looked at later, when no other night can be at the same copies.
                self.desk.create_lake()
                return
            files = list_folder(self.inbox).files
            step.counts = {"files": len(files)}
            if not self._has_lake() and not files and self.settings.audio_inbox is None:
                raise NoInputError(
                    f"The inbox {self.inbox} is empty and there is no lake at {self.settings.lake}.",
                    hint="Put call detail records into the inbox, or check both paths.",
                )
            self.desk.create_lake()

    def _work(self) -> None:
        parameters: dict[str, Any] = {
            "inbox": str(self.inbox),
            "out": str(self.settings.reports),
            "rules": self.settings.rules,
            "audio_inbox": None if self.settings.audio_inbox is None else str(self.settings.audio_inbox),
        }
        with recorded_run(self.desk.lake, "nightly", parameters, run_id=self.result.run_id) as run:
            self._read_rules()
            self._ingest(run)
            found = self._detect(run)
            self._find_boxes(found)  # First: what rules say of a box's members is recorded this very night.
            self._record(found)
            self._group(found)
            failure = self._listen()
            self._report(run)
            self._pack()
            self._tidy()
            if failure is not None:
                raise failure
            if self.result.failed_files or self.result.failed_rules:
                self.result.status, self.result.exit_code = "partial", ExitCode.PARTLY_DONE
            if self.result.failed_rules:
                run.counts["failed_rules"] = [failed["rule"] for failed in self.result.failed_rules]
            if self.model_notices:
                run.counts["model_notices"] = list(self.model_notices)
            run.counts |= {
                **{f"{step.name}.{name}": count for step in self.result.steps for name, count in step.counts.items()},
                "exit_code": int(self.result.exit_code),
            }

    def _read_rules(self) -> None:
        """Read the books, every night and before all else: what is wrong in the configuration ends the night here."""
        with self._step("rules") as step:
            self._take_failed(check_rules(self.settings), step)

    def _take_failed(self, failed: Sequence[FailedRule], step: Step) -> None:
        """Add rules that failed to the night's, those that failed again with what they say now."""
        known = {entry["rule"]: entry for entry in self.result.failed_rules}
        known |= {rule.id: rule.to_dict() for rule in failed}
        self.result.failed_rules = list(known.values())
        if failed:
            step.status = "partial"
            step.counts["failed_rules"] = [rule.id for rule in failed]

    def _ingest(self, run: Run) -> None:
        with self._step("ingest") as step:
            arrivals = receive_files(self.inbox, self.desk.lake.path)
            memory = InboxMemory(self.desk.tables, reading_settings(self.settings))
            new = memory.choose_new(arrivals.files)
            step.counts = {"files_unchanged": len(arrivals.files) - len(new)}
            if isinstance(self.inbox, str):
                step.counts["files_fetched"] = arrivals.fetched
            self.result.missing = list(arrivals.failed)
            looks = look_at(new)
            done = self.result.ingest = self._ingest_present(new)
            if done is not None:
                known = [file for file in done.files if file.status in ("inserted", "already_ingested")]
                memory.remember({str(path_of(file.path)): file.ingest_id for file in known if file.ingest_id})
                run.inputs["ingest_run_id"] = done.run_id
                run.inputs["files"] = {str(file.path): file.sha256 for file in done.files}
                step.counts |= {"files": len(done.files)} | {name: getattr(done, name) for name in ROW_COUNTS}
            if arrivals.other:
                step.counts["files_not_read"] = len(arrivals.other)
            self._tell(arrivals, set(arrivals.files) - set(new), looks)
            step.files = self.result.failed_files
            if step.files:
                step.status = "partial"
                step.counts["files_failed"] = len(step.files)
            elif done is None:
                step.status = "skipped"

    def _ingest_present(self, new: list[Path]) -> IngestResult | None:
        """Ingest the files that are still there; others have gone since they were listed, and are said to be."""
        present = [path for path in new if lexists(path)]
        self.result.missing += name_vanished(path for path in new if path not in present)
        if not present:
            return None
        try:
            return ingest(present, lake=self.desk)
        except NoInputError:
            if all(lexists(path) for path in present):
                raise
            return self._ingest_present(present)

    def _tell(self, arrivals: Arrivals, unchanged: set[Path], looks: dict[Path, Any]) -> None:
        result, gone = self.result, [file for file in self.result.missing if file not in arrivals.failed]
        result.files = tell_files(arrivals, result.ingest, unchanged=sorted(unchanged), vanished=gone, looks=looks)
        result.file_counts = count_files(result.files)

    def _detect(self, run: Run) -> Detections | None:
        with self._step("profiles") as step:
            if self.desk.tables.bounds() is None:
                step.status = "skipped"
            else:
                built = build_profiles(lake=self.desk)
                step.counts = {"days": len(built.built), "rows": built.rows}
        with self._step("detect") as step:
            backlog = find_backlog(self.desk.tables)
            if backlog is not None:
                self.newest_call = run.until = backlog.until
                run.since = backlog.since
                run.inputs["examined_ingests"] = backlog.ingest_ids
            if backlog is None or backlog.is_empty:
                step.status = "skipped"
                return None
            self.result.since, self.result.until = backlog.since, backlog.until
            found = run_detection(lake=self.desk, since=backlog.since, until=backlog.until, record=False)
            self.result.notices = list(found.notices)
            self._take_failed(found.failed, step)
            step.counts |= {
                "rules": len(found.by_rule),
                "calls_examined": found.calls_examined,
                "findings": found.findings.height,
            }
            return found

    def _record(self, found: Detections | None) -> None:
        with self._step("alerts") as step:
            if found is None or not found.by_rule:
                step.status = "skipped"
            else:
                recorded = record_detections(found, lake=self.desk, run_id=self.result.run_id)
                self.result.alert_changes += [recorded.changes] if recorded.changes is not None else []
                self.result.unrecorded = recorded.unrecorded
                step.counts["unrecorded"] = recorded.unrecorded.total
                self.result.alerts_grown = count_grown(self.desk.tables, self.result.started_at)
            step.counts |= self.result.alert_counts()

    def _find_boxes(self, found: Detections | None) -> None:
        """Find boxes among all heavy one-way callers, whatever the rules say, and open one alert for each."""
        with self._step("boxes") as step:
            until = self.newest_call
            if found is None or until is None:
                step.status = "skipped"
                return
            done = record_boxes(lake=self.desk, until=until, run_id=self.result.run_id)
            step.counts = {"candidates": done.found.candidates, **done.counts()}
            changes = alert_boxes(done, lake=self.desk, run_id=self.result.run_id)
            if changes is not None:
                self.result.alert_changes.append(changes)
                step.counts |= {f"alerts_{name}": count for name, count in changes.counts().items()}

    def _group(self, found: Detections | None) -> None:
        with self._step("cases") as step:
            if found is None or not found.by_rule:
                step.status = "skipped"
                return
            done = build_cases(lake=self.desk, until=found.until, run_id=self.result.run_id)
            step.counts = done.counts()

    def _listen(self) -> SentinelError | None:
        """Analyse the recordings; what is wrong with them ends the night only after the report on the calls."""
        settings = self.settings
        if settings.audio_inbox is None:
            return None
        try:
            with self._step("audio") as step:
                done = self.result.recordings = analyse_recordings(
                    settings.audio_inbox,
                    lake=self.desk,
                    manifest=settings.audio_manifest,
                    enrollments=settings.enrollments,
                    policy=settings.audio_policy or DEFAULT_POLICY,
                    workers=settings.audio_workers,
                )
                step.status = _STEP_STATUS[done.status]
                unread = sum(group.files for group in done.unread)
                step.counts = {"received": done.recordings.height, "stored": done.stored, "unread": unread}
                step.counts |= done.count("status") | done.count("label")
                told = tell_recordings(done, settings.audio_inbox)
                lost = {row["path"] for row in done.failed}
                step.files = [file for file in self.result.failed_files if file["path"] in lost]
                self.result.files += told
                self.result.file_counts["files_lost"] = self.result.file_counts.get("files_lost", 0) + len(told)
        except SentinelError as error:
            return error
        return None

    def _report(self, run: Run) -> None:
        with self._step("report") as step:
            repeated = find_repeated(read_history(self.desk), self.result)
            since, until = self._choose_period(repeated)
            heard = self.result.recordings is not None and self.result.recordings.recordings.height > 0
            if until is None and not heard and not self.result.failed_files:
                raise NoInputError(
                    f"The lake {self.settings.lake} holds no calls, and the inbox {self.inbox} brought none.",
                    hint="Put call detail records into the inbox.",
                )
            self._check_model(until)
            self.result.elapsed = time.perf_counter() - self.clock
            night = self._account()
            run.inputs["night_files"] = [file for file in night.files if file["outcome"] != "unchanged"]
            run.counts["night"] = night.figures
            with drafted_folder(self.settings.reports, self.result.run_id) as draft:
                self.result.report = write_report(
                    lake=self.desk,
                    out=draft,
                    since=since,
                    until=until,
                    examined_by=self.result.run_id if self.result.since is not None else None,
                    failed_rules=self.result.failed_rules,
                    night=night,
                )
                move_report(self.result, publish_folder(draft, local_day(self.result, self.settings)))
            step.counts = {"alerts": self.result.report.alerts_total}

    def _choose_period(self, repeated: PastNight | None) -> tuple[datetime | None, datetime | None]:
        """Return what the report is about: what was examined, or again what the last night examined that had to."""
        if self.result.since is not None:
            return self.result.since, self.newest_call
        if repeated is not None:
            return repeated.since, repeated.until
        return None if self.newest_call is None else self.newest_call - QUIET_NIGHT, self.newest_call

    def _pack(self) -> None:
        """Sort the night's calls by caller, for those who ask for one number; last, since nobody waits for it."""
        with self._step("pack") as step:
            done = pack_calls(lake=self.desk)
            step.counts = {"days": len(done), "rows": sum(one.rows for one in done)}
            step.status = "done" if done else "skipped"

    def _tidy(self) -> None:
        """Keep files and logs from growing with the nights."""
        with self._step("tidy") as step:
            done = tidy_lake(lake=self.desk)
            counts = {"merged": len(done.compacted), "logs": len(done.checkpoints), "removed": done.vacuumed_files}
            step.counts = counts
            step.status = "done" if any(counts.values()) else "skipped"

    def _check_model(self, until: datetime | None) -> None:
        """Note where the model's probabilities cannot be trusted: queue and report take its order then."""
        if until is not None:
            judgement, silent = judge_callers(self.desk.snapshot(), until=until)
            said = () if judgement is None else judgement.check.notices
            self.model_notices = said if silent is None else (silent,)
            self.result.notices += self.model_notices


def _nightly_lock(lake: Lake) -> AbstractContextManager[None]:
    """Keep two nights of this machine apart; machines that share a lake in object storage take turns, step by step."""
    return held_lock(
        lake.path / ".nightly.lock",
        0,
        message=f"Another nightly run is under way on {lake.place}.",
        hint="Nothing to do: it does this night's work. If nights overlap often, start them further apart.",
    )
