"""Movements in whole numbers by search: a shift of one cell, balanced equation by equation with steps of one.

Most small cells of a table move in a short chain of blanks (a rectangle in two dimensions, a box in three). A search that always
balances the equation with the fewest ways to do so finds it a hundred times faster than a linear programme, and in whole numbers.
It proves nothing when it finds nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from disclosure.suppress.problem import Problem
from disclosure.suppress.system import Bools, Ints

Bytes = NDArray[np.int8]
Graph = tuple[Ints, Ints, Ints, Ints, Ints, Ints]  # equations as CSR and as CSC: starts, indices, signs

STEPS = 40  # cells in a chain at most
WIDTH = 8  # ways to balance an equation that are tried
NODES = 60  # steps taken and taken back before the search gives up
IMBALANCE = 4  # what a unit of imbalance counts against
OWNED = 2  # what a step of a cell that one person knows counts
DISTURBED, SEED = (0.3, 1.7), 1978  # factors on tolls when a repair is sought once more, so that another chain is met
MUCH = 1 << 60  # more than any chain costs
WEIGHTS = (1.0, 4.0, 16.0)  # times the price of a typical cell that a unit of imbalance counts while a repair is sought


@njit(nogil=True, cache=True)
def _score(j: int, step: int, graph: Graph, residual: Ints, toll: Ints, weight: int) -> int:
    """How much imbalance the step adds, times `weight`, and the cell's toll."""
    _, _, _, col_start, col_row, col_sign = graph
    score = toll[j]
    for at in range(col_start[j], col_start[j + 1]):
        before = residual[col_row[at]]
        score += weight * (abs(before + col_sign[at] * step) - abs(before))
    return int(score)


@njit(nogil=True, cache=True)
def _take(j: int, step: int, graph: Graph, residual: Ints, rows: Ints, count: int) -> int:
    """Carry out a step: residuals, and `rows[:count]`, the equations that may be out of balance; the new count."""
    _, _, _, col_start, col_row, col_sign = graph
    for at in range(col_start[j], col_start[j + 1]):
        row = col_row[at]
        if residual[row] == 0:
            listed = False
            for k in range(count):
                if rows[k] == row:
                    listed = True
                    break
            if not listed:
                rows[count] = row
                count += 1
        residual[row] += col_sign[at] * step
    return count


@njit(nogil=True, cache=True)
def _options(
    row: int,
    graph: Graph,
    residual: Ints,
    y: Bytes,
    up: Bytes,
    down: Bytes,
    toll: Ints,
    weight: int,
    purse: int,
    ways: Ints,
    scores: Ints,
) -> int:
    """The best ways to bring `row` nearer to balance, into `ways` (signed, one-based cells); how many."""
    row_start, row_cell, row_sign = graph[0], graph[1], graph[2]
    found = 0
    for at in range(row_start[row], row_start[row + 1]):
        j = row_cell[at]
        step = 1 if (residual[row] > 0) != (row_sign[at] > 0) else -1
        if y[j] != 0 or (step > 0 and up[j] == 0) or (step < 0 and down[j] == 0) or toll[j] > purse:
            continue
        score = _score(j, step, graph, residual, toll, weight)
        place = min(found, WIDTH)
        while place > 0 and scores[place - 1] > score:
            if place < WIDTH:
                ways[place], scores[place] = ways[place - 1], scores[place - 1]
            place -= 1
        if place < WIDTH:
            ways[place], scores[place] = step * (j + 1), score
        found += 1
    return min(found, WIDTH)


@njit(nogil=True, cache=True)
def _fewest(
    graph: Graph,
    residual: Ints,
    y: Bytes,
    up: Bytes,
    down: Bytes,
    toll: Ints,
    weight: int,
    purse: int,
    rows: Ints,
    opened: int,
    ways: Ints,
) -> tuple[int, int]:
    """(equations still open, ways to balance the one that has fewest), those ways in `ways`; `rows` is compacted."""
    trial, scores = np.zeros(WIDTH, dtype=np.int64), np.zeros(WIDTH, dtype=np.int64)
    best, kept = WIDTH + 1, 0
    for k in range(opened):
        if residual[rows[k]] != 0:
            rows[kept] = rows[k]
            kept += 1
            found = _options(rows[k], graph, residual, y, up, down, toll, weight, purse, trial, scores)
            if found < best:
                best = found
                ways[:] = trial
    return kept, best


@njit(nogil=True, cache=True)
def _search(
    p: int,
    sign: int,
    graph: Graph,
    up: Bytes,
    down: Bytes,
    toll: Ints,
    weight: int,
    purse: int,
    y: Bytes,
    residual: Ints,
    rows: Ints,
) -> Ints:
    """Signed, one-based cells of a chain that moves p by `sign`, its other tolls within `purse`; empty when none was found.

    y and residual are left zero.
    """
    moves, ways = np.zeros(STEPS, dtype=np.int64), np.zeros((STEPS, WIDTH), dtype=np.int64)
    count, at = np.zeros(STEPS, dtype=np.int64), np.zeros(STEPS, dtype=np.int64)
    moves[0], depth, nodes = sign * (p + 1), 1, 0
    y[p] = sign
    opened = _take(p, sign, graph, residual, rows, 0)
    while depth > 0:
        opened, found = _fewest(graph, residual, y, up, down, toll, weight, purse, rows, opened, ways[depth - 1])
        if opened == 0:
            break
        count[depth - 1], at[depth - 1] = found if depth < STEPS else 0, 0
        nodes += 1
        while depth > 0 and (at[depth - 1] >= count[depth - 1] or nodes > NODES):
            depth -= 1
            back = abs(moves[depth]) - 1
            y[back] = 0
            purse += toll[back]
            opened = _take(back, -1 if moves[depth] > 0 else 1, graph, residual, rows, opened)
        if depth > 0:
            move = ways[depth - 1, at[depth - 1]]
            at[depth - 1] += 1
            moves[depth] = move
            step = 1 if move > 0 else -1
            y[abs(move) - 1] = step
            purse -= toll[abs(move) - 1]
            opened = _take(abs(move) - 1, step, graph, residual, rows, opened)
            depth += 1
    for k in range(depth):  # what is left is balanced: clear the steps, the residuals are zero
        y[abs(moves[k]) - 1] = 0
    return moves[:depth].copy()


class Chains:
    """The search over one system; scratch is kept between calls.

    alone  what no chain moves counts as held: safe, a little dear, and a hundred times faster than asking programmes.
    """

    def __init__(self, problem: Problem, *, alone: bool = False) -> None:
        self.alone = alone
        rows, columns = problem.system.equations, problem.columns
        parts = [
            np.ascontiguousarray(part, dtype=np.int64)
            for part in (rows.indptr, rows.indices, rows.data, columns.indptr, columns.indices, columns.data)
        ]
        self._graph: Graph = (parts[0], parts[1], parts[2], parts[3], parts[4], parts[5])
        self._owned = np.where(problem.owner >= 0, OWNED, 0).astype(np.int64)
        self._random = np.random.Generator(np.random.PCG64(SEED))
        self._y = np.zeros(problem.system.size, dtype=np.int8)
        self._residual = np.zeros(rows.shape[0], dtype=np.int64)
        longest = int(np.diff(columns.indptr).max(initial=0))
        self._rows = np.zeros(2 * STEPS * longest + 1, dtype=np.int64)  # out of balance, and what steps back touch

    def find(self, p: int, sign: int, up: Bytes, down: Bytes, known: Iterable[int]) -> dict[int, float]:
        """Cells and steps that move p by `sign`, over cells that may rise (`up` int8[n]) or fall; empty when none was found."""
        return self._steps(p, sign, up, down, known, self._owned, IMBALANCE)

    def cheapest(
        self, p: int, ways: Sequence[int], up: Bytes, down: Bytes, known: Iterable[int], toll: Ints, typical: int, tries: int
    ) -> dict[int, float]:  # fmt: skip
        """The same, for one of `ways`, where a step costs its cell's `toll` int64[n]: the cheapest of `tries`; empty when none.

        What costs more than the best so far is given up on the way, so that further tries cost little.
        """
        best: dict[int, float] = {}
        least = MUCH
        for attempt in range(tries):
            felt = self._disturbed(toll) if attempt else toll
            for way, weight in itertools.product(ways, WEIGHTS):
                purse = int(felt[list(best)].sum()) if best else MUCH
                steps = self._steps(p, way, up, down, known, felt, max(1, int(weight * typical)), purse)
                price = int(toll[list(steps)].sum()) if steps else MUCH
                if price < least:
                    best, least = steps, price
        return best

    def _disturbed(self, toll: Ints) -> Ints:
        return (toll * self._random.uniform(*DISTURBED, len(toll))).astype(np.int64)

    def _steps(
        self,
        p: int,
        sign: int,
        up: Bytes,
        down: Bytes,
        known: Iterable[int],
        toll: Ints,
        weight: int,
        purse: int = MUCH,
    ) -> dict[int, float]:
        still = np.fromiter(known, dtype=np.int64)
        kept = up[still], down[still]
        up[still] = down[still] = 0
        free = bool((up if sign > 0 else down)[p])
        moves = (
            _search(p, sign, self._graph, up, down, toll, weight, purse, self._y, self._residual, self._rows).tolist()
            if free
            else []
        )
        up[still], down[still] = kept
        return {abs(move) - 1: 1.0 if move > 0 else -1.0 for move in moves}


def room(problem: Problem, blank: Bools, falls: Ints) -> tuple[Bytes, Bytes]:
    """Which cells may rise and which may fall by one in a pattern: int8[n] each."""
    up = (blank & ~problem.never).astype(np.int8)
    return up, (up * (falls > 0)).astype(np.int8)
