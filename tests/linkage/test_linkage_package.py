"""Packages: joinable between agencies of one study, refused when they are anything else, without a key inside."""

from __future__ import annotations

import json
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from linkage.encode import encode_registers
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link
from linkage.package import packages_in, read_package, write_package
from schemas.errors import InputRefused, IntegrityError, UsageError
from tests.linkage.loader import Loaded, load

SECRET = bytes(range(32))
KEYS = StudyKeys(SECRET, "nr2015")


@pytest.fixture(scope="module")
def loaded():
    return load("nr2015")


@pytest.fixture(scope="module")
def signer():
    return Ed25519PrivateKey.generate()


@pytest.fixture
def package(tmp_path, loaded, signer):
    table = encode_registers(Loaded({"DTV": loaded.registers["DTV"]}), KEYS, "single-site").linkage["DTV"]
    write_package(tmp_path / "dtv", "DTV", table, KEYS, "single-site", signer)
    return tmp_path / "dtv", table


def _read(folder, signer, **change):
    asked = {"study": "nr2015", "key_id": KEYS.key_id, "profile": "single-site"} | change
    return read_package(folder, **asked, agencies=[signer.public_key()])


def test_round_trip_without_a_key(package, signer):
    folder, table = package
    assert _read(folder, signer) == ("DTV", table.combine_chunks())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    derived = [KEYS.derive(*pair) for pair in (("subject", "vnumber"), ("value", "name"), ("filter", "name"))]
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert not any(secret in file.read_bytes() for secret in (SECRET, SECRET.hex().encode(), *derived))


def test_two_agencies_encode_apart_and_join(tmp_path, loaded, signer):
    """Each has its own copy of the secret and its own signature; the linkage desk has neither secret."""
    other = Ed25519PrivateKey.generate()
    linkage = {}
    for bron, hand in (("IND", signer), ("DTV", other)):
        keys = StudyKeys(SECRET, "nr2015")
        table = encode_registers(Loaded({bron: loaded.registers[bron]}), keys, "single-site").linkage[bron]
        write_package(tmp_path / bron, bron, table, keys, "single-site", hand)
        linkage |= dict([_read(tmp_path / bron, hand)])
    links = link(linkage, LinkParameters(), None)
    assert len(set(links.persons.column("person_id").to_pylist())) == 2080 + 128 - 113


@pytest.mark.parametrize(
    ("change", "says"),
    [({"study": "wodc2020"}, "study"), ({"key_id": "0" * 16}, "key_id"), ({"profile": "separate"}, "profile")],
)
def test_another_study_key_or_profile_is_refused(package, signer, change, says):
    with pytest.raises(InputRefused, match=says):
        _read(package[0], signer, **change)


def test_another_schema_version_is_refused(package, signer):
    path = package[0] / "manifest.json"
    text = json.dumps(json.loads(path.read_text()) | {"schema_version": 99}).encode()
    path.write_bytes(text)
    (package[0] / "manifest.sig").write_bytes(signer.sign(text))
    with pytest.raises(InputRefused, match="schema_version"):
        _read(package[0], signer)


@pytest.mark.parametrize("name", ["linkage.parquet", "manifest.json", "manifest.sig"])
def test_one_changed_byte_or_a_missing_file_is_found(package, signer, name):
    path = package[0] / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError):
        _read(package[0], signer)
    path.unlink()
    with pytest.raises(IntegrityError, match="lacks"):
        _read(package[0], signer)


def test_another_agencys_signature_is_refused(package):
    with pytest.raises(IntegrityError, match="signature"):
        _read(package[0], Ed25519PrivateKey.generate())


def test_a_package_is_never_overwritten(package, signer):
    with pytest.raises(UsageError, match="exists"):
        write_package(package[0], "DTV", package[1], KEYS, "single-site", signer)


def test_a_folder_of_packages_and_a_folder_of_none(package, tmp_path):
    assert packages_in(package[0]) == [package[0]] == packages_in(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no package"):
        packages_in(tmp_path / "empty")
