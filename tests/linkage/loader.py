"""A small reader of the reference extracts, so that the linkage tests stand on their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {"IND": (";", "utf-8", "%Y-%m-%d"), "DTV": (";", "cp1252", "%d-%m-%Y"), "IOM": (",", "utf-8-sig", "%d/%m/%Y")}
KEY = {"IND": "vnummer", "DTV": "d9_nummer", "IOM": "iom_nummer"}


@dataclass(frozen=True)
class Loaded:
    registers: dict[str, pa.Table]


def _birth(text: str, pattern: str) -> str | None:
    if not text:
        return None
    parts = re.split(r"[-/]", text)
    return "-".join(parts if pattern.startswith("%Y") else parts[::-1])


def load(study: str) -> Loaded:
    """Valid rows of a reference study, without exact duplicates, as canonical tables."""
    truth = ROOT / "tests/reference/nr2015/true_links.csv"
    valid = set(map(tuple, pd.read_csv(truth, dtype=str)[["bron", "sleutel"]].values)) if study == "nr2015" else None
    out = {}
    for bron, (separator, encoding, pattern) in SOURCES.items():
        path = ROOT / "schemas/examples" / study / f"{bron.lower()}.csv"
        if not path.exists():
            continue
        frame = pd.read_csv(path, sep=separator, encoding=encoding, dtype=str, keep_default_na=False)
        frame = frame.drop_duplicates()
        frame["vnummer"] = frame["vnummer"].str.replace(r"\D", "", regex=True)
        if "naam" in frame:
            split = frame["naam"].str.split(", ", n=1, expand=True)
            frame["achternaam"], frame["voornamen"] = split[0], split[1].fillna("")
            frame["geslacht"] = frame["geslacht"].map({"F": "V", "M": "M", "U": "O"})
        frame = frame[frame["geslacht"].isin(["V", "M", "O"])]
        frame["geboortedatum"] = [_birth(text, pattern) for text in frame["geboortedatum"]]
        if valid is not None:
            frame = frame[[(bron, key) in valid for key in frame[KEY[bron]]]]
        arrays = {"regel": pa.array(frame.index + 2, pa.int64())}
        for name in frame.columns:
            if name.startswith("datum_") or name in ("d9_start", "d9_einde", "vertrekdatum"):
                arrays[name] = pa.array(
                    [datetime.strptime(t, pattern).date() if t else None for t in frame[name]], pa.date32()
                )
            else:
                arrays[name] = pa.array([t or None for t in frame[name]], pa.string())
        out[bron] = pa.table(arrays)
    return Loaded(out)
