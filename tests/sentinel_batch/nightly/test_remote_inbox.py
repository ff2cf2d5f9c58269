"""A night whose inbox is on another machine takes each file once, and says what it could not fetch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinel_batch.errors import ExitCode
from tests.conftest import Call
from tests.sentinel_batch.nightly.test_nightly import SUSPECTS, Desk, counts
from tests.sentinel_batch.remote import servers
from tests.sentinel_batch.remote.servers import SftpServer, s3_server

sftp = servers.sftp


def test_files_of_a_server_are_taken_once(tmp_path: Path, sftp: SftpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in sftp.environ.items():
        monkeypatch.setenv(variable, value)
    desk = Desk(tmp_path)
    inbox = sftp.folder / "one"
    inbox.mkdir()
    desk.receive("a.csv", 0).rename(inbox / "a.csv")
    (inbox / "calls.zip").write_bytes(b"PK")
    (inbox / "b\nad.csv").write_bytes(b"x")
    first = desk.night(inbox=f"{sftp.address}/one")
    assert (first.exit_code, desk.suspects()) == (ExitCode.PARTLY_DONE, SUSPECTS[:1])
    assert counts(first, "ingest")["files_fetched"] == 1
    assert first.report is not None
    night = json.loads(first.report.json.read_text())["night"]
    assert [(trouble["level"], trouble["what"].rsplit("/", 1)[-1]) for trouble in night["troubles"]] == [
        ("lost", r"b\x0aad.csv"),
        ("warning", "calls.zip"),
    ]
    (inbox / "b\nad.csv").unlink()
    second = desk.night(inbox=f"{sftp.address}/one")
    assert (second.exit_code, counts(second, "ingest")["files_fetched"]) == (ExitCode.DONE, 0)


def test_a_server_that_is_down_ends_the_night_with_no_input_and_a_page(
    tmp_path: Path, sftp: SftpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTINEL_SFTP_KEY", str(sftp.key))
    desk = Desk(tmp_path)
    result = desk.night(inbox="sftp://nobody@127.0.0.1:1/in")
    assert (result.status, result.exit_code) == ("no_input", ExitCode.NO_INPUT)
    assert "There is no way into 127.0.0.1:1" in (desk.out / "latest" / "report.html").read_text()


def test_a_bucket_is_an_inbox_on_the_command_line(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("moto.server", reason="moto is not installed (test extra)")
    import boto3

    desk = Desk(tmp_path)
    with s3_server() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(variable, "testing")
        client = boto3.client("s3")
        client.create_bucket(Bucket="calls")
        client.upload_file(str(desk.receive("a.csv", 0)), "calls", "in/2026/a.csv")
        done = call("nightly", "--inbox", "s3://calls/in", "--lake", desk.lake, "--out", desk.out, "--json")
    assert done.code == 0, done.stderr
    [file] = done.document["files"]
    assert file["outcome"] == "taken" and file["path"].endswith("2026/a.csv")
