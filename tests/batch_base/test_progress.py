"""What is told of long work, and to whom."""

from __future__ import annotations

import pytest

from batch_base.progress import follow, tell_share, watched


def test_loops_inside_loops_are_parts_of_the_whole() -> None:
    told: list[tuple[str, float]] = []
    with watched(lambda label, share: told.append((label, round(share, 3)))):
        for outer in follow(["a", "b"]):
            assert list(follow([1, 2], lambda inner, of=outer: f"{of}{inner}")) == [1, 2]
        tell_share("end", 0.5)
    assert told == [("a", 0), ("a1", 0), ("a2", 0.25), ("b", 0.5), ("b1", 0.5), ("b2", 0.75), ("end", 0.5)]


def test_a_share_of_a_piece_stays_within_it() -> None:
    told: list[float] = []
    with watched(lambda label, share: told.append(share)):
        for piece in follow(["first", "second"]):
            tell_share(piece, 7.0)
    assert told == [0.0, 0.5, 0.5, 1.0]


def test_without_a_watcher_items_come_as_they_are() -> None:
    tell_share("nobody", 0.5)
    assert list(follow([3, 1, 2], lambda item: pytest.fail("nobody asked"))) == [3, 1, 2]
    assert list(follow([])) == []


def test_a_loop_that_is_left_early_leaves_nothing_behind() -> None:
    told: list[float] = []
    with watched(lambda label, share: told.append(share)):
        with pytest.raises(ZeroDivisionError):
            for number in follow([1, 0]):
                _ = 1 / number
        tell_share("after", 1.0)
    assert told[-1] == 1.0
    tell_share("outside", 0.3)
    assert told[-1] == 1.0
