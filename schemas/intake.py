"""The intake desk: raw extracts of a study in, canonical events out, broken rows set aside.

Files are judged batch by batch: the text of a batch is dropped when its events are made, and only events of all rows are kept.

Security property: this and what it calls (`schemas.deliveries`, `schemas.checks`, `schemas.events`, `schemas.pieces`) is one of
the two places, with `linkage.encode`, that hold identities. Nothing here logs, prints or writes a value from a record.
"""

from __future__ import annotations

import gc
import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.arrival import require_edition, require_whole
from schemas.checks import failures, load_rules, parse
from schemas.deliveries import Delivery, locate, open_delivery
from schemas.engine import WORKERS
from schemas.events import LINE, canonical_events, row_bytes
from schemas.extracts import EXTRACTS, Extract
from schemas.pieces import ordered_bytes, repeats
from schemas.quarantine import SCHEMA, WHOLE_ROW, quarantine_table, refuse_over_limit
from schemas.study import Dialect, Register, Study

_SNAPSHOT = b"schakel snapshot 1"


@dataclass(frozen=True)
class Intake:
    """What a delivery amounts to: per register, delivered = rows of `registers` + `duplicates` + lines in `quarantine`.

    registers   canonical events by bron (`schemas.events`), valid rows without exact duplicates, as ordered there.
    quarantine  bron, regel, kolom, reden (`schemas.quarantine.SCHEMA`).
    delivered   rows per bron as delivered, before anything is left out.
    duplicates  exact duplicates dropped per bron.
    """

    registers: dict[str, pa.Table]
    quarantine: pa.Table
    delivered: dict[str, int]
    duplicates: dict[str, int]


def read_registers(study: Study, data_dir: Path) -> Intake:
    """Read every register of the study from `data_dir`.

    InputRefused (exit 3) when a file is missing, ambiguous, unreadable or not what its source says it sent, before any row is
    judged, and when it is of an earlier edition; its subclass QuarantineLimit when more rows break their schema than the
    study allows.
    """
    registers = list(study.registers.values())
    paths = [locate(register, data_dir) for register in registers]
    require_whole(data_dir, paths)
    load_rules()
    with ThreadPoolExecutor(WORKERS) as pool:
        deliveries = list(pool.map(open_delivery, registers, paths))
        judged = list(pool.map(_judge, registers, deliveries))
    events: dict[str, pa.Table] = {}
    duplicates: dict[str, int] = {}
    quarantines = [SCHEMA.empty_table()]
    for register, (valid, dropped, broken) in zip(registers, judged, strict=True):
        events[register.bron], duplicates[register.bron] = valid, dropped
        quarantines.append(broken)
    quarantine = pa.concat_tables(quarantines)
    delivered = {register.bron: delivery.rows for register, delivery in zip(registers, deliveries, strict=True)}
    refuse_over_limit(quarantine, delivered, study.quarantine_limit)
    require_edition(study, events)
    return Intake(events, quarantine, delivered, duplicates)


def snapshot_digest(intake: Intake, key: bytes) -> str:
    """HMAC-SHA256 (hex) of the sorted canonical events: reordered, or in another dialect, it is the same snapshot."""
    digest = hmac.new(key, _SNAPSHOT, hashlib.sha256)
    for bron in sorted(intake.registers):
        events = intake.registers[bron]
        digest.update(json.dumps([bron, events.column_names, events.num_rows, row_bytes(events)]).encode())
        for rows in ordered_bytes(events):
            digest.update(rows)
    return digest.hexdigest()


def _judge(register: Register, delivery: Delivery) -> tuple[pa.Table, int, pa.Table]:
    """(valid events without duplicates, duplicates dropped, quarantine) of one register."""
    extract = EXTRACTS[register.kind]
    columns = extract.delivered(register.dialect)
    ragged = [(line, WHOLE_ROW, "rij_onleesbaar") for line in delivery.ragged]
    valid, broken = [], [quarantine_table(register.bron, ragged, columns)]
    for texts, lines in delivery.batches:
        events, entries = _judge_batch(texts, lines, extract, register.dialect)
        valid.append(events)
        broken.append(quarantine_table(register.bron, entries, columns))
        # Pandera's objects refer to each other and to the batch, which would stay until Python looks for such by itself.
        gc.collect(1)
    again, clashing, where = _repeats(valid, extract)
    clashes = [(line, extract.key, "sleutel_dubbel") for line in where]
    broken.append(quarantine_table(register.bron, clashes, columns))
    quarantine = pa.concat_tables(broken)
    in_order = pc.sort_indices(quarantine[LINE])  # stable: the columns of a line stay as they stand in the extract
    return _without(valid, again | clashing), int(again.sum()), quarantine.take(in_order)


def _judge_batch(
    texts: pa.Table, lines: np.ndarray, extract: Extract, dialect: Dialect
) -> tuple[pa.Table, list[tuple[int, str, str]]]:
    """(events of the rows that satisfy the schema, what the others break: line, column, reason)."""
    parsed = parse(texts, extract, dialect)
    found = failures(parsed, extract, dialect)
    valid = np.ones(len(lines), dtype=bool)
    valid[[row for row, _, _ in found]] = False
    events = canonical_events(parsed, lines, extract, dialect).filter(pa.array(valid))
    return events, [(int(lines[row]), column, reason) for row, column, reason in found]


def _repeats(parts: list[pa.Table], extract: Extract) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """`repeats` of a register that lies in parts, and the lines of what clashes."""
    events = pa.concat_tables(parts)
    again, clashing = repeats(events, extract)
    return again, clashing, events[LINE].filter(pa.array(clashing)).to_pylist()


def _without(parts: list[pa.Table], gone: np.ndarray) -> pa.Table:
    """The rows that are not `gone`; `parts` are replaced one by one, so that no second copy of all of them is made."""
    start = 0
    for place, part in enumerate(parts):
        here = gone[start : start + part.num_rows]
        start += part.num_rows
        if here.any():
            parts[place] = part.filter(pa.array(~here))
    return pa.concat_tables(parts)
