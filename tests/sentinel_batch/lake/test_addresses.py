"""An address is no folder: what would write a folder called ``s3:`` is refused, wherever a lake is named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sentinel_batch as sb
from sentinel_batch.config import load_config
from sentinel_batch.errors import ConfigurationError, ExitCode, LakeNotFoundError
from sentinel_batch.lake import Lake, LakeReader

ADDRESSES = ["hdfs://name/lake", "file:///data/lake", "https://host/lake", "ftp:/host/lake"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_refused_by_every_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.chdir(tmp_path)
    for opening in (Lake.open, Lake.create, LakeReader):
        with pytest.raises(LakeNotFoundError, match="address"):
            opening(address)
    for opened in (lambda: sb.open(address), lambda: sb.open(Path(address)), lambda: sb.list_alerts(lake=address)):
        with pytest.raises(ConfigurationError, match="expected a folder"):
            opened()
    (tmp_path / "sentinel.toml").write_text(f'lake = "{address}"')
    with pytest.raises(ConfigurationError, match=r"sentinel.toml: lake = .* expected a folder"):
        load_config()
    with pytest.raises(ConfigurationError, match="environment variable SENTINEL_LAKE: SENTINEL_LAKE = "):
        load_config(environ={"SENTINEL_LAKE": address}, start=tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["sentinel.toml"]


@pytest.mark.parametrize("command", ["ingest calls.csv", "alerts list", "serve --insecure-local", "doctor"])
def test_the_command_line_refuses_an_address(tmp_path: Path, command: str) -> None:
    (tmp_path / "calls.csv").write_text("caller,callee,start,duration\n")
    line = [sys.executable, "-m", "sentinel_batch", "--json", *command.split(), "--lake", ADDRESSES[0]]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert f"--lake '{ADDRESSES[0]}' is not allowed; expected a folder" in json.loads(done.stdout)["error"]["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["calls.csv"]
