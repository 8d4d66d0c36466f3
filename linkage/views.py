"""A linkage file as arrays: what the linkage desk computes with.

Rows of one record (an IND person has a row per procedure) that carry the same encodings are one *view*; the views of a
record are its spellings. An *entity* is one distinct record of a register.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from linkage.fields import Field, Scheme, field_columns
from schemas.errors import InputRefused

Words = NDArray[np.uint64]
Index = NDArray[np.int64]

# Odd constants of splitmix64 (Steele, Lea and Flood, 2014).
_MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True)
class Views:
    """One register. n rows, v views, e entities; entities are sorted by their record pseudonym.

    words    per encoding column uint64 of shape (v, width / 8); zeros where missing.
    present  per field bool of shape (v,).
    subject  per view a code that equal pseudonyms share across registers (-1: no number), shape (v,).
    entity   entity of each view (v,); record: the 32-byte pseudonyms (e, 4) as big-endian words, sorted.
    row_view, tokens: per row of the linkage file its view (n,), and its token.
    """

    bron: str
    words: dict[str, Words]
    present: dict[str, NDArray[np.bool_]]
    subject: Index
    entity: Index
    records: list[bytes]
    row_view: Index
    tokens: pa.Array

    @property
    def entities(self) -> int:
        """Number of distinct records."""
        return len(self.records)

    @property
    def row_entity(self) -> Index:
        """Entity of every row, shape (n,)."""
        return self.entity[self.row_view]


def words_of(column: pa.Array, width: int) -> Words:
    """A fixed-size binary column of `width` bytes as uint64 words of shape (n, width / 8), nulls as zeros."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not pa.types.is_fixed_size_binary(column.type) or column.type.byte_width != width:
        raise InputRefused("A linkage file has a column of another width than its schema says; encode it again.")
    if len(column) == 0:
        return np.zeros((0, width // 8), dtype=np.uint64)
    data = np.frombuffer(column.buffers()[1], dtype="<u8", count=(len(column) + column.offset) * (width // 8))
    words = data.reshape(-1, width // 8)[column.offset :]
    if column.null_count:
        words = np.where(np.asarray(column.is_valid())[:, None], words, np.uint64(0))
    return words


def mixed(words: Words, start: Words | None = None) -> Words:
    """One 64-bit value per row of keyed hashes (n, w), the hashes themselves where w is 1; zeros give 0.

    Keyed hashes are as good as random, so two different rows share a value once in 2^64 pairs of them. `start`: values
    (n,) of other columns that the mixture is to go on from.
    """
    if start is None and words.shape[1] == 1:
        return words[:, 0]
    value = np.zeros(len(words), dtype=np.uint64) if start is None else start
    for place in range(words.shape[1]):
        value = (value ^ (value >> np.uint64(29))) * _MIX_1 + words[:, place] * _MIX_2
    return value


def load_views(linkage: dict[str, pa.Table], scheme: Scheme) -> dict[str, Views]:
    """Views per register, in order of their names. InputRefused when a column is missing or of another width."""
    for bron, table in linkage.items():
        missing = [name for name in scheme.arrow().names if name not in table.column_names]
        if missing:
            raise InputRefused(
                f"The linkage file of {bron} lacks {', '.join(missing)}; encode it for profile {scheme.profile}."
            )
    codes = _subject_codes(linkage)
    return {bron: _load(bron, linkage[bron], codes[bron], scheme) for bron in sorted(linkage)}


def _subject_codes(linkage: dict[str, pa.Table]) -> dict[str, Index]:
    names = sorted(linkage)
    columns = [linkage[bron].column("subject").combine_chunks() for bron in names]
    _, codes = _ranked(pa.concat_arrays([pa.array([], pa.binary(32)), *columns]))
    ends = np.cumsum([0, *(len(column) for column in columns)])
    return {bron: codes[ends[place] : ends[place + 1]] for place, bron in enumerate(names)}


def _ranked(pseudonyms: pa.Array) -> tuple[list[bytes], Index]:
    """The distinct pseudonyms, sorted, and the place of each row's among them, -1 where there is none."""
    distinct = pseudonyms.dictionary_encode()
    order = pc.array_sort_indices(distinct.dictionary)
    place = np.full(len(order) + 1, -1, dtype=np.int64)
    place[order.to_numpy()] = np.arange(len(order))
    codes: Index = place[distinct.indices.fill_null(len(order)).to_numpy()]
    return distinct.dictionary.take(order).to_pylist(), codes


def _load(bron: str, table: pa.Table, subject: Index, scheme: Scheme) -> Views:
    types = scheme.arrow()
    widths = {name: types.field(name).type.byte_width for name in scheme.records}
    widths |= {name: width for part in scheme.fields for name, width in field_columns(part)}
    records, row_entity = _ranked(table.column("record").combine_chunks())
    # Columns are read twice, because all of them at once are as large as the file.
    whole = mixed(subject[:, None].view(np.uint64), np.zeros(len(row_entity), dtype=np.uint64))
    for name, width in widths.items():
        whole = mixed(words_of(table.column(name), width), whole)
    order = np.lexsort((whole, row_entity))
    starts = _differs(row_entity[order]) | _differs(whole[order])
    first = order[starts]
    row_view = np.empty(len(order), dtype=np.int64)
    row_view[order] = np.cumsum(starts) - 1
    return Views(
        bron=bron,
        words={name: words_of(table.column(name), width)[first] for name, width in widths.items()},
        present={
            part.name: np.asarray(table.column(_main_column(part)).combine_chunks().is_valid(), dtype=bool)[first]
            for part in scheme.fields
        },
        subject=subject[first],
        entity=row_entity[first],
        records=records,
        row_view=row_view,
        tokens=table.column("token").combine_chunks(),
    )


def _differs(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which sorted values differ from the one before, the first included."""
    out = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=out[1:])
    return out


def _main_column(field: Field) -> str:
    return field_columns(field)[0][0]
