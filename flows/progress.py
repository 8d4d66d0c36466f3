"""One line per step, in the reader's words, on standard error; standard output is for results."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Names every step before it starts and says how long it took; on a terminal with a moving sign in between."""

    def __init__(self, title: str) -> None:
        self._console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._console.print(f"[bold]{title}[/bold]")

    @contextmanager
    def step(self, doing: str) -> Iterator[list[str]]:
        """While the body runs, `doing` is shown; what the body appends to the list it gets is said afterwards."""
        said: list[str] = []
        started = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(f"{doing} ..."):
                yield said
        else:
            self._console.print(f"  {doing} ...")
            yield said
        self._console.print(f"  {doing}: {'; '.join(said) or 'done'} [dim]({time.monotonic() - started:.1f} s)[/dim]")

    def say(self, text: str) -> None:
        """One more line."""
        self._console.print(f"  {text}")
