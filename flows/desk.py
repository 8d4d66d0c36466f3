"""One desk's work, run as `python -m flows.desk encode|link` by `flows.desks`; nobody calls it by hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flows.desks import ATTRIBUTES, KEYS, LINKAGE
from flows.coded import coded
from flows.wire import pack_json, pack_table, receive, send, unpack_json, unpack_table
from schemas.errors import SchakelError, UsageError


def encode(blobs: dict[str, bytes]) -> dict[str, bytes]:
    """The only code path of a run that sees an identity: read the registers, set rows aside, encode."""
    from linkage.encode import encode_registers
    from linkage.keys import load_key
    from schemas.intake import read_registers, snapshot_digest
    from schemas.study import load_study

    task = unpack_json(blobs["task"])
    study = load_study(task["study"])
    keys = load_key(Path(task["key"]), study.id)
    intake = read_registers(study, Path(task["data"]))
    encoded = encode_registers(intake, keys, task["profile"])
    facts = {
        "delivered": intake.delivered,
        "duplicates": intake.duplicates,
        "valid": {bron: table.num_rows for bron, table in intake.registers.items()},
        "snapshot": snapshot_digest(intake, keys.snapshot),
    }
    answer = {"quarantine": pack_table(intake.quarantine), "facts": pack_json(facts)}
    answer |= {LINKAGE + bron: pack_table(table) for bron, table in encoded.linkage.items()}
    answer |= {ATTRIBUTES + bron: pack_table(table) for bron, table in encoded.attributes.items()}
    if task["with_keys"]:
        answer |= {KEYS + bron: pack_table(table) for bron, table in encoded.keys.items()}
    return answer


def link(blobs: dict[str, bytes]) -> dict[str, bytes]:
    """Linkage files in, persons out; there is no key and no attribute in this process."""
    from linkage.link import LinkParameters
    from linkage.link import link as link_files

    files = {k.removeprefix(LINKAGE): unpack_table(v) for k, v in blobs.items() if k.startswith(LINKAGE)}
    known = unpack_table(blobs["known"]) if "known" in blobs else None
    links = link_files(files, LinkParameters(), known)
    return {
        "persons": pack_table(links.persons),
        "deterministic": pack_table(links.deterministic),
        "known": pack_table(links.known),
        "quality": pack_json(links.quality),
    }


DESKS = {"encode": encode, "link": link}


def main() -> int:
    """Answer on a private copy of standard output, so that nothing a library prints can get between."""
    answer_to = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.umask(0o077)
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    try:
        if name not in DESKS:
            raise UsageError("A desk is either encode or link.")
        answer = coded(DESKS[name], name)(receive(sys.stdin.buffer))
    except SchakelError as error:
        answer = {"error": pack_json({"kind": type(error).__name__, "sentence": str(error)})}
    send(answer_to, answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
