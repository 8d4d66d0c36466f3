"""Judging pairs by the profile of their linkage files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from linkage.evaluate import as_dict, recall_without_number, strangers_linked
from linkage.evidence import Built, build
from linkage.fields import Scheme
from linkage.judged import NOTHING, Floats, Judged, Pair, Rules, among, in_band, overall, per_registers
from linkage.model import Evidence, LevelClassifier, total_bits, weights
from linkage.records import by_records
from linkage.resolve import NEVER_COMPARED
from linkage.views import Views


def judge(views: dict[str, Views], scheme: Scheme, rules: Rules, sure: set[Pair]) -> Judged:
    """All pairs worth a look over all registers. `sure`: pairs of entities that are linked by number."""
    if len(views) < 2:
        return NOTHING
    return by_fields(views, scheme, rules, sure) if scheme.fields else by_records(views, rules, sure)


def by_fields(views: dict[str, Views], scheme: Scheme, rules: Rules, sure: set[Pair]) -> Judged:
    """Fellegi-Sunter over field encodings (profile `single-site`)."""
    built = build(views, scheme, rules.unique)
    evidence = built.evidence
    if not len(evidence.levels):
        return NOTHING
    model = LevelClassifier(evidence)
    frame = model.frame()
    model.fit(frame)
    posterior = model.prob(frame).to_numpy()
    parameters = model.kernel.parameters
    return Judged(
        left=evidence.left,
        right=evidence.right,
        posterior=posterior,
        bits=total_bits(evidence, parameters),
        weight=weights(evidence, parameters).sum(axis=1),
        levels={int(row): _words(evidence, int(row)) for row in in_band(posterior, rules.grey)},
        absent=NEVER_COMPARED,
        quality=_quality(built, model, posterior, rules, sure, views),
    )


def _words(evidence: Evidence, row: int) -> str:
    return " ".join(
        f"{name}={levels[evidence.levels[row, column]]}"
        for column, (name, levels) in enumerate(evidence.columns.items())
    )


def _quality(
    built: Built, model: LevelClassifier, posterior: Floats, rules: Rules, sure: set[Pair], views: dict[str, Views]
) -> dict[str, object]:
    """Per pair of registers what was linked and what is known of the errors, and what the model says of itself."""
    evidence, fitted = built.evidence, model.kernel.parameters
    by_number = among(evidence.left, evidence.right, sure)

    def strangers(side: str, place: int) -> int:
        known = replace(built.strangers[side], group=np.full(len(built.strangers[side].levels), place, dtype=np.int64))
        return strangers_linked(total_bits(known, fitted), known.left, known.right)

    registers = per_registers(
        views, rules, evidence.left, evidence.right, evidence.group, posterior, by_number, strangers
    )
    return {
        "registers": registers,
        "recall_without_number": as_dict(recall_without_number(evidence, fitted, by_number, rules.threshold)),
        "em_rounds": model.kernel.rounds,
        "em_refused": model.kernel.refused,
        **overall(posterior, by_number, rules),
    }
