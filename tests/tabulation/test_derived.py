"""Tests of independence, percentages and top lists: against the reports, against scipy, and with blanks."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from tabulation_reference import REFERENCE, STUDIES, reference_tables, study_and_catalogue

from tabulation.derived import ChiSquare, chi_square, derive, percentages, top_list


def grid(counts: Sequence[Sequence[int | None]]) -> pd.DataFrame:
    cells = [(f"r{i}", f"c{j}", value) for i, row in enumerate(counts) for j, value in enumerate(row)]
    return pd.DataFrame(cells, columns=["r", "c", "aantal"]).astype({"aantal": "Int64"})


def test_section_3_2() -> None:
    """The report: all people differ (63 and 80 %), African people do not (82 and 80 %), corrected or not."""
    made = reference_tables("wodc2020")
    for yates in (False, True):
        everybody = chi_square(made["wodc2020_volledig"].frame, "deelname", "doorlopen", yates=yates)
        africans = chi_square(made["wodc2020_volledig_afrika"].frame, "deelname", "doorlopen", yates=yates)
        assert everybody is not None
        assert africans is not None
        assert (everybody.df, everybody.n, africans.n) == (1, 1178, 634)
        assert everybody.p < 0.001
        assert africans.p > 0.5


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(1, 400), min_size=3, max_size=3), min_size=2, max_size=4), st.booleans())
def test_chi_square_is_scipys(counts: list[list[int]], yates: bool) -> None:
    made = chi_square(grid(counts), "r", "c")
    want = chi2_contingency(np.array(counts), correction=False)
    assert made is not None
    assert math.isclose(made.statistic, want.statistic, abs_tol=1e-9)
    assert math.isclose(made.p, want.pvalue, rel_tol=1e-6, abs_tol=1e-12)
    two = [row[:2] for row in counts[:2]]
    corrected = chi_square(grid(two), "r", "c", yates=yates)
    assert corrected is not None
    assert math.isclose(corrected.statistic, chi2_contingency(np.array(two), correction=yates).statistic, abs_tol=1e-9)


def test_a_blank_or_an_empty_margin_has_no_test() -> None:
    assert chi_square(grid([[5, None], [7, 8]]), "r", "c") is None
    assert chi_square(grid([[0, 5], [0, 8]]), "r", "c") is None
    assert chi_square(grid([[5, 6]]), "r", "c") is None


def test_percentages_with_a_blank() -> None:
    made = percentages(grid([[1, 2], [None, 4], [0, 0]]), ["r"])["percentage"]
    assert made[:2].tolist() == [33.3, 66.7]
    assert made[2:].isna().all()


@pytest.mark.parametrize(
    ("name", "table", "by", "where"),
    [
        ("nr2015", "nr2015_t01_geslacht", ["gebruik"], {"alleen_bedenktijd V": 76.0, "bedenktijd_en_aanvraag V": 77.2}),
        ("nr2015", "nr2015_t01_leeftijd", ["gebruik"], {"alleen_aanvraag minderjarig": 8.5}),
        ("nr2015", "nr2015_f17", [], {"OPVANG": 57.4, "POLITIE": 16.1, "ONBEKEND": 1.9}),
        ("nr2015", "nr2015_t03", ["uitstroom"], {"VERGUNNING ja": 54.7, "ANDERE_UITSTROOM ja": 20.8}),
        ("wodc2020", "wodc2020_fb21", ["venster"], {"2014-2016 voor": 24.4, "2014-2016 na": 14.3}),
    ],
)
def test_published_percentages(name: str, table: str, by: list[str], where: dict[str, float]) -> None:
    exact = reference_tables(name)[table]
    made = percentages(exact.frame, by).set_index(list(exact.dimensions))["percentage"]
    for key, value in where.items():
        codes = key.split()
        assert made.loc[tuple(codes) if len(codes) > 1 else codes[0]] == value


def test_top_five_shares_ranks_as_the_report_prints_them() -> None:
    made = top_list(reference_tables("nr2015")["nr2015_t02"].frame, "nationaliteit", ["jaar"])
    first = made[made["jaar"] == 2010]
    assert first["nationaliteit"].tolist() == ["NGA", "SLE", "GHA", "GIN", "CHN", "HUN", "UGA"]
    assert first["rang"].tolist() == [1, 2, 3, 3, 5, 5, 5]
    assert first["gedeeld"].tolist() == [False, False, True, True, True, True, True]
    assert not made["voorbehoud"].any()
    whole = top_list(reference_tables("nr2015")["nr2015_t02"].frame, "nationaliteit")
    with (REFERENCE / "published.csv").open(encoding="utf-8") as handle:
        printed = {
            row["cell"].split()[0]: float(row["value"]) for row in csv.DictReader(handle) if row["table"] == "table 2"
        }
    assert whole["nationaliteit"].tolist() == list(printed)
    assert all(
        abs(100 * n / 1619 - printed[code]) < 0.06
        for code, n in zip(whole["nationaliteit"], whole["aantal"], strict=True)
    )


def test_a_top_list_with_blanks_says_so() -> None:
    made = top_list(grid([[9, None, 3], [4, 4, 0]]), "c", ["r"])
    assert made["c"].tolist() == ["c0", "c2", "c0", "c1"]
    assert made["voorbehoud"].tolist() == [True, True, False, False]


@pytest.mark.parametrize("name", STUDIES)
def test_every_derived_entry_computes(name: str) -> None:
    _, catalogue = study_and_catalogue(name)
    assert catalogue.derived
    for item in (item for item in catalogue.derived if item.statistic in ("percent", "top", "chi_square")):
        made = derive(item, reference_tables(name)[item.table].frame)
        assert isinstance(made, ChiSquare) if item.statistic == "chi_square" else len(made) > 0  # type: ignore[arg-type]
