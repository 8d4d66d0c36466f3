"""Long lists: cells that will not be shown are gathered, so that truncating many empty ones does not bend the large
ones.

Cells stand together only where no equation tells them apart: the hidden nationalities of a region are one cell, so that
shown and hidden ones still add up to every region.
"""

from __future__ import annotations

import numpy as np

from disclosure.noise.layout import Block, Layout, Target, distinct


def gathered(layout: Layout, values: np.ndarray) -> tuple[np.ndarray, Layout]:
    """(gathered x cells sums, the layout of the gathered cells); `values`: the estimate that decides what is shown."""
    hidden = _hidden(layout, values)
    if not hidden.any():
        return np.eye(layout.size), layout
    groups = _groups(layout, hidden)
    first = np.array([group[0] for group in groups])
    sums = np.zeros((len(groups), layout.size))
    for position, group in enumerate(groups):
        sums[position, group] = 1
    smaller = Layout(
        layout.population,
        _blocks(layout, groups, hidden),
        len(groups),
        layout.equations[:, first],
        tuple(_target(target, first, hidden) for target in layout.targets),
        _constant(layout.totals, sums, first),
        _constant(layout.margins, sums, first),
        distinct((*(_constant(level, sums, first) for level in layout.levels), np.eye(len(groups)))),
    )
    return sums, smaller


def _hidden(layout: Layout, values: np.ndarray) -> np.ndarray:
    """Boolean per cell: below what its list shows."""
    hidden = np.zeros(layout.size, dtype=bool)
    for table in layout.population.tables:
        if table.show_from is not None:
            span = layout.blocks[table.pieces[0].vector].span
            hidden[span] = values[span] < table.show_from
    return hidden


def _groups(layout: Layout, hidden: np.ndarray) -> list[list[int]]:
    """Cells in order, alone or with the hidden ones of their vector that stand in the same equations."""
    groups: dict[object, list[int]] = {}
    for vector, block in layout.blocks.items():
        for cell in range(layout.size)[block.span]:
            key: object = (vector, layout.equations[:, cell].tobytes()) if hidden[cell] else cell
            groups.setdefault(key, []).append(cell)
    return list(groups.values())


def _constant(rows: np.ndarray, sums: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Rows that do not tell gathered cells apart, over the gathered cells."""
    smaller = rows[:, first]
    return np.asarray(smaller[(smaller @ sums == rows).all(axis=1)])


def _blocks(layout: Layout, groups: list[list[int]], hidden: np.ndarray) -> dict[str, Block]:
    rest = {table.pieces[0].vector: str(table.rest) for table in layout.population.tables if table.rest is not None}
    blocks: dict[str, Block] = {}
    offset = 0
    for vector, block in layout.blocks.items():
        inside = [group[0] for group in groups if block.offset <= group[0] < block.offset + len(block.keys)]
        keys = tuple(
            (rest[vector],) * len(block.attributes) if hidden[cell] else block.keys[cell - block.offset]
            for cell in inside
        )
        blocks[vector] = Block(vector, block.attributes, keys, offset)
        offset += len(inside)
    return blocks


def _target(target: Target, first: np.ndarray, hidden: np.ndarray) -> Target:
    """The published rows over the gathered cells; hidden rows are one, under the table's code for the rest."""
    smaller = target.sums[:, first]
    if target.table.rest is None:
        return Target(target.table, target.keys, smaller)
    below = np.asarray(target.sums[:, hidden].any(axis=1))
    keys = [key for key, inside in zip(target.keys, below.tolist(), strict=True) if not inside]
    rest = smaller[below].any(axis=0).astype(float)
    return Target(target.table, (*keys, (*target.keys[0][:-1], target.table.rest)), np.vstack([smaller[~below], rest]))
