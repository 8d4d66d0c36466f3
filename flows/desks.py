"""The desks, each in a process of its own, so that the walls between them are the operating system's.

    run -> encode desk   reads the registers, holds the key    -> linkage files (sealed for us), attribute files
    run -> link desk     sees linkage files, never the key     -> token -> person id
    run                  sees attribute files and person ids; passes linkage files on without opening them

A desk gets its task on standard input and answers on standard output; its standard error goes nowhere, because
libraries print values there. What it refuses comes back as a coded sentence.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flows.coded import MachineRefused, StepFailed
from flows.engines import HERE, Place
from flows.wire import pack_json, pack_table, receive, send, unpack_json, unpack_table
from schemas.errors import InputRefused, UsageError
from schemas.quarantine import QuarantineLimit

if TYPE_CHECKING:
    from linkage.link import Links

LINKAGE = "linkage/"
ATTRIBUTES = "attributes/"
KEYS = "keys/"
ERROR = "error"
PLACE = "place"
LINK_TABLES = ("persons", "deterministic", "known", "review", "uncertain")
_BY_EXIT_CODE = {kind.exit_code: kind for kind in (UsageError, InputRefused, StepFailed)}


@dataclass(frozen=True)
class Encoded:
    """What the encode desk answers.

    linkage     per register a sealed Arrow stream; only the link desk opens it.
    attributes  per register a table: token, age, sex, nationality, procedures, dates.
    keys        per register token and `sleutel`; empty unless the data holder asked for a links file.
    quarantine  bron, regel, kolom, reden.
    facts       rows delivered, duplicates and valid rows per register, and the keyed snapshot digest.
    """

    linkage: dict[str, bytes]
    attributes: dict[str, pa.Table]
    keys: dict[str, pa.Table]
    quarantine: pa.Table
    facts: dict[str, Any]


def encode_at_desk(
    study_ref: str, data: Path, key_file: Path, profile: str, at: Place = HERE, *, with_keys: bool = False
) -> Encoded:
    """Read and encode `data` in a child process; InputRefused (3) and UsageError (2) come through as they were said."""
    task = {"study": study_ref, "data": str(data), "key": str(key_file), "profile": profile, "with_keys": with_keys}
    answer = _ask("encode", {"task": pack_json(task)}, at)
    return Encoded(
        linkage={k.removeprefix(LINKAGE): v for k, v in answer.items() if k.startswith(LINKAGE)},
        attributes={k.removeprefix(ATTRIBUTES): unpack_table(v) for k, v in answer.items() if k.startswith(ATTRIBUTES)},
        keys={k.removeprefix(KEYS): unpack_table(v) for k, v in answer.items() if k.startswith(KEYS)},
        quarantine=unpack_table(answer["quarantine"]),
        facts=unpack_json(answer["facts"]),
    )


def link_at_desk(linkage: dict[str, bytes], known: pa.Table | None, at: Place = HERE) -> Links:
    """Link sealed linkage files in a child process that has neither the key nor an attribute."""
    from linkage.link import Links  # here, because the encode desk imports this module and has no use for a linker

    blobs = {LINKAGE + bron: blob for bron, blob in linkage.items()}
    if known is not None:
        blobs["known"] = pack_table(known)
    answer = _ask("link", blobs, at)
    tables = {name: unpack_table(answer[name]) for name in LINK_TABLES}
    return Links(**tables, quality=unpack_json(answer["quality"]))


def _ask(desk: str, blobs: dict[str, bytes], at: Place) -> dict[str, bytes]:
    # A desk is told what it needs: where the state, its keys and its database lie is for whoever runs it.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "SCHAKEL_"))}
    with subprocess.Popen(
        [sys.executable, "-m", "flows.desk", desk],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            send(child.stdin, blobs | {PLACE: pack_json(asdict(at))})
            child.stdin.close()
            answer = receive(child.stdout)
        except (EOFError, BrokenPipeError):
            child.kill()
            with suppress(BrokenPipeError):  # what it never read is flushed once more at the end of the block
                child.stdin.close()
            raise MachineRefused(
                f"The {desk} desk ended before it answered (out of memory, or killed); nothing was published: free memory, "
                "then run the same command again."
            ) from None
    if ERROR in answer:
        said = unpack_json(answer[ERROR])
        if "quarantine" in answer:
            raise QuarantineLimit(said["sentence"], unpack_table(answer["quarantine"]))
        raise _BY_EXIT_CODE[said["exit_code"]](said["sentence"])
    return answer
