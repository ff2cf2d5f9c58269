"""Every public name works, also after every submodule was imported: none is shadowed by a module."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
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
        "open_lake": lambda: sb.open_lake(lake),
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


def test_no_public_name_is_a_module() -> None:
    shadowed = [name for name in sb.__all__ if isinstance(getattr(sb, name), ModuleType)]
    assert shadowed == []


def test_the_table_of_exports_agrees_with_all() -> None:
    assert set(sb.__all__) == {*sb._MODULE_OF, "__version__"}
    assert set(sb.__all__) <= set(dir(sb))


def test_every_public_object_says_what_it_does() -> None:
    undocumented = [
        name for name in sb.__all__ if name != "__version__" and not (getattr(sb, name).__doc__ or "").strip()
    ]
    assert undocumented == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'detekt'"):
        sb.detekt  # noqa: B018
