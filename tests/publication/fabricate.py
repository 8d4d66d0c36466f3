"""Protected tables made from the reference tables, to test the writers only: no disclosure control happens here.

Cells below a threshold are blanked; the noisy regime gets fixed fake noise (a sine: there is nothing to protect here).
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd

from flows.publication import AudienceFacts, LinkageFacts, MethodFacts
from schemas.catalogue import Catalogue, Entry, load_catalogue
from schemas.study import SHIPPED, Study, Text, load_study
from schemas.tables import Audience, ProtectedTable, Regime

REFERENCE = Path(__file__).parents[1] / "reference"
THRESHOLD = {"public": 10, "restricted": 5}
HALF_WIDTH = 6


def study_and_catalogue(study_id: str) -> tuple[Study, Catalogue]:
    study = load_study(study_id)
    return study, load_catalogue(SHIPPED / "catalogue" / f"{study.catalogue}.toml", study.years)


def protected(study_id: str, catalogue: Catalogue, audience: Audience, regime: Regime) -> dict[str, ProtectedTable]:
    reference = json.loads((REFERENCE / study_id / "expected_tables.json").read_text())
    return {
        entry.id: fabricate(entry, pd.DataFrame(reference[entry.id]), audience, regime)
        for entry in catalogue.entries
        if entry.id in reference
    }


def fabricate(entry: Entry, exact: pd.DataFrame, audience: Audience, regime: Regime) -> ProtectedTable:
    dimensions = tuple(dimension.name for dimension in entry.dimensions)
    values = ["n", "gemiddelde", "sd"] if entry.kind == "mean" else ["aantal"]
    frame = exact[[*dimensions, *values]].copy()
    for name in values:
        frame[name] = frame[name].astype("Int64" if name in ("aantal", "n") else "Float64")
    size = frame[values[0]]
    if regime == "noisy" and entry.kind == "count":
        blank = _add_noise(frame, THRESHOLD[audience])
    else:
        blank = (size > 0) & (size < THRESHOLD[audience])
    frame.loc[blank, [name for name in (*values, "aantal_zuiver") if name in frame.columns]] = pd.NA
    frame["status"] = ["suppressed" if is_blank else ("noisy" if regime == "noisy" else "ok") for is_blank in blank]
    categories = {name: tuple(dict.fromkeys(frame[name].tolist())) for name in dimensions}
    return ProtectedTable(entry.id, audience, regime, dimensions, categories, frame, entry.kind)


def _add_noise(frame: pd.DataFrame, threshold: int) -> pd.Series:
    noise = [3.3 * math.sin(1.7 * row + len(frame)) for row in range(len(frame))]
    clean = frame["aantal"].astype("float64") + noise
    frame["aantal"] = clean.clip(lower=0).round().astype("Int64")
    frame["aantal_zuiver"] = clean.astype("Float64")
    frame["ondergrens"] = (frame["aantal"] - HALF_WIDTH).clip(lower=0)
    frame["bovengrens"] = frame["aantal"] + HALF_WIDTH
    return frame["aantal"] < threshold


def text(words: str) -> Text:
    return Text(nl=words, en=words)


QUALITY = "0.974 (0.951 to 0.989)"


def facts() -> MethodFacts:
    return MethodFacts(
        policy_id="test",
        policy_version="7",
        policy_digest="5f" * 32,
        statement=text("The statement of the policy."),
        public=AudienceFacts("noisy", (text("Off by six or less."),), (text("Epsilon 3 in total."),)),
        restricted=AudienceFacts("suppressed", (text("Below five is blank."),)),
        linkage=LinkageFacts(text("profile single-site"), ((text("Precision"), text(QUALITY)),)),
        code_version="0.0.test",
    )
