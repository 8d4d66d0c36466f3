"""Errors that carry no value: what we foresaw passes as one sentence, everything else becomes its place in the code."""

from __future__ import annotations

import errno
import functools
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from schemas.errors import SchakelError

P = ParamSpec("P")
R = TypeVar("R")
SPENT = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENOMEM)
HOME = Path(__file__).resolve().parent.parent
ROOMS = ("schemas", "linkage", "tabulation", "disclosure", "flows", "portal", "benchmarks")


class StepFailed(SchakelError):
    """A step failed in a way nobody foresaw (exit 1); the text names the place in the code, never the data."""

    exit_code = 1


class MachineRefused(SchakelError):
    """The machine gave no space, memory or permission (exit 2): the operator mends it and runs again."""

    exit_code = 2


def place_of(error: BaseException) -> str:
    """`Class in room/module.py:line`: where our own code was when `error` arose. Never the error's text."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(HOME) and path.relative_to(HOME).parts[0] in ROOMS:
            return f"{type(error).__name__} in {path.relative_to(HOME)}:{frame.lineno}"
    return type(error).__name__


def coded(step: Callable[P, R], name: str) -> Callable[P, R]:
    """Let our own one-sentence errors through and replace every other by its place in the code, `from None`."""

    @functools.wraps(step)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return step(*args, **kwargs)
        except SchakelError as error:
            raise error.with_traceback(None) from None
        except MemoryError:
            raise MachineRefused(
                f"The step '{name}' ran out of memory; nothing was published: free memory, then run the same command again."
            ) from None
        except OSError as error:
            if error.errno in SPENT:
                raise MachineRefused(
                    f"The step '{name}' could not use the disk ({os.strerror(error.errno)}); nothing was published: mend that, "
                    "then run the same command again."
                ) from None
            raise StepFailed(f"The step '{name}' failed ({place_of(error)}); nothing was published.") from None
        except Exception as error:
            raise StepFailed(f"The step '{name}' failed ({place_of(error)}); nothing was published.") from None

    return guarded
