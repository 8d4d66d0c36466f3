"""A clerk's verdicts make and unmake links, are kept by the map of person ids, and come back from a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from linkage.encode import encode_registers
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, Links, link, links_file
from linkage.review import read_verdicts, review_file
from linkage.verdicts import VERDICTS
from schemas.errors import InputRefused
from schemas.intake import read_registers
from schemas.study import load_study
from schemas.synth import PRESETS, synthesise

KEYS = StudyKeys(b"v" * 32, "nr2015")
# So wide that links and gaps are in it.
WIDE = LinkParameters(grey=(0.001, 0.9999))


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verdicts") / "data"
    synthesise(folder, people=1500, seed=7, dirt=PRESETS["hard"])
    return encode_registers(read_registers(load_study("nr2015"), folder), KEYS, "single-site")


@pytest.fixture(scope="module")
def links(encoded) -> Links:
    return link(encoded.linkage, WIDE, None)


def _persons(links: Links) -> dict[bytes, int]:
    return dict(zip(*(links.persons.column(name).to_pylist() for name in ("token", "person_id")), strict=True))


def _pairs(links: Links) -> list[tuple[bytes, bytes, bytes, float]]:
    return [(row["left"], row["right"], row["pair"], row["posterior"]) for row in links.review.to_pylist()]


def _said(verdicts: dict[bytes, bool]) -> pa.Table:
    return pa.table([list(verdicts), list(verdicts.values())], schema=VERDICTS)


def _opposite(links: Links) -> dict[bytes, bool]:
    """Of each pair in doubt the contrary of what was done with it, conflicts left out."""
    person = _persons(links)
    return {pair: person[a] != person[b] for a, b, pair, posterior in _pairs(links) if posterior > 0}


@pytest.mark.parametrize("again", [False, True])
def test_every_verdict_is_obeyed_also_against_an_earlier_year(encoded, links, again):
    """A register with one row per person keeps its people apart whatever a clerk says; nothing else is refused."""
    said = _opposite(links)
    assert {True, False} == set(said.values())
    after = link(encoded.linkage, WIDE, links.known if again else None, _said(said))
    person, bron = (
        _persons(after),
        dict(zip(*(links.persons.column(n).to_pylist() for n in ("token", "bron")), strict=True)),
    )
    refused = 0
    for a, b, pair, posterior in _pairs(links):
        if posterior > 0 and (person[a] == person[b]) is not said[pair]:
            assert said[pair]
            refused += 1
    assert refused <= len(said) // 4
    ind = [person[token] for token, register in bron.items() if register == "IND"]
    numbers = links_file(links, encoded.keys).filter(pa.compute.field("bron") == "IND").num_rows
    assert len(set(ind)) == numbers
    assert not {pair for *_, pair, _ in _pairs(after)} & set(said)
    clerical = after.quality["clerical"]
    assert (clerical["asked"], clerical["not_found"]) == (len(said), 0)
    # The clerk contradicted every link and every gap.
    assert clerical["linked_and_same"]["counted"] == 0
    gaps = clerical["not_linked_but_same"]
    assert gaps["counted"] == gaps["out_of"] > 0


def test_a_verdict_is_given_once_and_kept_by_the_map(encoded, links):
    after = link(encoded.linkage, WIDE, links.known, _said(_opposite(links)))
    later = link(encoded.linkage, WIDE, after.known)
    assert _persons(later) == _persons(after)
    # Nobody whom no verdict touched was renumbered.
    before, now = _persons(links), _persons(after)
    touched = {before[token] for a, b, *_ in _pairs(links) for token in (a, b)}
    assert all(now[token] == person for token, person in before.items() if person not in touched)


def test_verdicts_that_agree_change_nobody_and_leave_the_draws_no_doubt(encoded, links):
    person = _persons(links)
    agreed = {pair: person[a] == person[b] for a, b, pair, _ in _pairs(links)}
    after = link(encoded.linkage, WIDE, None, _said(agreed))
    assert _persons(after) == person
    assert after.review.num_rows == 0
    left = np.array(after.uncertain.column("probability").to_pylist())
    assert not ((left > 0.001) & (left < 0.9999)).any()


def test_marks_are_the_same_next_time_and_nothing_under_another_key(encoded, links):
    again = {pair for *_, pair, _ in _pairs(link(encoded.linkage, WIDE, None))}
    assert again == {pair for *_, pair, _ in _pairs(links)}
    strange = link(encoded.linkage, WIDE, None, _said({b"x" * 16: True}))
    assert strange.quality["clerical"] == {
        "asked": 1, "not_found": 1, "linked_and_same": None, "not_linked_but_same": None,
    }  # fmt: skip
    assert _persons(strange) == _persons(links)


def _filled(path: Path, links: Links, words: list[str], delimiter: str = ",") -> list[str]:
    table = review_file(links)
    rows = table.to_pylist()
    for row, word in zip(rows, words, strict=False):
        row["oordeel"] = word
    with open(path, "w", newline="", encoding="utf-8-sig" if delimiter == ";" else "utf-8") as file:
        out = csv.DictWriter(file, table.column_names, delimiter=delimiter)
        out.writeheader()
        out.writerows(rows)
    return [row["kenmerk"] for row in rows]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_filled_in_file_comes_back(links, tmp_path, delimiter):
    names = _filled(tmp_path / "review.csv", links, ["ja", " Nee ", ""], delimiter)
    said = read_verdicts(tmp_path / "review.csv")
    assert said.schema.equals(VERDICTS)
    assert said.to_pylist() == [
        {"pair": bytes.fromhex(names[0][1:]), "same": True}, {"pair": bytes.fromhex(names[1][1:]), "same": False},
    ]  # fmt: skip


def test_what_cannot_be_read_is_named_by_line(links, tmp_path):
    path = tmp_path / "review.csv"
    _filled(path, links, ["ja", "misschien"])
    with pytest.raises(InputRefused, match=r"Line 3 .* 'ja' or 'nee'"):
        read_verdicts(path)
    text = path.read_text().replace("misschien", "nee")
    name = text.splitlines()[2].split(",")[1]
    path.write_text(text.replace(name, "1,2E+31"))
    with pytest.raises(InputRefused, match="Line 3"):
        read_verdicts(path)
    lines = text.splitlines()
    path.write_text("\n".join([*lines, lines[1].replace(",ja", ",nee")]))
    with pytest.raises(InputRefused, match="contradicts"):
        read_verdicts(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputRefused, match="kenmerk and oordeel"):
        read_verdicts(path)
    with pytest.raises(InputRefused, match="cannot be read"):
        read_verdicts(tmp_path / "none.csv")
    with pytest.raises(InputRefused, match="another layout"):
        link({}, WIDE, None, pa.table({"pair": ["x"]}))
