"""Wrong use and bad input end in one sentence and the contract's exit code, before anything is done."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import EXAMPLES, Invoke

NR = EXAMPLES / "nr2015"


def _refused(done: object, code: int, *words: str) -> None:
    stderr = done.stderr.strip()  # type: ignore[attr-defined]
    last = stderr.splitlines()[-1]
    assert done.returncode == code, stderr  # type: ignore[attr-defined]
    assert last.startswith("schakel: ")
    assert "Traceback" not in stderr
    for word in words:
        assert word in last


def _exact(data: Path, folder: Path) -> tuple[object, ...]:
    return ("tabulate", "nr2015", "--data", data, "--out", folder / "o", "--i-am-the-data-holder")


def test_help_names_every_command(invoke: Invoke, tmp_path: Path) -> None:
    text = invoke("--help", state=tmp_path).stdout
    for name in (
        "setup",
        "tabulate",
        "link",
        "run",
        "check",
        "protect",
        "verify",
        "log",
        "budget",
        "synth",
        "demo",
        "doctor",
    ):
        assert f" {name} " in text


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("run", "nr2016", "--data", NR, "--out", "x"), "nr2016"),
        (("run", "nr2015", "--data", NR), "--out"),
        (("frobnicate",), "frobnicate"),
        (("verify", "/nowhere"), "state"),
        (("protect", "/nowhere", "--out", "x"), "nowhere"),
        (("log", "show"), "setup"),
    ],
)
def test_wrong_use_is_exit_2(invoke: Invoke, tmp_path: Path, arguments: tuple[object, ...], word: str) -> None:
    _refused(invoke(*arguments, state=tmp_path / "none"), 2, word)
    assert not (tmp_path / "none" / "state.db").exists()


def test_a_missing_folder_or_register_is_exit_3(invoke: Invoke, tmp_path: Path) -> None:
    state = tmp_path / "s"
    _refused(invoke("run", "nr2015", "--data", tmp_path / "no", "--out", tmp_path / "o", state=state), 3, "no")
    data = tmp_path / "data"
    shutil.copytree(NR, data)
    (data / "iom.csv").unlink()
    done = invoke(
        "tabulate",
        "nr2015",
        "--data",
        data,
        "--out",
        tmp_path / "o",
        "--i-am-the-data-holder",
        state=state,
    )
    _refused(done, 3, "iom")


def test_too_many_bad_rows_stop_the_run_with_counts_and_a_list(invoke: Invoke, tmp_path: Path) -> None:
    data, state = tmp_path / "data", tmp_path / "s"
    shutil.copytree(NR, data)
    text = (data / "iom.csv").read_text("utf-8-sig").replace(",F,", ",Q,")
    (data / "iom.csv").write_text(text, "utf-8-sig")
    done = invoke(
        "tabulate",
        "nr2015",
        "--data",
        data,
        "--out",
        tmp_path / "o",
        "--i-am-the-data-holder",
        state=state,
    )
    _refused(done, 3, "IOM", "code_buiten_lijst", "quarantine")
    listed = (state / "quarantine" / "nr2015.csv").read_text().splitlines()
    assert listed[0] == "bron,regel,kolom,reden"
    assert sum(line.startswith("IOM,") for line in listed) > 100


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("last_year = 2014", "last_year = 2009"), "last_year"),
        (('kind = "iom"', 'kind = "xyz"'), "kind"),
        (("quarantine_limit = 0.05", "quarantine_limits = 0.05"), "quarantine_limits"),
        (('catalogue = "nr2015"', 'catalogue = "nowhere"'), "nowhere"),
        (('policy = "nr2015"', 'policy = "nowhere"'), "nowhere"),
        (("[registers.ind]", "[registers.ind"), "TOML"),
    ],
)
def test_a_broken_study_file_is_exit_2(invoke: Invoke, tmp_path: Path, change: tuple[str, str], word: str) -> None:
    text = (EXAMPLES.parent / "studies" / "nr2015.toml").read_text()
    assert change[0] in text
    study = tmp_path / "mine.toml"
    study.write_text(text.replace(*change))
    done = invoke("run", study, "--data", NR, "--out", tmp_path / "o", state=tmp_path / "s")
    _refused(done, 2, word)


@pytest.mark.parametrize("damage", ["short", "readable", "gone"])
def test_a_bad_key_is_refused(invoke: Invoke, tmp_path: Path, damage: str) -> None:
    key = tmp_path / "study.key"
    key.write_bytes(b"x" * (5 if damage == "short" else 32))
    key.chmod(0o644 if damage == "readable" else 0o600)
    if damage == "gone":
        key.unlink()
    done = invoke(
        "link", "nr2015", "--data", NR, "--out", tmp_path / "l", "--i-am-the-data-holder",
        state=tmp_path / "s", SCHAKEL_KEY_FILE=str(key),
    )  # fmt: skip
    _refused(done, 2, "study.key")


def test_a_lost_study_secret_is_never_replaced_in_silence(invoke: Invoke, tmp_path: Path) -> None:
    """A new one would renumber everybody: what the log says was made has to come back from its backup."""
    state = tmp_path / "s"
    invoke("setup", state=state)
    (state / "keys" / "nr2015.key").unlink()
    done = invoke("encode", "nr2015", "--data", NR, "--out", tmp_path / "p", state=state)
    _refused(done, 6, "is gone although it was made once")
    assert not (state / "keys" / "nr2015.key").exists()


def test_setup_twice_changes_nothing(invoke: Invoke, tmp_path: Path) -> None:
    first = invoke("setup", state=tmp_path / "s").stdout
    keys = {path.name: path.read_bytes() for path in (tmp_path / "s" / "keys").iterdir()}
    second = invoke("setup", state=tmp_path / "s").stdout
    assert "made" in first
    assert "unchanged" in second
    assert {path.name: path.read_bytes() for path in (tmp_path / "s" / "keys").iterdir()} == keys


def test_doctor_names_a_fix(invoke: Invoke, tmp_path: Path) -> None:
    invoke("setup", state=tmp_path / "s")
    assert invoke("doctor", state=tmp_path / "s").returncode == 0
    (tmp_path / "s" / "keys" / "nr2015.key").chmod(0o644)
    done = invoke("doctor", state=tmp_path / "s", PREFECT_RESULTS_PERSIST_BY_DEFAULT="true")
    assert done.returncode == 2
    assert "chmod 600" in done.stdout
    assert "PREFECT_RESULTS_PERSIST_BY_DEFAULT" in done.stdout


def test_doctor_looks_at_clock_results_backup_and_retention(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import installation
    from tests.flows.invented_release import propose, tables

    state, home = tmp_path / "s", tmp_path / "prefect"
    propose(state, tmp_path / "out", "r1", tables())
    quiet = invoke("doctor", state=state)
    assert (quiet.returncode, "schakel backup" in quiet.stdout) == (0, True)
    invoke("backup", tmp_path / "b", state=state)
    assert "schakel backup" not in invoke("doctor", state=state).stdout
    (home / "storage").mkdir(parents=True)
    (home / "storage" / "result").write_bytes(b"x")
    stale = state / "quarantine" / "nr2015.csv"
    stale.parent.mkdir()
    stale.write_text("bron,regel\n")
    os.utime(stale, (0, 0))
    done = invoke("doctor", state=state, PREFECT_HOME=str(home))
    assert done.returncode == 2
    assert sorted(line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("FIX")) == [
        "FIX  Prefect's results", "FIX  retention",
    ]  # fmt: skip

    class Yesterday(installation.datetime):
        @classmethod
        def now(cls, zone: object = None) -> datetime:
            return datetime(2026, 1, 2, tzinfo=UTC)

    monkeypatch.setattr(installation, "datetime", Yesterday)
    assert "runs behind the log" in invoke("doctor", state=state).stdout
