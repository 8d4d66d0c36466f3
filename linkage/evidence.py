"""From views to evidence: candidate pairs, their levels, and what all pairs and known non-matches look like."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np
import pyarrow as pa

from linkage.compare import VALUE_LEVELS
from linkage.compared import (
    BEST_PAIRS,
    COMPARED,
    EVERY_PAIR,
    best_of,
    digits,
    every_pair,
    gains_table,
    given_for,
    level_names,
    pairs_table,
    radices,
)
from linkage.fields import Scheme
from linkage.index import FULL_PAIRS, KERNEL_PAIRS, SIMILAR, EqualKeys, SimilarRecords, same_subject
from linkage.judged import register_pairs
from linkage.model import gains, start
from linkage.patterns import Columns, Evidence, Group, Patterns
from linkage.strangers import Known, counted, floors
from linkage.views import Index, Views
from schemas.engine import WORKERS, Engine

# Pairs drawn to estimate how often all pairs agree, where not all are compared.
SAMPLE_PAIRS = 300_000
# Pairs of a part: 32 MB of results, a second of work.
PART = 1_000_000
# Up to here distinct codes are found by a table of all of them, beyond by sorting.
DENSE = 1 << 24


def candidates(a: Views, b: Views, scheme: Scheme) -> Index:
    """Pairs of views worth comparing, as `codes`; inside one register each pair of its records once, in order of records."""
    found = _candidates(a, b, scheme)
    if a is not b:
        return found
    left, right = ends(found, b)
    return found[a.entity[left] < a.entity[right]]


def _candidates(a: Views, b: Views, scheme: Scheme) -> Index:
    """All pairs while that is cheap, else those of the blocking rules."""
    if len(a.entity) * len(b.entity) <= FULL_PAIRS:
        return np.arange(len(a.entity) * len(b.entity))
    found = [blocked(a, b, scheme), codes(*same_subject(a, b), b)]
    if len(a.entity) * len(b.entity) <= KERNEL_PAIRS:
        found.append(codes(*SimilarRecords(a, b, SIMILAR).pairs(), b))
    return once(np.concatenate(found))


def blocked(a: Views, b: Views, scheme: Scheme) -> Index:
    """Pairs of views that agree on three main fields, as `codes`; two rules are followed at a time."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return once(np.concatenate(list(pool.map(partial(_by_rule, a, b), blocking_keys(scheme)))))


def _by_rule(a: Views, b: Views, keys: tuple[str, ...]) -> Index:
    return codes(*EqualKeys(a, b, keys).pairs(), b)


def codes(left: Index, right: Index, b: Views) -> Index:
    """One number per pair of views, in the order of the pairs."""
    return left * max(len(b.entity), 1) + right


def ends(pairs: Index, b: Views) -> tuple[Index, Index]:
    """The views of `codes`, left and right."""
    left, right = np.divmod(pairs, max(len(b.entity), 1))
    return left, right


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
    found: list[list[pa.Table]] = []
    groups: list[Group] = []
    for bron_a, bron_b in register_pairs(views, within):
        group, parts = _compared(views[bron_a], views[bron_b], scheme, unique, engine)
        groups.append(group)
        found.append([_shifted(part, offsets[bron_a], offsets[bron_b]) for part in parts])
    evidence = packed(names, found, groups)
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
    pairs = candidates(a, b, scheme)
    if len(a.entity) * len(b.entity) <= FULL_PAIRS:
        seen = pa.concat_tables(engine.map(EVERY_PAIR, engine.parts(parts_of(pairs, a, b)), given))
        group = _group(a, b, seen, names, unique)
        return group, [best_of(seen, gains_table(gains(names, start([group]), 0)))]
    group = _group(a, b, every_pair(pairs_table(*_sample(a, b)), given), names, unique)
    given["gains"] = gains_table(gains(names, start([group]), 0))
    return group, list(engine.map(BEST_PAIRS, engine.parts(parts_of(pairs, a, b)), given))


def parts_of(pairs: Index, a: Views, b: Views) -> Iterator[pa.Table]:
    """Parts of some PART pairs of views, none of which divides the pairs of a left record; at least one."""
    for some in cut(pairs, a, b):
        yield pairs_table(*ends(pairs[some], b))


def cut(pairs: Index, a: Views, b: Views) -> Iterator[slice]:
    """Where the parts begin and end; `pairs`: sorted codes."""
    begin, size = 0, max(len(b.entity), 1)
    while True:
        end = len(pairs)
        if begin + PART < end:
            entity = a.entity[pairs[begin + PART] // size]
            first, after = (np.searchsorted(a.entity, entity, side=side) for side in ("left", "right"))
            end = int(np.searchsorted(pairs, first * size))
            end = end if end > begin else int(np.searchsorted(pairs, after * size))
        yield slice(begin, end)
        if end == len(pairs):
            return
        begin = end


def _shifted(part: pa.Table, left: int, right: int) -> pa.Table:
    """Entities in the numbering of all registers."""
    for place, (name, offset) in enumerate((("left", left), ("right", right))):
        moved = part.column(name).to_numpy() + np.int32(offset)
        part = part.set_column(place, name, pa.array(moved))
    return part


def packed(names: Columns, found: list[list[pa.Table]], groups: list[Group], place: int = 0) -> Evidence:
    """Compared pairs as evidence, without floors; `found` has the parts of the groups from `place` on, and is emptied."""
    sizes = radices(names)
    levels, group, of = [np.zeros((0, len(names)), np.int8)], [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    tables = [COMPARED.empty_table()]
    lengths = [0] * len(groups)
    for number, parts in enumerate(found, start=place):
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
    """Known non-matches inside a register with one row per person, as pairs whose numbers are unknown, and counted."""
    names = level_names(scheme)
    pairs = blocked(side, side, scheme)
    left, right = ends(pairs, side)
    pairs = pairs[side.entity[left] < side.entity[right]]
    del left, right
    parts = engine.map(EVERY_PAIR, engine.parts(parts_of(pairs, side, side)), given_for(side, side, scheme))
    bare = packed(names, [[_without_number(part) for part in parts]], groups)
    levels = bare.patterns.levels
    several = np.bincount(side.entity, minlength=side.entities) > 1
    patterns, counts = counted(names, levels, bare.of, bare.left, bare.right, several)
    known = Known(patterns, counts, side.entities * (side.entities - 1) // 2)
    return with_floor(bare, [known]), known


def _without_number(part: pa.Table) -> pa.Table:
    code = part.column("code").to_numpy()
    return part.set_column(part.column_names.index("code"), "code", pa.array(code - code % len(VALUE_LEVELS)))


def with_floor(evidence: Evidence, known: list[Known]) -> Evidence:
    """Set the floors of the patterns."""
    floor = floors(evidence.columns, evidence.patterns.levels, known)
    return replace(evidence, patterns=replace(evidence.patterns, floor=floor))
