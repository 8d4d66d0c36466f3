"""One desk's work, run as `python -m flows.desk encode|link` by `flows.desks`; nobody calls it by hand."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from flows.coded import coded
from flows.desks import ATTRIBUTES, ERROR, KEYS, LINK_TABLES, LINKAGE, PLACE
from flows.engines import Place
from flows.wire import pack_json, pack_table, receive, send, send_tables, unpack_json, unpack_table
from schemas.errors import InputRefused, SchakelError, UsageError


def encode(blobs: dict[str, bytes]) -> dict[str, bytes]:
    """The only code path of a run that sees an identity: read the registers, set rows aside, encode."""
    from linkage.encode import encode_registers
    from linkage.keys import StudyKeys, load_key
    from schemas.intake import read_registers, snapshot_digest
    from schemas.quarantine import QuarantineLimit
    from schemas.study import load_study

    task = unpack_json(blobs["task"])
    study = load_study(task["study"])
    keys = StudyKeys(load_key(Path(task["key"])), study.family)
    try:
        intake = read_registers(study, Path(task["data"]))
    except QuarantineLimit as error:
        return {ERROR: _refusal(error), "quarantine": pack_table(error.quarantine)}
    facts = {
        "delivered": intake.delivered,
        "duplicates": intake.duplicates,
        "valid": {bron: table.num_rows for bron, table in intake.registers.items()},
        "snapshot": snapshot_digest(intake, keys.derive("snapshot", "")),
    }
    with _place(blobs).engine() as engine:
        encoded = encode_registers(intake, keys, task["profile"], engine)
    intake.registers.clear()  # their memory, before the encodings are packed
    answer = {"quarantine": pack_table(intake.quarantine), "facts": pack_json(facts)}
    linkage = {LINKAGE + bron: encoded.linkage.pop(bron) for bron in list(encoded.linkage)}
    if task["linkage_to"]:
        _hand_over(task["linkage_to"][0], linkage)
    else:
        answer |= {name: pack_table(table) for name, table in linkage.items()}
    answer |= {ATTRIBUTES + bron: pack_table(table) for bron, table in encoded.attributes.items()}
    if task["with_keys"]:
        answer |= {KEYS + bron: pack_table(table) for bron, table in encoded.keys.items()}
    return answer


def _hand_over(descriptor: int, linkage: dict[str, pa.Table]) -> None:
    """Linkage files into the input of the link desk; that it has ended is said by whoever asks it."""
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as link_desk:
        send_tables(link_desk, linkage)


def link(blobs: dict[str, bytes]) -> dict[str, bytes]:
    """Linkage files in, persons out; there is no key and no attribute in this process.

    InputRefused where a file has a column that belongs to another desk.
    """
    from linkage.link import LinkParameters
    from linkage.link import link as link_files

    known = unpack_table(blobs["known"]) if "known" in blobs else None
    verdicts = unpack_table(blobs["verdicts"]) if "verdicts" in blobs else None
    with _place(blobs).engine() as engine:
        links = link_files(_linkage_files(blobs), LinkParameters(), known, verdicts, engine)
    answer = {name: pack_table(getattr(links, name)) for name in LINK_TABLES}
    return answer | {"quality": pack_json(links.quality)}


def _linkage_files(blobs: dict[str, bytes]) -> dict[str, pa.Table]:
    """The linkage files, taken out of the blobs, so that the memory of a file is free once it has been read."""
    from linkage.fields import SCHEMES

    names = [name for name in blobs if name.startswith(LINKAGE)]
    files = {name.removeprefix(LINKAGE): unpack_table(blobs.pop(name)) for name in names}
    allowed = {name for scheme in SCHEMES.values() for name in scheme.arrow().names}
    for bron, table in files.items():
        if not set(table.column_names) <= allowed:
            raise InputRefused(f"The linkage file of {bron} has a column that no linkage file has; encode it again.")
    return files


def _place(blobs: dict[str, bytes]) -> Place:
    return Place(**unpack_json(blobs[PLACE]))


def _refusal(error: SchakelError) -> bytes:
    return pack_json({"exit_code": error.exit_code, "sentence": str(error)})


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
        blobs = receive(sys.stdin.buffer)
        if name == "link":  # linkage files come first, from the encode desk, and then the question of the run
            blobs |= receive(sys.stdin.buffer)
        answer = coded(DESKS[name], name)(blobs)
    except SchakelError as error:
        answer = {ERROR: _refusal(error)}
    except EOFError:
        return 1  # nobody asks any more
    send(answer_to, answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
