"""Files of real servers are fetched once, whole, resumed where they broke off, and into their own folder only."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.errors import NoInputError, UsageError
from sentinel_batch.ingestion.reading.files import is_readable_kind
from sentinel_batch.remote import Fetched, fetch_files
from sentinel_batch.remote.fetching import _place
from tests.sentinel_batch.remote import servers
from tests.sentinel_batch.remote.servers import SftpServer, s3_server

sftp = servers.sftp


class Store:
    """A server with an inbox, whatever its kind."""

    def __init__(self, address: str, put: Callable[[str, bytes], None], remove: Callable[[str], None]) -> None:
        self.address, self.put, self.remove = address, put, remove


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    pytest.importorskip("moto.server", reason="moto is not installed (test extra)")
    with s3_server() as address:
        yield address


@pytest.fixture(params=["sftp", "s3"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    name = request.node.name.replace("[", "-").replace("]", "")
    if request.param == "sftp":
        server: SftpServer = request.getfixturevalue("sftp")
        for variable, value in server.environ.items():
            monkeypatch.setenv(variable, value)
        base = server.folder / name
        base.mkdir()
        return Store(
            f"{server.address}/{name}", lambda key, data: _write(base / key, data), lambda k: (base / k).unlink()
        )
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3"))
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    import boto3

    client = boto3.client("s3")
    bucket = name.replace("_", "-").lower()[:60].strip("-")
    client.create_bucket(Bucket=bucket)
    return Store(
        f"s3://{bucket}/in",
        lambda key, data: client.put_object(Bucket=bucket, Key=f"in/{key}", Body=data) and None,
        lambda key: client.delete_object(Bucket=bucket, Key=f"in/{key}") and None,
    )


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def fetch(store: Store, copies: Path) -> Fetched:
    return fetch_files(store.address, copies, is_readable_kind)


def names(fetched: Fetched) -> list[str]:
    return sorted(path.relative_to(fetched.folder).as_posix() for path in fetched.new)


def test_files_are_fetched_once_and_whole(store: Store, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    store.put("a.csv", data)
    store.put("2026/01/b.csv.gz", b"b")
    store.put("empty.csv", b"")
    store.put("calls.zip", b"PK")
    first = fetch(store, tmp_path)
    assert names(first) == ["2026/01/b.csv.gz", "a.csv", "empty.csv"]
    assert (first.folder / "a.csv").read_bytes() == data
    assert [name.rsplit("/", 1)[-1] for name in first.other] == ["calls.zip"]
    assert not first.failed and not first.growing
    memory = json.loads((first.folder / ".fetched.json").read_text())["files"]["a.csv"]
    assert memory["size"] == 300_000 and len(memory["sha256"]) == 64
    (first.folder / "a.csv").unlink()  # Who needs the space may take it: what was fetched stays known.
    again = fetch(store, tmp_path)
    assert (names(again), again.known) == ([], 3)


def test_a_file_that_changed_is_fetched_again(store: Store, tmp_path: Path) -> None:
    store.put("a.csv", b"one")
    fetch(store, tmp_path)
    store.put("a.csv", b"other")
    second = fetch(store, tmp_path)
    assert names(second) == ["a.csv"] and (second.folder / "a.csv").read_bytes() == b"other"
    store.remove("a.csv")
    assert names(fetch(store, tmp_path)) == []


def test_a_transfer_that_broke_off_is_resumed(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentinel_batch.remote import fetching

    data, real, asked = os.urandom(500_000), fetching.shutil.copyfileobj, []
    store.put("a.csv", data)

    def break_off(source: Any, target: Any, length: int) -> None:
        asked.append(target.tell())
        target.write(source.read(200_000))
        target.flush()
        raise ConnectionResetError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "_TRIES", 1)
        patch.setattr(fetching.shutil, "copyfileobj", break_off)
        broken = fetch(store, tmp_path)
    assert [file["status"] for file in broken.failed] == ["unreadable"] and names(broken) == []
    assert not (broken.folder / "a.csv").exists()

    def note(source: Any, target: Any, length: int) -> None:
        asked.append(target.tell())
        real(source, target, length)

    monkeypatch.setattr(fetching.shutil, "copyfileobj", note)
    whole = fetch(store, tmp_path)
    assert (whole.folder / "a.csv").read_bytes() == data
    assert asked == [0, 200_000]
    assert [path.name for path in whole.folder.iterdir() if path.name.endswith(".part")] == []


def test_a_file_that_grows_while_it_is_fetched_is_said_to(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentinel_batch.remote import fetching

    store.put("a.csv", b"first line\n")
    real = fetching.shutil.copyfileobj

    def grow(source: Any, target: Any, length: int) -> None:
        real(source, target, length)
        store.put("a.csv", b"first line\nsecond line\n")

    with monkeypatch.context() as patch:
        patch.setattr(fetching.shutil, "copyfileobj", grow)
        growing = fetch(store, tmp_path)
    assert [path.name for path in growing.growing] == ["a.csv"]
    assert names(fetch(store, tmp_path)) == ["a.csv"]


def test_a_host_whose_key_is_not_known_is_not_spoken_to(
    sftp: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTINEL_SFTP_KEY", str(sftp.key))
    monkeypatch.delenv("SENTINEL_SFTP_KNOWN_HOSTS", raising=False)
    with pytest.raises(NoInputError, match=r"There is no way into 127\.0\.0\.1") as caught:
        fetch_files(sftp.address, tmp_path, is_readable_kind)
    assert "ssh-keyscan" in caught.value.hint


def test_a_host_whose_key_changed_is_not_spoken_to(
    sftp: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, other = sftp.key.with_suffix(".pub").read_text().split()[:2]
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{sftp.port} {kind} {other}\n")
    monkeypatch.setenv("SENTINEL_SFTP_KEY", str(sftp.key))
    monkeypatch.setenv("SENTINEL_SFTP_KNOWN_HOSTS", str(known))
    with pytest.raises(NoInputError) as caught:
        fetch_files(sftp.address, tmp_path, is_readable_kind)
    assert "has changed" in caught.value.hint


def test_a_bucket_that_is_not_there(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    with pytest.raises(NoInputError, match="s3://nowhere-at-all"):
        fetch_files("s3://nowhere-at-all/in", tmp_path, is_readable_kind)


@pytest.mark.parametrize(
    "name", ["../up.csv", "a/../../up.csv", "/etc/up.csv", "a//b.csv", "a\nb.csv", "..", "a\\b.csv"]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    assert _place(tmp_path / "copies", name) is None


def test_a_hostile_name_is_lost_and_said_and_links_are_not_followed(
    sftp: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in sftp.environ.items():
        monkeypatch.setenv(variable, value)
    inbox = sftp.folder / "hostile"
    inbox.mkdir()
    (inbox / "a\nb.csv").write_bytes(b"x")
    (inbox / "good.csv").write_bytes(b"x")
    (inbox / "link.csv").symlink_to("/etc/passwd")
    found = fetch_files(f"{sftp.address}/hostile", tmp_path, is_readable_kind)
    assert names(found) == ["good.csv"]
    assert [str(file["path"]).rsplit("/", 1)[-1] for file in found.failed] == ["a\nb.csv"]


@pytest.mark.parametrize(
    ("address", "library", "extra"),
    [("sftp://me@localhost/in", "paramiko", "sftp"), ("s3://bucket/in", "boto3", "s3")],
)
def test_without_the_library_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, library: str, extra: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(UsageError, match="not installed") as caught:
        fetch_files(address, tmp_path, is_readable_kind)
    assert f"sentinel-batch[{extra}]" in caught.value.hint
