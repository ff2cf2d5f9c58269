"""The commands of the group ``dialects``."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from conftest import Call

from sentinel_batch.ingestion import list_dialects, load_dialect

KNOWN = """Caller,Callee,Start time,Duration,Site
08031230001,08051230001,2026-09-01 10:00:00,45,Lagos
"""
UNKNOWN = KNOWN.replace("Duration", "Network_Volume")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "known.csv").write_text(KNOWN)
    (tmp_path / "unknown.csv").write_text(UNKNOWN)
    return tmp_path


def test_list_names_every_dialect(call: Call) -> None:
    done = call("dialects", "list", "--json").document
    assert [entry["name"] for entry in done["dialects"]] == [dialect.name for dialect in list_dialects()]
    assert "cisco-cucm" in call("dialects", "list").stdout


def test_show_tells_how_a_file_is_read(call: Call, files: Path) -> None:
    shown = call("dialects", "show", "known.csv")
    assert shown.code == 0
    for text in ("generic", "line 1 is a header", "Start time", "+2348031230001", "2026-09-01 09:00:00", "imei"):
        assert text in shown.stdout
    document = call("dialects", "show", "known.csv", "--json").document
    assert (document["status"], document["recognised"], "toml" in document) == ("success", True, False)
    assert document["layout"]["calls"][0]["call_timestamp"] == "2026-09-01T09:00:00+00:00"
    elsewhere = call("dialects", "show", "known.csv", "--json", "--region", "GH").document["layout"]
    assert elsewhere["calls"] == [] and "invalid_caller 1" in elsewhere["notices"][-1]


def test_show_names_what_comes_near_and_the_next_command(call: Call, files: Path) -> None:
    shown = call("dialects", "show", "unknown.csv")
    assert shown.code == 3
    assert "generic lacks only a duration; Network_Volume holds whole numbers." in " ".join(shown.stdout.split())
    assert "sentinel-batch dialects propose unknown.csv --out my.toml" in shown.stderr
    assert call("dialects", "show", "gone.csv").code == 4


def test_propose_prints_a_dialect_or_writes_it_to_a_new_file(call: Call, files: Path) -> None:
    printed = call("dialects", "propose", "known.csv")
    assert (printed.code, tomllib.loads(printed.stdout)["name"]) == (0, "known")

    written = call("dialects", "propose", "unknown.csv", "--out", "my.toml")
    assert written.code == 3
    assert "sentinel-batch ingest unknown.csv --dialect my.toml --dry-run" in written.stderr
    assert load_dialect(files / "my.toml").fields["duration_seconds"] == ("network_volume",)
    assert call("ingest", "unknown.csv", "--dialect", "my.toml", "--json").document["records_inserted"] == 1
    assert call("dialects", "propose", "unknown.csv", "--json").document["toml"] == (files / "my.toml").read_text()


def test_propose_overwrites_nothing(call: Call, files: Path) -> None:
    (files / "my.toml").write_text("mine")
    for target in ("my.toml", "known.csv", "gone/my.toml"):
        assert call("dialects", "propose", "known.csv", "--out", target).code == 2
    assert ((files / "my.toml").read_text(), (files / "known.csv").read_text()) == ("mine", KNOWN)


def test_a_dry_run_shows_the_fields_and_the_calls_of_each_file(call: Call, files: Path) -> None:
    shown = call("ingest", "known.csv", "--dry-run")
    for text in ("duration_seconds", "Start time", "as they would be stored", "+2348031230001"):
        assert text in shown.stdout
    assert "as they would be stored" not in call("ingest", "known.csv").stdout
