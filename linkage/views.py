"""A linkage file as arrays: what the linkage desk computes with.

Rows of one record (an IND person has a row per procedure) that carry the same encodings are one *view*; the views of a
record are its spellings. An *entity* is one distinct record of a register.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.fields import Scheme, field_columns
from schemas.errors import InputRefused

Words = NDArray[np.uint64]
Index = NDArray[np.int64]
# Codes of entities or views of pairs, of which there are millions: 32 bits are enough, and 64 are taken.
Codes = NDArray[np.signedinteger[Any]]

# Odd constants of splitmix64 (Steele, Lea and Flood, 2014).
_MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True)
class Views:
    """One register. n rows, v views, e entities; entities are sorted by their record pseudonym.

    words    per encoding column uint64 of shape (v, width / 8); zeros where missing.
    subject  per view a code that equal pseudonyms share across registers (-1: no number), shape (v,).
    entity   entity of each view (v,).
    records  the pseudonyms of the entities, 32-byte binaries (e,), sorted.
    row_view, tokens: per row of the linkage file its view (n,), and its token.
    """

    bron: str
    words: dict[str, Words]
    subject: Index
    entity: Index
    records: pa.FixedSizeBinaryArray
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

    @cached_property
    def counted(self) -> dict[Any, Any]:
        """What `linkage.compare` has counted in this register, kept because it meets several others."""
        return {}

    def present(self, field: str) -> NDArray[np.bool_]:
        """Whether each view has a value of a field, shape (v,): a keyed hash is never 0."""
        words = self.words[f"{field}_t" if f"{field}_t" in self.words else f"{field}_h"]
        here: NDArray[np.bool_] = words[:, 0] != 0
        return here


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column as one array; what is one already is not copied, as Arrow would."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def words_of(column: pa.Array, width: int) -> Words:
    """A fixed-size binary column of `width` bytes as uint64 words of shape (n, width / 8), nulls as zeros."""
    column = one_array(column)
    if not pa.types.is_fixed_size_binary(column.type) or column.type.byte_width != width:
        raise InputRefused("A linkage file has a column of another width than its schema says; encode it again.")
    if len(column) == 0:
        return np.zeros((0, width // 8), dtype=np.uint64)
    data = np.frombuffer(column.buffers()[1], dtype="<u8", count=(len(column) + column.offset) * (width // 8))
    words = data.reshape(-1, width // 8)[column.offset :]
    if column.null_count:
        words = np.where(np.asarray(column.is_valid())[:, None], words, np.uint64(0))
    return words


def copied(column: pa.ChunkedArray) -> pa.Array:
    """A column with memory of its own: one of a file that came as a message keeps the whole message."""
    return one_array(column).take(pa.array(np.arange(len(column))))


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
    columns = [one_array(linkage[bron].column("subject")) for bron in names]
    _, codes = _ranked(pa.concat_arrays([pa.array([], pa.binary(32)), *columns]))
    ends = np.cumsum([0, *(len(column) for column in columns)])
    return {bron: codes[ends[place] : ends[place + 1]] for place, bron in enumerate(names)}


def _ranked(pseudonyms: pa.Array) -> tuple[Index, Index]:
    """A row of each distinct pseudonym, in their order, and the place of each row's among them, -1 where there is none."""
    rows = np.flatnonzero(np.asarray(pseudonyms.is_valid()))
    words = words_of(pseudonyms, 32)[rows]
    order = in_order(words)
    starts = _differs(words[order])
    place = np.full(len(pseudonyms), -1, dtype=np.int64)
    place[rows[order]] = np.cumsum(starts) - 1
    return rows[order[starts]], place


def in_order(words: Words) -> Index:
    """The order of binary values by their bytes, given as words (n, w); values of pseudonyms differ in their first word."""
    first, *others = words.byteswap().T
    order = np.argsort(first, kind="stable")
    again = first[order[1:]] == first[order[:-1]]
    if (words[order[1:][again]] != words[order[:-1][again]]).any():
        order = np.lexsort((*others[::-1], first))
    return order.astype(np.int64)


def _load(bron: str, table: pa.Table, subject: Index, scheme: Scheme) -> Views:
    types = scheme.arrow()
    widths = {name: types.field(name).type.byte_width for name in scheme.records}
    widths |= {name: width for part in scheme.fields for name, width in field_columns(part)}
    pseudonyms = one_array(table.column("record"))
    entity_row, row_entity = _ranked(pseudonyms)
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
        subject=subject[first],
        entity=row_entity[first],
        records=pseudonyms.take(pa.array(entity_row)),
        row_view=row_view,
        tokens=copied(table.column("token")),
    )


def _differs(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which sorted values, (n,) or (n, w), differ from the one before, the first included."""
    out = np.ones(len(values), dtype=bool)
    changed = values[1:] != values[:-1]
    out[1:] = changed if changed.ndim == 1 else changed.any(axis=1)
    return out
