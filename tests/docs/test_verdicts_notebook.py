"""The notebook about verdicts runs from end to end, and the outputs that it is kept with are those of a run.

``python -m tests.docs.test_verdicts_notebook`` runs it and keeps the new outputs.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import nbformat
import pytest

from tests.docs.test_notebook import outputs, run_notebook, tidy

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "notebook-verdicts.ipynb"
MOST_BYTES = 300_000


def run_here(folder: Path) -> nbformat.NotebookNode:
    """Run the notebook with everything that it writes in a folder."""
    return run_notebook(NOTEBOOK, folder, f"lake = {str(folder / 'lake é')!r}", 600)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    return tidy(run_here(tmp_path_factory.mktemp("verdicts")))


@pytest.mark.slow
def test_next_weeks_queue_is_better(executed: nbformat.NotebookNode) -> None:
    [table] = [text for text in _tables(executed) if "<th>more</th>" in text]
    cells = re.findall(r"<td>(-?\d+)</td>", table)
    gains = [int(cell) for cell in cells[3::4]]
    assert len(gains) == 8
    assert min(gains) >= 0 and max(gains) >= 3


def _tables(notebook: nbformat.NotebookNode) -> list[str]:
    return [output.get("text/html", "") for cell in outputs(notebook) for output in cell]


@pytest.mark.slow
def test_the_kept_outputs_are_those_of_a_run(executed: nbformat.NotebookNode) -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)
    stale = "docs/notebook-verdicts.ipynb is stale: run python -m tests.docs.test_verdicts_notebook"
    assert outputs(kept) == outputs(executed), stale


def test_it_is_small_valid_and_tells_nothing_of_the_machine() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    nbformat.validate(nbformat.read(NOTEBOOK, as_version=4))
    assert len(text.encode()) < MOST_BYTES
    plain = re.sub(r'"image/png": "[^"]*"', "", text)
    assert re.findall(r"/(?:home|root|tmp|work|usr|Users|var)/\S*", plain) == []
    assert "iopub" not in text and "language_info" not in text


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        nbformat.write(tidy(run_here(Path(scratch))), NOTEBOOK)
