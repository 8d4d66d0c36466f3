"""The walls between the desks, seen from the operating system: what each process was given, loaded and opened.

A probe in every process of a real command writes this down. Linux only, as is the service.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from flows import desk
from flows.desks import LINKAGE, PLACE, encode_at_desk
from flows.engines import HERE
from flows.wire import pack_json, pack_table, unpack_table
from linkage.encode import ATTRIBUTES, encode_registers
from linkage.fields import REGISTER, SCHEMES
from linkage.keys import StudyKeys, create_key, load_key
from schemas.errors import InputRefused
from schemas.intake import read_registers, snapshot_digest
from schemas.study import load_study
from tests.conftest import Command, fewer_rows

PROBE = Path(__file__).parent / "probe"


@dataclass(frozen=True)
class Seen:
    """One process: arguments, environment, files opened by name, descriptors held at its end, modules loaded, and which of
    the bytes that were looked for its memory held.
    """

    arguments: list[str]
    environment: str
    opened: list[str]
    held: list[str]
    modules: set[str]
    found: list[str]

    def under(self, folder: Path) -> list[str]:
        """What it opened or held under a folder."""
        return [path for path in (*self.opened, *self.held) if path.startswith(str(folder))]


@dataclass(frozen=True)
class Watched:
    """The processes of one `tabulate`: the two desks, and the one that counts."""

    encode: Seen
    link: Seen
    count: Seen
    data: Path
    state: Path
    secret: bytes


@pytest.fixture(scope="module")
def watched(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("walls")
    data, state, notes = fewer_rows(folder / "data"), folder / "state", folder / "notes"
    notes.mkdir()
    (state / "keys").mkdir(parents=True, mode=0o700)
    create_key(state / "keys" / "nr2015.key")
    (folder / "bytes.json").write_text(json.dumps(_masked(data, state / "keys" / "nr2015.key")))
    command(
        "tabulate", "nr2015", "--data", data, "--out", folder / "out", "--i-am-the-data-holder",
        state=state, PYTHONPATH=str(PROBE), PROBE=str(notes),
        PROBE_BYTES=str(folder / "bytes.json"), SCHAKEL_KEYS=str(state / "keys"),
    )  # fmt: skip
    seen = [Seen(**found | {"modules": set(found["modules"])}) for found in map(_read, notes.glob("*.json"))]
    encode, link = (_one(seen, lambda s, name=name: s.arguments[-2:-1] == [name]) for name in ("encode", "link"))
    count = _one(seen, lambda s: "tabulate" in s.arguments)
    return Watched(encode, link, count, data, state, (state / "keys" / "nr2015.key").read_bytes())


def _masked(data: Path, key: Path) -> dict[str, str]:
    """What is looked for in memories: the study secret, of a row of each register its encoding and its pseudonym, and the
    keyed digest of the delivery, which the run must have.
    """
    study = load_study("nr2015")
    keys, intake = StudyKeys(load_key(key), study.id), read_registers(study, data)
    encoded = encode_registers(intake, keys, "single-site")
    wanted = {"secret": load_key(key), "digest": snapshot_digest(intake, keys.derive("snapshot", "")).encode()}
    for bron, table in encoded.linkage.items():
        row = table.filter(pc.is_valid(table.column("subject"))).slice(0, 1).to_pylist()[0]
        wanted |= {f"encoding of {bron}": row["record_f"], f"pseudonym of {bron}": row["subject"]}
    return {name: bytes(byte ^ 0x5A for byte in value).hex() for name, value in wanted.items()}


def _read(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def _one(seen: list[Seen], fits: Any) -> Seen:
    (found,) = [one for one in seen if fits(one)]
    return found


def test_the_probe_sees_the_encode_desk_take_the_key(watched: Watched) -> None:
    """Were the probe blind, the tests below would prove nothing."""
    assert any(path.endswith("nr2015.key") for path in watched.encode.under(watched.state))
    assert {"schemas.intake", "linkage.keys", "linkage.encode"} <= watched.encode.modules


def test_the_link_desk_opens_no_register_no_key_and_no_state(watched: Watched) -> None:
    assert watched.link.under(watched.data) == []
    assert watched.link.under(watched.state) == []


def test_the_link_desk_is_told_of_no_key_and_of_no_place_where_one_lies(watched: Watched) -> None:
    given = "\0".join((*watched.link.arguments, watched.link.environment))
    assert watched.link.arguments[-3:-1] == ["flows.desk", "link"]
    assert str(watched.state) not in given
    assert str(watched.data) not in given
    for form in (watched.secret.hex(), watched.secret.decode("latin-1").strip()):
        assert form not in given


def test_the_link_desk_has_no_code_for_keys_registers_or_tables(watched: Watched) -> None:
    rooms = ("tabulation", "disclosure", "portal", "schemas.intake", "linkage.encode", "linkage.keys", "linkage.dual")
    assert [m for m in watched.link.modules if m.startswith((*rooms, "linkage.normalise", "linkage.bloom"))] == []


def test_who_counts_opens_no_register(watched: Watched) -> None:
    assert watched.count.under(watched.data) == []
    assert "tabulation.tabulate" in watched.count.modules
    assert "schemas.intake" not in watched.count.modules


def test_no_process_but_the_encode_desk_holds_both_the_key_and_linkage_bytes(watched: Watched) -> None:
    """Looked for in all writable memory, where it links and where it is about to write tables."""
    encodings = {f"{what} of {bron}" for what in ("encoding", "pseudonym") for bron in ("DTV", "IND", "IOM")}
    assert set(watched.link.found) == encodings
    assert set(watched.count.found) - {"secret"} == {"digest"}


def test_the_encode_desk_neither_links_nor_counts(watched: Watched) -> None:
    assert [m for m in watched.encode.modules if m.startswith(("tabulation", "linkage.link", "linkage.model"))] == []


@pytest.mark.parametrize("profile", sorted(SCHEMES))
def test_the_two_files_share_a_token_and_nothing_else(profile: str, tmp_path: Path) -> None:
    create_key(tmp_path / "key")
    encoded = encode_at_desk("nr2015", fewer_rows(tmp_path / "data", every=20), tmp_path / "key", profile)
    assert encoded.keys == {}
    for bron, attributes in encoded.attributes.items():
        linkage = unpack_table(encoded.linkage[bron])
        assert linkage.schema.equals(SCHEMES[profile].arrow())
        assert attributes.column_names == ["token", "geslacht", "nationaliteit", "leeftijd", *ATTRIBUTES[bron]]
        assert set(linkage.column_names) & set(attributes.column_names) == {"token"}
        # Position does not join what the token keeps apart.
        mine, theirs = linkage.column("token").to_pylist(), attributes.column("token").to_pylist()
        assert sorted(mine) == sorted(theirs)
        assert len(mine) < 20 or mine != theirs
        assert [f.name for f in attributes.schema if pa.types.is_fixed_size_binary(f.type)] == ["token"]


@pytest.mark.parametrize("column", ["nationaliteit", "leeftijd", "datum_besluit", "sleutel"])
def test_the_link_desk_refuses_a_file_with_an_attribute(column: str) -> None:
    file = REGISTER.arrow().empty_table().append_column(column, pa.array([], pa.string()))
    with pytest.raises(InputRefused, match="no linkage file has"):
        desk.link({f"{LINKAGE}IND": pack_table(file), PLACE: pack_json(asdict(HERE))})
