"""The quarantine: which delivered rows were left out, at which column and why, never what stood there.

The operator looks the line up at the source. The file belongs in the state store, outside every release folder.
"""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import InputRefused

SCHEMA = pa.schema([("bron", pa.string()), ("regel", pa.int64()), ("kolom", pa.string()), ("reden", pa.string())])
WHOLE_ROW = "(rij)"

# Reason -> what it means, for the screen and for docs/study.md (a test compares them).
REASONS: dict[str, str] = {
    "rij_onleesbaar": "the row has more or fewer fields than the header, or a quotation mark out of place",
    "verplicht_leeg": "a required cell is empty",
    "v_nummer_ongeldig": "the V-number is not ten digits once dots and blanks are gone",
    "code_buiten_lijst": "the code is not in the column's list",
    "datum_ongeldig": "the text is no existing date in the format of the dialect",
    "geboorte_na_peildatum": "the birth lies after the row's own reference date",
    "besluit_voor_aanvraag": "the decision lies before its application",
    "bezwaar_voor_aanvraag": "the decision on the objection lies before the application",
    "einde_voor_start": "the D9 process ends before it starts",
    "datum_ontbreekt": "a decision on the merits, or on an objection, has no date",
    "besluit_ontbreekt": "there is a decision date without a decision",
    "sleutel_dubbel": "different rows carry the same record number",
}


class QuarantineLimit(InputRefused):
    """More rows break their schema than the study allows (exit 3); `quarantine` lists all of them, to be looked up."""

    def __init__(self, message: str, quarantine: pa.Table) -> None:
        super().__init__(message)
        self.quarantine = quarantine


def quarantine_table(bron: str, entries: Iterable[tuple[int, str, str]], columns: tuple[str, ...]) -> pa.Table:
    """One row per line and column of one register, ordered by line and then as the columns stand in the extract.

    `entries` are (line, column, reason) in order of precedence: a column that breaks several rules keeps its first.
    """
    first: dict[tuple[int, str], str] = {}
    for line, column, reason in entries:
        first.setdefault((line, column), reason)
    position = {column: index for index, column in enumerate((WHOLE_ROW, *columns))}
    ordered = sorted(first, key=lambda entry: (entry[0], position[entry[1]]))
    return pa.table(
        {
            "bron": [bron] * len(ordered),
            "regel": [line for line, _ in ordered],
            "kolom": [column for _, column in ordered],
            "reden": [first[entry] for entry in ordered],
        },
        schema=SCHEMA,
    )


def refuse_over_limit(quarantine: pa.Table, delivered: Mapping[str, int], limit: float) -> None:
    """QuarantineLimit when the rows set aside pass `limit` (a share of a file's delivered rows) in any register."""
    over = []
    for bron, rows in delivered.items():
        own = quarantine.filter(pc.equal(quarantine["bron"], bron))
        broken = pc.count_distinct(own["regel"]).as_py()
        if broken > limit * rows:
            over.append(f"{bron} {broken} of {rows} rows ({_by_reason(own)})")
    if over:
        raise QuarantineLimit(
            f"More rows break their schema than the {limit:.1%} of a file that the study allows: {'; '.join(over)}; "
            "look the lines of the quarantine file up at the source and have the delivery corrected.",
            quarantine,
        )


def write_quarantine(table: pa.Table, path: Path) -> None:
    """Write `bron,regel,kolom,reden` as CSV, readable by its owner only, complete or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(SCHEMA.names)
            writer.writerows(zip(*(table[name].to_pylist() for name in SCHEMA.names), strict=True))
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _by_reason(quarantine: pa.Table) -> str:
    counts = pc.value_counts(quarantine["reden"].combine_chunks()).to_pylist()
    ordered = sorted(counts, key=lambda entry: (-entry["counts"], entry["values"]))
    return ", ".join(f"{entry['values']} {entry['counts']}" for entry in ordered)
