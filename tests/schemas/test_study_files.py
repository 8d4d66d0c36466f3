"""Study files: what is wrong in one is said before any work, and docs/study.md documents every setting and reason."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path

import pyarrow as pa
import pytest
from intake_files import ROOT

from schemas.errors import UsageError
from schemas.quarantine import REASONS, SCHEMA, quarantine_table, write_quarantine
from schemas.study import Dialect, Register, Study, head_studies, load_study, shipped_studies

SHIPPED = (ROOT / "schemas" / "studies" / "nr2015.toml").read_text(encoding="utf-8")
DOCS = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "dtv"', 'kind = "coa"', "registers.dtv.kind"),
        ('encoding = "cp1252"', 'encoding = "windows-nl"', "registers.dtv.dialect.encoding"),
        ('encoding = "cp1252"', 'encoding = "base64"', "registers.dtv.dialect.encoding"),
        ('date_format = "%d-%m-%Y"', 'date_format = "%d-%m-%y"', "registers.dtv.dialect.date_format"),
        ('date_format = "%d-%m-%Y"', 'date_format = "%d-%m"', "registers.dtv.dialect.date_format"),
        ('date_format = "%d-%m-%Y"', 'date_format = "%d-%m-%Y%d"', "registers.dtv.dialect.date_format"),
        ('separator = ","', 'separator = "tab"', "registers.iom.dialect.separator"),
        ('separator = ","', "separator = '\"'", "registers.iom.dialect.separator"),
        ('U = "O"', 'U = "X"', "registers.iom.dialect.sex"),
        ('sex = { F = "V", M = "M", U = "O" }', "sex = {}", "registers.iom.dialect.sex"),
        ('bron = "DTV"', 'bron = "IND"', "two registers have the same bron"),
        ('file = "dtv"', 'file = "ind"', "two registers have the same file"),
        ('file = "dtv"', 'file = "../dtv"', "registers.dtv.file"),
        ("quarantine_limit = 0.05", "quarantine_limit = 5", "quarantine_limit"),
        ("last_year = 2014", "last_year = 2009", "last_year lies before first_year"),
        ('name_column = "naam"', 'naam_kolom = "naam"', "registers.iom.dialect.naam_kolom"),
        ('version = "1"', "", "version"),
    ],
)
def test_a_wrong_setting_is_named(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in SHIPPED
    path = tmp_path / "own.toml"
    path.write_text(SHIPPED.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_study(str(path))
    assert said in str(caught.value)
    assert "own.toml" in str(caught.value)


def test_a_study_without_registers_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one register"):
        Study.model_validate(load_study("nr2015").model_dump() | {"registers": {}})


def test_an_unknown_study_names_the_shipped_ones() -> None:
    with pytest.raises(UsageError, match="nr2015, routes2020, wodc2020"):
        load_study("nr2016")


def test_the_example_in_the_docs_is_the_shipped_study() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCS, flags=re.DOTALL)
    assert Study.model_validate(tomllib.loads(example)) == load_study("nr2015")


def test_every_setting_is_documented() -> None:
    documented = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (`[^|]*) \|", DOCS, flags=re.MULTILINE))))
    settings = {name for model in (Study, Register, Dialect) for name in model.model_fields}
    assert settings <= documented


def test_the_table_of_reasons_is_the_code() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \| [^|]+ \|$", DOCS.split("| `reden` |")[1], flags=re.MULTILINE)
    assert dict(rows) == REASONS
    assert [reason for reason, _ in rows] == list(REASONS)


def test_shipped_studies_load() -> None:
    assert shipped_studies() == ["keten2015", "nr2015", "routes2020", "wodc2020"]
    assert head_studies() == ["nr2015", "wodc2020"]
    assert load_study("routes2020").family == load_study("wodc2020").family == "wodc2020"
    assert load_study("wodc2020").years == (2013, 2014, 2015, 2016, 2017)


def test_the_quarantine_file_is_complete_and_for_its_owner_only(tmp_path: Path) -> None:
    entries = [(9, "besluit", "code_buiten_lijst"), (3, "grond", "code_buiten_lijst"), (3, "vnummer", "verplicht_leeg")]
    table = quarantine_table("IND", [*entries, (9, "besluit", "besluit_ontbreekt")], ("vnummer", "besluit", "grond"))
    path = tmp_path / "quarantine.csv"
    path.write_text("an older one", encoding="utf-8")
    path.chmod(0o644)
    write_quarantine(table, path)
    assert path.read_text(encoding="utf-8").splitlines() == [
        "bron,regel,kolom,reden",
        "IND,3,vnummer,verplicht_leeg",
        "IND,3,grond,code_buiten_lijst",
        "IND,9,besluit,code_buiten_lijst",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [child.name for child in tmp_path.iterdir()] == ["quarantine.csv"]


def test_a_quarantine_file_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_quarantine(pa.table({"bron": ["IND"]}), tmp_path / "quarantine.csv")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_quarantine_is_a_header(tmp_path: Path) -> None:
    write_quarantine(SCHEMA.empty_table(), tmp_path / "q.csv")
    assert (tmp_path / "q.csv").read_text(encoding="utf-8") == "bron,regel,kolom,reden\n"


def test_a_study_may_name_whom_to_ask(tmp_path: Path) -> None:
    asked = '[contact]\nnl = "cijfers@voorbeeld.test"\nen = "figures@example.test"\n'
    path = tmp_path / "own.toml"
    path.write_text(SHIPPED + "\n" + asked, encoding="utf-8")
    assert load_study(str(path)).contact.nl == "cijfers@voorbeeld.test"
    path.write_text(SHIPPED + "\n" + asked.splitlines()[0] + '\nnl = "alleen Nederlands"\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"contact\.en"):
        load_study(str(path))
