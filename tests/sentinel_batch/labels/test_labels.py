"""Labels from outside: what a file may say, how it is kept, and who takes it into account."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from alert_samples import finding, frame, make_lake

from sentinel_batch.alerts import record_alerts, review_alerts
from sentinel_batch.errors import LabelError, LakeNotFoundError, UsageError
from sentinel_batch.labels import import_labels, list_labels, read_newest
from sentinel_batch.lake import Lake
from sentinel_batch.learning import compute_scorecard
from sentinel_batch.learning.labels import known_numbers, read_verdicts

HEAD = "number,label,source,date,reason\n"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path / "lake")


def _write(folder: Path, *lines: str, head: str = HEAD) -> Path:
    file = folder / "labels.csv"
    file.write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def test_a_file_is_kept_once_and_a_change_of_mind_replaces(lake: Lake, tmp_path: Path) -> None:
    file = _write(
        tmp_path, "0803 123 4567,Positive,test calls,2026-01-14,rang, no answer", "+2348031234568,unknown,x,2026-01-14,"
    )
    first = import_labels(file, lake=lake, by="ada")
    assert (first.added, first.changed, first.unchanged, first.without_calls) == (2, 0, 0, 2)
    assert first.labels == {"positive": 1, "negative": 0, "unknown": 1}
    row = list_labels(lake=lake, label="positive").row(0, named=True)
    assert (row["number"], row["labelled_on"], row["reason"]) == (
        "+2348031234567",
        date(2026, 1, 14),
        "rang, no answer",
    )
    assert (row["file"], row["line"], row["imported_by"]) == ("labels.csv", 2, "ada")
    again = import_labels(file, lake=lake)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 2)
    changed = import_labels(_write(tmp_path, "+2348031234567,negative,test calls,2026-01-14,"), lake=lake)
    assert (changed.added, changed.changed) == (0, 1)
    assert list_labels(lake=lake)["label"].to_list() == ["negative", "unknown"]


def test_parquet_says_the_same(lake: Lake, tmp_path: Path) -> None:
    rows = {"number": ["+2348031234567"], "label": ["positive"], "source": ["list"], "date": [date(2026, 1, 14)]}
    pl.DataFrame(rows).write_parquet(tmp_path / "l.parquet")
    assert import_labels(tmp_path / "l.parquet", lake=lake).added == 1
    assert list_labels(lake=lake, source="list")["reason"].to_list() == [""]
    assert list_labels(lake=lake, source="other").is_empty()


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("+2348031234567,maybe,x,2026-01-14,", r"labels\.csv:2: label is 'maybe'", "positive, negative, unknown"),
        ("+2348031234567,positive,,2026-01-14,", r"labels\.csv:2: source is ''", "who says so"),
        ("+2348031234567,positive,x,14.01.2026,", r"labels\.csv:2: date is '14\.01\.2026'", "2026-01-31"),
        ("=1+1,positive,x,2026-01-14,", r"labels\.csv:2: number is '=1\+1'", r"+2348031234567"),
        ("2.34803E+12,positive,x,2026-01-14,", r":2: number is '2\.34803E\+12'", "a spreadsheet has rounded this one"),
        ("<b>1234567</b>,positive,x,2026-01-14,", r":2: number is '<b>1234567</b>'", "one number such as"),
        (
            '"08031234567, 08031234568",positive,x,2026-01-14,',
            r":2: number is '08031234567, 0803",
            "one number such as",
        ),
        ("+2348031234567,positive,x,2126-01-14,", r":2: date is '2126-01-14'", "a day that has come"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(
    lake: Lake, tmp_path: Path, line: str, message: str, hint: str
) -> None:
    with pytest.raises(LabelError, match=message) as error:
        import_labels(
            _write(tmp_path, line, "+2348031234568,positive,x,2026-01-14,", "+2348031234569,no,x,2026-01-14,"),
            lake=lake,
        )
    assert "1 more lines are invalid. Nothing was imported." in error.value.message
    assert hint in error.value.hint
    assert error.value.details["line"] == 2
    assert list_labels(lake=lake).is_empty()


def test_a_file_that_cannot_be_read_is_said(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="lacks the columns source, date; it has number, label"):
        import_labels(_write(tmp_path, "1,positive", head="number,label\n"), lake=lake)
    with pytest.raises(LabelError, match="has number more than once"):
        import_labels(
            _write(tmp_path, "1,1,positive,x,2026-01-14", head="number,number,label,source,date\n"), lake=lake
        )
    with pytest.raises(LabelError, match="lacks the columns") as error:
        import_labels(_write(tmp_path, "1;positive", head="number;label;source;date\n"), lake=lake)
    assert error.value.hint == "Put commas between the columns."
    with pytest.raises(LabelError, match=r"its name ends in '\.txt'"):
        import_labels(tmp_path / "labels.txt", lake=lake)
    with pytest.raises(LabelError, match="There is no file"):
        import_labels(tmp_path / "none.csv", lake=lake)
    twice = _write(tmp_path, "+2348031234567,positive,x,2026-01-14,", "+2348031234567,negative,x,2026-01-14,")
    with pytest.raises(LabelError, match=r":3: \+2348031234567 is 'negative', and 'positive' in line 2"):
        import_labels(twice, lake=lake)
    with pytest.raises(UsageError, match="no label 'maybe'"):
        list_labels(lake=lake, label="maybe")
    with pytest.raises(LakeNotFoundError):
        import_labels(twice, lake=tmp_path / "nowhere")


def test_the_newest_label_that_decides_counts(lake: Lake, tmp_path: Path) -> None:
    lines = (
        "1,positive,a,2026-01-10,",
        "1,negative,b,2026-01-12,",
        "1,unknown,c,2026-01-20,",
        "2,unknown,c,2026-01-20,",
    )
    import_labels(_write(tmp_path, *(f"+234803123456{line}" for line in lines)), lake=lake)
    assert read_newest(lake.snapshot())["label"].to_list() == ["negative", "unknown"]


def test_learning_takes_labels_as_verdicts_on_their_day(lake: Lake, tmp_path: Path) -> None:
    lines = (
        "1,positive,a,2026-01-09,",
        "2,negative,a,2026-01-31,",
        "3,unknown,a,2026-01-10,",
        "4,positive,a,2025-12-01,",
    )
    import_labels(_write(tmp_path, *(f"+234803123456{line}" for line in lines)), lake=lake)
    dates = [date(2026, 1, 8), date(2026, 1, 10)]
    days = pl.DataFrame({"local_date": dates, "day_start": dates, "day_end": dates}).with_columns(
        pl.col("day_start", "day_end").cast(pl.Datetime("us", "UTC"))
    )
    verdicts = read_verdicts(lake.snapshot(), days)
    # A day without calls counts as the one before; what is older than the lake is of no use.
    assert verdicts.rows() == [("+2348031234561", dates[0], 1), ("+2348031234562", dates[1], 0)]
    assert known_numbers(lake.snapshot()).len() == 4


def test_the_scorecard_takes_labels_where_nobody_decided(lake: Lake, tmp_path: Path) -> None:
    numbers = [f"+234803123456{place}" for place in range(4)]
    record_alerts(frame(*(finding(suspect=number) for number in numbers[:3])), lake=lake)
    review_alerts([1], disposition="confirmed", lake=lake)
    labels = ((0, "negative"), (1, "positive"), (2, "negative"), (3, "positive"))
    import_labels(_write(tmp_path, *(f"{numbers[n]},{label},regulator,2026-01-14," for n, label in labels)), lake=lake)
    card = compute_scorecard(lake=lake)
    row = card.rules.row(0, named=True)
    assert (row["reviewed"], row["confirmed"], row["false_positives"]) == (3, 2, 1)
    assert card.outside.rows() == [("regulator", 2, 1, 2, 2)]
    assert card.to_dict()["outside"][0]["positive_alerted"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There is no file '.*labels.csv'"),
        (
            "number,label,source,date\n".encode("utf-16"),
            r"labels.csv is not in UTF-8 \(byte 1\): it seems to be UTF-16",
        ),
        (b"number,label,source,date\n08031234567,positive,caf\xe9,2026-01-14\n", r"is not in UTF-8 \(byte 50\)\."),
    ],
    ids=["missing", "UTF-16", "Latin-1"],
)
def test_a_file_that_cannot_be_read_is_named_in_plain_words(
    lake: Lake, tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(LabelError, match=message) as refused:
        import_labels(tmp_path / "labels.csv", lake=lake)
    assert refused.value.hint and "Errno" not in str(refused.value)
