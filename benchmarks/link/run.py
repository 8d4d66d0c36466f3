"""`schakel bench link`: kernel, encoder and quality, each beside its targets and its peers."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from benchmarks.link.febrl import febrl4, half_overlap
from benchmarks.link.quality import quality_rows
from benchmarks.link.speed import KEYS, encoding_rows, kernel_rows, large_row
from benchmarks.rows import Row, targeted
from linkage.encode import encode_registers
from linkage.link import LinkParameters, link, links_file
from schemas.intake import read_registers
from schemas.study import load_study
from schemas.synth import PRESETS, Preset, synthesise

REGISTER_PAIRS = (("DTV", "IND"), ("IND", "IOM"))
SEED = 31
COMPARED: tuple[Preset, ...] = ("reference", "hard")


def link_rows(*, quick: bool) -> tuple[list[Row], list[str]]:
    """All rows, and sentences about the peers that could not be compared. quick: no peers, no network, smaller files."""
    absent: list[str] = []
    half = half_overlap()
    rows = [
        *kernel_rows(half, absent, peers=not quick),
        *encoding_rows(half, absent, peers=not quick, people=5_000 if quick else 50_000),
    ]
    rows += quality_rows(half, absent, peers=not quick)
    if not quick:
        rows += quality_rows(febrl4(), absent, peers=True)
    with TemporaryDirectory() as folder:
        for preset in COMPARED:
            for profile in ("single-site", "separate"):
                rows += _registers(Path(folder) / f"{preset} {profile}", preset, profile, 2200 if quick else 6000)
        rows.append(large_row(Path(folder) / "large", 20_000 if quick else 100_000))
    return rows, list(dict.fromkeys(absent))


def _registers(folder: Path, preset: Preset, profile: str, people: int) -> list[Row]:
    """F1 on invented registers that no variant of the model was chosen on; the truth is read after linking."""
    synthesise(folder, people=people, seed=SEED, dirt=PRESETS[preset])
    encoded = encode_registers(read_registers(load_study("nr2015"), folder), KEYS, profile)
    links = link(encoded.linkage, LinkParameters(), None)
    truth = pd.read_csv(folder / "true_links.csv", dtype=str)
    joined = links_file(links, encoded.keys).to_pandas().merge(truth, on=["bron", "sleutel"])
    rows = []
    for a, b in combinations(("DTV", "IND", "IOM"), 2):
        if (a, b) in REGISTER_PAIRS:
            found, true = (_pairs(joined, a, b, column) for column in ("person_id", "persoon"))
            f1 = 2 * len(found & true) / max(len(found) + len(true), 1)
            name = f"synthetic {preset}, {people:,} people, {profile}: {a}-{b}"
            # The targets are those of the profile that sees fields.
            target = 0.99 if preset == "reference" else 0.97
            rows.append(targeted(name, f1, "F1", ">=", target) if profile == "single-site" else Row(name, f1, "F1"))
    return rows


def _pairs(joined: pd.DataFrame, a: str, b: str, column: str) -> set[tuple[str, str]]:
    both = joined[joined["bron"] == a].merge(joined[joined["bron"] == b], on=column)
    return set(zip(both["sleutel_x"], both["sleutel_y"], strict=True))
