"""A pattern that is asked thousands of times: chains before programmes, near equations first, an index of who uses a cell."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import highspy
import numpy as np
from scipy import sparse

from disclosure.suppress.chains import Bytes, Chains, room
from disclosure.suppress.flow import Flow, cells_near, equations_near
from disclosure.suppress.movement import Movement, Mover
from disclosure.suppress.pattern import WHOLE, Mender, Pattern, Question, Witness
from disclosure.suppress.problem import Problem
from disclosure.suppress.system import Bools

SCALES = ((30, 150), (250, 600), (1_000, 2_400))  # equations that may hold a cell still, then blanks that may move it
SHORT = 0.05  # by how much a shift must fall short of what was asked
UNITS = 64  # in which the price of a typical cell is counted while a cheap chain is sought
DEAREST = 1 << 40
TRIES, HURRIED_TRIES = (
    32,
    5,
)  # chains sought for a repair, of which the cheapest is taken: while there is time, and afterwards
AROUND = 6_400  # cells near a primary for a repair of a large system
KEPT = 12  # movements that a primary keeps of those found for others


class Quick(Pattern):
    """`Pattern`, with movements found by search first; `users` tells which primaries may have a movement over a cell."""

    def __init__(
        self, problem: Problem, blank: Bools, chains: Chains, users: defaultdict[int, set[int]] | None = None
    ) -> None:
        super().__init__(problem, blank)
        self.chains = chains
        self.users = defaultdict(set) if users is None else users
        self.rooms: dict[bool, tuple[Bytes, Bytes]] = {}
        self.flows: dict[tuple[int, int, bool], Flow] = {}

    def without(self, blank: Bools) -> tuple[Quick, list[int]]:
        """The pattern `blank` with every movement that it still allows, and the primaries that lost one."""
        gone = np.flatnonzero(self.blank & ~blank).tolist()
        other, lost = Quick(self.problem, blank, self.chains, self.users), frozenset(gone)
        hit = dict.fromkeys(sorted({p for cell in gone for p in self.users[cell]}))
        other.witnesses.update({p: list(found) for p, found in self.witnesses.items()})
        for p in list(hit):
            kept = [w for w in self.witnesses[p] if lost.isdisjoint(w.cells)]
            if len(kept) == len(self.witnesses[p]):
                del hit[p]
            other.witnesses[p] = kept
        for (p, step), moved in self.reached.items():
            other.reached[p, step] = [cells for cells in moved if lost.isdisjoint(cells)]
            if len(other.reached[p, step]) < len(moved):
                hit[p] = None
        return other, list(hit)

    def note(self, p: int, movement: Movement) -> Witness:
        """Keep a movement for p and for the primaries that it moves besides, and remember over which cells."""
        values, primary = self.problem.system.values, self.problem.system.primary
        mirror = movement.whole and all(y <= values[cell] for cell, y in movement.steps.items())
        witness = Witness(movement.cells, mirror)
        moved = [cell for cell in movement.cells if primary[cell]] if movement.whole else []
        served = [p, *(cell for cell in moved if cell != p and len(self.witnesses[cell]) < KEPT)]
        for cell in served:
            self.witnesses[cell].append(witness)
        for cell in movement.cells:
            self.users[cell].update(served)
        return witness

    def grow(self, cells: frozenset[int]) -> None:
        """Blank more cells; what was shown so far stays shown."""
        super().grow(cells)
        self.flows.clear()
        moved = list(cells)
        for wide, (up, down) in self.rooms.items():
            up[moved] = ~self.problem.never[moved]
            down[moved] = up[moved] * (self._falls(wide)[moved] > 0)

    def _set(self, cell: int, blank: bool) -> None:
        super()._set(cell, blank)
        self.flows.clear()
        for wide, (up, down) in self.rooms.items():
            up[cell] = blank and not self.problem.never[cell]
            down[cell] = up[cell] and self._falls(wide)[cell] > 0

    def room(self, wide: bool) -> tuple[Bytes, Bytes]:
        """Which blanks may rise and which may fall."""
        if wide not in self.rooms:
            self.rooms[wide] = room(self.problem, self.blank, self._falls(wide))
        return self.rooms[wide]

    def movement(self, p: int, ways: Sequence[int], known: frozenset[int], wide: bool = False) -> Movement | None:
        """A movement of p by one of `ways`: a chain, or what programmes over more and more of the surroundings find."""
        up, down = self.room(wide)
        for way in ways:
            if abs(way) == 1:
                steps = self.chains.find(p, way, up, down, known)
                if steps:
                    return Movement(steps, float(len(steps)), True)
        if self.chains.alone and 1 in map(abs, ways):
            return None
        if len(self.cells) > WHOLE:
            for equations, most in SCALES:
                if self._held(p, ways, known, wide, equations):
                    return None
                mover = self._near(p, most, wide)
                found = next((m for way in ways if (m := mover.move(p, way, known)) is not None), None)
                if found is not None:
                    return found
        mover = self._all(wide)
        return next((m for way in ways if (m := mover.move(p, way, known)) is not None), None)

    def _held(self, p: int, ways: Sequence[int], known: frozenset[int], wide: bool, most: int) -> bool:
        """Whether `most` equations near p alone already hold it still, whatever moves further away."""
        far, falls = max(map(abs, ways)), self._falls(wide)
        if (p, most, wide) not in self.flows:
            self.flows = {key: flow for key, flow in self.flows.items() if key[0] == p}
            flow = self.flows[p, most, wide] = Flow(
                self.problem, equations_near(self.problem, p, self.blank, most)
            )  # fmt: skip
            up = np.where(self.blank & ~self.problem.never, highspy.kHighsInf, 0.0)
            flow.capacities(up, np.where(up > 0, falls, 0.0))
        flow = self.flows[p, most, wide]
        flow.capacity(p, far, min(far, int(falls[p])))
        return all(flow.push(p, int(np.sign(way)), known) < abs(way) - SHORT for way in ways)

    def drop(self, cell: int) -> Question | None:
        """Publish `cell` if every question still holds, and return None; else a question that then fails, nothing changed."""
        hit = [p for p in sorted(self.users[cell]) if any(cell in w.cells for w in self.witnesses[p])]
        wide = {key: found for key, found in self.reached.items() if any(cell in cells for cells in found)}
        kept = {p: self.witnesses[p] for p in hit}
        self._set(cell, False)
        for p in hit:
            self.witnesses[p] = [w for w in kept[p] if cell not in w.cells]
        for key, found in wide.items():
            self.reached[key] = [cells for cells in found if cell not in cells]
        for p in dict.fromkeys([*hit, *(p for p, _ in wide)]):
            failed = self.settle(p, first=True)
            if failed:
                self._set(cell, True)
                for restored, before in kept.items():
                    self.witnesses[restored] = before + [w for w in self.witnesses[restored] if w not in before]
                self.reached.update(wide)
                return failed[0]
        return None

    def trim(self, covers: Sequence[tuple[int, ...]], deadline: float) -> list[tuple[int, Question]]:
        """Publish what is not needed, dearest first. A blank that alone meets a cover is needed.

        Returns why the other blanks stay: (cell, the question that fails without it), each the seed of a further cover.
        """
        free = np.flatnonzero(self.blank & ~self.problem.must)
        pointers = np.concatenate([[0], np.cumsum([len(cover) for cover in covers], dtype=np.int64)])
        inside = np.array([cell for cover in covers for cell in cover], dtype=np.int64)
        by_cell = sparse.csr_array(
            (np.ones(len(inside)), inside, pointers), shape=(len(covers), len(self.blank))
        ).tocsc()
        met = by_cell @ self.blank.astype(np.float64)
        reasons: list[tuple[int, Question]] = []
        for cell in free[np.argsort(-self.problem.cost[free], kind="stable")].tolist():
            if time.monotonic() > deadline:
                break
            of = by_cell.indices[by_cell.indptr[cell] : by_cell.indptr[cell + 1]]
            if (met[of] < 1.5).any():
                continue
            failed = self.drop(cell)
            if failed is None:
                met[of] -= 1
            else:
                reasons.append((cell, failed))
        return reasons


class QuickMender(Mender):
    """`Mender`, which in large systems seeks a cheap chain over all cells before it asks a programme."""

    def __init__(self, problem: Problem, chains: Chains) -> None:
        super().__init__(problem)
        self.chains, system = chains, problem.system
        self.until = 0.0  # in time.monotonic() seconds: how long repairs may be sought thoroughly
        everything = ~problem.never
        self.open = {
            wide: room(problem, everything, system.values if wide else (system.values - system.lower).clip(0))
            for wide in (False, True)
        }
        priced = problem.cost[problem.cost > 0]
        self.unit = UNITS / float(np.median(priced)) if len(priced) else 1.0

    def _within(self, p: int, wide: bool) -> Iterator[Mover]:
        """Many cells near p first: what no chain moves needs a large movement."""
        system = self.problem.system
        if not self.chains.alone:
            yield from super()._within(p, wide)
            return
        falls = system.values if wide else (system.values - system.lower).clip(0)
        near = cells_near(self.problem, p, ~self.problem.never, AROUND)
        yield Mover(self.problem, near, self.problem.cost[near], falls[near])
        if wide not in self.movers:
            self.movers[wide] = Mover(self.problem, np.arange(system.size), self.problem.cost, falls)
        yield self.movers[wide]

    def mend(self, pattern: Pattern, questions: Iterable[Question], avoid: frozenset[int] = frozenset()) -> None:
        """Grow `pattern` until it answers all `questions` without `avoid`. DisclosureRefused when one has no answer."""
        if not self.chains.alone or avoid:
            super().mend(pattern, questions, avoid)
            return
        toll = np.minimum(1 + self.problem.cost * self.unit, DEAREST).astype(np.int64)
        for question in questions:
            coalition, p, step = question
            if pattern.answered(question):
                continue
            toll_now = np.where(pattern.blank, 1, toll)
            ways = (step,) if step else (1, -1)
            up, down = self.open[bool(step)]
            known = self.problem.known(coalition)
            tries = TRIES if time.monotonic() < self.until else HURRIED_TRIES
            steps = self.chains.cheapest(p, ways, up, down, known, toll_now, UNITS, tries) if abs(ways[0]) == 1 else {}
            if not steps:
                super().mend(pattern, [question])
                continue
            pattern.grow(frozenset(steps))
            if step:
                pattern.reached[p, step].append(frozenset(steps))
            else:
                pattern.note(p, Movement(steps, float(len(steps)), True))
