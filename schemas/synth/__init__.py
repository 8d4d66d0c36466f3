"""Synthetic registers: any number of invented people, three dialects, known truth, dirt by the knob.

What it does   `synthesise(out, people=..., seed=...)` writes registers as a data holder would deliver them.
What enters    a study (dialects, years), `Dirt`, `Population`, `Histories`, a seed. Never a record.
What leaves    ind, dtv, iom; true_links.csv, expected_quarantine.json, truth.json.
May import     schemas only.
"""

from schemas.synth.dirt import PRESETS, Dirt, LinkedDirt, Population, Preset, RowDirt
from schemas.synth.histories import HISTORIES, Hazards, Histories
from schemas.synth.known import known_histories, known_population
from schemas.synth.registers import Summary, synthesise

__all__ = [
    "HISTORIES", "PRESETS", "Dirt", "Hazards", "Histories", "LinkedDirt", "Population", "Preset", "RowDirt", "Summary",
    "known_histories", "known_population", "synthesise",
]  # fmt: skip
