"""The notebook about verdicts runs from end to end, and the outputs that it is kept with are those of a run.

``python tests/test_evaluation_notebook.py`` runs it and keeps the new outputs.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

sys.path.insert(0, str(Path(__file__).parent))

from test_notebook import outputs, tidy

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "notebook-verdicts.ipynb"
MOST_BYTES = 300_000


def run_notebook(folder: Path) -> nbformat.NotebookNode:
    """Run the notebook with its working directory, its lake and Jupyter's own files in a folder."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(f"lake = {str(folder / 'lake é')!r}"))
    own = {name: str(folder / "jupyter") for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SENTINEL_", "POLARS_"))}
    environment |= own | {"IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": str(ROOT)}
    before = dict(os.environ)
    os.environ.update(own | {"JUPYTER_PREFER_ENV_PATH": "1"})
    try:
        client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}})
        client.execute(env=environment)
    finally:
        os.environ.clear()
        os.environ.update(before)
    del notebook.cells[place + 1]
    return notebook


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    return tidy(run_notebook(tmp_path_factory.mktemp("verdicts")))


def test_next_weeks_queue_is_better(executed: nbformat.NotebookNode) -> None:
    [table] = [text for text in _tables(executed) if "<th>more</th>" in text]
    cells = re.findall(r"<td>(-?\d+)</td>", table)
    gains = [int(cell) for cell in cells[3::4]]
    assert len(gains) == 8
    assert min(gains) >= 0 and max(gains) >= 3


def _tables(notebook: nbformat.NotebookNode) -> list[str]:
    return [output.get("text/html", "") for cell in outputs(notebook) for output in cell]


def test_the_kept_outputs_are_those_of_a_run(executed: nbformat.NotebookNode) -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)
    stale = "docs/notebook-verdicts.ipynb is stale: run python tests/test_evaluation_notebook.py"
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
        nbformat.write(tidy(run_notebook(Path(scratch))), NOTEBOOK)
