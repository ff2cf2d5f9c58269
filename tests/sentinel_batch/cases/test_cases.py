"""Cases: who belongs together and why, how a case goes on from night to night, what people do with it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_batch.alerts import list_alerts, review_alerts
from sentinel_batch.cases import (
    assign_case,
    build_cases,
    building,
    close_case,
    get_case,
    link_suspects,
    list_cases,
    mark_case,
)
from sentinel_batch.cases.grouping import LARGEST_COMPONENT, group_suspects, keep_boxes_apart
from sentinel_batch.cases.links import weigh_pairs
from sentinel_batch.cases.matching import match_groups
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import CaseNotFoundError, UsageError
from sentinel_batch.lake import Lake
from tests.sentinel_batch.cases.case_samples import BOX, IMEI, OTHERS, START, Book, accuse, everybody_else


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A box of four SIMs at one site in shifts, and a stranger; all five are suspects."""
    book = Book()
    everybody_else(book)
    for n, number in enumerate(BOX):
        book.add(number, day=n % 2, hour=6 * (n // 2), cell="LOS001", imei=IMEI if n < 2 else None)
    book.add("+2348111111111", cell="ABV001")
    made = book.save(tmp_path / "lake")
    accuse(made, *BOX, "+2348111111111")
    return made


def kinds(links: pl.DataFrame, a: str, b: str) -> set[str]:
    return set(links.filter((pl.col("number_a") == a) & (pl.col("number_b") == b))["kind"])


def links_of(book: Book, path: Path, *numbers: str) -> pl.DataFrame:
    lake = book.save(path)
    return link_suspects(numbers, lake=lake, since=START - timedelta(days=1), until=START + timedelta(days=20))


# -- links --------------------------------------------------------------------------------------------------------


def test_a_shared_handset_links_and_a_dummy_one_does_not(tmp_path: Path) -> None:
    book = Book()
    for number, imei in zip("abcdef", (IMEI, IMEI, "0" * 15, "0" * 15, "35", "35"), strict=True):
        book.add(number * 4, imei=imei)
    links = links_of(book, tmp_path / "lake", *(n * 4 for n in "abcdef"))
    assert links.filter(pl.col("kind") == "same_handset").select("number_a", "number_b").rows() == [("aaaa", "bbbb")]
    assert links["evidence"][0] == f"handset {IMEI}"


def test_the_order_in_which_threads_add_does_not_show(tmp_path: Path) -> None:
    book = Book()
    for number in BOX:
        for n, calls in enumerate((7, 11, 13)):
            book.add(number, calls=calls, hour=n, cell=f"LOS{n}")
    strengths = links_of(book, tmp_path / "lake", *BOX)["strength"].to_list()
    assert strengths == [round(strength, 6) for strength in strengths]
    assert any(round(strength, 3) != strength for strength in strengths)


def test_a_site_links_where_more_suspects_are_than_chance_would_put_there(tmp_path: Path) -> None:
    crowded = Book()
    everybody_else(crowded)
    for number in BOX:
        crowded.add(number, cell="LOS001", calls=10)
    links = links_of(crowded, tmp_path / "a", *BOX, *OTHERS)
    assert {"same_site"} <= kinds(links, BOX[0], BOX[1])
    small = Book()
    for n in range(80):
        small.add(f"+2348000000{n:03}", cell="LOS001", calls=10)
    everywhere = links_of(small, tmp_path / "b", *(f"+2348000000{n:03}" for n in range(40)))
    assert everywhere.filter(pl.col("kind") == "same_site").is_empty()


def test_shifts_count_only_for_pairs_that_something_else_ties(lake: Lake) -> None:
    links = link_suspects(
        [*BOX, "+2348111111111"], lake=lake, since=START - timedelta(days=1), until=START + timedelta(days=9)
    )
    assert not links.filter((pl.col("number_a") == "+2348111111111") | (pl.col("number_b") == "+2348111111111")).height
    assert "same_site" in kinds(links, BOX[0], BOX[3])


def test_callees_in_common_count_beyond_chance(tmp_path: Path) -> None:
    book = Book()
    shared = [f"+23481{n:08}" for n in range(10)]
    book.add("aaaa", callees=[*shared, *(f"+23482{n:08}" for n in range(40))], calls=50)
    book.add("bbbb", callees=[*shared, *(f"+23483{n:08}" for n in range(40))], calls=50)
    book.add("cccc", calls=900)
    links = links_of(book, tmp_path / "lake", "aaaa", "bbbb", "cccc")
    found = links.filter(pl.col("kind") == "shared_callees")
    assert found.select("number_a", "number_b").rows() == [("aaaa", "bbbb")]
    assert found["evidence"][0].startswith("10 callees in common, ")


def test_numbers_bought_together_and_calls_to_each_other_link(tmp_path: Path) -> None:
    book = Book()
    book.add("+2348111111111", calls=3)
    book.add("+2348030001234", day=2)
    book.add("+2348030001299", day=2, callees=["+2348030001234", "+2348100000000"], calls=6)
    links = links_of(book, tmp_path / "lake", "+2348111111111", "+2348030001234", "+2348030001299")
    assert kinds(links, "+2348030001234", "+2348030001299") >= {"same_batch", "calls_each_other"}
    assert links.filter(pl.col("kind") == "calls_each_other")["evidence"].to_list() == ["3 calls to each other"]


# -- groups -------------------------------------------------------------------------------------------------------

PAIRS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.floats(0.05, 0.95)).filter(lambda pair: pair[0] < pair[1]),
    max_size=25,
    unique_by=lambda pair: pair[:2],
)


@settings(deadline=None)
@given(PAIRS)
def test_groups_are_the_connected_suspects(pairs: list[tuple[int, int, float]]) -> None:
    frame = pl.DataFrame(
        [(f"n{a:02}", f"n{b:02}", s) for a, b, s in pairs],
        schema={"number_a": pl.String, "number_b": pl.String, "strength": pl.Float64},
        orient="row",
    )
    reach = {n: {n} for n in range(13)}
    for a, b, strength in pairs:
        if strength >= 0.5:
            joined = reach[a] | reach[b]
            for n in joined:
                reach[n] = joined
    expected = {tuple(f"n{n:02}" for n in sorted(group)) for group in reach.values() if len(group) > 1}
    found = group_suspects(frame)
    assert set(found) == expected
    assert len(found) == len(set(found))


def test_two_large_boxes_with_one_chance_link_stay_two() -> None:
    boxes = [[f"{box}{n:03}" for n in range(LARGEST_COMPONENT // 2 + 5)] for box in "ab"]
    rows = [(a, b, 0.9) for box in boxes for i, a in enumerate(box) for b in box[i + 1 :]]
    rows.append((boxes[0][0], boxes[1][0], 0.5))
    frame = pl.DataFrame(rows, schema=["number_a", "number_b", "strength"], orient="row")
    assert sorted(group_suspects(frame)) == [tuple(box) for box in boxes]


def test_weak_links_add_up() -> None:
    links = pl.DataFrame({"number_a": ["a", "a"], "number_b": ["b", "b"], "kind": ["x", "y"], "strength": [0.3, 0.4]})
    assert weigh_pairs(links)["strength"].to_list() == pytest.approx([0.58])


def test_groups_continue_the_cases_that_they_share_members_with() -> None:
    found = match_groups([["a", "b"], ["c", "d", "e"], ["x", "y"]], {1: ["c"], 2: ["d", "z"], 3: ["a", "x", "y"]})
    assert [(match.members, match.case_id, match.absorbed) for match in found] == [
        (("a", "b"), None, ()),
        (("c", "d", "e", "z"), 1, (2,)),
        (("x", "y"), 3, ()),
    ]


# -- cases --------------------------------------------------------------------------------------------------------


def test_a_box_is_one_case_with_members_links_and_loss(lake: Lake) -> None:
    changes = build_cases(lake=open_desk(lake, international_rate=30.0, local_rate=5.0, currency="NGN"))
    assert (changes.suspects, changes.created) == (5, [1])
    found = get_case(1, lake=lake)
    assert sorted(found.members["number"]) == BOX
    assert found.case["status"] == "unseen"
    assert found.case["minutes"] == 4 * 40 * 2
    # Each alert says 60 callees at NGN 50, more than 80 minutes at NGN 25; with dear minutes it is these that count.
    assert (found.case["loss"], found.case["currency"]) == (4 * 60 * 50.0, "NGN")
    build_cases(lake=open_desk(lake, international_rate=105.0, local_rate=5.0))
    assert get_case(1, lake=lake).case["loss"] == 4 * 40 * 2 * 100.0
    assert get_case(1, lake=lake).case["minutes"] == 4 * 40 * 2
    assert {"same_handset", "same_site"} <= set(found.links["kind"])
    assert found.members["rules"].to_list() == ["SDHF_001"] * 4
    assert found.events["event"].to_list() == ["created"]


def test_building_again_changes_nothing(lake: Lake) -> None:
    build_cases(lake=lake)
    before = get_case(1, lake=lake).to_dict()
    assert build_cases(lake=lake).counts() == {"created": 0, "updated": 0, "unchanged": 1, "merged": 0}
    assert get_case(1, lake=lake).to_dict() == before


def test_a_new_sim_of_the_box_joins_its_case(tmp_path: Path) -> None:
    book = Book()
    everybody_else(book)
    for number in BOX:
        book.add(number, cell="LOS001", imei=IMEI)
    made = book.save(tmp_path / "lake")
    accuse(made, *BOX[:2])
    assert build_cases(lake=made).created == [1]
    accuse(made, BOX[2])
    assert build_cases(lake=made).updated == [1]
    found = get_case(1, lake=made)
    assert sorted(found.members["number"]) == BOX[:3]
    assert "member_count" in found.events["field"].to_list()


def test_a_confirmed_case_that_is_closed_makes_its_successor_a_relapse(tmp_path: Path) -> None:
    book = Book()
    everybody_else(book)
    for number in BOX:
        book.add(number, cell="LOS001", imei=IMEI)
    made = book.save(tmp_path / "lake")
    accuse(made, *BOX[:2])
    build_cases(lake=made)
    close_case(1, verdict="confirmed", notes="seized", review=True, by="ada", lake=made)
    assert list_alerts(lake=made)["disposition"].to_list() == ["confirmed", "confirmed"]
    accuse(made, *BOX[2:])
    assert build_cases(lake=made).created == [2]
    successor = get_case(2, lake=made).case
    assert (successor["recidivism"], json.loads(successor["earlier_cases"])) == (1, [1])
    assert get_case(1, lake=made).case["status"] == "closed"


def test_cleared_and_faint_suspects_stay_out(lake: Lake) -> None:
    cleared = list_alerts(lake=lake, suspect=BOX[0])["id"].to_list()
    review_alerts(cleared, disposition="false-positive", lake=lake)
    build_cases(lake=lake)
    assert BOX[0] not in get_case(1, lake=lake).members["number"]


def test_two_cases_that_prove_to_be_one_are_merged(tmp_path: Path) -> None:
    book = Book()
    everybody_else(book)
    for n, number in enumerate(BOX):
        book.add(number, cell=f"LOS00{n // 2}", imei=IMEI[:-1] + str(n // 2))
    bridge = "+2348039999999"
    book.add(bridge, imei=IMEI[:-1] + "0", hour=1)
    book.add(bridge, imei=IMEI[:-1] + "1", hour=3)
    made = book.save(tmp_path / "lake")
    accuse(made, *BOX)
    assert build_cases(lake=made).created == [1, 2]
    accuse(made, bridge)
    changes = build_cases(lake=made)
    assert (changes.updated, changes.merged) == ([1], [2])
    assert get_case(1, lake=made).case["member_count"] == 5
    merged = get_case(2, lake=made).case
    assert (merged["status"], merged["merged_into"]) == ("merged", 1)
    with pytest.raises(UsageError, match=r"Case 2 was merged into case 1\.") as caught:
        assign_case(2, "ada", lake=made)
    assert "case 1" in caught.value.hint


def test_people_take_mark_and_close_a_case(lake: Lake) -> None:
    build_cases(lake=lake)
    assert assign_case(1, "ada", by="bo", lake=lake).case["status"] == "open"
    assert mark_case(1, "watch", notes="test calls", by="ada", lake=lake).case["notes"] == "test calls"
    closed = close_case(1, verdict="confirmed", by="ada", lake=lake)
    assert (closed.case["status"], closed.case["verdict"]) == ("closed", "confirmed")
    history = closed.events.select("actor", "event", "field", "after").rows()
    assert ("bo", "assigned", "assignee", "ada") in history
    assert ("ada", "closed", "verdict", "confirmed") in history
    assert list_cases(lake=lake).is_empty()
    assert list_cases(lake=lake, status="closed")["case_id"].to_list() == [1]
    assert list_alerts(lake=lake, status="open").height == 5


def test_a_pinned_desk_reads_its_moment_and_works_on_the_newest(lake: Lake) -> None:
    build_cases(lake=lake)
    pinned = open_desk(lake).snapshot()
    assign_case(1, "ada", lake=lake)
    assert get_case(1, lake=pinned).case["assignee"] is None
    marked = mark_case(1, "watch", lake=pinned)
    assert (marked.case["assignee"], marked.case["status"]) == ("ada", "watch")
    assert close_case(1, verdict="confirmed", review=True, lake=pinned).case["status"] == "closed"
    assert list_alerts(lake=lake, reviewed=True).height == 4


def test_cases_are_listed_worst_first(lake: Lake) -> None:
    build_cases(lake=lake)
    assert list_cases(lake=lake, limit=1)["case_id"].to_list() == [1]
    assert list_cases(lake=lake, status=["open", "watch"]).is_empty()
    assert list_cases(lake=lake, status="all").height == 1


def test_a_lake_without_calls_has_no_cases(tmp_path: Path) -> None:
    empty = Lake.create(tmp_path / "empty")
    assert build_cases(lake=empty).counts()["created"] == 0
    assert list_cases(lake=empty).is_empty()


@pytest.mark.parametrize(
    ("action", "message", "hint"),
    [
        (lambda lake: get_case(9, lake=lake), "There is no case 9.", "cases list"),
        (lambda lake: assign_case(1, " ", lake=lake), "No assignee is given.", "--to"),
        (lambda lake: mark_case(1, "closed", lake=lake), "'closed' is not a mark.", "open, watch, confirmed"),
        (
            lambda lake: close_case(1, verdict="x", lake=lake),
            "'x' is not a verdict.",
            "confirmed, false-positive, watch",
        ),
        (lambda lake: list_cases(lake=lake, status="x"), "'x' is not a status.", "unseen"),
        (lambda lake: list_cases(lake=lake, limit=-1), "The limit -1 is negative.", "0 or more"),
        (lambda lake: build_cases(lake=lake, linked=2.0), "linked = 2.0 is not allowed.", "up to 1"),
    ],
)
def test_what_is_not_allowed_is_said(action: Any, message: str, hint: str, lake: Lake) -> None:
    build_cases(lake=lake)
    with pytest.raises(UsageError) as caught:
        action(lake)
    assert caught.value.message == message
    assert hint in caught.value.hint


def test_a_closed_case_stays_closed(lake: Lake) -> None:
    build_cases(lake=lake)
    close_case(1, verdict="false-positive", lake=lake)
    with pytest.raises(UsageError, match=r"Case 1 is closed \(false-positive\)\."):
        close_case(1, verdict="confirmed", review=True, lake=lake)
    with pytest.raises(CaseNotFoundError):
        close_case(7, verdict="confirmed", review=True, lake=lake)


def test_numbers_that_the_model_lists_fill_a_case_up_and_make_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book()
    everybody_else(book)
    for number in BOX:
        book.add(number, cell="LOS001", imei=IMEI)
    for number in ("+2348111111111", "+2348111111112"):
        book.add(number, cell="ABV001", imei="356938035643825")
    made = book.save(tmp_path / "lake")
    accuse(made, *BOX[:2])
    listed = [BOX[3], "+2348111111111", "+2348111111112"]
    said = SimpleNamespace(listed=listed, witness=pl.DataFrame({"number": listed, "witness": [0.9] * 3}))
    monkeypatch.setattr(building, "judge_callers", lambda desk, until: (said, None))
    assert build_cases(lake=made).created == [1]
    assert sorted(get_case(1, lake=made).members["number"]) == [BOX[0], BOX[1], BOX[3]]
    assert list_cases(lake=made)["probability"].item() == pytest.approx(0.9, abs=0.001)


def test_a_model_that_took_no_part_is_said(lake: Lake, tmp_path: Path) -> None:
    [notice] = build_cases(open_desk(lake, model=str(tmp_path / "absent"))).notices
    assert "took no part" in notice


def test_pairs_that_would_join_two_boxes_are_left_out() -> None:
    box_of = {"a1": 1, "a2": 1, "b1": 2, "b2": 2}
    pairs = pl.DataFrame(
        [
            ("a1", "a2", 0.99),
            ("a1", "b1", 0.9),
            ("b1", "b2", 0.99),
            ("a2", "x", 0.95),
            ("b2", "y", 0.92),
            ("x", "y", 0.6),
            ("x", "z", 0.55),
        ],
        schema={"number_a": pl.String, "number_b": pl.String, "strength": pl.Float64},
        orient="row",
    )
    assert group_suspects(keep_boxes_apart(pairs, box_of)) == [("a1", "a2", "x", "z"), ("b1", "b2", "y")]
    # What is less than a handset in common ties nobody to a box that the search did not put there.
    weaker = pairs.with_columns(pl.col("strength").clip(upper_bound=0.89))
    assert group_suspects(keep_boxes_apart(weaker, box_of)) == [("x", "y", "z"), ("a1", "a2"), ("b1", "b2")]
    assert group_suspects(keep_boxes_apart(pairs, {})) == [("a1", "a2", "b1", "b2", "x", "y", "z")]
