"""Decoys: records of nobody, to count how often and how strongly strangers agree in files where nobody is a known one.

A decoy takes its names from one record of a file, its birth date from another, and so on, one source per comparison of
the scheme, so that what depends within a comparison (surname and first name, day and month) stays as it is. Fields are
encoded apart, so a decoy put together from encodings is, bit for bit, what the owner of the file would have encoded
(`tests/linkage/test_linkage_decoys.py`); no clear text is needed. What depends between comparisons (relatives at one
address) is lost: where a register has one row per person, its own people are the better strangers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.compared import gains_table, given_for
from linkage.evidence import blocking_keys, packed, with_floor
from linkage.fields import Scheme, field_columns
from linkage.index import KERNEL_PAIRS, NOBODY
from linkage.model import Parameters, gains, start, total_bits
from linkage.patterns import Evidence
from linkage.proposed import Search, found
from linkage.resolve import places_of
from linkage.strangers import Known
from linkage.views import Index, Views, Words
from schemas.engine import Engine

# Records of decoys for a file: three times the file, more of a small one, fewer of a large one, where a sample is enough.
FILES, MANY_FILES, FEW_RECORDS = 3, 20, 500
MOST_RECORDS = 20_000
SEED = 20150101
# Dice over all field filters from which a decoy is compared, as low as what `index.SIMILAR` finds.
SIMILAR_FIELDS = 0.65


def recombined(side: Views, scheme: Scheme, generator: np.random.Generator) -> tuple[Views, Index]:
    """A file of decoys, one per entity of `side` (at most MOST_RECORDS), and their sources (decoys, comparisons)."""
    _, first = np.unique(side.entity, return_index=True)
    size = min(len(first), MOST_RECORDS)
    sources = np.column_stack([generator.permutation(len(first))[:size] for _ in scheme.comparisons])
    form = {field.name: field for field in scheme.fields}
    words: dict[str, Words] = {}
    for place, comparison in enumerate(scheme.comparisons):
        rows = first[sources[:, place]]
        for name in comparison.fields:
            words |= {column: side.words[column][rows] for column, _ in field_columns(form[name])}
    decoys = Views(
        bron=side.bron,
        words=words,
        subject=np.full(size, -1, dtype=np.int64),
        entity=np.arange(size),
        records=pa.nulls(size, pa.binary(32)),
        row_view=np.arange(size),
        tokens=side.tokens.slice(0, 0),
    )
    return decoys, sources


def near(scheme: Scheme, a: Views, decoys: Views) -> Search:
    """Pairs that agree on three main fields or, a decoy having no record-level encoding to be found by, are alike in all
    filters of their fields side by side.
    """
    filters = tuple(f"{field.name}_f" for field in scheme.fields if field.form != "value")
    cheap = len(a.entity) * len(decoys.entity) <= KERNEL_PAIRS
    return Search(tuple(blocking_keys(scheme)), False, filters, SIMILAR_FIELDS if cheap else NOBODY)


@dataclass(frozen=True)
class Decoys:
    """The bits (n,) of pairs of a record and a decoy, and the decoy of each (n,); `records` decoys were made in all."""

    bits: NDArray[np.float64]
    decoy: Index
    records: int


def decoys_of(
    a: Views, b: Views, scheme: Scheme, place: int, like: Evidence, fitted: Parameters,
    known: list[Known], own: tuple[Index, Index], engine: Engine,
) -> Decoys:  # fmt: skip
    """Decoys of `b` as the model sees them beside the records of `a` (which is `b` for a file with duplicates).

    place: of this pair of registers in `like`. own: entities of a and of b that are linked; a decoy is no stranger to
    its sources and to whom they are linked to, so these pairs are left out.
    """
    generator = np.random.Generator(np.random.PCG64(SEED + place))
    kin = own[0] * b.entities + own[1]
    if a is b:
        itself = np.arange(b.entities)
        kin = np.concatenate([kin, own[1] * b.entities + own[0], itself * b.entities + itself])
    kin = np.unique(kin)
    bits, decoy, made = [], [], 0
    starting = gains_table(gains(like.columns, start([like.groups[place]]), 0))
    for _ in range(FILES if b.entities >= FEW_RECORDS else MANY_FILES):
        file, sources = recombined(b, scheme, generator)
        given = given_for(a, file, scheme) | {"gains": starting}
        parts = list(found(a, file, near(scheme, a, file), given, engine))
        pairs = packed(like.columns, [parts], like.groups, place)
        left, right = pairs.left.astype(np.int64), pairs.right.astype(np.int64)
        strange = np.ones(len(left), dtype=bool)
        for source in sources.T:
            strange &= places_of(left * b.entities + source[right], kin) < 0
        judged = with_floor(pairs, known)
        bits.append(total_bits(judged, fitted)[strange])
        decoy.append(right[strange] + made)
        made += len(sources)
    return Decoys(np.concatenate(bits), np.concatenate(decoy), made)
