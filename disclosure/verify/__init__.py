"""Checking a release: `script.py` is the file that ships in every release; `verify_release` is the same check in here.

What it does   integrity only: files, manifest, signature, place in the log. It says nothing about disclosure.
What enters    a release folder, public keys, and at the data holder's site the state store.
What leaves    a report, or IntegrityError (6) with the first thing that does not hold.
May import     schemas; the log and the states of disclosure.
"""

from disclosure.verify.release import VerifyReport, verify_release

__all__ = ["VerifyReport", "verify_release"]
