"""From views to evidence: candidate pairs, their levels, and what all pairs and known non-matches look like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
import recordlinkage
from numpy.typing import NDArray

from linkage.compare import FEATURES, VALUE_LEVELS, Bits, columns
from linkage.fields import Scheme
from linkage.index import FULL_PAIRS, KERNEL_PAIRS, SIMILAR, AllPairs, EqualKeys, SimilarRecords, same_subject
from linkage.judged import register_pairs
from linkage.model import SUBJECT, Evidence, Group, bounded, start, total_bits
from linkage.subjects import plausible
from linkage.views import Index, Views

# Pairs drawn to estimate how often all pairs agree, where not all are compared.
SAMPLE_PAIRS = 300_000
CHUNK = 500_000
# More than FULL_PAIRS: what is compared in full is one batch.
BATCH = 5_000_000
# Pairs that the starting values put this many bits below even are left out; the level totals keep counting them.
HOPELESS = -30.0


@dataclass(frozen=True)
class Compared:
    """Pairs of views of two registers: rows left and right, levels (n, k), log2 frequencies (n, k)."""

    left: Index
    right: Index
    levels: NDArray[np.int8]
    frequency: Bits
    conflict: NDArray[np.bool_]


def compare_pairs(a: Views, b: Views, left: Index, right: Index, scheme: Scheme) -> Compared:
    """Levels of pairs of views through recordlinkage's `Compare`, the number as last column."""
    names = list(columns(scheme))
    compare = recordlinkage.Compare([FEATURES[c.kind](a, b, c) for c in scheme.comparisons])
    frame_a = pd.DataFrame({"row": np.arange(len(a.entity))})
    frame_b = pd.DataFrame({"row": np.arange(len(b.entity))})
    levels = np.empty((len(left), len(names) + 1), dtype=np.int8)
    frequency = np.full((len(left), len(names) + 1), np.nan)
    for begin in range(0, len(left), CHUNK):
        part = slice(begin, begin + CHUNK)
        pairs = pd.MultiIndex.from_arrays([left[part], right[part]])
        vectors = compare.compute(pairs, frame_a, frame_b)
        levels[part, :-1] = vectors[names].to_numpy()
        frequency[part, :-1] = vectors[[f"{name}_tf" for name in names]].to_numpy()
    levels[:, -1], conflict = _subject_levels(a, b, left, right)
    return Compared(left, right, levels, frequency, conflict)


def _subject_levels(a: Views, b: Views, left: Index, right: Index) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Missing, differs, equal; an equal number of two implausible rows is a conflict and says nothing: missing."""
    present = (a.subject[left] >= 0) & (b.subject[right] >= 0)
    equal = present & (a.subject[left] == b.subject[right])
    conflict = np.zeros(len(left), dtype=bool)
    rows = np.flatnonzero(equal)
    conflict[rows] = ~plausible(a, b, left[rows], right[rows])
    return np.where(present & ~conflict, 1 + equal, 0).astype(np.int8), conflict


def candidates(a: Views, b: Views, scheme: Scheme) -> tuple[Index, Index]:
    """Pairs of views worth comparing; inside one register each pair of its records once, in order of records."""
    left, right = _candidates(a, b, scheme)
    if a is not b:
        return left, right
    ordered = a.entity[left] < a.entity[right]
    return left[ordered], right[ordered]


def _candidates(a: Views, b: Views, scheme: Scheme) -> tuple[Index, Index]:
    """All pairs while that is cheap, else those of the blocking rules."""
    if len(a.entity) * len(b.entity) <= FULL_PAIRS:
        return AllPairs(a, b).pairs()
    found = [blocked(a, b, scheme), same_subject(a, b)]
    if len(a.entity) * len(b.entity) <= KERNEL_PAIRS:
        found.append(SimilarRecords(a, b, SIMILAR).pairs())
    return joined(found, b)


def blocked(a: Views, b: Views, scheme: Scheme) -> tuple[Index, Index]:
    """Pairs of views that agree on three main fields."""
    return joined([EqualKeys(a, b, keys).pairs() for keys in blocking_keys(scheme)], b)


def joined(found: list[tuple[Index, Index]], b: Views) -> tuple[Index, Index]:
    """Each pair of views once, in order."""
    size = max(len(b.entity), 1)
    codes, _ = once(np.concatenate([left * size + right for left, right in found]))
    return codes // size, codes % size


def blocking_keys(scheme: Scheme) -> Iterator[tuple[str, ...]]:
    """Every pair of fields that a match can be expected to share one of, and the whole birth date."""
    main = [f"{f.name}_t" if f.form == "tokens" else f"{f.name}_h" for f in scheme.fields if f.form != "value"]
    yield from combinations(main, 3)


@dataclass(frozen=True)
class Built:
    """The evidence, and per register with one row per person its strangers, as evidence and as they were compared."""

    evidence: Evidence
    strangers: dict[str, Evidence]
    known: dict[str, Strangers]


def build(views: dict[str, Views], scheme: Scheme, unique: frozenset[str], within: frozenset[str]) -> Built:
    """Evidence over all pairs of registers (names in order). `unique`: registers with one row per person; `within`:
    registers in which one person can have several records that no number joins.
    """
    names = {**columns(scheme), SUBJECT: VALUE_LEVELS}
    offsets = dict(zip(views, np.cumsum([0, *(v.entities for v in views.values())]), strict=False))
    parts: list[Evidence] = []
    groups: list[Group] = []
    for place, (bron_a, bron_b) in enumerate(register_pairs(views, within)):
        a, b = views[bron_a], views[bron_b]
        left, right = candidates(a, b, scheme)
        everything = len(a.entity) * len(b.entity) <= FULL_PAIRS
        compared = compare_pairs(a, b, *((left, right) if everything else _sample(a, b)), scheme)
        groups.append(_group(a, b, compared, scheme, unique))
        ends = (offsets[bron_a], offsets[bron_b])
        for some in _batches(a.entity[left]):
            if not everything:
                compared = compare_pairs(a, b, left[some], right[some], scheme)
            parts.append(of_entities(a, b, compared, scheme, groups[-1], place, ends))
    whole = Evidence(
        columns=names,
        levels=np.concatenate([p.levels for p in parts]),
        frequency=np.concatenate([p.frequency for p in parts]),
        left=np.concatenate([p.left for p in parts]),
        right=np.concatenate([p.right for p in parts]),
        group=np.concatenate([p.group for p in parts]),
        groups=groups,
        floor=np.concatenate([p.floor for p in parts]),
    )
    strangers = {bron: strangers_of(views[bron], scheme) for bron in sorted(unique & set(views))}
    return Built(with_floor(whole, strangers), {b: _as_evidence(s, whole) for b, s in strangers.items()}, strangers)


def _batches(entities: Index) -> Iterator[slice]:
    """Slices of some BATCH pairs, none of which parts the pairs of a left record: entities (n,) do not fall.

    What is hopeless is dropped batch by batch, because all candidates of a million records do not fit into memory.
    """
    begin = 0
    while True:
        end = len(entities)
        if begin + BATCH < end:
            last = entities[begin + BATCH]
            end = int(np.searchsorted(entities, last, side="right" if last == entities[begin] else "left"))
        yield slice(begin, end)
        if end == len(entities):
            return
        begin = end


def of_entities(
    a: Views, b: Views, compared: Compared, scheme: Scheme, group: Group, place: int, offsets: tuple[int, int]
) -> Evidence:
    """One row per pair of entities: of its pairs of spellings the one that the starting weights like best."""
    names = {**columns(scheme), SUBJECT: VALUE_LEVELS}
    codes = np.zeros(len(compared.left), dtype=np.int64)
    whole = Evidence(
        columns=names,
        levels=compared.levels,
        frequency=compared.frequency,
        left=a.entity[compared.left] + offsets[0],
        right=b.entity[compared.right] + offsets[1],
        group=codes,
        groups=[group],
        floor=np.full(len(codes), -np.inf),
    )
    bits = total_bits(whole, start(whole))
    hopeful = np.flatnonzero(bits > HOPELESS)
    order = hopeful[np.lexsort((-bits[hopeful], whole.right[hopeful], whole.left[hopeful]))]
    left, right = whole.left[order], whole.right[order]
    best = order[np.flatnonzero(np.r_[True, (left[1:] != left[:-1]) | (right[1:] != right[:-1])][: len(order)])]
    return Evidence(
        columns=names,
        levels=whole.levels[best],
        frequency=whole.frequency[best],
        left=whole.left[best],
        right=whole.right[best],
        group=np.full(len(best), place, dtype=np.int64),
        groups=[group],
        floor=whole.floor[best],
    )


def _sample(a: Views, b: Views) -> tuple[Index, Index]:
    """Pairs drawn at random, the same ones each time."""
    generator = np.random.Generator(np.random.PCG64(_meetings(a, b)))
    return generator.integers(0, len(a.entity), SAMPLE_PAIRS), generator.integers(0, len(b.entity), SAMPLE_PAIRS)


def _meetings(a: Views, b: Views) -> int:
    return a.entities * b.entities if a is not b else a.entities * (a.entities - 1) // 2


def _group(a: Views, b: Views, compared: Compared, scheme: Scheme, unique: frozenset[str]) -> Group:
    """Level totals over all pairs: counted where all were compared, else those of a sample, scaled."""
    pairs, levels = _meetings(a, b), compared.levels
    scale = pairs / max(len(levels), 1)
    totals = [
        np.bincount(levels[:, column], minlength=len(levels_)).astype(float) * scale
        for column, levels_ in enumerate((*columns(scheme).values(), VALUE_LEVELS))
    ]
    return Group(totals, pairs, min(a.entities, b.entities), a.bron in unique, b.bron in unique)


@dataclass(frozen=True)
class Strangers:
    """Pairs of different people of one register: those that agree on three main fields, of `pairs` pairs in all."""

    compared: Compared
    left: Index
    right: Index
    pairs: int


def strangers_of(side: Views, scheme: Scheme) -> Strangers:
    """Known non-matches inside a register with one row per person.

    Only pairs that share three main fields are compared; the others agree too little to bound anything.
    """
    left, right = blocked(side, side, scheme)
    ordered = side.entity[left] < side.entity[right]
    left, right = left[ordered], right[ordered]
    compared = compare_pairs(side, side, left, right, scheme)
    return Strangers(compared, side.entity[left], side.entity[right], side.entities * (side.entities - 1) // 2)


def _patterns(strangers: Strangers, places: list[int]) -> tuple[NDArray[np.int8], Index]:
    """Agreement patterns on some columns, and how many pairs of people show each in one of their spellings."""
    numbers, levels = _numbered(strangers.compared.levels[:, places])
    people = strangers.left * (int(strangers.right.max(initial=0)) + 1) + strangers.right
    # Pairs of spellings lie in order of rows, not of people: a pattern that a pair shows twice counts once.
    order = np.lexsort((numbers, people))
    people, numbers = people[order], numbers[order]
    new = np.ones(len(people), dtype=bool)
    new[1:] = (people[1:] != people[:-1]) | (numbers[1:] != numbers[:-1])
    return levels, np.bincount(numbers[new], minlength=len(levels)).astype(np.int64)


def _numbered(levels: NDArray[np.int8]) -> tuple[Index, NDArray[np.int8]]:
    """The number of each row (n, k) of levels among the distinct rows, and those, in order."""
    radix = np.array([int(column.max(initial=0)) + 1 for column in levels.T], dtype=np.int64)
    keys = np.zeros(len(levels), dtype=np.int64)
    for column, size in zip(levels.T, radix, strict=True):
        keys = keys * size + column
    distinct, numbers = once(keys, numbered=True)
    digits = [distinct // int(radix[place + 1 :].prod()) % size for place, size in enumerate(radix)]
    return numbers, np.column_stack(digits).astype(np.int8)


def once(keys: Index, *, numbered: bool = False) -> tuple[Index, Index]:
    """The distinct keys, sorted, and (if asked) the place of each key (n,) among them; numpy sorts faster than it hashes."""
    distinct = np.sort(keys)
    distinct = distinct[np.concatenate([[True], distinct[1:] != distinct[:-1]])[: len(distinct)]]
    return distinct, np.searchsorted(distinct, keys) if numbered else np.zeros(0, dtype=np.int64)


def with_floor(evidence: Evidence, strangers: dict[str, Strangers]) -> Evidence:
    """Set `floor`: log2 of the share of known non-matches that agree at least as much on what they are asked about."""
    asked = bounded(evidence.columns)
    inverse, mine = _numbered(evidence.levels[:, asked])
    reach = np.zeros(len(mine))
    for known in strangers.values():
        patterns, counts = _patterns(known, asked)
        reach += [counts[(patterns >= pattern).all(axis=1)].sum() for pattern in mine]
    total = sum(known.pairs for known in strangers.values())
    with np.errstate(divide="ignore"):
        floor = np.log2(reach / max(total, 1))
    return replace(evidence, floor=floor[inverse])


def _as_evidence(strangers: Strangers, like: Evidence) -> Evidence:
    """Strangers as pairs that the fitted model can judge, their numbers unknown; `floor` is filled like everybody's."""
    levels = strangers.compared.levels.copy()
    levels[:, -1] = 0
    rows = len(levels)
    bare = Evidence(
        columns=like.columns,
        levels=levels,
        frequency=strangers.compared.frequency,
        left=strangers.left,
        right=strangers.right,
        group=np.zeros(rows, dtype=np.int64),
        groups=like.groups,
        floor=np.full(rows, -np.inf),
    )
    return with_floor(bare, {"": strangers})
