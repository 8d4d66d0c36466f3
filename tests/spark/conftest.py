"""Spark for real: two executors on this machine, opened once for all tests that do not break it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.spark.machine import PACKAGE, java
from tests.conftest import ROOT

if TYPE_CHECKING:
    from flows.spark.engine import SparkEngine

# Spark is an extra: these files import it, and `make test-all` adds it.
collect_ignore_glob = [] if find_spec("pyspark") else ["test_spark_*.py"]

LOCAL_CLUSTER = "local-cluster[2,1,1024]"


@pytest.fixture(scope="session")
def has_java() -> None:
    """Skip where there is no Java and nobody may install it."""
    if java() is None:
        pytest.skip(f"needs {PACKAGE}; `make setup` installs it where it may")


@pytest.fixture(scope="session")
def kernels_for_executors() -> Iterator[None]:
    """Executors find the kernels of the tests by their name too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared session writes."""
    return tmp_path_factory.mktemp("spark") / "session"


@pytest.fixture(scope="module")
def spark(has_java: None, kernels_for_executors: None, folder: Path) -> Iterator[SparkEngine]:
    """An engine with two executors of one core each."""
    from flows.spark.session import opened

    with opened(LOCAL_CLUSTER, folder) as engine:
        yield engine
    assert not folder.exists()


def until(holds: Callable[[], object], seconds: float = 240) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def parent(pid: int) -> int:
    """The parent of a process; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0
