"""The rounded regime: unbiased random rounding of all tables of a release together, so that they still add up.

Every cell, printed or a margin that tables share, becomes one of the two multiples of the base next to it (a multiple stays), such
that every equation of the release holds in the rounded numbers: zero-restricted controlled rounding. Which table is drawn: the
true one, in units of the base, is written as a mixture of additive whole ones, nearest first, and one of them is drawn with its
share. So the expectation of every cell is its true count, and no single table changes more than it must for that.
Sources: Cox, A constructive procedure for unbiased controlled rounding, JASA 82, 1987 (mixtures of two); Fischetti & Salazar,
Computational experience with the controlled rounding problem, Operations Research 46(6), 1998 (linked tables).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from disclosure.attack import Attack, Secrets, attack
from disclosure.suppress.printed import read_edition
from disclosure.suppress.release import ReleaseBuilder, build
from disclosure.suppress.system import Ints, System, describe
from schemas.catalogue import Catalogue
from schemas.errors import DisclosureRefused
from schemas.policy_rounding import RoundingPolicy
from schemas.policy_suppression import SuppressionPolicy
from schemas.tables import COUNT, MEAN_COLUMNS, STATUS, Audience, ExactTable, ProtectedTable

Floats = NDArray[np.float64]
Draw = Callable[[int], Floats]
DRAWS = 5  # draws until the attacker learns nothing
EDGE = 1e-7  # a number this near to a bound lies on it
_BITS = 53

__all__ = ["RoundingResult", "round_tables", "rounded"]


@dataclass(frozen=True)
class RoundingResult:
    """Protected tables in the order of the catalogue, and what certifies them (state store only)."""

    protected: dict[str, ProtectedTable]
    certificate: dict[str, Any]


def shifts(n: int) -> Floats:
    """float64[n], uniform on [-1/2, 1/2), from the operating system's randomness; never seeded."""
    drawn = [secrets.randbits(_BITS) for _ in range(n)]
    return np.array(drawn, dtype=np.float64) / 2.0**_BITS - 0.5


def round_tables(
    tables: Mapping[str, ExactTable],
    catalogue: Catalogue,
    rules: RoundingPolicy,
    history: Sequence[Mapping[str, ProtectedTable]],
    audience: Audience,
    draw: Draw = shifts,
) -> RoundingResult:
    """One rounding of all tables of a release, attacked with everything its audience saw before.

    history  earlier rounded editions, oldest first: where they printed a cell, both roundings bound it.
    draw     tests alone give another one.
    DisclosureRefused (4) where nothing additive is near enough, where the attacker learns a small count, or where the
    audience saw exact counts of these tables before.
    """
    basis = SuppressionPolicy(threshold=rules.threshold, minimum_n=rules.threshold, insider=rules.insider)
    work = build(tables, catalogue, basis)
    joint = work.joint()
    bounds = _known_before(work, history, catalogue, basis, rules.base)
    deadline = time.monotonic() + rules.time_limit
    found: Attack | None = None
    for _ in range(DRAWS):
        values, change, bound = rounded(joint.system, rules.base, draw, max(1.0, deadline - time.monotonic()))
        found = attack(_secrets(joint.system, values, rules.base, bounds), ~joint.system.fixed, insider=rules.insider,
                       down=0, up=0)  # fmt: skip
        if found.certified:
            certificate = _certificate(joint.system, found, rules, change, bound)
            certificate["editions"] = len(history)
            return RoundingResult(_protected(joint.layout, tables, values, rules, audience), certificate)
    exposed = len({cell for _, cell in found.insiders} | set(found.outsider)) if found else 0
    raise DisclosureRefused(
        f"Rounded to {rules.base}, {exposed} small count(s) can still be worked out; take base 5, or blank cells instead."
    )


def rounded(system: System, base: int, draw: Draw, seconds: float) -> tuple[Ints, float, float]:
    """(int64[n], each one of the two multiples of `base` next to its value, such that every equation holds; how much that
    changes the printed cells; the least that any such table changes them). DisclosureRefused where there is none.
    """
    corners = _Corners(system, seconds)
    truth = system.values / base
    slack = np.array(
        [_is_slack(key) for key in system.keys], dtype=bool
    )  # any number of multiples: it is printed nowhere
    low, high = np.floor(truth), np.where(slack, np.inf, np.ceil(truth))
    low[slack] = 0.0
    weight = np.where(system.hidden, 0.0, 1.0)
    nearest = corners.nearest(truth, low, high, weight)
    if nearest is None:
        raise DisclosureRefused(
            f"No rounding of these tables to {base} adds up, or none was found in time: publish fewer tables together, allow more "
            "time, or blank cells."
        )
    point, table = truth.copy(), nearest
    while True:
        share = _share(point, table, low, high)
        if draw(1)[0] + 0.5 < share:
            break
        point = (point - share * table) / (1.0 - share)
        low = np.where(point > high - EDGE, high, low)
        high = np.where(point < low + EDGE, low, high)
        found = corners.nearest(point, low, high, weight * (1.5 + draw(system.size)))
        if found is None:
            break  # no whole table on this face: three-way tables have such faces, and the one before is as good
        table = found
    change = [float(np.abs(weight * (base * z - system.values)).sum()) for z in (table, nearest)]
    return (base * table).astype(np.int64), change[0], change[1]


def _share(point: Floats, table: Ints, low: Floats, high: Floats) -> float:
    """The largest share of `table` in `point` that leaves a rest within the bounds."""
    above, below = table > point + EDGE, (table < point - EDGE) & np.isfinite(high)
    down = (point - low)[above] / (table - low)[above]
    up = (high - point)[below] / (high - table)[below]
    return float(min(1.0, down.min(initial=1.0), up.min(initial=1.0)))


class _Corners:
    """Whole tables that add up, within bounds: a linear programme whose corners mostly are whole; branching where not."""

    def __init__(self, system: System, seconds: float) -> None:
        self.deadline, self.rows, self.size = time.monotonic() + seconds, system.equations, system.size
        matrix = system.equations.tocsc()
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = system.size, matrix.shape[0]
        model.col_cost_ = model.col_lower_ = model.col_upper_ = np.zeros(system.size)
        model.row_lower_ = model.row_upper_ = np.zeros(matrix.shape[0])
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32)
        model.a_matrix_.value_ = matrix.data.astype(np.float64)
        self.solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1)):
            self.solver.setOptionValue(option, value)
        self.solver.passModel(model)

    def nearest(self, point: Floats, low: Floats, high: Floats, weight: Floats) -> Ints | None:
        """The whole table that is nearest to `point`: between two neighbours the distance is linear. None where none is found."""
        every = np.arange(self.size, dtype=np.int32)
        cost = weight * (1.0 - 2.0 * (point - low)) * np.isfinite(high)
        self.solver.changeColsBounds(self.size, every, low, np.where(np.isfinite(high), high, highspy.kHighsInf))
        self.solver.changeColsCost(self.size, every, cost)
        for whole in (0, 1):
            self.solver.changeColsIntegrality(self.size, every, np.full(self.size, whole, dtype=np.uint8))
            left = max(1.0, self.deadline - time.monotonic())
            self.solver.setOptionValue("time_limit", self.solver.getRunTime() + left)
            self.solver.run()
            if self.solver.getInfo().primal_solution_status != 2:
                continue
            exact = np.array(self.solver.getSolution().col_value)
            table: Ints = np.rint(exact).astype(np.int64)
            if np.abs(exact - table).max(initial=0.0) < EDGE and not np.any(self.rows @ table):
                return table
        return None


def _is_slack(key: object) -> bool:
    return isinstance(key, tuple) and bool(key) and key[0] == "slack"


def _secrets(system: System, values: Ints, base: int, before: Mapping[int, tuple[int, int]]) -> Secrets:
    """The attacker knows how far a rounded number can be from the true one, and that an empty cell is empty."""
    width = base - 1
    top = np.iinfo(np.int32).max
    lower = np.where(system.hidden, 0, values - width).clip(0).astype(np.int64)
    upper = np.where(system.hidden, top, values + width).astype(np.int64)
    for at, (low, high) in before.items():
        if low <= system.values[at] <= high:  # otherwise the cell was corrected in between
            lower[at], upper[at] = max(lower[at], low), min(upper[at], high)
    return Secrets(
        system.values, system.equations, system.primary & ~system.hidden, lower, system.people, system.first, system.last,
        upper, lower,
    )  # fmt: skip


def _known_before(
    work: ReleaseBuilder, history: Sequence[Mapping[str, ProtectedTable]], catalogue: Catalogue, basis: SuppressionPolicy,
    base: int,
) -> dict[int, tuple[int, int]]:  # fmt: skip
    """Cell -> the bounds that earlier roundings of it leave together."""
    found: dict[int, tuple[int, int]] = {}
    for tables in history:
        if any(table.regime != "rounded" for table in tables.values()):
            raise DisclosureRefused(
                "This audience saw tables of this study with blanks before, and beside those a rounded number hides nothing; "
                "keep the regime, or give the study a new id."
            )
        edition = read_edition(tables, catalogue, basis)
        for at, value in edition.shown.items():
            here = work.cells.index.get(edition.keys[at])
            if here is not None:
                low, high = found.get(here, (0, np.iinfo(np.int32).max))
                found[here] = (max(low, value - base + 1), min(high, value + base - 1))
    return found


def _protected(
    layout: Mapping[str, list[int]],
    tables: Mapping[str, ExactTable],
    values: Ints,
    rules: RoundingPolicy,
    audience: Audience,
) -> dict[str, ProtectedTable]:
    """The frames with rounded counts; means stay as they are where enough people stand behind them, else they are left out."""
    found = {}
    for name, exact in tables.items():
        frame = exact.frame.copy()
        count = COUNT if exact.kind == "count" else MEAN_COLUMNS[0]
        few = (exact.frame[count] < rules.minimum_n).to_numpy()
        frame[count] = pd.array([int(values[at]) if at >= 0 else 0 for at in layout[name]], dtype="Int64")
        if exact.kind == "mean":
            for column in MEAN_COLUMNS[1:]:
                frame[column] = frame[column].astype("Float64").mask(few)
        frame[STATUS] = pd.Series("rounded", index=frame.index, dtype=object)
        found[name] = ProtectedTable(name, audience, "rounded", exact.dimensions, exact.categories, frame, exact.kind)
    return found


def _certificate(system: System, found: Attack, rules: RoundingPolicy, change: float, bound: float) -> dict[str, Any]:
    """JSON-able. No blank is listed: there is none; small counts are listed with what stays possible."""
    small = np.flatnonzero(system.primary & ~system.hidden).tolist()
    return {
        "version": 2, "regime": "rounded", "base": rules.base, "insider": rules.insider,
        "measure": change, "bound": bound,
        "attack": {
            "certified": found.certified, "outsider": len(found.outsider), "insiders": len(found.insiders),
            "untried": found.untried, "people": found.people, "witnesses": found.witnesses,
        },
        "blanks": [],
        "small": [
            {"cell": describe(system.keys[at]), "low": int(found.reach[at, 0]), "high": int(found.reach[at, 1])} for at in small
        ],
        "insiders": [],
    }  # fmt: skip
