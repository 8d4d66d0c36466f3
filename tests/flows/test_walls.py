"""What must not appear in the code: bare Prefect decorators, results in Prefect, prints, long modules."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("schemas", "linkage", "tabulation", "disclosure", "flows", "portal", "benchmarks")
MODULES = sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py"))
LIMIT = 400


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_only_the_safe_module_takes_decorators_from_prefect() -> None:
    forbidden = {"prefect", "prefect.flow", "prefect.task", "prefect.flows.flow", "prefect.tasks.task"}
    guilty = {str(p.relative_to(ROOT)) for p in MODULES if _imports(p) & forbidden}
    assert guilty == {"flows/safe.py"}


def test_the_check_would_find_a_bare_task(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("from prefect import task\n@task\ndef leak(frame): return frame\n")
    assert "prefect.task" in _imports(planted)


def test_only_the_intake_and_encode_desk_reads_registers() -> None:
    readers = {str(p.relative_to(ROOT)) for p in MODULES if "schemas.intake.read_registers" in _imports(p)}
    service = {reader for reader in readers if not reader.startswith("benchmarks/")}  # those measure, by hand
    assert service <= {"flows/desk.py"}, "reading registers anywhere else puts identities in that process"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LIMIT
