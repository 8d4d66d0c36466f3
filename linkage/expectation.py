"""The E-step of EM in parts: what is summed over pairs (sufficient statistics) is summed where the pairs are.

Each part gives a sum per pattern, and parts are added in their order, so it does not matter where they are. A part has all
pairs of a left record; what right records meet is summed over all parts first, where a right record has one partner at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit

from linkage.compare import Bits
from linkage.patterns import Evidence, Group
from linkage.views import Codes
from schemas.engine import Engine, LocalEngine, Step, Tables

# Odds beyond 2^200 are certain; the clip keeps them finite.
MAX_BITS = 200.0
# Pairs of a part: 20 MB.
PART = 1_000_000

PAIRS = pa.schema([("of", pa.int32()), ("frequency", pa.float64()), ("left", pa.int32()), ("right", pa.int32())])
MET = pa.schema([("group", pa.int32()), ("right", pa.int32()), ("odds", pa.float64())])
MASS = pa.schema([("mass", pa.float64())])


@dataclass(frozen=True)
class Odds:
    """What parameters make of each pattern (p,): bits = free - max(bound + frequency, floor)."""

    free: Bits
    bound: Bits
    floor: Bits

    def bits(self, of: Codes, frequency: Bits) -> Bits:
        """Posterior log2 odds of pairs by themselves, shape (n,), finite."""
        out: Bits = _bits(of, frequency, self.free, self.bound, self.floor)
        return out


def one_to_one(bits: Bits, left: Codes, right: Codes, group: Group) -> Bits:
    """Posteriors of the pairs of one group when a record has at most one partner: o / (1 + row sum + column sum), own o
    once.
    """
    odds = np.exp2(bits)
    if len(odds):
        first = int(right.min())
        _normalise(odds, left, right - first, group.unique_right, group.unique_left, _met(right, odds, first))
    return odds


def met(part: pa.Table, given: Tables) -> pa.Table:
    """The kernel: per right record the odds of its pairs in a part, where it has one partner at most."""
    group, odds = _judged(part, given)
    right = part.column("right").to_numpy()
    if group is None or not given["groups"].column("unique_left")[group].as_py():
        return MET.empty_table()
    first = int(right.min())
    total = _met(right, odds, first)
    some = np.flatnonzero(total)
    columns = (np.full(len(some), group, np.int32), (some + first).astype(np.int32), total[some])
    return pa.table([pa.array(column) for column in columns], schema=MET)


def add_up(part: pa.Table, given: Tables) -> pa.Table:
    """The kernel: the expected matches of each pattern (p,) among the pairs of a part."""
    group, odds = _judged(part, given)
    patterns = given["odds"].num_rows
    if group is None:
        return pa.table({"mass": np.zeros(patterns)})
    about = given["groups"].slice(group, 1).to_pylist()[0]
    left, right = (part.column(name).to_numpy() for name in ("left", "right"))
    totals = given[_totals(group)].column("odds").to_numpy() if about["unique_left"] else np.zeros(0)
    right = right - about["first_right"]
    _normalise(odds, left, right, about["unique_right"], about["unique_left"], totals)
    mass = np.bincount(part.column("of").to_numpy(), weights=odds, minlength=patterns)
    return pa.table({"mass": mass.astype(np.float64)}, schema=MASS)


MEET = Step("what records meet", met, MET)
ADD_UP = Step("expected matches", add_up, MASS)


class Expectation:
    """Expected matches per pattern of one evidence, under one set of odds after the other."""

    def __init__(self, evidence: Evidence, engine: Engine) -> None:
        parts = list(_cut(evidence))
        # With one part for each pair of registers there is nothing to be dealt out, and every round would be a journey.
        self._engine: Engine = engine if len(parts) > len(evidence.groups) else LocalEngine()
        self._parts = self._engine.parts(_pairs(evidence, rows) for rows in parts or [slice(0, 0)]).kept()
        self._group = evidence.patterns.group
        right = [evidence.right[evidence.rows(place)] for place in range(len(evidence.groups))]
        self._ends = [(int(r.min()), int(r.max()) + 1) if len(r) else (0, 0) for r in right]
        self._groups = evidence.groups

    def mass(self, odds: Odds) -> Bits:
        """How many pairs of each pattern are expected to be matches (p,)."""
        table = {"free": odds.free, "bound": odds.bound, "floor": odds.floor, "group": self._group}
        about = [
            {"unique_left": group.unique_left, "unique_right": group.unique_right, "first_right": first}
            for group, (first, _) in zip(self._groups, self._ends, strict=True)
        ]
        given = {"odds": pa.table(table), "groups": pa.Table.from_pylist(about)}
        if any(group.unique_left for group in self._groups):
            given |= self._all_met(given)
        total = np.zeros(len(self._group))
        for part in self._engine.map(ADD_UP, self._parts, given):
            total += part.column("mass").to_numpy()
        return total

    def _all_met(self, given: Tables) -> dict[str, pa.Table]:
        """Per pair of registers the odds that each right record meets in all parts."""
        totals = [np.zeros(last - first) for first, last in self._ends]
        for part in self._engine.map(MEET, self._parts, given):
            if part.num_rows:
                place = part.column("group")[0].as_py()
                totals[place][part.column("right").to_numpy() - self._ends[place][0]] += part.column("odds").to_numpy()
        return {_totals(place): pa.table({"odds": total}) for place, total in enumerate(totals)}


def _totals(group: int) -> str:
    return f"met in {group}"


def _cut(evidence: Evidence) -> Iterator[slice]:
    """Rows of parts: of one pair of registers, all pairs of a left record, some PART pairs or one record's."""
    for place in range(len(evidence.groups)):
        rows = evidence.rows(place)
        left, begin = evidence.left[rows], 0
        while begin < len(left):
            end = len(left)
            if begin + PART < end:
                end = int(np.searchsorted(left, left[begin + PART]))
                end = end if end > begin else int(np.searchsorted(left, left[begin], side="right"))
            yield slice(rows.start + begin, rows.start + end)
            begin = end


def _pairs(evidence: Evidence, rows: slice) -> pa.Table:
    columns = (evidence.of[rows], evidence.frequency[rows], evidence.left[rows], evidence.right[rows])
    kinds = zip(columns, PAIRS, strict=True)
    return pa.table([pa.array(column).cast(kind.type) for column, kind in kinds], schema=PAIRS)


def _judged(part: pa.Table, given: Tables) -> tuple[int | None, Bits]:
    """The pair of registers of a part, None for an empty one, and the odds of its pairs (n,) by themselves."""
    of = part.column("of").to_numpy()
    if not len(of):
        return None, np.zeros(0)
    table = given["odds"]
    odds = Odds(*(table.column(name).to_numpy() for name in ("free", "bound", "floor")))
    return int(table.column("group")[int(of[0])].as_py()), np.exp2(odds.bits(of, part.column("frequency").to_numpy()))


def _met(right: Codes, odds: Bits, first: int) -> Bits:
    """Sums of odds per right record, from the record `first` on."""
    total: Bits = np.bincount(right - first, weights=odds).astype(np.float64)
    return total


@njit(nogil=True, cache=True)
def _bits(of: Codes, frequency: Bits, free: Bits, bound: Bits, floor: Bits) -> Bits:
    out = np.empty(len(of))
    for p in range(len(of)):
        pattern = of[p]
        value = free[pattern] - max(bound[pattern] + frequency[p], floor[pattern])
        out[p] = min(max(value, -MAX_BITS), MAX_BITS)
    return out


@njit(nogil=True, cache=True)
def _normalise(odds: Bits, left: Codes, right: Codes, by_left: bool, by_right: bool, of_right: Bits) -> None:
    """Odds (n,) made posteriors, in place; of_right: the odds that each right record meets, asked `by_right`."""
    first = left.min()
    of_left = np.zeros(left.max() - first + 1)
    for p in range(len(odds)):
        of_left[left[p] - first] += odds[p]
    for p in range(len(odds)):
        own, rivals = odds[p], 0.0
        if by_left:
            rivals += of_left[left[p] - first] - own
        if by_right:
            rivals += of_right[right[p]] - own
        odds[p] = own / (1 + own + rivals)
