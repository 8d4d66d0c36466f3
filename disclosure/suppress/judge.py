"""The attacker as judge of a pattern: the chooser proposes, `disclosure.attack` alone decides what is safe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from disclosure.attack import Attack, Insider, Secrets, attack
from disclosure.suppress.problem import Problem
from disclosure.suppress.system import Bools, System

__all__ = ["Attack", "Judge", "Learned", "beyond_help", "judge_of", "learned", "secrets_of", "without"]

Learned = list[tuple[tuple[int, ...], int]]
Judge = Callable[[Bools], Attack]


def secrets_of(system: System) -> Secrets:
    """What an attack starts from."""
    return Secrets(
        system.values, system.equations, system.primary & ~system.fixed, system.lower,
        system.people, system.first, system.last,
    )  # fmt: skip


def judge_of(problem: Problem) -> Judge:
    """What an attack on a pattern (bool[n]) finds."""
    secrets = secrets_of(problem.system)

    def judge(blank: Bools) -> Attack:
        return attack(secrets, blank, insider=problem.insider, down=problem.down, up=problem.up)

    return judge


def learned(found: Attack) -> Learned:
    """Who learns which cell: (people, cell) pairs, () for the outsider; what stayed open counts as learned."""
    outsider: Learned = [((), cell) for cell in found.outsider]
    return outsider + list(found.insiders) + list(found.open)


def beyond_help(system: System, insider: Insider, down: int, up: int) -> set[int]:
    """Primaries that somebody learns although everything is blank that may be: no pattern protects them."""
    found = attack(secrets_of(system), ~system.fixed | system.hidden, insider=insider, down=down, up=up)
    return {*found.outsider, *(cell for _, cell in (*found.insiders, *found.open))}


def without(system: System, cells: set[int]) -> System:
    """The system with `cells` blank and no longer asked about."""
    lost = np.zeros(system.size, dtype=bool)
    lost[list(cells)] = True
    return replace(system, primary=system.primary & ~lost, hidden=system.hidden | lost)
