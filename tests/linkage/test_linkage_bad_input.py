"""Bad input has a clear answer: no crash, no pile of false links, no hang."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from benchmarks.link.whole import skewed
from linkage.encode import encode_registers
from linkage.evidence import blocking_keys, candidates
from linkage.index import EqualKeys
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link, links_file
from linkage.proposed import proposed
from linkage.views import load_views
from schemas.engine import NOTHING_GIVEN, LocalEngine
from schemas.errors import InputRefused
from tests.linkage.loader import Loaded, load
from tests.linkage.test_linkage_reference import scores

KEYS = StudyKeys(b"k" * 32, "nr2015")


@pytest.fixture(scope="module")
def loaded():
    return load("nr2015")


def _replace(loaded: Loaded, **columns) -> Loaded:
    """`columns`: name -> function of (bron, table) giving the new column."""
    out = {}
    for bron, table in loaded.registers.items():
        for name, make in columns.items():
            place = table.column_names.index(name)
            table = table.set_column(place, name, make(bron, table))
        out[bron] = table
    return Loaded(out)


def _linked(registers: Loaded):
    encoded = encode_registers(registers, KEYS, "single-site")
    return encoded, link(encoded.linkage, LinkParameters(), None)


def test_everybody_born_on_1_january(loaded):
    """The heap says nothing, and the model knows: year, names and the rest still find most people."""

    def heap(_bron, table):
        year = pc.utf8_slice_codeunits(table.column("geboortedatum"), 0, 4)
        return pc.binary_join_element_wise(year, "01", "01", "-")

    encoded, links = _linked(_replace(loaded, geboortedatum=heap))
    assert scores(links_file(links, encoded.keys))["DTV-IND"] >= 0.95
    assert scores(links_file(links, encoded.keys))["IND-IOM"] >= 0.6


@pytest.mark.parametrize("text", ["", "A", "王小明", "X" * 200, "محمد"])
def test_names_that_carry_nothing(loaded, text):
    """With one and the same name everywhere only the number, the birth date and the codes are left."""

    def constant(_bron, table):
        return pa.array([text or None] * table.num_rows, pa.string())

    encoded, links = _linked(_replace(loaded, achternaam=constant, voornamen=constant))
    assert scores(links_file(links, encoded.keys))["DTV-IND"] >= 0.85
    assert np.isfinite(links.persons.column("weight").to_numpy()).all()


def test_nothing_known_at_all(loaded):
    """Rows without any identity are persons of their own, never one big person."""

    def empty(_bron, table):
        return pa.nulls(table.num_rows, pa.string())

    names = ("achternaam", "voornamen", "geboortedatum", "nationaliteit")
    registers = _replace(loaded, **dict.fromkeys(names, empty))
    for bron in ("DTV", "IOM"):
        table = registers.registers[bron]
        place = table.column_names.index("vnummer")
        registers.registers[bron] = table.set_column(place, "vnummer", pa.nulls(table.num_rows, pa.string()))
    encoded, links = _linked(registers)
    file = links_file(links, encoded.keys)
    assert len(set(file.column("person_id").to_pylist())) == file.num_rows


def _with_twins(loaded: Loaded, given: tuple[str, str]) -> Loaded:
    """Twins at one address: one in the IND, the other at the IOM, without a number; as many pairs as rows allow."""
    registers = dict(loaded.registers)
    ind, iom = registers["IND"].slice(0, 1), registers["IOM"].slice(0, 1)
    born = pa.array(["1991-03-03"], pa.string())
    for name, value in (
        ("achternaam", "Tweeling"),
        ("nationaliteit", "NGA"),
        ("geslacht", "V"),
        ("geboortedatum", "1991-03-03"),
    ):
        ind = ind.set_column(ind.column_names.index(name), name, pa.array([value], pa.string()))
        iom = iom.set_column(iom.column_names.index(name), name, pa.array([value], pa.string()))
    ind = ind.set_column(ind.column_names.index("vnummer"), "vnummer", pa.array(["2999999999"], pa.string()))
    ind = ind.set_column(ind.column_names.index("voornamen"), "voornamen", pa.array([given[0]], pa.string()))
    iom = iom.set_column(iom.column_names.index("vnummer"), "vnummer", pa.nulls(1, pa.string()))
    iom = iom.set_column(iom.column_names.index("iom_nummer"), "iom_nummer", pa.array(["IOM299900001"], pa.string()))
    iom = iom.set_column(iom.column_names.index("voornamen"), "voornamen", pa.array([given[1]], pa.string()))
    assert born.type == ind.schema.field("geboortedatum").type
    registers["IND"] = pa.concat_tables([registers["IND"], ind])
    registers["IOM"] = pa.concat_tables([registers["IOM"], iom])
    return Loaded(registers)


@pytest.mark.parametrize(("given", "one_person"), [(("Blessing", "Gladness"), False), (("Blessing", "Blesing"), True)])
def test_twins_are_two_and_a_typo_is_one(loaded, given, one_person):
    encoded, links = _linked(_with_twins(loaded, given))
    ids = dict(
        zip(*(links_file(links, encoded.keys).column(n).to_pylist() for n in ("sleutel", "person_id")), strict=True)
    )
    assert (ids["2999999999"] == ids["IOM299900001"]) is one_person


def test_a_skewed_block_is_left_out_before_it_is_made(loaded):
    views = load_views(encode_registers(loaded, KEYS, "single-site").linkage, LinkParameters().scheme)
    a, b = views["IND"], views["IOM"]
    blocks = EqualKeys(a, b, ("sex_h",), limit=1000, splits=())
    left, _ = blocks.pairs()
    assert blocks.skipped_pairs > 100_000
    assert len(left) <= 2000
    # What is kept is exactly the equal pairs of the blocks under the limit.
    whole, right = EqualKeys(a, b, ("nationality_h", "year_h"), limit=10**9).pairs()
    mine = {(x, y) for x, y in zip(whole.tolist(), right.tolist(), strict=True)}
    na, nb = a.words["nationality_h"][:, 0], b.words["nationality_h"][:, 0]
    ya, yb = a.words["year_h"][:, 0], b.words["year_h"][:, 0]
    equal = (na[:, None] == nb[None, :]) & (ya[:, None] == yb[None, :]) & (na != 0)[:, None] & (ya != 0)[:, None]
    assert mine == set(zip(*(axis.tolist() for axis in np.nonzero(equal)), strict=True))


def test_a_register_of_namesakes_born_on_1_january_is_bounded(monkeypatch):
    """Few names in Zipf's manner, one birthday: nine million pairs, of which no rule may make more than its budget."""
    monkeypatch.setattr("linkage.index.RULE_PAIRS", 20_000)
    scheme = LinkParameters().scheme
    views = load_views({name: skewed(3_000, seed) for seed, name in enumerate(("A", "B"))}, scheme)
    parts, _ = proposed(views["A"], views["B"], candidates(scheme, views["A"], views["B"]), LocalEngine())
    pairs = pa.concat_tables(parts)
    left, right = (pairs[side].to_numpy() for side in ("left", "right"))
    rules = len(list(blocking_keys(scheme))) + 1
    assert 0 < len(left) <= rules * 20_000
    # Who agrees on everything, bit for bit, and has few namesakes is still found.
    whole = {name: views[name].words["record_f"] for name in views}
    pairs = set(zip(left.tolist(), right.tolist(), strict=True))
    for i in range(0, 3_000, 100):
        same = np.flatnonzero((whole["B"] == whole["A"][i]).all(axis=1))
        if 0 < len(same) <= 2:
            assert any((i, int(j)) in pairs for j in same)


class _Counting(LocalEngine):
    """Counts the pairs that are compared, which meet by left record."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[int] = []

    def grouped(self, step, tables, key, groups, given=NOTHING_GIVEN):
        """One part out per group, and the rows noted."""
        held = list(tables["pairs"])
        self.pairs.append(sum(part.num_rows for part in held))
        return super().grouped(step, {"pairs": self.parts(held)}, key, groups, given)


def test_skewed_registers_link_end_to_end_within_what_was_predicted(monkeypatch):
    """Candidates, strangers of both sides and three files of decoys: none compares more than the budgets of its rules."""
    monkeypatch.setattr("linkage.index.RULE_PAIRS", 5_000)
    monkeypatch.setattr("linkage.evidence.FULL_PAIRS", 1_000)
    engine = _Counting()
    tables = {name: skewed(2_000, seed) for seed, name in enumerate(("A", "B"))}
    links = link(tables, LinkParameters(unique=frozenset(tables)), None, engine=engine)
    # Every blocking rule, and the similar records; numbers there are none.
    rules = len(list(blocking_keys(LinkParameters().scheme))) + 1
    assert len(engine.pairs) == 1 + 2 + 3
    assert 0 < min(engine.pairs) <= max(engine.pairs) <= rules * 5_000 < 2_000 * 2_000 / 50
    assert links.persons.num_rows == 4_000


def test_another_key_links_nobody_and_says_so(loaded):
    """Registers encoded under two keys share nothing; the result is no link, not a wrong one."""
    one = encode_registers(loaded, KEYS, "single-site")
    two = encode_registers(loaded, StudyKeys(b"z" * 32, "nr2015"), "single-site")
    links = link({"IND": one.linkage["IND"], "IOM": two.linkage["IOM"]}, LinkParameters(), None)
    assert len(set(links.persons.column("person_id").to_pylist())) == 2080 + 155
    assert links.quality["deterministic_links"] == 0


def test_a_column_of_another_width_is_refused(loaded):
    linkage = encode_registers(loaded, KEYS, "single-site").linkage
    table = linkage["IOM"]
    wrong = pa.array([b"x"] * table.num_rows, pa.binary(1))
    place = table.column_names.index("given_f")
    with pytest.raises(InputRefused, match="another width"):
        link(dict(linkage, IOM=table.set_column(place, "given_f", wrong)), LinkParameters(), None)


def test_empty_register_links_nobody(loaded):
    registers = Loaded(dict(loaded.registers, DTV=loaded.registers["DTV"].slice(0, 0)))
    encoded, links = _linked(registers)
    assert links.persons.num_rows == sum(t.num_rows for t in encoded.linkage.values())
