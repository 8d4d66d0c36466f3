"""Who is missed, on invented registers of known truth: do the intervals of differences between groups hold them, with linking
as it is, and is an artefact called one?

    python -m benchmarks.beyond.missed [--seeds 200] [--json FILE]

Registers are linked for real: encoded names, spelling slips, numbers that lack. Women and men at the IOM, who are found by name,
are at the IND equally often; of the women at DT&V a part is taken out of the IND (`women_missed`), so that there is a difference
to find. The truth is the chance they were invented with.
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
from schemas.synth.truth import of_population
from tabulation.comparisons import difference_interval, judge

PEOPLE = 1000
DRAWS = 50
# Larger small registers than the reference's, so that groups are worth comparing.
POPULATION = Population(dtv=0.3, iom=0.3, dtv_known=0.75, iom_known=0.6, dtv_iom=0.1, women_missed=0.35)
STUDY = load_study("nr2015")
KEYS = {"DTV": "d9_nummer", "IOM": "iom_nummer"}
# Percentage of people of a register at the IND too: women less men.
TRUTH = {"DTV": of_population(POPULATION)["dtv_women_less_men"] / 100, "IOM": 0.0}


@dataclass(frozen=True)
class Found:
    """Counts of one register and seed (4): at the IND or not, women then men; now, in every draw, and in truth."""

    now: np.ndarray
    draws: np.ndarray
    true: np.ndarray
    missed: float


def one(seed: int, folder: Path) -> dict[str, Found]:
    """Invent, spoil, link and count; by register."""
    synthesise(folder, people=PEOPLE, seed=seed, study=STUDY, dirt=PRESETS["hard"], population=POPULATION)
    persons = _truth(folder)
    women = _women(folder, persons)
    at_ind = _people(persons, "IND")
    encoded = encode_registers(read_registers(STUDY, folder), StudyKeys(b"k" * 32, STUDY.id), "single-site")
    links = link(encoded.linkage, LinkParameters(), None)
    drawn = list(draw_links(links, DRAWS, LinkParameters().unique, np.random.Generator(np.random.PCG64(seed))))
    found = {}
    for bron in KEYS:
        truth = Counter((who in women[bron], who in at_ind) for who in _people(persons, bron))
        table = encoded.attributes[bron]
        found[bron] = Found(
            _counts(links.persons, table),
            np.stack([_counts(draw, table) for draw in drawn]),
            np.array([truth[woman, known] for woman in (True, False) for known in (True, False)]),
            1 - float(links.quality["registers"]["+".join(sorted((bron, "IND")))]["recall"]["low"]),
        )
    return found


def _people(persons: dict[tuple[str, str], str], bron: str) -> set[str]:
    return {who for (register, _), who in persons.items() if register == bron}


def _women(folder: Path, persons: dict[tuple[str, str], str]) -> dict[str, set[str]]:
    """Per small register the people whom it has as women."""
    rows = {
        "DTV": [(row[KEYS["DTV"]], row["geslacht"] == "V") for row in _rows(folder / "dtv.csv", "cp1252")],
        "IOM": [(row[KEYS["IOM"]], row["geslacht"] == "F") for row in _rows(folder / "iom.csv", "utf-8-sig", ",")],
    }
    return {
        bron: {persons[bron, key] for key, woman in listed if woman and (bron, key) in persons}
        for bron, listed in rows.items()
    }


def _truth(folder: Path) -> dict[tuple[str, str], str]:
    return {(row["bron"], row["sleutel"]): row["persoon"] for row in _rows(folder / "true_links.csv", "utf-8", ",")}


def _rows(path: Path, encoding: str, separator: str = ";") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return [row for row in csv.DictReader(file, delimiter=separator) if None not in row]


def _counts(persons: pa.Table, register: pa.Table) -> np.ndarray:
    """People of a register by sex and whether the IND has them: women yes, no, men yes, no."""
    frame = persons.select(["token", "bron", "person_id"]).to_pandas()
    known = set(frame.loc[frame["bron"] == "IND", "person_id"])
    rows = register.select(["token", "geslacht"]).to_pandas().merge(frame, on="token").drop_duplicates("person_id")
    found = Counter(zip(rows["geslacht"] == "V", rows["person_id"].isin(known), strict=True))
    return np.array([found[woman, there] for woman in (True, False) for there in (True, False)])


def rows(seeds: int) -> list[Row]:
    """Coverage of the difference, of counts, and how often each verdict falls, without and with a difference to find."""
    seen: dict[str, list[Found]] = {bron: [] for bron in KEYS}
    for seed in range(seeds):
        with TemporaryDirectory() as folder:
            for bron, found in one(seed, Path(folder)).items():
                seen[bron].append(found)
    return [
        *_rows_of("no difference (IOM)", TRUTH["IOM"], seen["IOM"]),
        *_rows_of("a difference (DT&V)", TRUTH["DTV"], seen["DTV"]),
    ]


def _rows_of(name: str, truth: float, seen: list[Found]) -> list[Row]:
    hits = chance = counted = cells = 0
    verdicts: Counter[str] = Counter()
    for found in seen:
        low, high = difference_interval(found.draws)
        plain = difference_interval(found.now[np.newaxis])
        hits += low <= truth <= high
        chance += plain[0] <= truth <= plain[1]
        ends = np.quantile(found.draws, [0.025, 0.975], axis=0)
        inside = (np.minimum(ends[0], found.now) <= found.true) & (found.true <= np.maximum(ends[1], found.now))
        counted, cells = counted + int(inside.sum()), cells + len(inside)
        verdicts[judge(found.now, (low, high), plain, found.missed)] += 1
    seeds = len(seen)
    return [
        coverage_row(f"who is missed, {name}", 100 * hits / seeds, seeds),
        Row(f"{name}: coverage without linking error in the interval", 100 * chance / seeds, "%"),
        Row(f"{name}: true counts inside their linking interval", 100 * counted / cells, "%"),
        *(
            Row(f"{name}: called '{what}'", 100 * verdicts[what] / seeds, "%")
            for what in ("difference", "artefact", "none")
        ),
    ]


if __name__ == "__main__":
    main(rows)
