"""Agencies whose study file names their own register alone, and who hold nobody else's data."""

from __future__ import annotations

import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from linkage.encode import encode_registers
from linkage.fields import SEPARATE
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link, links_file
from linkage.package import read_package, write_package
from schemas.errors import SchakelError
from schemas.intake import read_registers
from schemas.study import SHIPPED, load_study
from tests.linkage.loader import load
from tests.linkage.test_linkage_reference import scores

SECRET = b"s" * 32
SHARED = (SHIPPED / "studies" / "nr2015.toml").read_text()


def _own(folder, name: str):
    """A study file with one register, and a data folder that holds nothing else."""
    head, *blocks = SHARED.split("\n[registers.")
    own = "\n[registers.".join([head, *(block for block in blocks if block.startswith(name))])
    folder.mkdir()
    (folder / "study.toml").write_text(own)
    data = folder / "data"
    data.mkdir()
    shutil.copy(SHIPPED / "examples" / "nr2015" / f"{name}.csv", data)
    return load_study(str(folder / "study.toml")), data


def test_packages_of_agencies_with_their_own_register_link_like_one_delivery(tmp_path):
    signer, linkage, keys = Ed25519PrivateKey.generate(), {}, {}
    for name in ("ind", "dtv", "iom"):
        study, data = _own(tmp_path / name, name)
        assert [register.bron for register in study.registers.values()] == [name.upper()]
        # Each agency derives its keys from its own copy of the secret and the study id.
        agency = StudyKeys(bytes(SECRET), study.id)
        encoded = encode_registers(read_registers(study, data), agency, SEPARATE.profile)
        package = tmp_path / "packages" / name
        write_package(package, name.upper(), encoded.linkage[name.upper()], agency, SEPARATE.profile, signer)
        bron, table = read_package(package, study.id, agency.key_id, SEPARATE.profile, [signer.public_key()])
        linkage[bron] = table
        keys |= encoded.keys
    apart = scores(links_file(link(linkage, LinkParameters(), None), keys))
    whole = encode_registers(load("nr2015"), StudyKeys(SECRET, "nr2015"), SEPARATE.profile)
    together = scores(links_file(link(whole.linkage, LinkParameters(), None), whole.keys))
    assert apart == together
    assert min(apart["DTV-IND"], apart["IND-IOM"]) > 0.95


def test_one_agency_alone_links_nobody_and_says_so(tmp_path):
    study, data = _own(tmp_path / "dtv", "dtv")
    encoded = encode_registers(read_registers(study, data), StudyKeys(SECRET, study.id), "single-site")
    links = link(encoded.linkage, LinkParameters(), None)
    assert links.quality["deterministic_links"] == 0
    assert links.uncertain.num_rows == 0
    assert links_file(links, encoded.keys).num_rows == 128


def test_an_agency_without_its_file_is_told_so(tmp_path):
    study, data = _own(tmp_path / "dtv", "dtv")
    (data / "dtv.csv").unlink()
    with pytest.raises(SchakelError, match="dtv"):
        read_registers(study, data)
