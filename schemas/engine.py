"""Where a step runs: the seam between what is computed (kernels) and on how many machines (an engine).

A step is a kernel with the columns it gives. Kernels are top-level functions of Arrow tables, so that an executor can
import them by name; they hold no state, draw nothing at random that a result rests on, and never log. Work is cut into
parts by the *data* (so many rows, such blocks), never by the engine, and results come back in the order of the parts:
so every engine gives the same bytes. `LocalEngine` runs parts on threads of this process and is the default; Spark is
`flows.spark`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Tables = Mapping[str, pa.Table]
Kernel = Callable[[pa.Table, Tables], pa.Table]
GroupKernel = Callable[[Tables, Tables], pa.Table]
# What every part of a step may read: small tables, or the encodings of a register. Sent once to each executor.
NOTHING_GIVEN: Tables = {}
WORKERS = 2
Item = TypeVar("Item")


@dataclass(frozen=True)
class Step:
    """One step over parts. kernel: (part, given) -> a table with the columns `gives`; a top-level function."""

    name: str
    kernel: Kernel
    gives: pa.Schema


@dataclass(frozen=True)
class GroupStep:
    """One step over groups. kernel: (tables of the group by name, given) -> a table with the columns `gives`."""

    name: str
    kernel: GroupKernel
    gives: pa.Schema


class Parts(Protocol):
    """Tables that lie wherever the engine has them. Iterating brings them here, in order, one at a time.

    Nothing is computed before that, and it is computed again by the next one who iterates, unless it was kept.
    """

    def __iter__(self) -> Iterator[pa.Table]:
        """The parts, in order."""
        ...

    def kept(self) -> Parts:
        """The same parts, computed once and held where they are until they are dropped."""
        ...


class Engine(Protocol):
    """Runs steps. The same steps on the same parts give the same tables on every engine."""

    def parts(self, tables: Iterable[pa.Table]) -> Parts:
        """Tables of this process as parts; an iterator is read once, table by table."""
        ...

    def map(self, step: Step, parts: Parts, given: Tables = NOTHING_GIVEN) -> Parts:
        """One part out per part in."""
        ...

    def grouped(
        self, step: GroupStep, tables: Mapping[str, Parts], key: str, groups: int, given: Tables = NOTHING_GIVEN
    ) -> Parts:
        """One part out per group. All rows whose column `key` has one value are in one group (`group_of`), in the order of
        their parts; a table without rows in a group is there, empty.
        """
        ...


def group_of(column: pa.ChunkedArray, groups: int) -> NDArray[np.int64]:
    """The group of every row: a whole number modulo `groups`, or that of the first 8 bytes of a random binary value.

    TypeError for another type, ValueError for a null: which group has what must not depend on the engine.
    """
    values = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if values.null_count:
        raise ValueError("rows are grouped by a column that has no nulls")
    if pa.types.is_integer(values.type):
        numbers: NDArray[np.int64] = (values.to_numpy() % groups).astype(np.int64)
        return numbers
    if pa.types.is_fixed_size_binary(values.type) and values.type.byte_width >= 8:
        width = values.type.byte_width
        if not len(values):
            return np.zeros(0, np.int64)
        raw = np.frombuffer(values.buffers()[1], np.uint8, len(values) * width, values.offset * width)
        first = np.ascontiguousarray(raw.reshape(-1, width)[:, :8]).view("<u8")[:, 0]
        hashed: NDArray[np.int64] = (first % np.uint64(groups)).astype(np.int64)
        return hashed
    raise TypeError(f"rows cannot be grouped by {values.type}")


def split(table: pa.Table, key: str, groups: int) -> list[pa.Table]:
    """The rows of every group, in their order."""
    of = group_of(table.column(key), groups)
    ordered = table.take(pa.array(np.argsort(of, kind="stable")))
    ends = np.cumsum(np.bincount(of, minlength=groups))
    return [ordered.slice(end - size, size) for end, size in zip(ends, np.diff(ends, prepend=0), strict=True)]


def checked(table: pa.Table, step: Step | GroupStep) -> pa.Table:
    """`table`, or a TypeError when it has other columns than its step declares."""
    if not table.schema.equals(step.gives):
        raise TypeError(f"step {step.name} gave other columns than it declares")
    return table


class LocalParts:
    """Parts of a `LocalEngine`."""

    def __init__(self, make: Callable[[], Iterator[pa.Table]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[pa.Table]:
        """The parts, in order."""
        return self._make()

    def kept(self) -> LocalParts:
        """The same parts in memory."""
        held = list(self)
        return LocalParts(lambda: iter(held))


class LocalEngine:
    """Threads of this process; kernels that leave the interpreter (Arrow, numpy, numba) run beside each other.

    At most one more part than workers is in memory at a time, so results are to be used as they come.
    """

    def __init__(self, workers: int = WORKERS) -> None:
        self._workers = workers

    def parts(self, tables: Iterable[pa.Table]) -> LocalParts:
        """Tables of this process as parts."""
        return LocalParts(lambda: iter(tables))

    def map(self, step: Step, parts: Parts, given: Tables = NOTHING_GIVEN) -> LocalParts:
        """One part out per part in."""
        return LocalParts(lambda: self._ahead(lambda part: checked(step.kernel(part, given), step), parts))

    def grouped(
        self, step: GroupStep, tables: Mapping[str, Parts], key: str, groups: int, given: Tables = NOTHING_GIVEN
    ) -> LocalParts:
        """One part out per group."""

        def run() -> Iterator[pa.Table]:
            cut = {name: [split(part, key, groups) for part in parts] for name, parts in tables.items()}
            of_group = (
                {name: pa.concat_tables([part[group] for part in pieces]) for name, pieces in cut.items()}
                for group in range(groups)
            )
            return self._ahead(lambda group: checked(step.kernel(group, given), step), of_group)

        return LocalParts(run)

    def _ahead(self, work: Callable[[Item], pa.Table], items: Iterable[Item]) -> Iterator[pa.Table]:
        """Results in order, computed `workers` at a time."""
        with ThreadPoolExecutor(self._workers) as pool:
            running: deque[Future[pa.Table]] = deque()
            try:
                for item in items:
                    running.append(pool.submit(work, item))
                    if len(running) > self._workers:
                        yield running.popleft().result()
                while running:
                    yield running.popleft().result()
            finally:
                for future in running:
                    future.cancel()
