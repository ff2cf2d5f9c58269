"""Manifests: reading, and finding each recording's row."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from audio_batch.contexts import match_contexts, read_contexts
from audio_batch.errors import AudioUsageError


def write(folder: Path, text: str | bytes, name: str = "m.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_cells_of_a_csv_file_stay_text_and_empty_ones_are_null(tmp_path: Path) -> None:
    frame = read_contexts(write(tmp_path, "file,amount,note\na.wav,007, \nb.wav,1e3,=cmd\n"))
    assert frame.rows() == [("a.wav", "007", None), ("b.wav", "1e3", "=cmd")]
    assert frame.schema == {"file": pl.String, "amount": pl.String, "note": pl.String}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_byte_order_mark_and_line_ends(tmp_path: Path, delimiter: str) -> None:
    text = delimiter.join(["File", "amount"]) + "\r\n" + delimiter.join(["a.wav", "5"]) + "\r\n"
    frame = read_contexts(write(tmp_path, b"\xef\xbb\xbf" + text.encode()))
    assert frame.to_dicts() == [{"file": "a.wav", "amount": "5"}]


def test_aliases_and_quoted_cells(tmp_path: Path) -> None:
    frame = read_contexts(write(tmp_path, 'Recording,Transaction Amount,note\n"a, b.wav",5,"two\nlines"\n'))
    assert frame.to_dicts() == [{"file": "a, b.wav", "amount": "5", "note": "two\nlines"}]


def test_an_alias_never_replaces_a_column_of_the_same_meaning(tmp_path: Path) -> None:
    frame = read_contexts(write(tmp_path, "file,amount,order_amount\na.wav,1,2\n"))
    assert frame.columns == ["file", "amount", "order_amount"]


def test_two_aliases_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioUsageError, match="more than one column 'amount'"):
        read_contexts(write(tmp_path, "file,transaction_amount,order_amount\na.wav,1,2\n"))


def test_a_short_row_is_filled_with_nulls(tmp_path: Path) -> None:
    assert read_contexts(write(tmp_path, "file,amount\na.wav\n")).to_dicts() == [{"file": "a.wav", "amount": None}]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    pl.DataFrame({"file": ["a.wav"], "amount": [5.5], "new_beneficiary": [True]}).write_parquet(path)
    assert match_contexts(["a.wav"], read_contexts(path)) == [{"file": "a.wav", "amount": 5.5, "new_beneficiary": True}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("amount\n5\n", "neither a column file nor call_id; its columns are amount"),
        ("file,amount\na.wav,1,2\n", "3 cells in row 2, but 2 columns"),
        ("file,amount\n,1\n", "has no file in row 1"),
        ("file,call_id\n , \n", "has no file and no call_id in row 1"),
        ("file,file\na,b\n", "more than one column 'file'"),
        ('file\n"a\n', "is not a CSV file"),
        (b"file\n\xff\n", "is not UTF-8 at byte 5"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(AudioUsageError) as caught:
        read_contexts(write(tmp_path, content))
    assert said in str(caught.value) and "m.csv" in str(caught.value) and caught.value.hint


def test_an_absent_or_damaged_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioUsageError, match="cannot be read: No such file"):
        read_contexts(tmp_path / "none.csv")
    with pytest.raises(AudioUsageError, match="cannot be read as Parquet"):
        read_contexts(write(tmp_path, b"PAR0", "m.parquet"))


def test_rows_are_found_by_path_name_or_call_id() -> None:
    frame = pl.DataFrame(
        {
            "file": ["day/a.wav", "b.wav", None, None],
            "call_id": [None, None, "c", "77"],
            "amount": ["1", "2", "3", "4"],
        }
    )
    recordings = [Path("/in/day/a.wav"), Path("/in/b.wav"), Path("/in/c.wav"), Path("/in/d.wav"), Path("/in/e.wav")]
    found = match_contexts(recordings, frame, root="/in", call_ids=[None, None, None, "77", None])
    assert [row.get("amount") for row in found] == ["1", "2", "3", "4", None]
    assert found[4] == {}


def test_windows_separators_and_dots_do_not_matter() -> None:
    frame = pl.DataFrame({"file": [".\\day\\a.wav"], "amount": ["1"]})
    assert match_contexts(["day/a.wav"], frame)[0]["amount"] == "1"


def test_a_bare_name_that_two_recordings_have_fits_neither() -> None:
    frame = pl.DataFrame({"file": ["a.wav"], "amount": ["1"]})
    assert match_contexts(["/in/x/a.wav", "/in/y/a.wav"], frame, root="/in") == [{}, {}]


def test_rows_that_contradict_each_other_are_refused_and_repeats_are_not() -> None:
    same = pl.DataFrame({"file": ["a.wav", "a.wav"], "amount": ["1", "1"]})
    assert match_contexts(["a.wav"], same)[0]["amount"] == "1"
    frame = pl.DataFrame({"file": ["a.wav", "a.wav"], "amount": ["1", "900000"]})
    with pytest.raises(AudioUsageError, match=r"two things about file 'a\.wav': rows 1 and 2 differ"):
        match_contexts(["a.wav"], frame)


def test_the_number_of_call_ids_is_checked() -> None:
    with pytest.raises(AudioUsageError, match="2 call ids for 1 recordings"):
        match_contexts(["a.wav"], pl.DataFrame({"file": ["a.wav"]}), call_ids=["1", "2"])
