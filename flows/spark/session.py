"""Opens Spark so that nobody has to prepare it, and closes it so that nothing is left.

Set-up traps that are handled here, because each of them was met: executors start another Python than the driver's; the
machine's name resolves to an address nobody listens on; `local-cluster` writes executors' logs into the installed
package; settings given at the start stand in the list of processes for everybody; Spark's own logs quote exceptions.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.coded import MachineRefused
from flows.spark.machine import java, missing
from schemas.errors import UsageError

if TYPE_CHECKING:
    from flows.spark.engine import SparkEngine

DRIVER_MEMORY = "4g"
"""Most that the driver's Java may use; it takes memory as parts pass through it."""
ENDED_SECONDS = 30
LOG = "log4j2.properties"

SAFE = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.eventLog.enabled": "false",
    "spark.authenticate": "true",
    "spark.network.crypto.enabled": "true",
    "spark.io.encryption.enabled": "true",
    "spark.io.encryption.keySizeBits": "256",
}
"""Forced, whatever a cluster's defaults say: each of these, set otherwise, shows or stores parts in clear."""

NEEDED = {
    "spark.app.name": "schakel",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1",  # a record is a whole part
    "spark.sql.adaptive.enabled": "false",  # parts are cut by the data, never by Spark
    "spark.driver.maxResultSize": "0",
    "spark.rpc.message.maxSize": "1024",
    "spark.sql.warehouse.dir": "/nonexistent",
}


@contextmanager
def opened(engine: str, folder: Path) -> Iterator[SparkEngine]:
    """An engine on the cluster at `engine`; everything it writes here is under `folder` (0700), which is gone afterwards.

    UsageError where something is missing, in the sentence that `schakel doctor --engine` would give.
    """
    for finding in missing(engine):
        if not finding.good:
            raise UsageError(f"The engine {engine} cannot be used, {finding.what} is {finding.found}: {finding.fix}.")
    mask = os.umask(0o077)
    folder.mkdir(mode=0o700, parents=True)
    try:
        with _environment(_variables(engine, folder)):
            yield from _session(engine, folder)
    finally:
        os.umask(mask)
        wipe(folder)


def _session(engine: str, folder: Path) -> Iterator[SparkEngine]:
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    from flows.spark.engine import SparkEngine

    gateway = None
    try:
        # Settings are given to the running Java, not on its command line; what it prints could be anything.
        gateway = launch_gateway(popen_kwargs={"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL})
        conf = SparkConf(_jvm=gateway.jvm)
        for name, value in _settings(engine, folder).items():
            conf.set(name, value)
        context = SparkContext(conf=conf, gateway=gateway)
    except (Py4JError, PySparkException):
        _ended(gateway)
        raise MachineRefused(
            f"Spark did not start on {engine}; is the cluster up, does it know this machine, and has it executors to give?"
        ) from None
    try:
        yield SparkEngine(SparkSession(context))
    finally:
        with warnings.catch_warnings(), suppress(Py4JError, OSError):
            warnings.simplefilter("ignore")  # a Java that died says so once more
            context.stop()
        _ended(gateway)


def _ended(gateway: Any) -> None:
    """Java of the driver is gone, and pyspark knows it: another session may be opened in this process."""
    from pyspark import SparkContext

    if gateway is None:
        return
    with suppress(Exception):
        gateway.shutdown()
    gateway.proc.stdin.close()  # Java ends with its input
    try:
        gateway.proc.wait(ENDED_SECONDS)
    except subprocess.TimeoutExpired:
        gateway.proc.kill()
        gateway.proc.wait()
    SparkContext._gateway = SparkContext._jvm = None


def _settings(engine: str, folder: Path) -> dict[str, str]:
    settings = NEEDED | {"spark.master": engine, "spark.local.dir": str(folder / "blocks")} | SAFE
    if engine.startswith("local-cluster"):
        memory = engine.rstrip("] ").rsplit(",", 1)[1].strip()
        settings |= {
            "spark.authenticate.secret": secrets.token_hex(32),
            "spark.driver.host": "localhost",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.executor.memory": f"{memory}m",
            "spark.executor.extraJavaOptions": _java_options(folder),
        }
    return settings


def _java_options(folder: Path) -> str:
    """Temporary files under our folder, no table of counters in the machine's, no log."""
    return f"-Djava.io.tmpdir={folder / 'tmp'} -XX:-UsePerfData -Dlog4j2.configurationFile={folder / LOG}"


def _variables(engine: str, folder: Path) -> dict[str, str]:
    """What Java and everything it starts on this machine inherits."""
    import pyspark

    for name in ("blocks", "tmp"):
        (folder / name).mkdir(mode=0o700)
    (folder / LOG).write_text("rootLogger.level = off\n", encoding="utf-8")
    package = Path(pyspark.__file__).parent
    program = java()
    assert program is not None
    variables = {
        "JAVA_HOME": str(Path(program).resolve().parent.parent),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_HOME": str(package),
        "SPARK_LOCAL_DIRS": str(folder / "blocks"),
        "PYSPARK_SUBMIT_ARGS": shlex.join(
            ["--driver-memory", DRIVER_MEMORY, "--driver-java-options", _java_options(folder), "pyspark-shell"]
        ),
    }
    if engine.startswith("local-cluster"):
        variables |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"}
        variables["SPARK_HOME"] = str(_home(package, folder / "home"))
    return variables


def _home(package: Path, home: Path) -> Path:
    """Spark as it is installed, but for `work`, where a local cluster's executors would write beside the program."""
    home.mkdir(mode=0o700)
    for entry in package.iterdir():
        if entry.name not in ("work", "logs"):
            (home / entry.name).symlink_to(entry)
    return home


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def wipe(folder: Path) -> None:
    """Remove what a session left under `folder`, also what executors are still letting go of."""
    for _ in range(ENDED_SECONDS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(1)
    raise MachineRefused(f"{folder} holds blocks of a step that ended and cannot be removed; remove it by hand.")
