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
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from disclosure.attack_room import Bools, Ints, Room, Secrets, Untried, ball, eliminate, neighbours

__all__ = ["Attack", "Insider", "Secrets", "attack"]

Insider = Literal["none", "person", "pair"]

WHOLE = 500  # components up to this many blanks are attacked whole at once
REACH = (250, 2_000)  # otherwise first with only the nearest blanks moving, which proves as much when it succeeds
CORE = 40  # primaries served from one neighbourhood before the next is taken


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
        whole = Room(self.s, self.matrix, self.place, component)
        waiting = component[self.s.primary[component]].tolist()
        if len(component) <= WHOLE:
            for p in waiting:
                self.settle_primary(p, [whole])
            return
        graph = neighbours(self.matrix)
        done: set[int] = set()
        for seed in waiting:
            if seed in done:
                continue
            near = ball(graph, int(self.place[seed]), REACH[-1])
            cells = np.flatnonzero(self.live)[near]
            rooms = []
            for size in (size for size in REACH if size < len(component)):
                around = Room(self.s, *self._around(graph, near[: size // 4]))
                rooms.append(Room(self.s, self.matrix, self.place, cells[:size], around))
            core = [p for p in cells[: REACH[0] // 3].tolist() if self.s.primary[p] and p not in done][:CORE]
            for p in dict.fromkeys([seed, *core]):
                self.settle_primary(p, [*rooms, whole])
                done.add(p)

    def _around(
        self, graph: tuple[sparse.csr_array, sparse.csr_array], near: Ints
    ) -> tuple[sparse.csr_array, Ints, Ints]:
        """The equations that touch `near`, without any others: what they hold still, everything holds still."""
        rows = np.unique(graph[1][near].indices)
        part = sparse.csr_array(self.matrix[rows])
        return part, self.place, np.flatnonzero(self.live)[np.unique(part.indices)]

    def settle_primary(self, p: int, rooms: list[Room]) -> None:
        """Outsider first, then whoever the witness depends on."""
        base = self._ask((), p, rooms)
        if base is None:
            return
        self._check_range(p, rooms)
        if self.insider == "none":
            return
        served: dict[int, _Witness] = {}
        for person in self._people_in(base):
            if p in self.known_by[person]:
                continue
            witness = self._ask((person,), p, rooms)
            if witness is not None:
                served[person] = witness
        if self.insider == "pair":
            for pair in sorted(self._pairs(base, served)):
                if p not in self._known(pair):
                    self._ask(pair, p, rooms)

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

    def _ask(self, coalition: tuple[int, ...], p: int, rooms: list[Room]) -> _Witness | None:
        """A witness that p is not determined for `coalition`; None when p is exposed or the question stays open."""
        known = self._known(coalition)
        for witness in self.witnesses[p]:
            if not (known & witness.members):
                return witness
        try:
            for room in rooms:
                moved = room.witness(p, known, self.deadline)
                if moved is not None:
                    return self._record(*moved)
                if room.around is not None and room.around.holds(p, known, self.deadline):
                    break
        except Untried:
            self.open.add((coalition, p))
            return None
        if coalition:
            self.insiders.add((coalition, p))
        else:
            self.outsider.add(p)
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

    def _check_range(self, p: int, rooms: list[Room]) -> None:
        """The outsider's range with blanks at least 0 must contain [v - down, v + up]."""
        value = int(self.s.values[p])
        for move in (-min(self.down, value - int(self.s.least[p])), self.up):
            if move == 0 or (self.reach[p, 0] <= value + move <= self.reach[p, 1]):
                continue
            try:
                found = next((m for room in rooms if (m := room.shift(p, move, self.deadline)) is not None), None)
            except Untried:
                self.open.add(((), p))
                continue
            if found is None:
                self.outsider.add(p)
            else:
                self._widen(found[0], self.s.values[found[0]] + found[1])
