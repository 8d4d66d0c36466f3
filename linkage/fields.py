"""Which fields a linkage file holds, and in which form: the versioned encoding schema.

A field has one of three forms.
tokens   parts of a name: up to four keyed 64-bit values `<field>_t` (32 bytes, absent parts zero) for exact and subset
         agreement and for term frequencies, and a q-gram Bloom filter `<field>_f` of 512 bits for misspellings.
digits   a part of a date: one keyed 64-bit value `<field>_h` (8 bytes) and a filter `<field>_f` of 128 bits over its
         digits with their places, so that one mistyped digit still looks alike.
value    a code: one keyed 64-bit value `<field>_h`.
A missing field is null in all its columns. Nothing is in clear.

Profile `separate` has no field: two encodings of whole records (`linkage.dual`) and the pseudonyms are all there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

SCHEMA_VERSION = 2
RECORD_BITS = 1024
TOKEN_BITS = 512
DIGIT_BITS = 128
TOKEN_SLOTS = 4
# Hash positions per q-gram. 10 in 512 bits and 15 in 1,024 keep filters of usual names a third full, where Dice is
# most precise (Schnell, Bachteler and Reiher, 2009); dates have few digits and get 8.
TOKEN_HASHES = 10
RECORD_HASHES = 15
DIGIT_HASHES = 8
# The two encodings of profile `separate`, and the share of their bits that is flipped: from 0 to .10 the graph matcher
# loses what is left to it, beyond that linkage loses faster (docs/linkage.md has the table).
DUAL_FLIP = 0.10
DUAL_BITS = RECORD_BITS

Form = Literal["tokens", "digits", "value"]


@dataclass(frozen=True)
class Field:
    """One field. `domain` names the key: fields of one domain encode equal values equally (day and month, swapped)."""

    name: str
    form: Form
    domain: str


@dataclass(frozen=True)
class Comparison:
    """How fields are compared: `kind` picks the comparison in `compare`, `fields` are its fields in order."""

    kind: Literal["name_pair", "tokens", "birth", "value", "digits"]
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Scheme:
    """One kind of linkage file: encodings of whole records (1,024 bits each), fields, and how fields are compared."""

    profile: str
    records: tuple[str, ...]
    fields: tuple[Field, ...]
    comparisons: tuple[Comparison, ...]

    def arrow(self) -> pa.Schema:
        """The columns of a linkage file under this scheme."""
        columns = [
            pa.field("token", pa.binary(16)),
            pa.field("subject", pa.binary(32)),
            pa.field("record", pa.binary(32)),
            *(pa.field(name, pa.binary(RECORD_BITS // 8)) for name in self.records),
        ]
        for field in self.fields:
            columns += [pa.field(name, pa.binary(width)) for name, width in field_columns(field)]
        return pa.schema(columns)


def field_columns(field: Field) -> list[tuple[str, int]]:
    """Column names of one field with their widths in bytes."""
    if field.form == "tokens":
        return [(f"{field.name}_t", 8 * TOKEN_SLOTS), (f"{field.name}_f", TOKEN_BITS // 8)]
    if field.form == "digits":
        return [(f"{field.name}_h", 8), (f"{field.name}_f", DIGIT_BITS // 8)]
    return [(f"{field.name}_h", 8)]


# Surname and first names share a domain because they are swapped in practice; day and month for the same reason.
REGISTER = Scheme(
    profile="single-site",
    records=("record_f",),
    fields=(
        Field("surname", "tokens", "name"),
        Field("given", "tokens", "name"),
        Field("year", "digits", "year"),
        Field("month", "digits", "daymonth"),
        Field("day", "digits", "daymonth"),
        Field("sex", "value", "sex"),
        Field("nationality", "value", "nationality"),
    ),
    comparisons=(
        Comparison("name_pair", ("surname", "given")),
        Comparison("birth", ("year", "month", "day")),
        Comparison("value", ("sex",)),
        Comparison("value", ("nationality",)),
    ),
)
SEPARATE = Scheme(profile="separate", records=("birth_r", "names_r"), fields=(), comparisons=())
SCHEMES = {scheme.profile: scheme for scheme in (REGISTER, SEPARATE)}
