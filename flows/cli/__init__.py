"""The command line: commands named in the contract, one-sentence errors, exit codes that scripts rely on."""

from __future__ import annotations

import sys

import typer

from flows.cli.app import app
from flows.coded import place_of
from schemas.errors import SchakelError

UNFORESEEN = 1
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> None:
    """Run a command and leave with its exit code; every error is one sentence on standard error."""
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        result = app(arguments, standalone_mode=False)
    except SchakelError as error:
        return _refuse(str(error), error.exit_code)
    except typer.TyperException as error:
        return _refuse(f"{error.format_message().rstrip('.')}; 'schakel COMMAND --help' shows how.", 2)
    except (typer.Abort, KeyboardInterrupt):
        return _refuse("Stopped; nothing was published, and the same command can be given again.", INTERRUPTED)
    except Exception as error:
        return _refuse(f"Something failed that nobody foresaw ({place_of(error)}); nothing was published.", UNFORESEEN)
    return result if isinstance(result, int) else 0


def _refuse(sentence: str, code: int) -> int:
    sys.stderr.write(f"schakel: {sentence}\n")
    return code
