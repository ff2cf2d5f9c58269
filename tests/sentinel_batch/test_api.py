"""Every public name works, also after every submodule was imported: none is shadowed by a module."""

from __future__ import annotations

import inspect
import pkgutil
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import sentinel_batch as sb


@pytest.fixture(autouse=True, scope="module")
def _every_submodule() -> None:
    for module in pkgutil.walk_packages(sb.__path__, "sentinel_batch."):
        if module.name != "sentinel_batch.__main__":
            import_module(module.name)


@dataclass(frozen=True)
class Place:
    """A lake of its own, and a folder for everything else."""

    lake: Path
    folder: Path
    csv: Path

    def prepare(self, name: str) -> Path:
        """Return a new folder."""
        made = self.folder / name
        made.mkdir()
        return made

    @property
    def suspect(self) -> str:
        return str(sb.list_alerts(lake=self.lake)["suspect_number"][0])


def _unsuppress(place: Place) -> Any:
    sb.suppress("+2348012345678", reason="test", lake=place.lake)
    return sb.unsuppress("+2348012345678", lake=place.lake)


def _run_nightly(place: Place) -> Any:
    inbox = place.prepare("inbox")
    shutil.copy(place.csv, inbox)
    return sb.run_nightly(lake=place.folder / "night", inbox=inbox, out=place.folder / "nightly")


def _import_labels(place: Place) -> Any:
    file = place.folder / "labels.csv"
    file.write_text(f"number,label,source,date\n{place.suspect},positive,regulator,2026-01-14\n", encoding="utf-8")
    return sb.import_labels(file, lake=place.lake)


ON_CALLS: dict[str, Callable[[Place], Any]] = {
    "load_config": lambda at: sb.load_config(environ={}, start=at.folder),
    "open": lambda at: sb.open(at.lake),
    "run_detection": lambda at: sb.run_detection(lake=at.lake),
    "ingest": lambda at: sb.ingest([at.csv], lake=at.lake),
    "propose_dialect": lambda at: sb.propose_dialect(at.csv),
    "examine": lambda at: sb.examine(lake=at.lake),
    "detect": lambda at: sb.detect(lake=at.lake),
    "record_alerts": lambda at: sb.record_alerts(sb.detect(lake=at.lake), lake=at.lake),
    "list_alerts": lambda at: sb.list_alerts(lake=at.lake),
    "get_alert": lambda at: sb.get_alert(1, lake=at.lake),
    "review_alerts": lambda at: sb.review_alerts([1], disposition="watch", lake=at.lake),
    "undo_review": lambda at: (
        sb.review_alerts([2], lake=at.lake),
        sb.undo_review([2], lake=at.lake),
    ),
    "annotate_alerts": lambda at: sb.annotate_alerts(1, notes="called back", lake=at.lake),
    "export_alerts": lambda at: sb.export_alerts(at.folder / "alerts.parquet", lake=at.lake),
    "export_suspects": lambda at: sb.export_suspects(at.folder / "suspects.json", lake=at.lake),
    "list_suspects": lambda at: sb.list_suspects(lake=at.lake),
    "explain": lambda at: sb.explain(1, lake=at.lake),
    "suppress": lambda at: sb.suppress("+2348012345678", reason="test", lake=at.lake),
    "list_suppressions": lambda at: sb.list_suppressions(lake=at.lake),
    "unsuppress": _unsuppress,
    "import_labels": _import_labels,
    "list_labels": lambda at: sb.list_labels(lake=at.lake),
    "write_report": lambda at: sb.write_report(lake=at.lake, out=at.folder / "out"),
    "run_nightly": _run_nightly,
    "analyse_recordings": lambda at: sb.analyse_recordings(at.prepare("recordings"), lake=at.lake),
    "list_recordings": lambda at: sb.list_recordings(lake=at.lake),
    "list_joint_findings": lambda at: sb.list_joint_findings(lake=at.lake),
    "diagnose": lambda at: sb.diagnose(at.lake),
    "maintain": lambda at: sb.maintain(at.lake),
}
"""Calls on the lake of two SIM boxes and their alerts."""


def _link(place: Place) -> Any:
    bounds = sb.Lake.open(place.lake).snapshot().bounds()
    assert bounds is not None
    suspects = sb.list_alerts(lake=place.lake)["suspect_number"]
    return sb.link_suspects(suspects, lake=sb.Lake.open(place.lake), since=bounds[0], until=bounds[1])


def _assess_event(place: Place) -> Any:
    event = {
        "caller_number": place.suspect,
        "callee_number": "+2348090000000",
        "duration_seconds": 1,
        "timestamp": "2026-01-14T12:00:00Z",
    }
    return sb.assess_event(event, lake=place.lake)


def _train_and_open(place: Place) -> Any:
    sb.train_model([place.lake], labels="truth").save(place.folder / "model")
    return sb.open_model(place.folder / "model")


SHIPPED = "simbox-simulated"

ON_POPULATION: dict[str, Callable[[Place], Any]] = {
    "simulate_population": lambda at: sb.simulate_population(at.folder / "new", subscribers=1_000, days=1, boxes=1),
    "simulate_agents": lambda at: sb.simulate_agents(at.folder / "new", subscribers=1_000, days=1),
    "list_rules": lambda _: sb.list_rules(),
    "read_truth": lambda at: sb.read_truth(at.lake),
    "build_profiles": lambda at: sb.build_profiles(at.lake),
    "read_profiles": lambda at: sb.read_profiles(at.lake),
    "scan_profiles": lambda at: sb.scan_profiles(at.lake),
    "examine_rules": lambda at: list(sb.examine_rules(lake=at.lake, since="1d")),
    "link_suspects": _link,
    "find_boxes": lambda at: sb.find_boxes(at.lake),
    "record_boxes": lambda at: sb.record_boxes(at.lake),
    "list_boxes": lambda at: sb.list_boxes(lake=at.lake),
    "get_box": lambda at: sb.get_box(1, lake=at.lake),
    "build_cases": lambda at: sb.build_cases(at.lake),
    "list_cases": lambda at: sb.list_cases(lake=at.lake),
    "get_case": lambda at: sb.get_case(1, lake=at.lake),
    "assign_case": lambda at: sb.assign_case(1, "ada", lake=at.lake),
    "mark_case": lambda at: sb.mark_case(1, "watch", lake=at.lake),
    "close_case": lambda at: sb.close_case(1, verdict="confirmed", lake=at.lake),
    "assess_risk": lambda at: sb.assess_risk(at.suspect, lake=at.lake),
    "assess_event": _assess_event,
    "assess_events": lambda at: sb.assess_events([], lake=at.lake),
    "rank_risks": lambda at: sb.rank_risks(lake=at.lake),
    "compute_scorecard": lambda at: sb.compute_scorecard(lake=at.lake),
    "rank_suspects": lambda at: sb.rank_suspects(at.lake, model=SHIPPED),
    "calibrate_rules": lambda at: sb.calibrate_rules(lake=at.lake, history="6d", rules=["SDHF_001"]),
    "train_model": _train_and_open,
    "evaluate_model": lambda at: sb.evaluate_model(SHIPPED, [at.lake], labels="truth"),
    "open_model": lambda _: sb.open_model(SHIPPED),
    "check_model": lambda at: sb.check_model(at.lake, model=SHIPPED),
    "score_callers": lambda at: sb.score_callers(at.lake, model=SHIPPED),
    "explain_caller": lambda at: sb.explain_caller(at.suspect, lake=at.lake, model=SHIPPED),
}
"""Calls on a simulated population with profiles, alerts and cases."""


def test_every_public_function_has_a_call_here() -> None:
    functions = {name for name in sb.__all__ if inspect.isfunction(getattr(sb, name))}
    charts = {name for name in functions if name.startswith("chart_")}
    assert functions - charts == {*ON_CALLS, *ON_POPULATION}
    assert not set(ON_CALLS) & set(ON_POPULATION)


@pytest.mark.parametrize("name", ON_CALLS)
def test_it_can_be_called_after_everything_was_imported(
    name: str, calls_lake: Path, calls_file: Path, tmp_path: Path
) -> None:
    assert ON_CALLS[name](Place(calls_lake, tmp_path, calls_file)) is not None


@pytest.fixture(scope="module")
def _population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("population") / "lake"
    sb.simulate_population(lake, subscribers=1_000, days=10, boxes=3)
    sb.build_profiles(lake)
    for found in sb.examine_rules(lake=lake, since="3d"):
        sb.record_alerts(found.findings, lake=lake)
    sb.record_boxes(lake)
    sb.build_cases(lake)
    return lake


@pytest.mark.parametrize("name", ON_POPULATION)
def test_it_can_be_called_on_a_population(name: str, _population: Path, calls_file: Path, tmp_path: Path) -> None:
    lake = shutil.copytree(_population, tmp_path / "lake")
    assert ON_POPULATION[name](Place(lake, tmp_path, calls_file)) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="detekt"):
        sb.detekt  # noqa: B018
