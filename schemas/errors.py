"""Errors that reach a person: one sentence that says what, where and what to do, never a value from a record."""

from __future__ import annotations


class SchakelError(Exception):
    """Base of all expected errors; `exit_code` is the command line's contract."""

    exit_code = 2


class UsageError(SchakelError):
    """Wrong use or wrong configuration (exit 2)."""

    exit_code = 2


class InputRefused(SchakelError):
    """A delivery was refused before any work (exit 3)."""

    exit_code = 3


class DisclosureRefused(SchakelError):
    """Disclosure control refused to let a table out (exit 4)."""

    exit_code = 4


class BudgetExhausted(SchakelError):
    """The privacy budget does not cover the charge (exit 5)."""

    exit_code = 5


class IntegrityError(SchakelError):
    """A release, log, ledger or state is not what it was (exit 6)."""

    exit_code = 6
