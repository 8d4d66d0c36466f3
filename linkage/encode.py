"""The encode desk: the only code, beside intake, that sees names, birth dates and V-numbers.

A register goes in with identities and comes out as two files that meet only through a random row token: the linkage
file (token, pseudonyms, encodings; nothing in clear) and the attribute file (token, what is counted; no encoding, no
pseudonym). Their row orders are drawn independently, so that position does not join what the token keeps apart.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage import bloom, normalise
from linkage.dual import dual_columns, dual_encodings
from linkage.fields import (
    DIGIT_BITS,
    DIGIT_HASHES,
    RECORD_BITS,
    RECORD_HASHES,
    REGISTER,
    SCHEMES,
    SEPARATE,
    TOKEN_BITS,
    TOKEN_HASHES,
    TOKEN_SLOTS,
    Field,
    Scheme,
)
from linkage.keys import StudyKeys
from schemas.errors import UsageError

# Per register: the record key, the date at which the age counts, and the attributes in the order of the file.
RECORD_KEY = {"IND": "vnummer", "DTV": "d9_nummer", "IOM": "iom_nummer"}
REFERENCE_DATE = {"IND": "datum_aanvraag", "DTV": "d9_start", "IOM": "vertrekdatum"}
ATTRIBUTES = {
    "IND": ("procedure", "datum_aanvraag", "datum_besluit", "besluit", "datum_bezwaar", "besluit_bezwaar", "grond"),
    "DTV": ("d9_start", "d9_einde", "aangifte", "uitstroom"),
    "IOM": ("vertrekdatum", "bestemming", "verwijzers"),
}


class Registers(Protocol):
    """What encode needs of `schemas.intake.Intake`: canonical events per register."""

    @property
    def registers(self) -> dict[str, pa.Table]: ...


@dataclass(frozen=True)
class Encoded:
    """Three tables per register, joined by `token` only; `keys` stays at the encode desk."""

    linkage: dict[str, pa.Table]
    attributes: dict[str, pa.Table]
    keys: dict[str, pa.Table]


@dataclass(frozen=True)
class _Distinct:
    """The distinct normalised values of one column and, per row, which of them it has (-1: missing)."""

    values: list[tuple[str, ...]]
    codes: NDArray[np.int64]


def encode_registers(intake: Registers, keys: StudyKeys, profile: str) -> Encoded:
    """Encode all registers of a study. UsageError for a profile that does not exist or a register that is unknown."""
    if profile not in SCHEMES:
        raise UsageError(f"There is no linkage profile '{profile}'; use {' or '.join(SCHEMES)}.")
    linkage, attributes, kept = {}, {}, {}
    for bron, table in intake.registers.items():
        if bron not in RECORD_KEY:
            raise UsageError(f"There is no register '{bron}' to encode; the registers are {', '.join(RECORD_KEY)}.")
        tokens = pa.array([secrets.token_bytes(16) for _ in range(table.num_rows)], pa.binary(16))
        linkage[bron] = _shuffled(linkage_table(bron, table, tokens, keys, profile))
        attributes[bron] = _shuffled(attribute_table(bron, table, tokens))
        kept[bron] = _shuffled(pa.table({"token": tokens, "sleutel": table.column(RECORD_KEY[bron])}))
    return Encoded(linkage, attributes, kept)


def linkage_table(bron: str, table: pa.Table, tokens: pa.Array, keys: StudyKeys, profile: str) -> pa.Table:
    """The linkage file of one register: token, pseudonyms, and the encodings of the profile."""
    columns = {"token": tokens, **pseudonyms(bron, table, keys)}
    if profile == SEPARATE.profile:
        return pa.table(columns | _whole_records(table, columns["record"].to_pylist(), keys))
    cleartext = {
        "surname": table.column("achternaam").to_pylist(),
        "given": table.column("voornamen").to_pylist(),
        "sex": table.column("geslacht").to_pylist(),
        "nationality": table.column("nationaliteit").to_pylist(),
    }
    births = [normalise.birth_parts(text) for text in table.column("geboortedatum").to_pylist()]
    for place, name in enumerate(("year", "month", "day")):
        cleartext[name] = [parts[place] for parts in births]
    return pa.table(columns | encode_fields(cleartext, REGISTER, keys))


def _whole_records(table: pa.Table, records: list[bytes], keys: StudyKeys) -> dict[str, pa.Array]:
    sources = {"surname": "achternaam", "given": "voornamen", "birth": "geboortedatum"}
    sources |= {"sex": "geslacht", "nationality": "nationaliteit"}
    cleartext = {name: table.column(source).to_pylist() for name, source in sources.items()}
    return dual_columns(dual_encodings(cleartext, records, keys))


def pseudonyms(bron: str, table: pa.Table, keys: StudyKeys) -> dict[str, pa.Array]:
    """`subject` (of the V-number, null without one) and `record` (of register and record key), 32 bytes each."""
    subject_key, record_key = keys.derive("subject", "vnumber"), keys.derive("record", bron)
    numbers = [normalise.vnumber(text) for text in table.column("vnummer").to_pylist()]
    records = table.column(RECORD_KEY[bron]).to_pylist()
    return {
        "subject": pa.array([bloom.mac(subject_key, n) if n else None for n in numbers], pa.binary(32)),
        "record": pa.array([bloom.mac(record_key, r) for r in records], pa.binary(32)),
    }


def encode_fields(
    cleartext: Mapping[str, Sequence[str | None]], scheme: Scheme, keys: StudyKeys
) -> dict[str, pa.Array]:
    """Field encodings and the record-level encoding of `scheme`; one clear-text sequence per field, equal lengths."""
    length = len(next(iter(cleartext.values())))
    record = np.zeros((length, RECORD_BITS // 64), dtype=np.uint64)
    columns: dict[str, pa.Array] = {}
    for field in scheme.fields:
        distinct = _distinct(cleartext[field.name], _NORMALISE.get(field.name, _by_form(field)))
        columns |= _encode_field(field, distinct, keys)
        if field.form != "value":
            maker = bloom.FilterMaker(keys.derive("record filter", field.domain), RECORD_BITS, RECORD_HASHES)
            if field.form == "tokens":
                filters = maker.token_filters(distinct.values)
            else:
                filters = maker.filters(
                    [field.name + gram for gram in bloom.placed_digits(value)] for (value,) in distinct.values
                )
            record |= _gather(filters, distinct.codes)
    return {"record_f": _binary(record, np.ones(length, dtype=bool)), **columns}


def attribute_table(bron: str, table: pa.Table, tokens: pa.Array) -> pa.Table:
    """The attribute file of one register: token, what is counted, and the age in completed years (int16)."""
    births = table.column("geboortedatum").to_pylist()
    dates: list[date | None] = table.column(REFERENCE_DATE[bron]).to_pylist()
    ages = [normalise.completed_years(birth, on) for birth, on in zip(births, dates, strict=True)]
    return pa.table(
        {
            "token": tokens,
            "geslacht": table.column("geslacht"),
            "nationaliteit": table.column("nationaliteit"),
            "leeftijd": pa.array(ages, pa.int16()),
            **{name: table.column(name) for name in ATTRIBUTES[bron]},
        }
    )


def _shuffled(table: pa.Table) -> pa.Table:
    """Rows in an order drawn from the system's randomness: sort keys nobody can predict or repeat."""
    draws = np.frombuffer(secrets.token_bytes(8 * table.num_rows), dtype=np.uint64)
    return table.take(pa.array(np.argsort(draws, kind="stable")))


def _one(normalised: str | None) -> tuple[str, ...]:
    return () if normalised is None else (normalised,)


def _by_form(field: Field) -> Callable[[str | None], tuple[str, ...]]:
    return normalise.name_tokens if field.form == "tokens" else lambda text: _one(text or None)


_NORMALISE: dict[str, Callable[[str | None], tuple[str, ...]]] = {
    "sex": lambda text: _one(normalise.sex(text)),
    "nationality": lambda text: _one(normalise.nationality(text)),
}


def _distinct(raw: Sequence[str | None], prepare: Callable[[str | None], tuple[str, ...]]) -> _Distinct:
    """Normalise each distinct raw value once; equal normalised values share a code."""
    dictionary = pa.array(raw, pa.string()).dictionary_encode()
    values: dict[tuple[str, ...], int] = {}
    of_raw = np.empty(len(dictionary.dictionary) + 1, dtype=np.int64)
    of_raw[-1] = -1
    for place, text in enumerate(dictionary.dictionary.to_pylist()):
        normal = prepare(text)
        of_raw[place] = values.setdefault(normal, len(values)) if normal else -1
    indices = dictionary.indices.fill_null(len(dictionary.dictionary)).to_numpy(zero_copy_only=False)
    return _Distinct(list(values), of_raw[indices])


def _encode_field(field: Field, distinct: _Distinct, keys: StudyKeys) -> dict[str, pa.Array]:
    key = keys.derive("value", field.domain)
    present = distinct.codes >= 0
    slots = TOKEN_SLOTS if field.form == "tokens" else 1
    hashes = np.zeros((len(distinct.values), slots), dtype=np.uint64)
    for row, value in enumerate(distinct.values):
        for slot, part in enumerate(sorted(bloom.value_hash(key, part) for part in value)):
            hashes[row, slot] = part
    suffix = "t" if field.form == "tokens" else "h"
    columns = {f"{field.name}_{suffix}": _binary(_gather(hashes, distinct.codes), present)}
    if field.form != "value":
        bits, count = (TOKEN_BITS, TOKEN_HASHES) if field.form == "tokens" else (DIGIT_BITS, DIGIT_HASHES)
        maker = bloom.FilterMaker(keys.derive("filter", field.domain), bits, count)
        if field.form == "tokens":
            filters = maker.token_filters(distinct.values)
        else:
            filters = maker.filters(bloom.placed_digits(value) for (value,) in distinct.values)
        columns[f"{field.name}_f"] = _binary(_gather(filters, distinct.codes), present)
    return columns


def _gather(rows: bloom.Words, codes: NDArray[np.int64]) -> bloom.Words:
    """One row per code; code -1 gives zeros."""
    padded = np.vstack([rows, np.zeros((1, rows.shape[1]), dtype=rows.dtype)])
    return padded[codes]


def _binary(words: bloom.Words, present: NDArray[np.bool_]) -> pa.Array:
    """Words of shape (n, w) as fixed-size binaries of 8 w bytes, null where not present."""
    data = np.ascontiguousarray(words.astype("<u8", copy=False))
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little").tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(8 * data.shape[1]), len(data), [validity, pa.py_buffer(data.tobytes())]
    )
