"""Primary rules: which cells may not be known exactly, judged from the exact table alone.

Each rule is a function of one cell (or one group of cells) with the field's parameter names; `primary_rows` applies those that a
policy asks for to the rows of a table. Which further cells must go to protect these is `disclosure.suppress`.
Sources: Hundepool et al., Statistical Disclosure Control, 2012 (chapters 4 and 5); Cox, Linear sensitivity measures in statistical
disclosure control, Journal of Statistical Planning and Inference 5, 1981; Willenborg & de Waal, Elements of SDC, 2001.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from schemas.catalogue import Entry
from schemas.policy_suppression import GroupDisclosure, SuppressionPolicy
from schemas.tables import COUNT, MEAN_COLUMNS, ExactTable

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
VALUE = "waarde"

__all__ = [
    "below_threshold",
    "dominated",
    "group_disclosed",
    "p_percent",
    "primary_rows",
    "quantile_of_few",
    "small_difference",
    "too_few_for_mean",
    "zeros_are_cells",
]


def below_threshold(count: int, threshold: int) -> bool:
    """Minimum frequency rule: counts from 1 to `threshold` - 1 (Hundepool et al. 2012, chapter 5)."""
    return 0 < count < threshold


def too_few_for_mean(n: int, minimum_n: int) -> bool:
    """A mean or standard deviation of 1 to `minimum_n` - 1 people: mean and deviation of two give both (ABS, ONS: ten)."""
    return 0 < n < minimum_n


def dominated(contributions: Sequence[float], n: int, k: float) -> bool:
    """(n,k) dominance: the `n` largest contributors have more than `k` per cent of the cell (Hundepool et al. 2012, 4.2).

    contributions: one nonnegative amount per contributor, in any order. An empty cell is not sensitive.
    """
    total = sum(contributions)
    return total > 0 and sum(sorted(contributions, reverse=True)[:n]) > total * k / 100


def p_percent(contributions: Sequence[float], p: float) -> bool:
    """p% rule: the second largest contributor can estimate the largest to within `p` per cent (Hundepool et al. 2012, 4.2).

    Sensitive when the rest after the two largest is less than `p` per cent of the largest: R < p/100 x1. One or two contributors
    always are.
    """
    ordered = sorted(contributions, reverse=True)
    return sum(ordered) > 0 and sum(ordered[2:]) < ordered[0] * p / 100


def group_disclosed(counts: Ints, *, nobody: bool = True) -> Bools:
    """Which categories of one group say something of everybody in it: the one that all fall in, and those that nobody falls in.

    counts: int64[categories] of the group. Without members, nothing is said about anybody. With `nobody` False only the first.
    Source: group attribute disclosure, Willenborg & de Waal 2001; Hundepool et al. 2012, chapter 5.
    """
    total = int(counts.sum())
    if total == 0:
        return np.zeros(len(counts), dtype=bool)
    found: Bools = counts == total
    return found | (counts == 0) if nobody else found


def small_difference(larger: int, smaller: int, threshold: int) -> bool:
    """Two counts of which one group is part of the other differ by 1 to `threshold` - 1: their difference counts few people.

    Differencing: Hundepool et al. 2012, chapter 5; the ABS and ONS rule of ten is a rule about differences too.
    """
    return below_threshold(larger - smaller, threshold)


def quantile_of_few(n: int, share: float, minimum: int) -> bool:
    """A quantile of `n` values with fewer than `minimum` of them on one of its sides says too much of those few.

    It must also come from counts by bands, so that it is nobody's own value. Sources: Brandt et al., Guidelines for the checking of
    output based on microdata research, ESSnet SDC 2010 (percentiles); Griffiths et al., Handbook on Statistical Disclosure
    Control for Outputs, 2019.
    """
    return n * min(share, 1 - share) < minimum


def zeros_are_cells(rules: SuppressionPolicy) -> bool:
    """Whether a zero can be blank, so that no blank is known to be at least 1."""
    return rules.zeros == "protected" or any(group.nobody for group in rules.group_disclosure)


def primary_rows(entry: Entry, exact: ExactTable, rules: SuppressionPolicy) -> Bools:
    """Per row of `exact.frame` whether some rule forbids that its count, or its mean, is known exactly."""
    count = COUNT if exact.kind == "count" else MEAN_COLUMNS[0]
    counts = exact.frame[count].to_numpy(dtype=np.int64)
    found = np.array([below_threshold(int(value), rules.threshold) for value in counts], dtype=bool)
    if exact.kind == "mean":
        found |= np.array([too_few_for_mean(int(value), rules.minimum_n) for value in counts], dtype=bool)
    if rules.zeros == "protected":
        found |= counts == 0
    for group in rules.group_disclosure if exact.kind == "count" else ():
        found |= _groups(entry, exact.frame, counts, group)
    if rules.dominance is not None or rules.p_percent is not None:
        found |= _concentrated(entry, exact, rules)
    return found


def _groups(entry: Entry, frame: pd.DataFrame, counts: Ints, rule: GroupDisclosure) -> Bools:
    """Rows of a table with the rule's variable that speak of a whole group; a group is a combination of the other dimensions."""
    found = np.zeros(len(frame), dtype=bool)
    for dimension in entry.dimensions:
        if dimension.variable != rule.variable:
            continue
        named = np.array([str(code) in rule.categories or not rule.categories for code in frame[dimension.name]])
        others = [other.name for other in entry.dimensions if other.name != dimension.name]
        keys = frame[others].apply(tuple, axis=1) if others else pd.Series([()] * len(frame), index=frame.index)
        for rows in keys.groupby(keys, sort=False).indices.values():
            found[rows] |= group_disclosed(counts[rows], nobody=rule.nobody) & named[rows]
    return found


def _concentrated(entry: Entry, exact: ExactTable, rules: SuppressionPolicy) -> Bools:
    """Rows that few people make up: amounts are units per person, in tables of means the years that a person adds."""
    totals = {dimension.name: dimension.total for dimension in entry.dimensions}
    amounts: dict[tuple[str, ...], Mapping[tuple[Any, ...], list[float]]] = {}
    found = np.zeros(len(exact.frame), dtype=bool)
    for at, codes in enumerate(exact.frame[list(exact.dimensions)].itertuples(index=False, name=None)):
        kept = {
            name: code for name, code in zip(exact.dimensions, codes, strict=True)
            if totals[name] is None or code != totals[name]
        }  # fmt: skip
        names = tuple(kept)
        if names not in amounts:
            amounts[names] = _amounts(exact.micro, names)
        mine = amounts[names].get(tuple(kept.values()), [])
        if rules.dominance is not None:
            found[at] |= dominated(mine, rules.dominance.n, rules.dominance.k)
        if rules.p_percent is not None:
            found[at] |= p_percent(mine, rules.p_percent)
    return found


def _amounts(micro: pd.DataFrame, names: tuple[str, ...]) -> dict[tuple[Any, ...], list[float]]:
    """Codes of `names` -> what each person adds there."""
    amount = micro[VALUE] if VALUE in micro.columns else pd.Series(1, index=micro.index)
    people = amount.groupby([*(micro[name] for name in names), micro["person_id"]], sort=False, observed=True).sum()
    found: dict[tuple[Any, ...], list[float]] = {}
    for key, value in people.items():
        codes = key[:-1] if isinstance(key, tuple) else ()
        found.setdefault(tuple(codes), []).append(float(value))
    return found
