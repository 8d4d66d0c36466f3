"""The encode desk: the only code, beside intake, that sees names, birth dates and V-numbers.

A register goes in with identities and comes out as two files that meet only through a random row token: the linkage
file (token, pseudonyms, encodings; nothing in clear) and the attribute file (token, what is counted; no encoding, no
pseudonym). Their row orders are drawn independently, so that position does not join what the token keeps apart.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
    Field,
    Scheme,
)
from linkage.keys import StudyKeys
from linkage.names import NameColumn, name_column
from schemas.engine import Engine, LocalEngine, Step, Tables
from schemas.errors import UsageError

# Per register: the record key, the date at which the age counts, and the attributes in the order of the file.
RECORD_KEY = {"IND": "vnummer", "DTV": "d9_nummer", "IOM": "iom_nummer"}
REFERENCE_DATE = {"IND": "datum_aanvraag", "DTV": "d9_start", "IOM": "vertrekdatum"}
ATTRIBUTES = {
    "IND": ("procedure", "datum_aanvraag", "datum_besluit", "besluit", "datum_bezwaar", "besluit_bezwaar", "grond"),
    "DTV": ("d9_start", "d9_einde", "aangifte", "uitstroom"),
    "IOM": ("vertrekdatum", "bestemming", "verwijzers"),
}
# Rows of a part. Names repeat within it, and each distinct one is encoded once.
ENCODE_ROWS = 250_000
ATTRIBUTE = "attribute "


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

    values: list[str]
    codes: NDArray[np.int64]


def encode_registers(intake: Registers, keys: StudyKeys, profile: str, engine: Engine | None = None) -> Encoded:
    """Encode all registers of a study. UsageError for a profile that does not exist or a register that is unknown.

    engine: where parts of the registers are encoded, this process by default; it is given identities and the secret.
    """
    engine = engine or LocalEngine()
    if profile not in SCHEMES:
        raise UsageError(f"There is no linkage profile '{profile}'; use {' or '.join(SCHEMES)}.")
    linkage, attributes, kept = {}, {}, {}
    for bron, table in intake.registers.items():
        if bron not in RECORD_KEY:
            raise UsageError(f"There is no register '{bron}' to encode; the registers are {', '.join(RECORD_KEY)}.")
        with_tokens = table.append_column("token", _row_tokens(table.num_rows))
        parts = engine.parts(with_tokens.slice(start, ENCODE_ROWS) for start in _starts(table.num_rows))
        step = Step("encode", encode_part, _both(bron, table.schema, SCHEMES[profile]))
        encoded = pa.concat_tables(list(engine.map(step, parts, {"task": keys.as_task(bron, profile)})))
        linkage[bron] = _shuffled(encoded.select(SCHEMES[profile].arrow().names))
        own = [name for name in encoded.column_names if name.startswith(ATTRIBUTE)]
        attributes[bron] = _shuffled(
            encoded.select(["token", *own]).rename_columns(["token", *(n.removeprefix(ATTRIBUTE) for n in own)])
        )
        kept[bron] = _shuffled(with_tokens.select(["token", RECORD_KEY[bron]]).rename_columns(["token", "sleutel"]))
        del encoded  # as large as both files, and the next register's comes beside them
    return Encoded(linkage, attributes, kept)


def encode_part(part: pa.Table, given: Tables) -> pa.Table:
    """The kernel: rows with their tokens -> both files side by side, columns of the attribute file marked.

    given: `task`, one row with the study, its secret, the register and the profile. The two files part at the desk.
    """
    keys, bron, profile = StudyKeys.of_task(given["task"])
    tokens = part.column("token").combine_chunks()
    linkage = linkage_table(bron, part, tokens, keys, profile)
    attributes = attribute_table(bron, part, tokens).drop_columns(["token"])
    columns = dict(zip(linkage.column_names, linkage.columns, strict=True))
    columns |= {ATTRIBUTE + name: attributes.column(name) for name in attributes.column_names}
    return pa.table(columns).select(_both(bron, part.schema, SCHEMES[profile]).names)


def _both(bron: str, events: pa.Schema, scheme: Scheme) -> pa.Schema:
    """What `encode_part` gives."""
    own = [pa.field("geslacht", pa.string()), pa.field("nationaliteit", pa.string()), pa.field("leeftijd", pa.int16())]
    own += [events.field(name) for name in ATTRIBUTES[bron]]
    return pa.schema([*scheme.arrow(), *(field.with_name(ATTRIBUTE + field.name) for field in own)])


def _starts(rows: int) -> range:
    return range(0, max(rows, 1), ENCODE_ROWS)


def linkage_table(bron: str, table: pa.Table, tokens: pa.Array, keys: StudyKeys, profile: str) -> pa.Table:
    """The linkage file of one register: token, pseudonyms, and the encodings of the profile."""
    columns = {"token": tokens, **pseudonyms(bron, table, keys)}
    if profile == SEPARATE.profile:
        return pa.table(columns | _whole_records(table, columns["record"].to_pylist(), keys))
    names = {"surname": "achternaam", "given": "voornamen", "sex": "geslacht", "nationality": "nationaliteit"}
    cleartext = {name: table.column(source) for name, source in names.items()}
    births = _combined(table.column("geboortedatum")).dictionary_encode()
    parts = [normalise.birth_parts(text) for text in births.dictionary.to_pylist()]
    for place, name in enumerate(("year", "month", "day")):
        cleartext[name] = pa.array([part[place] for part in parts], pa.string()).take(births.indices)
    return pa.table(columns | encode_fields(cleartext, REGISTER, keys))


def _whole_records(table: pa.Table, records: list[bytes], keys: StudyKeys) -> dict[str, pa.Array]:
    sources = {"surname": "achternaam", "given": "voornamen", "birth": "geboortedatum"}
    sources |= {"sex": "geslacht", "nationality": "nationaliteit"}
    cleartext = {name: table.column(source).to_pylist() for name, source in sources.items()}
    return dual_columns(dual_encodings(cleartext, records, keys))


def pseudonyms(bron: str, table: pa.Table, keys: StudyKeys) -> dict[str, pa.Array]:
    """`subject` (of the V-number, null without one) and `record` (of register and record key), 32 bytes each."""
    return {
        "subject": _macs(keys.derive("subject", "vnumber"), table.column("vnummer"), normalise.vnumber),
        "record": _macs(keys.derive("record", bron), table.column(RECORD_KEY[bron]), _as_it_is),
    }


def _macs(key: bytes, column: pa.ChunkedArray, prepare: Callable[[str | None], str | None]) -> pa.Array:
    distinct = _combined(column).dictionary_encode()
    texts = (prepare(text) for text in distinct.dictionary.to_pylist())
    return pa.array(bloom.macs(key, texts), pa.binary(32)).take(distinct.indices)


Cleartext = Mapping[str, Sequence[str | None] | pa.Array | pa.ChunkedArray]


def encode_fields(cleartext: Cleartext, scheme: Scheme, keys: StudyKeys) -> dict[str, pa.Array]:
    """Field encodings and the record-level encoding of `scheme`; one clear-text column per field, equal lengths."""
    length = len(next(iter(cleartext.values())))
    record = np.zeros((length, RECORD_BITS // 64), dtype=np.uint64)
    columns: dict[str, pa.Array] = {}
    for field in scheme.fields:
        column = _combined(cleartext[field.name])
        if field.form == "tokens":
            columns |= _encode_names(field, column, keys, record)
        else:
            columns |= _encode_values(field, column, keys, record)
    return {"record_f": _binary(record, np.ones(length, dtype=bool)), **columns}


def encode_records(cleartext: Cleartext, scheme: Scheme, keys: StudyKeys) -> NDArray[np.uint64]:
    """The record-level encoding of `scheme` alone, uint64 of shape (n, RECORD_BITS / 64): a CLK, as clkhash makes."""
    record = np.zeros((len(next(iter(cleartext.values()))), RECORD_BITS // 64), dtype=np.uint64)
    for field in scheme.fields:
        column = _combined(cleartext[field.name])
        if field.form == "tokens":
            _add_names(record, name_column(column), field, keys)
        elif field.form == "digits":
            _add_digits(record, _distinct(column, field), field, keys)
    return record


def attribute_table(bron: str, table: pa.Table, tokens: pa.Array) -> pa.Table:
    """The attribute file of one register: token, what is counted, and the age in completed years (int16)."""
    births, dates = (_combined(table.column(name)) for name in ("geboortedatum", REFERENCE_DATE[bron]))
    return pa.table(
        {
            "token": tokens,
            "geslacht": table.column("geslacht"),
            "nationaliteit": table.column("nationaliteit"),
            "leeftijd": normalise.ages(births, dates),
            **{name: table.column(name) for name in ATTRIBUTES[bron]},
        }
    )


def _shuffled(table: pa.Table) -> pa.Table:
    """Rows in an order drawn from the system's randomness: sort keys nobody can predict or repeat."""
    draws = np.frombuffer(secrets.token_bytes(8 * table.num_rows), dtype=np.uint64)
    return table.take(pa.array(np.argsort(draws, kind="stable")))


def _row_tokens(rows: int) -> pa.Array:
    """One random token of 16 bytes per row."""
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), rows, [None, pa.py_buffer(secrets.token_bytes(16 * rows))]
    )


def _combined(column: Sequence[str | None] | pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column as one string array."""
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks()
    return column if isinstance(column, pa.Array) else pa.array(column, pa.string())


def _as_it_is(text: str | None) -> str | None:
    return text or None


_NORMALISE: dict[str, Callable[[str | None], str | None]] = {
    "sex": normalise.sex,
    "nationality": normalise.nationality,
}


def _distinct(raw: pa.Array, field: Field) -> _Distinct:
    """Normalise each distinct raw value once; equal normalised values share a code."""
    prepare = _NORMALISE.get(field.name, _as_it_is)
    dictionary = raw.dictionary_encode()
    values: dict[str, int] = {}
    of_raw = np.empty(len(dictionary.dictionary) + 1, dtype=np.int64)
    of_raw[-1] = -1
    for place, text in enumerate(dictionary.dictionary.to_pylist()):
        normal = prepare(text)
        of_raw[place] = -1 if normal is None else values.setdefault(normal, len(values))
    indices = dictionary.indices.fill_null(len(dictionary.dictionary)).to_numpy()
    return _Distinct(list(values), of_raw[indices])


def _encode_names(field: Field, raw: pa.Array, keys: StudyKeys, record: bloom.Words) -> dict[str, pa.Array]:
    """The columns of a field of names; its bits are added to `record`."""
    names = name_column(raw)
    present = names.parts[names.rows, 0] >= 0
    hashes = bloom.part_hashes(keys.derive("value", field.domain), names)
    filters = np.zeros((len(names.rows), TOKEN_BITS // 64), dtype=np.uint64)
    maker = bloom.FilterMaker(keys.derive("filter", field.domain), TOKEN_BITS, TOKEN_HASHES)
    bloom.or_into(filters, maker.part_filters(names), names.parts, names.rows)
    _add_names(record, names, field, keys)
    return {
        f"{field.name}_t": _binary(bloom.sorted_hashes(hashes, names.parts, names.rows), present),
        f"{field.name}_f": _binary(filters, present),
    }


def _add_names(record: bloom.Words, names: NameColumn, field: Field, keys: StudyKeys) -> None:
    maker = bloom.FilterMaker(keys.derive("record filter", field.domain), RECORD_BITS, RECORD_HASHES)
    bloom.or_into(record, maker.part_filters(names), names.parts, names.rows)


def _encode_values(field: Field, raw: pa.Array, keys: StudyKeys, record: bloom.Words) -> dict[str, pa.Array]:
    """The columns of a field of digits or of a code; the bits of digits are added to `record`."""
    distinct = _distinct(raw, field)
    present = distinct.codes >= 0
    key = keys.derive("value", field.domain)
    hashes = np.array([bloom.value_hash(key, value) for value in distinct.values], dtype=np.uint64)[:, None]
    columns = {f"{field.name}_h": _binary(_gather(hashes, distinct.codes), present)}
    if field.form == "digits":
        maker = bloom.FilterMaker(keys.derive("filter", field.domain), DIGIT_BITS, DIGIT_HASHES)
        filters = maker.filters(bloom.placed_digits(value) for value in distinct.values)
        columns[f"{field.name}_f"] = _binary(_gather(filters, distinct.codes), present)
        _add_digits(record, distinct, field, keys)
    return columns


def _add_digits(record: bloom.Words, distinct: _Distinct, field: Field, keys: StudyKeys) -> None:
    maker = bloom.FilterMaker(keys.derive("record filter", field.domain), RECORD_BITS, RECORD_HASHES)
    filters = maker.filters([field.name + gram for gram in bloom.placed_digits(value)] for value in distinct.values)
    bloom.or_into(record, filters, np.r_[np.arange(len(filters)), -1][:, None], distinct.codes)


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
