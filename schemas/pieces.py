"""Questions that need every row of a register, answered a piece at a time, so that no second copy of all rows is made.

A piece is what lies between two values of one column, in the order of the snapshot: rows with the same value are in one piece,
so repeats and contradictions are found within it; and pieces come in order, so the snapshot is one piece's bytes after another's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.events import LINE, cells, contradicting, first_rows, sorted_row_bytes
from schemas.extracts import Extract

PIECE_ROWS = 100_000
# Every piece takes rows from every batch: with ever more pieces that would grow faster than the register.
MOST_PIECES = 32
# Looked at per piece to find its borders; a piece is then some 10 % too large or too small.
_SAMPLES = 100
Rows = NDArray[np.int64]


def repeats(events: pa.Table, extract: Extract) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(again, clash) per row: whether it repeats an earlier row, `regel` aside; whether, not being one that does, it has its
    record number with another row although the extract says that it cannot.
    """
    again = np.ones(events.num_rows, dtype=bool)
    clash = np.zeros(events.num_rows, dtype=bool)
    for places, piece in pieces(events, extract.key):
        first = first_rows(piece)
        again[places[first]] = False
        if extract.unique:
            clash[places[first]] = contradicting(piece[extract.key].take(pa.array(first)))
    return again, clash


def ordered_bytes(events: pa.Table) -> Iterator[memoryview]:
    """What `sorted_row_bytes` gives of all rows, piece after piece."""
    by_first_cell = next(name for name in events.column_names if name != LINE)
    for _, piece in pieces(events, by_first_cell):
        yield sorted_row_bytes(piece)


def pieces(events: pa.Table, column: str) -> Iterator[tuple[Rows, pa.Table]]:
    """(places, rows) of each piece: where its rows stand in `events`, ascending, and the rows."""
    if events.num_rows <= PIECE_ROWS:
        yield np.arange(events.num_rows), events
        return
    batches = events.to_batches()
    starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
    borders = _borders(events, column)
    piece_of = np.concatenate(
        [pc.search_sorted(borders, cells(batch[column]), side="right").cast(pa.uint8()).to_numpy() for batch in batches]
    )
    order = np.argsort(piece_of, kind="stable")
    ends = np.cumsum(np.bincount(piece_of, minlength=len(borders) + 1))
    for start, end in zip((0, *ends[:-1]), ends, strict=True):
        if end > start:
            yield order[start:end], _taken(batches, starts, order[start:end])


def _borders(events: pa.Table, column: str) -> pa.Array:
    """The cells at which a piece ends and the next begins, from a sample of the rows."""
    wanted = min(-(-events.num_rows // PIECE_ROWS), MOST_PIECES)
    step = max(events.num_rows // (wanted * _SAMPLES), 1)
    sample = cells(events[column].take(pa.array(np.arange(0, events.num_rows, step)))).combine_chunks()
    ordered = sample.take(pc.array_sort_indices(sample))
    return ordered.take(pa.array(np.arange(1, wanted) * len(ordered) // wanted))


def _taken(batches: list[pa.RecordBatch], starts: Rows, places: Rows) -> pa.Table:
    """The rows at `places`, ascending. Batch by batch: Arrow would first make one array of each whole column."""
    cut = np.searchsorted(places, starts)
    parts = [
        batch.take(pa.array(places[first:last] - start))
        for batch, start, first, last in zip(batches, starts[:-1], cut[:-1], cut[1:], strict=True)
        if last > first
    ]
    return pa.Table.from_batches(parts).combine_chunks()
