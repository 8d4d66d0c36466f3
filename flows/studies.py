"""The Prefect flow of a release: ids in, nothing out; everything else stays in this process's memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows import steps
from flows.memory import RunMemory, run
from flows.publish import publish
from flows.safe import safe_flow, safe_task

AFTER_READING: tuple[tuple[str, Callable[[RunMemory], None]], ...] = (
    ("link", steps.link),
    ("tabulate", steps.tabulate),
    ("suppress", steps.suppress),
    ("noise", steps.noise),
    ("publish", publish),
)


def _task(name: str, step: Callable[[RunMemory], None]) -> Any:
    @safe_task(name)
    def work(run_id: str) -> None:
        step(run(run_id))

    return work


READ = _task("read", steps.read)
TASKS = tuple(_task(name, step) for name, step in AFTER_READING)


@safe_flow("schakel-run")
def run_study(study: str, run_id: str) -> None:
    """Propose a release of `study` from what the run's memory holds; stop after reading where it exists already."""
    READ(run_id)
    if steps.earlier_release(run(run_id)) is not None:
        return
    for task in TASKS:
        task(run_id)
