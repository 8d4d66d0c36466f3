"""The attacker: what somebody who knows everything published can still find out about the blanks of a pattern.

Shares no code with the chooser in `disclosure.suppress`: it gets the equations, a mask of blanks and the contributors, and tries to
prove every primary cell *undetermined* by exhibiting another whole-number table that fits everything the attacker knows. A proof is
a witness: an integer vector y with A y = 0, zero on what is published or known, and values + y at least `lower`. One witness serves
every primary it moves and every coalition whose known cells it leaves alone. What is not proven counts as failed.

Attackers: the outsider; each person alone in some cells, who knows those (`person`); each two people, who also know the cells that
hold just the two of them (`pair`). The outsider's range with blanks at least 0 must contain [v - down, v + up].
Sources: Fischetti & Salazar, Management Science 47(7), 2001 (attacker problems); Hundepool et al., Statistical Disclosure Control, 2012.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

Insider = Literal["none", "person", "pair"]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

WHOLE = 500  # components up to this many blanks are attacked whole at once
REACH = (250, 2_000)  # otherwise first with only the nearest blanks moving, which proves as much when it succeeds
CORE = 40  # primaries served from one neighbourhood before the next is taken
ALONE = 4.0  # cost of moving a cell that one person knows: witnesses that avoid those serve more people
BRANCH_SECONDS = 20.0  # for one whole-number problem; beyond it the question counts as failed


@dataclass(frozen=True)
class Secrets:
    """What an attack starts from. n cells; `equations` CSR (m, n); see `disclosure.suppress.system.System` for the fields."""

    values: Ints
    equations: sparse.csr_array
    primary: Bools
    lower: Ints
    people: Ints
    first: Ints
    last: Ints


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


class _Untried(Exception):
    """A question was not settled within the time."""


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
        self.live, determined = _eliminate(s.equations, blank)
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
        whole = _Room(self.s, self.matrix, self.place, component)
        waiting = component[self.s.primary[component]].tolist()
        if len(component) <= WHOLE:
            for p in waiting:
                self.settle_primary(p, [whole])
            return
        graph = _neighbours(self.matrix)
        done: set[int] = set()
        for seed in waiting:
            if seed in done:
                continue
            near = _ball(graph, int(self.place[seed]), REACH[-1])
            cells = np.flatnonzero(self.live)[near]
            rooms = [_Room(self.s, self.matrix, self.place, cells[:size]) for size in REACH if size < len(component)]
            core = [p for p in cells[: REACH[0] // 3].tolist() if self.s.primary[p] and p not in done][:CORE]
            for p in dict.fromkeys([seed, *core]):
                self.settle_primary(p, [*rooms, whole])
                done.add(p)

    def settle_primary(self, p: int, rooms: list[_Room]) -> None:
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

    def _ask(self, coalition: tuple[int, ...], p: int, rooms: list[_Room]) -> _Witness | None:
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
        except _Untried:
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
        if np.all(moves <= values):  # the mirror image is a table as well when blanks may be 0
            self._widen(cells, values - moves)
        return witness

    def _widen(self, cells: Ints, reached: Ints) -> None:
        self.reach[cells, 0] = np.minimum(self.reach[cells, 0], reached)
        self.reach[cells, 1] = np.maximum(self.reach[cells, 1], reached)

    def _check_range(self, p: int, rooms: list[_Room]) -> None:
        """The outsider's range with blanks at least 0 must contain [v - down, v + up]."""
        value = int(self.s.values[p])
        for move in (-min(self.down, value), self.up):
            if move == 0 or (self.reach[p, 0] <= value + move <= self.reach[p, 1]):
                continue
            try:
                found = next((m for room in rooms if (m := room.shift(p, move, self.deadline)) is not None), None)
            except _Untried:
                self.open.add(((), p))
                continue
            if found is None:
                self.outsider.add(p)
            else:
                self._widen(found[0], self.s.values[found[0]] + found[1])


class _Room:
    """A set of blanks that may move, all others still, as a linear programme: minimise the movement that shifts one cell."""

    def __init__(self, s: Secrets, matrix: sparse.csr_array, place: Ints, cells: Ints) -> None:
        self.s, self.cells, self.matrix, self.place = s, np.sort(cells), matrix, place
        self.solver: highspy.Highs | None = None

    def _open(self) -> highspy.Highs:
        """Build the model on first use: columns are movements up, then movements down, of `cells`."""
        part = self.matrix[:, self.place[self.cells]]
        part = part[np.flatnonzero(np.diff(part.indptr))].tocsc()
        self.part, k = part, len(self.cells)
        self.at = {cell: i for i, cell in enumerate(self.cells.tolist())}
        cost = np.where(self.s.people[self.cells] == 1, ALONE, 1.0)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = 2 * k, part.shape[0]
        model.col_cost_ = np.concatenate([cost, cost])
        model.col_lower_ = np.zeros(2 * k)
        model.col_upper_ = self._bounds(self.s.lower[self.cells])
        model.row_lower_ = model.row_upper_ = np.zeros(part.shape[0])
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = np.concatenate([part.indptr, part.indptr[1:] + part.nnz]).astype(np.int32)
        model.a_matrix_.index_ = np.concatenate([part.indices, part.indices]).astype(np.int32)
        model.a_matrix_.value_ = np.concatenate([part.data, -part.data]).astype(np.float64)
        solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off"), ("solver", "simplex")):
            solver.setOptionValue(option, value)
        solver.passModel(model)
        self.solver = solver
        return solver

    def _bounds(self, lower: Ints) -> NDArray[np.float64]:
        fall = (self.s.values[self.cells] - lower).astype(np.float64)
        return np.concatenate([np.full(len(fall), highspy.kHighsInf), fall])

    def witness(self, p: int, known: Iterable[int], deadline: float) -> tuple[Ints, Ints] | None:
        """Another table in which p differs and `known` does not, blanks at least `lower`; None when there is none here."""
        for move in (1, -1):
            if move == 1 or self.s.values[p] > self.s.lower[p]:
                found = self._solve(p, move, known, self.s.lower[self.cells], deadline)
                if found is not None:
                    return found
        return None

    def shift(self, p: int, move: int, deadline: float) -> tuple[Ints, Ints] | None:
        """Another table in which p is `move` higher, blanks at least 0."""
        return self._solve(p, move, (), np.zeros(len(self.cells), dtype=np.int64), deadline)

    def _solve(self, p: int, move: int, known: Iterable[int], lower: Ints, deadline: float) -> tuple[Ints, Ints] | None:
        if time.monotonic() > deadline:
            raise _Untried
        solver = self.solver or self._open()
        k, at = len(self.cells), self.at[p]
        floor, ceiling = np.zeros(2 * k), self._bounds(lower)
        for cell in known:
            if cell in self.at:
                ceiling[[self.at[cell], k + self.at[cell]]] = 0.0
        ceiling[[at, k + at]] = 0.0
        floor[at if move > 0 else k + at] = ceiling[at if move > 0 else k + at] = float(abs(move))
        columns = np.arange(2 * k, dtype=np.int32)
        solver.changeColsBounds(2 * k, columns, floor, ceiling)
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            raise _Untried
        found = self._whole(solver, lower)
        return found if found is not None else self._branch(floor, ceiling, lower, deadline)

    def _whole(self, solver: highspy.Highs, lower: Ints) -> tuple[Ints, Ints] | None:
        """The solver's point in whole numbers, checked in whole numbers; None when rounding breaks it."""
        point, k = np.array(solver.getSolution().col_value), len(self.cells)
        moves = np.rint(point[:k] - point[k:]).astype(np.int64)
        fits = not np.any(self.part @ moves) and bool(np.all(self.s.values[self.cells] + moves >= lower))
        if not fits or np.abs(point[:k] - point[k:] - moves).max() > 1e-6:
            return None
        moved = np.flatnonzero(moves)
        return self.cells[moved], moves[moved]

    def _branch(
        self, floor: NDArray[np.float64], ceiling: NDArray[np.float64], lower: Ints, deadline: float
    ) -> tuple[Ints, Ints] | None:
        """The same question with whole numbers demanded; a shift of more than asked would do as well, so allow it."""
        k = len(self.cells)
        wanted = np.flatnonzero(floor)
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        solver.setOptionValue("time_limit", max(0.1, min(BRANCH_SECONDS, deadline - time.monotonic())))
        model = self.solver.getLp() if self.solver is not None else highspy.HighsLp()
        room = self._bounds(lower)
        ceiling[wanted] = np.maximum(ceiling[wanted], room[wanted])
        model.col_lower_, model.col_upper_ = floor, ceiling
        model.integrality_ = [highspy.HighsVarType.kInteger] * (2 * k)
        solver.passModel(model)
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        found = self._whole(solver, lower) if status == highspy.HighsModelStatus.kOptimal else None
        if found is None:
            raise _Untried
        return found


def _eliminate(equations: sparse.csr_array, blank: Bools) -> tuple[Bools, Bools]:
    """Blanks that stay unknown after solving every equation with a single unknown, and the ones so determined."""
    live = blank.copy()
    pattern = abs(equations).astype(np.int64)
    while True:
        single = np.flatnonzero(pattern @ live.astype(np.int64) == 1)
        if not len(single):
            return live, blank & ~live
        live &= ~((pattern[single].T @ np.ones(len(single), dtype=np.int64)) > 0)


def _neighbours(matrix: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
    by_row = sparse.csr_array(matrix)
    return by_row, sparse.csr_array(by_row.T)


def _ball(graph: tuple[sparse.csr_array, sparse.csr_array], seed: int, size: int) -> Ints:
    """The `size` columns nearest to `seed`, nearest first; small equations are crossed before large ones."""
    by_row, by_column = graph
    seen, order, rows_seen, at = {seed}, [seed], set[int](), 0
    width = np.diff(by_row.indptr)
    while at < len(order) and len(order) < size:
        cell = order[at]
        at += 1
        rows = by_column.indices[by_column.indptr[cell] : by_column.indptr[cell + 1]]
        for row in sorted(set(rows.tolist()) - rows_seen, key=lambda r: (int(width[r]), r)):
            rows_seen.add(row)
            for other in by_row.indices[by_row.indptr[row] : by_row.indptr[row + 1]].tolist():
                if other not in seen:
                    seen.add(other)
                    order.append(other)
    return np.array(order[:size], dtype=np.int64)
