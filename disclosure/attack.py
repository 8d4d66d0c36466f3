"""The attacker: what somebody who knows everything published can still find out about the blanks of a pattern.

Shares no code with the chooser in `disclosure.suppress`: it gets the equations, a mask of blanks and the contributors, and tries to
prove every primary cell *undetermined* by exhibiting another whole-number table that fits everything the attacker knows. A proof is
a witness: an integer vector y with A y = 0, zero on what is published or known, and values + y at least `lower`. One witness serves
every primary it moves and every coalition whose known cells it leaves alone. What is not proven counts as failed.

Attackers: the outsider; each person alone in some cells, who knows those (`person`); each two people, who also know the cells that
hold just the two of them (`pair`). The outsider's range with blanks at least 0 must contain [v - down, v + up].
Sources: Fischetti & Salazar, Management Science 47(7), 2001 (attacker problems); Hundepool et al., Statistical Disclosure
Control, 2012.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from disclosure.attack_room import Bools, Ints, Room, Secrets, Untried, ball, eliminate, neighbours
from disclosure.attack_steps import Steps

__all__ = ["Attack", "Insider", "Secrets", "attack"]

Insider = Literal["none", "person", "pair"]

WHOLE = 500  # components up to this many blanks are attacked whole at once
REACH = (250, 2_000)  # otherwise first with only the nearest blanks moving, which proves as much when it succeeds


@dataclass(frozen=True)
class Attack:
    """Outcome. `outsider` and `insiders` list what is exposed: cells, and (people, cell). Certified when all three are empty.

    outsider   cells determined, or with too narrow a range, for somebody who knows nothing but the publication.
    insiders   (tuple of person ids, cell) pairs.
    untried    number of questions that could not be settled in time; they count as failed. `open` lists them.
    reach      int64[n, 2], for every primary the lowest and highest value that a witness showed possible.
    """

    outsider: tuple[int, ...]
    insiders: tuple[tuple[tuple[int, ...], int], ...]
    untried: int
    people: int
    witnesses: int
    seconds: float
    reach: Ints
    open: tuple[tuple[tuple[int, ...], int], ...] = ()

    @property
    def certified(self) -> bool:
        """True when nothing is exposed and everything was tried."""
        return not self.outsider and not self.insiders and self.untried == 0


def attack(
    secrets: Secrets, blank: Bools, *, insider: Insider, down: int = 1, up: int = 1, deadline: float = float("inf")
) -> Attack:
    """Attack the pattern `blank` (bool[n], unpublished cells included). `deadline` is in time.monotonic() seconds."""
    started = time.monotonic()
    run = _Run(secrets, blank, insider, down, up, deadline)
    for component in run.components():
        run.settle_component(component)
    return Attack(
        outsider=tuple(sorted(run.outsider)),
        insiders=tuple(sorted(run.insiders)),
        untried=len(run.open),
        open=tuple(sorted(run.open)),
        people=len(run.known_by) if insider != "none" else 0,
        witnesses=sum(len(w) for w in run.witnesses.values()),
        seconds=time.monotonic() - started,
        reach=run.reach,
    )


@dataclass
class _Witness:
    """cells: sorted moved cells; moves: how far; valid with blanks at least `lower`."""

    cells: Ints
    moves: Ints
    members: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        self.members = frozenset(self.cells.tolist())


class _Run:
    """State of one attack."""

    def __init__(self, s: Secrets, blank: Bools, insider: Insider, down: int, up: int, deadline: float) -> None:
        self.s, self.insider, self.down, self.up, self.deadline = s, insider, down, up, deadline
        self.live, determined = eliminate(s.equations, blank)
        self.outsider = set(np.flatnonzero(s.primary & (determined | ~blank)).tolist())
        self.insiders: set[tuple[tuple[int, ...], int]] = set()
        self.open: set[tuple[tuple[int, ...], int]] = set()
        self.witnesses: dict[int, list[_Witness]] = defaultdict(list)
        self.reach = np.stack([s.values, s.values], axis=1)
        self.known_by: dict[int, frozenset[int]] = {}
        if insider != "none":
            alone: dict[int, list[int]] = defaultdict(list)
            for cell in np.flatnonzero((s.people == 1) & self.live).tolist():
                alone[int(s.first[cell])].append(cell)
            self.known_by = {person: frozenset(cells) for person, cells in alone.items()}
        self.matrix = s.equations[:, np.flatnonzero(self.live)]
        self.place = np.cumsum(self.live) - 1
        self.steps = Steps(s, self.matrix, np.flatnonzero(self.live))

    def components(self) -> Iterator[Ints]:
        """Blanks that can influence each other, as arrays of cells."""
        cells = np.flatnonzero(self.live)
        if not len(cells):
            return
        touch = abs(self.matrix)
        links = (touch.T @ touch).tocsr()
        count, label = csgraph.connected_components(links, directed=False)
        order = np.argsort(label, kind="stable")
        for group in np.split(cells[order], np.cumsum(np.bincount(label, minlength=count))[:-1]):
            if self.s.primary[group].any():
                yield group

    def settle_component(self, component: Ints) -> None:
        """Settle all primaries of one component."""
        around = _Around(self.s, self.matrix, self.place, component, np.flatnonzero(self.live))
        for p in component[self.s.primary[component]].tolist():
            self.settle_primary(p, around)

    def settle_primary(self, p: int, around: _Around) -> None:
        """Outsider first, then whoever the witness depends on."""
        base = self._ask((), p, around)
        if base is None:
            return
        self._check_range(p, around)
        if self.insider == "none":
            return
        served: dict[int, _Witness] = {}
        for person in self._people_in(base):
            if p in self.known_by[person]:
                continue
            witness = self._ask((person,), p, around)
            if witness is not None:
                served[person] = witness
        if self.insider == "pair":
            for pair in sorted(self._pairs(base, served)):
                if p not in self._known(pair):
                    self._ask(pair, p, around)

    def _pairs(self, base: _Witness, served: dict[int, _Witness]) -> set[tuple[int, int]]:
        """Pairs that no single witness so far serves for sure: every other pair is served by `base` or by one of `served`."""
        found = set(self._twos(base))
        for a, witness in served.items():
            found |= {(min(a, b), max(a, b)) for b in self._people_in(witness)}
            found |= {pair for pair in self._twos(witness) if a in pair}
        return found

    def _people_in(self, witness: _Witness) -> list[int]:
        cells = witness.cells[self.s.people[witness.cells] == 1]
        return sorted(set(self.s.first[cells].tolist()))

    def _twos(self, witness: _Witness) -> list[tuple[int, int]]:
        cells = witness.cells[self.s.people[witness.cells] == 2]
        return sorted(set(zip(self.s.first[cells].tolist(), self.s.last[cells].tolist(), strict=True)))

    def _known(self, coalition: tuple[int, ...]) -> frozenset[int]:
        known: frozenset[int] = frozenset().union(*(self.known_by.get(person, frozenset()) for person in coalition))
        if len(coalition) == 2:
            s = self.s
            both = np.flatnonzero((s.people == 2) & (s.first == coalition[0]) & (s.last == coalition[1]) & self.live)
            known |= frozenset(both.tolist())
        return known

    def _ask(self, coalition: tuple[int, ...], p: int, around: _Around) -> _Witness | None:
        """A witness that p is not determined for `coalition`; None when p is exposed or the question stays open."""
        known = self._known(coalition)
        for witness in self.witnesses[p]:
            if not (known & witness.members):
                return witness
        try:
            moved = self._moved(p, known, around)
        except Untried:
            self.open.add((coalition, p))
            return None
        if moved is not None:
            return self._record(*moved)
        if coalition:
            self.insiders.add((coalition, p))
        else:
            self.outsider.add(p)
        return None

    def _moved(self, p: int, known: frozenset[int], around: _Around) -> tuple[Ints, Ints] | None:
        """Another table in which p differs and `known` does not: by steps, else by programmes; None when there is none."""
        if time.monotonic() > self.deadline:
            raise Untried
        for way in (1, -1):
            moved = self.steps.find(p, way, known)
            if moved is not None:
                return moved
        for room in around.rooms(p):
            moved = room.witness(p, known, self.deadline)
            if moved is not None:
                return moved
            if room.around is not None and room.around.holds(p, known, self.deadline):
                return None
        return None

    def _record(self, cells: Ints, moves: Ints) -> _Witness:
        witness = _Witness(cells, moves)
        values = self.s.values[cells]
        for cell in cells[self.s.primary[cells]].tolist():
            self.witnesses[cell].append(witness)
        self._widen(cells, values + moves)
        least, rise = self.s.least[cells], self.s.rise[cells]
        if np.all(values - moves >= least) and np.all(-moves <= rise):  # the mirror image is a table as well
            self._widen(cells, values - moves)
        return witness

    def _widen(self, cells: Ints, reached: Ints) -> None:
        self.reach[cells, 0] = np.minimum(self.reach[cells, 0], reached)
        self.reach[cells, 1] = np.maximum(self.reach[cells, 1], reached)

    def _check_range(self, p: int, around: _Around) -> None:
        """The outsider's range with blanks at least `least` must contain [v - down, v + up]."""
        value = int(self.s.values[p])
        for move in (-min(self.down, value - int(self.s.least[p])), self.up):
            if move == 0 or (self.reach[p, 0] <= value + move <= self.reach[p, 1]):
                continue
            try:
                found = self._shifted(p, move, around)
            except Untried:
                self.open.add(((), p))
                continue
            if found is None:
                self.outsider.add(p)
            else:
                self._widen(found[0], self.s.values[found[0]] + found[1])

    def _shifted(self, p: int, move: int, around: _Around) -> tuple[Ints, Ints] | None:
        """Another table in which p is `move` higher, blanks at least `least`; None when there is none."""
        if time.monotonic() > self.deadline:
            raise Untried
        found = self.steps.find(p, move, (), wide=True) if abs(move) == 1 else None
        if found is not None:
            return found
        return next((m for room in around.rooms(p) if (m := room.shift(p, move, self.deadline)) is not None), None)


class _Around:
    """The programmes about the primaries of one component, made when one is needed: near blanks first, then all of them."""

    def __init__(self, s: Secrets, matrix: sparse.csr_array, place: Ints, component: Ints, live: Ints) -> None:
        self.s, self.matrix, self.place, self.component, self.live = s, matrix, place, component, live
        self.whole = Room(s, matrix, place, component)
        self.near: list[Room] = []
        self.core: frozenset[int] = frozenset()
        self.graph: tuple[sparse.csr_array, sparse.csr_array] | None = None

    def rooms(self, p: int) -> Sequence[Room]:
        """The programmes for p, the quickest first; what one of them finds holds for all."""
        if len(self.component) > WHOLE and p not in self.core:
            self._move_to(p)
        return [*self.near, self.whole]

    def _move_to(self, seed: int) -> None:
        self.graph = self.graph or neighbours(self.matrix)
        near = ball(self.graph, int(self.place[seed]), REACH[-1])
        cells = self.live[near]
        self.core = frozenset([seed, *cells[: REACH[0] // 3].tolist()])
        self.near = []
        for size in (size for size in REACH if size < len(self.component)):
            rows = np.unique(self.graph[1][near[: size // 4]].indices)
            part = sparse.csr_array(self.matrix[rows])  # what these equations hold still, all of them hold still
            held = Room(self.s, part, self.place, self.live[np.unique(part.indices)])
            self.near.append(Room(self.s, self.matrix, self.place, cells[:size], held))
