"""The desks, each in a process of its own, so that the walls between them are the operating system's.

    run -> encode desk          reads the registers, holds the key     -> run: attribute files
           encode desk -> link  linkage files, from process to process
    run -> link desk            sees linkage files, never the key      -> run: token -> person id
    run                         sees attribute files and person ids, never a linkage file

A desk gets its task on standard input and answers on standard output; its standard error goes nowhere, because
libraries print values there. What it refuses comes back as a coded sentence. The link desk's input is a pipe into which
the encode desk writes first and the run afterwards: of that pipe the run holds an end that can be written and not read,
because it also holds the study's key, and who has both could look people up.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

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

    linkage     per register an Arrow stream, for packages; empty where it went to a link desk.
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


class LinkDesk:
    """A link desk that waits for linkage files, then for the question, and answers once. Leave it to end it.

    It has neither the key nor an attribute. MachineRefused where it ended before it answered.
    """

    def __init__(self, at: Place = HERE) -> None:
        self._at = at
        reading, writing = os.pipe()
        self.input = os.fdopen(writing, "wb")
        self._child = _start("link", stdin=reading)
        self._answered = False
        os.close(reading)

    def __enter__(self) -> LinkDesk:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError):  # what it never read is flushed once more
            self.input.close()
        _end(self._child, answered=self._answered)

    def give(self, linkage: dict[str, bytes]) -> None:
        """Linkage files that this process may see: those of packages."""
        with suppress(BrokenPipeError):  # said when it is asked
            send(self.input, {LINKAGE + bron: blob for bron, blob in linkage.items()})

    def link(self, known: pa.Table | None, verdicts: pa.Table | None = None) -> Links:
        """Persons of what was given; `known`: the map of person ids of before; `verdicts`: what a clerk said of pairs."""
        from linkage.link import Links  # here, because the encode desk imports this module and has no use for a linker

        asked = {"known": known, "verdicts": verdicts}
        question = {name: pack_table(table) for name, table in asked.items() if table is not None}
        answer = _ask("link", self._child, self.input, question, self._at)
        self._answered = True
        tables = {name: unpack_table(answer[name]) for name in LINK_TABLES}
        return Links(**tables, quality=unpack_json(answer["quality"]))


def encode_at_desk(
    study_ref: str, data: Path, key_file: Path, profile: str, at: Place = HERE,
    *, to: LinkDesk | None = None, with_keys: bool = False,
) -> Encoded:  # fmt: skip
    """Read and encode `data` in a child process; InputRefused (3) and UsageError (2) come through as they were said.

    to: the link desk that gets the linkage files, without their passing through this process.
    """
    task = {"study": study_ref, "data": str(data), "key": str(key_file), "profile": profile, "with_keys": with_keys}
    there = () if to is None else (to.input.fileno(),)
    child, answered = _start("encode", stdin=subprocess.PIPE, keep=there), False
    try:
        assert child.stdin is not None
        answer = _ask("encode", child, child.stdin, {"task": pack_json(task | {"linkage_to": there})}, at)
        answered = True
    finally:
        _end(child, answered=answered)
    return Encoded(
        linkage={k.removeprefix(LINKAGE): v for k, v in answer.items() if k.startswith(LINKAGE)},
        attributes={k.removeprefix(ATTRIBUTES): unpack_table(v) for k, v in answer.items() if k.startswith(ATTRIBUTES)},
        keys={k.removeprefix(KEYS): unpack_table(v) for k, v in answer.items() if k.startswith(KEYS)},
        quarantine=unpack_table(answer["quarantine"]),
        facts=unpack_json(answer["facts"]),
    )


def _start(desk: str, stdin: int, keep: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    # A desk is told what it needs: where the state, its keys and its database lie is for whoever runs it.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "SCHAKEL_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "flows.desk", desk],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        pass_fds=keep,
    )


def _end(child: subprocess.Popen[bytes], *, answered: bool) -> None:
    """Wait for a desk that has answered; one of which nothing is asked any more is ended."""
    if not answered:
        child.kill()
    with suppress(BrokenPipeError):  # what it never read is flushed once more
        child.__exit__(None, None, None)


def _ask(
    desk: str, child: subprocess.Popen[bytes], to: IO[bytes], blobs: dict[str, bytes], at: Place
) -> dict[str, bytes]:
    assert child.stdout is not None
    try:
        send(to, blobs | {PLACE: pack_json(asdict(at))})
        to.close()
        answer = receive(child.stdout)
    except (EOFError, BrokenPipeError):
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
