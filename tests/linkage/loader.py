"""The reference registers as canonical events, and a holder for changed ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from schemas.intake import read_registers
from schemas.study import load_study

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Loaded:
    """What `encode_registers` needs of an intake."""

    registers: dict[str, pa.Table]


def load(study: str) -> Loaded:
    """Valid rows of a reference study, without exact duplicates."""
    return Loaded(dict(read_registers(load_study(study), ROOT / "schemas/examples" / study).registers))
