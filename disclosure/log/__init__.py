"""The log: append-only, Merkle-hashed (RFC 6962), signed, one leaf per decision.

What it does   appends typed leaves in the caller's transaction, signs checkpoints, proves inclusion and consistency,
               and refuses a state that is older than a checkpoint it once signed.
What enters    decisions: codes, digests, parameters, budgets, counts of blanks. Never a value from a record.
What leaves    canonical JSON leaves, signed notes, proofs.
May import     schemas; `disclosure.store` and `disclosure.schema`.
"""

from disclosure.log.audit import export, show, verify_log
from disclosure.log.ceremony import revoke_key, rotate_key, set_up_log
from disclosure.log.leaves import Body, parameters_of
from disclosure.log.log import Clock, Entry, Log, utc_now
from disclosure.log.notes import SigningKey, create_signing_key, load_signing_key, public_pem

__all__ = [
    "Body",
    "Clock",
    "Entry",
    "Log",
    "SigningKey",
    "create_signing_key",
    "export",
    "load_signing_key",
    "parameters_of",
    "public_pem",
    "revoke_key",
    "rotate_key",
    "set_up_log",
    "show",
    "utc_now",
    "verify_log",
]
