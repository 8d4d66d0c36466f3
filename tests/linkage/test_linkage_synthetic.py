"""Registers that the model was never looked at with: synthetic people, known truth."""

from __future__ import annotations

from itertools import combinations

import pandas as pd
import pytest

from linkage.encode import encode_registers
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link, links_file
from schemas.intake import read_registers
from schemas.study import load_study
from schemas.synth.dirt import PRESETS
from schemas.synth.registers import synthesise


def _linked(folder, preset: str, people: int, seed: int):
    synthesise(folder, people=people, seed=seed, dirt=PRESETS[preset])
    intake = read_registers(load_study("nr2015"), folder)
    encoded = encode_registers(intake, StudyKeys(bytes([seed]) * 32, "nr2015"), "single-site")
    links = link(encoded.linkage, LinkParameters(), None)
    truth = pd.read_csv(folder / "true_links.csv", dtype=str)
    joined = links_file(links, encoded.keys).to_pandas().merge(truth, on=["bron", "sleutel"], how="left")
    assert joined.notna().all().all()
    return links, joined


def _pairs(joined: pd.DataFrame, a: str, b: str, column: str) -> set[tuple[str, str]]:
    both = joined[joined["bron"] == a].merge(joined[joined["bron"] == b], on=column)
    return set(zip(both["sleutel_x"], both["sleutel_y"], strict=True))


def _score(joined: pd.DataFrame, a: str, b: str) -> tuple[int, int, int]:
    """True, false and missed links of two registers."""
    found, true = (_pairs(joined, a, b, column) for column in ("person_id", "persoon"))
    return len(found & true), len(found - true), len(true - found)


@pytest.mark.parametrize(("preset", "seed", "floor"), [("reference", 21, 0.97), ("hard", 22, 0.97)])
def test_f1_on_registers_never_seen(tmp_path, preset, seed, floor):
    """`hard`: a quarter of DT&V's numbers missing, twice the typos."""
    _, joined = _linked(tmp_path, preset, 2200, seed)
    for a, b in (("DTV", "IND"), ("IND", "IOM")):
        true, false, missed = _score(joined, a, b)
        assert 2 * true / (2 * true + false + missed) >= floor


@pytest.mark.slow
def test_the_error_estimates_hold(tmp_path):
    """Precision per pair of registers, and recall without a number, lie in the intervals that need no truth."""
    links, joined = _linked(tmp_path, "hard", 20_000, 3)
    true_total = missed_total = 0
    for a, b in combinations(("DTV", "IND", "IOM"), 2):
        true, false, missed = _score(joined, a, b)
        part = links.quality["registers"][f"{a}+{b}"]
        if "precision" in part:
            assert part["precision"]["low"] <= true / (true + false) <= part["precision"]["high"]
            without = true - part["by_number"]
            true_total, missed_total = true_total + without, missed_total + missed
    recall = links.quality["recall_without_number"]
    assert recall["low"] - 0.01 <= true_total / (true_total + missed_total) <= recall["high"] + 0.01
