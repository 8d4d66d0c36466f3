"""Which pairs are compared, found and compared in steps, so that no machine ever holds all pairs of a pair of registers.

    rules -> blocks -> pieces of blocks -> pairs -> pairs of a range of left records -> compared

Every rule numbers its blocks and says how many pairs each will make, before a pair is made; blocks are then dealt out in
pieces of some PART pairs, and a block that is larger by itself (a number that a whole register shares) is cut along its
left rows. A pair that several rules find is made by the first of them alone, which whoever makes it sees from the numbers
of the blocks. Pairs then meet by left record, because of the spellings of two records the likeliest is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from linkage.compared import COMPARED, best_of, binary, every_pair, pairs_table, side_of, side_table
from linkage.index import (
    BLOCK_PAIRS,
    NOBODY,
    Plan,
    affordable,
    code_columns,
    pairs_in,
    planned,
    planned_by_number,
    rule_pairs,
)
from linkage.kernel import dice_pairs
from linkage.resolve import pair_keys
from linkage.views import Index, Views, Words, words_of
from schemas.engine import Engine, GroupStep, Parts, Step, Tables

# Pairs of a part: 32 MB of results, a second of work.
PART = 1_000_000
# Pairs of filters that the kernel looks at for one part: a second of work.
KERNEL_PART = 200_000_000

RULES = pa.schema(
    [("keys", pa.list_(pa.string())), ("splits", pa.list_(pa.string())), ("limit", pa.int64()), ("budget", pa.int64())]
)
PLANNED = pa.schema(
    [(name, pa.list_(kind)) for name, kind in (("left", pa.int32()), ("right", pa.int32()), ("predicted", pa.int64()))]
)
# Blocks `first` up to `last` of a rule, of their left rows the `part`th of `parts`; after the last rule: left rows.
PIECES = pa.schema([(name, pa.int64()) for name in ("rule", "first", "last", "part", "parts")])
PROPOSED = pa.schema([("range", pa.int32()), ("left", pa.int32()), ("right", pa.int32())])


@dataclass(frozen=True)
class Search:
    """What is looked for in two registers: pairs that agree on all columns of one of `keys`, or have one number, or whose
    filters, the columns `alike` side by side, have a Dice of at least `threshold` (raised where that is too many).
    """

    keys: Sequence[tuple[str, ...]]
    by_number: bool = False
    alike: Sequence[str] = field(default_factory=tuple)
    threshold: float = NOBODY


def plan_rule(part: pa.Table, given: Tables) -> pa.Table:
    """The kernel: one rule -> the block of every view of either side, and how many pairs each block makes."""
    a, b = side_of(given["left"]), side_of(given["right"])
    rule = part.to_pylist()[0]
    if rule["keys"]:
        plan = planned(a, b, tuple(rule["keys"]), rule["limit"], rule["budget"], tuple(rule["splits"]))
    else:
        plan = planned_by_number(a, b)
    columns = (plan.left, plan.right, plan.predicted)
    lists = [pa.ListArray.from_arrays(pa.array([0, len(c)], pa.int32()), pa.array(c)) for c in columns]
    return pa.table(lists, schema=PLANNED)


def make_pairs(part: pa.Table, given: Tables) -> pa.Table:
    """The kernel: one piece -> its pairs of views that no rule before has made, with the range of the left record."""
    piece = part.to_pylist()[0]
    left_blocks, right_blocks = _blocks(given["left"]), _blocks(given["right"])
    rule = piece["rule"]
    if rule < given["about"].column("rules")[0].as_py():
        some = slice(piece["part"], None, piece["parts"])
        of = left_blocks[:, rule], right_blocks[:, rule]
        left, right = pairs_in(*of, piece["first"], piece["last"], some)
    else:
        some = slice(piece["first"], piece["last"])
        filters = [_filters(given[side]) for side in ("left", "right")]
        left, right = dice_pairs(filters[0][some], filters[1], given["about"].column("threshold")[0].as_py())
        left = left + piece["first"]
    entities = [given[side].column("entity").to_numpy() for side in ("left", "right")]
    one_file = given["about"].column("one_file")[0].as_py()
    new = _first_found(left, right, left_blocks, right_blocks, rule)
    if one_file:
        new &= entities[0][left] < entities[1][right]
    left, right = left[new], right[new]
    ranges = entities[0][left] // given["about"].column("width")[0].as_py()
    return pa.table([pa.array(column.astype(np.int32)) for column in (ranges, left, right)], schema=PROPOSED)


def compare_range(tables: Tables, given: Tables) -> pa.Table:
    """The kernel: all pairs of a range of left records, compared; of the spellings of two records the likeliest, if
    `given` has the gains by which it is chosen.
    """
    left, right = (tables["pairs"].column(name).to_numpy() for name in ("left", "right"))
    order = np.argsort(pair_keys(left, right))
    compared = every_pair(pairs_table(left[order], right[order]), given)
    return best_of(compared, given["gains"]) if "gains" in given else compared


PLAN = Step("block", plan_rule, PLANNED)
MAKE_PAIRS = Step("index", make_pairs, PROPOSED)
COMPARE = GroupStep("compare", compare_range, COMPARED)


def found(a: Views, b: Views, search: Search, given: Tables, engine: Engine) -> Parts:
    """The pairs of the search, compared, in parts by ranges of left records, which are in order.

    given: what comparing shares (`compared.given_for`), with `gains` where the best spelling is asked for. Where a is b,
    each pair of its records once.
    """
    pairs, groups = proposed(a, b, search, engine)
    return engine.grouped(COMPARE, {"pairs": pairs}, "range", groups, given)


def proposed(a: Views, b: Views, search: Search, engine: Engine) -> tuple[Parts, int]:
    """The pairs of the search (PROPOSED), each once, and the number of ranges of left records that they are in."""
    plans = _plans(a, b, search, engine)
    threshold, expected = _alike(a, b, search)
    predicted = sum(int(plan.predicted.sum()) for plan in plans) + expected
    groups = max(-(-predicted // PART), 1)
    width = max(-(-a.entities // groups), 1)
    about = pa.table({"rules": [len(plans)], "threshold": [threshold], "width": [width], "one_file": [a is b]})
    alike = search.alike if threshold <= 1 else ()
    numbers = {
        name: _numbered(side, [getattr(plan, name) for plan in plans], alike)
        for name, side in (("left", a), ("right", b))
    }
    pieces = engine.parts(_pieces(a, b, plans, similar=threshold <= 1))
    return engine.map(MAKE_PAIRS, pieces, numbers | {"about": about}), groups


def _plans(a: Views, b: Views, search: Search, engine: Engine) -> list[Plan]:
    splits = tuple(code_columns(a))
    budget = rule_pairs(len(a.entity) + len(b.entity))
    rules = [{"keys": keys, "splits": [name for name in splits if name not in keys]} for keys in search.keys]
    rules += [{"keys": [], "splits": []}] * search.by_number
    parts = (pa.Table.from_pylist([rule | {"limit": BLOCK_PAIRS, "budget": budget}], RULES) for rule in rules)
    names = sorted({*splits, *(name for keys in search.keys for name in keys)})
    given = {"left": side_table(a, names), "right": side_table(b, names)}
    plans = []
    for table in engine.map(PLAN, engine.parts(parts), given):
        lists = [table.column(name).combine_chunks().flatten().to_numpy() for name in PLANNED.names]
        plans.append(Plan(*lists))
    return plans


def _alike(a: Views, b: Views, search: Search) -> tuple[float, int]:
    """The threshold to compare filters with, above 1 for not at all, and the most pairs it is expected to give."""
    if not search.alike or search.threshold > 1:
        return NOBODY, 0
    left, right = (np.hstack([side.words[name] for name in search.alike]) for side in (a, b))
    threshold = affordable(left, right, search.threshold)
    return threshold, 0 if threshold > 1 else min(rule_pairs(len(a.entity) + len(b.entity)), len(a.entity))


def _numbered(side: Views, blocks: list[NDArray[np.int32]], alike: Sequence[str]) -> pa.Table:
    """Per view its entity, its blocks under all rules, and the filters that are compared as they are."""
    # Words have eight bytes: an odd number of rules has one more, without blocks.
    rules = np.zeros((len(side.entity), len(blocks) + len(blocks) % 2), dtype=np.int32)
    for place, numbers in enumerate(blocks):
        rules[:, place] = numbers
    return pa.table(
        {"entity": side.entity, "blocks": binary(rules), **{name: binary(side.words[name]) for name in alike}}
    )


def _blocks(table: pa.Table) -> NDArray[np.int32]:
    column = table.column("blocks")
    return words_of(column, column.type.byte_width).view(np.int32)


def _filters(table: pa.Table) -> Words:
    columns = [table.column(name) for name in table.column_names if name not in ("entity", "blocks")]
    return np.hstack([words_of(column, column.type.byte_width) for column in columns])


def _pieces(a: Views, b: Views, plans: list[Plan], *, similar: bool) -> Iterator[pa.Table]:
    """Pieces of all rules, then of left rows whose filters are compared; one row each, and at least one piece."""
    pieces = [(rule, *piece) for rule, plan in enumerate(plans) for piece in cut_blocks(plan.predicted)]
    if similar:
        rows = max(KERNEL_PART // max(len(b.entity), 1), 1)
        starts = range(0, len(a.entity), rows)
        pieces += [(len(plans), start, min(start + rows, len(a.entity)), 0, 1) for start in starts]
    for piece in pieces or [(0, 1, 1, 0, 1)]:
        yield pa.Table.from_pylist([dict(zip(PIECES.names, piece, strict=True))], PIECES)


def cut_blocks(predicted: Index) -> Iterator[tuple[int, int, int, int]]:
    """(first, last, part, parts) of pieces of at most some PART pairs each: blocks with successive numbers, from 1, or a
    large one's left rows dealt out; `predicted` (k,) is what each block makes.
    """
    ends = np.cumsum(predicted)
    first = 0
    while first < len(predicted):
        before = int(ends[first] - predicted[first])
        last = max(int(np.searchsorted(ends, before + PART, side="right")), first + 1)
        parts = -(-int(ends[last - 1] - before) // PART)
        for part in range(parts):
            yield first + 1, last + 1, part, parts
        first = last


@njit(nogil=True, cache=True)
def _first_found(
    left: Index, right: Index, left_blocks: NDArray[np.int32], right_blocks: NDArray[np.int32], rule: int
) -> NDArray[np.bool_]:
    """Which pairs are in one block under none of the rules before."""
    new = np.ones(len(left), np.bool_)
    for p in range(len(left)):
        for before in range(rule):
            block = left_blocks[left[p], before]
            if block != 0 and block == right_blocks[right[p], before]:
                new[p] = False
                break
    return new
