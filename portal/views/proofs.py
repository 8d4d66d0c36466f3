"""What an auditor takes home: the log, its checkpoint and keys, proofs of entries and releases."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from starlette.responses import Response

from disclosure.log import export, keyring, public_pem
from disclosure.publication import proof_files
from portal.policies import NotFound, require_action, require_story
from portal.views.files import download
from portal.web import Visit

if TYPE_CHECKING:
    from disclosure.log.log import Log

NO_STORE = {"cache-control": "no-store"}


def log_file(visit: Visit) -> Response:
    """`log.jsonl`, `checkpoint.txt` or `keys.pem`; that the log was taken is an entry of it, before it leaves."""
    role = require_action(visit.user, "audit")
    name = visit.path("name")
    if name not in ("log.jsonl", "checkpoint.txt", "keys.pem"):
        raise NotFound
    visit.limit("record")
    log = visit.portal.open_log()
    if name == "log.jsonl":
        with visit.portal.store.transaction() as tx:
            log.append(tx, "downloaded", {"item": name}, visit.user.name, role)
            if log.key is not None:
                log.checkpoint(tx)
    return download(_content(visit, log, name), name, NO_STORE)


def _content(visit: Visit, log: Log, name: str) -> bytes:
    with visit.portal.store.reading() as tx:
        if name == "keys.pem":
            return "".join(public_pem(key) for key in keyring.trusted_keys(tx)).encode()
        if name == "log.jsonl":
            out = io.StringIO()
            export(log, tx, out)
            return out.getvalue().encode()
        last = log.last_checkpoint(tx)
        if last is None:
            raise NotFound
        return last[1].encode()


def entry_proof(visit: Visit) -> Response:
    """Inclusion of an entry under the last checkpoint that covers it (JSON)."""
    require_action(visit.user, "audit")
    visit.limit("audit")
    seq, log = int(visit.path("seq")), visit.portal.open_log()
    with visit.portal.store.reading() as tx:
        last = log.last_checkpoint(tx)
    if last is None or seq >= last[0]:
        raise NotFound
    path = [value.hex() for value in log.prove_inclusion(seq, last[0])]
    proof = {"seq": seq, "size": last[0], "checkpoint": last[1], "path": path}
    return download(json.dumps(proof, indent=2).encode(), f"entry-{seq}.json", NO_STORE)


def release_proof(visit: Visit) -> Response:
    """A release's proof files under the newest checkpoint, for an auditor whose own checkpoint is later than the release."""
    found = require_story(visit.user, visit.portal.release(visit.path("release")))
    visit.limit("audit")
    with visit.portal.store.reading() as tx:
        files = proof_files(tx, visit.portal.open_log(), found.id)
    name = visit.path("name")
    if name not in files:
        raise NotFound
    return download(files[name], name, NO_STORE)
