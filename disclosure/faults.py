"""What disk and database errors mean to the person who runs the command: coded, and never a bound value."""

from __future__ import annotations

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError

from schemas.errors import IntegrityError, SchakelError, UsageError

_SENTENCES = {
    "full": "The disk with the state store is full; free some space and run the command again, nothing was changed.",
    "readonly": "The state store cannot be written; give this user write access to the state folder.",
    "io": "The disk refused to read or write the state store; check the disk, then run the command again.",
    "busy": "Another run holds the state store; wait until it is done and run the command again.",
    "unreachable": "The state database cannot be reached or refuses this user; check its URL, server and password.",
}
_DAMAGED = "The state database is damaged; restore it together with its checkpoints and run `schakel log verify`."
_APPEND_ONLY = "Something tried to change or remove an entry of the log, which is append-only; nothing was changed."

# Primary result codes, https://www.sqlite.org/rescode.html
_SQLITE = {5: "busy", 6: "busy", 8: "readonly", 10: "io", 13: "full", 14: "readonly"}
_SQLITE_DAMAGED = (11, 26)
# SQLSTATE classes and codes, PostgreSQL manual, appendix A.
_POSTGRESQL = {"53100": "full", "25006": "readonly", "58030": "io", "55P03": "busy", "42501": "readonly"}
_POSTGRESQL_DAMAGED = ("XX001", "XX002")


def store_fault(error: DBAPIError | sqlite3.Error) -> SchakelError:
    """The error of a database driver as one of ours; the driver's text may hold bound values and is dropped."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", 0) & 0xFF
        if code in _SQLITE_DAMAGED:
            return IntegrityError(_DAMAGED)
        if code in _SQLITE:
            return UsageError(_SENTENCES[_SQLITE[code]])
        if str(original) == "append-only":
            return IntegrityError(_APPEND_ONLY)
        return SchakelError(f"The state store refused a statement (SQLite result code {code}); run `schakel doctor`.")
    state = getattr(original, "sqlstate", None)
    if state is None or state.startswith(("08", "28", "3D", "57P")):
        return UsageError(_SENTENCES["unreachable"])
    if state in _POSTGRESQL_DAMAGED:
        return IntegrityError(_DAMAGED)
    if state in _POSTGRESQL:
        return UsageError(_SENTENCES[_POSTGRESQL[state]])
    if state == "23000":
        return IntegrityError(_APPEND_ONLY)
    return SchakelError(f"The state store refused a statement (SQLSTATE {state}); run `schakel doctor`.")


def file_fault(error: OSError, where: str) -> SchakelError:
    """An operating system error on one of our own files, as a sentence that names the place, not the content."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return UsageError(f"There is no room left for {where}; free some space and run the command again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UsageError(f"This user may not read or write {where}; give access to it and run the command again.")
    return UsageError(f"Reading or writing {where} failed ({errno.errorcode.get(error.errno or 0, 'unknown')}).")
