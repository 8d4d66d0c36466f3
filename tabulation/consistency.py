"""Whether published totals can all be true: claims about cells, the equations that tie tables together, and a linear program.

Every cell is an unknown count of zero or more. A claim says that a sum of cells lies between two bounds, or is a share
of another sum. Equations come from the catalogue: its relations, and the margins that tables of one population share
after folding both to what they have in common. Claims that no counts fulfil together are narrowed down to a smallest set.
Bounds are whole numbers where a claim allows it; beyond that the program is linear, so a contradiction that only whole
numbers have can stay unseen, and one that is reported is real.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from schemas.catalogue import Catalogue
from schemas.vocabulary import Code
from tabulation.equations import Equation, Grid, equations

TOLERANCE = 1e-6
SHORT = 6  # claims that a reader takes in at once; a longer explanation is tried again in another order
DOUBTED_LAST = 2.0  # what a case of slack costs where a total is stated, against 1 elsewhere


@dataclass(frozen=True)
class Claim:
    """One printed number: the sum of the `part` cells of a grid lies in [low, high].

    words      what was printed and where, for the reader.
    grid       position of its table among the grids; `part` and `whole` hold cells as code tuples.
    whole      given: low and high are shares (0 to 1) of the sum of these cells.
    reachable  False: no whole number fits what was printed (70.8 % of 786).
    stated     a total that stands at every part of it: it is doubted last.
    """

    words: str
    grid: int
    part: tuple[tuple[Code, ...], ...]
    low: float
    high: float
    whole: tuple[tuple[Code, ...], ...] = ()
    reachable: bool = True
    stated: bool = False


@dataclass(frozen=True)
class Contradiction:
    """Claims that cannot all be true; leaving out any one of them makes the rest possible.

    why  the definitions that tie them together. gap: by how much the claims must give way, at least (cases).
    """

    claims: tuple[Claim, ...]
    why: tuple[str, ...]
    gap: float


def percent_claim(value: float, decimals: int, n: int) -> tuple[float, float, bool]:
    """The counts out of `n` that print as `value` per cent: low, high, and whether a whole number is among them."""
    half = 0.5 * 10.0**-decimals
    low, high = n * (value - half) / 100, n * (value + half) / 100
    least, most = math.ceil(low - TOLERANCE), math.floor(high + TOLERANCE)
    return (least, most, True) if least <= most else (low, high, False)


def contradictions(
    catalogue: Catalogue,
    grids: Sequence[Grid],
    claims: Sequence[Claim],
    expected: Iterable[Mapping[str, object]] = (),
) -> list[Contradiction]:
    """The contradictions among `claims`: one per claim that must give way when as little as possible gives way.

    expected: entries of `expectations.toml` for this study.
    """
    program = _Program(grids, equations(catalogue, grids, expected))
    found = [Contradiction((claim,), (), 0.0) for claim in claims if not claim.reachable]
    left = _distinct(claims)
    if program.solve(left).gap <= TOLERANCE:
        return found
    for grid in range(len(grids)):  # what a table says against itself is simplest to follow, so it is said first
        more, left = _conflicts(program, left, {grid})
        found += more
    return found + _conflicts(program, left, set(range(len(grids))))[0]


def _conflicts(program: _Program, claims: list[Claim], grids: set[int]) -> tuple[list[Contradiction], list[Claim]]:
    """The contradictions among the claims on some grids, and all claims with those widened that were accused of one."""
    own = [claim for claim in claims if claim.grid in grids]
    answer = program.solve(own)
    if answer.gap <= TOLERANCE:
        return [], claims
    gave_way = {at for at, slack in enumerate(answer.slack) if slack > TOLERANCE}
    rest = [claim for at, claim in enumerate(own) if at not in gave_way]
    found: list[Contradiction] = []
    wider: dict[int, Claim] = {}
    for at in sorted(gave_way, key=lambda at: -answer.slack[at]):
        trial = [own[at], *rest]
        against = program.solve(trial)
        if against.gap <= TOLERANCE:  # it only gave way for another one
            rest.append(own[at])
            continue
        guilty = _smallest(program, own[at], [trial[place] for place in against.active])
        final = program.solve(guilty)
        found.append(Contradiction(tuple(guilty), tuple(dict.fromkeys(final.why)), final.gap))
        wider[id(own[at])] = _wider(own[at], answer.slack[at])
        rest = [claim for claim in rest if claim not in guilty]  # what is explained once need not be said otherwise
    return found, [wider.get(id(claim), claim) for claim in claims]


def _wider(claim: Claim, slack: float) -> Claim:
    """The claim with room for what it missed; shares lose their bounds, because slack is counted in cases."""
    if claim.whole:
        return replace(claim, low=0.0, high=1.0)
    return replace(claim, low=claim.low - slack, high=claim.high + slack)


def _distinct(claims: Sequence[Claim]) -> list[Claim]:
    """Every statement once, however often it was printed: a total that stands at ten rows does not weigh ten times."""
    found = {(claim.grid, claim.part, claim.low, claim.high, claim.whole): claim for claim in reversed(claims)}
    return list(reversed(found.values()))


def _smallest(program: _Program, accused: Claim, suspects: list[Claim]) -> list[Claim]:
    """A subset that still contradicts itself and of which no claim can be missed; the smaller of two attempts.

    Attempts do without the cells of large tables first, and keep what names the same categories as the accused claim.
    """
    alike = _restricting(program.grids, accused)
    others = [claim for claim in suspects if claim is not accused]

    def fine(claim: Claim) -> int:
        return -math.prod(len(axis) for axis in program.grids[claim.grid].axes)

    def shared(claim: Claim) -> int:
        return len(alike & _restricting(program.grids, claim))

    first = _filtered(program, accused, sorted(others, key=lambda claim: (shared(claim), fine(claim), len(claim.part))))
    if len(first) <= SHORT:
        return first
    second = _filtered(
        program, accused, sorted(others, key=lambda claim: (fine(claim), -len(claim.part), shared(claim)))
    )
    return min(first, second, key=len)


def _filtered(program: _Program, accused: Claim, order: list[Claim]) -> list[Claim]:
    """Deletion filter: leave out claims, halves at a time while that goes well, and keep those that cannot be missed."""
    kept: list[Claim] = [accused]
    rest = list(order)
    size = max(1, len(rest) // 2)
    while rest:
        trial = rest[size:]
        answer = program.solve([*kept, *trial])
        if answer.gap > TOLERANCE:
            active = set(answer.active)
            rest = [claim for at, claim in enumerate(trial, len(kept)) if at in active]
            size = max(1, len(rest) // 2)
        elif size > 1:
            size //= 2
        else:
            kept.append(rest[0])
            rest = trial
            size = max(1, len(rest) // 2)
    return kept


def _restricting(grids: Sequence[Grid], claim: Claim) -> frozenset[Code]:
    """The codes by which a claim selects its cells, where it does not take all of a dimension."""
    found: set[Code] = set()
    for place, axis in enumerate(grids[claim.grid].axes):
        codes = {cell[place] for cell in claim.part}
        found |= codes if len(codes) < len(axis) else set()
    return frozenset(found)


@dataclass(frozen=True)
class _Answer:
    """gap: total slack; active: claims that hold the program back; slack per claim; why: the equations that matter."""

    gap: float
    active: tuple[int, ...]
    slack: tuple[float, ...]
    why: tuple[str, ...]


@dataclass
class _Program:
    """The linear program: cells of all grids, hard equations, claims with slack that is paid for."""

    grids: Sequence[Grid]
    hard: list[Equation]
    place: dict[tuple[int, tuple[Code, ...]], int] = field(init=False)
    hard_rows: list[tuple[dict[int, float], float]] = field(init=False)

    def __post_init__(self) -> None:
        cells = [(at, cell) for at, grid in enumerate(self.grids) for cell in grid.cells()]
        self.place = {cell: position for position, cell in enumerate(cells)}
        self.hard_rows = [({self.place[key]: value for key, value in row.sums.items()}, 0.0) for row in self.hard]

    def solve(self, claims: Sequence[Claim]) -> _Answer:
        """The least total slack with which all claims hold."""
        if not claims:
            return _Answer(0.0, (), (), ())
        soft = [(at, row, bound) for at, claim in enumerate(claims) for row, bound in self._rows(claim)]
        cells, slacks = len(self.place), len(soft)
        rows = [row | {cells + at: -1.0} for at, (_, row, _) in enumerate(soft)] + [row for row, _ in self.hard_rows]
        bounds = np.array([bound for _, _, bound in soft] + [bound for _, bound in self.hard_rows])
        cost = np.zeros(cells + slacks)
        cost[cells:] = [DOUBTED_LAST if claims[at].stated else 1.0 for at, _, _ in soft]
        result = linprog(cost, A_ub=_sparse(rows, cells + slacks), b_ub=bounds, method="highs")
        assert result.status == 0, "slack makes every system of claims solvable"
        duals = np.abs(result.ineqlin.marginals)
        slack = [0.0] * len(claims)
        for number, (at, _, _) in enumerate(soft):
            slack[at] += float(result.x[cells + number])
        active = {at for number, (at, _, _) in enumerate(soft) if duals[number] > TOLERANCE}
        why = [row.why for row, dual in zip(self.hard, duals[slacks:], strict=True) if dual > TOLERANCE and row.why]
        return _Answer(sum(slack), tuple(sorted(active)), tuple(slack), tuple(why))

    def _rows(self, claim: Claim) -> list[tuple[dict[int, float], float]]:
        """Sums of cells at most a bound: the upper and the lower end of a claim."""
        part = {self.place[claim.grid, cell]: 1.0 for cell in claim.part}
        if claim.whole:
            return [
                (_share(part, self._cells(claim), end, sign), 0.0) for end, sign in ((claim.high, 1), (claim.low, -1))
            ]
        found = [] if math.isinf(claim.high) else [(part, claim.high)]
        return found + ([(dict.fromkeys(part, -1.0), -claim.low)] if claim.low > 0 else [])

    def _cells(self, claim: Claim) -> list[int]:
        return [self.place[claim.grid, cell] for cell in claim.whole]


def _share(part: dict[int, float], whole: list[int], share: float, sign: int) -> dict[int, float]:
    row = dict.fromkeys(whole, -share * sign)
    for at, value in part.items():
        row[at] = row.get(at, 0.0) + value * sign
    return row


def _sparse(rows: list[dict[int, float]], width: int) -> csr_matrix:
    ends = np.cumsum([0, *(len(row) for row in rows)])
    columns = np.fromiter((at for row in rows for at in row), dtype=np.int64, count=int(ends[-1]))
    values = np.fromiter((value for row in rows for value in row.values()), dtype=np.float64, count=int(ends[-1]))
    return csr_matrix((values, columns, ends), shape=(len(rows), width))
