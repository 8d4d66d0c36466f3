"""The benchmark of the log grows it in bulk; what it grows must be the log that `append` would have written."""

from __future__ import annotations

from log_support import append_views

from benchmarks.log import grow, right_edge
from disclosure.log import verify_log


def test_the_bulk_growth_is_the_same_log(log):
    append_views(log, 3)
    grow(log, 100, right_edge(log))
    append_views(log, 10, sign=True)
    assert verify_log(log) == 110
