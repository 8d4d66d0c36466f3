"""Every table of both reports, exactly: the contract of `tabulate`."""

from __future__ import annotations

import pytest
from tabulation_reference import REPORTS, expected, reference_tables


@pytest.mark.parametrize("name", REPORTS)
def test_tables_and_their_order(name: str) -> None:
    assert list(reference_tables(name)) == list(expected(name))


@pytest.mark.parametrize(("name", "table"), [(name, table) for name in REPORTS for table in expected(name)])
def test_exact(name: str, table: str) -> None:
    """Columns, codes with their types, rows and their order, values."""
    exact = reference_tables(name)[table]
    want = expected(name)[table]
    assert list(exact.frame.columns) == list(want[0])
    assert exact.frame.to_dict("records") == want
