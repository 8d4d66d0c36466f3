"""Contradictions between totals: planted ones are found and explained, consistent tables are left alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import Catalogue, load_catalogue
from schemas.study import load_study, resource
from tabulation.consistency import Claim, contradictions, percent_claim
from tabulation.equations import Grid, equations

YEARS = (2010, 2011, 2012, 2013, 2014)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    study = load_study("nr2015")
    return load_catalogue(resource("nr2015", "catalogue", study.catalogue), study.years)


def grid(catalogue: Catalogue, table: str, merged: dict[str, tuple[str, ...]] | None = None, origin: str = "a") -> Grid:
    """A table in full, or with codes of its last dimension merged."""
    entry = catalogue.entry(table)
    axes = []
    for dimension in entry.dimensions:
        codes = dimension.categories or ("NGA", "HUN")
        axes.append({code: frozenset(f for f, to in dimension.fold.items() if to == code) for code in codes})
    for code, parts in (merged or {}).items():
        axes[-1][code] = frozenset().union(*(axes[-1].pop(part) for part in parts))
    return Grid(origin, table, tuple(item.name for item in entry.dimensions), tuple(axes))


def exactly(where: int, cells: dict[tuple[object, ...], float]) -> list[Claim]:
    return [Claim(f"{where} {cell}", where, (cell,), value, value) for cell, value in cells.items()]  # type: ignore[arg-type]


def f04(counts: Sequence[int]) -> dict[tuple[object, ...], float]:
    return {(year,): count for year, count in zip(YEARS, counts, strict=True)}


def by_sex(women: Sequence[int], men: Sequence[int]) -> dict[tuple[object, ...], float]:
    return {
        (year, sex): count
        for sex, counts in (("V", women), ("M", men), ("O", [0] * 5))
        for year, count in zip(YEARS, counts, strict=True)
    }


def test_margins_that_agree_are_left_alone(catalogue: Catalogue) -> None:
    grids = [grid(catalogue, "nr2015_f04"), grid(catalogue, "nr2015_f05")]
    claims = exactly(0, f04([30, 30, 30, 30, 30])) + exactly(1, by_sex([20] * 5, [10] * 5))
    assert contradictions(catalogue, grids, claims) == []


def test_one_wrong_margin_is_found_with_its_parts_and_nothing_else(catalogue: Catalogue) -> None:
    grids = [grid(catalogue, "nr2015_f04"), grid(catalogue, "nr2015_f05")]
    claims = exactly(0, f04([30, 30, 34, 30, 30])) + exactly(1, by_sex([20] * 5, [10] * 5))
    (found,) = contradictions(catalogue, grids, claims)
    assert found.gap == pytest.approx(4)
    assert {claim.words for claim in found.claims} == {
        "0 (2012,)", "1 (2012, 'V')", "1 (2012, 'M')", "1 (2012, 'O')",
    }  # fmt: skip
    assert "nr2015_f04 and nr2015_f05 both count" in found.why[0]


def test_merged_categories_are_tied_to_what_they_merge(catalogue: Catalogue) -> None:
    coarse = grid(catalogue, "nr2015_f05", {"M_of_onbekend": ("M", "O")}, origin="b")
    grids = [grid(catalogue, "nr2015_f05"), coarse]
    low = {(year, "M_of_onbekend"): 9.0 for year in YEARS}
    claims = exactly(0, by_sex([20] * 5, [10] * 5))
    assert len(contradictions(catalogue, grids, claims + exactly(1, low))) == 5
    assert not contradictions(catalogue, grids, claims + exactly(1, dict.fromkeys(low, 10.0)))


def test_regions_are_tied_to_nationalities_by_the_list_of_the_table(catalogue: Catalogue) -> None:
    grids = [grid(catalogue, "nr2015_t02"), grid(catalogue, "nr2015_f08")]
    nigerians = {(year, "NGA"): 5.0 for year in YEARS}
    africans = {(year, "afrika"): 4.0 for year in YEARS}
    found = contradictions(catalogue, grids, exactly(0, nigerians) + exactly(1, africans))
    assert [item.gap for item in found] == pytest.approx([1.0] * 5)
    europeans = {(year, "eu2004"): 4.0 for year in YEARS}
    assert not contradictions(catalogue, grids, exactly(0, nigerians) + exactly(1, europeans))


def test_relations_of_the_catalogue_are_used(catalogue: Catalogue) -> None:
    grids = [grid(catalogue, "nr2015_f03"), grid(catalogue, "nr2015_f04")]
    claims = exactly(0, {("INGEWILLIGD",): 100.0}) + exactly(1, f04([1, 1, 30, 30, 30]))
    (found,) = contradictions(catalogue, grids, claims)
    assert found.gap == pytest.approx(10)
    assert found.why == ("Figure 3's grants are the grants of its three years.",)


def test_blanks_are_unknown_but_never_negative(catalogue: Catalogue) -> None:
    grids = [grid(catalogue, "nr2015_f04"), grid(catalogue, "nr2015_f05")]
    shown = exactly(1, {(2010, "V"): 20.0})
    assert not contradictions(catalogue, grids, exactly(0, f04([30, 1, 1, 1, 1])) + shown)
    (found,) = contradictions(catalogue, grids, exactly(0, f04([19, 1, 1, 1, 1])) + shown)
    assert found.gap == pytest.approx(1)


def test_intervals_are_respected_not_their_points(catalogue: Catalogue) -> None:
    grids = [grid(catalogue, "nr2015_f04"), grid(catalogue, "nr2015_f05")]
    parts = [Claim("women", 1, ((2010, "V"),), 15, 25), Claim("men", 1, ((2010, "M"), (2010, "O")), 8, 12)]
    assert not contradictions(catalogue, grids, [Claim("all", 0, ((2010,),), 36, 40), *parts])
    assert contradictions(catalogue, grids, [Claim("all", 0, ((2010,),), 38, 40), *parts])[0].gap == pytest.approx(1)


def test_shares_of_an_unknown_total_can_contradict(catalogue: Catalogue) -> None:
    grids = [grid(catalogue, "nr2015_f05")]
    whole = tuple((2010, sex) for sex in ("V", "M", "O"))
    claims = [
        Claim("women 60 %", 0, ((2010, "V"),), 0.595, 0.605, whole=whole),
        Claim("men 45 %", 0, ((2010, "M"),), 0.445, 0.455, whole=whole),
    ]
    assert not contradictions(catalogue, grids, claims), "all zero is possible while nothing is known to be there"
    claims.append(Claim("some", 0, whole, 100, math.inf))
    assert {claim.words for claim in contradictions(catalogue, grids, claims)[0].claims} == {
        "women 60 %",
        "men 45 %",
        "some",
    }


def test_two_editions_of_a_table_must_agree(catalogue: Catalogue) -> None:
    grids = [grid(catalogue, "nr2015_f04"), grid(catalogue, "nr2015_f04", origin="b")]
    claims = exactly(0, f04([30] * 5)) + exactly(1, f04([30, 30, 30, 30, 31]))
    assert len(contradictions(catalogue, grids, claims)) == 1


def test_percentages_that_no_count_gives() -> None:
    assert percent_claim(70.8, 1, 786)[2] is False
    assert percent_claim(70.8, 1, 787)[:2] == (557, 557)
    assert percent_claim(4.1, 1, 919) == (38, 38, True)


@given(st.integers(1, 5000), st.data(), st.integers(0, 3))
def test_a_printed_percentage_always_reaches_its_count(n: int, data: st.DataObject, decimals: int) -> None:
    count = data.draw(st.integers(0, n))
    low, high, reachable = percent_claim(round(100 * count / n, decimals), decimals, n)
    assert reachable
    assert low <= count <= high


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=15, max_size=15), st.integers(0, 14), st.integers(1, 9))
def test_true_tables_never_contradict_and_a_planted_error_always_does(counts: list[int], at: int, error: int) -> None:
    study = load_study("nr2015")
    catalogue = load_catalogue(resource("nr2015", "catalogue", study.catalogue), study.years)
    grids = [grid(catalogue, "nr2015_f05"), grid(catalogue, "nr2015_f04")]
    cells = dict(zip(grids[0].cells(), map(float, counts), strict=True))
    years = {(year,): sum(value for cell, value in cells.items() if cell[0] == year) for year in YEARS}
    assert not contradictions(catalogue, grids, exactly(0, cells) + exactly(1, years))
    wrong = list(cells)[at]
    found = contradictions(catalogue, grids, exactly(0, cells | {wrong: cells[wrong] + error}) + exactly(1, years))
    (only,) = found
    # Undoing the error mends everything, so less than it may do, where another claim can share the burden.
    assert 0 < only.gap <= error + 1e-6


def test_equations_hold_for_the_exact_reference_tables(catalogue: Catalogue) -> None:
    from tests.tabulation.tabulation_reference import reference_tables

    tables = {name: table for name, table in reference_tables("nr2015").items() if table.kind == "count"}
    grids, value = [], {}
    for table in tables.values():
        entry = catalogue.entry(table.id)
        axes = tuple(
            {code: frozenset(f for f, to in item.fold.items() if to == code) for code in table.categories[item.name]}
            for item in entry.dimensions
        )
        for row in table.frame.itertuples(index=False):
            value[len(grids), tuple(row)[: len(axes)]] = row.aantal
        grids.append(Grid("reference", table.id, table.dimensions, axes))
    found = equations(catalogue, grids)
    assert len(found) > 1000
    assert all(sum(weight * value[cell] for cell, weight in item.sums.items()) <= 1e-9 for item in found)
