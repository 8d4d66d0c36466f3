"""Comparing pairs of views as a step over parts: row numbers in, levels and frequencies out, packed.

The levels of a pair are one number (its *code*): the digits of a mixed radix, the number's own level last. So a million
pairs are 32 MB, and what the model computes per pattern it looks up by code. A part is a table of pairs; what all parts
share is `given`: the views of both registers, how frequent values are, and how fields are compared. Everything is an Arrow
table, so that an engine can carry a step elsewhere; here columns are shared, never copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.compare import FEATURES, VALUE_LEVELS, Bits, Frequencies, columns, shares_of
from linkage.fields import Comparison, Scheme, field_columns
from linkage.patterns import SUBJECT
from linkage.resolve import pair_keys
from linkage.subjects import plausible
from linkage.views import Index, Views, Words, words_of
from schemas.engine import Step, Tables

PAIRS = pa.schema([("left", pa.int32()), ("right", pa.int32())])
COMPARED = pa.schema(
    [
        ("left", pa.int32()),
        ("right", pa.int32()),
        ("left_view", pa.int32()),
        ("right_view", pa.int32()),
        ("code", pa.int64()),
        ("frequency", pa.float64()),
    ]
)
# Pairs that the starting values put this many bits below even are left out; the level totals keep counting them.
HOPELESS = -30.0
# Up to here distinct codes are found by a table of all of them, beyond by sorting.
DENSE = 1 << 24


def level_names(scheme: Scheme) -> dict[str, tuple[str, ...]]:
    """Columns of levels with the names of their levels: those of the fields, then the number."""
    return {**columns(scheme), SUBJECT: VALUE_LEVELS}


def pairs_table(left: Index, right: Index) -> pa.Table:
    """Row numbers of views as a part."""
    return pa.table([pa.array(side.astype(np.int32)) for side in (left, right)], schema=PAIRS)


def given_for(a: Views, b: Views, scheme: Scheme) -> dict[str, pa.Table]:
    """What all parts of a pair of registers share."""
    shares = shares_of(a, b, scheme)
    whole = {f"{name}.whole": pa.array(share.whole) for name, share in shares.items()}
    parts = {f"{name}.parts": binary(share.parts) for name, share in shares.items() if share.parts is not None}
    comparisons = [(comparison.kind, list(comparison.fields)) for comparison in scheme.comparisons]
    kinds, fields = zip(*comparisons, strict=True)
    return {
        "left": side_table(a, [name for part in scheme.fields for name, _ in field_columns(part)]),
        "right": side_table(b, [name for part in scheme.fields for name, _ in field_columns(part)]),
        "frequencies": pa.table(whole | parts),
        "comparisons": pa.table({"kind": pa.array(kinds), "fields": pa.array(fields, pa.list_(pa.string()))}),
    }


def side_table(side: Views, names: Iterable[str]) -> pa.Table:
    """Number, entity and some columns of encodings of every view, as a table that parts share."""
    return pa.table(
        {"subject": side.subject, "entity": side.entity, **{name: binary(side.words[name]) for name in names}}
    )


def binary(rows: NDArray[Any]) -> pa.Array:
    """Rows of numbers (n, w) as fixed-size binaries, the numbers themselves where they lie in order."""
    data = np.ascontiguousarray(rows)
    width = data.itemsize * data.shape[1]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(data), [None, pa.py_buffer(data)])


def _words(column: pa.ChunkedArray) -> Words:
    return words_of(column, column.type.byte_width)


def side_of(table: pa.Table) -> Views:
    """The views of `side_table`, with what it has of them."""
    words = {name: _words(table.column(name)) for name in table.column_names if name not in ("subject", "entity")}
    subject, entity = (table.column(name).to_numpy() for name in ("subject", "entity"))
    nothing = pa.array([], pa.binary(32))
    return Views("", words, subject, entity, nothing, entity[:0], nothing)


def _shares(table: pa.Table) -> dict[str, Frequencies]:
    fields = [name.removesuffix(".whole") for name in table.column_names if name.endswith(".whole")]
    return {
        field: Frequencies(
            table.column(f"{field}.whole").to_numpy(),
            _words(table.column(f"{field}.parts")).view(np.float64) if f"{field}.parts" in table.column_names else None,
        )
        for field in fields
    }


def levels_of(part: pa.Table, given: Tables) -> tuple[NDArray[np.int8], Bits]:
    """Levels (pairs, columns) and log2 frequencies, nan where no value is shared, of a part; the number is the last."""
    a, b = side_of(given["left"]), side_of(given["right"])
    ia, ib = (part.column(name).to_numpy() for name in ("left", "right"))
    shares = _shares(given["frequencies"])
    levels: list[NDArray[np.int8]] = []
    bits: list[Bits] = []
    for kind, fields in _kinds(given):
        more, frequencies = FEATURES[kind](a, b, Comparison(kind, tuple(fields)), shares).levels(ia, ib)
        levels += more
        bits += frequencies
    levels.append(_subject_levels(a, b, ia, ib))
    bits.append(np.full(len(ia), np.nan))
    return np.column_stack(levels).astype(np.int8, copy=False), np.column_stack(bits)


def _subject_levels(a: Views, b: Views, left: Index, right: Index) -> NDArray[np.int8]:
    """Missing, differs, equal; an equal number of two implausible rows is a conflict and says nothing: missing."""
    mine, theirs = a.subject[left], b.subject[right]
    levels = ((mine >= 0) & (theirs >= 0)).astype(np.int8)
    rows = np.flatnonzero(levels.astype(bool) & (mine == theirs))
    levels[rows] = np.where(plausible(a, b, left[rows], right[rows]), VALUE_LEVELS.index("equal"), 0)
    return levels


def radices(names: Mapping[str, tuple[str, ...]]) -> list[int]:
    """How many levels each column has."""
    return [len(levels) for levels in names.values()]


def digits(codes: Index, sizes: list[int]) -> Iterator[Index]:
    """Per column the levels (n,) that codes (n,) say, the first column first."""
    divisor = int(np.prod(sizes, dtype=np.int64))
    for size in sizes:
        divisor //= size
        yield codes // divisor % size


def numbered(keys: Index, size: int) -> tuple[Index, Index]:
    """The distinct keys, sorted, and the place of each key (n,) among them; keys are below `size`."""
    if size > DENSE:
        distinct = once(keys)
        return distinct, np.searchsorted(distinct, keys)
    occurs = np.zeros(size, dtype=bool)
    occurs[keys] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[keys]


def once(keys: Index) -> Index:
    """The distinct keys, sorted; numpy sorts faster than it hashes."""
    ordered = np.sort(keys)
    distinct: Index = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)]]
    return distinct


def every_pair(part: pa.Table, given: Tables) -> pa.Table:
    """The kernel: a row of COMPARED per pair."""
    levels, frequency = levels_of(part, given)
    sizes = [len(names) for kind, fields in _kinds(given) for names in columns(_alone(kind, fields)).values()]
    code = np.zeros(len(levels), dtype=np.int64)
    for column, size in enumerate([*sizes, len(VALUE_LEVELS)]):
        code *= size
        code += levels[:, column]
    views = [part.column(name) for name in ("left", "right")]
    entities = [
        pa.array(given[name].column("entity").to_numpy()[rows.to_numpy()].astype(np.int32))
        for name, rows in zip(("left", "right"), views, strict=True)
    ]
    return pa.table([*entities, *views, pa.array(code), pa.array(np.nansum(frequency, axis=1))], schema=COMPARED)


def _kinds(given: Tables) -> Iterator[tuple[Any, list[str]]]:
    return zip(*(given["comparisons"].column(name).to_pylist() for name in ("kind", "fields")), strict=True)


def _alone(kind: Any, fields: list[str]) -> Scheme:
    return Scheme("", (), (), (Comparison(kind, tuple(fields)),))


def gains_table(gains: list[Bits]) -> pa.Table:
    """Bits per column and level, the prior included, as a table that parts share."""
    return pa.table({"bits": pa.array([column.tolist() for column in gains], pa.list_(pa.float64()))})


def best_of(compared: pa.Table, gains: pa.Table) -> pa.Table:
    """Of the pairs of spellings of two entities the one that the starting weights like best, none that is hopeless.

    In order of entities. All pairs of a left entity have to be in one part.
    """
    bits = starting_bits(compared, gains)
    hopeful = np.flatnonzero(bits > HOPELESS)
    keys = pair_keys(*(compared.column(name).to_numpy()[hopeful] for name in ("left", "right")))
    # Pairs come in order of views, which mostly is that of entities: then nothing is sorted but spellings of one pair.
    if (keys[1:] < keys[:-1]).any():
        order = np.argsort(keys, kind="stable")
        hopeful, keys = hopeful[order], keys[order]
    first = np.r_[True, keys[1:] != keys[:-1]][: len(keys)]
    several = np.flatnonzero(~first | np.r_[~first[1:], False][: len(first)])
    spelt = hopeful[several]
    hopeful[several] = spelt[np.lexsort((-bits[spelt], keys[several]))]
    return compared.take(pa.array(hopeful[first]))


def starting_bits(compared: pa.Table, gains: pa.Table) -> Bits:
    """What the starting weights, a `gains_table`, say of compared pairs (n,), in bits."""
    table = [np.array(bits) for bits in gains.column("bits").to_pylist()]
    bits: Bits = -compared.column("frequency").to_numpy()
    for column, levels in zip(table, digits(compared.column("code").to_numpy(), [len(c) for c in table]), strict=True):
        bits = bits + column[levels]
    return bits


EVERY_PAIR = Step("compare", every_pair, COMPARED)
