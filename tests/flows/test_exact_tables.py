"""All 50 published tables come out of the raw extracts exactly, the five linked ones within 1, by real linking."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.conftest import EXAMPLES, REFERENCE, Command

LINKED = {"nr2015_f15", "nr2015_t03", "nr2015_n68", "nr2015_n68_fase", "keten_overlap"}


@pytest.mark.parametrize(("study", "tables"), [("nr2015", 36), ("wodc2020", 14)])
def test_exact_tables(command: Command, tmp_path: Path, study: str, tables: int) -> None:
    out = tmp_path / "exact"
    command("tabulate", study, "--data", EXAMPLES / study, "--out", out, "--i-am-the-data-holder", state=tmp_path / "s")
    expected = json.loads((REFERENCE / study / "expected_tables.json").read_text())
    assert {path.stem for path in out.iterdir()} == set(expected)
    assert len(expected) == tables
    for name, rows in expected.items():
        path = out / f"{name}.parquet"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        found, wanted = pq.read_table(path).to_pandas(), pd.DataFrame(rows)
        if name in LINKED:
            assert (found["aantal"] - wanted["aantal"]).abs().max() <= 1, name
            found, wanted = found.drop(columns="aantal"), wanted.drop(columns="aantal")
        pd.testing.assert_frame_equal(found, wanted, check_dtype=False, obj=name)
    assert "exact_tables_made" in command("log", "show", state=tmp_path / "s").stdout


def test_links_hold_every_record_once(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "links.parquet"
    command(
        "link", "nr2015", "--data", EXAMPLES / "nr2015", "--out", out, "--i-am-the-data-holder", state=tmp_path / "s"
    )
    links = pq.read_table(out).to_pandas()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(links.columns) == ["bron", "sleutel", "person_id", "weight"]
    truth = pd.read_csv(REFERENCE / "nr2015" / "true_links.csv", dtype={"sleutel": str})
    keys = ["bron", "sleutel"]
    assert not links.duplicated(keys).any()
    assert set(links[keys].itertuples(index=False, name=None)) == set(truth[keys].itertuples(index=False, name=None))


@pytest.mark.parametrize("order", ["tabulate", "link"])
def test_exact_output_needs_the_data_holders_word(command: Command, tmp_path: Path, order: str) -> None:
    done = command(
        order, "nr2015", "--data", EXAMPLES / "nr2015", "--out", tmp_path / "x", state=tmp_path / "s", check=False
    )  # fmt: skip
    assert done.returncode == 2
    assert "--i-am-the-data-holder" in done.stderr
    assert not (tmp_path / "x").exists()
