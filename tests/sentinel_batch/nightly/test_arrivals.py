"""No file of the inbox is lost without a word: each sort of trouble is at the head of the page and in JSON."""

from __future__ import annotations

import gzip
import html
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.errors import DiskFullError, ExitCode, NoInputError
from sentinel_batch.nightly import NightlyResult
from sentinel_batch.nightly.arrivals import list_folder
from tests.conftest import Call
from tests.sentinel_batch.nightly.test_nightly import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.receive("good.csv", 0)
    return desk


def told(result: NightlyResult) -> dict[str, Any]:
    """What the night's JSON document says of it."""
    assert result.report is not None and result.folder is not None
    document = json.loads(result.report.json.read_text())
    facts = json.loads((result.folder / "night.json").read_text())
    for key in ("troubles", "files", "outcome", "quiet"):
        assert facts["night"][key] == document["night"][key], key
    night: dict[str, Any] = document["night"]
    return night


def head(result: NightlyResult) -> str:
    """What stands on the page before the severities."""
    assert result.folder is not None
    return (result.folder / "report.html").read_text().split('id="h-severity"')[0].split("<main>")[1]


def truncated(path: Path, pack: Callable[[bytes], bytes]) -> None:
    whole = pack(path.read_bytes())
    path.write_bytes(whole[: len(whole) // 2])


def zstandard_of(data: bytes) -> bytes:
    import zstandard

    packed: bytes = zstandard.compress(data)
    return packed


@pytest.mark.parametrize("pack", [gzip.compress, zstandard_of], ids=["gz", "zst"])
def test_a_damaged_compressed_file(desk: Desk, pack: Callable[[bytes], bytes]) -> None:
    truncated(desk.receive("b.csv.packed.csv", 1), pack)
    result = desk.night()
    assert result.exit_code == ExitCode.PARTLY_DONE
    assert [(t["level"], Path(t["what"]).name) for t in told(result)["troubles"]] == [("lost", "b.csv.packed.csv")]
    assert "damaged or cut short" in head(result) and "✓" not in head(result)


@pytest.mark.parametrize(
    ("name", "content", "outcome", "words"),
    [
        ("empty.csv", b"", "empty", "It holds no record."),
        ("header.csv", b"call_date,call_time,caller_number,callee_number,duration_seconds\n", "empty", "no record"),
        ("calls.zip", b"PK\x03\x04 damaged", "not_read", "Files that end in .zip are not read."),
        ("calls.xlsx", b"PK\x03\x04", "not_read", "Files that end in .xlsx are not read."),
        ("calls.csv.part", b"call_date", "not_read", "still being delivered"),
    ],
)
def test_what_is_doubtful_is_said_but_ends_no_night(
    desk: Desk, name: str, content: bytes, outcome: str, words: str
) -> None:
    (desk.inbox / name).write_bytes(content)
    result = desk.night()
    assert result.exit_code == ExitCode.DONE
    night = told(result)
    assert {Path(file["path"]).name: file["outcome"] for file in night["files"]}[name] == outcome
    assert [(t["level"], Path(t["what"]).name) for t in night["troubles"]] == [("warning", name)]
    assert words in head(result) and "✓" not in head(result)


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("fifo.csv", os.mkfifo, "It is a named pipe, no file."),
        ("socket", lambda path: socket.socket(socket.AF_UNIX).bind(os.path.relpath(path)), "It is a socket, no file."),
        ("dir.csv", Path.mkdir, "It is an empty folder."),
        ("linked", lambda path: path.symlink_to(path.parent.parent), "a link to a folder, which is not followed"),
        ("gone.pdf", lambda path: path.symlink_to("nowhere"), "It is a link that leads nowhere, no file."),
    ],
)
def test_an_entry_that_is_no_file_is_told_and_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[Path], object], words: str
) -> None:
    monkeypatch.chdir(desk.inbox)  # The path of a socket must be short.
    make(desk.inbox / name)
    (desk.inbox / ".hidden").mkdir()
    (desk.inbox / "2026").mkdir()  # An ordinary folder may be empty.
    result = desk.night()
    assert result.exit_code == ExitCode.DONE
    night = told(result)
    assert {Path(f["path"]).name: f["outcome"] for f in night["files"]} == {"good.csv": "taken", name: "not_read"}
    assert [(t["level"], Path(t["what"]).name) for t in night["troubles"]] == [("warning", name)]
    [ingested] = [step for step in result.steps if step.name == "ingest"]
    assert ingested.counts["files_not_read"] == 1
    assert words in head(result) and "✓" not in head(result)


HOSTILE = [
    b"a\nb.csv",
    b"esc\x1b[31m.csv",
    b"b\xff.csv",
    b"\xe2\x80\xaegnp.csv",
    b"-dash.csv",
    b"two\xe2\x80\xa8lines.csv",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_file_with_an_odd_name_is_told_whole_and_its_command_names_it(desk: Desk, call: Call, name: bytes) -> None:
    path = os.fsencode(desk.inbox) + b"/" + name
    Path(os.fsdecode(path)).write_text("x,y\n1,2\n")
    # Relative, as from a shell in that folder: what is said must hold in every folder.
    done = call("nightly", "--inbox", desk.inbox.name, "--out", "out", "--quiet", "--json")
    assert done.code == ExitCode.PARTLY_DONE
    [trouble] = json.loads(Path("out/latest/report.json").read_text())["night"]["troubles"]
    assert trouble["message"].startswith("line 1: no dialect fits") and "\n" not in trouble["what"]
    word = trouble["command"].removeprefix("sentinel-batch ingest --dry-run -- ")
    read = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True).stdout
    assert read == path and word.isprintable()
    page = Path("out/latest/report.html").read_text().split("<main>")[1].split("</ul>")[0]
    assert "no dialect fits" in page and "\x1b" not in page and "\u202e" not in page
    again = call("nightly", "--inbox", desk.inbox.name, "--out", "out", "--quiet")
    errors = [line for line in again.stderr.splitlines() if line.startswith("Error:")]
    assert len(errors) == 1 and "no dialect fits" in errors[0]


def test_the_box_says_reason_and_command_once(desk: Desk) -> None:
    bad = desk.inbox / "it's bad.csv"
    bad.write_text("x,y\n1,2\n")
    result = desk.night()
    box = html.unescape(head(result).split('class="alarm"')[1].split("</div>")[0])
    assert box.count(str(bad.parent)) == 2  # what it is, and the command
    [trouble] = told(result)["troubles"]
    assert trouble["command"].startswith("sentinel-batch ingest --dry-run -- ") and trouble["hint"] == ""


def test_a_file_that_vanished_before_it_was_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentinel_batch.nightly import pipeline

    gone, real = desk.receive("gone.csv", 1), pipeline.receive_files

    def receive(*given: Any) -> Any:
        found = real(*given)
        if "_ingest" in sys._getframe(1).f_code.co_name:  # The inbox is listed before that, too.
            gone.unlink()
        return found

    monkeypatch.setattr(pipeline, "receive_files", receive)
    result = desk.night()
    assert result.exit_code == ExitCode.PARTLY_DONE
    [trouble] = told(result)["troubles"]
    assert (trouble["level"], Path(trouble["what"]).name) == ("lost", "gone.csv")
    assert "gone before it was read" in head(result)
    assert desk.suspects()  # the others were taken


def test_a_link_that_leads_nowhere(desk: Desk) -> None:
    (desk.inbox / "link.csv").symlink_to(desk.root / "nowhere.csv")
    result = desk.night()
    assert result.exit_code == ExitCode.PARTLY_DONE
    assert "link.csv" in head(result) and told(result)["troubles"][0]["level"] == "lost"


def test_a_file_that_is_still_being_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentinel_batch.nightly import pipeline

    path, real = desk.inbox / "good.csv", pipeline.ingest

    def grow(*given: Any, **options: Any) -> Any:
        done = real(*given, **options)
        with path.open("a") as file:
            file.write("2026-01-20,15:00:00,+2348011110000,+2347022220009,20\n")
        return done

    monkeypatch.setattr(pipeline, "ingest", grow)
    result = desk.night()
    assert result.exit_code == ExitCode.DONE
    [file] = told(result)["files"]
    assert (file["outcome"], file["records_inserted"]) == ("unfinished", 61)
    assert "It changed while it was read" in head(result) and "✓" not in head(result)
    monkeypatch.undo()
    assert told(desk.night())["files"][0]["records_inserted"] == 1


def as_nobody(folder: Path) -> Any:
    """List a folder in a process that may not read everything, as root may."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            said = [str(path) for path in list_folder(folder).files]
        except NoInputError as error:
            said = [error.message]
        finally:
            os.write(sender, json.dumps(said).encode())
            os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def test_a_folder_that_may_not_be_read_is_no_empty_one(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    closed = inbox / "closed"
    closed.mkdir(parents=True)
    (inbox / "a.csv").write_text("x")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder.stat().st_mode & 5 != 5:
            folder.chmod(folder.stat().st_mode | 0o055)
    closed.chmod(0)
    try:
        assert as_nobody(inbox) == [str(inbox / "a.csv"), str(closed)]
        inbox.chmod(0o700)
        if os.getuid() == 0:
            assert as_nobody(inbox) == [f"The inbox folder {inbox} cannot be listed: this user may not read it."]
    finally:
        closed.chmod(0o755)


def test_a_folder_that_cannot_be_listed_is_told_as_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, real = desk.inbox / "closed", os.scandir
    closed.mkdir()
    (closed / "hidden.csv").write_text("x")

    def scan(path: Any = ".") -> Any:
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    result = desk.night()
    assert result.exit_code == ExitCode.PARTLY_DONE
    [trouble] = told(result)["troubles"]
    assert (trouble["level"], Path(trouble["what"]).name) == ("lost", "closed") and "denied" in trouble["message"]


def test_an_inbox_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(NoInputError, match="is a file, not a folder") as caught:
        list_folder(tmp_path / "a.csv")
    assert "mounted" not in caught.value.hint and str(tmp_path) in caught.value.hint


def test_an_inbox_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="There is no inbox folder"):
        list_folder(tmp_path / "nowhere")


# -- steps that fail ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "target"),
    [
        ("profiles", "build_profiles"),
        ("detect", "run_detection"),
        ("boxes", "record_boxes"),
        ("alerts", "record_detections"),
        ("cases", "build_cases"),
        ("report", "write_report"),
    ],
)
def test_a_step_that_fails_has_a_page_that_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, step: str, target: str
) -> None:
    good = desk.night()
    assert good.folder is not None
    from datetime import timedelta

    from tests.sentinel_batch.nightly.test_nightly import NOON

    desk.receive("b.csv", 1, at=NOON + timedelta(days=1))

    def full(*_: Any, **__: Any) -> None:
        raise DiskFullError("The disk is full.", hint="Free space.")

    with monkeypatch.context() as patch:
        patch.setattr(f"sentinel_batch.nightly.pipeline.{target}", full)
        result = desk.night()
    assert (result.status, result.report) == ("failed", None)
    assert result.folder is not None and result.folder != good.folder
    assert (desk.out / "latest").resolve() == result.folder.resolve()
    page = (desk.out / "latest" / "report.html").read_text()
    assert "This night failed" in page and f"Step {step}" in page and "The disk is full." in page
    assert f'href="../{good.folder.name}/report.html"' in page
    facts = json.loads((result.folder / "night.json").read_text())
    assert facts["night"]["outcome"] == "failed" and facts["exit_code"] == ExitCode.FAILED
    index = json.loads((desk.out / "nights.json").read_text())["nights"]
    assert [night["outcome"] for night in index] == ["failed", "done"]
    assert desk.night().exit_code == ExitCode.DONE


def test_an_inbox_that_is_gone_has_a_page_too(desk: Desk) -> None:
    desk.night()
    result = desk.night(inbox=desk.root / "unmounted")
    assert result.exit_code == ExitCode.NO_INPUT
    assert "There is no inbox folder" in (desk.out / "latest" / "report.html").read_text()
