"""Boxes in a lake: found, kept from night to night, listed, shown and explained."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from box_samples import BOX, DAYS, NEW_SIMS, Network, plan_network
from conftest import Call

from sentinel_batch.alerts import explain, list_alerts, record_alerts, review_alerts
from sentinel_batch.boxes import alert_boxes, describe_boxes, find_boxes, get_box, list_boxes, record_boxes
from sentinel_batch.boxes.continuation import Continuation, Marks, continue_boxes
from sentinel_batch.boxes.finding import choose_days
from sentinel_batch.boxes.queries import list_standing_members
from sentinel_batch.boxes.traces import count_needed, look_at, read_traces, trace_days
from sentinel_batch.cases import build_cases, get_case
from sentinel_batch.config import Config
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import BoxNotFoundError, UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.schema import BOX_LINKS, BOX_MEMBERS, BOX_TRACES, BOXES, CALL_RECORDS, SEVERITIES
from sentinel_batch.scores import list_suspects, rank_suspects

SINCE = "2026-01-05T00:00:00+01:00"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return plan_network().save(tmp_path_factory.mktemp("filled") / "lake")


@pytest.fixture
def network() -> Network:
    return plan_network()


def test_a_box_is_found_with_what_ties_it_and_nothing_is_written(filled: Lake) -> None:
    before = filled.snapshot().versions
    found = find_boxes(filled, callees=10, since=SINCE)
    assert filled.snapshot().versions == before
    assert found.boxes.height == 1
    assert set(found.members["number"]) == {*BOX, *NEW_SIMS}
    [box] = found.boxes.to_dicts()
    assert (box["member_count"], box["top_cell"]) == (10, "KAN007")
    assert box["evidence"] > box["bound"]
    assert 0.95 < box["probability"] < 1
    assert (box["first_day"], box["last_day"]) == (DAYS[0], DAYS[-1])
    assert box["one_way_callees"] <= 300
    words = " ".join(found.links["words"])
    assert "both on cell KAN007 on 10 of 10 days" in words
    assert "common one-way callees where" in words
    assert "handsets of model 86814960" in words
    assert "numbers 4 apart" in words
    assert found.notices == ()


def test_calls_between_suspects_count_neither_way(tmp_path: Path, network: Network) -> None:
    """SIMs that ring each other all day are still callers whom nobody calls back."""
    for number in BOX:
        network.add(number, calls=20, cell="KAN007", callees=BOX)
    found = find_boxes(network.save(tmp_path / "lake"), callees=10, since=SINCE)
    assert set(found.members["number"]) >= set(BOX)
    assert found.members["incoming_calls"].sum() == 0


def test_callers_who_are_called_back_are_no_candidates(tmp_path: Path) -> None:
    network = Network(callers=40)
    chatty, friends = "+2348000000001", [f"+23492{n:08}" for n in range(60)]
    network.add(chatty, calls=20, callees=friends)
    before = find_boxes(network.save(tmp_path / "a"), callees=10).candidates
    for friend in friends:
        network.add(friend, calls=1, callees=[chatty], last=1)
    assert find_boxes(network.save(tmp_path / "b"), callees=10).candidates == before - 1


def test_what_a_feed_lacks_is_said(tmp_path: Path, network: Network) -> None:
    lake = network.save(tmp_path / "lake", imeis=False)
    found = find_boxes(lake, callees=10)
    assert "No call has an IMEI: handsets were not compared." in found.notices
    assert set(found.members["number"]) == {*BOX, *NEW_SIMS}
    assert not set(found.links["kind"]) & {"same_handset", "same_model"}


def test_an_empty_lake_and_a_quiet_one_have_no_boxes(tmp_path: Path) -> None:
    empty = find_boxes(Lake.create(tmp_path / "empty"))
    assert (empty.boxes.height, empty.notices) == (0, ("The lake holds no calls.",))
    quiet = Network(callers=0)
    quiet.add("+2348000000001", calls=2)
    assert find_boxes(quiet.save(tmp_path / "quiet")).candidates == 0
    assert record_boxes(Lake.open(tmp_path / "quiet")).counts() == dict.fromkeys(
        ("created", "updated", "unchanged", "merged"), 0
    )


@pytest.mark.parametrize(("days", "needed"), [(1, 10), (4, 10), (7, 15), (14, 30)])
def test_a_young_lake_needs_fewer_callees(days: int, needed: int) -> None:
    assert count_needed(Config(box_callees=30, box_days=14), days) == needed
    assert count_needed(Config(box_callees=8, box_days=14), days) == 8


def test_windows_that_cannot_be(filled: Lake) -> None:
    with pytest.raises(UsageError, match="40 days"):
        find_boxes(filled, since="2025-12-05T23:00:00Z")
    with pytest.raises(UsageError, match="box_callees"):
        find_boxes(filled, callees=2)
    with pytest.raises(UsageError, match="no box 7"):
        find_boxes(filled, callees=10).box(7)


# -- honest crowds ----------------------------------------------------------------------------------------------------


def add_crowd(network: Network, kind: str) -> list[str]:
    """Add eight lines of a firm in one place, with customers in common: as tied as a box is."""
    lines = [f"+2341460{n:05}" for n in range(3_000, 3_024, 3)]
    pool = [f"+23493{n:08}" for n in range(300)]
    for number in lines:
        for day in range(network.days):
            if kind == "office" and DAYS[day].weekday() >= 5:
                continue
            seconds = 8 if kind == "codes" else 150
            network.add(number, calls=12, cell="LOS001", callees=pool, first=day, last=day, seconds=seconds)
    if kind == "called":
        for customer in pool:
            network.add(customer, calls=1, callees=lines, first=5, last=5)
    return lines


@pytest.mark.parametrize(
    ("kind", "doubt"),
    [("called", "called 300 times"), ("codes", "last 8 s"), ("office", "95% of its calls lie in 10 hours")],
)
def test_an_honest_crowd_is_no_box_and_is_named_with_the_reason(tmp_path: Path, kind: str, doubt: str) -> None:
    network = plan_network()
    lines = add_crowd(network, kind)
    if kind == "office":
        network.rows = [row for row in network.rows if row[0] not in lines or 8 * 3_600 <= row[3] < 18 * 3_600]
    found = find_boxes(network.save(tmp_path / "lake"), callees=10)
    assert not set(lines) & set(found.members["number"])
    assert set(found.members["number"]) == {*BOX, *NEW_SIMS}
    [crowd] = found.crowds.to_dicts()
    assert doubt in crowd["doubt"]
    assert set(crowd["numbers"]) <= set(lines)


# -- nights -----------------------------------------------------------------------------------------------------------


def test_a_box_stays_one_while_its_sims_change(tmp_path: Path, network: Network) -> None:
    lake = network.save(tmp_path / "lake", last=5)
    desk = open_desk(lake, box_callees=10, box_days=4)
    first = record_boxes(desk)
    assert first.counts() == {"created": 1, "updated": 0, "unchanged": 0, "merged": 0}
    [lead] = list_boxes(lake=desk)["lead_number"]
    network.extend(lake, tmp_path / "later", first=6, last=9)
    later = record_boxes(desk)
    assert (later.ids, later.updated) == ([1], [1])
    box = get_box(1, lake=desk)
    assert set(box.members["number"]) == {*BOX, *NEW_SIMS}
    assert (box.box["lead_number"], box.box["member_count"], box.box["active_members"]) == (lead, 10, 8)
    # SIMs that fell silent keep what they did; nothing shrinks because the window slides on.
    gone = box.members.filter(pl.col("number").is_in(BOX[:2]))
    assert gone["last_day"].to_list() == [DAYS[5], DAYS[5]]
    assert gone["call_count"].min() == 48


def test_a_box_is_listed_with_what_it_costs_and_what_was_said_of_it(tmp_path: Path, network: Network) -> None:
    desk = open_desk(network.save(tmp_path / "lake"), box_callees=10)
    changes = record_boxes(desk)
    [row] = list_boxes(lake=desk).to_dicts()
    assert row["loss"] == pytest.approx(row["minutes"] * 20.5, abs=0.01)
    assert row["severity"] in SEVERITIES and row["review"] is None
    opened = alert_boxes(changes, lake=desk)
    assert opened is not None
    assert list_boxes(lake=desk)["review"].to_list() == ["open"]
    review_alerts(opened.created, disposition="confirmed", lake=desk)
    assert get_box(1, lake=desk).box["review"] == "confirmed"


def test_recording_again_changes_nothing(tmp_path: Path, network: Network) -> None:
    desk = open_desk(network.save(tmp_path / "lake"), box_callees=10)
    record_boxes(desk)
    before = {name: desk.lake.snapshot().versions[name] for name in (BOXES.name, BOX_MEMBERS.name, BOX_TRACES.name)}
    again = record_boxes(desk)
    assert (again.ids, again.unchanged) == ([1], [1])
    assert {name: desk.lake.snapshot().versions[name] for name in before} == before


def test_side_tables_hold_what_boxes_refer_to_and_do_not_grow(tmp_path: Path, network: Network) -> None:
    lake = network.save(tmp_path / "lake", last=5)
    desk = open_desk(lake, box_callees=10, box_days=4)
    for day in range(6, 10):
        network.extend(lake, tmp_path / f"day{day}", first=day, last=day)
        record_boxes(desk)
    tables = lake.snapshot()
    box = get_box(1, lake=desk)
    # At most the rows of two nights: those that are referred to, and those that were before.
    assert tables.read(BOX_MEMBERS.name).height <= 2 * box.members.height
    assert tables.read(BOX_LINKS.name).height <= 3 * box.links.height
    assert list_standing_members(tables)["number"].to_list() == sorted(box.members["number"])


def test_a_night_traces_its_new_day_only_and_late_calls_trace_theirs_again(tmp_path: Path, network: Network) -> None:
    lake = network.save(tmp_path / "lake", last=6)
    desk = open_desk(lake, box_callees=10)
    assert len(trace_days(desk, choose_days(desk, None, None), "a")) == 7
    network.extend(lake, tmp_path / "new", first=7, last=7)
    assert trace_days(desk, choose_days(desk, None, None), "b") == (DAYS[7],)
    network.extend(lake, tmp_path / "late", first=3, last=3)
    late = look_at(desk, choose_days(desk, None, None)).stale
    assert late == (DAYS[3],)


def test_stored_traces_are_those_that_are_computed(tmp_path: Path, network: Network) -> None:
    lake = network.save(tmp_path / "lake")
    desk = open_desk(lake, box_callees=5)
    days = choose_days(desk, None, None)
    order = ("number", "kind", "value", "local_date")
    computed = read_traces(desk, days).sort(order)
    trace_days(desk, days, "a")
    assert read_traces(desk, days).sort(order).equals(computed)
    callees = computed.filter(pl.col("kind") == "callee")
    calls = lake.snapshot().read(CALL_RECORDS.name)
    mine = calls.filter(pl.col("caller_number") == BOX[3], pl.col("local_date").is_in(days))
    assert callees.filter(pl.col("number") == BOX[3])["calls"].sum() == mine.height
    assert callees.filter(pl.col("number") == BOX[3])["minutes"].sum() == pytest.approx(4 * mine.height)


# -- alerts -----------------------------------------------------------------------------------------------------------


def test_a_box_is_one_alert_with_its_members_and_stays_one(tmp_path: Path, network: Network) -> None:
    lake = network.save(tmp_path / "lake", last=5)
    desk = open_desk(lake, box_callees=10, box_days=4)
    first = record_alerts(describe_boxes(record_boxes(desk), "Africa/Lagos", newest(lake)), lake=desk)
    network.extend(lake, tmp_path / "later", first=6, last=9)
    changes = record_boxes(desk)
    later = record_alerts(describe_boxes(changes, "Africa/Lagos", newest(lake)), lake=desk)
    assert (first.created, later.created, later.updated) == ([1], [], [1])
    [alert] = list_alerts(lake=desk).to_dicts()
    assert (alert["alert_type"], alert["suspect_number"]) == ("SIMBOX_GROUP", changes.boxes[0]["lead_number"])
    why = json.loads(alert["evidence"])["severity"]
    assert why["loss"] == pytest.approx(20.5 * changes.boxes[0]["minutes"], abs=0.01)
    assert (alert["alert_severity"], why["threshold"]) == ("CRITICAL", 20_000.0)
    assert set(json.loads(alert["evidence"])["members"]) == {*BOX, *NEW_SIMS}
    assert "Box 1: 10 SIMs that belong together" in alert["evidence_summary"]
    assert alert["last_seen"] == newest(lake)
    explained = explain(1, lake=desk)
    assert set(explained.calls()["caller_number"]) == {*BOX, *NEW_SIMS}
    [notice] = explained.notices
    assert "all 10 SIMs of box 1: sentinel-batch boxes show 1 names them" in notice


def test_a_period_counts_all_members_of_a_box_that_was_at_work_in_it(tmp_path: Path, network: Network) -> None:
    lake = network.save(tmp_path / "lake")
    desk = open_desk(lake, box_callees=10)
    alert_boxes(record_boxes(desk), lake=desk)
    whole, late = (list_suspects(desk, since=since) for since in (None, newest(lake) - timedelta(hours=6)))
    assert late.row(0, named=True)["member_count"] == whole.row(0, named=True)["member_count"] == 10
    assert late["loss"][0] == whole["loss"][0]
    assert whole["last_seen"].max() == newest(lake)
    assert whole["first_seen"].min() == datetime(2026, 1, 4, 23, tzinfo=UTC)
    assert list_suspects(desk, since=newest(lake)).is_empty()


def test_members_are_queued_with_the_probability_of_their_box_until_it_is_dealt_with(
    tmp_path: Path, network: Network
) -> None:
    lake = network.save(tmp_path / "lake")
    desk = open_desk(lake, box_callees=10)
    changes = record_boxes(desk)
    record_alerts(describe_boxes(changes, "Africa/Lagos", newest(lake)), lake=desk)
    queue = rank_suspects(desk)
    assert set(queue["suspect_number"]) == {*BOX, *NEW_SIMS}
    assert queue["box_id"].to_list() == [1] * 10
    assert queue["score"].min() >= changes.boxes[0]["probability"] > 0.95
    assert queue["reasons"][-1][0].startswith("SIMBOX_GROUP: one of 10 SIMs of box 1: ")
    assert rank_suspects(desk, since=newest(lake) + timedelta(days=2)).is_empty()
    review_alerts([1], disposition="false-positive", notes="a call shop", lake=desk)
    assert rank_suspects(desk).is_empty()


def test_a_box_is_one_case_and_sims_join_it(tmp_path: Path, network: Network) -> None:
    lake = network.save(tmp_path / "lake", last=5)
    desk = open_desk(lake, box_callees=10, box_days=4)
    record_alerts(describe_boxes(record_boxes(desk), "Africa/Lagos", newest(lake)), lake=desk)
    assert build_cases(desk).created == [1]
    assert set(get_case(1, lake=desk).members["number"]) == set(BOX)
    network.extend(lake, tmp_path / "later", first=6, last=9)
    record_alerts(describe_boxes(record_boxes(desk), "Africa/Lagos", newest(lake)), lake=desk)
    assert (build_cases(desk).updated, build_cases(desk).unchanged) == ([1], [1])
    case = get_case(1, lake=desk)
    assert set(case.members["number"]) == {*BOX, *NEW_SIMS}
    assert case.case["alert_type"] == "SIMBOX_GROUP"
    assert case.links["evidence"].str.starts_with("box 1 of 10 SIMs: ").sum() == 9


def newest(lake: Lake) -> datetime:
    found = lake.snapshot().newest_call
    assert found is not None
    return found


# -- continuation -----------------------------------------------------------------------------------------------------


def marks(numbers: str, handsets: str = "") -> Marks:
    return Marks(frozenset(numbers), frozenset(handsets))


def test_groups_go_on_as_the_boxes_that_they_share_most_with() -> None:
    boxes = {1: marks("abc"), 2: marks("xyz"), 3: marks("pq")}
    assert continue_boxes([marks("bcd"), marks("uvw"), marks("yzpq")], boxes) == [
        Continuation(1),
        Continuation(None),
        Continuation(2, (3,)),
    ]


def test_a_bank_that_changed_all_its_sims_is_known_by_its_handsets() -> None:
    boxes = {4: marks("abc", "123")}
    assert continue_boxes([marks("def", "239"), marks("ghi", "3")], boxes) == [Continuation(4), Continuation(None)]
    assert continue_boxes([marks("ghi", "3")], boxes) == [Continuation(None)]


def test_a_box_that_falls_apart_goes_on_in_its_larger_part() -> None:
    assert continue_boxes([marks("ab"), marks("cde")], {9: marks("abcde")}) == [Continuation(None), Continuation(9)]


# -- command line -----------------------------------------------------------------------------------------------------


def test_the_commands_find_list_show_and_explain(tmp_path: Path, network: Network, call: Call) -> None:
    lake = ("--lake", network.save(tmp_path / "lake").path)
    assert call("boxes", "find", "--callees", 10, "--json", *lake).document["boxes"][0]["member_count"] == 10
    assert call("boxes", "list", *lake).stdout == "No boxes.\n"
    saved = call("boxes", "find", "--callees", 10, "--save", *lake)
    assert "Boxes: 1 created, 0 updated, 0 unchanged, 0 merged." in saved.stdout
    assert "Alerts: 1 created," in saved.stdout
    again = call("boxes", "find", "--callees", 10, "--save", "--json", *lake).document
    assert (again["alerts"]["created"], again["alerts"]["unchanged"]) == (0, 1)
    refused = call("boxes", "find", "--save", "--until", "2026-01-08", *lake)
    assert (refused.code, "--until cannot go with --save" in refused.stderr) == (2, True)
    listed = call("boxes", "list", "--json", *lake).document
    assert (listed["count"], listed["boxes"][0]["box_id"]) == (1, 1)
    shown = call("boxes", "show", 1, *lake).stdout
    assert all(number in shown for number in BOX)
    national = BOX[4].replace("+234", "0")
    explained = call("boxes", "explain", 1, "--number", national, *lake)
    assert "both on cell KAN007 on 10 of 10 days" in " ".join(explained.stdout.split())
    document = call("boxes", "explain", 1, "--number", BOX[4], "--json", *lake).document
    assert document["explanation"]
    assert all(BOX[4] in sentence for sentence in document["explanation"])


def test_an_id_is_a_whole_number(filled: Lake) -> None:
    with pytest.raises(UsageError, match="'1' is no id of a box"):
        get_box("1", lake=filled)  # type: ignore[arg-type]


def test_what_is_not_there_is_said(filled: Lake, call: Call) -> None:
    with pytest.raises(BoxNotFoundError, match="There is no box 3"):
        get_box(3, lake=filled)
    refused = call("boxes", "find", "--save", "--since", "3d", "--lake", filled.path)
    assert (refused.code, "--since cannot go with --save" in refused.stderr) == (2, True)
    with pytest.raises(UsageError, match="negative"):
        list_boxes(lake=filled, limit=-1)
