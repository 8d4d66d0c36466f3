"""Judging pairs by the profile of their linkage files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from linkage.decoys import decoys_of
from linkage.evaluate import DRAWS, Blind, Strangers, as_dict, strangers_linked, together
from linkage.evidence import Built, build
from linkage.fields import Scheme
from linkage.judged import (
    NOTHING,
    Checks,
    Flags,
    Floats,
    Found,
    Judged,
    Rules,
    among,
    in_band,
    overall,
    per_registers,
    persons_of,
    register_pairs,
)
from linkage.model import SUBJECT, Evidence, LevelClassifier, Parameters, one_to_one, total_bits, weights
from linkage.records import by_records
from linkage.resolve import NEVER_COMPARED
from linkage.tail import missed_links
from linkage.views import Index, Views

# Levels of the number.
MISSING, DIFFERS = 0, 1
# Links below which an average weight is not reported.
FEWEST = 10


def judge(views: dict[str, Views], scheme: Scheme, rules: Rules, sure: Index) -> Judged:
    """All pairs worth a look over all registers. `sure`: keys of the pairs that are linked by number."""
    if len(views) < 2 and not (scheme.fields and rules.within & set(views)):
        return NOTHING
    return by_fields(views, scheme, rules, sure) if scheme.fields else by_records(views, rules, sure)


def by_fields(views: dict[str, Views], scheme: Scheme, rules: Rules, sure: Index) -> Judged:
    """Fellegi-Sunter over field encodings (profile `single-site`)."""
    built = build(views, scheme, rules.unique, rules.within)
    evidence = built.evidence
    if not len(evidence.levels):
        return NOTHING
    model = LevelClassifier(evidence)
    frame = model.frame()
    model.fit(frame)
    posterior = model.prob(frame).to_numpy()
    parameters = model.kernel.parameters
    bits = total_bits(evidence, parameters)
    by_number = among(evidence.left, evidence.right, sure)
    found = Found(
        left=evidence.left,
        right=evidence.right,
        group=evidence.group,
        bits=bits,
        linked=(posterior >= rules.threshold) | by_number,
        by_number=by_number,
        differ=evidence.levels[:, list(evidence.columns).index(SUBJECT)] == DIFFERS,
    )
    return Judged(
        left=evidence.left,
        right=evidence.right,
        posterior=posterior,
        bits=bits,
        weight=weights(evidence, parameters).sum(axis=1),
        levels={int(row): _words(evidence, int(row)) for row in in_band(posterior, rules.grey)},
        absent=NEVER_COMPARED,
        quality=_quality(built, model, found, rules, views, scheme)
        | overall(posterior, by_number, rules)
        | {"em_rounds": model.kernel.rounds, "em_refused": model.kernel.refused}
        | {"waterfalls": _waterfalls(evidence, parameters, found, rules, views)},
    )


def _words(evidence: Evidence, row: int) -> str:
    return " ".join(
        f"{name}={levels[evidence.levels[row, column]]}"
        for column, (name, levels) in enumerate(evidence.columns.items())
    )


def _waterfalls(
    evidence: Evidence, fitted: Parameters, found: Found, rules: Rules, views: dict[str, Views]
) -> dict[str, dict[str, float]]:
    """Per pair of registers the average match weight of its links that no number made, in bits: the prior, every field, and
    what strangers share. An average of fewer than FEWEST pairs would be somebody's, and is left out.
    """
    bits = weights(evidence, fitted)
    prior = np.log2(fitted.share) - np.log2(1 - fitted.share)
    out = {}
    for place, (first, second) in enumerate(register_pairs(views, rules.within)):
        rows = found.linked & ~found.by_number & (found.group == place)
        if int(rows.sum()) >= FEWEST:
            steps = dict(zip((*evidence.columns, "shared by strangers"), bits[rows].mean(axis=0).tolist(), strict=True))
            out[f"{first}+{second}"] = {"prior": float(prior[place])} | steps
    return out


def _quality(
    built: Built, model: LevelClassifier, found: Found, rules: Rules, views: dict[str, Views], scheme: Scheme
) -> dict[str, object]:
    """Per pair of registers what was linked and what is known of the errors."""
    evidence, fitted = built.evidence, model.kernel.parameters
    pairs = register_pairs(views, rules.within)
    offsets = dict(zip(views, np.cumsum([0, *(v.entities for v in views.values())]).tolist(), strict=False))

    def strangers(side: str, place: int) -> int:
        known = replace(built.strangers[side], group=np.full(len(built.strangers[side].levels), place, dtype=np.int64))
        return strangers_linked(total_bits(known, fitted), known.left, known.right)

    def unknown(place: int, meetings: float) -> tuple[Strangers, Floats]:
        first, second = pairs[place]
        here = found.group == place
        linked = here & found.linked
        own = (found.left[linked] - offsets[first], found.right[linked] - offsets[second])
        decoys = decoys_of(views[first], views[second], scheme, place, evidence, fitted, built.known, own)
        hits = decoys.decoy[decoys.bits >= 0]
        several = len(hits) / max(len(np.unique(hits)), 1) if len(hits) else 1.0
        free = here & ~found.linked
        group = evidence.groups[place]
        # A record that has its only partner cannot be half of a missed link.
        free &= ~(group.unique_right & np.isin(found.left, found.left[linked]))
        free &= ~(group.unique_left & np.isin(found.right, found.right[linked]))
        # Nor is a pair that its person's other links join.
        person = np.full(sum(v.entities for v in views.values()), -1)
        person[found.left[linked]] = person[found.right[linked]] = persons_of(found, linked, one_file=first == second)[
            1
        ]
        free &= (person[found.left] != person[found.right]) | (person[found.left] < 0)
        scale = meetings / max(views[first].entities * decoys.records, 1)
        missed = missed_links(found.bits[linked], found.bits[free], decoys.bits, scale, DRAWS)
        return Strangers(len(np.unique(hits)), decoys.records, several), missed

    missing, differs = (_blind(evidence, fitted, found, rules, level) for level in (MISSING, DIFFERS))
    registers = per_registers(views, rules, found, Checks(strangers, unknown, missing, differs))
    recall = as_dict(together(missing).recall) if found.by_number.any() else None
    return {"registers": registers, "recall_without_number": recall}


def _blind(evidence: Evidence, fitted: Parameters, found: Found, rules: Rules, level: int) -> list[Blind]:
    """Per pair of registers the links by number judged with the number missing or differing; `wrong` counts who is linked
    to somebody else.
    """
    if not found.by_number.any():
        return [Blind(0, 0, 0) for _ in evidence.groups]
    column = list(evidence.columns).index(SUBJECT)
    levels = evidence.levels.copy()
    levels[found.by_number, column] = level
    ends = []
    for place, group in enumerate(evidence.groups):
        here = found.group == place
        # The row whose number is taken away is the one of the register that is not asked for one row per person.
        codes = evidence.right if group.unique_left else evidence.left
        theirs = here & np.isin(codes, codes[here & found.by_number])
        if level == MISSING:
            levels[theirs & ~found.by_number, column] = MISSING
        ends.append((codes, theirs if group.unique_left or group.unique_right else here & False))
    unseen = replace(evidence, levels=levels)
    again = one_to_one(unseen, total_bits(unseen, fitted)) >= rules.threshold
    out = []
    for place, (codes, theirs) in enumerate(ends):
        asked = found.by_number & (found.group == place)
        wrong = len(np.unique(codes[_other(theirs, again, found.by_number)]))
        out.append(Blind(int(asked.sum()), int((again & asked).sum()), wrong))
    return out


def _other(theirs: Flags, again: Flags, by_number: Flags) -> Flags:
    return theirs & again & ~by_number
