"""The chooser's view of a system: costs, capacities and the coalitions that know something."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from disclosure.suppress.system import Bools, Ints, System

Objective = Literal["value", "cells"]
Insider = Literal["none", "person", "pair"]
Floats = NDArray[np.float64]

TIE = 1e-3  # share of the objective that the other objective gets, so that ties fall the sensible way


@dataclass(frozen=True)
class Problem:
    """What to choose, over n cells.

    cost    float64[n], of blanking a cell that is neither primary nor hidden; 0 for those.
    must    bool[n], blank in every pattern (primary, hidden); `never` bool[n], published in every pattern.
    falls   bool[n], whether a blank can be below its value for an attacker who knows it to be at least `lower`.
    down, up  the outsider's range of a primary must contain [v - down, v + up], blanks being at least 0.
    alone   per person who is the only contributor of cells: those cells. `owner` int64[n], that person or -1.
    """

    system: System
    cost: Floats
    measure: Floats
    must: Bools
    never: Bools
    falls: Bools
    alone: dict[int, frozenset[int]]
    owner: Ints
    insider: Insider
    down: int
    up: int
    columns: sparse.csc_array
    targets: Ints

    def known(self, coalition: tuple[int, ...]) -> frozenset[int]:
        """Cells that the coalition knows: what each is alone in, and for two people what holds just the two."""
        cells: frozenset[int] = frozenset().union(*(self.alone.get(person, frozenset()) for person in coalition))
        if len(coalition) == 2:
            s = self.system
            both = (s.people == 2) & (s.first == coalition[0]) & (s.last == coalition[1])
            cells |= frozenset(np.flatnonzero(both).tolist())
        return cells


def pose(system: System, objective: Objective, insider: Insider, down: int = 1, up: int = 1) -> Problem:
    """The problem of blanking `system` at least cost. `measure` is the objective alone, `cost` has the tie-break added."""
    value, cells = system.values.astype(np.float64) * system.weights, system.weights.copy()
    scale = max(float(value.max(initial=1.0)), 1.0)
    measure = value if objective == "value" else cells
    cost = value + TIE * cells if objective == "value" else cells + TIE * value / scale
    must = (system.primary | system.hidden) & ~system.fixed
    never = system.fixed
    alone: dict[int, list[int]] = defaultdict(list)
    owner = np.full(system.size, -1, dtype=np.int64)
    if insider != "none":
        for cell in np.flatnonzero(system.people == 1).tolist():
            alone[int(system.first[cell])].append(cell)
            owner[cell] = system.first[cell]
    free = np.where(must | never, 0.0, 1.0)
    return Problem(
        system=system,
        cost=cost * free,
        measure=measure * free,
        must=must,
        never=never,
        falls=system.values > system.lower,
        alone={person: frozenset(known) for person, known in alone.items()},
        owner=owner,
        insider=insider,
        down=down,
        up=up,
        columns=system.equations.tocsc(),
        targets=np.flatnonzero(system.primary & ~system.fixed),
    )
