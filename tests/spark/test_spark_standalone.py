"""A standing cluster for real: Spark's own master and worker on this machine, and the command of `docs/scale.md`."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyspark
import pytest

from tests.conftest import EXAMPLES, Command
from tests.flows import canaries
from tests.spark.conftest import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
HOME = Path(pyspark.__file__).parent


@dataclass(frozen=True)
class Cluster:
    """Where it answers, the settings that its users have, and what its daemons and executors write."""

    address: str
    settings: Path
    written: Path


def _free_port() -> int:
    with socket.socket() as some:
        some.bind(("localhost", 0))
        return int(some.getsockname()[1])


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("localhost", port), 1):
        return True
    return False


@pytest.fixture
def cluster(has_java: None, tmp_path: Path) -> Iterator[Cluster]:
    """One master, and one worker with two cores."""
    settings, written = tmp_path / "settings", tmp_path / "cluster"
    settings.mkdir()
    written.mkdir()
    (settings / "spark-defaults.conf").write_text(
        f"spark.authenticate true\nspark.authenticate.secret {secrets.token_hex(16)}\nspark.network.crypto.enabled true\n"
        "spark.executor.memory 1g\nspark.executor.cores 1\nspark.driver.host localhost\nspark.driver.bindAddress 127.0.0.1\n",
        encoding="utf-8",
    )
    port, pages = _free_port(), (_free_port(), _free_port())
    environment = os.environ | {
        "SPARK_HOME": str(HOME), "SPARK_CONF_DIR": str(settings), "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost", "SPARK_WORKER_DIR": str(written / "work"),
    }  # fmt: skip
    address = f"spark://localhost:{port}"
    daemons = {
        "master.Master": ("--port", str(port), "--webui-port", str(pages[0])),
        "worker.Worker": ("-c", "2", "-m", "2g", "--webui-port", str(pages[1]), address),
    }
    running: list[subprocess.Popen[bytes]] = []
    try:
        for name, given in daemons.items():
            command = [HOME / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", "--host", "localhost", *given]
            with (written / f"{name}.log").open("wb") as log:
                running.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
            until(lambda: _answers(port))
        until(lambda: b"Registering worker" in (written / "master.Master.log").read_bytes())
        yield Cluster(address, settings, written)
    finally:
        for daemon in reversed(running):
            daemon.terminate()
            daemon.wait(60)


def test_the_command_of_the_docs_gives_the_files_of_this_machine(
    cluster: Cluster, command: Command, tmp_path: Path
) -> None:
    data, left = canaries.plant(EXAMPLES, tmp_path / "data"), tmp_path / "left"
    left.mkdir()
    files = []
    for name, engine in (("here", "local"), ("there", cluster.address)):
        out = tmp_path / name
        done = command(
            "tabulate", "nr2015", "--data", data, "--out", out, "--engine", engine, "--i-am-the-data-holder",
            state=left / "state", TMPDIR=str(left), SPARK_CONF_DIR=str(cluster.settings),
        )  # fmt: skip
        (left / f"{name}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
        files.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert len(files[0]) == 36
    assert files[0] == files[1]
    assert list(cluster.written.rglob("stderr")), "executors of the worker did the work"
    assert canaries.found_in(left, cluster.written) == []
    assert not list((left / "state" / "runs").glob("*"))
