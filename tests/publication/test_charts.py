"""Figures: blanks are hatched, lines break at them, labels keep apart, and SVG says in words what it shows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.publication.cells import Point
from flows.publication.charts.bubbles import bubbles_drawing
from flows.publication.charts.draw import draw_charts, form
from flows.publication.charts.flow import flow_drawing
from flows.publication.charts.palette import QUALITATIVE, text_on
from flows.publication.charts.series import ticks
from flows.publication.charts.shell import lines
from flows.publication.charts.stacks import segments
from flows.publication.views import View, make_views, single_view
from schemas.tables import ProtectedTable
from tests.publication.conftest import STUDIES
from tests.publication.fabricate import protected, study_and_catalogue

Releases = Callable[[str], Path]
SVG = "{http://www.w3.org/2000/svg}"


def views(study_id: str, regime: str = "suppressed") -> dict[str, View]:
    _, catalogue = study_and_catalogue(study_id)
    tables = protected(study_id, catalogue, "public", regime)  # type: ignore[arg-type]
    return {view.table.id: view for view in make_views(tables, catalogue, {})}


@pytest.mark.parametrize("study_id", STUDIES)
def test_every_svg_has_title_description_and_no_outside(releases: Releases, study_id: str) -> None:
    for path in (releases(study_id) / "public").glob("*.svg"):
        root = ET.fromstring(path.read_text(encoding="utf-8"))
        titles = [element.text for element in root.findall(f"{SVG}title")]
        descriptions = [element.text or "" for element in root.findall(f"{SVG}desc")]
        assert len(titles) == len(descriptions) == 2
        assert all(titles)
        assert all(len(text) > 10 for text in descriptions)
        assert root.get("role") == "img"
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text
        assert "<image" not in text
        defined = set(re.findall(r'<pattern id="([^"]+)"', text))
        assert set(re.findall(r"url\(#([^)]+)\)", text)) <= defined


def test_english_is_behind_the_fragment_and_dutch_is_drawn(releases: Releases) -> None:
    root = ET.parse(releases("wodc2020") / "public" / "wodc2020_routes.svg").getroot()
    groups = {group.get("id"): group for group in root.findall(f"{SVG}g")}
    assert groups["en"].get("display") == "none"
    assert groups["nl"].get("display") is None
    assert "asylum" in "".join(groups["en"].itertext())


def one_dimension(values: list[int | None], chart_of: str) -> View:
    """The year table `chart_of` with other counts."""
    view = views("nr2015")[chart_of]
    frame = view.table.frame.copy()
    frame["aantal"] = pd.array(values, dtype="Int64")
    frame["status"] = ["suppressed" if value is None else "ok" for value in values]
    table = ProtectedTable(view.table.id, "public", "suppressed", view.table.dimensions, view.table.categories, frame)
    return View(table, view.entry, view.labels, view.derived, {})


def test_a_line_breaks_at_a_blank_and_never_drops_to_zero() -> None:
    inside, _ = draw_charts([one_dimension([340, 398, None, 248, 241], "nr2015_f04")])
    drawn = inside["nr2015_f04", "nl"]
    paths = re.findall(r'<path d="(M[^"]+)"[^>]*stroke="#0072B2"', drawn)
    ends = [path.count("L") for path in paths if "A" not in path]
    assert ends == [1, 1], "two stretches of two points each"
    assert "url(#nr2015_f04-nl-hatch-808080)" in drawn
    texts = re.findall(r">([^<>]+)</t", drawn)
    assert texts.count("0") == 1, "the only zero is that of the axis"


def test_bars_of_blanks_are_hatched_and_stand_after_what_is_shown() -> None:
    inside, _ = draw_charts([views("nr2015")["nr2015_f07"]])
    drawn = inside["nr2015_f07", "nl"]
    assert drawn.count('fill="url(#nr2015_f07-nl-hatch-808080)"') == 8 + 1, "eight of the blanks, and the key"
    assert re.findall(r">([^<>]+)</text>", drawn)[:1] == ["Guinee"]
    assert form(views("wodc2020")["wodc2020_parallel"]) == "flow"


def point(value: int | None, code: str = "x") -> Point:
    return Point(("g", code), value, None, None, "ok" if value is not None else "suppressed")


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 500)), min_size=1, max_size=7),
    st.one_of(st.none(), st.integers(0, 4000)),
)
def test_a_bar_is_filled_exactly_and_blanks_have_room(values: list[int | None], total: int | None) -> None:
    members = [point(value, str(place)) for place, value in enumerate(values)]
    parts = segments(members, total)
    known = sum(value or 0 for value in values)
    if not parts:
        assert not known
        assert None not in values
        return
    assert parts[0].start == 0
    assert parts[-1].end == pytest.approx(1)
    assert all(before.end == after.start for before, after in pairwise(parts))
    if None in values:
        assert parts[-1].code is None, "a blank is its own, hatched part"
    if None in values and (total is None or total < known):
        assert all(part.share is None for part in parts), "no percentage without a total"


def test_a_blank_of_unknown_width_is_not_drawn_to_scale() -> None:
    small, large = (segments([point(100), point(None), point(value)], None) for value in (50, 5000))
    assert small[-1].end - small[-1].start == pytest.approx(large[-1].end - large[-1].start)


@given(st.floats(0, 1e5), st.floats(0, 1e5))
def test_axes_enclose_their_values_in_few_steps(one: float, other: float) -> None:
    low, high = sorted((one, other))
    marks = ticks(low, high, zero=True)
    assert marks[0] == 0
    assert marks[-1] >= high
    assert 2 <= len(marks) <= 8


@given(st.text(alphabet="abcdef ", max_size=80), st.floats(40, 300))
def test_lines_lose_no_word(text: str, width: float) -> None:
    assert " ".join(lines(text, width, 12)).split() == text.split()


def test_text_on_colours_can_be_read() -> None:
    assert text_on("#F0E442") == "#000000"
    assert text_on("#12306B") == "#ffffff"
    assert len(set(QUALITATIVE)) == 8


def flow_paths(view: View) -> list[str]:
    return re.findall(r'<path d="[^"]+" (fill="[^"]+")', flow_drawing(view, "nl", "p").body)


def test_a_flow_hatches_blanks_and_the_uncertain_part() -> None:
    exact = views("wodc2020")["wodc2020_routes"]
    blanks = int((exact.table.frame["status"] == "suppressed").sum())
    assert blanks
    grey = [paint for paint in flow_paths(exact) if "808080" in paint]
    assert len(grey) == 2 * blanks, "each blank strand runs through three columns"
    noisy = views("wodc2020", "noisy")["wodc2020_f03"]
    assert sum("hatch" in paint for paint in flow_paths(noisy)) == 3
    assert "0.55" not in " ".join(grey)


def test_a_flow_counts_no_blank_as_zero() -> None:
    body = flow_drawing(views("wodc2020")["wodc2020_routes"], "nl", "p").body
    texts = re.findall(r"<tspan[^>]*>([^<]+)</tspan>", body)
    assert "0" not in texts
    assert any(text.endswith("+ ·") for text in texts)


def test_flow_labels_do_not_overlap() -> None:
    for study_id, table in (
        ("wodc2020", "wodc2020_routes_streng"),
        ("wodc2020", "wodc2020_f04"),
        ("nr2015", "nr2015_f02"),
    ):
        for language in ("nl", "en"):
            body = flow_drawing(views(study_id, "noisy")[table], language, "p").body
            seen = [(float(x), float(y)) for x, y in re.findall(r'<tspan x="([\d.]+)" y="([\d.]+)">', body)]
            for x in {x for x, _ in seen}:
                heights = sorted(y for other, y in seen if other == x)
                assert all(after - before >= 12 for before, after in pairwise(heights)), table


def test_codes_that_no_path_describes_fall_back_to_a_simple_flow() -> None:
    view = views("wodc2020")["wodc2020_routes"]
    frame = view.table.frame.replace({"route": {"route_3": "merged_by_some_policy"}})
    codes = tuple(frame["route"])
    table = ProtectedTable(view.table.id, "public", "suppressed", ("route",), {"route": codes}, frame)
    body = flow_drawing(View(table, view.entry, view.labels, (), {}), "nl", "p").body
    assert ">Totaal<" in body
    assert ">merged_by_some_policy<" in body


def test_rows_of_circles_are_as_high_as_their_words_and_bands_of_time_have_a_unit() -> None:
    """`B8 grant to B9 application, 181-365 days` takes three lines: they touched the rules above and below."""
    _, catalogue = study_and_catalogue("routes2020")
    entry = catalogue.entry("routes2020_stappen")
    steps, states, bands = (dimension.categories for dimension in entry.dimensions)
    index = pd.MultiIndex.from_product([steps, states, bands], names=[item.name for item in entry.dimensions])
    frame = index.to_frame(index=False).assign(aantal=pd.array([30] * len(index), dtype="Int64"), status="ok")
    categories = {item.name: item.categories for item in entry.dimensions}
    view = single_view(
        ProtectedTable(entry.id, "restricted", "suppressed", tuple(categories), categories, frame), entry, {}
    )
    body = bubbles_drawing(view, "en", "p").body
    words = [float(y) for y in re.findall(r'<text text-anchor="start" transform="translate\(-[\d.]+,([\d.]+)\)"', body)]
    steps_apart = [after - before for before, after in pairwise(words)]
    assert {round(step, 1) for step in steps_apart if step < 15} == {14.4}
    assert all(step > 20 for step in steps_apart if step >= 15), "words of two rows keep apart"
    for dimension, unit in (("dagen", "days"), ("maanden", "months")):
        for table in catalogue.entries:
            for item in table.dimensions:
                if item.name == dimension:
                    told = [view.labels.category(dimension, code, "en") for code in item.categories]
                    assert all(unit in words or words == "from the start" for words in told), table.id
