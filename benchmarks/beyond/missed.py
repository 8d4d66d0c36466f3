"""Who is missed, on invented registers of known truth: do the intervals of differences between groups hold them, with linking
as it is, and is an artefact called one?

    python -m benchmarks.beyond.missed [--seeds 200] [--json FILE]

Registers are linked for real: encoded names, spelling slips, numbers that lack. Women, men, minors and regions are at the IND
equally often unless a difference was planted; the truth is the chance they were invented with.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from benchmarks.beyond.report import coverage_row, main
from benchmarks.rows import Row
from linkage.draws import draw_links
from linkage.encode import encode_registers
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link
from schemas.intake import read_registers
from schemas.study import load_study
from schemas.synth import PRESETS, Population, synthesise
from tabulation.comparisons import difference_interval, judge

PEOPLE = 1000
DRAWS = 50
# Larger small registers than the reference's, so that groups are worth comparing.
POPULATION = Population(dtv=0.3, iom=0.3, dtv_known=0.75, iom_known=0.6, dtv_iom=0.1)
WORSE = 0.35  # of the women at DT&V who are at the IND, the share taken out of it in the planted case
STUDY = load_study("nr2015")


@dataclass(frozen=True)
class Seed:
    """Counts of one seed (4): at the IND or not, women then men at DT&V; now, in every draw, and in truth."""

    now: np.ndarray
    draws: np.ndarray
    true: np.ndarray
    missed: float


def one(seed: int, *, planted: bool, folder: Path) -> Seed:
    """Invent, spoil, link and count."""
    synthesise(folder, people=PEOPLE, seed=seed, study=STUDY, dirt=PRESETS["hard"], population=POPULATION)
    persons = _truth(folder)
    women = {row["d9_nummer"] for row in _rows(folder / "dtv.csv", "cp1252") if row["geslacht"] == "V"}
    at_dtv = {person for (bron, key), person in persons.items() if bron == "DTV"}
    if planted:
        wanted = {person for (bron, key), person in persons.items() if bron == "DTV" and key in women}
        generator = np.random.Generator(np.random.PCG64(seed))
        gone = {person for person in sorted(wanted) if generator.random() < WORSE}
        _without(
            folder / "ind.csv", {key for (bron, key), person in persons.items() if bron == "IND" and person in gone}
        )
        persons = {where: person for where, person in persons.items() if not (where[0] == "IND" and person in gone)}
    at_ind = {person for (bron, _), person in persons.items() if bron == "IND"}
    sex = {person: key in women for (bron, key), person in persons.items() if bron == "DTV"}
    truth = Counter((sex[person], person in at_ind) for person in at_dtv)
    intake = read_registers(STUDY, folder)
    encoded = encode_registers(intake, StudyKeys(b"k" * 32, STUDY.id), "single-site")
    links = link(encoded.linkage, LinkParameters(), None)
    drawn = list(draw_links(links, DRAWS, LinkParameters().unique, np.random.Generator(np.random.PCG64(seed))))
    table = encoded.attributes["DTV"]
    recall = links.quality["registers"]["DTV+IND"]["recall"]["low"]
    return Seed(
        _counts(links.persons, table),
        np.stack([_counts(draw, table) for draw in drawn]),
        np.array([truth[woman, known] for woman in (True, False) for known in (True, False)]),
        1 - float(recall),
    )


def _truth(folder: Path) -> dict[tuple[str, str], str]:
    return {(row["bron"], row["sleutel"]): row["persoon"] for row in _rows(folder / "true_links.csv", "utf-8", ",")}


def _rows(path: Path, encoding: str, separator: str = ";") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return [row for row in csv.DictReader(file, delimiter=separator) if None not in row]


def _without(path: Path, numbers: set[str]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text(
        "".join(line for line in lines if line.split(";")[0].replace(".", "") not in numbers), encoding="utf-8"
    )


def _counts(persons: pa.Table, dtv: pa.Table) -> np.ndarray:
    """People at DT&V by sex and whether the IND has them: women yes, no, men yes, no."""
    frame = persons.select(["token", "bron", "person_id"]).to_pandas()
    known = set(frame.loc[frame["bron"] == "IND", "person_id"])
    rows = dtv.select(["token", "geslacht"]).to_pandas().merge(frame, on="token").drop_duplicates("person_id")
    found = Counter(zip(rows["geslacht"] == "V", rows["person_id"].isin(known), strict=True))
    return np.array([found[woman, there] for woman in (True, False) for there in (True, False)])


def rows(seeds: int) -> list[Row]:
    """Coverage of the difference, of counts, and how often each verdict falls, without and with a planted difference."""
    found: list[Row] = []
    for planted in (False, True):
        name = "a planted difference" if planted else "no difference"
        truth = -POPULATION.dtv_known * WORSE if planted else 0.0
        hits = chance = counted = cells = 0
        verdicts: Counter[str] = Counter()
        for seed in range(seeds):
            with TemporaryDirectory() as folder:
                got = one(seed, planted=planted, folder=Path(folder))
            low, high = difference_interval(got.draws)
            plain = difference_interval(got.now[np.newaxis])
            hits += low <= truth <= high
            chance += plain[0] <= truth <= plain[1]
            ends = np.quantile(got.draws, [0.025, 0.975], axis=0)
            inside = (np.minimum(ends[0], got.now) <= got.true) & (got.true <= np.maximum(ends[1], got.now))
            counted, cells = counted + int(inside.sum()), cells + len(inside)
            verdicts[judge(got.now, (low, high), plain, got.missed)] += 1
        found.append(coverage_row(f"who is missed, {name}", 100 * hits / seeds, seeds))
        found.append(Row(f"{name}: coverage without linking error in the interval", 100 * chance / seeds, "%"))
        found.append(Row(f"{name}: true counts inside their linking interval", 100 * counted / cells, "%"))
        found += [
            Row(f"{name}: called '{what}'", 100 * verdicts[what] / seeds, "%")
            for what in ("difference", "artefact", "none")
        ]
    return found


if __name__ == "__main__":
    main(rows)
