"""Work in progress of lakes that can only be read lies among the system's temporary files, and does not stay there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from full_disks import full_disk

from sentinel_batch.errors import DiskFullError
from sentinel_batch.lake.staging import temporary_folder

_KILLED = """
import os, signal
from sentinel_batch.lake.staging import temporary_folder
with temporary_folder() as folder:
    (folder / "rows").write_bytes(b"half")
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"sentinel-batch-{os.getuid()}"


def test_what_a_killed_run_left_is_swept_and_what_a_living_one_has_is_not(temporary: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(temporary.parent)}
    killed = subprocess.run([sys.executable, "-c", _KILLED], env=environment, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL
    left = Path(killed.stdout.strip())
    assert left.parent == temporary and (left / "rows").exists()
    with temporary_folder() as living:
        (living / "rows").write_bytes(b"whole")
        with temporary_folder() as other:
            assert other != living
        assert (living / "rows").exists() and not left.exists()
    assert [path.name for path in temporary.iterdir()] == ["sweep.lock"]
    assert temporary.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("planted", ["link", "open"])
def test_a_folder_that_is_not_this_users_alone_is_not_used(temporary: Path, planted: str) -> None:
    if planted == "link":
        elsewhere = temporary.parent / "elsewhere"
        (elsewhere / "run-of-somebody").mkdir(parents=True)
        temporary.symlink_to(elsewhere)
    else:
        (temporary / "run-of-somebody").mkdir(parents=True)
        temporary.chmod(0o777)
    with temporary_folder() as folder:
        (folder / "rows").write_bytes(b"x")
        assert folder.parent == temporary.parent and folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
    assert [path.name for path in temporary.iterdir()] == ["run-of-somebody"]


def test_a_full_disk_is_said_of_the_temporary_files(temporary: Path) -> None:
    with (
        pytest.raises(DiskFullError, match=f"The disk that holds {temporary.parent} is full"),
        temporary_folder() as folder,
        full_disk(),
    ):
        (folder / "rows").write_bytes(b"rows")
    assert [path.name for path in temporary.iterdir()] == ["sweep.lock"]
