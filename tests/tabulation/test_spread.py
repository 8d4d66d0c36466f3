"""Intervals of linked tables: against tabulating every draw in full, and nought where nothing is in doubt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from linkage.draws import draw_links
from linkage.encode import encode_registers
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link
from schemas.catalogue import load_catalogue
from schemas.intake import read_registers
from schemas.study import load_study, resource
from schemas.tables import COUNT
from tabulation.spread import linked_spread
from tabulation.tabulate import tabulate

DATA = Path(__file__).resolve().parents[2] / "schemas" / "examples" / "nr2015"


@pytest.fixture(scope="module")
def tables():
    study = load_study("nr2015")
    catalogue = load_catalogue(resource("nr2015", "catalogue", study.catalogue), study.years)
    encoded = encode_registers(read_registers(study, DATA), StudyKeys(b"k" * 32, "nr2015"), "single-site")
    links = link(encoded.linkage, LinkParameters(), None)
    exact = tabulate(encoded.attributes, links.persons, study, catalogue)
    draws = list(draw_links(links, 20, LinkParameters().unique, np.random.Generator(np.random.PCG64(7))))
    return encoded.attributes, links.persons, draws, exact, study, catalogue


def test_the_interval_is_that_of_tabulating_every_draw_in_full(tables):
    attributes, persons, draws, exact, study, catalogue = tables
    spread = linked_spread(attributes, persons, draws, exact, study, catalogue)
    assert set(spread) == {entry.id for entry in catalogue.entries if entry.linked}
    assert len(spread) == 5
    full = [tabulate(attributes, draw, study, catalogue) for draw in draws]
    moved = 0
    for name, part in spread.items():
        shown = exact[name].frame[COUNT].to_numpy()
        counts = np.stack([one[name].frame[COUNT].to_numpy() for one in full])
        low, high = np.quantile(counts, [0.025, 0.975], axis=0)
        assert (part.low == np.minimum(np.floor(low), shown)).all()
        assert (part.high == np.maximum(np.ceil(high), shown)).all()
        moved += int((part.low < part.high).sum())
    assert moved


def test_without_doubt_every_interval_is_its_cell(tables):
    attributes, persons, _, exact, study, catalogue = tables
    for name, part in linked_spread(attributes, persons, [persons], exact, study, catalogue).items():
        shown = exact[name].frame[COUNT].to_numpy()
        assert (part.low == shown).all()
        assert (part.high == shown).all()


def test_people_in_three_registers_stay_whole(tables):
    """Their pair of small registers is drawn apart; it must not tear them out of the register that joins them."""
    _, persons, draws, *_ = tables

    def known_to(table) -> int:
        return int((table.to_pandas().groupby("person_id")["bron"].nunique() == 3).sum())

    assert known_to(persons) == 4
    assert np.mean([known_to(draw) for draw in draws]) > 3
