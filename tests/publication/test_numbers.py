"""Numbers and sentences that are derived from protected tables."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.publication import render_table
from flows.publication.cells import Point, Share, cell_text, shares
from flows.publication.independence import noisy_p_value, test_texts
from flows.publication.labels import Labels
from flows.publication.sentences import sentence
from flows.publication.statistics import top_lists, view_shares
from flows.publication.views import View, make_views
from flows.publication.words import interval, keys, number, percent
from schemas.study import Text
from schemas.tables import ProtectedTable
from tests.publication.fabricate import protected, study_and_catalogue

test_texts.__test__ = False  # type: ignore[attr-defined]


def views(study_id: str, regime: str) -> dict[str, View]:
    _, catalogue = study_and_catalogue(study_id)
    tables = protected(study_id, catalogue, "restricted", regime)  # type: ignore[arg-type]
    return {view.table.id: view for view in make_views(tables, catalogue, {})}


def test_both_languages_say_the_same_things() -> None:
    assert keys("nl") == keys("en")


def test_numbers_are_written_as_their_reader_does() -> None:
    assert number(1234.56, "nl", 1) == "1.234,6"
    assert number(1234.56, "en", 1) == "1,234.6"
    assert number(-3, "nl") == "\u22123"
    assert number(-0.2, "nl") == "0"
    assert percent(0.4107, "nl") == "41,1\u00a0%"
    assert percent(0.4107, "en") == "41.1%"
    assert interval(220, 242, "en") == "220\u2013242"


def test_cells_read_as_promised() -> None:
    assert cell_text(Point((), 231, 220, 242, "noisy"), "nl") == "231 (220\u2013242)"
    assert cell_text(Point((), None, 0, 12, "suppressed"), "nl") == "\u00b7 (0\u201312)"
    assert cell_text(Point((), None, None, None, "suppressed"), "nl") == "\u00b7"
    assert cell_text(Point((), 0, None, None, "zero_structural"), "nl") == "\u2013"


def test_published_percentages_come_out() -> None:
    found = view_shares(views("nr2015", "suppressed")["nr2015_t01_geslacht"])
    assert round(100 * found["alleen_bedenktijd", "V"].value, 1) == 76.0
    assert round(100 * found["bedenktijd_en_aanvraag", "V"].value, 1) == 77.2
    outflow = view_shares(views("nr2015", "suppressed")["nr2015_f17"])
    assert not outflow, "with a blank and no stated total there is no percentage"


def test_a_total_of_another_table_gives_percentages_beside_blanks() -> None:
    view = views("nr2015", "suppressed")["nr2015_f08"]
    blank_years = {
        codes[0]
        for codes, value in zip(view_codes(view), view.table.frame["aantal"], strict=True)
        if value is not value or str(value) == "<NA>"
    }
    assert blank_years
    found = view_shares(view)
    assert any(codes[0] in blank_years for codes in found), "figure 4 states the years' totals"
    assert all(view.totals[codes[:1]].value for codes in found)


def view_codes(view: View) -> list[tuple[object, ...]]:
    return list(view.table.frame[list(view.table.dimensions)].itertuples(index=False, name=None))


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=6))
def test_share_intervals_hold_whenever_those_of_the_counts_do(cells: list[tuple[int, int, int]]) -> None:
    """Whatever counts lie in the intervals: their shares lie in the intervals of the shares."""
    from flows.publication.cells import _share

    members = [
        Point((str(at),), value, max(0, value - below), value + above, "noisy")
        for at, (value, below, above) in enumerate(cells)
    ]
    total = sum(member.value or 0 for member in members)
    if not total:
        return
    generator = np.random.Generator(np.random.PCG64(7))
    for _ in range(20):
        truth = [int(generator.integers(member.low, member.high + 1)) for member in members]
        if not sum(truth):
            continue
        for member, count in zip(members, truth, strict=True):
            share: Share = _share(member, members, total)
            assert share.low is not None
            assert share.high is not None
            assert share.low - 1e-9 <= count / sum(truth) <= share.high + 1e-9


def test_top_list_shares_ranks_as_the_report_does() -> None:
    lists = {listed.group[0]: listed for listed in top_lists(views("nr2015", "suppressed")["nr2015_t02"])}
    for listed in lists.values():
        values = [line.point.value for line in listed.ranked]
        assert values == sorted(values, reverse=True)
        for line in listed.ranked:
            assert line.shared == (values.count(line.point.value) > 1)
        assert listed.ranked[0].rank == 1
    names = [line.point.codes[-1] for line in lists[2014].ranked]
    assert names[0] == "PHL"
    assert lists[2014].blanks > 0


def test_overlapping_intervals_share_a_rank() -> None:
    listed = top_lists(views("nr2015", "noisy")["nr2015_t02"])[0]
    for line in listed.ranked:
        larger = [other for other in listed.ranked if (other.point.low or 0) > (line.point.high or 0)]
        assert line.rank == 1 + len(larger)


def test_test_is_refused_with_blanks_and_recomputed_under_noise() -> None:
    exact = test_texts(views("wodc2020", "suppressed")["wodc2020_volledig"], "en")
    assert "p < 0.001" in exact[0]
    noisy = test_texts(views("wodc2020", "noisy")["wodc2020_volledig_afrika"], "en")
    assert "under the noise" in noisy[1]
    assert test_texts(views("wodc2020", "noisy")["wodc2020_regio"], "en") == []


def test_p_value_under_noise_is_honest() -> None:
    """Without association, p below .05 in about one table of twenty; the plain test would cry wolf far more often."""
    generator = np.random.Generator(np.random.PCG64(11))
    deviations = np.full((2, 2), 8.0)
    values = []
    for _ in range(120):
        counts = generator.multinomial(400, [0.35, 0.35, 0.15, 0.15]).reshape(2, 2) + np.rint(
            generator.normal(size=(2, 2)) * 8
        )
        values.append(noisy_p_value(np.maximum(counts, 0.0), deviations))
    assert np.mean(np.array(values) < 0.05) < 0.12
    assert 0.35 < np.mean(values) < 0.65


@pytest.mark.parametrize("regime", ["suppressed", "noisy"])
def test_every_table_has_a_sentence_or_says_nothing_false(regime: str) -> None:
    for view in views("nr2015", regime).values():
        for language in ("nl", "en"):
            text = sentence(view, language)
            assert "None" not in text
            assert "<NA>" not in text
            assert text == "" or text.endswith(".")
    assert sentence(views("nr2015", "suppressed")["nr2015_f04"], "nl") == "Van 340 in 2010 naar 241 in 2014."


def test_terminal_shows_blanks_as_dots_with_their_legend() -> None:
    from rich.console import Console

    _, catalogue = study_and_catalogue("nr2015")
    table = views("nr2015", "noisy")["nr2015_f05"].table
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(render_table(table, catalogue.entry("nr2015_f05"), {}, "nl"))
    text = console.export_text()
    assert "268 (" in text or "270 (" in text
    assert "· (0–" in text
    assert "klein, of het beschermt een klein getal" in text
    assert "95%-interval" in text
    assert "vrouw" in text


def test_shares_follow_the_tables_groups() -> None:
    view = views("nr2015", "suppressed")["nr2015_f03"]
    found = shares(view.table, {}, 0)
    assert round(100 * found[("AFGEWEZEN",)].value, 1) == 4.1


def test_all_others_together_is_no_rival_in_a_top_list() -> None:
    view = views("nr2015", "suppressed")["nr2015_f07"]
    codes = (*view.table.categories["nationaliteit"], "overige")
    frame = view.table.frame.copy()
    frame.loc[len(frame)] = ["overige", 500, "ok"]
    table = ProtectedTable(view.table.id, "public", "suppressed", ("nationaliteit",), {"nationaliteit": codes}, frame)
    labels = Labels({"overige": Text(nl="overige samen", en="others together")}, {})
    listed = top_lists(View(table, view.entry, labels, (), {}))[0]
    assert [line.point.codes[0] for line in listed.ranked][:2] == ["GIN", "NGA"]
    assert "overige" not in [line.point.codes[0] for line in listed.ranked]
    assert listed.ranked[0].rank == 1
