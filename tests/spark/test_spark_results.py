"""Links, weights and tables are identical wherever the steps ran, and nothing of a person is in what Spark writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from flows.spark.engine import SparkEngine
from linkage import encode, evidence, expectation, proposed, resolve
from linkage.encode import Encoded, encode_registers
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, Links, link
from schemas.catalogue import load_catalogue
from schemas.engine import Engine, LocalEngine
from schemas.intake import read_registers
from schemas.study import Study, load_study, resource
from schemas.synth import PRESETS, synthesise
from schemas.tables import ExactTable
from tabulation import tabulate as tabulator
from tabulation.tabulate import tabulate
from tests.conftest import EXAMPLES, Command
from tests.flows import canaries
from tests.spark.conftest import LOCAL_CLUSTER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # pyspark leaves its sockets to the collector
]
PEOPLE = 200_000


def _keys(study: Study) -> StudyKeys:
    return StudyKeys(b"k" * 32, study.id)


def _without_tokens(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Tokens and the order of rows are drawn anew each time: what is left has to be the same rows."""
    bare = {bron: table.drop_columns(["token"]) for bron, table in tables.items()}
    return {bron: table.sort_by([(name, "ascending") for name in table.column_names]) for bron, table in bare.items()}


def _same(here: dict[str, pa.Table], there: dict[str, pa.Table]) -> None:
    assert [bron for bron in here if not here[bron].equals(there[bron])] == []
    assert list(here) == list(there)


def _tables(study: Study, name: str, encoded: Encoded, links: Links, engine: Engine) -> dict[str, ExactTable]:
    catalogue = load_catalogue(resource(name, "catalogue", study.catalogue), study.years)
    return tabulate(encoded.attributes, links.persons, study, catalogue, engine)


def _compare(name: str, data: Path, spark: SparkEngine) -> None:
    study = load_study(name)
    here, there = (encode_registers(read_registers(study, data), _keys(study), "single-site", e) for e in (None, spark))
    _same(_without_tokens(here.linkage), _without_tokens(there.linkage))
    _same(_without_tokens(here.attributes), _without_tokens(there.attributes))
    mine, theirs = (link(here.linkage, LinkParameters(), None, engine=engine) for engine in (LocalEngine(), spark))
    for part in ("persons", "deterministic", "known", "review", "uncertain"):
        assert getattr(mine, part).equals(getattr(theirs, part)), part
    assert repr(mine.quality) == repr(theirs.quality)  # a number that is none equals nothing, not itself either
    exact, again = (_tables(study, name, here, mine, engine) for engine in (LocalEngine(), spark))
    assert list(exact) == list(again)
    for table in exact.values():
        pd.testing.assert_frame_equal(table.frame, again[table.id].frame)
        pd.testing.assert_frame_equal(table.micro, again[table.id].micro)


def cut_linking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks in pieces, pairs by ranges, evidence and links in parts, of registers that are small enough for one of each."""
    monkeypatch.setattr(evidence, "FULL_PAIRS", 100)
    monkeypatch.setattr(proposed, "PART", 4_000)
    monkeypatch.setattr(proposed, "KERNEL_PART", 1_000_000)
    monkeypatch.setattr(expectation, "PART", 1_000)
    monkeypatch.setattr(resolve, "EDGES_PART", 300)


@pytest.mark.parametrize("name", ["nr2015", "wodc2020"])
def test_reference_studies_are_the_same_cut_into_many_parts(
    name: str, spark: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "ENCODE_ROWS", 700)
    monkeypatch.setattr(tabulator, "GROUP_ROWS", 1500)
    cut_linking(monkeypatch)
    _compare(name, EXAMPLES / name, spark)


def test_two_hundred_thousand_people_are_the_same(spark: SparkEngine, tmp_path: Path) -> None:
    synthesise(tmp_path / "data", people=PEOPLE, seed=1, study=load_study("nr2015"), dirt=PRESETS["reference"])
    _compare("nr2015", tmp_path / "data", spark)


def test_cutting_people_into_groups_changes_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    study = load_study("nr2015")
    encoded = encode_registers(read_registers(study, EXAMPLES / "nr2015"), _keys(study), "single-site")
    links = link(encoded.linkage, LinkParameters(), None)
    whole = _tables(study, "nr2015", encoded, links, LocalEngine())
    monkeypatch.setattr(tabulator, "GROUP_ROWS", 400)
    for table in _tables(study, "nr2015", encoded, links, LocalEngine()).values():
        pd.testing.assert_frame_equal(table.frame, whole[table.id].frame)
        _same_units(table.micro, whole[table.id].micro)


def _same_units(some: pd.DataFrame, others: pd.DataFrame) -> None:
    """The same rows in whatever order."""
    ordered: list[Any] = [frame.sort_values(list(frame.columns)).reset_index(drop=True) for frame in (some, others)]
    pd.testing.assert_frame_equal(*ordered)


def test_nothing_of_a_person_is_in_what_spark_writes_while_it_works(
    spark: SparkEngine, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_linking(monkeypatch)
    study = load_study("nr2015")
    intake = read_registers(study, canaries.plant(EXAMPLES, tmp_path / "data"))
    encoded = encode_registers(intake, _keys(study), "single-site", spark)
    before = spark.shuffled()
    links = link(encoded.linkage, LinkParameters(), None, engine=spark)
    assert spark.shuffled() > before, "pairs met by left record"
    before = spark.shuffled()
    assert _tables(study, "nr2015", encoded, links, spark)
    assert spark.shuffled() > before, "pieces went to disk on their way"
    kept = spark.parts([encoded.attributes["IND"]]).kept()
    assert sum(part.num_rows for part in kept) == encoded.attributes["IND"].num_rows
    assert list(folder.rglob("shuffle_*.data"))
    assert list(folder.rglob("stderr"))
    assert canaries.found_in(folder) == []


def test_a_command_on_spark_writes_the_same_files_and_leaves_no_trace(command: Command, tmp_path: Path) -> None:
    data = canaries.plant(EXAMPLES, tmp_path / "data")
    left, out = tmp_path / "left", tmp_path / "out"
    left.mkdir()
    for engine in ("local", LOCAL_CLUSTER):
        done = command(
            "tabulate", "nr2015", "--data", data, "--out", out / engine, "--engine", engine, "--i-am-the-data-holder",
            state=left / "state", TMPDIR=str(left),
        )  # fmt: skip
        (left / f"{engine}.txt").write_text(done.stdout + done.stderr)
    files = [{path.name: path.read_bytes() for path in (out / e).iterdir()} for e in ("local", LOCAL_CLUSTER)]
    assert len(files[0]) == 36
    assert files[0] == files[1]
    assert not list((left / "state" / "runs").glob("*"))
    assert canaries.found_in(left) == []
