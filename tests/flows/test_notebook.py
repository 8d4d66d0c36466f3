"""The notebook door: verified first, one audience's tables, restricted reading on record; and every example of its page runs."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from flows.notebook import Release, Table
from flows.settings import Settings
from flows.state import open_state
from schemas.errors import IntegrityError, UsageError
from schemas.tables import ProtectedTable
from tabulation.unseen import HISTORIES, Refusal, Unseen
from tabulation.unseen_table import LISTS, unseen
from tests.conftest import ROOT
from tests.flows.invented_release import blanked, propose, tables
from tests.tabulation.tabulation_reference import reference_tables

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release of `nr2015_f04` and `nr2015_f05`, its state folder beside the releases as in the demo."""
    monkeypatch.delenv("SCHAKEL_STATE", raising=False)
    monkeypatch.setenv("SCHAKEL_ACTOR", "noor")
    return propose(tmp_path / "state", tmp_path, "nr2015-1", tables())


def read_leaves(folder: Path) -> list[tuple[object, object]]:
    with open_state(Settings.from_environment(folder.parents[2] / "state")) as state:
        return [(leaf["actor"], leaf["body"]) for leaf in state.leaves(kind="viewed")]


def test_three_lines_give_a_table_with_what_belongs_to_it(folder: Path) -> None:
    release = Release.open(folder)
    table = release["nr2015_f05"]
    assert list(release) == ["nr2015_f04", "nr2015_f05"]
    assert table.frame["aantal"].isna().sum() == 4
    shares = table.percentages.set_index(["jaar", "geslacht"])["percentage"]
    assert shares[2010, "V"] == 76.5
    assert shares[2011, "V"] == 75.4, "the group's total stands in another table"
    assert pd.isna(shares[2011, "M"])
    assert "public" in release.about
    assert any("4 of the 15 cells" in note for note in table.notes)
    assert "<svg" in table.chart
    assert read_leaves(folder) == []


def test_what_a_notebook_shows_has_no_number_for_a_blank(folder: Path) -> None:
    page = Release.open(folder)["nr2015_f05"]._repr_html_()
    cells = re.findall(r"<td>(.*?)</td>", page)
    assert cells.count("\u00b7") == 8, "four blanks, and their four percentages"
    assert "260" in cells


def test_each_restricted_table_that_is_read_is_one_leaf(folder: Path) -> None:
    release = Release.open(folder, "restricted")
    assert read_leaves(folder) == []
    for name in ("nr2015_f04", "nr2015_f04", "nr2015_f05"):
        release[name]
    wanted = [("noor", {"item": f"{name}.csv", "audience": "restricted"}) for name in ("nr2015_f04", "nr2015_f05")]
    assert read_leaves(folder) == wanted
    assert "noted in the log" in release.about


def test_a_changed_file_a_stranger_and_a_missing_part_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no public table 'nr2015_f99'"):
        Release.open(folder)["nr2015_f99"]
    path = folder / "public" / "nr2015_f05.csv"
    path.write_text(path.read_text().replace("260", "261"))
    with pytest.raises(IntegrityError, match=r"nr2015_f05\.csv was changed"):
        Release.open(folder, "restricted")
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="public key or the state"):
        Release.open(folder)


def overlap(counts: list[int | None], **columns: list[object]) -> ProtectedTable:
    codes = ["+".join(n for n, on in zip(LISTS, history, strict=True) if on) for history in HISTORIES]
    frame = pd.DataFrame({"registers": codes, "aantal": pd.array(counts, dtype="Int64"), **columns})
    frame["status"] = ["suppressed" if count is None else "ok" for count in counts]
    regime = "noisy" if columns else "suppressed"
    return ProtectedTable("keten_overlap", "public", regime, ("registers",), {"registers": tuple(codes)}, frame)


def follower(folder: Path, study: str) -> Path:
    """A release of a study of the same people, from the example registers."""
    shown = {name: blanked(table) for name, table in reference_tables(study).items()}
    return propose(folder / "state", folder, f"{study}-1", shown, study=study)


COUNTS: list[int | None] = [180, 240, 60, 600, 150, 200, 50]


def test_noise_in_the_overlaps_widens_the_estimate_and_a_blank_refuses_it() -> None:
    exact = unseen(overlap(COUNTS))
    ends = {"ondergrens": [(c or 0) - 20 for c in COUNTS], "bovengrens": [(c or 0) + 20 for c in COUNTS]}
    noisy = unseen(overlap(COUNTS, aantal_zuiver=[float(c or 0) for c in COUNTS], **ends))
    assert isinstance(exact, Unseen)
    assert isinstance(noisy, Unseen)
    assert noisy.high - noisy.low > 1.2 * (exact.high - exact.low)
    blank = unseen(overlap([*COUNTS[:2], None, *COUNTS[3:]]))
    assert isinstance(blank, Refusal)
    assert "DTV+IOM" in blank.reasons[0].en


def test_the_door_gives_tables_only(folder: Path) -> None:
    assert isinstance(Release.open(folder)["nr2015_f04"], Table)
    assert isinstance(Release.open(folder)["nr2015_f04"].unseen(), Refusal)


def test_what_a_table_does_not_have_is_told_with_those_that_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCHAKEL_STATE", raising=False)
    routes = Release.open(follower(tmp_path, "routes2020"), "restricted")
    with pytest.raises(
        UsageError, match=r"derives no curve from routes2020_stappen; it does from routes2020_bedenktijd_verloop"
    ):
        routes["routes2020_stappen"].curve()
    days = routes["routes2020_stappen"].quartiles()
    assert set(days["kwartiel"]) <= {0.25, 0.5, 0.75}
    shares = routes["routes2020_lezingen"].readings()
    counts = routes["routes2020_lezingen"].frame
    blanks = int((counts["status"] == "suppressed").sum())
    assert shares[["soepel", "streng"]].isna().sum().sum() == blanks > 0, "a blank is missing, nothing else is"
    curve = routes["routes2020_b8_verloop"].curve()
    assert (curve["minst"] <= curve["meest"]).all()
    assert curve["percentage"].isna().any(), "where a blank leaves a range"


def test_every_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCHAKEL_STATE", raising=False)
    monkeypatch.setenv("SCHAKEL_ACTOR", "noor")
    outcome = pd.DataFrame(
        {
            "uitstroom": ["VERGUNNING", "VERGUNNING", "ANDERE_UITSTROOM", "ANDERE_UITSTROOM"],
            "b8_na_signalering": ["ja", "nee"] * 2,
            "aantal": pd.array([60, 15, 10, 43], dtype="Int64"),
            "status": "ok",
        }
    )
    names = ("uitstroom", "b8_na_signalering")
    categories: dict[str, tuple[object, ...]] = {name: tuple(dict.fromkeys(outcome[name])) for name in names}
    t03 = ProtectedTable("nr2015_t03", "restricted", "suppressed", names, categories, outcome)
    shown = tables() | {"keten_overlap": overlap(COUNTS), "nr2015_t03": t03}
    folder = propose(tmp_path / "state", tmp_path, "nr2015-1", shown)
    beyond = {name.upper(): follower(tmp_path, name) for name in ("routes2020", "keten2015")}
    blocks = BLOCK.findall((ROOT / "docs" / "notebook.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 10, "three lines, a table, and one example per analysis"
    exec("\n".join(blocks), {"FOLDER": folder, **beyond})
    read = [str(body["item"]) for _, body in read_leaves(folder) if isinstance(body, dict)]
    companions = {f"routes2020_b8_{name}.csv" for name in ("verloop", "instroom", "naief")}
    assert {"keten_overlap.csv", "keten2015_traject.csv", *companions} <= set(read)
