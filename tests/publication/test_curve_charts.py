"""Curves of what came first: from printed counts only, a blank leaves a range and no line, words keep apart."""

from __future__ import annotations

import re
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.publication.charts.curves import Block, apart, curves_drawing
from flows.publication.charts.draw import draw_charts, form
from flows.publication.charts.palette import QUALITATIVE
from flows.publication.incidence import panels_of
from flows.publication.labels import LANGUAGES, Language
from flows.publication.sentences import sentence
from flows.publication.views import View, make_views
from flows.through_time import told_of_time
from schemas.tables import ProtectedTable
from tests.publication.fabricate import study_and_catalogue

CATALOGUE = study_and_catalogue("routes2020")[1]
NAMES = tuple(f"routes2020_b8_{part}" for part in ("verloop", "instroom", "naief"))
Counts = list[int | None]
# B9, asylum, nothing yet; 0-5, 6-11, 12-17, 18-23, 24-35 and 36+ months.
WHOLE = [40, 30, 20, 10, 5, 0, 5, 8, 6, 4, 2, 0, 20, 20, 20, 20, 20, 10]
BLANK = [40, 30, 20, 10, 5, 0, None, None, 6, 4, 2, 0, 20, 20, 20, 20, 20, 10]
THIN = [12, 8, 4, 1, 0, 0, 2, 3, 1, 0, 0, 0, 3, 3, 3, 0, 0, 0]
HARD = [*WHOLE, *BLANK, *THIN, *WHOLE]
ENTERED = [240, 0, 0, 0, 0, 0, 0, 240, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, None, 0, 0, None, 0, 0, 0]
NAIVE = [105, 25, 110, 105, None, None, 25, 6, 9, 105, 25, 110]


def printed(name: str, counts: Counts, **also: object) -> ProtectedTable:
    categories = {item.name: tuple(item.categories or ()) for item in CATALOGUE.entry(name).dimensions}
    frame = pd.MultiIndex.from_product(categories.values(), names=list(categories)).to_frame(index=False)
    frame = frame.assign(aantal=pd.array(counts, dtype="Int64"), **also)
    frame["status"] = ["suppressed" if value is None else "ok" for value in counts]
    return ProtectedTable(name, "restricted", "suppressed", tuple(categories), categories, frame)


def tables(spells: Counts, entered: Counts = ENTERED, naive: Counts = NAIVE) -> dict[str, ProtectedTable]:
    return {name: printed(name, list(part)) for name, part in zip(NAMES, (spells, entered, naive), strict=True)}


def view(spells: Counts = HARD, entered: Counts = ENTERED) -> View:
    return make_views(tables(spells, entered), CATALOGUE, {})[0]


def drawn(made: View, language: Language = "en") -> str:
    return curves_drawing(made, language, "p").body


def texts(made: View, language: Language = "en") -> list[str]:
    return re.findall(r">([^<>]+)</t(?:ext|span)", drawn(made, language))


def strokes(body: str, colour: str) -> int:
    """How many pieces of lines a figure has in one colour."""
    return len(re.findall(rf'<line[^>]*stroke="{colour}"[^>]*stroke-width="2.5"', body))


def test_the_catalogue_asks_for_this_form_and_a_table_alone_or_under_noise_gets_another() -> None:
    assert form(view()) == "curve"
    alone = {NAMES[0]: printed(NAMES[0], list(HARD))}
    assert form(make_views(alone, CATALOGUE, {})[0]) != "curve"
    noisy = tables(HARD) | {NAMES[0]: printed(NAMES[0], list(HARD), ondergrens=0, bovengrens=9)}
    assert form(make_views(noisy, CATALOGUE, {})[0]) != "curve"
    for study in ("routes2020", "keten2015"):
        catalogue = study_and_catalogue(study)[1]
        curved = {item.table for item in catalogue.derived if item.statistic == "curve"}
        assert {entry.id for entry in catalogue.entries if entry.chart == "curve"} == curved


def test_whole_counts_are_steps_worked_out_by_hand() -> None:
    whole, _, thin, unknown = panels_of(view())
    b9 = whole.courses[0]
    assert whole.people == 240
    assert [step.month for step in b9.steps] == [6, 12, 18, 24, 36]
    assert b9.steps[0].share == pytest.approx(40 / (240 - 20 / 2)), "cut off: half of the band"
    assert b9.naive == pytest.approx(105 / 240)
    # 40, 23 and 9 in view at the start of the first three bands.
    assert (thin.thin_from, [step.month for step in thin.courses[0].steps]) == (12, [6, 12])
    assert unknown.courses == ()


def test_a_blank_has_no_line_but_a_hatched_range_and_never_a_zero() -> None:
    part = panels_of(view())[1]
    asylum = part.courses[1]
    assert all(step.share is None and 0 < step.least < step.most for step in asylum.steps)
    assert asylum.naive is None
    assert part.courses[0].steps[0].share is not None, "a first band without a blank is known"
    body = drawn(view([*BLANK * 4], [240, 0, 0, 0, 0, 0, 0] * 4))
    amber = QUALITATIVE[1]
    assert strokes(body, amber) == 0
    assert strokes(drawn(view([*WHOLE * 4], [240, 0, 0, 0, 0, 0, 0] * 4)), amber) >= 4 * 5
    assert body.count(f'fill="url(#p-hatch-{amber[1:].lower()})"') == 4 * 5
    assert "0%" in texts(view()), "the axis has a zero"
    assert not [words for words in texts(view()) if re.match(r"0(?:\.0)?% \(", words)]


def test_the_note_says_what_the_figure_shows() -> None:
    told = told_of_time(tables(HARD), CATALOGUE, {})
    assert len(told) == 8
    first = {what.en: words.en for what, words in told}
    assert first["After the B8: 2014–2016, applies for B9"] == "does not follow from what is shown"
    assert "from 12 months on fewer than 10 people in view" in first["After the B8: 2014–2017, applies for asylum"]
    asylum = first["After the B8: 2013–2016, applies for asylum"]
    assert re.search(r"after 24 months \d+–\d+% \(95%: \d+–\d+\)", asylum)
    assert "report" not in asylum, "its naive share has a blank"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_description_tells_the_first_window_in_numbers(language: Language) -> None:
    made = view()
    told = sentence(made, language)
    assert told in draw_charts([made])[1][f"{NAMES[0]}.svg"].decode()
    last = panels_of(made)[0].courses[0].steps[-1]
    assert last.share is not None
    assert f"{100 * last.share:.0f}" in told
    assert ("rapport: 44" if language == "nl" else "report: 44%") in told
    nothing = sentence(view(entered=[None] * 28), language)
    assert nothing == (
        "Uit wat getoond wordt, volgt geen curve." if language == "nl" else "No curve follows from what is shown."
    )


@given(st.lists(st.tuples(st.floats(-50, 250), st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_names_keep_apart_and_within_their_panel_where_they_fit(asked: list[tuple[float, int, int]]) -> None:
    blocks = [Block(middle, "#000000", ("x",) * name, ("1",) * numbers) for middle, name, numbers in sorted(asked)]
    tops = apart(blocks, 0, 220)
    ends = [top + block.height for top, block in zip(tops, blocks, strict=True)]
    assert (
        all(end <= after + 1e-9 for end, after in zip(ends, tops[1:], strict=False))
        or sum(block.height for block in blocks) > 220
    )
    if sum(block.height for block in blocks) <= 220:
        assert tops[0] >= -1e-9
        assert ends[-1] <= 220 + 1e-9


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_at_the_right_do_not_overlap(language: Language) -> None:
    places = re.findall(
        r'<text text-anchor="start" transform="translate\(([\d.]+),([\d.]+)\)"', drawn(view(), language)
    )
    right = sorted(float(y) for x, y in places if float(x) > 305)
    assert len(right) > 12
    assert all(after - before >= 11 for before, after in pairwise(right))
