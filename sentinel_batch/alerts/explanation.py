"""Why a number is, or is not, an alert: its evidence, down to the single call."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from batch_base.plain import to_plain, unwrap
from sentinel_batch.alerts import call_profile as profile
from sentinel_batch.alerts.events import read_events
from sentinel_batch.alerts.files import exported_file, json_rows, write_guarded_csv
from sentinel_batch.alerts.queries import find_rows
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import AlertNotFoundError
from sentinel_batch.lake import Snapshot, find_last_call, read_calls_of
from sentinel_batch.numbers import normalise_number
from sentinel_batch.schema import FRAUD_ALERTS
from sentinel_batch.severity import severity_rank

EXPLAINED_PERIOD = timedelta(hours=24)
"""Length of the window that is explained for a number without an alert: the default window of rule SDHF_001."""


@dataclass(frozen=True)
class Reason:
    """One figure of the window, against its threshold; and the same figure of a whole day, against everybody else's.

    Others are compared by local days, because their figures are kept so (profiles): like is compared with like, a day
    with that day of the others. Where the window is a local day, both figures are the same.

    Parameters
    ----------
    measure
        ``call_count``, ``unique_destinations`` or ``avg_duration_seconds``.
    value
        The figure: that of the alert, or for a number without one that of its calls.
    comparison, threshold
        ``>`` or ``<`` and the rule's threshold; None for a figure that the rule does not test.
    percentile
        Percent (0 to 100) of the other callers of :attr:`Explanation.compared_day` whose figure of that day is lower
        than ``day_value``; None without other callers.
    callers
        Number of other callers of that day.
    day_value
        The figure of all calls of that day; None where nothing is compared.
    """

    measure: str
    value: float | None
    comparison: str | None
    threshold: float | None
    percentile: float | None
    callers: int
    day_value: float | None = None


@dataclass(frozen=True)
class Explanation:
    """Everything that is known about one alert, or one number.

    Parameters
    ----------
    subject
        What was asked for.
    suspect_number
        The number.
    alert
        Row of ``fraud_alerts``, or None for a number without one.
    window_start, window_end
        The explained window, ``(start, end]``: that of the alert's evidence.
    episode_start, episode_end
        The whole episode; the same as the window without an alert.
    reasons
        Figures against thresholds and percentiles.
    evidence
        The rule's own figures, by name; ``details`` are rows such as victims.
    calls_per_hour
        ``hour, calls, unique_destinations, avg_duration_seconds`` for every hour (UTC) of the window.
    top_callees
        ``callee_number, calls, total_duration_seconds, first_call, last_call`` of the ten most called numbers.
    first_calls, last_calls, shortest_calls, longest_calls
        Ten calls each.
    cells
        ``kind, value, calls, first_call, last_call`` for each location code, IMEI, IMSI and trunk.
    earlier
        The number's other alerts, with their verdicts, newest first.
    events
        History of the alert.
    notices
        What the reader has to know about the figures, such as calls that are no longer in the lake.
    compared_day
        The local day on which the caller is compared with all others: that of most of the window's calls. For a box,
        it is all its SIMs together against all callers that do not belong to it. None without calls.
    """

    subject: str
    suspect_number: str
    alert: dict[str, Any] | None
    window_start: datetime
    window_end: datetime
    episode_start: datetime
    episode_end: datetime
    reasons: list[Reason]
    evidence: dict[str, Any]
    calls_per_hour: pl.DataFrame
    top_callees: pl.DataFrame
    first_calls: pl.DataFrame
    last_calls: pl.DataFrame
    shortest_calls: pl.DataFrame
    longest_calls: pl.DataFrame
    cells: pl.DataFrame
    earlier: pl.DataFrame
    events: pl.DataFrame
    notices: list[str]
    compared_day: date | None
    _episode_calls: pl.DataFrame = field(repr=False)

    def calls(self, *, episode: bool = False) -> pl.DataFrame:
        """Return every call behind the alert, oldest first: those of the window, or those of the whole episode.

        Parameters
        ----------
        episode
            True for the whole episode, of which the window is the worst part.

        Returns
        -------
        polars.DataFrame
            Columns of ``call_records``.
        """
        calls = self._episode_calls
        return calls if episode else profile.between(calls, self.window_start, self.window_end)

    def write_calls(self, path: str | Path, *, episode: bool = False) -> Path:
        """Write the calls as CSV, safe to open in a spreadsheet; the file appears complete or not at all.

        Parameters
        ----------
        path
            The file.
        episode
            True for the calls of the whole episode.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        UsageError
            If the folder does not exist or cannot be written.
        """
        with exported_file(Path(path)) as fresh:
            write_guarded_csv(self.calls(episode=episode), fresh)
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the calls behind the alert as JSON-ready values; times are RFC 3339 in UTC."""
        document: dict[str, Any] = {}
        for name, value in vars(self).items():
            if name.startswith("_"):
                continue
            if isinstance(value, pl.DataFrame):
                document[name] = json_rows(value)
            elif name == "reasons":
                document[name] = [vars(reason) for reason in self.reasons]
            elif name == "alert" and value is not None:
                document[name] = to_plain(value)
            else:
                document[name] = to_plain(value)
        return document


def explain(subject: int | str, *, lake: DeskLike = None, config: ConfigLike = None) -> Explanation:
    """Explain an alert, or what a number did.

    Parameters
    ----------
    subject
        Id of an alert, or a number in any notation. Digits alone are an id if an alert has it, else a number. A number
        stands for its worst alert, an open one if there is any; without one, its last 24 hours up to its newest call
        are explained.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    Explanation

    Raises
    ------
    AlertNotFoundError
        If there is no such alert, and no call from such a number.
    """
    desk = open_desk(lake, config)
    tables, zone = desk.tables, desk.config.timezone
    number, alert = _resolve(tables, subject, desk.config.region)
    if alert is not None:
        window = (alert["window_start"], alert["window_end"])
        span = (alert["episode_start"], alert["episode_end"])
    else:
        window = span = _last_period(tables, number, subject)
    evidence = _read_object(alert, "evidence")
    # Whole days, for the comparison: they are read once.
    around = profile.widen(min(span[0], window[0]), max(span[1], window[1]), zone)
    whole = read_calls_of(tables, [number, *_members(evidence)], *around)
    calls = profile.between(whole, min(span[0], window[0]), max(span[1], window[1]))
    inside = profile.between(calls, *window)
    standing = profile.compare_callers(tables, zone, whole, inside)
    others = _alerts_of(tables, number)
    return Explanation(
        subject=str(subject),
        suspect_number=number,
        alert=alert,
        window_start=window[0],
        window_end=window[1],
        episode_start=span[0],
        episode_end=span[1],
        reasons=_reasons(alert, inside, standing),
        evidence=evidence,
        calls_per_hour=profile.count_by_hour(inside, *window),
        top_callees=profile.rank_callees(inside),
        **profile.pick_extremes(inside),
        cells=profile.count_cells(inside),
        earlier=others.filter(others["id"] != alert["id"]) if alert is not None else others,
        events=read_events(tables, [alert["id"]] if alert is not None else []),
        notices=_notices(alert, evidence, inside),
        compared_day=standing.day,
        _episode_calls=calls,
    )


def _resolve(tables: Snapshot, subject: int | str, region: str) -> tuple[str, dict[str, Any] | None]:
    subject = unwrap(subject)
    text = str(subject).strip()
    is_id = isinstance(subject, int) or (text.isascii() and text.isdigit() and len(text) <= 18)
    if is_id:
        try:
            [alert] = find_rows(tables, [int(text)])
        except AlertNotFoundError:
            number = _as_known(tables, text, region)
            if isinstance(subject, int) or not _is_known(tables, number):
                raise
        else:
            return alert["suspect_number"], alert
    number = _as_known(tables, text, region)
    return number, _worst_alert(tables, number)


def _as_known(tables: Snapshot, text: str, region: str) -> str:
    """Return a number in normal form, or as typed if the lake knows it so: an older version may have read it."""
    normal = normalise_number(text, region)[0] or text
    return text if text != normal and _is_known(tables, text) else normal


def _is_known(tables: Snapshot, number: str) -> bool:
    return _worst_alert(tables, number) is not None or find_last_call(tables, number) is not None


def _worst_alert(tables: Snapshot, number: str) -> dict[str, Any] | None:
    """Return the alert that a number is listed for: of the open ones, or else of all, the worst."""
    rows = _alerts_of(tables, number).filter(pl.col("status") != "merged")
    ordered = rows.sort(pl.col("status") == "open", severity_rank(), descending=True, maintain_order=True)
    worst = ordered.head(1).to_dicts()
    return worst[0] if worst else None


def _alerts_of(tables: Snapshot, number: str) -> pl.DataFrame:
    rows = tables.scan(FRAUD_ALERTS.name).filter(pl.col("suspect_number") == number).collect()
    return rows.sort("last_seen", "id", descending=True)


def _last_period(tables: Snapshot, number: str, subject: int | str) -> tuple[datetime, datetime]:
    newest = find_last_call(tables, number)
    if newest is None:
        raise AlertNotFoundError(
            f"There is no alert {subject!r}, and no call from such a number.",
            hint="Name an id of sentinel-batch alerts list, or a caller as the lake keeps it, such as +2348031234567.",
            subject=str(subject),
        )
    return newest - EXPLAINED_PERIOD, newest


def _reasons(alert: dict[str, Any] | None, calls: pl.DataFrame, standing: profile.Standing) -> list[Reason]:
    values = alert if alert is not None else profile.summarise(calls)
    parameters = _read_object(alert, "parameters")
    tests = {
        "call_count": (None, None),
        "unique_destinations": (">", parameters.get("min_unique_destinations")),
        "avg_duration_seconds": ("<", parameters.get("max_avg_duration")),
    }
    return [
        Reason(
            measure,
            values[measure],
            comparison if threshold is not None else None,
            float(threshold) if threshold is not None else None,
            standing.percentiles.get(measure),
            standing.callers,
            standing.values.get(measure),
        )
        for measure, (comparison, threshold) in tests.items()
    ]


def _members(evidence: dict[str, Any]) -> list[str]:
    """Return the SIMs of the box that an alert is about; none if it is about a number."""
    members = evidence.get("members")
    return [member for member in members if isinstance(member, str)] if isinstance(members, list) else []


def _read_object(alert: dict[str, Any] | None, column: str) -> dict[str, Any]:
    try:
        value = json.loads(alert[column] or "{}") if alert is not None else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _notices(alert: dict[str, Any] | None, evidence: dict[str, Any], calls: pl.DataFrame) -> list[str]:
    if alert is None:
        return ["No alert was recorded for this number; the last 24 hours up to its newest call are shown."]
    notices = []
    if alert["status"] == "merged":
        notices.append(f"This alert was merged into alert {alert['merged_into']}.")
    members = _members(evidence)
    if members:
        box = evidence.get("box_id")
        notices.append(
            f"The calls are those of all {len(members)} SIMs of box {box}: sentinel-batch boxes show {box} names them, "
            f"boxes explain {box} says what ties them."
        )
    if calls.height < (alert["call_count"] or 0):
        notices.append(
            f"The lake holds {calls.height} of the {alert['call_count']} calls of this window: the others were"
            " archived or deleted."
        )
    elif calls.height > (alert["call_count"] or 0) and not members:
        notices.append(
            f"The lake holds {calls.height} calls of this window, the alert counted {alert['call_count']}: the others"
            " arrived later, or are none that its rule counts."
        )
    return notices
