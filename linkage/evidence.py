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
from linkage.index import FULL_PAIRS, AllPairs, EqualKeys, same_subject
from linkage.model import SUBJECT, Evidence, Group, bounded, start, total_bits
from linkage.subjects import plausible
from linkage.views import Index, Views

# Pairs drawn to estimate how often all pairs agree, where not all are compared.
SAMPLE_PAIRS = 1_000_000
CHUNK = 500_000
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
    """Pairs of views worth comparing: all of them while that is cheap, else those of the blocking rules."""
    if len(a.entity) * len(b.entity) <= FULL_PAIRS:
        return AllPairs(a, b).pairs()
    found = [EqualKeys(a, b, keys).pairs() for keys in blocking_keys(scheme)]
    if a is not b:
        found.append(same_subject(a, b))
    codes = np.unique(np.concatenate([left * len(b.entity) + right for left, right in found]))
    return codes // len(b.entity), codes % len(b.entity)


def blocking_keys(scheme: Scheme) -> Iterator[tuple[str, ...]]:
    """Every pair of fields that a match can be expected to share one of, and the whole birth date."""
    main = [f"{f.name}_t" if f.form == "tokens" else f"{f.name}_h" for f in scheme.fields if f.form != "value"]
    yield from combinations(main, 3)


def build(views: dict[str, Views], scheme: Scheme, unique: frozenset[str]) -> Evidence:
    """Evidence over all pairs of registers (names in order). `unique`: registers with one row per person."""
    names = {**columns(scheme), SUBJECT: VALUE_LEVELS}
    offsets = dict(zip(views, np.cumsum([0, *(v.entities for v in views.values())]), strict=False))
    parts: list[Evidence] = []
    for place, (bron_a, bron_b) in enumerate(combinations(views, 2)):
        a, b = views[bron_a], views[bron_b]
        compared = compare_pairs(a, b, *candidates(a, b, scheme), scheme)
        parts.append(_entities(a, b, compared, scheme, place, (offsets[bron_a], offsets[bron_b]), unique))
    joined = Evidence(
        columns=names,
        levels=np.concatenate([p.levels for p in parts]),
        frequency=np.concatenate([p.frequency for p in parts]),
        left=np.concatenate([p.left for p in parts]),
        right=np.concatenate([p.right for p in parts]),
        group=np.concatenate([p.group for p in parts]),
        groups=[p.groups[0] for p in parts],
        floor=np.concatenate([p.floor for p in parts]),
    )
    known = known_non_matches(views, scheme, unique)
    return joined if known is None else _with_floor(joined, *known)


def _entities(
    a: Views, b: Views, compared: Compared, scheme: Scheme, place: int, offsets: tuple[int, int], unique: frozenset[str]
) -> Evidence:
    """One row per pair of entities: of its pairs of spellings the one that the starting weights like best."""
    names = {**columns(scheme), SUBJECT: VALUE_LEVELS}
    group = _group(a, b, compared, scheme, unique)
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
    order = np.lexsort((-bits, whole.right, whole.left))
    left, right = whole.left[order], whole.right[order]
    best = order[np.flatnonzero(np.r_[True, (left[1:] != left[:-1]) | (right[1:] != right[:-1])][: len(order)])]
    best = best[bits[best] > HOPELESS]
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


def _group(a: Views, b: Views, compared: Compared, scheme: Scheme, unique: frozenset[str]) -> Group:
    """Level totals over all pairs: counted where all were compared, else from a sample, scaled."""
    pairs = a.entities * b.entities
    levels = compared.levels
    if len(a.entity) * len(b.entity) > FULL_PAIRS:
        generator = np.random.Generator(np.random.PCG64(pairs))
        left = generator.integers(0, len(a.entity), SAMPLE_PAIRS)
        right = generator.integers(0, len(b.entity), SAMPLE_PAIRS)
        levels = compare_pairs(a, b, left, right, scheme).levels
    scale = pairs / max(len(levels), 1)
    totals = [
        np.bincount(levels[:, column], minlength=len(levels_)).astype(float) * scale
        for column, levels_ in enumerate((*columns(scheme).values(), VALUE_LEVELS))
    ]
    return Group(totals, pairs, min(a.entities, b.entities), a.bron in unique, b.bron in unique)


def known_non_matches(
    views: dict[str, Views], scheme: Scheme, unique: frozenset[str]
) -> tuple[NDArray[np.int8], Index, int] | None:
    """Agreement patterns of pairs inside registers with one row per person: patterns, counts, and number of all pairs.

    Only pairs that share three main fields are compared; the others agree too little to bound anything.
    """
    found, total = [], 0
    for bron in unique & set(views):
        side = views[bron]
        total += side.entities * (side.entities - 1) // 2
        blocks = [EqualKeys(side, side, keys).pairs() for keys in blocking_keys(scheme)]
        left, right = np.concatenate([b[0] for b in blocks]), np.concatenate([b[1] for b in blocks])
        codes = np.unique((left * len(side.entity) + right)[side.entity[left] < side.entity[right]])
        left, right = codes // len(side.entity), codes % len(side.entity)
        compared = compare_pairs(side, side, left, right, scheme)
        pairs = side.entity[left] * side.entities + side.entity[right]
        rows = np.unique(np.column_stack([pairs, compared.levels[:, :-1]]), axis=0)
        found.append(rows[:, 1:].astype(np.int8))
    if not total:
        return None
    patterns, counts = np.unique(np.concatenate(found), axis=0, return_counts=True)
    return patterns, counts.astype(np.int64), total


def _with_floor(evidence: Evidence, patterns: NDArray[np.int8], counts: Index, total: int) -> Evidence:
    """Set `floor`: log2 of the share of known non-matches that agree at least as much, the order of names apart."""
    asked = bounded(evidence.columns)
    mine, inverse = np.unique(evidence.levels[:, asked], axis=0, return_inverse=True)
    known = patterns[:, asked]
    reach = np.array([counts[(known >= pattern).all(axis=1)].sum() for pattern in mine], dtype=float)
    with np.errstate(divide="ignore"):
        floor = np.log2(reach / total)
    return replace(evidence, floor=floor[inverse.ravel()])
