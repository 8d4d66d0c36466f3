"""The link desk: linkage files in, a person per row token out. It has no key and sees no attribute."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from itertools import combinations_with_replacement

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.fields import REGISTER, SEPARATE, Scheme
from linkage.index import same_subject
from linkage.judge import judge
from linkage.judged import Judged, Rules, among
from linkage.outcome import (
    KNOWN,
    UNCERTAIN,
    deterministic_table,
    known_table,
    persons_table,
    review_table,
    uncertain_table,
)
from linkage.records import alike
from linkage.resolve import NO_PERSON, Edges, Entities, pair_ends, pair_keys, person_ids, resolve, weights_of
from linkage.subjects import plausible
from linkage.verdicts import decided
from linkage.views import Index, Views, copied, in_order, load_views, words_of
from schemas.engine import Engine, LocalEngine
from schemas.errors import InputRefused

LOCAL = LocalEngine()
# Bits of a link by number: the pseudonyms are equal by chance once in 2^128.
DETERMINISTIC_BITS = 128.0


@dataclass(frozen=True)
class LinkParameters:
    """What a study may set.

    unique     registers with one record per person: a V-number is one person, while a D9 process or a return can be
               somebody's second.
    threshold  posterior from which a pair links; one half makes the fewest errors of both kinds together.
    grey       posteriors in this band go to clerical review.
    scheme     the fields of the linkage files; files of profile `separate` are known by their columns.
    within     registers whose records are compared with each other too: files with duplicates. Field encodings only.
    """

    unique: frozenset[str] = frozenset({"IND"})
    threshold: float = 0.5
    grey: tuple[float, float] = (0.05, 0.95)
    scheme: Scheme = REGISTER
    within: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Links:
    """The result of linking.

    persons        token, bron, person_id int64, weight float64 (bits), rule, cluster int64: one row per input row.
    deterministic  token, person_id: by number only, from a person's own rows (public noisy tables).
    known          record, person_id: the stable map, to be kept encrypted and given back next time.
    review         left, right (tokens), posterior, levels, pair (its mark, `linkage.verdicts`): the grey band, and equal
                   numbers of rows that cannot be one person (`subject=conflict`, posterior 0); never a value.
    quality        counts and estimates of the errors (`linkage.evaluate`), no record values.
    uncertain      left, right (a token of each record), probability: what `linkage.draws` draws from.
    """

    persons: pa.Table
    deterministic: pa.Table
    known: pa.Table
    review: pa.Table
    quality: dict[str, object]
    uncertain: pa.Table = dataclass_field(default_factory=lambda: UNCERTAIN.empty_table())


def link(
    linkage: dict[str, pa.Table], parameters: LinkParameters, known: pa.Table | None, verdicts: pa.Table | None = None,
    engine: Engine = LOCAL,
) -> Links:  # fmt: skip
    """Persons over all registers; `verdicts`: what a clerk said of pairs in doubt (`linkage.verdicts`).

    InputRefused when a linkage file, the known map or the verdicts have another layout.
    """
    scheme = scheme_of(linkage, parameters.scheme)
    views = load_views(linkage, scheme)
    # A caller that keeps no linkage file needs the memory of one only.
    subjects = {bron: copied(table.column("subject")) for bron, table in linkage.items()}
    del linkage
    pa.default_memory_pool().release_unused()
    records = pa.concat_arrays([pa.array([], pa.binary(32)), *(side.records for side in views.values())])
    entities, highest = _entities(views, records, parameters.unique, known)
    sure, conflicts = _by_number(views, scheme)
    rules = Rules(parameters.unique, parameters.threshold, parameters.grey, parameters.within)
    judged = judge(views, scheme, rules, sure, engine)
    review = review_table(judged, conflicts, views, records)
    clerical: dict[str, object] = {}
    if verdicts is not None:
        after = decided(verdicts, judged, conflicts, records, entities, parameters.threshold)
        judged, entities, clerical = after.judged, after.entities, after.quality
        review = review.filter(pc.invert(pc.is_in(review["pair"], value_set=verdicts["pair"].combine_chunks())))
    edges = _edges(judged, parameters.threshold, sure)
    weights = weights_of(entities, edges, judged.left, judged.right, judged.weight, judged.absent, engine)
    persons = resolve(edges, entities, weights)
    ids = person_ids(persons.cluster, entities, highest)
    counts = {"deterministic_links": len(sure), "conflicts": len(conflicts), "cut_links": int(persons.cut.sum())}
    return Links(
        persons=persons_table(views, persons, ids, conflicts),
        deterministic=deterministic_table(views, records, subjects, sure, conflicts, entities),
        known=known_table(known, records, ids),
        review=review,
        quality=counts | {"profile": scheme.profile} | judged.quality | clerical,
        uncertain=uncertain_table(judged, sure, views),
    )


def links_file(links: Links, keys: dict[str, pa.Table]) -> pa.Table:
    """bron, sleutel, person_id, weight: one row per distinct record key, for the data holder only.

    `keys`: per register token and sleutel, from the encode desk. The weight of a key is that of its strongest row.
    """
    parts = [
        links.persons.filter(pa.compute.equal(links.persons.column("bron"), bron))
        .join(table, keys="token", join_type="inner")
        .select(["bron", "sleutel", "person_id", "weight"])
        for bron, table in sorted(keys.items())
    ]
    joined = pa.concat_tables(parts).group_by(["bron", "sleutel", "person_id"]).aggregate([("weight", "max")])
    return (
        joined.rename_columns([name.removesuffix("_max") for name in joined.column_names])
        .select(["bron", "sleutel", "person_id", "weight"])
        .sort_by([("bron", "ascending"), ("sleutel", "ascending")])
    )


def _entities(
    views: dict[str, Views], records: pa.Array, unique: frozenset[str], known: pa.Table | None
) -> tuple[Entities, int]:
    """The entities of all registers in one numbering, and the largest person id ever given."""
    bits = {bron: 1 << place for place, bron in enumerate(sorted(unique & set(views)))}
    single = np.repeat([bits.get(bron, 0) for bron in views], [side.entities for side in views.values()])
    rank = np.empty(len(records), dtype=np.int64)
    rank[in_order(words_of(records, 32))] = np.arange(len(records))
    nobody = np.full(len(records), NO_PERSON, dtype=np.int64)
    if known is None or known.num_rows == 0:
        return Entities(single.astype(np.int64), rank, nobody), 0
    if known.schema.names != KNOWN.names or known.schema.types != KNOWN.types:
        raise InputRefused("The map of person ids has another layout than this version writes; restore the right one.")
    earlier = known.combine_chunks()
    place = pc.index_in(records, value_set=earlier.column("record").combine_chunks())
    person = earlier.column("person_id").combine_chunks().take(place).fill_null(NO_PERSON).to_numpy()
    return Entities(single.astype(np.int64), rank, person), pc.max(earlier.column("person_id")).as_py()


def scheme_of(linkage: dict[str, pa.Table], otherwise: Scheme) -> Scheme:
    """SEPARATE when the files have its columns, else `otherwise`. InputRefused when only some have them."""
    separate = {set(SEPARATE.arrow().names) <= set(table.column_names) for table in linkage.values()}
    if len(separate) > 1:
        raise InputRefused("The linkage files are of two profiles; have all registers encoded for the same one.")
    return SEPARATE if True in separate else otherwise


def _by_number(views: dict[str, Views], scheme: Scheme) -> tuple[Index, Index]:
    """Pairs of entities (`pair_keys`, sorted) with equal numbers that can be one person, and those whose equal numbers
    contradict them.
    """
    offset = dict(zip(views, np.cumsum([0, *(side.entities for side in views.values())]), strict=False))
    keys, plain = [np.zeros(0, np.int64)], [np.zeros(0, np.bool_)]
    for bron_a, bron_b in combinations_with_replacement(views, 2):
        a, b = views[bron_a], views[bron_b]
        left, right = same_subject(a, b)
        apart = a.entity[left] + offset[bron_a] < b.entity[right] + offset[bron_b]
        left, right = left[apart], right[apart]
        keys.append(pair_keys(a.entity[left] + offset[bron_a], b.entity[right] + offset[bron_b]))
        plain.append(plausible(a, b, left, right) if scheme.fields else alike(a, b, left, right))
    every, one_person = np.concatenate(keys), np.concatenate(plain)
    sure = np.unique(every[one_person])
    return sure, np.setdiff1d(every[~one_person], sure)


def _edges(judged: Judged, threshold: float, sure: Index) -> Edges:
    """Links by number, then those by posterior alone."""
    rows = np.flatnonzero(judged.posterior >= threshold)
    rows = rows[~among(judged.left[rows], judged.right[rows], sure)]
    left, right = pair_ends(sure)
    return Edges(
        left=np.concatenate([left, judged.left[rows]]),
        right=np.concatenate([right, judged.right[rows]]),
        bits=np.concatenate([np.full(len(sure), DETERMINISTIC_BITS), judged.bits[rows]]),
        by_number=np.repeat([True, False], [len(sure), len(rows)]),
    )
