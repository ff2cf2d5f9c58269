"""The notebook runs from end to end, and the outputs that it is kept with are those of a run.

``python -m tests.docs.test_notebook`` runs it and keeps the new outputs.
"""

from __future__ import annotations

import base64
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
CALLS = ROOT / "data" / "sample" / "calls"
MOST_BYTES = 300_000


def run_notebook(path: Path, folder: Path, parameters: str, seconds: int) -> nbformat.NotebookNode:
    """Run a notebook, with parameters of its own, with its working directory and Jupyter's own files in a folder."""
    notebook = nbformat.read(path, as_version=4)
    place = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(parameters))
    # A python3 kernel of the user's could be of another interpreter.
    own = {name: str(folder / "jupyter") for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SENTINEL_", "POLARS_"))}
    environment |= own | {"IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": str(ROOT)}
    before = dict(os.environ)
    os.environ.update(own | {"JUPYTER_PREFER_ENV_PATH": "1"})
    try:
        client = NotebookClient(
            notebook, timeout=seconds, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        client.execute(env=environment)
    finally:
        os.environ.clear()
        os.environ.update(before)
    del notebook.cells[place + 1]
    return notebook


def run_here(folder: Path) -> nbformat.NotebookNode:
    """Run the notebook on the sample calls, with everything that it writes in a folder."""
    return run_notebook(NOTEBOOK, folder, f"calls, lake = {str(CALLS)!r}, {str(folder / 'lake é')!r}", 300)


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what differs from run to run and from machine to machine."""
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        cell.execution_count = number
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
            if len(output.get("data", {})) > 1:
                output.data.pop("text/plain", None)
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> list[Any]:
    """Return every output; of pictures, which depend on the fonts of the machine, only that there is one."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [
        [
            {"image/png": "…"} if "image/png" in output.get("data", {}) else output.get("data", output)
            for output in cell.outputs
        ]
        for cell in cells
    ]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[nbformat.NotebookNode]:
    folder = tmp_path_factory.mktemp("notebook")
    before = _listed()
    yield tidy(run_here(folder))
    assert _listed() == before, "the notebook wrote into the repository"


def _listed() -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in [NOTEBOOK, *(ROOT / "data" / "sample").rglob("*")]}


def test_it_finds_the_alerts_and_draws_the_charts(executed: nbformat.NotebookNode) -> None:
    shown = [output for cell in outputs(executed) for output in cell]
    text = json.dumps(shown)
    truth = json.loads((CALLS.parent / "truth.json").read_text(encoding="utf-8"))
    assert [number for numbers in truth.values() for number in numbers if number not in text] == []
    assert sum("image/png" in output for output in shown) == 2


def test_the_kept_outputs_are_those_of_a_run(executed: nbformat.NotebookNode) -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)
    assert outputs(kept) == outputs(executed), "docs/notebook.ipynb is stale: run python -m tests.docs.test_notebook"


def test_the_kept_charts_are_pictures() -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)
    data = [output.get("data", {}) for cell in kept.cells for output in cell.get("outputs", [])]
    pictures = [base64.b64decode(each["image/png"]) for each in data if "image/png" in each]
    assert len(pictures) == 2
    assert all(picture.startswith(b"\x89PNG") and len(picture) > 5000 for picture in pictures)


def test_the_code_is_about_a_dozen_lines() -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)
    code = [line for cell in kept.cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    assert len([line for line in code if line.strip() and not line.startswith(("import", "from", "#"))]) <= 14


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
