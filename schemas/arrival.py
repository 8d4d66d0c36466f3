"""Whether a delivery is the one that was meant: whole, and of this edition. Asked before any row is judged, or published.

A file cut off inside a row, an empty one and a missing one are refused where they are read (`schemas.deliveries`). What only
the source can vouch for is a file cut off *between* two rows: it delivers `SHA256SUMS` beside its files (the output of
`sha256sum *.csv > SHA256SUMS`), and then every file must be in it, as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import InputRefused
from schemas.extracts import EXTRACTS
from schemas.study import Register, Study

SUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")
EXPECTED_A_YEAR = 10
"""Registers with fewer events a year may have a year without any by chance; with ten that is 1 year in 22,000 (Poisson)."""
_BLOCK = 1 << 20


def require_whole(data_dir: Path, files: Iterable[Path]) -> None:
    """InputRefused where `SHA256SUMS` lies beside the files and one of them is not in it, or is another than it says."""
    path = data_dir / SUMS
    if not path.is_file():
        return
    found = (LINE.fullmatch(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    said = {match[2]: match[1].lower() for match in found if match}
    for file in files:
        if file.name not in said:
            raise InputRefused(f"{SUMS} does not name {file.name}; ask the source for the sums of what it delivered.")
        if _digest(file) != said[file.name]:
            raise InputRefused(
                f"{file.name} is not the file that {SUMS} names: cut off or changed on its way; fetch it again."
            )


def require_edition(study: Study, events: dict[str, pa.Table]) -> None:
    """InputRefused where a register ends before the study's last year does: the extract of an earlier edition, or part of one."""
    for register in study.registers.values():
        dates = events[register.bron][EXTRACTS[register.kind].reference]
        by_year = {row["values"].as_py(): row["counts"].as_py() for row in pc.value_counts(pc.year(dates))}
        earlier = [by_year.get(year, 0) for year in study.years[:-1]]
        if earlier and not by_year.get(study.last_year) and sum(earlier) >= EXPECTED_A_YEAR * len(earlier):
            raise InputRefused(_too_old(register, study))


def _too_old(register: Register, study: Study) -> str:
    return (
        f"{register.bron}: {register.file} holds nothing of {study.last_year}, the last year of {study.id}; it is an "
        "earlier edition's file or a part of this one, so ask the source for the extract of this edition."
    )


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
