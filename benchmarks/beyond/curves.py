"""Curves from banded counts on histories of known truth: coverage of the intervals, bias, and what the naive share says.

python -m benchmarks.beyond.curves [--seeds 200] [--json FILE]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.beyond.report import coverage_row, main
from benchmarks.rows import Row
from schemas.synth.histories import HISTORIES, Hazards
from tabulation.curves import Banded, Curve, curve
from tabulation.spells import OPEN, cohort

EDGES = (6.0, 12.0, 18.0, 24.0, 36.0)  # months: the bands of the published tables
ASKED = (1, 3, 4)  # 12, 24 and 36 months
WINDOW = "2013-2017"
WHOLE = ("2008-01-01", "2013-01-01", "2017-12-31")


@dataclass(frozen=True)
class Case:
    """people: moments drawn; earlier: some lie before the window and come into view late."""

    hazards: Hazards
    people: int
    earlier: bool = False


# What `schakel synth --histories` writes after the B8, of which the IND sees two causes; who leaves otherwise stays open.
SEEN = ("b9", "asiel")
STEADY, EARLY = (HISTORIES[name].after_b8 for name in ("steady", "changing"))
LEAVING = HISTORIES["changing"].leaving(0.02).after_b8
CASES: Mapping[str, Case] = {
    "steady rates, 800 people": Case(STEADY, 800),
    "rates that change, 800 people": Case(EARLY, 800),
    "rates that change, 200 people": Case(EARLY, 200),
    "half in view late, 1,600 people": Case(EARLY, 1600, earlier=True),
    "people withdraw unseen, 800 people": Case(LEAVING, 800),
}


def days(text: str) -> int:
    """Days since 1970."""
    return int(np.datetime64(text, "D").astype(np.int64))


def drawn(case: Case, generator: np.random.Generator) -> tuple[Banded, dict[str, float]]:
    """(banded counts, naive shares by the end of the window), by way of the cohort that the tables count."""
    early, opens, closes = map(days, WHOLE)
    start = generator.integers(early if case.earlier else opens, closes, case.people).astype(np.float64)
    span, cause = case.hazards.draw(case.people, generator)
    origin = pd.DataFrame({"person_id": np.arange(case.people), "van": start})
    events = {
        name: pd.DataFrame({"person_id": np.flatnonzero(cause == at), "op": (start + span)[cause == at]})
        for at, name in enumerate(SEEN)
    }
    rows = cohort(origin, events, (WINDOW,))
    band = np.searchsorted(EDGES, rows["maanden_uit"].to_numpy(), side="right")
    bands = len(EDGES) + 1
    outcome = rows["uitkomst"].to_numpy()
    whole = np.array([np.bincount(band[outcome == name], minlength=bands) for name in (*events, OPEN)], dtype=float)
    inside = rows["maanden_in"].to_numpy()
    late = np.bincount(np.searchsorted(EDGES, inside[inside >= 0], side="right"), minlength=bands).astype(float)
    naive = {name: float((outcome[inside < 0] == name).mean()) for name in events}
    return Banded(whole[:-1], whole[-1], late, float((inside < 0).sum())), naive


def blanked(counts: Banded) -> Banded:
    """Outcomes from 1 to 4 blank, and the next larger one of each row with one, as suppression would."""
    cells = np.vstack([counts.events, counts.censored])
    small = (cells > 0) & (cells < 5)
    for row in np.flatnonzero(small.any(axis=1)):
        rest = np.where(small[row] | (cells[row] == 0), np.inf, cells[row])
        if np.isfinite(rest).any():
            small[row, int(rest.argmin())] = True
    cells = np.where(small, np.nan, cells)
    return Banded(cells[:-1], cells[-1], counts.late, counts.start)


def rows(seeds: int) -> list[Row]:
    """Per case: coverage of whole curves and of blanked ones, bias of the curve, and of the naive share at its end."""
    found = []
    for name, case in CASES.items():
        truth = case.hazards.truth(np.array(EDGES))[: len(SEEN), ASKED]
        hits, held, off, naive_off = [], [], [], []
        for seed in range(seeds):
            generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([2020, seed])))
            counts, naive = drawn(case, generator)
            whole, part = curve(counts), curve(blanked(counts))
            assert whole is not None
            hits.append(_holds(whole, truth))
            if part is not None:
                held.append(_holds(part, truth))
            off.append(whole.share[:, ASKED] - truth)
            naive_off.append([naive[cause] - at for cause, at in zip(SEEN, truth[:, -1], strict=True)])
        found.append(coverage_row(f"curve: {name}", 100 * float(np.mean(hits)), seeds))
        share = float(np.mean(held))
        found.append(Row(f"curve: {name}: coverage with blanks", 100 * share, "%", "at least 93", share > 0.93))
        bias = 100 * np.abs(np.mean(off, axis=0)).max()
        found.append(Row(f"curve: {name}: largest bias", float(bias), "points", "at most 1", bool(bias <= 1)))
        worst = 100 * np.mean(naive_off, axis=0)[int(np.abs(np.mean(naive_off, axis=0)).argmax())]
        found.append(Row(f"curve: {name}: naive share less the truth at 36 months", float(worst), "points"))
    return found


def _holds(found: Curve, truth: np.ndarray) -> np.ndarray:
    inside: np.ndarray = (found.low[:, ASKED] <= truth) & (truth <= found.high[:, ASKED])
    return inside


if __name__ == "__main__":
    main(rows)
