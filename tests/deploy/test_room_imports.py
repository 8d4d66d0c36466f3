"""Each room runs with its own packages and nothing else: what a site that only encodes has to install and to trust."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECLARED = {
    "schemas": {"anyascii", "numpy", "openpyxl", "pandas", "pandera", "pyarrow", "pydantic"},
    "linkage": {
        "anyascii", "cryptography", "numba", "numpy", "openpyxl", "pandas", "pandera", "pyarrow", "pydantic", "recordlinkage",
        "scikit-learn", "scipy",
    },
    "tabulation": {"anyascii", "numpy", "openpyxl", "pandas", "pandera", "pyarrow", "pydantic", "scipy"},
    "disclosure": {
        "alembic", "anyascii", "cryptography", "highspy", "numba", "numpy", "opendp", "openpyxl", "pandas", "pandera",
        "psycopg", "pyarrow", "pydantic", "rfc8785", "scipy", "sqlalchemy",
    },
    "portal": {
        "alembic", "anyascii", "authlib", "cryptography", "httpx", "jinja2", "joserfc", "markupsafe", "numpy", "openpyxl",
        "pandas", "pandera", "psycopg", "pyarrow", "pydantic", "rfc8785", "sqlalchemy", "starlette", "uvicorn",
    },
}  # fmt: skip
"""Per room what it may import, its own and that of the rooms it may import; never Prefect, never a browser or a chart."""

PROBE = """
import importlib, pkgutil, sys
room, blocked = sys.argv[1], set(sys.argv[2].split(","))
class Wall:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in blocked:
            raise ModuleNotFoundError(f"{top} is not this room's", name=top)
sys.meta_path.insert(0, Wall())
modules = [m.name for m in pkgutil.walk_packages([room], room + ".") if not m.name.endswith(("__main__", "migrations.env"))]
for name in modules:
    importlib.import_module(name)
print(len(modules))
"""


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


@cache
def _with_what_they_need(names: frozenset[str]) -> frozenset[str]:
    """Distributions and everything they require, extras left out."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            needed = requires(name) or []
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += [_name(line) for line in needed if "extra ==" not in line]
    return frozenset(found)


@cache
def _modules_of() -> dict[str, set[str]]:
    modules: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(_name(distribution), set()).add(module)
    return modules


def _allowed(room: str) -> set[str]:
    modules = {m for name in _with_what_they_need(frozenset(DECLARED[room])) for m in _modules_of().get(name, ())}
    return modules | {"schemas", room} | ({"disclosure"} if room == "portal" else set())


def _probe(room: str, allowed: frozenset[str] | set[str]) -> subprocess.CompletedProcess[str]:
    rooms = {"schemas", "linkage", "tabulation", "disclosure", "flows", "portal", "benchmarks"}
    blocked = (set(packages_distributions()) | rooms) - allowed - set(sys.stdlib_module_names)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROBE, room, ",".join(sorted(blocked))],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def _imports(path: Path) -> set[str]:
    """Third-party top-level modules that a file names, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)


@pytest.mark.slow
@pytest.mark.parametrize("room", sorted(DECLARED))
def test_a_room_imports_with_only_its_own_packages(room: str) -> None:
    done = _probe(room, _allowed(room))
    assert done.returncode == 0, done.stderr[-500:]
    assert int(done.stdout) >= 5


@pytest.mark.parametrize("room", sorted(DECLARED))
def test_nothing_is_imported_late_that_is_not_declared(room: str) -> None:
    named = set().union(*(_imports(path) for path in (ROOT / room).rglob("*.py")))
    direct = {module for name in DECLARED[room] for module in _modules_of().get(name, ())}
    assert named - direct - {"schemas", "disclosure", room} == set()


@pytest.mark.slow
def test_the_wall_stands() -> None:
    done = _probe("tabulation", _allowed("tabulation") - {"pyarrow"})
    assert done.returncode == 1
    assert "pyarrow is not this room's" in done.stderr


def test_no_room_but_flows_can_reach_prefect() -> None:
    assert not {room for room in DECLARED if "prefect" in _allowed(room)}
