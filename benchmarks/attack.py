"""`schakel bench attack`: who can be re-identified without the key, and what the protection costs in F1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.attacks.encodings import ENCODINGS
from benchmarks.attacks.people import People, people_of, synthetic
from benchmarks.attacks.price import f1_scores
from benchmarks.attacks.suite import Outcome, pooled, run
from benchmarks.rows import Row, targeted
from schemas.errors import InputRefused

SEED = 20
HANDED_OVER = "dual2+blip"
# The largest list that the target speaks of; an overlapping scene needs half as many people again.
FULL_SIZE, QUICK_SIZE = 2000, 400
# Small scenes are drawn several times and pooled: with 200 rows one lucky guess is half a percent.
QUICK_DRAWS = 3
FEWEST = 50


def attack_rows(data: Path | None, *, quick: bool) -> list[Row]:
    """All rows of the benchmark. data: the user's registers (those of the first study), None for invented people.

    InputRefused when the registers hold too few people to attack.
    """
    size = QUICK_SIZE if quick else FULL_SIZE
    encodings = ("clk", HANDED_OVER) if quick else tuple(ENCODINGS)
    with TemporaryDirectory() as folder:
        people = synthetic(Path(folder) / "people", int(1.7 * size), SEED) if data is None else _own(data)
        size = min(size, int(len(people) / 1.5))
        if size < FEWEST:
            raise InputRefused(f"An attack needs {int(1.5 * FEWEST)} people and these registers hold {len(people)}.")
        draws = QUICK_DRAWS if quick else 1
        outcomes = pooled(o for draw in range(draws) for o in run(people, size, encodings, SEED + draw, clear=True))
        scores = f1_scores(Path(folder) / "pairs", 800 if quick else 3000, encodings, SEED)
    return [*_targets(outcomes, scores, size), *_all(outcomes, scores)]


def _own(data: Path) -> People:
    from schemas.intake import read_registers
    from schemas.study import load_study

    return people_of(read_registers(load_study("nr2015"), data).registers["IND"], "vnummer")


def _targets(outcomes: list[Outcome], scores: dict[str, float], size: int) -> Iterator[Row]:
    strong = max(o.right for o in outcomes if (o.encoding, o.attack, o.scene, o.known) == ("clk", "graph", "equal", 0))
    yield targeted(f"graph matcher on plain CLK, equal list of {size}", strong, "share re-identified", ">=", 0.95)
    ours = [o for o in outcomes if o.encoding == HANDED_OVER and not o.clear]
    for known, target in ((0.0, 0.01), (0.3, 0.05)):
        worst = max((o for o in ours if o.known == known), key=lambda o: o.right)
        name = f"{HANDED_OVER}, worst attack with {known:.0%} known ({worst.attack}, {worst.scene})"
        yield targeted(name, worst.right, "share re-identified", "<=", target)
    yield targeted(f"F1 of {HANDED_OVER} less that of CLK", scores[HANDED_OVER] - scores["clk"], "F1", ">=", -0.01)


def _all(outcomes: list[Outcome], scores: dict[str, float]) -> Iterator[Row]:
    for o in outcomes:
        clear = ", clear columns" if o.clear else ""
        name = (
            f"{o.encoding}: {o.attack}, {o.scene}, {o.known:.0%} known{clear} (guessing {o.guessing:.3%} of {o.rows})"
        )
        yield Row(name, o.right, "share re-identified")
    for encoding, score in scores.items():
        yield Row(f"{encoding}: F1 at the best threshold, without numbers", score, "F1")
