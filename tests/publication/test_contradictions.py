"""`schakel check-consistency` and `schakel open` on files: the reports' own numbers, releases, files with mistakes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.checks import open_page
from flows.cli import _run, app
from flows.consistency import Report, check_files, report_lines
from schemas.errors import InputRefused, UsageError
from tabulation.consistency import Contradiction

Releases = Callable[[str], Path]
PUBLISHED = Path(__file__).parents[1] / "reference" / "published.csv"


@pytest.fixture(scope="module")
def published() -> Report:
    return check_files([PUBLISHED])


def words(item: Contradiction) -> str:
    return "\n".join(claim.words for claim in item.claims)


def test_table_1_cannot_be_squared_with_figure_8(published: Report) -> None:
    (found,) = [item for item in published.found if "figure 8, afrika" in words(item) and len(item.claims) <= 5]
    said = words(found)
    assert "table 1, bedenktijd_en_aanvraag afrika: 52.1 % of 906 (472)" in said
    assert "table 1, alleen_aanvraag afrika: 43.6 % of 786 (343)" in said
    assert "figure 8, afrika 2010-2014: 933" in said
    assert 80 < found.gap < 933 - 815, "815 applications, a month's worth for the edges, 933 grants"
    assert any("applied for it" in why for why in found.why)


def test_a_percentage_that_no_count_gives_is_found(published: Report) -> None:
    (found,) = [item for item in published.found if not item.claims[0].reachable]
    assert "table 1, alleen_aanvraag vrouw: 70.8 % of 786" in words(found)
    assert "no whole number" in words(found)


def test_the_columns_of_table_1_fit_905_and_787(published: Report) -> None:
    columns = [words(item) for item in published.found if item.gap == pytest.approx(1)]
    assert sorted("of 906" in said for said in columns) == [False, True]
    assert all(said.count("table 1") == 5 for said in columns), "four regions and the total they do not make"


def test_the_later_report_does_not_contradict_itself(published: Report) -> None:
    assert not [item for item in published.found if any("B2.1" in claim.words for claim in item.claims)]


@pytest.mark.parametrize("study_id", ["nr2015", "wodc2020"])
def test_exact_tables_with_blanks_are_consistent(releases: Releases, study_id: str) -> None:
    report = check_files([releases(study_id) / "restricted"])
    assert report.numbers > 100
    assert report.found == ()
    assert list(report_lines(report))[-1].startswith("No contradiction")


def test_an_error_planted_in_a_release_is_found(releases: Releases, tmp_path: Path) -> None:
    folder = tmp_path / "restricted"
    shutil.copytree(releases("nr2015") / "restricted", folder)
    path = folder / "nr2015_f08.csv"
    path.write_text(path.read_text().replace("2011,afrika,266,ok", "2011,afrika,366,ok"))
    report = check_files([folder])
    assert any(
        "nr2015_f08.csv" in claim.words and "366" in claim.words for item in report.found for claim in item.claims
    )


def test_both_dialects_say_the_same(releases: Releases) -> None:
    folder = releases("wodc2020") / "public"
    tidy = check_files([folder / "wodc2020_f03.csv", folder / "wodc2020_regio.csv"])
    dutch = check_files([folder / "wodc2020_f03.nl.csv", folder / "wodc2020_regio.nl.csv"])
    assert (tidy.numbers, len(tidy.found)) == (dutch.numbers, len(dutch.found))


def test_a_point_outside_its_own_interval_is_found(tmp_path: Path) -> None:
    path = tmp_path / "wodc2020_f03.csv"
    path.write_text(
        "deelname,aantal,aantal_zuiver,ondergrens,bovengrens,status\n"
        "alleen,40,40.0,20,30,noisy\nvoor,20,20.0,10,30,noisy\nna,,,0,12,suppressed\n"
    )
    (found,) = check_files([path]).found
    assert "outside its own interval" in words(found)


def test_rounded_tables_allow_for_their_rounding(tmp_path: Path) -> None:
    (tmp_path / "wodc2020_f03.csv").write_text(
        "deelname,aantal,status\nalleen,45,rounded\nvoor,20,rounded\nna,10,rounded\n"
    )
    regions = ["eu", "afrika", "azie", "anders", "onbekend"]
    for total, wanted in ((47, 0), (60, 1)):
        rows = [f"{who},{region},0" for who in ("alleen", "voor", "na") for region in regions]
        text = "deelname,regio,aantal,status\n" + "".join(f"{row},ok\n" for row in rows)
        text = text.replace("alleen,afrika,0", f"alleen,afrika,{total}").replace("voor,afrika,0", "voor,afrika,20")
        (tmp_path / "wodc2020_regio.csv").write_text(text.replace("na,afrika,0", "na,afrika,10"))
        assert len(check_files(sorted(tmp_path.glob("*.csv"))).found) == wanted


def test_typed_tables_by_id_and_in_words(tmp_path: Path) -> None:
    path = tmp_path / "typed.csv"
    path.write_text(
        "table,cell,kind,value,n\n"
        "nr2015_f04,2010-2014,count,100,\n"
        "nr2015_f05,vrouw,percent,70.0,100\n"
        "nr2015_f05,man,count,31,\n"
    )
    (found,) = check_files([path]).found
    assert found.gap == pytest.approx(1)
    path.write_text(path.read_text().replace("31", "30"))
    assert check_files([path]).found == ()


def test_exit_codes(tmp_path: Path, releases: Releases, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["check-consistency", str(PUBLISHED)]) == 3
    said = capsys.readouterr()
    assert "cannot all be true" in said.out
    assert said.err.count("\n") == 1
    assert _run(["check-consistency", str(releases("wodc2020") / "restricted")]) == 0
    assert _run(["check-consistency", str(tmp_path / "absent.csv")]) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("typed.csv", "table,cell,kind,value,n\nnr2015_f04,2010,share,1,\n"),
        ("typed.csv", "table,cell,kind,value,n\nnr2015_f04,2010,count,many,\n"),
        ("nr2015_f04.csv", "jaar,aantal,status\n2010,few,ok\n"),
        ("nr2015_f05.csv", "jaar,geslacht,aantal,status\n2010,V,1,ok\n2011,M,1,ok\n"),
        ("nr2015_f04.csv", "year,aantal,status\n2010,1,ok\n"),
    ],
)
def test_files_that_are_no_tables_are_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputRefused):
        check_files([tmp_path / name])


def test_a_file_of_no_study_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError):
        check_files([tmp_path / "other.csv"])


def test_open_says_where_the_page_is_and_opens_it_where_there_is_a_screen(
    releases: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "release"
    shutil.copytree(releases("wodc2020"), folder)
    with pytest.raises(UsageError):
        open_page(folder)
    (folder / "manifest.json").write_text("{}")
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    page = folder / "public" / "index.html"
    assert open_page(folder) == page.resolve()
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert CliRunner().invoke(app, ["open", str(folder)]).output.strip() == str(page.resolve())
    assert opened == [page.resolve().as_uri()]
