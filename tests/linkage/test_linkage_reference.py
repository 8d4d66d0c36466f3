"""Linking the reference registers, which the model was developed on: a regression test, not evidence."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from linkage.encode import encode_registers
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link, links_file
from linkage.outcome import KNOWN
from schemas.errors import InputRefused
from tests.linkage.loader import ROOT, Loaded, load

KEYS = StudyKeys(b"k" * 32, "nr2015")
OVERLAP = {"IND": 1905, "DTV": 15, "IOM": 89, "DTV+IND": 109, "IND+IOM": 62, "DTV+IOM": 0, "DTV+IND+IOM": 4}


def scores(file: pa.Table) -> dict[str, float]:
    """F1 per pair of registers."""
    truth = pd.read_csv(ROOT / "tests/reference/nr2015/true_links.csv", dtype=str)
    joined = file.to_pandas().merge(truth, on=["bron", "sleutel"], how="outer")
    assert joined.notna().all().all()
    out = {}
    for a, b in combinations(("DTV", "IND", "IOM"), 2):
        found, true = (_pairs(joined, a, b, column) for column in ("person_id", "persoon"))
        out[f"{a}-{b}"] = 2 * len(found & true) / (len(found) + len(true))
    return out


def _pairs(frame: pd.DataFrame, a: str, b: str, column: str) -> set[tuple[str, str]]:
    left, right = (frame[frame["bron"] == bron][["sleutel", column]] for bron in (a, b))
    both = left.merge(right, on=column)
    return set(zip(both["sleutel_x"], both["sleutel_y"], strict=True))


@pytest.fixture(scope="module")
def loaded():
    return load("nr2015")


@pytest.fixture(scope="module")
def encoded(loaded):
    return encode_registers(loaded, KEYS, "single-site")


@pytest.fixture(scope="module")
def links(encoded):
    return link(encoded.linkage, LinkParameters(), None)


def test_dtv_and_iom_reach_the_target(links, encoded):
    f1 = scores(links_file(links, encoded.keys))
    assert f1["DTV-IND"] >= 0.99
    assert f1["IND-IOM"] >= 0.99


def test_keten_overlap_is_within_one(links):
    frame = links.persons.to_pandas()
    known_to = frame.groupby("person_id")["bron"].agg(lambda s: "+".join(sorted(set(s)))).value_counts()
    for registers, count in OVERLAP.items():
        assert abs(known_to.get(registers, 0) - count) <= 1


def test_one_row_per_token_and_per_key(links, encoded):
    tokens = [t for bron in encoded.linkage for t in encoded.linkage[bron].column("token").to_pylist()]
    assert sorted(tokens) == sorted(links.persons.column("token").to_pylist())
    assert sorted(tokens) == sorted(links.deterministic.column("token").to_pylist())
    file = links_file(links, encoded.keys)
    assert file.column_names == ["bron", "sleutel", "person_id", "weight"]
    assert file.num_rows == 2080 + 128 + 155 == file.group_by(["bron", "sleutel"]).aggregate([]).num_rows
    assert np.isfinite(file.column("weight").to_numpy()).all()
    assert set(links.persons.column("rule").to_pylist()) <= {"deterministic", "probabilistic", "conflict", "single"}


def test_deterministic_links_depend_on_a_persons_own_rows_alone(links, encoded, loaded):
    """With half of all rows gone, every number whose rows are all still there has the person id it had."""
    few = Loaded({bron: table.slice(0, table.num_rows // 2) for bron, table in loaded.registers.items()})
    part = encode_registers(few, KEYS, "single-site")
    whole = _by_subject(links.deterministic, encoded)
    half = _by_subject(link(part.linkage, LinkParameters(), None).deterministic, part)
    complete = [subject for subject, rows in half.items() if set(rows) == set(whole[subject])]
    assert len(complete) > 500
    assert all(half[subject] == whole[subject] for subject in complete)


def _by_subject(deterministic: pa.Table, encoded) -> dict[bytes, dict[bytes, int]]:
    """Per number the records that carry it and their person ids."""
    persons = dict(zip(*(deterministic.column(n).to_pylist() for n in ("token", "person_id")), strict=True))
    out: dict[bytes, dict[bytes, int]] = {}
    for table in encoded.linkage.values():
        for row in table.select(["token", "record", "subject"]).to_pylist():
            if row["subject"] is not None:
                out.setdefault(row["subject"], {})[row["record"]] = persons[row["token"]]
    return out


def test_deterministic_links_join_and_part(links, encoded):
    """Equal numbers are one person, but for the two rows that carry somebody else's."""
    split = [rows for rows in _by_subject(links.deterministic, encoded).values() if len(set(rows.values())) > 1]
    joined = [rows for rows in _by_subject(links.deterministic, encoded).values() if len(rows) > 1]
    assert len(split) == links.quality["conflicts"] == 2
    assert len(joined) > 100


def test_a_second_run_renumbers_nobody(links, loaded):
    """A year of rows is added: everybody keeps the id, and the new rows get ids that nobody had."""
    cut = {bron: table.num_rows * 3 // 4 for bron, table in loaded.registers.items()}
    first_part = Loaded({bron: table.slice(0, cut[bron]) for bron, table in loaded.registers.items()})
    first = link(encode_registers(first_part, KEYS, "single-site").linkage, LinkParameters(), None)
    second = link(encode_registers(loaded, KEYS, "single-site").linkage, LinkParameters(), first.known)
    before, after = (
        dict(zip(*(k.column(n).to_pylist() for n in KNOWN.names), strict=True)) for k in (first.known, second.known)
    )
    assert len(before) < len(after)
    assert all(after[record] == person for record, person in before.items())
    newcomers = {after[record] for record in after if record not in before}
    assert min(newcomers - set(before.values())) > max(before.values())


def test_the_same_rows_in_another_order_give_the_same_ids(links, loaded):
    turned = Loaded({b: t.take(pa.array(range(t.num_rows - 1, -1, -1))) for b, t in reversed(loaded.registers.items())})
    again = link(encode_registers(turned, KEYS, "single-site").linkage, LinkParameters(), None)
    assert again.known.equals(links.known)


def test_one_register_alone():
    only = encode_registers(load("wodc2020"), StudyKeys(b"k" * 32, "wodc2020"), "single-site")
    result = link(only.linkage, LinkParameters(), None)
    file = links_file(result, only.keys)
    assert file.num_rows == len(set(file.column("person_id").to_pylist()))
    assert set(result.persons.column("rule").to_pylist()) == {"single"}


def test_review_names_levels_never_values(links, loaded):
    text = " ".join(links.review.column("levels").to_pylist())
    assert text.split().count("subject=conflict") == links.quality["conflicts"] == 2
    for word in text.replace("=", " ").split():
        assert word.isascii()
    names = {v for v in loaded.registers["IND"].column("achternaam").to_pylist() if v}
    assert not names & set(text.replace("=", " ").split())


def test_a_foreign_map_or_file_is_refused(encoded):
    with pytest.raises(InputRefused, match="map of person ids"):
        link(encoded.linkage, LinkParameters(), pa.table({"record": ["x"], "person_id": [1]}))
    broken = dict(encoded.linkage, DTV=encoded.linkage["DTV"].drop_columns(["given_f"]))
    with pytest.raises(InputRefused, match="given_f"):
        link(broken, LinkParameters(), None)
