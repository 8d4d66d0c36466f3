"""Profile `separate`: whole-record encodings alone, linked with a threshold that needs no truth."""

from __future__ import annotations

import json
from hashlib import blake2b

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disclosure.log.notes import load_signing_key
from linkage.dual import dual_encodings
from linkage.encode import encode_registers
from linkage.fields import DUAL_BITS, SEPARATE
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link, links_file
from linkage.minhash import MinHasher
from linkage.package import write_package
from linkage.records import comparisons
from schemas.errors import InputRefused
from tests.conftest import EXAMPLES
from tests.linkage.loader import ROOT, load
from tests.linkage.test_linkage_reference import scores

KEYS = StudyKeys(b"k" * 32, "nr2015")
PERSON = {"surname": "Kowalska", "given": "Maria", "birth": "1985-03-12", "sex": "V", "nationality": "POL"}


def _encode(*people: dict[str, str], keys: StudyKeys = KEYS, flip: float = 0.1) -> dict[str, np.ndarray]:
    columns = {name: [person[name] for person in people] for name in PERSON}
    return dual_encodings(columns, [str(place).encode() for place in range(len(people))], keys, flip)


def _agree(words: np.ndarray, i: int, j: int) -> float:
    return 1 - int(np.bitwise_count(words[i] ^ words[j]).sum()) / (64 * words.shape[1])


@pytest.fixture(scope="module")
def encoded():
    return encode_registers(load("nr2015"), KEYS, "separate")


@pytest.fixture(scope="module")
def links(encoded):
    return link(encoded.linkage, LinkParameters(), None)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.text("abcdef", min_size=1, max_size=3), max_size=6), min_size=1, max_size=3))
def test_the_kernel_and_its_plain_twin(rows):
    """The least of the mixed hashes, gram by gram and function by function in plain integers."""
    hasher = MinHasher(b"x" * 32, 64, 0.0)
    encoded = hasher.encode(["salt"] * len(rows), rows)
    under = blake2b(b"salt", key=b"x" * 32, digest_size=32).digest()
    for row, grams in enumerate(rows):
        for j, function in enumerate(hasher.functions.tolist()):
            least = min(
                (_mixed(int.from_bytes(blake2b(g.encode(), key=under, digest_size=8).digest(), "little") ^ function))
                for g in grams
            ) if grams else 2**64 - 1  # fmt: skip
            assert (int(encoded[row, 0]) >> j) & 1 == least & 1


def _mixed(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2**64
    return x ^ (x >> 31)


HALVES = {
    "birth_r, by sex": ("birth_r", 0),
    "birth_r, by nationality": ("birth_r", 1),
    "names_r, by year": ("names_r", 0),
    "names_r, by day": ("names_r", 1),
}


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        ({"surname": "Kowalske"}, set(HALVES)),
        ({"surname": "Cowalska"}, {"birth_r, by sex", "birth_r, by nationality"}),
        ({"birth": "1986-03-12"}, {"names_r, by day"}),
        ({"birth": "1985-03-13"}, {"names_r, by year"}),
        ({"birth": "1985-00-00"}, {"names_r, by year"}),
        ({"birth": "1985-12-03"}, {"names_r, by year", "names_r, by day"}),
        ({"sex": "M"}, {"birth_r, by nationality"}),
        ({"nationality": "ROU"}, {"birth_r, by sex"}),
        ({"surname": "Maria", "given": "Kowalska"}, set(HALVES)),
        ({"birth": "1991-07-30"}, set()),
    ],
)
def test_one_mistake_leaves_a_half_and_a_namesake_none(change, alike):
    words = _encode(PERSON, PERSON | change)
    width = DUAL_BITS // 128
    for half, (name, place) in HALVES.items():
        agree = _agree(words[name][:, place * width : (place + 1) * width], 0, 1)
        assert (agree > 0.63) if half in alike else (agree < 0.6), half


def test_flips_are_a_tenth_and_never_average_out():
    """However often a record is encoded, it shows the same flips; a value that is written otherwise shows others."""
    plain, once, again = (_encode(PERSON, PERSON, flip=flip) for flip in (0.0, 0.1, 0.1))
    for name in plain:
        assert np.array_equal(once[name], again[name])
        assert np.array_equal(once[name][0], once[name][1])
        share = np.bitwise_count(plain[name][0] ^ once[name][0]).sum() / DUAL_BITS
        assert 0.06 < share < 0.14


@pytest.mark.parametrize("change", [{"birth": "1985-00-00"}, {"birth": ""}, {"surname": "", "given": ""}])
def test_who_has_no_salt_looks_like_anybody_and_is_like_nobody(change):
    words = _encode(PERSON, PERSON | change, PERSON | change)["birth_r"]
    for other in (1, 2):
        assert 0.42 < np.bitwise_count(words[other]).sum() / DUAL_BITS < 0.58
        assert _agree(words, 0, other) < 0.58
    assert _agree(words, 1, 2) < 0.58


def test_two_studies_and_two_keys_share_nothing():
    mine = _encode(PERSON)
    for keys in (StudyKeys(b"k" * 32, "wodc2020"), StudyKeys(b"z" * 32, "nr2015")):
        theirs = _encode(PERSON, keys=keys)
        for name in mine:
            assert np.bitwise_count(mine[name] ^ theirs[name]).sum() > 0.4 * DUAL_BITS


def test_no_field_is_in_the_file(encoded):
    for table in encoded.linkage.values():
        assert table.schema.equals(SEPARATE.arrow())
        assert table.column("birth_r").null_count == table.column("names_r").null_count == 0


def test_it_links_the_reference_registers(links, encoded):
    f1 = scores(links_file(links, encoded.keys))
    assert f1["DTV-IND"] >= 0.98
    assert f1["IND-IOM"] >= 0.96
    assert links.quality["profile"] == "separate"
    assert links.quality["conflicts"] <= 3


def test_the_same_rows_give_the_same_people(links):
    again = link(encode_registers(load("nr2015"), KEYS, "separate").linkage, LinkParameters(), None)
    assert again.known.equals(links.known)
    third = link(encode_registers(load("nr2015"), KEYS, "separate").linkage, LinkParameters(), links.known)
    assert third.known.equals(links.known)


def test_review_shows_scores_and_what_the_numbers_say(links):
    for text in links.review.column("levels").to_pylist():
        assert text == "subject=conflict" or text.startswith("score=0.")


def test_two_profiles_do_not_mix(encoded):
    other = encode_registers(load("nr2015"), KEYS, "single-site")
    with pytest.raises(InputRefused, match="two profiles"):
        link({"IND": encoded.linkage["IND"], "IOM": other.linkage["IOM"]}, LinkParameters(), None)


def test_nobody_to_link(encoded):
    empty = {bron: table.slice(0, 0) for bron, table in encoded.linkage.items()}
    assert link(empty, LinkParameters(), None).persons.num_rows == 0
    alone = link({"IOM": encoded.linkage["IOM"]}, LinkParameters(), None)
    assert set(alone.persons.column("rule").to_pylist()) == {"single"}


def test_packages_from_encode_to_link(tmp_path, invoke):
    """Encoded at an agency, linked where no number and no key is: everybody once, refused when it is something else."""
    agency, desk, folder, out = (tmp_path / name for name in ("agency", "desk", "packages", "links.parquet"))
    holder = "--i-am-the-data-holder"
    made = invoke("encode", "nr2015", "--data", EXAMPLES / "nr2015", "--out", folder, state=agency)
    assert made.returncode == 0, made.stderr
    pem = agency / "keys" / "signing.pub.pem"
    if not pem.exists():
        invoke("setup", state=agency)
    asked = ("link", "nr2015", "--package", folder, "--out", out, holder)
    assert invoke(*asked, state=desk).returncode == 6
    done = invoke(*asked, "--agency", pem, state=desk)
    assert done.returncode == 0, done.stderr
    assert "pairs of records, within some 1 minute(s)" in done.stderr
    assert not (desk / "keys" / "nr2015.key").exists()
    table = pq.read_table(out)
    truth = pd.read_csv(ROOT / "tests/reference/nr2015/true_links.csv", dtype=str)
    assert table.group_by(["bron"]).aggregate([("sleutel", "count")]).num_rows == 3
    assert table.num_rows == len(truth)
    assert all(len(bytes.fromhex(key)) == 32 for key in table.column("sleutel").to_pylist())
    assert invoke("link", "wodc2020", *asked[2:], "--agency", pem, state=desk).returncode == 3
    assert invoke(*asked, "--data", EXAMPLES / "nr2015", state=desk).returncode == 2
    assert invoke(*asked, "--package", folder / "ind", "--agency", pem, state=desk).returncode == 2
    signer = load_signing_key(agency / "keys" / "signing.pem").private
    iom = pq.read_table(folder / "iom" / "linkage.parquet")
    write_package(tmp_path / "rekeyed", "IOM", iom, StudyKeys(b"z" * 32, "nr2015"), "separate", signer)
    rekeyed = invoke(*asked, "--package", tmp_path / "rekeyed", "--agency", pem, state=desk)
    assert rekeyed.returncode == 3
    assert "key_id" in rekeyed.stderr
    manifest = folder / "ind" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"rows": 1}))
    assert invoke(*asked, "--agency", pem, state=desk).returncode == 6


def test_the_pairs_of_registers_are_known_before_they_are_compared():
    assert comparisons({"DTV": 10, "IND": 100, "IOM": 5}, frozenset({"IND"})) == 1000 + 50 + 500 + 100**2
    assert comparisons({"DTV": 10, "IOM": 5}, frozenset({"IND"})) == 50 + 10**2 + 5**2
    assert comparisons({"IOM": 10**9}, frozenset()) == 0


def test_more_pairs_than_anybody_would_wait_for_are_refused_before_one_is_compared(encoded, monkeypatch):
    monkeypatch.setattr("linkage.records.MOST_PAIRS", 10**6)
    monkeypatch.setattr("linkage.records.dice_pairs", None)
    with pytest.raises(InputRefused, match=r"hours of work where .* fewer rows per package"):
        link(encoded.linkage, LinkParameters(), None)


def test_encodings_of_one_width_only(encoded):
    table = encoded.linkage["IOM"]
    wrong = pa.array([b"x"] * table.num_rows, pa.binary(1))
    place = table.column_names.index("names_r")
    with pytest.raises(InputRefused, match="another width"):
        link(dict(encoded.linkage, IOM=table.set_column(place, "names_r", wrong)), LinkParameters(), None)
