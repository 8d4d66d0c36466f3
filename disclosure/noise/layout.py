"""From a policy to linear algebra: the measured cells of a population, the equations between them, the published cells.

Everything is derived from the policy and code lists alone, so that no key, no shape and no weight depends on data.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from schemas.codelists import nationalities, region
from schemas.errors import UsageError
from schemas.policy_noise import NATIONALITIES, Code, NoisyTable, Piece, Population, Reading, Side, Vector

Key = tuple[Code, ...]
Where = Mapping[str, Iterable[Code]]


@dataclass(frozen=True)
class Block:
    """The cells of one vector: `keys` in the order of `attributes`, at `offset` in the population's cells."""

    id: str
    attributes: tuple[str, ...]
    keys: tuple[Key, ...]
    offset: int

    def where(self, wanted: Where) -> np.ndarray:
        """Boolean mask over the keys: those whose categories are among the wanted ones."""
        mask = np.ones(len(self.keys), dtype=bool)
        for name, codes in wanted.items():
            categories, positions = self._coded[name]
            allowed = set(codes)
            mask &= np.array([category in allowed for category in categories])[positions]
        return mask

    @cached_property
    def _coded(self) -> dict[str, tuple[tuple[Code, ...], np.ndarray]]:
        coded = {}
        for name, column in zip(self.attributes, zip(*self.keys, strict=True), strict=True):
            place = {category: position for position, category in enumerate(dict.fromkeys(column))}
            coded[name] = (tuple(place), np.array([place[category] for category in column]))
        return coded

    @property
    def span(self) -> slice:
        """Where the block lies among the population's cells."""
        return slice(self.offset, self.offset + len(self.keys))


@dataclass(frozen=True)
class Target:
    """A published table: its keys (one per row, dimensions in order) and `sums` (rows x cells) that add cells to
    rows."""

    table: NoisyTable
    keys: tuple[Key, ...]
    sums: np.ndarray


@dataclass(frozen=True)
class Layout:
    """A population's cells. `equations` @ cells = 0 for true counts; `levels` are the sums that are pinned one after
    another: totals of vectors, their one-way margins, published cells, and the cells themselves."""

    population: Population
    blocks: dict[str, Block]
    size: int
    equations: np.ndarray
    targets: tuple[Target, ...]
    totals: np.ndarray
    margins: np.ndarray
    levels: tuple[np.ndarray, ...]


def categories_of(reading: Reading) -> tuple[Code, ...]:
    """The categories of an attribute, from the policy or from the whole code list of nationalities."""
    if reading.categories == NATIONALITIES:
        return tuple(nationalities())
    return tuple(reading.categories)


def cells_of(population: Population, vector: Vector) -> tuple[Key, ...]:
    """The cross of a vector's attributes less its impossible cells."""
    cross = itertools.product(*(categories_of(population.attributes[name]) for name in vector.attributes))
    return tuple(
        key for key in cross if not any(_matches(vector.attributes, key, where) for where in vector.impossible)
    )


def build(population: Population) -> Layout:
    """The layout of a population."""
    blocks: dict[str, Block] = {}
    size = 0
    for vector in population.vectors:
        keys = cells_of(population, vector)
        blocks[vector.id] = Block(vector.id, vector.attributes, keys, size)
        size += len(keys)
    equations = _equations(population, blocks, size)
    targets = tuple(_target(population, table, blocks, size) for table in population.tables)
    totals = np.vstack([_indicator(block, {}, size) for block in blocks.values()])
    margins = np.vstack([_margins(block, size) for block in blocks.values()])
    levels = distinct((totals, margins, np.vstack([target.sums for target in targets]), np.eye(size)))
    return Layout(population, blocks, size, equations, targets, totals, margins, levels)


def _matches(attributes: tuple[str, ...], key: Key, where: Where) -> bool:
    return all(key[attributes.index(name)] in set(codes) for name, codes in where.items())


def _indicator(block: Block, where: Where, size: int) -> np.ndarray:
    if unknown := set(where) - set(block.attributes):
        raise UsageError(f"The noise policy: vector {block.id} has no attribute {', '.join(sorted(unknown))}.")
    row = np.zeros(size)
    row[block.span] = block.where(where)
    return row


def _margins(block: Block, size: int) -> np.ndarray:
    codes = [(name, code) for position, name in enumerate(block.attributes) for code in _codes(block, position)]
    return np.vstack([_indicator(block, {name: (code,)}, size) for name, code in codes])


def distinct(levels: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Each sum in the first level that has it; levels that say nothing new are left out."""
    seen: set[bytes] = set()
    kept = []
    for level in levels:
        rows = {row.tobytes(): row for row in level}
        fresh = [row for key, row in rows.items() if key not in seen]
        seen |= rows.keys()
        kept += [np.vstack(fresh)] if fresh else []
    return tuple(kept)


def _codes(block: Block, position: int) -> tuple[Code, ...]:
    return tuple(dict.fromkeys(key[position] for key in block.keys))


def _equations(population: Population, blocks: Mapping[str, Block], size: int) -> np.ndarray:
    rows = []
    for relation in population.relations:
        common = [categories_of(population.attributes[name]) for name in relation.same]
        for codes in itertools.product(*common):
            left = {name: (code,) for name, code in zip(relation.same, codes, strict=True)}
            right = {
                name: _under(population.attributes[left_name], code, relation.through.get(name))
                for (left_name, name), code in zip(relation.same.items(), codes, strict=True)
            }
            rows.append(_side(relation.left, left, blocks, size) - _side(relation.right, right, blocks, size))
    return np.vstack(rows) if rows else np.zeros((0, size))


def _under(reading: Reading, category: Code, through: str | None) -> tuple[Code, ...]:
    """The codes of the right attribute that are `category` of the left one: itself, or a region's nationalities."""
    if through is None:
        return (category,)
    members = reading.groups.get(str(category), (category,))
    return tuple(code for code, of in region(through).items() if of in members)


def _side(side: Side, pinned: Where, blocks: Mapping[str, Block], size: int) -> np.ndarray:
    if overlap := set(side.where) & set(pinned):
        raise UsageError(f"The noise policy: a relation of {side.vector} names {', '.join(sorted(overlap))} twice.")
    return _indicator(blocks[side.vector], {**side.where, **pinned}, size)


def _target(population: Population, table: NoisyTable, blocks: Mapping[str, Block], size: int) -> Target:
    rows: dict[Key, np.ndarray] = {}
    for piece in table.pieces:
        block = blocks[piece.vector]
        choices = [_choices(population, table, piece, block, name) for name in table.dimensions]
        for combination in itertools.product(*choices):
            wanted: dict[str, set[Code]] = {name: set(codes) for name, codes in piece.where.items()}
            for _, where in combination:
                for name, codes in where.items():
                    wanted[name] = wanted.get(name, set(codes)) & set(codes)
            key = tuple(code for code, _ in combination)
            rows[key] = rows.get(key, np.zeros(size)) + _indicator(block, wanted, size)
    return Target(table, tuple(rows), np.vstack(list(rows.values())))


def _choices(
    population: Population, table: NoisyTable, piece: Piece, block: Block, name: str
) -> list[tuple[Code, dict[str, tuple[Code, ...]]]]:
    if name in piece.fixed:
        return [(piece.fixed[name], {})]
    dimension = piece.dims[name]
    if dimension.attribute not in block.attributes:
        raise UsageError(f"The noise policy: {table.id}: vector {block.id} has no attribute {dimension.attribute}.")
    if dimension.groups:
        return [(code, {dimension.attribute: members}) for code, members in dimension.groups.items()]
    position = block.attributes.index(dimension.attribute)
    return [(code, {dimension.attribute: (code,)}) for code in _codes(block, position)]
