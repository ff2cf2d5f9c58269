"""The page that says what each thing in ``research`` is."""

from __future__ import annotations

from pathlib import Path

RESEARCH = Path(__file__).parents[2] / "research"


def test_the_page_names_everything_in_the_folder() -> None:
    page = (RESEARCH / "README.md").read_text("utf-8")
    things = [path for path in RESEARCH.iterdir() if not path.name.startswith("_") and path.name != "README.md"]
    names = [f"{path.name}/" if path.is_dir() else path.name for path in things]
    assert len(names) >= 4 and [name for name in names if f"`{name}`" not in page] == []
