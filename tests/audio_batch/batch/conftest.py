"""A batch with a scorer that costs nothing, here and in every worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import audio_batch.spoof
from tests.audio_batch.batch.batch_samples import SCORER, fill_inbox

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True, scope="module")
def fake_scorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give this process and every worker a scorer that costs nothing and misbehaves by file name."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(SCORER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(folder)]))
        patch.setitem(vars(audio_batch.spoof), "score", None)  # by name, the real one and its libraries would be loaded
        patch.setattr("audio_batch.batch.settings._hash_code", lambda: "the code as it is")
        exec(SCORER, {})
        yield


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Five recordings, and a file that is none."""
    return fill_inbox(tmp_path / "inbox")
