"""Files that were damaged at random: no crash, no row lost, every row accounted for."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.ingestion import FileResult, ingest
from sentinel_batch.ingestion.loading import file as loading
from sentinel_batch.ingestion.loading.parts import Committed, Part, compose_file
from sentinel_batch.ingestion.loading.staging import Staged
from sentinel_batch.lake import Lake
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.simulation import MockCDRGenerator

FIXTURES = Path(__file__).parent / "fixtures" / "cdr"
FILES_AT_ONCE = examples(50, quick=20)
DERANDOMIZE = "SENTINEL_TEST_RANDOM" not in os.environ
ERRORS = {"unreadable_file", "unrecognised_file", "ambiguous_dates"}
INJECTED = (b"\x00", b"\r", b"\n", b'"', b"'", b"\xff", b"\xe9", b"\xc3", b",", b";", b"|", b"\t", b'"\n"', b"\x1a")
DELIMITERS = (b",", b";", b"|", b"\t", b", ", b" ")


def _plain_bases() -> Iterator[bytes]:
    for path in sorted(FIXTURES.rglob("*")):
        if path.is_file() and path.suffix not in {".py", ".json", ".gz", ".zst"} and path.stat().st_size < 20_000:
            yield path.read_bytes()
    for seed in range(4):
        yield MockCDRGenerator(seed, dirty=0.3).generate_csv(60, 1, 20)[0].encode()


BASES = tuple(_plain_bases())
PLACE = st.integers(0, 1 << 16)
OPERATIONS = st.one_of(
    st.tuples(st.just("flip"), PLACE, st.integers(1, 255)),
    st.tuples(st.just("delete"), PLACE, st.integers(1, 120)),
    st.tuples(st.just("inject"), PLACE, st.integers(0, len(INJECTED) - 1)),
    st.tuples(st.just("double"), PLACE, st.integers(1, 400)),
    st.tuples(st.just("splice"), PLACE, st.integers(0, len(BASES) - 1)),
    st.tuples(st.just("delimiter"), st.integers(0, 3), st.integers(0, len(DELIMITERS) - 1)),
    st.tuples(st.just("everywhere"), st.integers(1, 40), st.integers(0, len(INJECTED) - 1)),
    st.tuples(st.just("truncate"), PLACE, st.just(0)),
    st.tuples(st.just("wrap"), st.integers(0, 3), PLACE),
)
MUTATION = st.tuples(st.integers(0, len(BASES) - 1), st.lists(OPERATIONS, min_size=1, max_size=4))
Mutation = tuple[int, list[tuple[str, int, int]]]


def mutate(mutation: Mutation) -> bytes:
    """Return a base file with the damage done to it."""
    base, operations = mutation
    data = BASES[base]
    for kind, first, second in operations:
        data = _damage(data, kind, first, second)
    return data


def _damage(data: bytes, kind: str, first: int, second: int) -> bytes:
    place = first % (len(data) + 1)
    if kind == "flip":
        return data[:place] + bytes(byte ^ second for byte in data[place : place + 1]) + data[place + 1 :]
    if kind == "delete":
        return data[:place] + data[place + second :]
    if kind == "inject":
        return data[:place] + INJECTED[second] + data[place:]
    if kind == "double":
        return data[:place] + data[place : place + second] * 2 + data[place + second :]
    if kind == "splice":
        other = BASES[second]
        return data[:place] + other[first % (len(other) + 1) :]
    if kind == "delimiter":
        return data.replace(DELIMITERS[first], DELIMITERS[second])
    if kind == "everywhere":
        lines = data.split(b"\n")
        lines[::first] = [line[: len(line) // 2] + INJECTED[second] + line[len(line) // 2 :] for line in lines[::first]]
        return b"\n".join(lines)
    if kind == "truncate":
        return data[:place]
    packed = gzip.compress(data, mtime=0) if first < 2 else zstandard.compress(data)
    return packed if first % 2 else packed[: second % (len(packed) + 1)]


def write_files(folder: Path, mutations: list[Mutation]) -> dict[str, tuple[Mutation, bytes]]:
    """Write the mutated files; return what each holds, by its path."""
    written = {}
    for number, mutation in enumerate(mutations):
        data = mutate(mutation)
        path = folder / f"{number:02d}.csv"
        path.write_bytes(data)
        written[str(path)] = (mutation, data)
    return written


def physical_lines(data: bytes, encoding: str | None) -> list[str]:
    """Return the lines of a file's bytes, worked out without the reader."""
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    elif data.startswith(b"\x28\xb5\x2f\xfd"):
        data = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(data)
    if encoding and encoding.startswith("utf-16"):
        data = data[2:] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data
        text = data.decode(encoding, "replace")
    else:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    lines = text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def check_lines(file: FileResult, data: bytes) -> None:
    """Assert that a file that was taken has no line that is neither a record nor skipped."""
    if data.startswith(b"PAR1") or file.status == "already_ingested":
        return
    lines = physical_lines(data, file.encoding)
    if file.dialect is None:
        assert file.status == "empty" and not "".join(lines).strip("\xff\xfe").strip()
        return
    joined = len(lines) - file.records_processed - sum(file.lines_skipped.values())
    unbalanced = sum(line.count('"') % 2 for line in lines)
    assert 0 <= joined <= 20 * unbalanced, f"{len(lines)} lines, {unbalanced} with an open quote"


def check_file(file: FileResult, data: bytes) -> None:
    """Assert what holds for every file, however damaged."""
    taken = file.records_inserted + file.duplicates_skipped + file.records_skipped
    assert file.records_processed == taken + file.records_rejected + file.records_refused
    assert sum(file.rejects_by_reason.values()) == file.records_rejected or file.error
    if file.error is not None:
        assert file.error["code"] in ERRORS
        assert file.error["message"] and file.error["hint"]
        assert file.status in ("unreadable", "refused")
        assert file.records_refused == file.records_processed
        return
    check_lines(file, data)


class _Rehearsed:
    """Stands in for the commit: looks at what a file's rows became, which costs a tenth of a real commit."""

    def __call__(self, staged: Staged, lake: Lake, known: object, before: list[Part], *_: object) -> Committed:
        file = compose_file("", before)
        kept = [line for part in staged.files for line in pl.read_parquet(part.path)["source_line"].to_list()]
        rejected = [line for path in staged.rejects for line in pl.read_parquet(path)["source_line"].to_list()]
        lines = kept + rejected
        assert len(lines) == len(set(lines)) == file.records_processed - file.records_skipped, file
        assert len(rejected) == file.records_rejected, file
        return Committed(len(kept), 0, 0, None, None)


def read_all(mutations: list[Mutation]) -> None:
    """Read mutated files and check each one's rows."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "commit_file", _Rehearsed())
        inbox = Path(folder) / "inbox"
        inbox.mkdir()
        written = write_files(inbox, mutations)
        result = ingest(inbox, lake=Path(folder) / "lake", max_reject_rate=1.0)
    assert len(result.files) == len(mutations)
    check_files(result.files, written)


def check_files(files: list[FileResult], written: dict[str, tuple[Mutation, bytes]]) -> None:
    """Check each file of a result; name the mutation that failed."""
    for file in files:
        mutation, data = written[file.path]
        try:
            check_file(file, data)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{mutation}\n{file}\n{data[:3000]!r}") from error


SETTINGS = settings(
    derandomize=DERANDOMIZE,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
BATCHES = st.lists(MUTATION, min_size=FILES_AT_ONCE, max_size=FILES_AT_ONCE)


@settings(SETTINGS, max_examples=examples(5, quick=2))
@given(BATCHES)
def test_every_row_of_mutated_files_is_accounted_for(mutations: list[Mutation]) -> None:
    read_all(mutations)


@pytest.mark.slow
@settings(SETTINGS, max_examples=40)
@given(BATCHES)
def test_every_row_of_2000_mutated_files_is_accounted_for(mutations: list[Mutation]) -> None:
    read_all(mutations)


@settings(SETTINGS, max_examples=examples(3, quick=1))
@given(BATCHES)
def test_the_lake_holds_every_row_of_mutated_files(mutations: list[Mutation]) -> None:
    with TemporaryDirectory() as folder:
        inbox = Path(folder) / "inbox"
        inbox.mkdir()
        written = write_files(inbox, mutations)
        options = {"lake": Path(folder) / "lake", "max_reject_rate": 1.0}
        rehearsal = ingest(inbox, dry_run=True, **options)
        result = ingest(inbox, **options)
        again = ingest(inbox, **options)
        lake = Lake.open(Path(folder) / "lake")
        records, rejects = lake.snapshot().read("call_records"), lake.snapshot().read("rejected_records")
    counts = ("records_processed", "records_inserted", "duplicates_skipped", "records_rejected", "records_refused")
    assert [getattr(rehearsal, name) for name in counts] == [getattr(result, name) for name in counts]
    assert again.records_inserted == 0
    assert records.select(CALL_RECORDS.key).is_unique().all()
    assert records.height == result.records_inserted
    assert rejects.height == sum(file.records_rejected for file in result.files if file.status == "inserted")
    check_files(result.files, written)
    for file in result.files:
        if file.status != "inserted":
            continue
        kept = records.filter(pl.col("ingest_id") == file.ingest_id)["source_line"].to_list()
        refused = rejects.filter(pl.col("ingest_id") == file.ingest_id)["source_line"].to_list()
        assert (len(kept), len(refused)) == (file.records_inserted, file.records_rejected)
        assert not set(kept) & set(refused)
        assert len(set(refused)) == len(refused)
