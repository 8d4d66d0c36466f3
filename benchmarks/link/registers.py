"""Registers with known truth: invented people that no variant of the model was chosen on, and the reference registers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from benchmarks.link.speed import KEYS
from benchmarks.rows import Row, targeted
from linkage.encode import encode_registers
from linkage.link import LinkParameters, Links, link, links_file
from schemas.intake import read_registers
from schemas.study import SHIPPED, load_study
from schemas.synth import PRESETS, Preset, synthesise

REGISTER_PAIRS = (("DTV", "IND"), ("IND", "IOM"))
SEED = 31
TARGET = {"reference": 0.99, "hard": 0.97}
REFERENCE = SHIPPED / "examples" / "nr2015"


def register_rows(*, quick: bool) -> Iterator[Row]:
    """F1 per pair of registers and profile. The targets are those of the profile that sees fields."""
    people = 2200 if quick else 6000
    with TemporaryDirectory() as folder:
        for preset in ("reference", "hard"):
            for profile in ("single-site", "separate"):
                _, joined = linked_registers(Path(folder) / f"{preset} {profile}", preset, profile, people, SEED)
                name = f"synthetic {preset}, {people:,} people, {profile}"
                yield from _rows(name, joined, TARGET[preset] if profile == "single-site" else None)


def reference_rows(truth: Path) -> Iterator[Row]:
    """The same on the reference registers, which the model was developed on: a regression test, not evidence."""
    for profile in ("single-site", "separate"):
        _, joined = _linked(REFERENCE, truth, profile)
        yield from _rows(f"reference registers, {profile}", joined, 0.99 if profile == "single-site" else None)


def _rows(name: str, joined: pd.DataFrame, target: float | None) -> Iterator[Row]:
    for a, b in REGISTER_PAIRS:
        found, true = (pairs_by(joined, a, b, column) for column in ("person_id", "persoon"))
        f1 = 2 * len(found & true) / max(len(found) + len(true), 1)
        metric = f"{name}: {a}-{b}"
        yield Row(metric, f1, "F1") if target is None else targeted(metric, f1, "F1", ">=", target)


def linked_registers(folder: Path, preset: Preset, profile: str, people: int, seed: int) -> tuple[Links, pd.DataFrame]:
    """Invented registers, linked, and bron, sleutel, person_id, persoon of every record."""
    synthesise(folder, people=people, seed=seed, dirt=PRESETS[preset])
    return _linked(folder, folder / "true_links.csv", profile)


def _linked(folder: Path, truth: Path, profile: str) -> tuple[Links, pd.DataFrame]:
    encoded = encode_registers(read_registers(load_study("nr2015"), folder), KEYS, profile)
    links = link(encoded.linkage, LinkParameters(), None)
    known = pd.read_csv(truth, dtype=str)
    return links, links_file(links, encoded.keys).to_pandas().merge(known, on=["bron", "sleutel"])


def pairs_by(joined: pd.DataFrame, a: str, b: str, column: str) -> set[tuple[str, str]]:
    """Pairs of record keys of two registers that share a value of `column`."""
    both = joined[joined["bron"] == a].merge(joined[joined["bron"] == b], on=column)
    return set(zip(both["sleutel_x"], both["sleutel_y"], strict=True))
