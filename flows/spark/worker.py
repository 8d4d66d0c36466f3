"""What runs on executors: unpack a part, call the kernel by its name, pack what it gives.

A kernel is sent as a name, never as code, so an executor runs what is installed there; a fingerprint of that code and of
the libraries whose arithmetic results rest on is compared with the driver's in every task.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from flows.coded import StepFailed, coded
from flows.wire import pack_table, unpack_table
from schemas.engine import GroupStep, Step, Tables, checked, split
from schemas.errors import SchakelError, UsageError

PART, BODY, TABLE, GROUP = "part", "body", "name", "group"
ROWS = pa.schema([(PART, pa.int64()), (BODY, pa.binary())])
PIECES = pa.schema([(GROUP, pa.int32()), (PART, pa.int64()), (TABLE, pa.string()), (BODY, pa.binary())])
MARK = "schakel-step-failed:"
_LIBRARIES = ("pyspark", "pyarrow", "numpy", "pandas", "numba")
_ROOMS = ("schemas", "linkage", "tabulation", "flows")
_HOME = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Order:
    """One step as it is sent: the kernel's name, the columns it gives, and the driver's `installed`."""

    name: str
    kernel: str
    gives: pa.Schema
    installed: dict[str, str]

    @classmethod
    def of(cls, step: Step | GroupStep) -> Order:
        """The order for a step; TypeError for a kernel that cannot be found by its name."""
        kernel = step.kernel
        if "." in kernel.__qualname__:
            raise TypeError(f"the kernel of step {step.name} is not a top-level function")
        return cls(step.name, f"{kernel.__module__}:{kernel.__qualname__}", step.gives, installed())

    def step(self) -> Step:
        """The step as it is installed here; UsageError where that is not what the driver has."""
        for what, there in self.installed.items():
            here = installed().get(what)
            if here != there:
                raise UsageError(
                    f"The executors have {what} {here} and the driver has {there}; install the same version and the same "
                    "lock on every machine of the cluster."
                )
        module, name = self.kernel.split(":")
        return Step(self.name, getattr(importlib.import_module(module), name), self.gives)


@cache
def installed() -> dict[str, str]:
    """Versions that results rest on: Python, libraries, and a digest of our own sources."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((_HOME / room).rglob("*.py")):
            digest.update(str(path.relative_to(_HOME)).encode() + b"\0" + path.read_bytes())
    python = ".".join(map(str, sys.version_info[:3]))
    libraries = {name: version(name) for name in _LIBRARIES}
    return {"Python": python} | libraries | {"Schakel with sources": digest.hexdigest()[:12]}


_unpacked: dict[str, Tables] = {}


def given_tables(number: str, packed: Any) -> Tables:
    """Tables that every part may read, unpacked once in each process; `packed` is a broadcast value of blobs by name."""
    if number not in _unpacked:
        _unpacked.clear()  # those of the step before
        _unpacked[number] = {name: unpack_table(blob) for name, blob in packed.value.items()}
    return _unpacked[number]


def mapped(order: Order, number: str, packed: Any) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow` that runs a step over rows of (part, body)."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        def one(body: pa.Scalar) -> bytes:
            step = order.step()
            part = unpack_table(body.as_buffer())
            return pack_table(checked(step.kernel(part, given_tables(number, packed)), step))

        for batch in batches:
            for place, body in zip(batch.column(PART), batch.column(BODY), strict=True):
                yield _row(place, safely(order.name, one, body))

    return run


def cut(
    order: Order, table: str, key: str, groups: int
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow` that cuts parts into pieces by group; empty pieces are not sent."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        def pieces(body: pa.Scalar) -> list[tuple[int, bytes]]:
            found = split(unpack_table(body.as_buffer()), key, groups)
            return [(group, pack_table(piece)) for group, piece in enumerate(found) if piece.num_rows]

        for batch in batches:
            for place, body in zip(batch.column(PART), batch.column(BODY), strict=True):
                for group, piece in safely(order.name, pieces, body):
                    columns = [pa.array([group], pa.int32()), pa.array([place.as_py()], pa.int64())]
                    columns += [pa.array([table], pa.string()), pa.array([piece], pa.binary())]
                    yield pa.RecordBatch.from_arrays(columns, schema=PIECES)

    return run


def collected(
    order: Order, schemas: Mapping[str, pa.Schema], number: str, packed: Any
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow` over partitions that each hold one group's pieces."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        pieces: dict[str, list[tuple[int, pa.Table]]] = {name: [] for name in schemas}
        for batch in batches:
            for place, table, body in zip(batch.column(PART), batch.column(TABLE), batch.column(BODY), strict=True):
                pieces[table.as_py()].append((place.as_py(), unpack_table(body.as_buffer())))

        def one(pieces: dict[str, list[tuple[int, pa.Table]]]) -> bytes:
            step = order.step()
            tables = {
                name: pa.concat_tables([part for _, part in sorted(found, key=lambda piece: piece[0])])
                if found
                else schemas[name].empty_table()
                for name, found in pieces.items()
            }
            return pack_table(checked(step.kernel(tables, given_tables(number, packed)), step))

        context = TaskContext.get()
        assert context is not None
        yield _row(context.partitionId(), safely(order.name, one, pieces))

    return run


def _row(place: Any, body: bytes) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([int(str(place))], pa.int64()), pa.array([body], pa.binary())], schema=ROWS
    )


def safely(name: str, work: Callable[[Any], Any], body: Any) -> Any:
    """Do the work; whatever goes wrong reaches Spark, its logs and the driver as a sentence without a value."""
    try:
        return coded(work, name)(body)
    except SchakelError as error:
        said = json.dumps({"exit_code": error.exit_code, "sentence": str(error)})
    raise RuntimeError(f"{MARK}{said}{MARK}") from None


def said_by_executor(text: str) -> SchakelError | None:
    """The error of ours that Spark's message carries, if any."""
    if MARK not in text:
        return None
    said = json.loads(text.split(MARK)[1])
    kinds = {kind.exit_code: kind for kind in (UsageError, StepFailed)}
    return kinds.get(said["exit_code"], StepFailed)(said["sentence"])
