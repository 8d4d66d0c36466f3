"""What a run keeps: frames by name, in the memory of this process, found by run id.

Tasks pass the id, never a frame, because what a task receives or returns may be stored by Prefect.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TypeVar

Value = TypeVar("Value")


class RunMemory:
    """The values of one run by name; emptied when the run ends."""

    def __init__(self) -> None:
        self.run_id = secrets.token_hex(8)
        self._values: dict[str, Any] = {}
        self._open = ExitStack()

    def put(self, name: str, value: Any) -> None:
        """Keep `value` until the run ends."""
        self._values[name] = value

    def enter(self, name: str, context: AbstractContextManager[Value]) -> Value:
        """Keep what `context` gives under `name`; it is left when the run ends."""
        value = self._open.enter_context(context)
        self.put(name, value)
        return value

    def close(self) -> None:
        """Leave what was entered; nothing is kept any more."""
        self._values.clear()
        self._open.close()

    def get(self, name: str, kind: type[Value]) -> Value:
        """The value kept under `name`; a missing or wrongly typed one is a mistake in the flow."""
        value = self._values[name]
        if not isinstance(value, kind):
            raise TypeError(f"{name} is not what this step expects")
        return value

    def has(self, name: str) -> bool:
        """Whether something is kept under `name`."""
        return name in self._values

    def drop(self, *names: str) -> None:
        """Forget values that no later step needs."""
        for name in names:
            self._values.pop(name, None)


_RUNS: dict[str, RunMemory] = {}


@contextmanager
def opened() -> Iterator[RunMemory]:
    """A new, empty run; everything of it is forgotten at the end of the block."""
    memory = RunMemory()
    _RUNS[memory.run_id] = memory
    try:
        yield memory
    finally:
        _RUNS.pop(memory.run_id, None)
        memory.close()


def run(run_id: str) -> RunMemory:
    """The run that this process is carrying out under `run_id`."""
    return _RUNS[run_id]
