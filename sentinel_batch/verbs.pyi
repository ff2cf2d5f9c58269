# Written by: python -m sentinel_batch.verb_stub sentinel_batch/verbs.pyi

from audio_batch.batch.progress import Progress as BatchProgress
from audio_batch.scorers import ScorerLike
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import date
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from sentinel_batch.alerts.explanation import Explanation
from sentinel_batch.alerts.recording import AlertChanges
from sentinel_batch.boxes.finding import Moment as BoxesMoment
from sentinel_batch.boxes.queries import BoxFile
from sentinel_batch.boxes.recording import BoxChanges
from sentinel_batch.boxes.result import Boxes
from sentinel_batch.cases.building import CaseChanges
from sentinel_batch.cases.queries import CaseFile
from sentinel_batch.detection.result import Detections
from sentinel_batch.detection.service import Moment as DetectionMoment
from sentinel_batch.ingestion.loading.options import Progress as IngestionProgress
from sentinel_batch.ingestion.result import IngestResult
from sentinel_batch.labels.importing import LabelImport
from sentinel_batch.learning.calibration import Proposal
from sentinel_batch.learning.model import Model
from sentinel_batch.learning.scorecard import Scorecard
from sentinel_batch.learning.scoring import CallerExplanation
from sentinel_batch.learning.trust import ModelCheck
from sentinel_batch.maintenance.diagnosis import Diagnosis
from sentinel_batch.maintenance.upkeep import MaintenanceResult
from sentinel_batch.nightly.closing import OnStep
from sentinel_batch.nightly.outcome import NightlyResult
from sentinel_batch.profiles.building import ProfileBuild
from sentinel_batch.recordings.result import RecordingsResult
from sentinel_batch.reporting.night import Night
from sentinel_batch.reporting.output import ReportFiles
from sentinel_batch.reporting.period import Moment as ReportingMoment
from sentinel_batch.rules.catalogue import FailedRule
from sentinel_batch.rules.execution import Detection
from sentinel_batch.rules.rule import Rule
from sentinel_batch.scores.risk import Pending
from sentinel_batch.scores.risk import Risk
from sentinel_batch.simulation.population.truth import PopulationTruth
from typing import Any
import datetime as dt
import polars as pl

class Verbs:
    def analyse_recordings(
        self,
        directory: str | Path,
        *,
        manifest: str | Path | None = None,
        enrollments: str | Path | None = None,
        policy: str | Path | None = None,
        workers: int | None = None,
        channel_roles: Mapping[int, str] | str | None = None,
        model: str | Path | Mapping[str, Any] | None = None,
        profile: str = 'telephone',
        scorer: ScorerLike | None = None,
        scorer_fallback: str | None = None,
        run_id: str | None = None,
        progress: Callable[[BatchProgress], None] | None = None,
    ) -> RecordingsResult:
        """Validate, score, verify and route every recording of a folder, and store what is new."""

    def annotate_alerts(self, ids: int | Iterable[int], *, notes: str, by: str | None = None) -> pl.DataFrame:
        """Replace the notes of alerts, and nothing else: they stay reviewed, or not; the history keeps the old notes."""

    def assess_event(self, event: str | Mapping[str, Any]) -> Risk:
        """Score the caller of a call that is not yet in the lake, the call included."""

    def assess_events(self, events: Sequence[str | Mapping[str, Any]], *, pending: Pending | None = None) -> list[Risk]:
        """Score the callers of several calls that are not yet in the lake, each over the 24 hours that end with its call."""

    def assess_risk(self, number: str, *, at: str | datetime | None = None) -> Risk:
        """Score a number over the 24 hours that end at an instant."""

    def assign_case(self, case_id: int, assignee: str, *, by: str | None = None) -> CaseFile:
        """Give a case to somebody; an unseen case is open from then on."""

    def build_cases(
        self,
        *,
        since: str | datetime | timedelta | None = None,
        until: str | datetime | timedelta | None = None,
        linked: float = 0.5,
        run_id: str | None = None,
    ) -> CaseChanges:
        """Group the suspects of alerts into cases, and continue those of earlier nights; repeating it changes nothing."""

    def build_profiles(
        self,
        *,
        since: date | str | None = None,
        until: date | str | None = None,
        rebuild: bool = False,
        calls_at_once: int = 250000,
    ) -> ProfileBuild:
        """Compute the profiles of all local days that are missing or stale, oldest first, one commit per day."""

    def calibrate_rules(
        self,
        *,
        history: timedelta | str = ...,
        until: datetime | None = None,
        budget: float | str = 50.0,
        segments: bool = False,
        loosen: bool = False,
        rules: Sequence[str] | None = None,
        levels: Sequence[float] = ...,
    ) -> Proposal:
        """Propose thresholds that keep the alerts within a budget; changes nothing."""

    def check_model(self, *, model: Model | str | Path, until: datetime | None = None) -> ModelCheck:
        """Tell whether a model's judgement of the trailing days can be trusted."""

    def close_case(
        self,
        case_id: int,
        *,
        verdict: str,
        notes: str = '',
        review: bool = False,
        by: str | None = None,
    ) -> CaseFile:
        """Close a case with a verdict."""

    def compute_scorecard(self, *, since: datetime | None = None, until: datetime | None = None) -> Scorecard:
        """Return the record of every rule that raised an alert."""

    def detect(
        self,
        *,
        rule: str | Rule = 'SDHF_001',
        window: str | timedelta | None = None,
        min_unique_destinations: int | None = None,
        max_avg_duration: float | None = None,
        since: str | datetime | timedelta | None = None,
        until: str | datetime | timedelta | None = None,
        trailing: bool = False,
        direction: str | None = None,
        answered_only: bool = False,
        parameters: Mapping[str, Any] | None = None,
    ) -> pl.DataFrame:
        """Return a rule's findings, with the severity of their expected loss; nothing is written."""

    def diagnose(self) -> Diagnosis:
        """Check versions, configuration, every table of the lake, disk space and the last runs."""

    def examine(
        self,
        *,
        rule: str | Rule = 'SDHF_001',
        window: str | timedelta | None = None,
        min_unique_destinations: int | None = None,
        max_avg_duration: float | None = None,
        since: str | datetime | timedelta | None = None,
        until: str | datetime | timedelta | None = None,
        trailing: bool = False,
        direction: str | None = None,
        answered_only: bool = False,
        parameters: Mapping[str, Any] | None = None,
    ) -> Detection:
        """Run a rule over the lake, and return in what it looked, too; nothing is written."""

    def examine_rules(
        self,
        rules: Sequence[str | Rule] | None = None,
        *,
        since: str | datetime | timedelta | None = None,
        until: str | datetime | timedelta | None = None,
        on_failure: Callable[[FailedRule], None] | None = None,
    ) -> list[Detection]:
        """Run several rules over one period, sharing what they read; nothing is written."""

    def explain(self, subject: int | str) -> Explanation:
        """Explain an alert, or what a number did."""

    def explain_caller(
        self,
        number: str,
        *,
        model: Model | str | Path,
        until: datetime | None = None,
    ) -> CallerExplanation:
        """Say why the model thinks what it thinks of a number."""

    def export_alerts(
        self,
        path: str | Path,
        *,
        severity: str | Sequence[str] | None = None,
        reviewed: bool | None = None,
        suspect: str | None = None,
        since: datetime | None = None,
        status: str | Sequence[str] | None = 'all',
        limit: int | None = None,
    ) -> Path:
        """Write alerts to one plain file, which appears complete or not at all."""

    def export_suspects(self, path: str | Path, **filters: Any) -> Path:
        """Write suspects to one plain file, which appears complete or not at all."""

    def find_boxes(self, *, since: BoxesMoment = None, until: BoxesMoment = None, callees: int | None = None) -> Boxes:
        """Find SIM boxes: groups of at least three heavy one-way callers that belong together beyond chance."""

    def get_alert(self, alert_id: int) -> dict[str, Any]:
        """Return one alert, whatever its status."""

    def get_box(self, box_id: int) -> BoxFile:
        """Return one box, whatever its status, with members and links."""

    def get_case(self, case_id: int) -> CaseFile:
        """Return one case, whatever its status, with members, links and history."""

    def import_labels(self, file: str | Path, *, by: str | None = None) -> LabelImport:
        """Keep what others know of numbers: hits of test calls, a regulator's list, closed cases."""

    def ingest(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        dialect: str | Path | None = None,
        timezone: str | None = None,
        region: str | None = None,
        numbers: str | None = None,
        strict: bool = False,
        max_reject_rate: float | None = None,
        dry_run: bool = False,
        day_first: bool | None = None,
        run_id: str | None = None,
        progress: IngestionProgress | None = None,
    ) -> IngestResult:
        """Load call detail records into the lake, making the lake if there is none."""

    def link_suspects(self, numbers: Iterable[str], *, since: datetime, until: datetime) -> pl.DataFrame:
        """Find what ties suspects together."""

    def list_alerts(
        self,
        *,
        severity: str | Sequence[str] | None = None,
        reviewed: bool | None = None,
        suspect: str | None = None,
        since: datetime | None = None,
        status: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Return alerts, worst first: by severity, then most unique destinations, then oldest id."""

    def list_boxes(self, *, limit: int | None = None) -> pl.DataFrame:
        """Return the boxes that stand, in the one order of importance."""

    def list_cases(self, *, status: str | Sequence[str] | None = None, limit: int | None = None) -> pl.DataFrame:
        """Return cases in the one order of importance (:func:`sentinel_batch.severity.sort_by_importance`)."""

    def list_joint_findings(self) -> pl.DataFrame:
        """List the numbers that have an alert and of which a recording is ``likely_synthetic``: one row per number."""

    def list_labels(self, *, label: str | None = None, source: str | None = None) -> pl.DataFrame:
        """Return the imported labels (columns of ``schema.OUTSIDE_LABELS``), the newest first."""

    def list_recordings(
        self,
        *,
        label: str | None = None,
        status: str | None = None,
        action: str | None = None,
        number: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
        superseded: bool = False,
    ) -> pl.DataFrame:
        """List recordings, worst first: likely synthetic, spliced, then by score (0 human … 1 synthetic), failed ones last."""

    def list_suppressions(self, *, active: bool | None = None) -> pl.DataFrame:
        """Return both suppression lists: the lake's, and the file that the settings name."""

    def list_suspects(
        self,
        *,
        severity: str | Sequence[str] | None = None,
        suspect: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        status: str | Sequence[str] = ...,
        limit: int | None = None,
        ranking: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        """Return one row per suspect, or per box whose members are suspects, worst first."""

    def maintain(
        self,
        *,
        keep_days: int | None = None,
        archive: str | Path | None = None,
        dry_run: bool = False,
        retention_hours: int = 168,
    ) -> MaintenanceResult:
        """Compact and clean a lake; readers see the same rows before and after."""

    def mark_case(self, case_id: int, status: str, *, notes: str = '', by: str | None = None) -> CaseFile:
        """Mark a case as open, on watch or confirmed."""

    def rank_risks(self, *, at: str | datetime | None = None) -> pl.DataFrame:
        """Score every number that called within the 24 hours that end at an instant, the highest score first."""

    def rank_suspects(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        model: Model | str | Path | None = None,
        status: str | Sequence[str] = ...,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Return the queue of suspects, one row per number, those with the greatest expected loss first."""

    def read_profiles(self, since: date | str | None = None, until: date | str | None = None) -> pl.DataFrame:
        """Read the stored profiles, by day and number."""

    def read_truth(self) -> PopulationTruth:
        """Return the truth about a lake that :func:`simulate_population` filled."""

    def record_alerts(
        self,
        findings: pl.DataFrame,
        *,
        run_id: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> AlertChanges:
        """Record findings as alerts: new ones are opened, known ones grow, repeated ones change nothing."""

    def record_boxes(self, *, until: BoxesMoment = None, run_id: str | None = None) -> BoxChanges:
        """Find boxes and keep them: known ones go on, new ones are opened; repeating it changes nothing."""

    def review_alerts(
        self,
        ids: int | Iterable[int],
        *,
        disposition: str | None = None,
        notes: str = '',
        replace: bool = False,
        by: str | None = None,
    ) -> pl.DataFrame:
        """Give a verdict on alerts, or only say that they were looked at; all of them, or none."""

    def run_detection(
        self,
        rules: str | Rule | Sequence[str | Rule] | None = None,
        *,
        since: DetectionMoment = None,
        until: DetectionMoment = None,
        record: bool | None = None,
        command: str = 'detect',
        run_id: str | None = None,
        **adhoc: Any,
    ) -> Detections:
        """Run rules over one period and record what they find as alerts."""

    def run_nightly(
        self,
        *,
        inbox: str | Path | None = None,
        out: str | Path | None = None,
        metrics_file: str | Path | None = None,
        on_step: OnStep | None = None,
    ) -> NightlyResult:
        """Do the night's work; safe to repeat, and to interrupt at any moment."""

    def scan_profiles(self, since: date | str | None = None, until: date | str | None = None) -> pl.LazyFrame:
        """Scan the stored profiles."""

    def score_callers(
        self,
        *,
        model: Model | str | Path,
        until: datetime | None = None,
        numbers: Sequence[str] | None = None,
        base_rate: float | None = None,
    ) -> pl.DataFrame:
        """Return the model's judgement of every number that called in the trailing days, the most suspicious first."""

    def simulate_agents(
        self,
        *,
        subscribers: int = 10000,
        days: int = 14,
        seed: int = 1,
        start: dt.date = ...,
        boxes: int = 1,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> PopulationTruth:
        """Fill an empty lake with the calls of agents: subscribers with places and friends, trades, probes and SIM boxes."""

    def simulate_population(
        self,
        *,
        subscribers: int = 10000,
        days: int = 14,
        seed: int = 1,
        start: dt.date = ...,
        strategies: Sequence[str] | None = None,
        prevalence: float = 0.0002,
        campaigns: bool = True,
        boxes: int | None = None,
        sims_per_box: int | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> PopulationTruth:
        """Fill an empty lake with the calls of a population in which every fraudster is known; it is made if there is none."""

    def suppress(
        self,
        pattern: str,
        *,
        reason: str,
        until: datetime | date | str | None = None,
        by: str | None = None,
    ) -> pl.DataFrame:
        """Put a number or a prefix on the lake's suppression list, or change its entry."""

    def undo_review(self, ids: int | Iterable[int], *, notes: str = '', by: str | None = None) -> pl.DataFrame:
        """Take back the last review of each alert, which is then as it was before; all of them, or none."""

    def unsuppress(self, pattern: str, *, by: str | None = None) -> pl.DataFrame:
        """Take a pattern off the lake's suppression list."""

    def write_report(
        self,
        *,
        out: str | Path | None = None,
        run_id: str | None = None,
        since: ReportingMoment | None = None,
        until: ReportingMoment | None = None,
        max_alerts: int = 500,
        generated_at: datetime | None = None,
        examined_by: str | None = None,
        failed_rules: Sequence[Mapping[str, str]] = ...,
        night: Night | None = None,
    ) -> ReportFiles:
        """Write ``report.html``, ``report.json`` and ``alerts.parquet`` about a period."""
