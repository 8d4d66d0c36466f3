"""docs/commands.md: every command with its arguments and options, written from the command line itself.

`python -m flows.cli.reference > docs/commands.md`; a test compares the two, so that no option goes undocumented.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from flows.cli.app import app

HEAD = """# Commands

Written from the program by `python -m flows.cli.reference`. An error is one sentence on standard error. Settings from the
environment are in [settings.md](settings.md). Exit codes:

| 0 | 1 | 2 | 3 | 4 | 5 | 6 |
| --- | --- | --- | --- | --- | --- | --- |
| done | a fault nobody foresaw | wrong use, or no room | input refused | disclosure refused | budget spent | integrity failure |
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_section(name, command) for name, command in commands().items())]).rstrip() + "\n"


def commands() -> dict[str, Any]:
    """Every command that does something, by its full name (`schakel log show`)."""
    return dict(_commands(typer.main.get_command(app), "schakel"))


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children or command.invoke_without_command:
        yield name, command
    for part, child in children.items():
        yield from _commands(child, f"{name} {part}")


def _section(name: str, command: Any) -> str:
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    table = ["| | |", "| --- | --- |", *rows, ""] if rows else []
    return "\n".join([f"## `{name}`", "", _plain(command.help), "", *table])


def _row(parameter: Any) -> str:
    value = "" if getattr(parameter, "is_flag", False) else parameter.metavar or parameter.name.upper()
    if not parameter.opts[0].startswith("-"):
        return f"| `{value}` | {_meaning(parameter)} |"
    names = ", ".join(f"`{f'{name} {value}'.strip()}`" for name in (*parameter.opts, *parameter.secondary_opts))
    return f"| {names} | {_meaning(parameter)} |"


def _meaning(parameter: Any) -> str:
    notes = [_plain(parameter.help)] if parameter.help else []
    if parameter.required and parameter.opts[0].startswith("-"):
        notes.append("Required.")
    if isinstance(parameter.default, str | int | float | Path) and not isinstance(parameter.default, bool):
        notes.append(f"Default `{parameter.default}`.")
    if parameter.envvar:
        notes.append(f"Or `{parameter.envvar}` in the environment.")
    return " ".join(notes)


def _plain(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())
