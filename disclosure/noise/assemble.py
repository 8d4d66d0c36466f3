"""Published frames of the noisy regime: numbers, unbiased numbers, intervals, and blanks chosen on noisy values
only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from disclosure.noise.estimate import Estimate, Whole
from disclosure.noise.intervals import Noise, half_width, interval
from disclosure.noise.layout import Key, Target
from disclosure.noise.measure import Measured
from disclosure.noise.mechanisms import noise_variance
from schemas.policy_noise import Code, MeanTable
from schemas.tables import CLEAN, COUNT, LOWER, MEAN_COLUMNS, STATUS, UPPER, Audience, ProtectedTable

_DECIMALS = 2


def count_table(
    found: Estimate, numbers: Whole, target: Target, confidence: float, audience: Audience
) -> ProtectedTable:
    """One count table. `target` belongs to the full layout; cells below `show_from` are blank rows, and add up in
    `rest`."""
    table, threshold = target.table, found.layout.population.threshold
    counts = _counts(numbers, table.id)
    clean = target.sums @ found.clean
    rows = []
    for position, key in enumerate(target.keys):
        sums = target.sums[position]
        rows.append(_row(found, key, sums, float(clean[position]), counts.get(key), threshold, confidence))
    if table.rest is not None:
        hidden = np.array([key not in counts for key in target.keys])
        rest = tuple(next(iter(counts))[: len(key) - 1]) if (key := target.keys[0]) and len(key) > 1 else ()
        rest_key = (*rest, table.rest)
        sums = target.sums[hidden].sum(axis=0)
        value = float(clean[hidden].sum())
        rows.append(_row(found, rest_key, sums, value, counts[rest_key], threshold, confidence))
    return _protected(table.id, table.dimensions, rows, audience, [COUNT, CLEAN, LOWER, UPPER, STATUS], "count")


def _counts(numbers: Whole, table: str) -> dict[Key, int]:
    target = next(target for target in numbers.layout.targets if target.table.id == table)
    values = target.sums @ numbers.cells
    return {key: round(float(value)) for key, value in zip(target.keys, values, strict=True)}


def _row(
    found: Estimate, key: Key, sums: np.ndarray, clean: float, count: int | None, threshold: int, confidence: float
) -> tuple[object, ...]:
    """Key, number, unbiased number, interval, status. `count` None: the cell stands in the rest, and is blank by
    itself."""
    if not sums.any():
        return (*key, 0, 0.0, 0, 0, "zero_structural")
    low, high = interval(clean, found.noise(sums), confidence)
    if count is None or count < threshold:
        return (*key, None, None, low, high, "suppressed")
    return (*key, count, round(clean, _DECIMALS), min(low, count), max(high, count), "noisy")


def mean_table(
    found: Estimate, numbers: Whole, mean: MeanTable, sums: Measured, confidence: float, audience: Audience
) -> ProtectedTable:
    """Mean ages per category and in total: noisy sums of clamped ages over noisy numbers of people.

    n is the published number of the count tables; bounds are floats, in years, within the clamp. No sd: it is not
    measured.
    """
    rows_of = category_sums(found, mean)
    whole_rows = category_sums_of(numbers, mean)
    rows: list[tuple[object, ...]] = []
    variance = noise_variance(found.layout.population.mechanism, sums.scale)
    for name, picked in [*((str(code), [code]) for code in rows_of), (mean.total, list(rows_of))]:
        weights = np.sum([rows_of[code] for code in picked], axis=0)
        people = float(weights @ found.people)
        position = [list(rows_of).index(code) for code in picked]
        count = round(float(np.sum([whole_rows[code] for code in picked], axis=0) @ numbers.cells))
        if count < found.layout.population.threshold or people <= 0:
            rows.append((name, None, None, None, float(mean.lower), float(mean.upper), "suppressed"))
            continue
        offset = float(sums.values[position].sum()) / people
        spread = (variance * len(picked) + offset**2 * found.noise(weights).deviation ** 2) / people**2
        reach = half_width(Noise(spread * 1e4), confidence) / 1e2
        value = min(max(mean.centre + offset, mean.lower), mean.upper)
        low, high = max(value - reach, mean.lower), min(value + reach, mean.upper)
        rows.append((name, count, round(value, 1), None, round(low, 1), round(high, 1), "noisy"))
    return _protected(mean.id, (mean.column,), rows, audience, [*MEAN_COLUMNS, LOWER, UPPER, STATUS], "mean")


def category_sums(found: Estimate, mean: MeanTable) -> dict[Code, np.ndarray]:
    """Category -> weights over the full layout's cells."""
    return _sums(found.layout.blocks[mean.counts], mean.attribute, found.layout.size)


def category_sums_of(numbers: Whole, mean: MeanTable) -> dict[Code, np.ndarray]:
    """Category -> weights over the whole numbers' cells."""
    return _sums(numbers.layout.blocks[mean.counts], mean.attribute, numbers.layout.size)


def _sums(block: object, attribute: str, size: int) -> dict[Code, np.ndarray]:
    from disclosure.noise.layout import Block

    assert isinstance(block, Block)
    position = block.attributes.index(attribute)
    weights: dict[Code, np.ndarray] = {}
    for index, key in enumerate(block.keys):
        weights.setdefault(key[position], np.zeros(size))[block.offset + index] = 1
    return weights


def _protected(
    table: str,
    dimensions: tuple[str, ...],
    rows: Sequence[tuple[object, ...]],
    audience: Audience,
    columns: list[str],
    kind: str,
) -> ProtectedTable:
    frame = pd.DataFrame(rows, columns=[*dimensions, *columns])
    categories = {name: tuple(dict.fromkeys(frame[name])) for name in dimensions}
    if kind == "mean":
        types = {
            MEAN_COLUMNS[0]: "Int64",
            MEAN_COLUMNS[1]: "float64",
            MEAN_COLUMNS[2]: "float64",
            LOWER: "float64",
            UPPER: "float64",
        }
        return ProtectedTable(table, audience, "noisy", dimensions, categories, frame.astype(types), "mean")
    types = {COUNT: "Int64", CLEAN: "float64", LOWER: "Int64", UPPER: "Int64"}
    return ProtectedTable(table, audience, "noisy", dimensions, categories, frame.astype(types))
