"""One line per step on standard error; standard output is for results. For people in their words, or (`SCHAKEL_LOG=json`)
for machines: one JSON object per line with time, study, run, step, phase, seconds and the kind of error, and nothing else.

What people are told may hold counts (rows read, rows set aside) and is for the data holder's own terminal. The lines for
machines go to journals and collectors that others read, so there is no field in them that could hold one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console


class Progress:
    """Names every step before it starts and says how long it took; on a terminal with a moving sign in between.

    durations  seconds by step, for those steps that have a name.
    """

    def __init__(self, title: str, study: str = "") -> None:
        self.durations: dict[str, float] = {}
        self._study = study
        self._json = os.environ.get("SCHAKEL_LOG") == "json"
        self._console = Console(file=sys.stderr, highlight=False, soft_wrap=True, quiet=self._json)
        self._console.print(f"[bold]{title}[/bold]")

    @contextmanager
    def step(self, doing: str, name: str = "") -> Iterator[list[str]]:
        """While the body runs, `doing` is shown; what the body appends to the list it gets is said afterwards."""
        said: list[str] = []
        started = time.monotonic()
        self._line(name, "begun")
        try:
            if self._console.is_terminal:
                with self._console.status(f"{doing} ..."):
                    yield said
            else:
                self._console.print(f"  {doing} ...")
                yield said
        except BaseException as error:
            self._line(name, "failed", time.monotonic() - started, type(error).__name__)
            raise
        seconds = time.monotonic() - started
        if name:
            self.durations[name] = seconds
        self._line(name, "done", seconds)
        self._console.print(f"  {doing}: {'; '.join(said) or 'done'} [dim]({seconds:.1f} s)[/dim]")

    def say(self, text: str) -> None:
        """One more line, for people only."""
        self._console.print(f"  {text}")

    def ended(self, seconds: float, code: str, exit_code: int) -> None:
        """The end of a run, for machines only: people get a sentence."""
        self._line("run", "done" if not exit_code else "failed", seconds, code, exit_code)

    def _line(
        self, step: str, phase: str, seconds: float | None = None, code: str = "", exit_code: int | None = None
    ) -> None:
        if not self._json:
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields: dict[str, str | int | float | None] = {
            "time": now, "study": self._study, "step": step, "phase": phase, "code": code, "exit_code": exit_code,
            "seconds": None if seconds is None else round(seconds, 3),
        }  # fmt: skip
        sys.stderr.write(json.dumps({k: v for k, v in fields.items() if v not in (None, "")}) + "\n")
        sys.stderr.flush()
