"""Opening Spark: what is missing is said in a sentence, what is set is safe, and whatever ends leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.spark import machine
from flows.spark.session import SAFE, opened, wipe
from flows.spark.worker import Order, installed, said_by_executor
from schemas.engine import LocalEngine, Step
from schemas.errors import UsageError
from tests.conftest import ROOT, Invoke
from tests.spark.conftest import LOCAL_CLUSTER, parent, until
from tests.spark.kernels import ROWS, used

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # pyspark leaves its sockets to the collector


def _java(folder: Path, says: str) -> str:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ('openjdk version "1.8.0_402"', "java is 8 at"),
        ('openjdk version "11.0.22" 2024-01-16', "java is 11 at"),
        ("Segmentation fault", "does not say its version"),
    ],
)
def test_a_wrong_java_is_refused_with_the_package_that_is_right(
    says: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", _java(tmp_path / "jdk", says))
    with pytest.raises(UsageError, match=found) as refused, opened(LOCAL_CLUSTER, tmp_path / "s"):
        pass
    assert machine.PACKAGE in str(refused.value)
    assert not (tmp_path / "s").exists()


def test_doctor_says_what_an_engine_lacks(invoke: Invoke, tmp_path: Path) -> None:
    invoke("setup", state=tmp_path / "s")
    done = invoke("doctor", "--engine", LOCAL_CLUSTER, state=tmp_path / "s", JAVA_HOME=str(tmp_path / "none"))
    assert done.returncode == 2
    assert f"FIX  java: missing -> install Java 17 (Debian: {machine.PACKAGE})" in done.stdout
    done = invoke("doctor", "--engine", "spark://host", state=tmp_path / "s")
    assert "FIX  engine: spark://host" in done.stdout
    assert "FIX  cluster secret: missing" in done.stdout
    quiet = invoke("doctor", state=tmp_path / "s")
    assert "java" not in quiet.stdout


def test_a_standalone_clusters_secret_is_looked_for_where_spark_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spark-defaults.conf").write_text("spark.authenticate.secret abc\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    found = {finding.what: finding.found for finding in machine.missing("spark://host:7077")}
    assert found["cluster secret"] == "there"
    assert "abc" not in str(machine.missing("spark://host:7077"))


def test_addresses() -> None:
    good = [LOCAL_CLUSTER, "local-cluster[1, 2, 512]", "spark://a.b:7077", "yarn", "k8s://https://host:6443"]
    assert [address for address in good if not machine.known_address(address)] == []
    assert [
        a for a in ("local", "spark://a", "spark://a:1/x y", "local-cluster[]", "") if machine.known_address(a)
    ] == []


def test_a_kernel_that_has_no_name_is_refused_before_it_is_sent() -> None:
    with pytest.raises(TypeError, match="not a top-level function"):
        Order.of(Step("x", lambda part, given: part, ROWS))


def test_what_executors_have_is_compared_with_what_the_driver_has() -> None:
    other = Order("x", "tests.spark.kernels:times", ROWS, installed() | {"numpy": "0.1"})
    with pytest.raises(UsageError, match=r"executors have numpy .* and the driver has 0\.1"):
        other.step()
    assert said_by_executor("java.lang.Exception: whatever") is None


@pytest.mark.slow
def test_executors_with_other_sources_are_refused(
    has_java: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ("schemas", "linkage", "tabulation", "flows"):
        shutil.copytree(ROOT / room, tmp_path / "old" / room, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "old" / "linkage" / "bloom.py").open("a") as file:
        file.write("# an earlier version\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'old'}:{ROOT}")
    with (
        opened(LOCAL_CLUSTER, tmp_path / "s") as spark,
        pytest.raises(UsageError, match=r"executors have Schakel with sources .* install the same version"),
    ):
        used(spark)


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_no_process_and_the_next_one_starts_cleanly(
    has_java: None, kernels_for_executors: None, tmp_path: Path
) -> None:
    marks, folder = tmp_path / "marks", tmp_path / "s"
    marks.mkdir()
    command = [sys.executable, "-m", "tests.spark.driver", LOCAL_CLUSTER, str(folder), str(marks)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as driver:
        until(lambda: any(marks.iterdir()))
        workers = [int(path.name.split("-")[0]) for path in marks.iterdir()]
        javas = {parent(parent(worker)) for worker in workers}
        driver.send_signal(signal.SIGKILL)
    until(lambda: not [pid for pid in (*workers, *javas) if parent(pid)])
    wipe(folder)
    with opened(LOCAL_CLUSTER, folder) as spark:
        here, there = used(LocalEngine()), used(spark)
        assert [a.equals(b) for a, b in zip(here, there, strict=True)] == [True, True]
        conf = spark.settings()
        assert {name: conf.get(name) for name in SAFE} == SAFE
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
        assert not [line for line in commands if conf["spark.authenticate.secret"].encode() in line]
        assert {path.stat().st_mode & 0o077 for path in folder.rglob("*") if not path.is_symlink()} == {0}
    assert not folder.exists()
