"""The catalogue as a file that people edit: what it promises, what a new table costs, and what a mistake says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from invented import Registers, tables
from tabulation_reference import STUDIES, reference_input, reference_tables, study_and_catalogue

from schemas.catalogue import load_catalogue
from schemas.errors import IntegrityError, UsageError
from schemas.study import SHIPPED
from tabulation.events import read_events, with_persons
from tabulation.tabulate import tabulate
from tabulation.units import Units

FOLDER = SHIPPED / "catalogue"
NEW_TABLE = """
[[tables]]
id = "minderjarigen_per_register"
titles = { nl = "D9-processen naar minderjarigheid en regio", en = "D9 processes by minority and region" }
population = "d9"
dimensions = [
    { name = "leeftijd", variable = "leeftijd", list = "minderjarig" },
    { name = "regio", variable = "nationaliteit", list = "nr2015_f12" },
]
notes = ["d9"]
"""


def changed(folder: Path, old: str, new: str, name: str = "nr2015") -> Path:
    """A copy of a shipped catalogue with one change."""
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    path = folder / "own.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_a_table_is_ten_lines(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text((FOLDER / "nr2015.toml").read_text(encoding="utf-8") + NEW_TABLE, encoding="utf-8")
    study, _ = study_and_catalogue("nr2015")
    made = tabulate(*reference_input("nr2015"), study, load_catalogue(path))["minderjarigen_per_register"]
    assert made.frame.shape == (12, 3)
    ages = reference_tables("nr2015")["nr2015_f11"].frame
    minors = ages[ages["leeftijd"].isin(["0-14", "15-17"])]["aantal"].sum()
    assert made.frame[made.frame["leeftijd"] == "minderjarig"]["aantal"].sum() == minors > 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('population = "d9"', 'population = "d8"', "nr2015_f09: population: there is no population 'd8'"),
        (
            'dimensions = ["gebruik", "geslacht"]',
            'dimensions = ["gebruik", "sekse"]',
            "nr2015_t01_geslacht: dimensions: sekse",
        ),
        ('list = "nr2015_f08"', 'list = "nr2015_f88"', "nr2015_t01_regio: dimensions: regio: list: there is no list"),
        ('list = "nr2015_f08"', 'list = "minderjarig"', "folds leeftijd, not nationaliteit"),
        ('notes = ["klein"]', 'notes = ["kleine"]', "nr2015_f16: notes: there is no note 'kleine'"),
        ("linked = true\n", "", "nr2015_f15: linked: must be true exactly"),
        ('value = "leeftijd"\n', "", "nr2015_f06_gemiddelde: value"),
        ('chart = "pie"', 'chart = "taart"', "tables: nr2015_f03: chart"),
        ('chart = "pie"', 'grafiek = "pie"', "tables: nr2015_f03: grafiek"),
        ('population = "zaken"\n', "", "tables: nr2015_f02: population"),
        ('soort = "bedenktijd"', 'soort = "bedenktijden"', "relation bedenktijden_zijn_zaken: nr2015_f01: soort"),
        ('{ table = "nr2015_n32" }', '{ table = "nr2015_n33" }', "relation aanvragen_naar_uitkomst: there is no table"),
        ('each = ["jaar"]', 'each = ["year"]', "has no dimension 'year'"),
        ('minderjarig = "minderjarig"', 'minderjarig = "kind"', "b8_verleend_minderjarig: filter: minderjarig"),
        ('within = "b8_verleend"', 'within = "b8_verleend_minderjarig"', "contain each other"),
        ('of = "nationaliteit"', 'of = "regio"', "nr2015_t02_top5: by and of"),
        ('id = "nr2015_f02"', 'id = "nr2015_f01"', "two tables have the same id"),
        ("years = [2010, 2014]", "years = 2010", "years"),
        ("[[tables]]", "[[tables]", "not valid TOML"),
    ],
)
def test_a_mistake_names_file_entry_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(UsageError) as error:
        load_catalogue(path)
    assert said in str(error.value)
    assert "own.toml" in str(error.value)


def test_a_person_is_never_counted_in_two_windows_at_once(tmp_path: Path) -> None:
    path = changed(tmp_path, 'filter = { venster = "{first}-{last}" }', "", name="wodc2020")
    with pytest.raises(UsageError, match="fix 'venster' to one category"):
        load_catalogue(path)


def test_own_region_list_beside_the_catalogue(tmp_path: Path) -> None:
    path = changed(tmp_path, "[populations.regeling]", OWN_LIST + "[populations.regeling]")
    path.write_text(path.read_text().replace('list = "nr2015_f12"', 'list = "kust"'), encoding="utf-8")
    with pytest.raises(UsageError, match=r"kust\.csv does not exist"):
        load_catalogue(path)
    (tmp_path / "kust.csv").write_text("iso3,kust\nNGA,kust\n", encoding="utf-8")
    with pytest.raises(UsageError, match="250 codes have no declared group"):
        load_catalogue(path)
    codes = next(d for d in study_and_catalogue("nr2015")[1].entry("nr2015_f12").dimensions if d.name == "regio").fold
    rows = "".join(f"{code},{'kust' if code == 'NGA' else 'binnenland'}\n" for code in codes)
    (tmp_path / "kust.csv").write_text("iso3,kust\n" + rows, encoding="utf-8")
    assert load_catalogue(path).entry("nr2015_f12").dimensions[1].categories == ("kust", "binnenland")


OWN_LIST = """
[lists.kust]
of = "nationaliteit"
label = { nl = "kust", en = "coast" }
file = "kust.csv"
column = "kust"
categories = ["kust", "binnenland"]

"""


def test_another_period_is_another_study_not_another_catalogue() -> None:
    """The same catalogue for other years: years, windows, filters and relations move with the study."""
    study, _ = study_and_catalogue("wodc2020")
    later = study.model_copy(update={"first_year": 2014, "last_year": 2018})
    catalogue = load_catalogue(FOLDER / "wodc2020.toml", later.years)
    made = tabulate(*reference_input("wodc2020"), later, catalogue)
    windows = made["wodc2020_fb21"].categories["venster"]
    assert windows == ("2014-2018", "2014-2017", "2015-2018", "2015-2017")
    both = made["wodc2020_fb21"].frame.set_index(["venster", "deelname"])["aantal"]
    before = reference_tables("wodc2020")["wodc2020_fb21"].frame.set_index(["venster", "deelname"])["aantal"]
    assert both["2014-2017"].to_dict() == before["2014-2017"].to_dict()
    with pytest.raises(UsageError, match="load the catalogue for the years of the study"):
        tabulate(*reference_input("wodc2020"), later, study_and_catalogue("wodc2020")[1])


@pytest.mark.parametrize("name", STUDIES)
def test_code_computes_what_the_vocabulary_promises(name: str) -> None:
    study, catalogue = study_and_catalogue(name)
    units = Units(read_events(with_persons(*reference_input(name), study), study), catalogue.vocabulary)
    kinds = {register.bron for register in study.registers.values()}
    for unit, spec in catalogue.vocabulary.units.items():
        if set(spec.registers) <= kinds:
            assert {"person_id", *spec.variables} <= set(units.frame(unit).columns)


@pytest.mark.parametrize("name", STUDIES)
def test_micro_is_the_table(name: str) -> None:
    """The microdata that come with a table count up to it, and carry every category it has."""
    for exact in reference_tables(name).values():
        cells = exact.micro.groupby(list(exact.dimensions)).size()
        frame = exact.frame.set_index(list(exact.dimensions))
        column = frame["aantal"] if exact.kind == "count" else frame["n"].drop("totaal")
        assert column[column > 0].to_dict() == {
            (k[0] if isinstance(k, tuple) and len(k) == 1 else k): v for k, v in cells.items()
        }
        assert exact.micro["person_id"].dtype == np.int64


def test_empty_registers_give_zeros() -> None:
    for name in STUDIES:
        study, catalogue = study_and_catalogue(name)
        made = tabulate(*tables(Registers([], [], []), study), study, catalogue)
        assert [table.frame["aantal"].sum() for table in made.values() if table.kind == "count"] == [0] * sum(
            table.kind == "count" for table in made.values()
        )


def test_a_row_without_a_person_or_with_two_is_refused() -> None:
    study, catalogue = study_and_catalogue("nr2015")
    attributes, persons = reference_input("nr2015")
    with pytest.raises(IntegrityError, match=r"1 rows .* link this delivery again"):
        tabulate(attributes, persons.slice(1), study, catalogue)
    with pytest.raises(IntegrityError, match=r"1 have more than one"):
        tabulate(attributes, pa.concat_tables([persons, persons.slice(0, 1)]), study, catalogue)
