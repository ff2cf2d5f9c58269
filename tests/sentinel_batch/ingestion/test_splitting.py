"""Lines that Polars' reader may have are those that it takes apart as the splitter would."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.ingestion.reading import splitting
from sentinel_batch.ingestion.reading.blocks import Block
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.reading.source import open_source

HEADER = "caller,callee,start_time,duration"
CELLS = st.one_of(
    st.text("ab ,'", max_size=6),
    st.text('ab ,"', max_size=8).map(lambda text: '"' + text.replace('"', '""') + '"'),
    st.text('a ,"', max_size=6),
)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    path: Path = tmp_path_factory.mktemp("splitting") / "a.csv"
    path.write_text(f"{HEADER}\n+2348031230001,+2348051110000,2026-01-22 09:00:00,5\n")
    source = open_source(path, "a.csv", None)
    assert source is not None
    return source.layout


def split(lines: list[str], layout: Layout) -> list[tuple[object, ...]]:
    data = ("\n".join(lines) + "\n").encode()
    done = splitting.split_block(Block(data, 1, len(lines), False), layout)
    return [*done.frame.sort("source_line").rows(), tuple(done.ragged.items())]


@settings(max_examples=examples(300), deadline=None)
@given(rows=st.lists(st.lists(CELLS, min_size=4, max_size=4), min_size=1, max_size=6))
@example(rows=[['"""User 9"" <113>"', "b", "c", '"SIP/301,30,tT"'], ['"a""b"', '""', '""""', "d"]])
def test_the_fast_reader_agrees_with_the_splitter(layout: Layout, rows: list[list[str]]) -> None:
    lines = [",".join(row) for row in rows]
    with mock.patch.object(splitting, "_read", lambda *args, **options: None):
        alone = split(lines, layout)
    assert [[cell or "" for cell in row] for row in split(lines, layout)[:-1]] == [
        [cell or "" for cell in row] for row in alone[:-1]
    ]


def test_doubled_quotes_do_not_slow_a_file_down(layout: Layout) -> None:
    line = '"""User 9"" <113>","08051230001","2026-01-22 09:00:00","SIP/301,30,tT"'
    with mock.patch.object(splitting, "_split_one_by_one", wraps=splitting._split_one_by_one) as slow:
        split([line] * 3, layout)
    assert [call.args[0].height for call in slow.call_args_list] == [0]
