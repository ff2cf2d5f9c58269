"""Every public name works, also after every submodule was imported: none is shadowed by a module."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import sentinel_batch as sb


@pytest.fixture(autouse=True)
def _every_submodule() -> None:
    for module in pkgutil.walk_packages(sb.__path__, "sentinel_batch."):
        if module.name != "sentinel_batch.__main__":
            import_module(module.name)


def _calls(lake: Path, folder: Path, csv: Path) -> dict[str, Callable[[], Any]]:
    inbox = folder / "inbox"
    inbox.mkdir()
    (inbox / "calls.csv").write_bytes(csv.read_bytes())
    recordings = folder / "recordings"
    recordings.mkdir()
    return {
        "load_config": lambda: sb.load_config(environ={}, start=folder),
        "open": lambda: sb.open(lake),
        "run_detection": lambda: sb.run_detection(lake=lake),
        "ingest": lambda: sb.ingest([csv], lake=lake),
        "examine": lambda: sb.examine(lake=lake),
        "detect": lambda: sb.detect(lake=lake),
        "record_alerts": lambda: sb.record_alerts(sb.detect(lake=lake), lake=lake),
        "list_alerts": lambda: sb.list_alerts(lake=lake),
        "get_alert": lambda: sb.get_alert(1, lake=lake),
        "review_alerts": lambda: sb.review_alerts([1], disposition="watch", lake=lake),
        "export_alerts": lambda: sb.export_alerts(folder / "alerts.parquet", lake=lake),
        "explain": lambda: sb.explain(1, lake=lake),
        "suppress": lambda: sb.suppress("+2348012345678", reason="test", lake=lake),
        "list_suppressions": lambda: sb.list_suppressions(lake=lake),
        "unsuppress": lambda: sb.unsuppress("+2348012345678", lake=lake),
        "write_report": lambda: sb.write_report(lake=lake, out=folder / "out"),
        "run_nightly": lambda: sb.run_nightly(lake=folder / "night", inbox=inbox, out=folder / "nightly"),
        "analyse_recordings": lambda: sb.analyse_recordings(recordings, lake=lake),
        "list_recordings": lambda: sb.list_recordings(lake=lake),
        "list_joint_findings": lambda: sb.list_joint_findings(lake=lake),
        "diagnose": lambda: sb.diagnose(lake),
        "maintain": lambda: sb.maintain(lake),
    } | _population_calls(folder / "population", folder / "model")


def _population_calls(lake: Path, model: Path) -> dict[str, Callable[[], Any]]:
    """Calls on a simulated population, which build on one another."""
    shipped = "simbox-simulated"

    def first() -> str:
        return str(sb.list_alerts(lake=lake)["suspect_number"][0])

    def link() -> Any:
        bounds = sb.Lake.open(lake).snapshot().bounds()
        assert bounds is not None
        suspects = sb.list_alerts(lake=lake)["suspect_number"]
        return sb.link_suspects(suspects, lake=sb.Lake.open(lake), since=bounds[0], until=bounds[1])

    return {
        "simulate_population": lambda: sb.simulate_population(lake, subscribers=1_000, days=10, boxes=3),
        "list_rules": lambda: sb.list_rules(),
        "read_truth": lambda: sb.read_truth(lake),
        "build_profiles": lambda: sb.build_profiles(lake),
        "read_profiles": lambda: sb.read_profiles(lake),
        "scan_profiles": lambda: sb.scan_profiles(lake),
        "examine_rules": lambda: [
            sb.record_alerts(found.findings, lake=lake) for found in sb.examine_rules(lake=lake, since="3d")
        ],
        "link_suspects": link,
        "build_cases": lambda: sb.build_cases(lake),
        "list_cases": lambda: sb.list_cases(lake=lake),
        "get_case": lambda: sb.get_case(1, lake=lake),
        "assign_case": lambda: sb.assign_case(1, "ada", lake=lake),
        "mark_case": lambda: sb.mark_case(1, "watch", lake=lake),
        "close_case": lambda: sb.close_case(1, verdict="confirmed", lake=lake),
        "assess_risk": lambda: sb.assess_risk(first(), lake=lake),
        "assess_event": lambda: sb.assess_event(
            {
                "caller_number": first(),
                "callee_number": "+2348090000000",
                "duration_seconds": 1,
                "timestamp": "2026-01-14T12:00:00Z",
            },
            lake=lake,
        ),
        "rank_risks": lambda: sb.rank_risks(lake=lake),
        "compute_scorecard": lambda: sb.compute_scorecard(lake=lake),
        "rank_suspects": lambda: sb.rank_suspects(lake, model=shipped),
        "calibrate_rules": lambda: sb.calibrate_rules(lake=lake, history="6d", rules=["SDHF_001"]),
        "train_model": lambda: sb.train_model([lake], labels="truth").save(model),
        "evaluate_model": lambda: sb.evaluate_model(model, [lake], labels="truth"),
        "open_model": lambda: sb.open_model(model),
        "score_callers": lambda: sb.score_callers(lake, model=model),
        "explain_caller": lambda: sb.explain_caller(first(), lake=lake, model=model),
    }


def test_every_public_function_is_callable_after_everything_was_imported(
    calls_lake: Path, calls_file: Path, tmp_path: Path
) -> None:
    calls = _calls(calls_lake, tmp_path, calls_file)
    functions = {name for name in sb.__all__ if inspect.isfunction(getattr(sb, name))}
    charts = {name for name in functions if name.startswith("chart_")}
    assert functions - charts == set(calls)
    for name, function in calls.items():
        assert function() is not None, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'detekt'"):
        sb.detekt  # noqa: B018
