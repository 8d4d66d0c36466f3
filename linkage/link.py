"""The link desk: linkage files in, a person per row token out. It has no key and sees no attribute."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from itertools import combinations_with_replacement

import numpy as np
import pyarrow as pa

from linkage.fields import REGISTER, SEPARATE, Scheme
from linkage.index import same_subject
from linkage.judge import judge
from linkage.judged import Judged, Pair, Rules
from linkage.model import SUBJECT
from linkage.records import alike
from linkage.resolve import Edge, Persons, person_ids, resolve
from linkage.subjects import plausible
from linkage.views import Index, Views, load_views
from schemas.errors import InputRefused

KNOWN = pa.schema([("record", pa.binary(32)), ("person_id", pa.int64())])
REVIEW = pa.schema(
    [("left", pa.binary(16)), ("right", pa.binary(16)), ("posterior", pa.float64()), ("levels", pa.string())]
)
# Entities left and right, the posterior, and the levels in words.
Doubt = tuple[int, int, float, str]
UNCERTAIN = pa.schema([("left", pa.binary(16)), ("right", pa.binary(16)), ("probability", pa.float64())])
# Pairs less probable than this are left out of the draws: all of them together are less than one link.
NEGLIGIBLE = 1e-3
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
    review         left, right (tokens), posterior, levels: the grey band, and equal numbers of rows that cannot be one
                   person (`subject=conflict`, posterior 0); never a value.
    quality        counts and estimates of the errors (`linkage.evaluate`), no record values.
    uncertain      left, right (a token of each record), probability: what `linkage.draws` draws from.
    """

    persons: pa.Table
    deterministic: pa.Table
    known: pa.Table
    review: pa.Table
    quality: dict[str, object]
    uncertain: pa.Table = dataclass_field(default_factory=lambda: UNCERTAIN.empty_table())


@dataclass(frozen=True)
class _Entities:
    """All entities of all registers in one numbering."""

    registers: list[str]
    records: list[bytes]
    offset: dict[str, int]


def link(linkage: dict[str, pa.Table], parameters: LinkParameters, known: pa.Table | None) -> Links:
    """Persons over all registers. InputRefused when a linkage file or the known map has another layout."""
    scheme = scheme_of(linkage, parameters.scheme)
    views = load_views(linkage, scheme)
    entities = _entities(views)
    earlier, highest = _earlier(known, entities.records)
    sure, conflicts = _by_number(views, entities, scheme)
    pairs = {(edge.left, edge.right) for edge in sure}
    judged = judge(
        views, scheme, Rules(parameters.unique, parameters.threshold, parameters.grey, parameters.within), pairs
    )
    persons = resolve(
        sure + _probable(judged, parameters.threshold, pairs),
        dict(zip(zip(judged.left.tolist(), judged.right.tolist(), strict=True), judged.weight.tolist(), strict=True)),
        entities.registers,
        entities.records,
        parameters.unique,
        earlier,
        judged.absent,
    )
    ids = person_ids(persons.cluster, entities.records, earlier, highest)
    counts = {"deterministic_links": len(sure), "conflicts": len(conflicts), "cut_links": len(persons.cut)}
    return Links(
        persons=_persons_table(views, entities, persons, ids, conflicts),
        deterministic=_deterministic_table(
            linkage, views, entities, sure, {e for pair in conflicts for e in pair}, parameters.unique
        ),
        known=_known_table(known, entities.records, ids),
        review=_review(_doubts(judged), conflicts, views),
        quality=counts | {"profile": scheme.profile} | judged.quality,
        uncertain=_uncertain(judged, sure, views),
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


def _entities(views: dict[str, Views]) -> _Entities:
    registers: list[str] = []
    records: list[bytes] = []
    offset = {}
    for bron, side in views.items():
        offset[bron] = len(records)
        registers += [bron] * side.entities
        records += side.records
    return _Entities(registers, records, offset)


def _earlier(known: pa.Table | None, records: list[bytes]) -> tuple[list[int | None], int]:
    if known is None or known.num_rows == 0:
        return [None] * len(records), 0
    if known.schema.names != KNOWN.names or known.schema.types != KNOWN.types:
        raise InputRefused("The map of person ids has another layout than this version writes; restore the right one.")
    ids = dict(zip(known.column("record").to_pylist(), known.column("person_id").to_pylist(), strict=True))
    return [ids.get(record) for record in records], max(ids.values())


def scheme_of(linkage: dict[str, pa.Table], otherwise: Scheme) -> Scheme:
    """SEPARATE when the files have its columns, else `otherwise`. InputRefused when only some have them."""
    separate = {set(SEPARATE.arrow().names) <= set(table.column_names) for table in linkage.values()}
    if len(separate) > 1:
        raise InputRefused("The linkage files are of two profiles; have all registers encoded for the same one.")
    return SEPARATE if True in separate else otherwise


def _by_number(views: dict[str, Views], entities: _Entities, scheme: Scheme) -> tuple[list[Edge], set[tuple[int, int]]]:
    """Links by equal numbers that can be one person, and the pairs of entities whose equal numbers contradict them."""
    sure: dict[tuple[int, int], Edge] = {}
    doubtful: set[tuple[int, int]] = set()
    for bron_a, bron_b in combinations_with_replacement(views, 2):
        a, b = views[bron_a], views[bron_b]
        left, right = same_subject(a, b)
        ok = plausible(a, b, left, right) if scheme.fields else alike(a, b, left, right)
        ends = zip(a.entity[left] + entities.offset[bron_a], b.entity[right] + entities.offset[bron_b], ok, strict=True)
        for i, j, one_person in ends:
            pair = (int(i), int(j))
            if pair[0] >= pair[1]:
                continue
            if one_person:
                sure[pair] = Edge(*pair, DETERMINISTIC_BITS, DETERMINISTIC_BITS, "deterministic")
            else:
                doubtful.add(pair)
    return [sure[pair] for pair in sorted(sure)], doubtful - set(sure)


def _probable(judged: Judged, threshold: float, sure: set[Pair]) -> list[Edge]:
    """Links by posterior, those by number apart."""
    rows = np.flatnonzero(judged.posterior >= threshold).tolist()
    ends = [(int(judged.left[row]), int(judged.right[row])) for row in rows]
    return [
        Edge(*end, float(judged.weight[row]), float(judged.bits[row]), "probabilistic")
        for row, end in zip(rows, ends, strict=True)
        if end not in sure
    ]


def _doubts(judged: Judged) -> list[Doubt]:
    return [
        (int(judged.left[row]), int(judged.right[row]), float(judged.posterior[row]), words)
        for row, words in judged.levels.items()
    ]


def _persons_table(
    views: dict[str, Views], entities: _Entities, persons: Persons, ids: list[int], conflicts: set[tuple[int, int]]
) -> pa.Table:
    in_conflict = {entity for pair in conflicts for entity in pair}
    parts = []
    for bron, side in views.items():
        rows: Index = side.row_entity + entities.offset[bron]
        rule = ["conflict" if persons.rule[e] == "single" and e in in_conflict else persons.rule[e] for e in rows]
        parts.append(
            pa.table(
                {
                    "token": side.tokens,
                    "bron": pa.array([bron] * len(rows), pa.string()),
                    "person_id": pa.array([ids[e] for e in rows], pa.int64()),
                    "weight": pa.array([persons.bits[e] for e in rows], pa.float64()),
                    "rule": pa.array(rule, pa.string()),
                    "cluster": pa.array([persons.cluster[e] for e in rows], pa.int64()),
                }
            )
        )
    return pa.concat_tables(parts)


def _deterministic_table(
    linkage: dict[str, pa.Table],
    views: dict[str, Views],
    entities: _Entities,
    sure: list[Edge],
    doubtful: set[int],
    unique: frozenset[str],
) -> pa.Table:
    """Persons by number alone. An id is a fingerprint of a person's own pseudonym, so it depends on nobody else.

    `doubtful`: entities whose number contradicts another row; they go by their record, unless their register has one
    record per person, to whom the number then belongs.
    """
    nobody: list[int | None] = [None] * len(entities.records)
    cluster = resolve(sure, {}, entities.registers, entities.records, frozenset(), nobody).cluster
    own = [register in unique for register in entities.registers]
    by_subject = [True] * len(cluster)
    for entity in doubtful:
        by_subject[cluster[entity]] = False
    for entity, owner in enumerate(own):
        if owner:
            by_subject[cluster[entity]] = True
    parts = []
    for bron, side in views.items():
        subjects = linkage[bron].column("subject").to_pylist()
        ids = [
            _fingerprint(subject if subject is not None and by_subject[cluster[entity]] else entities.records[entity])
            for subject, entity in zip(subjects, side.row_entity + entities.offset[bron], strict=True)
        ]
        parts.append(pa.table({"token": side.tokens, "person_id": pa.array(ids, pa.int64())}))
    return pa.concat_tables(parts)


def _fingerprint(pseudonym: bytes) -> int:
    """63 bits of a keyed pseudonym: two of a million people share one with probability 10^-7."""
    return int.from_bytes(pseudonym[:8], "big") >> 1


def _known_table(known: pa.Table | None, records: list[bytes], ids: list[int]) -> pa.Table:
    """The map of before with the new records added; records that are absent this time keep their id."""
    merged = {} if known is None else dict(zip(*(known.column(n).to_pylist() for n in KNOWN.names), strict=True))
    merged |= dict(zip(records, ids, strict=True))
    order = sorted(merged)
    return pa.table({"record": order, "person_id": [merged[record] for record in order]}, schema=KNOWN)


def _review(doubts: list[Doubt], conflicts: set[tuple[int, int]], views: dict[str, Views]) -> pa.Table:
    """Pairs for clerical review: a token of each side, the posterior, and the level names per field; never a value."""
    token = _first_tokens(views)
    rows = doubts + [(i, j, 0.0, f"{SUBJECT}=conflict") for i, j in sorted(conflicts)]
    columns = [[token[i] for i, *_ in rows], [token[j] for _, j, *_ in rows], [p for *_, p, _ in rows]]
    return pa.table([*columns, [levels for *_, levels in rows]], schema=REVIEW)


def _first_tokens(views: dict[str, Views]) -> list[bytes]:
    """For every entity the smallest of its row tokens."""
    out: list[bytes] = []
    for side in views.values():
        first: dict[int, bytes] = {}
        for entity, token in zip(side.row_entity.tolist(), side.tokens.to_pylist(), strict=True):
            first[entity] = min(first.get(entity, token), token)
        out += [first[entity] for entity in range(side.entities)]
    return out


def _uncertain(judged: Judged, sure: list[Edge], views: dict[str, Views]) -> pa.Table:
    token = _first_tokens(views)
    probability = {(edge.left, edge.right): 1.0 for edge in sure}
    for row in np.flatnonzero(judged.posterior >= NEGLIGIBLE):
        probability.setdefault((int(judged.left[row]), int(judged.right[row])), float(judged.posterior[row]))
    pairs = sorted(probability)
    columns = [[token[i] for i, _ in pairs], [token[j] for _, j in pairs], [probability[pair] for pair in pairs]]
    return pa.table(columns, schema=UNCERTAIN)
