"""The intake desk: raw extracts of a study in, canonical events out, broken rows set aside.

Security property: this and what it calls (`schemas.deliveries`, `schemas.checks`, `schemas.events`) is one of the two
places, with `linkage.encode`, that hold identities. Nothing here logs, prints or writes a value from a record.
"""

from __future__ import annotations

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
from schemas.deliveries import Delivery, locate, read_delivery
from schemas.engine import WORKERS
from schemas.events import LINE, canonical_events, contradicting, drop_duplicates, sorted_row_bytes
from schemas.extracts import EXTRACTS
from schemas.quarantine import SCHEMA, WHOLE_ROW, quarantine_table, refuse_over_limit
from schemas.study import Register, Study

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
        deliveries = list(pool.map(read_delivery, registers, paths))
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
        rows = sorted_row_bytes(events)
        digest.update(json.dumps([bron, events.column_names, events.num_rows, len(rows)]).encode())
        digest.update(rows)
    return digest.hexdigest()


def _judge(register: Register, delivery: Delivery) -> tuple[pa.Table, int, pa.Table]:
    """(valid events without duplicates, duplicates dropped, quarantine) of one register."""
    extract = EXTRACTS[register.kind]
    parsed = parse(delivery.texts, extract, register.dialect)
    found = failures(parsed, extract, register.dialect)
    entries = [(line, WHOLE_ROW, "rij_onleesbaar") for line in delivery.ragged]
    entries += [(int(delivery.lines[row]), column, reason) for row, column, reason in found]
    valid = np.ones(len(delivery.lines), dtype=bool)
    valid[[row for row, _, _ in found]] = False
    events = canonical_events(parsed, delivery.lines, extract, register.dialect).filter(pa.array(valid))
    events, dropped = drop_duplicates(events)
    if extract.unique:
        clash = contradicting(events, extract.key)
        entries += [(line, extract.key, "sleutel_dubbel") for line in events[LINE].filter(clash).to_pylist()]
        events = events.filter(pc.invert(clash))
    return events, dropped, quarantine_table(register.bron, entries, (*extract.delivered(register.dialect),))
