"""What the link desk hands over, made of arrays: persons, the map of ids, pairs for review and for draws."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from linkage.judged import Judged, among
from linkage.patterns import SUBJECT
from linkage.resolve import (
    BY_NUMBER,
    NO_PERSON,
    PROBABLE,
    SINGLE,
    Edges,
    Entities,
    Persons,
    Weights,
    pair_ends,
    pair_keys,
    resolve,
)
from linkage.verdicts import MARK, marks
from linkage.views import Index, Views, in_order, words_of

KNOWN = pa.schema([("record", pa.binary(32)), ("person_id", pa.int64())])
REVIEW = pa.schema(
    [
        ("left", pa.binary(16)), ("right", pa.binary(16)), ("posterior", pa.float64()), ("levels", pa.string()),
        ("pair", pa.binary(MARK)),
    ]
)  # fmt: skip
UNCERTAIN = pa.schema([("left", pa.binary(16)), ("right", pa.binary(16)), ("probability", pa.float64())])
# Pairs less probable than this are left out of the draws: all of them together are less than one link.
NEGLIGIBLE = 1e-3
# What a rule is called; an entity by itself whose number contradicts another row is a conflict.
CONFLICT = 3
RULES = {SINGLE: "single", PROBABLE: "probabilistic", BY_NUMBER: "deterministic", CONFLICT: "conflict"}


def persons_table(views: dict[str, Views], persons: Persons, ids: Index, conflicts: Index) -> pa.Table:
    """One row per row of the linkage files; `conflicts`: keys of pairs whose equal numbers contradict each other."""
    rule = persons.rule.copy()
    ends = np.concatenate(pair_ends(conflicts))
    rule[ends[rule[ends] == SINGLE]] = CONFLICT
    names = pa.array([RULES[code] for code in sorted(RULES)], pa.string())
    parts = []
    for bron, rows in _rows(views).items():
        parts.append(
            pa.table(
                {
                    "token": views[bron].tokens,
                    "bron": pa.repeat(pa.scalar(bron, pa.string()), len(rows)),
                    "person_id": ids[rows],
                    "weight": persons.bits[rows],
                    "rule": names.take(pa.array(rule[rows])),
                    "cluster": persons.cluster[rows],
                }
            )
        )
    return pa.concat_tables(parts)


def _rows(views: dict[str, Views]) -> dict[str, Index]:
    """Per register the entity of every row, in the numbering of all registers."""
    offsets = np.cumsum([0, *(side.entities for side in views.values())])
    return {bron: side.row_entity + start for (bron, side), start in zip(views.items(), offsets, strict=False)}


def deterministic_table(
    views: dict[str, Views], records: pa.Array, subjects: dict[str, pa.Array], sure: Index, conflicts: Index,
    entities: Entities,
) -> pa.Table:  # fmt: skip
    """Persons by number alone. An id is a fingerprint of a person's own pseudonym, so it depends on nobody else.

    Entities whose number contradicts another row go by their record, unless their register has one record per person,
    to whom the number then belongs.
    """
    left, right = pair_ends(sure)
    edges = Edges(left, right, np.zeros(len(sure)), np.ones(len(sure), dtype=bool))
    nobody = np.full(len(records), NO_PERSON, dtype=np.int64)
    alone = Entities(np.zeros(len(records), dtype=np.int64), entities.rank, nobody)
    cluster = resolve(edges, alone, Weights(np.zeros(0, np.int64), np.zeros(0))).cluster
    by_subject = np.ones(len(records), dtype=bool)
    by_subject[cluster[np.concatenate(pair_ends(conflicts))]] = False
    by_subject[cluster[entities.single > 0]] = True
    own = _fingerprints(records)
    parts = []
    for bron, rows in _rows(views).items():
        numbered = np.asarray(subjects[bron].is_valid()) & by_subject[cluster[rows]]
        ids = np.where(numbered, _fingerprints(subjects[bron]), own[rows])
        parts.append(pa.table({"token": views[bron].tokens, "person_id": ids}))
    return pa.concat_tables(parts)


def _fingerprints(pseudonyms: pa.Array) -> Index:
    """63 bits of keyed pseudonyms: two of a million people share one with probability 10^-7."""
    first: Index = (words_of(pseudonyms, 32)[:, 0].byteswap() >> np.uint64(1)).astype(np.int64)
    return first


def known_table(known: pa.Table | None, records: pa.Array, ids: Index) -> pa.Table:
    """The map of before with the new records added; records that are absent this time keep their id."""
    new = pa.table([records, pa.array(ids)], schema=KNOWN)
    both = new if known is None else pa.concat_tables([known, new])
    both = both.combine_chunks()
    words = words_of(both.column("record"), 32)
    order = in_order(words)
    # The last of equal records is the newest.
    newest = np.append((words[order[1:]] != words[order[:-1]]).any(axis=1), True)[: len(order)]
    return both.take(pa.array(order[newest]))


def review_table(judged: Judged, conflicts: Index, views: dict[str, Views], records: pa.Array) -> pa.Table:
    """Pairs for clerical review: a token of each side, the posterior, the level names per field, and the pair's mark; never
    a value.
    """
    rows, tokens = judged.doubtful, _first_tokens(views)
    ends = zip((judged.left[rows], judged.right[rows]), pair_ends(conflicts), strict=True)
    conflict = pa.repeat(pa.scalar(f"{SUBJECT}=conflict", pa.string()), len(conflicts))
    words = pa.chunked_array([judged.levels, conflict])
    posterior = np.concatenate([judged.posterior[rows], np.zeros(len(conflicts))])
    left, right = (np.concatenate(side) for side in ends)
    sides = [tokens.take(pa.array(side)) for side in (left, right)]
    names = marks(left, right, records)
    return pa.table([*sides, pa.array(posterior), words, names], schema=REVIEW)


def uncertain_table(judged: Judged, sure: Index, views: dict[str, Views]) -> pa.Table:
    """What `linkage.draws` draws from: links by number, which are certain, and pairs that are not negligible."""
    rows = np.flatnonzero(judged.posterior >= NEGLIGIBLE)
    rows = rows[~among(judged.left[rows], judged.right[rows], sure)]
    keys = np.concatenate([sure, pair_keys(judged.left[rows], judged.right[rows])])
    probability = np.concatenate([np.ones(len(sure)), judged.posterior[rows]])
    order = np.argsort(keys)
    tokens = _first_tokens(views)
    sides = [tokens.take(pa.array(end)) for end in pair_ends(keys[order])]
    return pa.table([*sides, pa.array(probability[order])], schema=UNCERTAIN)


def _first_tokens(views: dict[str, Views]) -> pa.Array:
    """For every entity the smallest of its row tokens."""
    parts = [pa.array([], pa.binary(16))]
    for side in views.values():
        entity = side.row_entity
        first = np.zeros(side.entities, dtype=np.int64)
        first[entity] = np.arange(len(entity))
        several = np.flatnonzero((np.bincount(entity, minlength=side.entities) > 1)[entity])
        ordered = several[in_order(words_of(side.tokens, 16)[several])][::-1]
        # Of assignments to one place the last one stays: the smallest token.
        first[entity[ordered]] = ordered
        parts.append(side.tokens.take(pa.array(first)))
    return pa.concat_arrays(parts)
