"""What `synthesise` delivers: bytes, dialects, truth, and the quarantine that intake must find."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from schemas.errors import UsageError
from schemas.intake import read_registers
from schemas.quarantine import REASONS
from schemas.study import SHIPPED, load_study
from schemas.synth import PRESETS, Dirt, LinkedDirt, Population, RowDirt, Summary, synthesise
from schemas.synth.flaws import FLAWS, flaws_of

READ = {
    "IND": {"sep": ";", "encoding": "utf-8"},
    "DTV": {"sep": ";", "encoding": "cp1252"},
    "IOM": {"sep": ",", "encoding": "utf-8-sig"},
}
DATES = {"IND": "%Y-%m-%d", "DTV": "%d-%m-%Y", "IOM": "%d/%m/%Y"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def table(folder: Path, bron: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{bron.lower()}.csv", dtype=str, keep_default_na=False, **READ[bron])


def links(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "true_links.csv", dtype={"bron": str, "sleutel": str, "persoon": int})


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    out = tmp_path_factory.mktemp("synth") / "reference"
    return out, synthesise(out, people=6000, seed=11)


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        synthesise(tmp_path / name, people=400, seed=5)
    synthesise(tmp_path / "c", people=400, seed=6)
    a, b, c = (contents(tmp_path / name) for name in ("a", "b", "c"))
    assert a == b
    assert all(a[name] != c[name] for name in ("ind.csv", "dtv.csv", "iom.csv", "true_links.csv"))


def test_parquet_is_deterministic_and_reads_as_the_csv(tmp_path: Path) -> None:
    # Without dirt there is no ragged row, which only a text file has.
    for name, form in (("a", "parquet"), ("b", "parquet"), ("c", "csv")):
        synthesise(tmp_path / name, people=300, seed=5, dirt=PRESETS["clean"], form=form)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    study = load_study("nr2015")
    from_parquet, from_csv = (read_registers(study, tmp_path / name) for name in ("a", "c"))
    assert from_parquet.registers["IND"].equals(from_csv.registers["IND"])
    assert from_parquet.registers["IOM"].equals(from_csv.registers["IOM"])


@pytest.mark.parametrize("bron", ["IND", "DTV", "IOM"])
def test_dialect_is_that_of_the_reference(delivery: tuple[Path, Summary], bron: str) -> None:
    out, summary = delivery
    name = f"{bron.lower()}.csv"
    made, reference = (out / name).read_bytes(), (SHIPPED / "examples" / "nr2015" / name).read_bytes()
    assert made.split(b"\r\n")[0] == reference.split(b"\r\n")[0], "header, separator and byte-order mark"
    assert made.count(b"\n") == made.count(b"\r\n") == summary.rows[bron] + 1
    frame = table(out, bron)
    column = {"IND": "datum_aanvraag", "DTV": "d9_start", "IOM": "vertrekdatum"}[bron]
    parsed = pd.to_datetime(frame[column], format=DATES[bron], errors="coerce")
    assert parsed.isna().sum() <= summary.bad[bron]
    sexes = {"F", "M", "U"} if bron == "IOM" else {"V", "M", "O"}
    assert set(frame.geslacht) <= sexes | {"X"}
    assert not made.decode(READ[bron]["encoding"]).isascii(), "diacritics survive where the encoding has them"


def test_iom_names_stand_in_one_column_in_capitals(delivery: tuple[Path, Summary]) -> None:
    names = table(delivery[0], "IOM").naam.str.split(", ", expand=True)
    assert names.shape[1] == 2
    assert (names[0] == names[0].str.upper()).all()
    assert names[0].map(str.isascii).all()


def test_intake_sets_aside_exactly_what_was_planted(delivery: tuple[Path, Summary]) -> None:
    out, summary = delivery
    intake = read_registers(load_study("nr2015"), out)
    found = intake.quarantine.select(["bron", "regel", "kolom"]).to_pylist()
    assert found == json.loads((out / "expected_quarantine.json").read_text())
    assert intake.delivered == summary.rows
    assert intake.duplicates == summary.duplicates
    assert summary.bad["IND"] >= len(FLAWS["ind"]), "every kind of bad row had its turn"


def test_every_flaw_is_found_where_it_was_planted(tmp_path: Path) -> None:
    dirt = Dirt(ind=RowDirt(bad_rows=0.04), dtv=LinkedDirt(bad_rows=0.04), iom=LinkedDirt(bad_rows=0.04))
    for form in ("csv", "parquet"):
        out = tmp_path / form
        summary = synthesise(out, people=900, seed=3, dirt=dirt, population=Population(dtv=0.5, iom=0.5), form=form)
        quarantine = read_registers(load_study("nr2015"), out).quarantine
        expected = json.loads((out / "expected_quarantine.json").read_text())
        assert quarantine.select(["bron", "regel", "kolom"]).to_pylist() == expected
        for bron, kind in (("IND", "ind"), ("DTV", "dtv"), ("IOM", "iom")):
            assert summary.bad[bron] >= len(flaws_of(kind, text_file=form == "csv"))
        never = {"sleutel_dubbel"} if form == "csv" else {"sleutel_dubbel", "rij_onleesbaar"}
        assert set(quarantine["reden"].to_pylist()) == set(REASONS) - never


def test_bad_rows_below_the_limit_even_in_tiny_registers(tmp_path: Path) -> None:
    for seed, people in enumerate((1, 2, 5, 40, 300)):
        out = tmp_path / str(people)
        synthesise(out, people=people, seed=seed)
        read_registers(load_study("nr2015"), out)


def test_truth_names_every_valid_record_once(delivery: tuple[Path, Summary]) -> None:
    out, summary = delivery
    truth = links(out)
    assert not truth.duplicated(["bron", "sleutel"]).any(), "no record key of two people"
    intake = read_registers(load_study("nr2015"), out)
    for bron, key in (("IND", "vnummer"), ("DTV", "d9_nummer"), ("IOM", "iom_nummer")):
        own = truth[truth.bron == bron]
        assert set(own.sleutel) == set(intake.registers[bron][key].to_pylist())
        assert own.persoon.nunique() == summary.people[bron]
    assert truth.persoon.between(1, 6000).all()
    described = json.loads((out / "truth.json").read_text())
    assert (described["seed"], described["people"]) == (11, 6000)
    assert described["delivered"]["rows"] == summary.rows
    assert Dirt.model_validate(described["dirt"]) == PRESETS["reference"]


def test_v_numbers_lead_to_their_person_or_were_planted(delivery: tuple[Path, Summary]) -> None:
    out, _ = delivery
    truth = links(out)
    owner = truth[truth.bron == "IND"].set_index("sleutel").persoon
    planted = json.loads((out / "truth.json").read_text())["planted"]
    for bron, key in (("DTV", "d9_nummer"), ("IOM", "iom_nummer")):
        rows = read_registers(load_study("nr2015"), out).registers[bron].to_pandas()
        person = rows[key].map(truth[truth.bron == bron].set_index("sleutel").persoon)
        found = rows.vnummer.map(owner)
        assert int((found.notna() & (found != person)).sum()) == planted[bron]["vnumber_other"]
        known = person.isin(owner)
        nobody = known & rows.vnummer.notna() & found.isna()
        assert int(nobody.sum()) <= planted[bron]["vnumber_mistyped"]
        assert int(rows.vnummer.isna().sum()) == planted[bron]["vnumber_missing"]


def test_clean_registers_link_by_number_alone(tmp_path: Path) -> None:
    summary = synthesise(tmp_path / "c", people=3000, seed=2, dirt=PRESETS["clean"])
    assert sum(summary.bad.values()) + sum(summary.duplicates.values()) == 0
    truth = links(tmp_path / "c")
    owner = truth[truth.bron == "IND"].set_index("sleutel").persoon
    intake = read_registers(load_study("nr2015"), tmp_path / "c")
    assert intake.quarantine.num_rows == 0
    for bron, key in (("DTV", "d9_nummer"), ("IOM", "iom_nummer")):
        rows = intake.registers[bron].to_pandas()
        person = rows[key].map(truth[truth.bron == bron].set_index("sleutel").persoon)
        known = person.isin(owner)
        assert (rows.vnummer.map(owner)[known] == person[known]).all()


def test_dates_follow_the_procedures(delivery: tuple[Path, Summary]) -> None:
    rows = read_registers(load_study("nr2015"), delivery[0]).registers["IND"].to_pandas()
    assert set(rows.procedure) == {"BEDENKTIJD", "B8", "B9", "ASIEL"}
    days = {c: pd.to_datetime(rows[c]) for c in ("datum_aanvraag", "datum_besluit", "datum_bezwaar")}
    assert days["datum_aanvraag"].max() <= pd.Timestamp("2014-12-31")
    assert days["datum_besluit"].max() <= pd.Timestamp("2014-12-31")
    assert not (days["datum_besluit"] < days["datum_aanvraag"]).any()
    assert not (days["datum_bezwaar"] <= days["datum_besluit"]).any()
    scheme = rows.procedure != "ASIEL"
    assert days["datum_aanvraag"][scheme].min() >= pd.Timestamp("2010-01-01")
    wait = (days["datum_besluit"] - days["datum_aanvraag"]).dt.days
    assert (wait[rows.procedure == "BEDENKTIJD"] == 0).all()
    assert wait[rows.procedure == "B9"].dropna().between(60, 299).all()
    assert rows.besluit_bezwaar[rows.datum_bezwaar.notna()].isin(["INGEWILLIGD", "AFGEWEZEN"]).all()
    assert rows.grond[rows.procedure != "B8"].isna().all()


def test_a_study_without_other_registers(tmp_path: Path) -> None:
    study = load_study("wodc2020")
    summary = synthesise(tmp_path / "w", people=800, seed=4, study=study)
    assert set(summary.rows) == {"IND"}
    assert summary.people["IND"] == 800
    applied = pd.to_datetime(read_registers(study, tmp_path / "w").registers["IND"]["datum_aanvraag"].to_pandas())
    assert applied.max() <= pd.Timestamp("2017-12-31")


def test_chunks_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.synth.registers.CHUNK", 250)
    out = tmp_path / "chunks"
    summary = synthesise(out, people=1100, seed=9, population=Population(dtv=0.4, iom=0.4))
    intake = read_registers(load_study("nr2015"), out)
    expected = json.loads((out / "expected_quarantine.json").read_text())
    assert intake.quarantine.select(["bron", "regel", "kolom"]).to_pylist() == expected
    assert intake.delivered == summary.rows
    truth = links(out)
    assert not truth.duplicated(["bron", "sleutel"]).any()
    assert truth.persoon.nunique() == 1100


@pytest.mark.parametrize("bron", ["dtv", "iom"])
def test_everybody_can_be_in_a_register(tmp_path: Path, bron: str) -> None:
    population = Population(dtv=1, iom=1, dtv_known=1, iom_known=1, dtv_iom=1)
    summary = synthesise(tmp_path / "all", people=500, seed=1, population=population)
    assert summary.people[bron.upper()] == summary.people["IND"] == 500


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ind.csv").write_text("somebody's extract")
    with pytest.raises(UsageError, match="already holds"):
        synthesise(tmp_path, people=10, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["ind.csv"]


def test_a_dialect_that_cannot_say_unknown_is_refused(tmp_path: Path) -> None:
    study = load_study("wodc2020")
    ind = study.registers["ind"]
    dialect = ind.dialect.model_copy(update={"sex": {"V": "V", "M": "M"}})
    study = study.model_copy(update={"registers": {"ind": ind.model_copy(update={"dialect": dialect})}})
    with pytest.raises(UsageError, match="lacks a code"):
        synthesise(tmp_path / "x", people=10, seed=1, study=study)


def test_another_dialect_comes_from_the_study_file_alone(tmp_path: Path) -> None:
    study = load_study("wodc2020")
    ind = study.registers["ind"]
    update = {"separator": "|", "encoding": "latin-1", "date_format": "%m.%d.%Y", "name_column": "naam"}
    register = ind.model_copy(update={"dialect": ind.dialect.model_copy(update=update), "file": "levering"})
    study = study.model_copy(update={"registers": {"ind": register}})
    synthesise(tmp_path, people=500, seed=1, study=study)
    header = (tmp_path / "levering.csv").read_text(encoding="latin-1").splitlines()[0]
    assert header.startswith("vnummer|naam|geboortedatum")
    intake = read_registers(study, tmp_path)
    assert intake.quarantine.select(["bron", "regel", "kolom"]).to_pylist() == json.loads(
        (tmp_path / "expected_quarantine.json").read_text()
    )


@pytest.mark.parametrize(("people", "seed"), [(0, 1), (-3, 1), (10**9, 1), (10, -1)])
def test_senseless_sizes_are_refused(tmp_path: Path, people: int, seed: int) -> None:
    with pytest.raises(UsageError):
        synthesise(tmp_path / "x", people=people, seed=seed)
    assert not (tmp_path / "x").exists()


def test_a_failed_run_leaves_no_half_delivery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("schemas.synth.registers._write_links", full)
    with pytest.raises(OSError, match="no space"):
        synthesise(tmp_path / "x", people=50, seed=1)
    assert list((tmp_path / "x").iterdir()) == []


@pytest.mark.slow
def test_a_large_register_in_bounded_memory(tmp_path: Path) -> None:
    """A fifth of a million people, in a process of its own: at most 400 MB."""
    # Not getrusage: a child's peak begins with that of the process it was forked from.
    code = (
        "import sys; from pathlib import Path; from schemas.synth import synthesise;"
        "synthesise(Path(sys.argv[1]), people=200_000, seed=1);"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "big")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 400_000, "kilobytes"
