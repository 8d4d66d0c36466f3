"""What the restricted note says of groups and of the unseen: from shown cells alone, in both languages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flows.beyond import may_be_missing, told
from schemas.catalogue import Catalogue, Derived, load_catalogue
from schemas.study import Text, load_study, resource
from schemas.tables import ProtectedTable
from tabulation.spread import Spread

CODES = ("IND", "DTV", "IOM", "IND+DTV", "IND+IOM", "DTV+IOM", "IND+DTV+IOM")
QUALITY = {"registers": {"DTV+IND": {"recall": {"low": 0.98}}, "IND+IOM": {"recall": {"low": 0.9}}, "DTV+IOM": {}}}


def overlap(counts: tuple[int | None, ...]) -> ProtectedTable:
    frame = pd.DataFrame({"registers": CODES, "aantal": pd.array(counts, dtype="Int64")})
    frame["status"] = frame["aantal"].notna().map({True: "ok", False: "suppressed"})
    return ProtectedTable("keten_overlap", "restricted", "suppressed", ("registers",), {"registers": CODES}, frame)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    study = load_study("nr2015")
    return load_catalogue(resource("nr2015", "catalogue", study.catalogue), study.years)


def test_the_reference_overlap_is_refused_in_print(catalogue: Catalogue) -> None:
    """Four people in all three registers, nobody at DT&V and the IOM alone: the refusal is the result."""
    ((what, words),) = told({}, {"keten_overlap": overlap((1905, 15, 89, 109, 62, 0, None))}, catalogue, QUALITY)
    assert "no register sees" in what.en
    assert words.en.startswith("not estimated: the table does not say how many people are known to exactly IND+DTV+IOM")
    assert "DTV+IOM may share fewer than 10" in words.en
    assert words.nl.startswith("niet geschat: ")


def test_thick_overlaps_are_estimated_with_the_doubt_of_the_links(catalogue: Catalogue) -> None:
    counts = (600, 240, 180, 200, 150, 60, 50)
    drawn = np.array(counts) + np.array([[0] * 7, [-30, -30, 0, 30, 0, 0, 0], [30, 30, 0, -30, 0, 0, 0]])
    spread = {"keten_overlap": Spread(drawn.min(axis=0), drawn.max(axis=0), drawn)}
    sure = told({}, {"keten_overlap": overlap(counts)}, catalogue, QUALITY)[0][1].en
    unsure = told(spread, {"keten_overlap": overlap(counts)}, catalogue, QUALITY)[0][1].en
    assert sure.startswith("2,")
    assert "1,480 of them known" in sure
    assert sure != unsure


def test_a_comparison_names_its_groups_and_its_verdict(catalogue: Catalogue) -> None:
    item = Derived(
        id="x", titles=Text(nl="Bij de IND", en="At the IND"), table="nr2015_t03", statistic="compare",
        by=("uitstroom", "b8_na_signalering"),
    )  # fmt: skip
    frame = pd.DataFrame(
        [("VERGUNNING", "ja", 60), ("VERGUNNING", "nee", 15), ("ANDERE_UITSTROOM", "ja", 10), ("ANDERE_UITSTROOM", "nee", 43)],
        columns=["uitstroom", "b8_na_signalering", "aantal"],
    ).astype({"aantal": "Int64"})  # fmt: skip
    categories: dict[str, tuple[object, ...]] = {
        "uitstroom": ("VERGUNNING", "ANDERE_UITSTROOM"), "b8_na_signalering": ("ja", "nee"),
    }  # fmt: skip
    table = ProtectedTable(
        "nr2015_t03", "restricted", "suppressed", tuple(categories), categories, frame.assign(status="ok")
    )
    asked = catalogue.model_copy(update={"derived": (item,)})
    ((what, words),) = told({}, {"nr2015_t03": table}, asked, QUALITY)
    assert what.en.startswith("At the IND: other outflow / ")
    assert words.en.startswith("-61 percentage points (95%: -7")
    assert words.en.endswith("a difference, linking errors taken into account")
    hidden = frame.assign(status=["ok", "ok", "suppressed", "ok"])
    hidden.loc[2, "aantal"] = pd.NA
    table = ProtectedTable("nr2015_t03", "restricted", "suppressed", tuple(categories), categories, hidden)
    ((_, words),) = told({}, {"nr2015_t03": table}, asked, QUALITY)
    assert words.en.startswith("cannot be compared")


def test_the_poorest_pair_says_how_much_may_be_missing() -> None:
    assert may_be_missing(QUALITY) == pytest.approx(0.1)
    assert may_be_missing({}) == 0
