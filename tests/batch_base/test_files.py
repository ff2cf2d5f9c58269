"""Files that are whole or not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from batch_base.files import PART_SUFFIX, replaced_file


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with replaced_file(target) as fresh:
        fresh.write_text("whole")
        assert not target.exists() and fresh.parent == tmp_path and fresh.suffix == PART_SUFFIX
    assert target.read_text() == "whole" and list(tmp_path.iterdir()) == [target]


def test_a_block_that_raises_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), replaced_file(target) as fresh:
        fresh.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(("mode", "expected"), [(None, 0o640), (0o600, 0o600), (0o644, 0o644)])
def test_permissions_are_as_asked_or_as_the_umask_says(tmp_path: Path, mode: int | None, expected: int) -> None:
    before = os.umask(0o027)
    try:
        with replaced_file(tmp_path / "a", mode=mode) as fresh:
            assert stat.S_IMODE(fresh.stat().st_mode) == (0o640 if mode is None else 0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == expected


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("untouched")
    (tmp_path / "link").symlink_to("other")
    with replaced_file(tmp_path / "link") as fresh:
        fresh.write_text("new")
    assert (tmp_path / "other").read_text() == "untouched" and not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("name", ["é" * 100, "x" * 250, "new\nline"])
def test_every_name_that_a_file_may_have_can_be_written(tmp_path: Path, name: str) -> None:
    with replaced_file(tmp_path / name) as fresh:
        fresh.write_text("whole")
    assert (tmp_path / name).read_text() == "whole"


def test_a_folder_that_is_not_there_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replaced_file(tmp_path / "none" / "a"):
        pass
