"""An instance folder (`micro.csv`, `hierarchy_<DIM>.csv`, `instance.toml`) as a system of cells and equations."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from disclosure.suppress.system import Ints, System, SystemBuilder
from schemas.errors import InputRefused
from schemas.toml import Strict, read_toml

ROOT = "Total"


class InstanceRule(Strict):
    """Primary rule of an instance: counts from 1 to `threshold` - 1; the range must contain [v - down, v + up]."""

    threshold: int = Field(ge=1)
    zeros: Literal["published", "protected"] = "published"
    protect_down: int = Field(default=1, ge=0)
    protect_up: int = Field(default=1, ge=0)


class InstanceTable(Strict):
    """One table: its file name and its dimensions."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    dimensions: list[str] = Field(min_length=1)

    @field_validator("dimensions")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        for name in value:
            if value.count(name) > 1:
                raise ValueError(
                    f"a table names every dimension once, and this one names '{name}' {value.count(name)} times"
                )
        return value


class InstanceFile(Strict):
    """`instance.toml`."""

    name: str
    note: str = ""
    rule: InstanceRule
    table: list[InstanceTable] = Field(min_length=1)


@dataclass(frozen=True)
class Hierarchy:
    """A tree of codes. `paths[code]` are the nodes from the root to a leaf; `children[node]` in file order."""

    name: str
    nodes: tuple[str, ...]
    children: dict[str, tuple[str, ...]]
    paths: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Instance:
    """An instance ready for protection. `layout[table]` lists (codes in the order of its dimensions, cell index)."""

    name: str
    rule: InstanceRule
    tables: tuple[InstanceTable, ...]
    system: System
    layout: dict[str, list[tuple[tuple[str, ...], int]]]


def read_hierarchy(path: Path, name: str) -> Hierarchy:
    """Read `code,parent`. InputRefused on a missing root, a repeated code, a parent that is not there, or a cycle."""
    frame = _read_csv(path)
    if list(frame.columns) != ["code", "parent"]:
        raise InputRefused(f"{path.name} must have the columns code,parent.")
    parents = dict(zip(frame["code"], frame["parent"], strict=True))
    if len(parents) != len(frame):
        raise InputRefused(f"{path.name} lists a code twice; give every code one parent.")
    if parents.get(ROOT) != "":
        raise InputRefused(f"{path.name} has no root: add a line '{ROOT},' with an empty parent.")
    children: dict[str, list[str]] = {code: [] for code in parents}
    for code, parent in parents.items():
        if code == ROOT:
            continue
        if parent not in parents:
            what = "no parent" if parent == "" else f"the parent '{parent}', which is not a code of this file"
            raise InputRefused(f"{path.name}: the code '{code}' has {what}; only {ROOT} stands alone.")
        children[parent].append(code)
    above = {code: _path(code, parents, path.name) for code in parents}
    leaves = {code: trail for code, trail in above.items() if not children[code]}
    return Hierarchy(name, tuple(parents), {k: tuple(v) for k, v in children.items() if v}, leaves)


def _path(code: str, parents: dict[str, str], file: str) -> tuple[str, ...]:
    trail = [code]
    while parents[trail[-1]] != "":
        trail.append(parents[trail[-1]])
        if len(trail) > len(parents):
            raise InputRefused(f"{file}: the code '{code}' lies on a cycle of parents; every code must lead to {ROOT}.")
    return tuple(reversed(trail))


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError:
        raise InputRefused(f"{path.name} is missing from the instance folder; add it.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError):
        raise InputRefused(f"{path.name} is not a readable CSV file; write it as UTF-8 with a header.") from None


def read_instance(folder: Path) -> Instance:
    """Read and count an instance. InputRefused (exit 3) or UsageError (exit 2) say which file, what, and what to do."""
    spec = read_toml(folder / "instance.toml", InstanceFile)
    if len({table.id for table in spec.table}) != len(spec.table):
        raise InputRefused("instance.toml names two tables alike; give every table its own id.")
    names = list(dict.fromkeys(name for table in spec.table for name in table.dimensions))
    trees = {name: read_hierarchy(folder / f"hierarchy_{name}.csv", name) for name in names}
    micro = _read_csv(folder / "micro.csv")
    for name in names:
        _check_codes(micro, trees[name])
    if micro.empty:
        raise InputRefused("micro.csv has no rows; there is nothing to protect.")
    builder = SystemBuilder()
    layout = {table.id: _add_table(builder, table.dimensions, trees, micro, spec.rule) for table in spec.table}
    for at, value in enumerate(builder.values):
        if value < spec.rule.threshold:
            builder.primary.add(at)
    return Instance(spec.name, spec.rule, tuple(spec.table), builder.build(), layout)


def _check_codes(micro: pd.DataFrame, tree: Hierarchy) -> None:
    if tree.name not in micro.columns:
        raise InputRefused(f"micro.csv has no column '{tree.name}', which instance.toml names as a dimension.")
    wrong = ~micro[tree.name].isin(list(tree.paths))
    if wrong.any():
        line = int(np.flatnonzero(wrong.to_numpy())[0]) + 2
        raise InputRefused(
            f"micro.csv line {line}, column '{tree.name}': the code is not a leaf of hierarchy_{tree.name}.csv "
            f"({int(wrong.sum())} rows); use leaf codes."
        )


def _add_table(
    builder: SystemBuilder, dims: list[str], trees: dict[str, Hierarchy], micro: pd.DataFrame, rule: InstanceRule
) -> list[tuple[tuple[str, ...], int]]:
    counted = _count_nodes(dims, trees, micro)
    if rule.zeros == "protected":
        for codes in itertools.product(*(trees[d].nodes for d in dims)):
            counted.setdefault(codes, (0, 0, -1, -1))
    lower = 1 if rule.zeros == "published" else 0
    at = {}
    for codes, (value, people, first, last) in counted.items():
        key = tuple(sorted((d, c) for d, c in zip(dims, codes, strict=True) if c != ROOT))
        at[codes] = builder.cell(key, value, (people, first, last), lower=lower)
    for codes, cell in at.items():
        for position, d in enumerate(dims):
            below = trees[d].children.get(codes[position], ())
            parts = [(*codes[:position], child, *codes[position + 1 :]) for child in below]
            if parts:
                builder.equation(cell, [at[part] for part in parts if part in at])
    return list(at.items())


def _count_nodes(
    dims: list[str], trees: dict[str, Hierarchy], micro: pd.DataFrame
) -> dict[tuple[str, ...], tuple[int, int, int, int]]:
    """Every non-empty cell of the cross of all nodes: (count, people, least row, greatest row); a row is a person."""
    depth, codes, positions = [], [], []
    for d in dims:
        position = {node: i for i, node in enumerate(trees[d].nodes)}
        deepest = max(len(path) for path in trees[d].paths.values())
        above = {
            leaf: [position[x] for x in path] + [-1] * (deepest - len(path)) for leaf, path in trees[d].paths.items()
        }
        codes.append(np.array([above[leaf] for leaf in micro[d]], dtype=np.int64))
        depth.append(range(deepest))
        positions.append(len(position))
    found: dict[tuple[str, ...], tuple[int, int, int, int]] = {}
    for levels in itertools.product(*depth):
        columns = [codes[i][:, level] for i, level in enumerate(levels)]
        rows = np.flatnonzero(np.all([c >= 0 for c in columns], axis=0))
        if not len(rows):
            continue
        flat: Ints = np.ravel_multi_index(tuple(c[rows] for c in columns), tuple(positions)).astype(np.int64)
        order = np.argsort(flat, kind="stable")
        cells, start, count = np.unique(flat[order], return_index=True, return_counts=True)
        first, last = rows[order][start], rows[order][start + count - 1]
        nodes = np.unravel_index(cells, tuple(positions))
        for i in range(len(cells)):
            name = tuple(trees[d].nodes[int(nodes[j][i])] for j, d in enumerate(dims))
            found[name] = (int(count[i]), int(count[i]), int(first[i]), int(last[i]))
    order_of = [{node: i for i, node in enumerate(trees[d].nodes)} for d in dims]
    return dict(sorted(found.items(), key=lambda item: [order_of[i][code] for i, code in enumerate(item[0])]))
