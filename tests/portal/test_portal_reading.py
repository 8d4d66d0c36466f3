"""What everybody reads and what staff read besides: pages, files, search, two years, in both languages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.portal.conftest import Site, Visitor
from tests.portal.premises import MARK, OLD, PROPOSED, PUBLISHED, REJECTED, TABLES, WITHDRAWN

Visit = Callable[..., Visitor]
STAFF = f"/en/releases/{PUBLISHED}/restricted/nr2015_f16"


def test_the_first_page_follows_the_readers_language(visit: Visit) -> None:
    for accepted, language in (("en-GB,nl;q=0.5", "en"), ("nl", "nl"), ("fr", "nl"), ("", "nl")):
        answer = visit().get("/", **{"accept-language": accepted})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/{language}/")


def test_everybody_finds_the_published_release_and_no_other(visit: Visit) -> None:
    text = visit().text("/en/")
    assert PUBLISHED in text
    assert not [release for release in (OLD, PROPOSED, REJECTED, WITHDRAWN) if release in text]
    assert visit().get("/en/studies/nr2015").headers["location"] == f"/en/releases/{PUBLISHED}"
    assert visit().get("/en/studies/wodc2020").status_code == 404


def test_a_table_page_is_what_was_printed(visit: Visit) -> None:
    """Sentence, figure, numbers, explanation, files, note, citation: word for word those of the release."""
    answer = visit().get(f"/en/releases/{PUBLISHED}/public/nr2015_f05")
    text = visit().text(f"/en/releases/{PUBLISHED}/public/nr2015_f05")
    assert "B8 grants by year and sex" in text
    assert "Share of ‘woman’ – 2012: 75.4%" in text
    assert "A dot is not a zero" in text
    assert "in 19 cases out of 20" in text
    assert "Cite as: Protection of foreign victims" in text
    assert f"Release {PUBLISHED}" in text
    assert "Percentages" in text
    for ending in (".csv", ".nl.csv", ".svg", ".csv-metadata.json"):
        assert f"/files/{PUBLISHED}/public/nr2015_f05{ending}" in answer.text
    assert f'src="/files/{PUBLISHED}/public/nr2015_f05.svg#en"' in answer.text
    assert "method.en.html" in answer.text
    dutch = visit().text(f"/nl/releases/{PUBLISHED}/public/nr2015_f05")
    assert "Verleende B8-vergunningen naar jaar en geslacht" in dutch
    assert "Een punt is geen nul" in dutch


def test_the_numbers_on_the_page_are_those_of_the_file(visit: Visit, site: Site) -> None:
    rows = visit().get(f"/files/{PUBLISHED}/public/nr2015_f04.csv").text.splitlines()[1:]
    text = visit().text(f"/en/releases/{PUBLISHED}/public/nr2015_f04")
    for row in rows:
        year, count, _, low, high, _ = row.split(",")
        assert year in text
        assert f"{count} ({low}–{high})" in text.replace(" )", ")").replace("( ", "(")


def test_staff_read_restricted_tables_and_every_view_is_on_record_first(visit: Visit, site: Site) -> None:
    rosa = visit("rosa", "rapporteur")
    before = len(site.leaves(kind="viewed"))
    text = rosa.text(STAFF)
    assert f"{MARK:,}" in text
    assert "on record" in text
    leaf = site.leaves(kind="viewed")[before:]
    assert [(x["actor"], x["role"], x["release"], x["study"], x["body"]) for x in leaf] == [
        ("rosa", "rapporteur", PUBLISHED, "nr2015", {"item": "nr2015_f16", "audience": "restricted"})
    ]
    before = len(site.leaves(kind="downloaded"))
    for name in ("nr2015_f16.csv", "nr2015_f16.parquet"):
        assert rosa.get(f"/files/{PUBLISHED}/restricted/{name}").status_code == 200
    assert [x["body"]["item"] for x in site.leaves(kind="downloaded")[before:]] == [
        "nr2015_f16.csv",
        "nr2015_f16.parquet",
    ]


def test_a_restricted_table_has_a_figure_of_its_own_on_record(visit: Visit, site: Site) -> None:
    rosa = visit("rosa", "rapporteur")
    assert f'src="/figures/{PUBLISHED}/restricted/nr2015_f16.svg#en"' in rosa.get(STAFF).text
    before = len(site.leaves(kind="viewed"))
    answer = rosa.get(f"/figures/{PUBLISHED}/restricted/nr2015_f16.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert f"{MARK:,}" in answer.text
    assert site.leaves(kind="viewed")[before]["body"]["item"] == "nr2015_f16.svg"
    assert visit().get(f"/figures/{PUBLISHED}/restricted/nr2015_f16.svg").status_code == 303
    assert visit("ada", "auditor").get(f"/figures/{PUBLISHED}/restricted/nr2015_f16.svg").status_code == 403
    for path in (f"{PROPOSED}/restricted/nr2015_f16", f"{PUBLISHED}/public/nr2015_f05", f"{PUBLISHED}/restricted/zzz"):
        assert rosa.get(f"/figures/{path}.svg").status_code == 404


def test_reading_what_is_public_leaves_nothing_behind(visit: Visit, site: Site) -> None:
    before = len(site.leaves())
    nobody = visit()
    for path in (f"/en/releases/{PUBLISHED}/public/nr2015_f05", f"/files/{PUBLISHED}/public/tables.xlsx", "/en/"):
        answer = nobody.get(path)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    assert len(site.leaves()) == before


def test_nothing_leaves_where_the_leaf_cannot_be_written(
    visit: Visit, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from disclosure.log.log import Log
    from schemas.errors import IntegrityError

    def broken(*_arguments: object, **_more: object) -> None:
        raise IntegrityError("the disk is full")

    rosa = visit("rosa", "rapporteur")
    monkeypatch.setattr(Log, "append", broken)
    for path in (
        STAFF,
        f"/files/{PUBLISHED}/restricted/nr2015_f16.csv",
        f"/files/{PUBLISHED}/restricted/nr2015_f16.parquet",
    ):
        answer = rosa.get(path)
        assert answer.status_code == 503
        assert str(MARK) not in answer.text
        assert f"{MARK:,}" not in answer.text


def test_the_leaf_comes_before_the_first_byte(visit: Visit, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the moment when a response is made, its leaf is in the committed log."""
    from portal.views import files

    seen: list[int] = []
    answer = files._answer
    monkeypatch.setattr(files, "_answer", lambda *a: (seen.append(len(site.leaves(kind="downloaded"))), answer(*a))[1])
    before = len(site.leaves(kind="downloaded"))
    visit("rosa", "rapporteur").get(f"/files/{PUBLISHED}/restricted/nr2015_f16.csv")
    assert seen == [before + 1]


def test_two_years_side_by_side_say_what_the_difference_is_worth(visit: Visit) -> None:
    text = visit().text(f"/en/releases/{PUBLISHED}/public/nr2015_f05/years?first=2010&second=2014")
    assert "2010 and 2014" in text
    assert "no clear difference" in text or "fewer" in text
    assert visit().get(f"/en/releases/{PUBLISHED}/public/nr2015_f05/years?first=1999&second=2014").status_code == 404
    assert visit().get(f"/en/releases/{PUBLISHED}/public/nr2015_f02/years").status_code == 404


def test_search_finds_by_title_category_and_note_what_the_reader_may_see(visit: Visit) -> None:
    assert "Use of reflection period" in visit().text("/en/search?q=reflection+period")
    assert "Gebruik van bedenktijd" in visit().text("/nl/search?q=bedenktijd")
    assert "Nothing found" in visit().text("/en/search?q=zzz")
    assert "nr2015_f16" not in visit().text("/en/search?q=IOM+returns")
    assert "nr2015_f16" in visit("rosa", "rapporteur").text("/en/search?q=nr2015_f16")
    fragment = visit().get("/en/search?q=reflection", **{"hx-request": "true"}).text
    assert "<html" not in fragment


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_page_of_the_release_answers_in_both_languages(visit: Visit, language: str) -> None:
    rosa = visit("rosa", "rapporteur")
    paths = ["/", "/help", "/search", f"/releases/{PUBLISHED}"]
    paths += [f"/releases/{PUBLISHED}/restricted/{table}" for table in TABLES["nr2015"]]
    for path in paths:
        answer = rosa.get(f"/{language}{path}")
        assert answer.status_code == 200, path
        assert f'<html lang="{language}">' in answer.text


def test_files_that_changed_are_not_shown(own: Site) -> None:
    """A file that is not what was logged any more is shown to nobody, by page or by file."""
    import shutil

    from disclosure.states import require_release
    from flows.releases import remember_folder

    folder = own.portal.services.folder_of(PUBLISHED)
    copy = own.premises.state.parent / "copy" / PUBLISHED
    shutil.copytree(folder, copy)
    with own.store.transaction() as tx:
        remember_folder(tx, require_release(tx, PUBLISHED).id, copy)
    nobody = own.visitor()
    table = copy / "public" / "nr2015_f04.csv"
    assert nobody.get(f"/files/{PUBLISHED}/public/nr2015_f04.csv").status_code == 200
    table.write_text(table.read_text().replace("2010", "2009"))
    for path in (f"/files/{PUBLISHED}/public/nr2015_f04.csv", f"/en/releases/{PUBLISHED}/public/nr2015_f04"):
        answer = nobody.get(path)
        assert answer.status_code == 503
        assert "2009" not in answer.text
    assert nobody.get(f"/files/{PUBLISHED}/public/nr2015_f05.csv").status_code == 200
