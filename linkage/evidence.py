"""From views to evidence: candidate pairs, their levels, and what all pairs and known non-matches look like."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pyarrow as pa

from linkage.compare import VALUE_LEVELS
from linkage.compared import (
    COMPARED,
    EVERY_PAIR,
    HOPELESS,
    best_of,
    digits,
    every_pair,
    gains_table,
    given_for,
    level_names,
    numbered,
    pairs_table,
    radices,
    starting_bits,
)
from linkage.fields import Scheme
from linkage.index import FULL_PAIRS, KERNEL_PAIRS, NOBODY, SIMILAR
from linkage.judged import register_pairs
from linkage.model import gains, start
from linkage.patterns import Columns, Evidence, Group, Patterns
from linkage.proposed import PART, Search, found
from linkage.strangers import Counted, Known, floors
from linkage.views import Index, Views
from schemas.engine import Engine

# Pairs drawn to estimate how often all pairs agree, where not all are compared.
SAMPLE_PAIRS = 300_000


def candidates(scheme: Scheme, a: Views, b: Views) -> Search:
    """What makes two records worth comparing where not all pairs are; all record-level encodings only while that is cheap."""
    cheap = len(a.entity) * len(b.entity) <= KERNEL_PAIRS
    return Search(tuple(blocking_keys(scheme)), True, ("record_f",), SIMILAR if cheap else NOBODY)


def blocking_keys(scheme: Scheme) -> Iterator[tuple[str, ...]]:
    """Every pair of fields that a match can be expected to share one of, and the whole birth date."""
    main = [f"{f.name}_t" if f.form == "tokens" else f"{f.name}_h" for f in scheme.fields if f.form != "value"]
    yield from combinations(main, 3)


@dataclass(frozen=True)
class Built:
    """The evidence, and per register with one row per person its strangers, as pairs to judge and as counts."""

    evidence: Evidence
    strangers: dict[str, Evidence]
    known: dict[str, Known]


def build(
    views: dict[str, Views], scheme: Scheme, unique: frozenset[str], within: frozenset[str], engine: Engine
) -> Built:
    """Evidence over all pairs of registers (names in order). `unique`: registers with one row per person; `within`:
    registers in which one person can have several records that no number joins.
    """
    names = level_names(scheme)
    offsets = dict(zip(views, np.cumsum([0, *(v.entities for v in views.values())]).tolist(), strict=False))
    compared: list[list[pa.Table]] = []
    groups: list[Group] = []
    for bron_a, bron_b in register_pairs(views, within):
        group, parts = _compared(views[bron_a], views[bron_b], scheme, unique, engine)
        groups.append(group)
        compared.append([_shifted(part, offsets[bron_a], offsets[bron_b]) for part in parts])
    evidence = packed(names, compared, groups)
    strangers, known = {}, {}
    for bron in sorted(unique & set(views)):
        strangers[bron], known[bron] = strangers_of(views[bron], scheme, groups, engine)
    return Built(with_floor(evidence, list(known.values())), strangers, known)


def _compared(
    a: Views, b: Views, scheme: Scheme, unique: frozenset[str], engine: Engine
) -> tuple[Group, list[pa.Table]]:
    """One pair of registers: what all its pairs look like, and its candidates compared, the best spelling of each."""
    names = level_names(scheme)
    given = given_for(a, b, scheme)
    if len(a.entity) * len(b.entity) <= FULL_PAIRS:
        seen = pa.concat_tables(engine.map(EVERY_PAIR, engine.parts(_all_pairs(a, b)), given))
        group = _group(a, b, seen, names, unique)
        return group, [best_of(seen, gains_table(gains(names, start([group]), 0)))]
    group = _group(a, b, every_pair(pairs_table(*_sample(a, b)), given), names, unique)
    given["gains"] = gains_table(gains(names, start([group]), 0))
    return group, list(found(a, b, candidates(scheme, a, b), given, engine))


def _all_pairs(a: Views, b: Views) -> Iterator[pa.Table]:
    """Every pair of views, in parts of some PART pairs; of one file each pair of its records once."""
    size = len(b.entity)
    rows = max(PART // max(size, 1), 1)
    for first in range(0, max(len(a.entity), 1), rows):
        here = np.arange(first, min(first + rows, len(a.entity)))
        left, right = np.repeat(here, size), np.tile(np.arange(size), len(here))
        if a is b:
            once_each = a.entity[left] < b.entity[right]
            left, right = left[once_each], right[once_each]
        yield pairs_table(left, right)


def _shifted(part: pa.Table, left: int, right: int) -> pa.Table:
    """Entities in the numbering of all registers."""
    for place, (name, offset) in enumerate((("left", left), ("right", right))):
        moved = part.column(name).to_numpy() + np.int32(offset)
        part = part.set_column(place, name, pa.array(moved))
    return part


def packed(names: Columns, compared: list[list[pa.Table]], groups: list[Group], place: int = 0) -> Evidence:
    """Compared pairs as evidence, without floors; `compared` has the parts of the groups from `place` on, and is emptied."""
    sizes = radices(names)
    levels, group, of = [np.zeros((0, len(names)), np.int8)], [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    tables = [COMPARED.empty_table()]
    lengths = [0] * len(groups)
    for number, parts in enumerate(compared, start=place):
        table = pa.concat_tables(parts)
        parts.clear()
        lengths[number] = table.num_rows
        code = table.column("code").to_numpy()
        kept, base = numbered(code // sizes[-1], math.prod(sizes[:-1]))
        before = sum(len(some) for some in group)
        of.append((sizes[-1] * base + code % sizes[-1] + before).astype(np.int32))
        three = (sizes[-1] * kept[:, None] + np.arange(sizes[-1])).ravel()
        levels.append(np.column_stack(list(digits(three, sizes))).astype(np.int8))
        group.append(np.full(len(three), number, dtype=np.int64))
        tables.append(table.drop_columns("code"))
    tables[0] = tables[0].drop_columns("code")
    whole = pa.concat_tables(tables)
    tables.clear()
    every = np.concatenate(levels)
    return Evidence(
        columns=names,
        patterns=Patterns(every, np.concatenate(group), np.full(len(every), -np.inf)),
        of=np.concatenate(of),
        frequency=whole.column("frequency").to_numpy(),
        left=whole.column("left").to_numpy(),
        right=whole.column("right").to_numpy(),
        left_view=whole.column("left_view").to_numpy(),
        right_view=whole.column("right_view").to_numpy(),
        ends=np.cumsum([0, *lengths]),
        groups=groups,
    )


def _sample(a: Views, b: Views) -> tuple[Index, Index]:
    """Pairs drawn at random, the same ones each time."""
    generator = np.random.Generator(np.random.PCG64(_meetings(a, b)))
    return generator.integers(0, len(a.entity), SAMPLE_PAIRS), generator.integers(0, len(b.entity), SAMPLE_PAIRS)


def _meetings(a: Views, b: Views) -> int:
    return a.entities * b.entities if a is not b else a.entities * (a.entities - 1) // 2


def _group(a: Views, b: Views, seen: pa.Table, names: Columns, unique: frozenset[str]) -> Group:
    """Level totals over all pairs: counted where all were compared, else those of a sample, scaled."""
    pairs, sizes = _meetings(a, b), radices(names)
    scale = pairs / max(seen.num_rows, 1)
    totals = [
        np.bincount(levels, minlength=size).astype(float) * scale
        for levels, size in zip(digits(seen.column("code").to_numpy(), sizes), sizes, strict=True)
    ]
    return Group(totals, pairs, min(a.entities, b.entities), a.bron in unique, b.bron in unique)


def strangers_of(side: Views, scheme: Scheme, groups: list[Group], engine: Engine) -> tuple[Evidence, Known]:
    """Known non-matches inside a register with one row per person, as pairs whose numbers are unknown, and counted.

    All are counted, part by part; as pairs only those are kept that the starting weights do not think hopeless, because
    strangers that agree on little are many, and no weights will link them.
    """
    names = level_names(scheme)
    several = np.bincount(side.entity, minlength=side.entities) > 1
    starting = [gains_table(gains(names, start(groups), place)) for place in range(len(groups))]
    search = Search(tuple(blocking_keys(scheme)))
    kept, known = [COMPARED.empty_table()], Counted.of(names)
    for part in found(side, side, search, given_for(side, side, scheme), engine):
        bare = _without_number(part)
        known.add(bare, several)
        bits = np.max([starting_bits(bare, table) for table in starting], axis=0)
        kept.append(bare.filter(pa.array(bits > HOPELESS)))
    counted = known.all(side.entities * (side.entities - 1) // 2)
    return with_floor(packed(names, [kept], groups), [counted]), counted


def _without_number(part: pa.Table) -> pa.Table:
    code = part.column("code").to_numpy()
    return part.set_column(part.column_names.index("code"), "code", pa.array(code - code % len(VALUE_LEVELS)))


def with_floor(evidence: Evidence, known: list[Known]) -> Evidence:
    """Set the floors of the patterns."""
    floor = floors(evidence.columns, evidence.patterns.levels, known)
    return replace(evidence, patterns=replace(evidence.patterns, floor=floor))
