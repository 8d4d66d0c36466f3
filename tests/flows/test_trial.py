"""What an analyst does before any budget is touched: invented registers, a trial of the study, a plan."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Invoke


def test_synth_writes_registers_that_the_study_can_read(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("synth", "--out", tmp_path / "a", "--people", 300, "--seed", 7, state=tmp_path / "s")
    assert done.returncode == 0, done.stderr
    again = invoke("synth", "--out", tmp_path / "b", "--people", 300, "--seed", 7, state=tmp_path / "s")
    assert again.returncode == 0
    for name in ("ind.csv", "dtv.csv", "iom.csv", "true_links.csv", "expected_quarantine.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    other = invoke("synth", "--out", tmp_path / "c", "--people", 300, "--format", "parquet", state=tmp_path / "s")
    assert other.returncode == 0, other.stderr
    assert sorted(path.stem for path in (tmp_path / "c").glob("*.parquet")) == ["dtv", "ind", "iom"]
    refused = invoke("synth", "--out", tmp_path / "a", "--people", 300, state=tmp_path / "s")
    assert refused.returncode == 2, "registers are never overwritten: they could be real ones"


def test_check_tries_a_study_on_invented_people_and_spends_nothing(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("check", "wodc2020", "--people", 400, state=tmp_path / "s")
    assert done.returncode == 0, done.stderr
    assert "wodc2020_routes" in done.stdout
    assert not (tmp_path / "s").exists()


def test_a_plan_shows_every_public_table_and_more_noise_for_less_budget(invoke: Invoke, tmp_path: Path) -> None:
    def first_error(*more: object) -> int:
        done = invoke("budget", "plan", "wodc2020", *more, state=tmp_path / "s")
        assert done.returncode == 0, done.stderr
        (row,) = [line for line in done.stdout.splitlines() if "wodc2020_f03 " in line]
        return int(row.split("│")[2])

    assert first_error("--epsilon", 1) > first_error() >= first_error("--epsilon", 6) > 0
