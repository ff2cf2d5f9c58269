"""Legs of one call of which one names the other, or both do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sentinel_batch.ingestion.layout_samples import headed, read

FREESWITCH = "caller_id_number,destination_number,start_stamp,answer_stamp,duration,billsec,hangup_cause,uuid,bleg_uuid"


@pytest.mark.parametrize(
    ("first", "second"),
    [("a1,b1", "b1,"), ("b1,a1", "a1,"), ("b1,", "a1,b1"), ("a1,b1", "b1,a1"), ("a1,", "b1,a1")],
)
def test_a_leg_that_is_named_is_of_the_call(tmp_path: Path, first: str, second: str) -> None:
    legs = [f"A,B,2026-09-01 10:00:0{place},2026-09-01 10:00:05,50,4{place},OK,{ids}" for place, ids in
            enumerate((first, second))]  # fmt: skip
    done = read(tmp_path, headed(FREESWITCH, *legs, "A,C,2026-09-01 10:02:00,,20,0,NO_ANSWER,c1,"))
    assert done.file.dialect == "freeswitch"
    assert (done.talk, done.file.legs_collapsed) == ([(41, True), (0, False)], 1)
