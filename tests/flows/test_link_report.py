"""The link report and the clerk's file: estimates, shares and intervals, and nothing of anybody."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pytest

from flows.doubt import DRAWS, in_words, shown_intervals
from flows.link_report import linkage_report, page, write_report
from linkage.encode import encode_registers
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, Links, link
from linkage.review import review_file
from schemas.catalogue import Catalogue, load_catalogue
from schemas.intake import Intake, read_registers
from schemas.study import SHIPPED, load_study, resource
from schemas.synth import PRESETS, synthesise
from schemas.tables import COUNT, STATUS, ExactTable, ProtectedTable
from tabulation.shares import FEWEST, linked_shares
from tabulation.spread import Spread, linked_spread
from tabulation.tabulate import tabulate


@dataclass(frozen=True)
class World:
    intake: Intake
    attributes: dict[str, pa.Table]
    links: Links
    exact: dict[str, ExactTable]
    catalogue: Catalogue


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registers") / "data"
    study = load_study("nr2015")
    synthesise(folder, people=3000, seed=4, dirt=PRESETS["hard"])
    intake = read_registers(study, folder)
    encoded = encode_registers(intake, StudyKeys(b"r" * 32, "nr2015"), "single-site")
    links = link(encoded.linkage, LinkParameters(), None)
    catalogue = load_catalogue(resource("nr2015", "catalogue", study.catalogue), study.years)
    exact = tabulate(encoded.attributes, links.persons, study, catalogue)
    return World(intake, encoded.attributes, links, exact, catalogue)


def _shares(world: World):
    return linked_shares(world.attributes, world.links.persons, world.catalogue.vocabulary.variables["leeftijd"])


def _blanked(table: ExactTable, least: int) -> ProtectedTable:
    frame = table.frame.copy()
    blank = frame[COUNT].between(1, least - 1)
    frame[COUNT] = frame[COUNT].astype("Int64").mask(blank)
    frame[STATUS] = np.where(blank, "suppressed", "ok")
    return ProtectedTable(table.id, "restricted", "suppressed", table.dimensions, table.categories, frame)


def test_the_clerk_sees_levels_and_no_value(world):
    table = review_file(world.links)
    assert table.num_rows == world.links.review.num_rows > 0
    assert table.column_names[:5] == ["paar", "kenmerk", "links", "rechts", "kans"]
    assert table.column_names[-1] == "oordeel"
    assert set(table.column("oordeel").to_pylist()) == {""}
    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink)
    _holds_no_value(bytes(sink.getvalue()).decode(), world.intake)


def _holds_no_value(text: str, intake: Intake) -> None:
    """Names longer than three letters, numbers, birth dates: none may be in what is written."""
    for register in intake.registers.values():
        for column in ("achternaam", "voornamen", "vnummer", "geboortedatum", "d9_nummer", "iom_nummer"):
            if column in register.column_names:
                values = {value for value in register.column(column).to_pylist() if value and len(value) > 4}
                assert not {value for value in values if value in text}


def test_the_report_is_written_for_its_owner_alone_and_holds_no_value(world, tmp_path):
    spread = {"keten_overlap": _spread(world.exact["keten_overlap"], 1)}
    shown = {"keten_overlap": _blanked(world.exact["keten_overlap"], 10)}
    report = linkage_report(world.links, _shares(world), spread, shown)
    write_report(tmp_path, world.links, report, world.catalogue)
    names = {path.name: path for path in tmp_path.iterdir()}
    assert set(names) == {"report.html", "report.json", "review.csv"}
    for path in names.values():
        assert path.stat().st_mode & 0o777 == 0o600
        _holds_no_value(path.read_text(), world.intake)
    told = json.loads(names["report.json"].read_text())
    for pair in ("DTV+IND", "IND+IOM"):
        for what in ("precision", "recall"):
            part = told["registers"][pair][what]
            assert part["low"] <= part["estimate"] <= part["high"]
            assert part["estimate"] < 1
        steps = told["waterfalls"][pair]
        assert steps["surname"] > 0 > steps["prior"]
    html = names["report.html"].read_text()
    assert html.count("<svg") == len(told["waterfalls"]) >= 2
    assert "http" not in html


def _spread(table: ExactTable, by: int) -> Spread:
    counts = table.frame[COUNT].to_numpy()
    return Spread(np.maximum(counts - by, 0), counts + by, counts[np.newaxis])


def test_intervals_stand_beside_shown_cells_only(world):
    """No interval at a blank or a nought: its width would say what is hidden."""
    table = world.exact["keten_overlap"]
    spread, shown = {table.id: _spread(table, 2)}, {table.id: _blanked(table, 10)}
    mask, *_ = shown_intervals(spread, shown)[table.id]
    counts = table.frame[COUNT].to_numpy()
    assert (mask == (counts >= 10)).all()
    assert (~mask).any()
    told = linkage_report(world.links, [], spread, shown)["intervals"][table.id]
    assert [row[COUNT] for row in told] == counts[mask].tolist()
    ((_, words),) = in_words(spread, shown, world.catalogue)
    assert "at most 2 too high" in words.en
    ((_, words),) = in_words({table.id: _spread(table, 0)}, shown, world.catalogue)
    assert f"of {DRAWS} draws" in words.en


def test_shares_are_coarse_and_hide_small_groups(world):
    shares = _shares(world)
    assert {share.variable for share in shares} >= {"geslacht", "leeftijd"}
    for share in shares:
        assert share.low < share.high
        assert round(share.low * 20) == pytest.approx(share.low * 20)
        assert round(share.high * 20) == pytest.approx(share.high * 20)
    for bron, attributes in world.attributes.items():
        people = world.links.persons.to_pandas().merge(attributes.select(["token", "geslacht"]).to_pandas(), on="token")
        sizes = people.drop_duplicates(["person_id", "geslacht"])["geslacht"].value_counts()
        told = {share.group for share in shares if share.register == bron and share.variable == "geslacht"}
        assert not {group for group, size in sizes.items() if size < FEWEST} & told


def test_without_a_release_there_are_no_intervals(world):
    html = page(linkage_report(world.links, [], {}, {}), world.catalogue)
    assert "schakel run" in html


def test_a_single_register_has_a_report_too():
    """An agency that only has its own register: nobody to link, and that is said, not failed."""
    study = load_study("wodc2020")
    encoded = encode_registers(
        read_registers(study, SHIPPED / "examples" / "wodc2020"), StudyKeys(b"r" * 32, "wodc2020"), "single-site"
    )
    links = link(encoded.linkage, LinkParameters(), None)
    catalogue = load_catalogue(resource("wodc2020", "catalogue", study.catalogue), study.years)
    report = linkage_report(links, [], {}, {})
    assert report["registers"] == {}
    assert report["in_doubt"] == 0
    assert "<h1>" in page(report, catalogue)
    assert linked_spread(encoded.attributes, links.persons, [], {}, study, catalogue) == {}
