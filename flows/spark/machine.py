"""What Spark needs on this machine, and what of it is missing: asked before a session is opened, and by `schakel doctor`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flows.findings import Finding

PYSPARK = "4.3.0"
JAVA = (17, 21)
"""First and last version of Java that Spark 4 names as supported."""
PACKAGE = "openjdk-17-jre-headless"
LOCAL_CLUSTER = re.compile(r"local-cluster\[\s*\d+\s*,\s*\d+\s*,\s*\d+\s*\]")
ADDRESS = re.compile(r"spark://[^\s/]+:\d+|yarn|k8s://\S+")


def known_address(engine: str) -> bool:
    """Whether this is an address of a cluster that Spark understands."""
    return bool(LOCAL_CLUSTER.fullmatch(engine) or ADDRESS.fullmatch(engine))


def java() -> str | None:
    """The program Spark would start: that of JAVA_HOME, else the first on the path."""
    home = os.environ.get("JAVA_HOME")
    if home:
        program = Path(home) / "bin" / "java"
        return str(program) if os.access(program, os.X_OK) else None
    return shutil.which("java")


def java_version(program: str) -> int | None:
    """The feature release that a java program says it is (8 for 1.8); None where it says nothing of the kind."""
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else None


def missing(engine: str) -> list[Finding]:
    """Every finding about what the engine needs here, good ones too."""
    return [_address(engine), _pyspark(), _java(), *_secret(engine)]


def _address(engine: str) -> Finding:
    fix = "give local, local-cluster[EXECUTORS,CORES,MEGABYTES], spark://HOST:PORT, yarn or k8s://ADDRESS"
    return Finding("engine", engine, "" if known_address(engine) else fix)


def _pyspark() -> Finding:
    try:
        found = version("pyspark")
    except PackageNotFoundError:
        found = "missing"
    return Finding("pyspark", found, "" if found == PYSPARK else f"install pyspark {PYSPARK}: `make spark`")


def _java() -> Finding:
    program = java()
    wanted = f"install Java {JAVA[0]} (Debian: {PACKAGE}) and name it in JAVA_HOME"
    if program is None:
        return Finding("java", "missing", wanted)
    found = java_version(program)
    if found is None:
        return Finding("java", f"{program} does not say its version", wanted)
    if found < JAVA[0]:
        return Finding("java", f"{found} at {program}, too old for Spark", wanted)
    advice = "" if found <= JAVA[1] else f"Spark names Java {JAVA[0]} to {JAVA[1]}; with another it was not tried"
    return Finding("java", f"{found} at {program}", advice=advice)


def _secret(engine: str) -> Iterator[Finding]:
    """A standalone cluster's daemons share a secret that only its keeper can give; the others draw one themselves."""
    if not engine.startswith("spark://"):
        return
    folder = os.environ.get("SPARK_CONF_DIR")
    path = Path(folder) / "spark-defaults.conf" if folder else None
    there = path is not None and path.is_file() and "spark.authenticate.secret" in path.read_text(encoding="utf-8")
    fix = "name in SPARK_CONF_DIR a folder whose spark-defaults.conf (mode 600) holds the cluster's spark.authenticate.secret"
    yield Finding("cluster secret", "there" if there else "missing", "" if there else fix)
