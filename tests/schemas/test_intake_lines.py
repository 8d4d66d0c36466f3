"""The fast reader of a text file gives what the exact one gives, or nothing."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import delivered_csv
from schemas.errors import InputRefused
from schemas.study import load_study

COLUMNS = ("a", "b")
DIALECT = load_study("nr2015").registers["iom"].dialect
FIELDS = st.sampled_from(["", "x", " y", '"x,y"', '"', '""', 'q"r', '"two\nlines"', '"no end', '"a"b'])
LINES = st.lists(st.lists(FIELDS, max_size=4).map(",".join), max_size=6)


@settings(max_examples=400, deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(0, 2))
@example(["x,y", "x", "", "x,y,z", "y,x"], "\n", True, 0)
@example(["x,y", '"x,y",z,"q"', "y,x"], "\r\n", True, 1)
def test_lines_read_fast_are_lines_read_exactly(lines, end, closed, blank):
    text = end.join([*[""] * blank, "a,b", *lines]) + end * closed
    fast = delivered_csv._read_lines(text.encode(), ["a", "b"], COLUMNS, DIALECT)
    if fast is None:
        return
    try:
        table, starts, ragged = delivered_csv._read_records(Path("f.csv"), text, ["a", "b"], COLUMNS, DIALECT)
    except InputRefused:
        # A quotation mark that the last line opens and never closes: Arrow takes it as it stands.
        assert '"' in text
        return
    assert fast[1].tolist() == starts.tolist()
    assert fast[2] == ragged
    assert fast[0].to_pydict() == table.to_pydict()


def test_rows_with_other_fields_do_not_slow_the_reader_down():
    lines = ["a,b", "x,y", "x", "", '"x,y",z,"q"', "y,x", ""]
    read = delivered_csv._read_lines("\n".join(lines).encode(), ["a", "b"], COLUMNS, DIALECT)
    assert read is not None
    assert (read[1].tolist(), read[2]) == ([2, 6], (3, 5))


def test_whether_a_file_breaks_off_is_for_the_exact_reader():
    assert delivered_csv._read_lines(b"a,b\nx,y\nx", ["a", "b"], COLUMNS, DIALECT) is None
