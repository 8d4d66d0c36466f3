"""Registers on which an analysis can be tried: what the truth file says is what the tables of the registers estimate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.through_time import steps_of
from linkage.encode import encode_registers
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link
from schemas.catalogue import load_catalogue
from schemas.intake import read_registers
from schemas.study import SHIPPED, load_study
from schemas.synth import HISTORIES, PRESETS, Histories, Population, synthesise
from schemas.synth.lists import LISTS_OF
from schemas.tables import COUNT, ExactTable, ProtectedTable
from tabulation.tabulate import tabulate
from tabulation.through_time import curves, edges
from tabulation.unseen import Refusal, Unseen
from tabulation.unseen_table import unseen
from tests.conftest import Invoke


def counted(study_id: str, folder: Path) -> dict[str, ProtectedTable]:
    """Intake, encoding, linking and tables of registers, every cell shown: nobody in them exists."""
    study = load_study(study_id)
    encoded = encode_registers(read_registers(study, folder), StudyKeys(b"k" * 32, study.id), "single-site")
    links = link(encoded.linkage, LinkParameters(), None)
    catalogue = load_catalogue(SHIPPED / "catalogue" / f"{study.catalogue}.toml", study.years)
    made = tabulate(encoded.attributes, links.persons, study, catalogue)
    return {name: shown(table) for name, table in made.items() if table.kind == "count"}


def shown(table: ExactTable) -> ProtectedTable:
    frame = table.frame.astype({COUNT: "Int64"}).assign(status="ok")
    return ProtectedTable(table.id, "restricted", "suppressed", table.dimensions, table.categories, frame)


def known(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["known"]
    return found


def synth(invoke: Invoke, folder: Path, *asked: object) -> Path:
    """`schakel synth`, clean, seed 1."""
    done = invoke("synth", "--out", folder / "data", "--dirt", "clean", *asked, state=folder / "state")
    assert done.returncode == 0, done.stderr
    return folder / "data"


def test_curves_cover_the_truth_that_the_naive_share_misses(invoke: Invoke, tmp_path: Path) -> None:
    """Histories cut off at both ends: intervals hold the truth in every window, the reports' share lies outside them."""
    asked = ("--study", "routes2020", "--people", 1500, "--histories", "changing", "--earlier", 0.3)
    folder = synth(invoke, tmp_path, *asked)
    tables, truth = counted("routes2020", folder), known(folder)
    for moment in ("bedenktijd", "b8"):
        spells, naive = tables[f"routes2020_{moment}_verloop"], tables[f"routes2020_{moment}_naief"].frame
        ends = [end for _, end in edges(spells.categories["maanden"])[:-1]]
        told = truth["curves"][moment]
        where = np.isin(told["months"], ends)
        for (window,), curve in curves(spells, tables[f"routes2020_{moment}_instroom"]).items():
            assert curve is not None
            wanted = np.array([told[str(cause)] for cause in spells.categories["vervolg"][:-1]])[:, where]
            assert ((curve.low <= wanted) & (wanted <= curve.high)).all(), (moment, window)
            if moment == "b8":
                here = naive[naive["venster"] == window].set_index("vervolg")[COUNT]
                assert here["b9"] / here.sum() < curve.low[0, -1]


def test_steps_take_the_days_that_the_truth_says(invoke: Invoke, tmp_path: Path) -> None:
    asked = ("--study", "routes2020", "--people", 1500, "--histories", "steady", "--leaving", 0.02)
    folder = synth(invoke, tmp_path, *asked)
    table, truth = counted("routes2020", folder)["routes2020_stappen"], known(folder)
    found = {step.code: {one.share: one for one in step.later} for step in steps_of(table)}
    for step in table.categories["stap"]:
        low, high = edges([found[step][0.5].band])[0]
        assert low - 5 <= truth["steps"][str(step)]["quartiles"][1] <= high + 5, step


@pytest.mark.slow
def test_the_population_behind_overlapping_lists_is_known(invoke: Invoke, tmp_path: Path) -> None:
    """People whom no register sees are in the truth file; thick overlaps find how many there are, thin ones refuse."""
    thick = synth(invoke, tmp_path / "thick", "--people", 2500, "--lists", "attracting")
    overlap = counted("nr2015", thick)["keten_overlap"]
    registers = known(thick)["registers"]
    counts = overlap.frame.set_index("registers")[COUNT]
    assert sum(abs(counts[name] - number) for name, number in registers.items() if name != "none") <= 10
    assert registers["none"] > 500
    found = unseen(overlap)
    assert isinstance(found, Unseen)
    assert found.low <= 2500 <= found.high
    thin = synth(invoke, tmp_path / "thin", "--people", 1500, "--lists", "thin")
    assert isinstance(unseen(counted("nr2015", thin)["keten_overlap"]), Refusal)


def test_people_are_withdrawn_and_women_missed_as_often_as_asked(tmp_path: Path) -> None:
    population = LISTS_OF["attracting"].population().model_copy(update={"withdrawn": 0.7, "women_missed": 0.35})
    plain = LISTS_OF["attracting"].population()
    for name, knobs in (("asked", population), ("plain", plain)):
        synthesise(tmp_path / name, people=8_000, seed=3, dirt=PRESETS["clean"], population=knobs)
    asked, before = known(tmp_path / "asked"), known(tmp_path / "plain")
    gone = 1 - asked["registers"]["IND+DTV+IOM"] / before["registers"]["IND+DTV+IOM"]
    assert gone == pytest.approx(0.7, abs=0.1)
    assert asked["people"] == before["people"] == 8_000
    shares = {who: one["at_ind"] / one["people"] for who, one in asked["at_ind"]["DTV"].items()}
    assert 100 * (shares["women"] - shares["others"]) == pytest.approx(asked["dtv_women_less_men"], abs=5)
    assert asked["dtv_women_less_men"] == pytest.approx(-100 * 0.35 * knobs_known(population), abs=1e-9)


def knobs_known(population: Population) -> float:
    return population.dtv_known * (1 - population.dtv_iom)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--leaving", 0.1), "--leaving needs --histories"),
        (("--histories", "steady", "--lists", "thin"), "leave out --lists"),
        (("--study", "wodc2020", "--withdrawn", 0.2), "no three registers"),
        (("--histories", "steady", "--people", 1), "ask for more people"),
    ],
)
def test_what_does_not_go_together_is_refused(
    invoke: Invoke, tmp_path: Path, asked: tuple[object, ...], said: str
) -> None:
    done = invoke("synth", "--out", tmp_path / "data", *asked, state=tmp_path / "state")
    assert done.returncode == 2
    assert said in done.stderr
    assert not list((tmp_path / "data").glob("*.csv"))


def test_histories_name_every_cause_in_order() -> None:
    steady = HISTORIES["steady"]
    with pytest.raises(ValueError, match="in this order"):
        Histories(after_reflection=steady.after_b8, after_b8=steady.after_b8)
    assert steady.leaving(0.03).after_b8.withdrawal == 0.03
