"""`schakel bench attack`: who can be re-identified without the key, and what the protection costs in F1."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.attacks.encodings import ENCODINGS
from benchmarks.attacks.people import People, people_of, synthetic
from benchmarks.attacks.price import f1_scores
from benchmarks.attacks.suite import HANDED_OVER, Outcome, pooled, run, run_salts
from benchmarks.rows import Row, targeted
from schemas.errors import InputRefused

SEED = 20
# The largest list that the target speaks of; an overlapping scene needs half as many people again.
FULL_SIZE, QUICK_SIZE = 2000, 400
# Small scenes are drawn several times and pooled: with 200 rows one lucky guess is half a percent.
QUICK_DRAWS = 3
FEWEST = 50
# Asylum registers have many people whose birth date is only a year, entered as 1 January: a salt that many share.
HEAPED = 0.2
UNIT = "share re-identified"


def attack_rows(data: Path | None, *, quick: bool) -> list[Row]:
    """All rows of the benchmark. data: the user's registers (those of the first study), None for invented people.

    InputRefused when the registers hold too few people to attack. Says on standard error how far it is.
    """
    size = QUICK_SIZE if quick else FULL_SIZE
    draws = QUICK_DRAWS if quick else 1
    encodings = ("clk", HANDED_OVER) if quick else tuple(ENCODINGS)
    with TemporaryDirectory() as name:
        folder = Path(name)
        people = synthetic(folder / "people", int(1.7 * size), SEED) if data is None else _own(data)
        size = min(size, int(len(people) / 1.5))
        if size < FEWEST:
            raise InputRefused(f"An attack needs {int(1.5 * FEWEST)} people and these registers hold {len(people)}.")
        seeds = range(SEED, SEED + draws)
        outcomes = pooled(_told(o for seed in seeds for o in run(people, size, encodings, seed, clear=True)))
        heaped = []
        if data is None:
            alike = synthetic(folder / "heaped", int(1.7 * size), SEED, first_january=HEAPED)
            heaped = pooled(_told(o for seed in seeds for o in run_salts(alike, size, HANDED_OVER, seed)))
        scores = f1_scores(folder / "pairs", 800 if quick else 3000, encodings, SEED)
    return [*_targets(outcomes, heaped, scores, size), *_summary(outcomes, scores), *_all(outcomes, heaped)]


def _told(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Each outcome as it is found, with the seconds it took, on standard error."""
    begun = perf_counter()
    for o in outcomes:
        now = perf_counter()
        sys.stderr.write(f"{_name(o)}: {o.right:.3%} ({now - begun:.0f} s)\n")
        begun = now
        yield o


def _own(data: Path) -> People:
    from schemas.intake import read_registers
    from schemas.study import load_study

    return people_of(read_registers(load_study("nr2015"), data).registers["IND"], "vnummer")


def _targets(outcomes: list[Outcome], heaped: list[Outcome], scores: dict[str, float], size: int) -> Iterator[Row]:
    strong = max(o.right for o in outcomes if (o.encoding, o.attack, o.scene, o.known) == ("clk", "graph", "equal", 0))
    yield targeted(f"graph matcher on plain CLK, equal list of {size}", strong, UNIT, ">=", 0.95)
    mined = max(o.right for o in outcomes if (o.encoding, o.attack, o.scene) == ("clk", "patterns", "equal"))
    yield Row(f"pattern mining on plain CLK, equal list of {size}", mined, UNIT)
    ours = [o for o in outcomes if o.encoding == HANDED_OVER and not o.clear]
    for title, found in ((HANDED_OVER, ours), (f"{HANDED_OVER}, {HEAPED:.0%} born on 1 January", heaped)):
        for known, target in ((0.0, 0.01), (0.3, 0.05)):
            if found:
                worst = _worst(found, known)
                name = f"{title}: worst attack, {known:.0%} known ({worst.attack}, {worst.scene}, {worst.rows} rows)"
                yield targeted(name, worst.right, UNIT, "<=", target)
    yield targeted(f"F1 of {HANDED_OVER} less that of CLK", scores[HANDED_OVER] - scores["clk"], "F1", ">=", -0.01)


def _summary(outcomes: list[Outcome], scores: dict[str, float]) -> Iterator[Row]:
    """Privacy against F1, the table of docs/linkage.md."""
    for encoding, score in scores.items():
        found = [o for o in outcomes if o.encoding == encoding and not o.clear]
        for known in (0.0, 0.3):
            worst = _worst(found, known)
            yield Row(f"{encoding}: worst attack, {known:.0%} known ({worst.attack}, {worst.scene})", worst.right, UNIT)
        clear = max((o for o in outcomes if o.encoding == encoding and o.clear), key=lambda o: o.right)
        yield Row(f"{encoding}: worst attack with clear columns (guessing {clear.guessing:.2%})", clear.right, UNIT)
        yield Row(f"{encoding}: F1 at the best threshold, without numbers", score, "F1")


def _worst(outcomes: list[Outcome], known: float) -> Outcome:
    return max((o for o in outcomes if o.known == known), key=lambda o: o.right)


def _all(outcomes: list[Outcome], heaped: list[Outcome]) -> Iterator[Row]:
    for o in outcomes:
        yield Row(f"{_name(o)} (guessing {o.guessing:.3%} of {o.rows})", o.right, UNIT)
    for o in heaped:
        yield Row(f"{HEAPED:.0%} born on 1 January, {_name(o)} (guessing {o.guessing:.3%} of {o.rows})", o.right, UNIT)


def _name(o: Outcome) -> str:
    return f"{o.encoding}: {o.attack}, {o.scene}, {o.known:.0%} known{', clear columns' if o.clear else ''}"
