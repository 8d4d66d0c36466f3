"""The small parts: one slip of a clerk, dates as text, V-numbers, and the page that describes the knobs."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.synth.dates import Parts, days_text, write_births
from schemas.synth.dirt import PRESETS, Dirt, LinkedDirt, Population, RowDirt
from schemas.synth.names import load_pools
from schemas.synth.numbers import SPACE, Numbers
from schemas.synth.spelling import misspelt, romanised

DOC = Path(__file__).parents[2] / "docs" / "synth.md"
words = st.text(st.characters(categories=("Ll", "Lu")), min_size=1, max_size=20)


@given(words, st.integers(0, 3), st.floats(0, 1, exclude_max=True), st.integers(0, 25))
def test_a_slip_changes_the_word_by_one_letter(word: str, kind: int, place: float, letter: int) -> None:
    wrong = misspelt(word, kind, place, letter)
    assert wrong
    assert wrong != word
    assert abs(len(wrong.lower()) - len(word.lower())) <= 1


@given(words)
def test_another_romanisation_keeps_the_first_letter(word: str) -> None:
    assert romanised(word)[:1] == word[:1]


@given(st.lists(st.dates(date(1900, 1, 1), date(2099, 12, 31)), min_size=1, max_size=20))
@pytest.mark.parametrize("date_format", ["%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%Y%m%d"])
def test_dates_read_as_python_writes_them(date_format: str, days: list[date]) -> None:
    text = days_text(np.array(days, dtype="datetime64[D]"), date_format)
    assert text.tolist() == [day.strftime(date_format) for day in days]


def test_an_absent_date_is_empty_and_a_partial_one_has_zeros() -> None:
    assert days_text(np.array(["NaT"], dtype="datetime64[D]"), "%d-%m-%Y").tolist() == [""]
    partial = Parts(np.array([1985, 1985]), np.array([0, 5]), np.array([0, 0]))
    assert partial.text("%d-%m-%Y").tolist() == ["00-00-1985", "00-05-1985"]


@given(st.integers(0, 2**32), st.lists(st.dates(date(1940, 1, 1), date(2014, 12, 30)), min_size=1, max_size=30))
def test_no_slip_makes_a_birth_after_its_reference_date(seed: int, births: list[date]) -> None:
    days = np.array(births, dtype="datetime64[D]")
    reference = days + np.timedelta64(1, "D")
    dirt = RowDirt(swapped_day_month=1, birth_digit=1)
    rng = np.random.Generator(np.random.PCG64(seed))
    parts = write_births(rng, days, reference, dirt, Counter())
    for year, month, day, latest in zip(parts.year, parts.month, parts.day, reference.tolist(), strict=True):
        assert date(int(year), int(month), int(day)) <= latest


@pytest.mark.parametrize("seed", range(5))
def test_v_numbers_are_ten_digits_and_nobody_shares_one(seed: int) -> None:
    numbers = Numbers(seed, people=200_000)
    own = numbers.of(np.arange(200_000))
    assert len(np.unique(own)) == len(own)
    assert own.min() >= 2 * SPACE
    assert own.max() < 3 * SPACE
    assert numbers.owned(own).all()
    assert not np.isin(numbers.of_ghosts(np.arange(1000)), own).any()


def test_a_mistyped_number_is_one_digit_off_and_nobodys() -> None:
    # So many people that every tenth number is taken: chance alone would hit somebody's often.
    numbers = Numbers(3, people=SPACE // 20)
    own = numbers.of(np.arange(20_000))
    wrong = numbers.mistyped(np.random.Generator(np.random.PCG64(1)), own)
    assert not numbers.owned(wrong).any()
    assert len(np.unique(wrong)) == len(wrong)
    off = [sum(x != y for x, y in zip(str(a), str(b), strict=True)) for a, b in zip(own, wrong, strict=True)]
    assert set(off) == {1}


def test_every_knob_and_preset_is_described_on_the_page() -> None:
    text = DOC.read_text(encoding="utf-8")
    knobs = {name for model in (Population, RowDirt, LinkedDirt, Dirt) for name in model.model_fields}
    for model in (Population, RowDirt, LinkedDirt, Dirt):
        for name, field in model.model_fields.items():
            assert f"`{name}`" in text, name
            if field.description:
                assert field.description in text, f"the page says something else about {name}"
    assert all(f"`{preset}`" in text for preset in PRESETS)
    named = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    files = {name for name in named if "." in name}
    assert named - files <= knobs, "the page names a knob that does not exist"


def test_nationalities_are_on_the_code_list() -> None:
    codes = (DOC.parents[1] / "schemas" / "codelists" / "regions.csv").read_text(encoding="utf-8")
    listed = {line.split(",")[0] for line in codes.splitlines()[1:]}
    groups, nationalities = load_pools()
    assert set(nationalities.codes) <= listed
    assert nationalities.cumulative[-1] == pytest.approx(1)
    assert {group.name for group in groups} >= {"west_africa", "eastern_europe", "east_asia", "arabic"}
    for group in groups:
        assert len(group.surnames_m.names) == len(group.surnames_v) > 1000
        assert not any("/" in name for name in (*group.surnames_m.names, *group.surnames_v))
