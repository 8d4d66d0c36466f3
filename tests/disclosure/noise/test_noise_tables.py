"""Published tables: which come out, what their columns are, and that everything adds up exactly."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noise_reference import SECRET, STUDIES, MemoryLedger, catalogue, exact, policy

from disclosure.noise import NoiseResult, protect_noisy
from disclosure.noise.layout import build
from disclosure.noise.reconcile import non_negative, whole
from disclosure.noise.squares import fit
from schemas.codelists import nationalities


@cache
def result(study: str) -> NoiseResult:
    return protect_noisy(exact(study), catalogue(study), policy(study), MemoryLedger(), "snapshot", SECRET, "public")


@pytest.mark.parametrize("study", STUDIES)
def test_only_the_policy_decides_which_tables_come_out_and_every_table_is_decided(study: str) -> None:
    named = {name for population in policy(study).populations for name in population.published}
    assert set(result(study).protected) == named
    assert [d["table"] for d in result(study).decisions] == [entry.id for entry in catalogue(study).entries]


@pytest.mark.parametrize("study", STUDIES)
def test_columns_types_and_statuses_are_those_of_the_contract(study: str) -> None:
    for table in result(study).protected.values():
        frame = table.frame
        if table.kind == "mean":
            assert list(frame.columns[-6:]) == ["n", "gemiddelde", "sd", "ondergrens", "bovengrens", "status"]
            continue
        columns = [*table.dimensions, "aantal", "aantal_zuiver", "ondergrens", "bovengrens", "status"]
        assert list(frame.columns) == columns
        assert (frame.dtypes[["aantal", "ondergrens", "bovengrens"]] == "Int64").all()
        shown = frame[frame["status"] == "noisy"]
        assert (shown["aantal"] >= 10).all()
        assert (shown["ondergrens"] <= shown["aantal"]).all()
        assert (shown["aantal"] <= shown["bovengrens"]).all()
        blank = frame[frame["status"] == "suppressed"]
        assert blank["aantal"].isna().all()
        assert blank["aantal_zuiver"].isna().all()
        assert (blank["bovengrens"] >= blank["ondergrens"]).all()
        assert not frame.duplicated(list(table.dimensions)).any()


def column_sum(study: str, table: str, **where: object) -> int | None:
    """Sum of the shown numbers, or None when a blank is among them."""
    frame = result(study).protected[table].frame
    for name, value in where.items():
        frame = frame[frame[name] == value]
    return None if frame["aantal"].isna().any() else int(frame["aantal"].sum())


def test_tables_that_share_margins_agree_exactly() -> None:
    for year in range(2010, 2015):
        names = ("nr2015_f04", "nr2015_f05", "nr2015_f06", "nr2015_f08")
        assert len({column_sum("nr2015", name, jaar=year) for name in names} - {None}) == 1
    for use in ("alleen_bedenktijd", "bedenktijd_en_aanvraag", "alleen_aanvraag"):
        names = ("nr2015_f02", "nr2015_t01_geslacht", "nr2015_t01_leeftijd", "nr2015_t01_regio")
        assert len({column_sum("nr2015", name, gebruik=use) for name in names} - {None}) == 1
    grants = result("nr2015").protected["nr2015_t02"].frame
    assert int(grants["aantal"].sum()) == column_sum("nr2015", "nr2015_f04")
    assert len({column_sum("nr2015", name) for name in ("nr2015_f09", "nr2015_f13", "nr2015_t03")} - {None}) == 1
    assert len({column_sum("nr2015", name) for name in ("nr2015_f16", "nr2015_f17", "nr2015_f20")} - {None}) == 1


def test_applications_and_reflection_periods_add_up_to_cases() -> None:
    cases = result("nr2015").protected["nr2015_f02"].frame.set_index("gebruik")["aantal"]
    periods = column_sum("nr2015", "nr2015_f01", soort="bedenktijd")
    assert periods == cases["alleen_bedenktijd"] + cases["bedenktijd_en_aanvraag"]


def test_the_list_of_nationalities_holds_every_code_whatever_the_data_hold() -> None:
    for study, table in (("nr2015", "nr2015_t02"), ("wodc2020", "wodc2020_nationaliteit")):
        frame = result(study).protected[table].frame
        assert set(frame["nationaliteit"]) == {*nationalities(), "overige_nationaliteiten"}
        shown = frame[frame["aantal"].notna() & (frame["nationaliteit"] != "overige_nationaliteiten")]
        assert (shown["aantal_zuiver"] >= 19.5).all()


def test_published_numbers_are_near_the_truth() -> None:
    """Half-widths of the plan, doubled twice over, are never exceeded by a whole table: a broken link would be."""
    exact_years = exact("nr2015")["nr2015_f04"].frame["aantal"].to_numpy()
    noisy = result("nr2015").protected["nr2015_f04"].frame["aantal"].to_numpy(dtype=float)
    assert np.abs(noisy - exact_years).max() < 40


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 5.0, 50.0]))
def test_whole_numbers_add_up_and_totals_stay_at_least_squares(seed: int, size: float) -> None:
    layout = build(policy("nr2015").populations[1])
    generator = np.random.Generator(np.random.PCG64(seed))
    solution = fit(layout.equations, np.full(layout.size, 4.5))
    estimate = solution.gain @ (generator.poisson(size, layout.size) + generator.laplace(0, 1.5, layout.size))
    cells = non_negative(estimate, solution.covariance, layout.equations, layout.levels)
    numbers = whole(cells, layout.equations, layout.levels)
    assert (cells >= 0).all()
    assert np.abs(layout.equations @ cells).max() < 1e-4 * max(size, 1)
    assert (numbers >= 0).all()
    assert not (layout.equations @ numbers).any()
    totals = layout.totals
    assert np.abs(totals @ cells - np.maximum(totals @ estimate, 0)).max() < 1e-3 * max(size, 1)
    assert np.abs(totals @ numbers - totals @ cells).max() <= 0.5 + 1e-3
