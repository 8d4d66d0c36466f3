"""The attacker's search for another table step by step: shift one blank, then balance what that upsets, equation by equation.

Part of `disclosure.attack`; shares no code with the chooser. Always the equation that the fewest blanks can balance is taken next,
and what leads nowhere is taken back (most constrained first: Haralick & Elliott, Artificial Intelligence 14(3), 1980).
What is found is a table in whole numbers, checked as one; where nothing is found nothing is proved, and a programme is asked.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numba import njit
from scipy import sparse

from disclosure.attack_room import Ints, Secrets

DEEP = 60  # steps in one movement at most
WAYS = 8  # blanks that are tried in one equation
NODES = 60  # steps that are tried in all before a search ends
AGAIN, NOISE, SEED = (
    8,
    6,
    1980,
)  # searches with tolls disturbed by as much, where the first found nothing: where to look, no secret
UPSET = 4  # what an upset equation counts while ways are compared, in units of a step
LONE = 2  # what a step of a blank that one person knows counts: movements that avoid those serve more people
FAR = 1 << 40  # what "no limit" is in whole numbers


@njit(nogil=True, cache=True)
def _move(
    cell: int, amount: int, col_at: Ints, col_row: Ints, col_sign: Ints, off: Ints, bad: Ints, spot: Ints, count: int
) -> int:
    """Move a blank by `amount`: `off` is by how much each equation is out, `bad[:count]` lists those; the new count."""
    for at in range(col_at[cell], col_at[cell + 1]):
        row = col_row[at]
        off[row] += col_sign[at] * amount
        if off[row] != 0 and spot[row] < 0:
            spot[row], bad[count] = count, row
            count += 1
        elif off[row] == 0 and spot[row] >= 0:
            count -= 1
            last = bad[count]
            bad[spot[row]], spot[last] = last, spot[row]
            spot[row] = -1
    return count


@njit(nogil=True, cache=True)
def _ways(
    row: int, row_at: Ints, row_cell: Ints, row_sign: Ints, col_at: Ints, col_row: Ints, col_sign: Ints,
    off: Ints, up: Ints, down: Ints, moved: Ints, toll: Ints, cells: Ints, amounts: Ints, scores: Ints,
) -> int:  # fmt: skip
    """The `WAYS` best blanks that bring `row` nearer to balance, with amounts, best first; how many blanks could at all."""
    found = 0
    for at in range(row_at[row], row_at[row + 1]):
        cell = row_cell[at]
        way = -1 if (off[row] > 0) == (row_sign[at] > 0) else 1
        room = up[cell] - moved[cell] if way > 0 else down[cell] + moved[cell]
        if room <= 0 or moved[cell] * way < 0:
            continue
        need = abs(off[row]) // abs(row_sign[at])
        amount = way if col_at[cell + 1] - col_at[cell] > 1 else way * max(1, min(room, need))
        score = toll[cell]
        for k in range(col_at[cell], col_at[cell + 1]):
            before = off[col_row[k]]
            score += UPSET * (abs(before + col_sign[k] * amount) - abs(before))
        place = min(found, WAYS)
        while place > 0 and scores[place - 1] > score:
            if place < WAYS:
                cells[place], amounts[place], scores[place] = cells[place - 1], amounts[place - 1], scores[place - 1]
            place -= 1
        if place < WAYS:
            cells[place], amounts[place], scores[place] = cell, amount, score
        found += 1
    return found


@njit(nogil=True, cache=True)
def _seek(
    start: int, way: int, nodes: int, row_at: Ints, row_cell: Ints, row_sign: Ints, col_at: Ints, col_row: Ints,
    col_sign: Ints, up: Ints, down: Ints, toll: Ints, off: Ints, bad: Ints, spot: Ints, moved: Ints,
) -> tuple[Ints, Ints]:  # fmt: skip
    """(blanks, amounts) in the order in which they were moved; none when nothing was found. The scratch is left clean."""
    path, by = np.zeros(DEEP, dtype=np.int64), np.zeros(DEEP, dtype=np.int64)
    cells, amounts = np.zeros((DEEP, WAYS), dtype=np.int64), np.zeros((DEEP, WAYS), dtype=np.int64)
    some, much, scores = np.zeros(WAYS, dtype=np.int64), np.zeros(WAYS, dtype=np.int64), np.zeros(WAYS, dtype=np.int64)
    ways, tried = np.zeros(DEEP, dtype=np.int64), np.zeros(DEEP, dtype=np.int64)
    kept_up, kept_down = up[start], down[start]
    path[0], by[0], depth = start, way, 1
    moved[start], up[start], down[start] = way, 0, 0
    count = _move(start, way, col_at, col_row, col_sign, off, bad, spot, 0)
    while depth > 0 and count > 0:
        top, fewest = depth - 1, FAR
        for k in range(count):
            if depth == DEEP or nodes <= 0:
                fewest = 0
            if fewest == 0:
                break
            found = _ways(
                bad[k],
                row_at,
                row_cell,
                row_sign,
                col_at,
                col_row,
                col_sign,
                off,
                up,
                down,
                moved,
                toll,
                some,
                much,
                scores,
            )
            if found < fewest:
                fewest = found
                cells[top], amounts[top] = some, much
        ways[top], tried[top] = min(fewest, WAYS), 0
        while depth > 0 and tried[depth - 1] >= ways[depth - 1]:
            depth -= 1
            moved[path[depth]] -= by[depth]
            count = _move(path[depth], -by[depth], col_at, col_row, col_sign, off, bad, spot, count)
        if depth > 0:
            top, nodes = depth - 1, nodes - 1
            path[depth], by[depth] = cells[top, tried[top]], amounts[top, tried[top]]
            tried[top] += 1
            moved[path[depth]] += by[depth]
            count = _move(path[depth], by[depth], col_at, col_row, col_sign, off, bad, spot, count)
            depth += 1
            if nodes <= 0 and count > 0:
                for k in range(depth):
                    tried[k] = ways[k] = 0
    up[start], down[start] = kept_up, kept_down
    for k in range(depth):
        moved[path[k]] = 0
    return path[:depth].copy(), by[:depth].copy()


@njit(nogil=True, cache=True)
def _adds_up(cells: Ints, amounts: Ints, col_at: Ints, col_row: Ints, col_sign: Ints, sums: Ints) -> bool:
    """Whether every equation still holds; counted anew, `sums` int64[m] is scratch and left zero."""
    for k in range(len(cells)):
        for at in range(col_at[cells[k]], col_at[cells[k] + 1]):
            sums[col_row[at]] += col_sign[at] * amounts[k]
    fits = True
    for k in range(len(cells)):
        for at in range(col_at[cells[k]], col_at[cells[k] + 1]):
            fits = fits and sums[col_row[at]] == 0
            sums[col_row[at]] = 0
    return fits


class Steps:
    """The search over the blanks of one pattern. `matrix` CSR (m, k): the equations over the blanks `live` int64[k], sorted."""

    def __init__(self, s: Secrets, matrix: sparse.csr_array, live: Ints) -> None:
        rows, columns = sparse.csr_array(matrix), sparse.csc_array(matrix)
        self._rows = [np.ascontiguousarray(part, dtype=np.int64) for part in (rows.indptr, rows.indices, rows.data)]
        self._columns = [
            np.ascontiguousarray(part, dtype=np.int64) for part in (columns.indptr, columns.indices, columns.data)
        ]
        self.live, self.place = live, {cell: i for i, cell in enumerate(live.tolist())}
        self._up = np.minimum(s.rise[live], FAR).astype(np.int64)
        falls = (s.values - s.lower, s.values - s.least)
        self._down = [np.maximum(fall[live], 0).astype(np.int64) for fall in falls]
        self._toll = np.where(s.people[live] == 1, LONE, 0).astype(np.int64)
        self._random = np.random.Generator(np.random.PCG64(SEED))
        equations, blanks = rows.shape
        self._off, self._sums = np.zeros(equations, dtype=np.int64), np.zeros(equations, dtype=np.int64)
        self._bad, self._spot = np.zeros(equations + 1, dtype=np.int64), np.full(equations, -1, dtype=np.int64)
        self._moved = np.zeros(blanks, dtype=np.int64)

    def find(self, p: int, way: int, known: Iterable[int], *, wide: bool = False) -> tuple[Ints, Ints] | None:
        """Cells, sorted, and by how much each differs in another table, in which p is `way` (1 or -1) higher and `known` as it is.

        wide  blanks are at least `least` instead of `lower`.
        """
        up, down, at = self._up, self._down[wide], self.place[p]
        if (up if way > 0 else down)[at] <= 0:
            return None
        still = np.array([self.place[cell] for cell in known if cell in self.place], dtype=np.int64)
        kept = up[still], down[still]
        up[still] = down[still] = 0
        for again in range(1 + AGAIN):
            toll = self._toll + self._random.integers(0, NOISE, len(self.live)) if again else self._toll
            path, by = _seek(
                at, way, NODES, *self._rows, *self._columns, up, down, toll, self._off, self._bad, self._spot, self._moved
            )  # fmt: skip
            if len(path):
                break
        up[still], down[still] = kept
        return self._checked(at, way, path, by, still, down) if len(path) else None

    def _checked(self, at: int, way: int, path: Ints, by: Ints, still: Ints, down: Ints) -> tuple[Ints, Ints] | None:
        """The steps summed by blank, if they are what was asked: proved here, not by how they were found."""
        blanks, which = np.unique(path, return_inverse=True)
        amounts = np.zeros(len(blanks), dtype=np.int64)
        np.add.at(amounts, which, by)
        fits = bool(np.all(amounts <= self._up[blanks]) and np.all(-amounts <= down[blanks]))
        fits = fits and int(amounts[np.searchsorted(blanks, at)]) == way and not np.isin(still, blanks).any()
        if not fits or not _adds_up(blanks, amounts, *self._columns, self._sums):
            return None
        moved = np.flatnonzero(amounts)
        return self.live[blanks[moved]], amounts[moved]
