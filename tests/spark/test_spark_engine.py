"""The engine on Spark: the same tables as `LocalEngine`, whatever happens to executors, and no value in what it writes."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from flows.coded import StepFailed
from flows.spark.engine import SparkEngine
from schemas.engine import LocalEngine
from tests.flows.canaries import FIRST, LAST, found_in
from tests.spark.conftest import parent, until
from tests.spark.kernels import BY_KEY, REVEALS, ROWS, SLOW_GROUPS, SLOWLY, made, used

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]  # pyspark leaves its sockets to the collector


def test_every_engine_gives_the_same_tables(spark: SparkEngine) -> None:
    here, there = used(LocalEngine()), used(spark)
    assert there[0].equals(here[0])
    assert there[1].equals(here[1])
    assert there[1].num_rows == 200


def test_a_table_without_rows_is_in_every_group(spark: SparkEngine) -> None:
    for engine in (LocalEngine(), spark):
        tables = {"a": engine.parts([made(50, 1)]), "b": engine.parts([ROWS.empty_table()])}
        parts = list(engine.grouped(BY_KEY, tables, "key", 5))
        assert len(parts) == 5
        assert sum(t["b"].to_numpy().sum() for t in parts) == 0


def test_what_a_kernel_says_of_a_record_reaches_nobody(spark: SparkEngine, folder: Path) -> None:
    names = pa.table({"name": [f"{FIRST} {LAST}"] * 50})
    with pytest.raises(StepFailed) as failed:
        list(spark.map(REVEALS, spark.parts([names])))
    assert "ValueError" in str(failed.value)
    assert LAST not in str(failed.value)
    assert failed.value.__cause__ is None
    assert list(folder.rglob("stderr")), "executors have logs, and they were searched"
    assert found_in(folder) == []


def test_an_executor_that_is_killed_in_the_middle_changes_nothing(spark: SparkEngine, tmp_path: Path) -> None:
    parts = [made(50, seed) for seed in range(6)]
    killed = []

    def kill() -> None:
        until(lambda: any(tmp_path.iterdir()))
        daemon = int(next(tmp_path.iterdir()).name.split("-")[1])
        killed.append(parent(daemon))
        assert parent(parent(killed[0])) == os.getpid(), (
            "an executor is a grandchild of ours, by way of the driver's Java"
        )
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    found = list(spark.map(SLOWLY, spark.parts(parts), {"where": pa.table({"folder": [str(tmp_path)]})}))
    killer.join()
    assert killed
    assert [a.equals(b) for a, b in zip(found, parts, strict=True)] == [True] * 6
    assert parent(killed[0]) == 0, "it is gone, and what it had begun was done by another"


def test_a_shuffle_file_that_is_lost_is_made_again(spark: SparkEngine, folder: Path, tmp_path: Path) -> None:
    parts = [made(100, seed) for seed in range(3)]
    given = {"where": pa.table({"folder": [str(tmp_path)]})}
    lost: list[Path] = []

    def lose() -> None:
        until(lambda: any(tmp_path.iterdir()))
        for path in (folder / "blocks").rglob("shuffle_*"):
            path.unlink()
            lost.append(path)

    loser = threading.Thread(target=lose)
    loser.start()
    tables = {"a": spark.parts(parts), "b": spark.parts(parts[:1])}
    found = list(spark.grouped(SLOW_GROUPS, tables, "key", 6, given))
    loser.join()
    assert lost
    local = LocalEngine()
    wanted = local.grouped(BY_KEY, {"a": local.parts(parts), "b": local.parts(parts[:1])}, "key", 6)
    assert [a.equals(b) for a, b in zip(found, wanted, strict=True)] == [True] * 6
