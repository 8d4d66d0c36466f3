"""Judging pairs by the profile of their linkage files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.compared import given_for, levels_of, pairs_table
from linkage.decoys import decoys_of
from linkage.evaluate import DRAWS, Blind, Strangers, as_dict, strangers_linked, together
from linkage.evidence import Built, build
from linkage.expectation import one_to_one
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
from linkage.model import (
    LevelClassifier,
    Parameters,
    odds_under,
    posteriors,
    prior_bits,
    total_bits,
    weights,
)
from linkage.patterns import Evidence
from linkage.proposed import PART
from linkage.records import by_records
from linkage.resolve import NEVER_COMPARED
from linkage.tail import LOWEST, missed_links
from linkage.views import Index, Views
from schemas.engine import Engine

# Levels of the number.
MISSING, DIFFERS = 0, 1
NUMBERS = 3
# Links below which an average weight is not reported.
FEWEST = 10


def judge(views: dict[str, Views], scheme: Scheme, rules: Rules, sure: Index, engine: Engine) -> Judged:
    """All pairs worth a look over all registers. `sure`: keys of the pairs that are linked by number."""
    if len(views) < 2 and not (scheme.fields and rules.within & set(views)):
        return NOTHING
    return by_fields(views, scheme, rules, sure, engine) if scheme.fields else by_records(views, rules, sure)


def by_fields(views: dict[str, Views], scheme: Scheme, rules: Rules, sure: Index, engine: Engine) -> Judged:
    """Fellegi-Sunter over field encodings (profile `single-site`)."""
    built = build(views, scheme, rules.unique, rules.within, engine)
    evidence = built.evidence
    if not len(evidence):
        return NOTHING
    model = LevelClassifier(evidence, engine)
    model.kernel.learn()
    parameters = model.kernel.parameters
    bits = total_bits(evidence, parameters)
    posterior = posteriors(evidence, bits)
    by_number = among(evidence.left, evidence.right, sure)
    found = _found(evidence, bits, posterior, by_number, rules.threshold)
    doubtful = in_band(posterior, rules.grey)
    return Judged(
        left=evidence.left,
        right=evidence.right,
        posterior=posterior,
        bits=bits,
        weight=bits - np.repeat(prior_bits(parameters), np.diff(evidence.ends)),
        doubtful=doubtful,
        levels=_words(evidence, doubtful),
        absent=NEVER_COMPARED,
        quality=_quality(built, model, found, by_number, rules, views, scheme, engine)
        | overall(posterior, by_number, rules)
        | {"em_rounds": model.kernel.rounds, "em_refused": model.kernel.refused}
        | {"waterfalls": _waterfalls(evidence, parameters, posterior, by_number, rules, views, scheme)},
    )


def _found(evidence: Evidence, bits: Floats, posterior: Floats, by_number: Flags, threshold: float) -> Found:
    """The links, and the other pairs whose weights errors are estimated from: those that are not far below."""
    linked = (posterior >= threshold) | by_number
    rows = np.flatnonzero(linked | (bits >= LOWEST))
    of = evidence.of[rows]
    return Found(
        left=evidence.left[rows].astype(np.int64),
        right=evidence.right[rows].astype(np.int64),
        group=evidence.patterns.group[of],
        bits=bits[rows],
        linked=linked[rows],
        by_number=by_number[rows],
        differ=of % NUMBERS == DIFFERS,
    )


def _words(evidence: Evidence, rows: Index) -> pa.Array:
    """How pairs agree, in words: written once per pattern."""
    few, of = np.unique(evidence.of[rows], return_inverse=True)
    texts = [
        " ".join(
            f"{name}={words[level]}" for level, (name, words) in zip(levels, evidence.columns.items(), strict=True)
        )
        for levels in evidence.patterns.levels[few].tolist()
    ]
    return pc.take(pa.array(texts, pa.string()), pa.array(of))


def _waterfalls(
    evidence: Evidence, fitted: Parameters, posterior: Floats, by_number: Flags, rules: Rules, views: dict[str, Views],
    scheme: Scheme,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Per pair of registers the average match weight of its links that no number made, in bits: the prior, every field, and
    what strangers share. An average of fewer than FEWEST pairs would be somebody's, and is left out.

    Evidence has the sum of a pair's frequencies, so these links are compared once more.
    """
    out = {}
    for place, (first, second) in enumerate(register_pairs(views, rules.within)):
        here = evidence.rows(place)
        rows = here.start + np.flatnonzero((posterior[here] >= rules.threshold) & ~by_number[here])
        if len(rows) < FEWEST:
            continue
        given = given_for(views[first], views[second], scheme)
        sums = np.zeros(len(evidence.columns) + 1)
        for begin in range(0, len(rows), PART):
            some = rows[begin : begin + PART]
            levels, frequency = levels_of(pairs_table(evidence.left_view[some], evidence.right_view[some]), given)
            floor = evidence.patterns.floor[evidence.of[some]]
            sums += weights(evidence.columns, levels, frequency, floor, place, fitted).sum(axis=0)
        steps = dict(zip((*evidence.columns, "shared by strangers"), (sums / len(rows)).tolist(), strict=True))
        out[f"{first}+{second}"] = {"prior": float(prior_bits(fitted)[place])} | steps
    return out


def _quality(
    built: Built, model: LevelClassifier, found: Found, by_number: Flags, rules: Rules, views: dict[str, Views],
    scheme: Scheme, engine: Engine,
) -> dict[str, object]:  # fmt: skip
    """Per pair of registers what was linked and what is known of the errors."""
    evidence, fitted = built.evidence, model.kernel.parameters
    pairs, known = register_pairs(views, rules.within), list(built.known.values())
    offsets = dict(zip(views, np.cumsum([0, *(v.entities for v in views.values())]).tolist(), strict=False))

    def strangers(side: str, place: int) -> int:
        people = built.strangers[side]
        as_here = replace(people.patterns, group=np.full(len(people.patterns.group), place, dtype=np.int64))
        return strangers_linked(total_bits(replace(people, patterns=as_here), fitted), people.left, people.right)

    def unknown(place: int, meetings: float) -> tuple[Strangers, Floats]:
        first, second = pairs[place]
        here = found.group == place
        linked = here & found.linked
        own = (found.left[linked] - offsets[first], found.right[linked] - offsets[second])
        decoys = decoys_of(views[first], views[second], scheme, place, evidence, fitted, known, own, engine)
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

    missing, differs = (_blind(evidence, fitted, by_number, rules, level) for level in (MISSING, DIFFERS))
    registers = per_registers(views, rules, found, Checks(strangers, unknown, missing, differs))
    recall = as_dict(together(missing).recall) if found.by_number.any() else None
    return {"registers": registers, "recall_without_number": recall}


def _blind(evidence: Evidence, fitted: Parameters, by_number: Flags, rules: Rules, level: int) -> list[Blind]:
    """Per pair of registers the links by number judged with the number missing or differing; `wrong` counts who is linked
    to somebody else.
    """
    if not by_number.any():
        return [Blind(0, 0, 0) for _ in evidence.groups]
    odds = odds_under(evidence, fitted)
    out = []
    for place, group in enumerate(evidence.groups):
        rows = evidence.rows(place)
        left, right, of, asked = evidence.left[rows], evidence.right[rows], evidence.of[rows], by_number[rows]
        # The row whose number is taken away is the one of the register that is not asked for one row per person.
        codes = right if group.unique_left else left
        theirs = np.zeros(int(codes.max(initial=0)) + 1, dtype=bool)
        theirs[codes[asked]] = True
        of_theirs = theirs[codes]
        changed = of_theirs if level == MISSING else asked
        unseen = np.where(changed, of - of % NUMBERS + level, of).astype(np.int32)
        again = one_to_one(odds.bits(unseen, evidence.frequency[rows]), left, right, group) >= rules.threshold
        several = group.unique_left or group.unique_right
        wrong = len(np.unique(codes[of_theirs & again & ~asked])) if several else 0
        out.append(Blind(int(asked.sum()), int((again & asked).sum()), wrong))
    return out
