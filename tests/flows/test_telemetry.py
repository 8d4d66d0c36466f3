"""What machines are told about a run: durations, codes and counts that are not small; never what people are told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from disclosure.store import open_store
from flows.metrics import SMALLEST, RunNumbers, write_metrics
from flows.progress import Progress

SECRET = "Ngozi 1991-02-03"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def parsed(tmp_path: Path, numbers: RunNumbers) -> dict[tuple[str, ...], float]:
    store = open_store(tmp_path / "state")
    path = write_metrics(store, numbers)
    store.close()
    assert path.stat().st_mode & 0o777 == 0o600
    families = text_string_to_metric_families(path.read_text())
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_small_counts_are_left_out(tmp_path: Path) -> None:
    rows = {"IND": 3_020, "DTV": SMALLEST, "IOM": SMALLEST - 1}
    found = parsed(tmp_path, RunNumbers("nr2015", NOW, 0, 41.5, {"link": 9.4}, rows, {"public": 19}, 112))
    assert found == {
        ("schakel_run_end_timestamp_seconds", "nr2015"): NOW.timestamp(),
        ("schakel_run_exit_code", "nr2015"): 0,
        ("schakel_run_seconds", "nr2015"): 41.5,
        ("schakel_step_seconds", "link", "nr2015"): 9.4,
        ("schakel_register_rows", "IND", "nr2015"): 3_020,
        ("schakel_register_rows", "DTV", "nr2015"): SMALLEST,
        ("schakel_tables", "nr2015", "public"): 19,
        ("schakel_log_entries", "nr2015"): 112,
    }


def test_a_run_that_ended_early_has_what_there_is(tmp_path: Path) -> None:
    found = parsed(tmp_path, RunNumbers("nr2015", NOW, 3, 0.5, {}))
    assert found[("schakel_run_exit_code", "nr2015")] == 3
    assert not any(name.startswith("schakel_step") for name, *_ in found)


def test_lines_for_machines_hold_no_word_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCHAKEL_LOG", "json")
    progress = Progress(SECRET, "nr2015")
    with progress.step(SECRET, "read") as said:
        said.append(SECRET)
    progress.say(SECRET)
    with pytest.raises(KeyError), progress.step("Linking", "link"):
        raise KeyError(SECRET)
    progress.ended(3.0, "KeyError", 1)
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err
    lines = [json.loads(line) for line in told.err.splitlines()]
    assert [(line["step"], line["phase"]) for line in lines] == [
        ("read", "begun"), ("read", "done"), ("link", "begun"), ("link", "failed"), ("run", "failed"),
    ]  # fmt: skip
    assert lines[3]["code"] == "KeyError"
    assert {line["study"] for line in lines} == {"nr2015"}
    assert set(progress.durations) == {"read"}
