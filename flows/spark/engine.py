"""`schemas.engine.Engine` on Spark. A part is one row of a DataFrame: its number, and its table as an Arrow stream.

Spark never sees the columns, so every Arrow type arrives as it was sent, and a shuffle moves whole pieces. Which rows
are in a part or group, and their order, is decided as `LocalEngine` decides it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql

from flows.coded import MachineRefused
from flows.spark.worker import BODY, GROUP, PART, ROWS, Order, collected, cut, mapped, said_by_executor
from flows.wire import pack_table, unpack_table
from schemas.engine import NOTHING_GIVEN, GroupStep, Parts, Step, Tables

_ROWS = "part long, body binary"
_PIECES = "group int, part long, name string, body binary"


class SparkParts:
    """Parts on executors; `schema` is that of every part."""

    def __init__(self, frame: DataFrame, schema: pa.Schema) -> None:
        self.frame, self.schema = frame, schema

    def __iter__(self) -> Iterator[pa.Table]:
        """The parts, brought to the driver, in order."""
        rows = _asked(self.frame.toArrow)
        for place in rows.column(PART).to_numpy().argsort():
            yield unpack_table(rows.column(BODY)[int(place)].as_buffer())

    def kept(self) -> SparkParts:
        """The same parts, computed on first use and then held by executors, in memory or in encrypted blocks."""
        return SparkParts(self.frame.persist(StorageLevel.MEMORY_AND_DISK), self.schema)


class SparkEngine:
    """Runs steps on the executors of a session."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session

    def parts(self, tables: Iterable[pa.Table]) -> SparkParts:
        """Tables of the driver as parts; they go to executors with their tasks, over an encrypted connection."""
        bodies, schema = [], None
        for table in tables:
            schema = table.schema
            bodies.append(pack_table(table))
        if schema is None:
            raise ValueError("there is no part, so nothing says which columns there are")
        rows = pa.table([pa.array(range(len(bodies)), pa.int64()), pa.array(bodies, pa.binary())], schema=ROWS)
        return SparkParts(_asked(lambda: self._session.createDataFrame(rows)), schema)

    def map(self, step: Step, parts: Parts, given: Tables = NOTHING_GIVEN) -> SparkParts:
        """One part out per part in."""
        work = mapped(Order.of(step), *self._sent(given))
        return SparkParts(_mine(parts).frame.mapInArrow(work, _ROWS), step.gives)

    def grouped(
        self, step: GroupStep, tables: Mapping[str, Parts], key: str, groups: int, given: Tables = NOTHING_GIVEN
    ) -> SparkParts:
        """One part out per group; what is shuffled is pieces of parts, each to the partition that is its group."""
        order = Order.of(step)
        pieces = [
            _mine(parts).frame.mapInArrow(cut(order, name, key, groups), _PIECES) for name, parts in tables.items()
        ]
        together = reduce(DataFrame.unionAll, pieces).repartitionById(groups, sql.col(GROUP))
        work = collected(order, {name: _mine(parts).schema for name, parts in tables.items()}, *self._sent(given))
        return SparkParts(together.mapInArrow(work, _ROWS), step.gives)

    def shuffled(self) -> int:
        """Bytes written for shuffles since the session began."""
        java = self._session.sparkContext._jsc
        assert java is not None
        executors = java.sc().statusStore().executorList(False)
        return sum(int(executors.apply(place).totalShuffleWrite()) for place in range(executors.size()))

    def settings(self) -> dict[str, str]:
        """What the session was opened with, the secret included."""
        return dict(self._session.sparkContext.getConf().getAll())

    def _sent(self, given: Tables) -> tuple[str, Any]:
        packed = {name: pack_table(table) for name, table in given.items()}
        return secrets.token_hex(8), self._session.sparkContext.broadcast(packed)


def _mine(parts: Parts) -> SparkParts:
    if not isinstance(parts, SparkParts):
        raise TypeError("parts of another engine")
    return parts


def _asked(ask: Callable[[], Any]) -> Any:
    """What Spark answers; what an executor refused comes through as it was said there, everything else without its text."""
    try:
        return ask()
    except (PySparkException, Py4JError) as error:
        refused = said_by_executor(str(error))
    if refused is not None:
        raise refused
    raise MachineRefused(
        "Spark gave up a step (executors lost, or out of memory or disk); nothing was published: look at the cluster, give "
        "executors more memory or start more of them, then run the same command again."
    )
