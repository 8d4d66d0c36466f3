"""Two readings side by side: shares of printed counts only, a blank that stays one, words that keep apart."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.publication.charts.draw import draw_charts, form
from flows.publication.charts.pairs import pairs_drawing
from flows.publication.labels import LANGUAGES, Language
from flows.publication.readings import readings
from flows.publication.sentences import sentence
from flows.publication.views import View, single_view
from schemas.tables import ProtectedTable
from tabulation.through_time import reaches
from tests.publication.fabricate import study_and_catalogue

STUDY, CATALOGUE = study_and_catalogue("routes2020")
ENTRY = CATALOGUE.entry("routes2020_lezingen")
SHAPE: dict[str, tuple[object, ...]] = {
    "lezing": ("soepel", "streng"),
    "venster": ("2013-2017", "2013-2016", "2014-2017", "2014-2016"),
    "route": (
        "alleen_regeling", "route_1", "route_2", "route_3", "tijdens_b9", "na_bedenktijd", "na_b8_overig", "na_b9_overig",
    ),
}  # fmt: skip
LENIENT = (
    (1227, 306, 58, 237, 0, 20, 0, 9),
    (903, 169, 52, 220, 0, 14, 0, 9),
    (593, 254, 19, 68, 0, 11, 0, 0),
    (299, 119, 13, 56, 0, 8, 0, 0),
)
MOVED = ((5, 38), (5, 36), (4, 13), (3, 12))  # who leaves route 2 and route 3 in the strict reading
STRICT = tuple(
    (*row[:2], row[2] - b8, row[3] - b9, b9, row[5], b8, row[7]) for row, (b8, b9) in zip(LENIENT, MOVED, strict=True)
)
COUNTS: list[int | None] = [n for table in (LENIENT, STRICT) for row in table for n in row]
SHARE = r"(\d+[.,]\d)"


def view(counts: list[int | None], **also: object) -> View:
    index = pd.MultiIndex.from_product(SHAPE.values(), names=list(SHAPE))
    frame = index.to_frame(index=False).assign(aantal=pd.array(counts, dtype="Int64"))
    frame["status"] = ["suppressed" if value is None else "ok" for value in counts]
    frame = frame.assign(**also)
    table = ProtectedTable(ENTRY.id, "restricted", "suppressed", tuple(SHAPE), SHAPE, frame)
    return single_view(table, ENTRY, {})


def blanked(*places: tuple[int, int, int]) -> View:
    """The invented table without some cells, by the places of reading, window and route."""
    counts = list(COUNTS)
    for reading, window, route in places:
        counts[reading * 32 + window * 8 + route] = None
    return view(counts)


def texts(drawn: View, language: Language) -> list[str]:
    return re.findall(r">([^<>]+)</t(?:ext|span)", pairs_drawing(drawn, language, "p").body)


def dots(drawn: View) -> list[str]:
    """The colours of the dots, in order."""
    return re.findall(r'<path transform="[^"]*" d="M[^"]*A[^"]*" fill="(#[^"]+)"', pairs_drawing(drawn, "nl", "p").body)


def test_the_catalogue_asks_for_this_form_and_intervals_or_another_shape_get_another() -> None:
    assert form(view(COUNTS)) == "readings"
    assert form(view(COUNTS, ondergrens=0, bovengrens=9)) == "bubbles"


def test_without_blanks_the_shares_are_those_of_the_method_note() -> None:
    whole = view(COUNTS)
    found = readings(whole)
    for reach in reaches(whole.table):
        drawn = np.array([(pair.first, pair.second) for pair in found.pairs[reach.route]]).T
        assert drawn == pytest.approx(reach.shares)
    assert found.by_reading == pytest.approx(max(reach.definition for reach in reaches(whole.table)))
    assert found.by_window == pytest.approx(max(reach.window for reach in reaches(whole.table)))


@given(st.sets(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 7)), max_size=12))
def test_a_blank_has_no_share_and_what_is_shown_is_never_below_the_truth(blanks: set[tuple[int, int, int]]) -> None:
    """Every share is its printed count over the printed counts of its window, whose true size is at least that."""
    true, found = readings(view(COUNTS)), readings(blanked(*blanks))
    for route, code in enumerate(SHAPE["route"]):
        for window, (pair, exact) in enumerate(zip(found.pairs[code], true.pairs[code], strict=True)):
            assert (pair.first is None, pair.second is None) == tuple((r, window, route) in blanks for r in (0, 1))
            for share, truth in ((pair.first, exact.first), (pair.second, exact.second)):
                assert share is None or truth is None or share >= truth - 1e-12
    for window, told in enumerate(found.windows):
        covered = [not any(blank[:2] == (reading, window) for blank in blanks) for reading in (0, 1)]
        assert told.whole == any(covered)


def test_an_erased_number_leaves_no_trace_in_the_figure() -> None:
    """A blank draws the same whatever stood there: nothing but what is printed enters."""
    blank = (0, 0, 5), (1, 0, 5)
    one, other = list(COUNTS), list(COUNTS)
    for reading, window, route in blank:
        place = reading * 32 + window * 8 + route
        one[place], other[place] = None, None
        assert COUNTS[place] == 20
    assert pairs_drawing(view(one), "nl", "p") == pairs_drawing(blanked(*blank), "nl", "p")
    shown = " ".join(texts(view(one), "en"))
    whole = readings(view(COUNTS)).windows[0].people
    assert f"{whole:,.0f}" not in shown
    assert f"n ≥ {whole - 20:,.0f}" in shown


def test_every_shown_cell_is_a_dot_and_a_blank_hatches_its_track() -> None:
    assert len(dots(view(COUNTS))) == len(COUNTS)
    some = blanked((0, 1, 2), (1, 2, 3), (0, 3, 5), (1, 3, 5))
    assert len(dots(some)) == len(COUNTS) - 4
    body = pairs_drawing(some, "nl", "p").body
    assert body.count('fill="url(#p-hatch-808080)"') == 3 + 1, "three cells with a blank, and the key"
    assert "hatch" not in pairs_drawing(view(COUNTS), "nl", "p").body


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_stand_as_lenient_arrow_strict_and_once_where_equal(language: Language) -> None:
    shown = texts(blanked((1, 0, 3), (0, 0, 5), (1, 0, 5)), language)
    cells = [text for text in shown if re.fullmatch(rf"(?:{SHARE}|·).*", text)]
    bare = [text.replace("\u00a0", " ").replace(",", ".").replace(" %", "%") for text in cells]
    assert "66.8%" in bare, "the scheme alone, 1,227 of the 1,837 shown: both readings the same"
    assert "12.9% → ·" in bare
    assert "·" in bare
    assert "0.0 → 2.1%" in bare, "while a B9 is pending: in the strict reading only"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_description_says_what_the_reading_makes_and_the_window_only_where_its_size_is_known(
    language: Language,
) -> None:
    whole, cut = view(COUNTS), blanked(*((reading, window, 5) for reading in (0, 1) for window in range(4)))
    _, files = draw_charts([whole])
    told = sentence(whole, language)
    assert told in files[f"{ENTRY.id}.svg"].decode()
    points = f"{100 * (readings(whole).by_reading or 0):.1f}"
    assert (points.replace(".", ",") if language == "nl" else points) in told
    assert len(re.findall(SHARE, told)) == 2
    assert readings(cut).by_window is None
    assert len(re.findall(SHARE, sentence(cut, language))) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_of_rows_keep_apart(language: Language) -> None:
    body = pairs_drawing(view(COUNTS), language, "p").body
    seen = [
        (float(x), float(y))
        for x, y in re.findall(r'<text text-anchor="start" transform="translate\(([-\d.]+),([-\d.]+)\)"', body)
    ]
    assert len(seen) > len(SHAPE["route"])
    heights = sorted(y for _, y in seen)
    assert all(after - before >= 12 for before, after in pairwise(heights))
