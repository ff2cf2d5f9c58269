"""Findings know whether they are official, so that ad-hoc ones never mix with the night's alerts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sentinel_batch as sb
from sentinel_batch.errors import UsageError
from sentinel_batch.simulation import MockCDRGenerator


def test_ad_hoc_findings_are_recorded_apart(tmp_path: Path) -> None:
    calls, lake = tmp_path / "calls.csv", tmp_path / "lake"
    MockCDRGenerator(7).save_to_file(calls, total_records=2000, simbox_callers=2, simbox_calls_per_caller=60)
    sb.ingest(calls, lake=lake)

    official = sb.record_alerts(sb.detect(lake=lake), lake=lake)
    loose = sb.detect(lake=lake, min_unique_destinations=40)
    assert json.loads(loose["parameters"][0])["configured"] is False
    ad_hoc = sb.record_alerts(loose, lake=lake)

    assert (len(official.created), len(ad_hoc.created), ad_hoc.updated) == (2, 2, [])
    assert sb.list_alerts(lake=lake)["detection_rule"].n_unique() == 1
    keys = sb.list_alerts(lake=lake)["alert_key"].to_list()
    assert sum(key.startswith("SDHF_001|") for key in keys) == 2
    assert sum(key.startswith("SDHF_001#") for key in keys) == 2


def test_threshold_of_zero_is_a_threshold(tmp_path: Path) -> None:
    calls, lake = tmp_path / "calls.csv", tmp_path / "lake"
    MockCDRGenerator(7).save_to_file(calls, total_records=2000, simbox_callers=2, simbox_calls_per_caller=60)
    sb.ingest(calls, lake=lake)
    # Below what the rule allows: refused, and not taken for "as configured", which would have found two.
    with pytest.raises(UsageError, match="max_avg_duration"):
        sb.run_detection("SDHF_001", lake=lake, max_avg_duration=0.0)
    assert sb.list_alerts(lake=lake).is_empty()
