"""Earlier editions: what a reader who kept them all works out, by a reader written from the printed frames alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from release_attacker import Reader, Row, ranges, read, small, tiny

from disclosure.suppress import SuppressionResult, suppress_tables
from schemas.catalogue import Catalogue
from schemas.errors import DisclosureRefused
from schemas.policy_suppression import SuppressionPolicy
from schemas.tables import ExactTable, ProtectedTable

RULES = SuppressionPolicy(insider="none", time_limit=2.0)
Tables = Mapping[str, ProtectedTable]
REGIONS, SEXES = ("a", "b", "c", "d"), ("V", "M")
COUNTS = st.lists(st.lists(st.integers(1, 12), min_size=4, max_size=4), min_size=2, max_size=2)


def release(counts: list[list[int]]) -> tuple[Catalogue, dict[str, ExactTable]]:
    """Sex by region, and both margins as tables of their own."""
    cells = {(s, r): counts[i][j] for i, s in enumerate(SEXES) for j, r in enumerate(REGIONS)}
    return tiny({
        "cross": (("sekse", "regio"), cells),
        "sekse": (("sekse",), {(s,): sum(counts[i]) for i, s in enumerate(SEXES)}),
        "regio": (("regio",), {(r,): sum(row[j] for row in counts) for j, r in enumerate(REGIONS)}),
    })  # fmt: skip


def suppressed(
    made: tuple[Catalogue, dict[str, ExactTable]], history: Sequence[Tables], **rules: object
) -> SuppressionResult:
    return suppress_tables(made[1], made[0], RULES.model_copy(update=rules), history, "restricted")


def laid_together(catalogue: Catalogue, first: Tables, second: Tables, corrected: Set[Row]) -> Reader:
    """One unknown where a cell was blank in both, its value where the second prints it; `corrected` cells stay apart."""
    last, earlier = read(second, catalogue), read(first, catalogue)
    both = Reader(dict(last.constants), dict(last.variables), list(last.equal), list(last.at_most))
    place: dict[Row, Row] = {}
    for row in earlier.variables:
        place[row] = (f"then {row[0]}", row[1]) if row in corrected else row
        if place[row] not in both.constants:
            both.variables.setdefault(place[row], len(both.variables))
    for row, value in earlier.constants.items():
        place[row] = (f"then {row[0]}", row[1])
        both.constants[place[row]] = value
    both.equal += [([place[r] for r in left], [place[r] for r in right]) for left, right in earlier.equal]
    return both


def differ(before: Mapping[str, ExactTable], after: Mapping[str, ExactTable]) -> set[Row]:
    return {
        (name, i)
        for name, table in before.items()
        for i in np.flatnonzero(table.frame["aantal"] != after[name].frame["aantal"]).tolist()
    }


@given(COUNTS, st.integers(0, 3), st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_a_reader_who_kept_the_first_edition_determines_no_small_cell(
    counts: list[list[int]], column: int, fewer: int
) -> None:
    """One printed cell is corrected; what was blank and is the same stays unknown though two editions can be subtracted."""
    before = release(counts)
    first = suppressed(before, []).protected
    frame = first["cross"].frame
    assume(frame["status"][column] == "ok")
    assume(counts[0][column] > fewer)
    corrected = [list(row) for row in counts]
    corrected[0][column] -= fewer
    after = release(corrected)
    try:
        second = suppressed(after, [first])
    except DisclosureRefused:
        return
    lost = set(second.certificate["lost"])
    reader = laid_together(before[0], first, second.protected, differ(before[1], after[1]))
    narrow = [row for row, (low, high) in ranges(reader, small(after[1], 5)).items() if low >= high]
    assert not narrow or lost


def test_the_reader_of_two_editions_is_no_fool() -> None:
    """Without the history the second edition falls to the very same reader."""
    fallen = 0
    generator = np.random.Generator(np.random.PCG64(4))
    for _ in range(12):
        counts = generator.integers(1, 13, (2, 4)).tolist()
        first = suppressed(release(counts), []).protected
        corrected = [list(row) for row in counts]
        corrected[0][int(np.argmax(counts[0]))] -= 4
        before, after = release(counts), release(corrected)
        second = suppressed(after, []).protected
        if first["cross"].frame["status"][int(np.argmax(counts[0]))] == "ok":
            reader = laid_together(after[0], first, second, differ(before[1], after[1]))
            found = ranges(reader, small(after[1], 5))
            fallen += any(low >= high for low, high in found.values())
    assert fallen


def test_a_corrected_cell_lies_within_the_policys_width() -> None:
    """c was printed as 7; it is 4 now and blank. Between 2 and 9 is the widest that a width of 5 lets anybody believe."""
    catalogue, old = tiny({"r": (("regio",), {("a",): 9, ("b",): 9, ("c",): 7})})
    first = suppress_tables(old, catalogue, RULES, [], "restricted").protected
    _, new = tiny({"r": (("regio",), {("a",): 9, ("b",): 9, ("c",): 4})})
    for width, (low, high) in {1: (3, 11), 5: (2, 12)}.items():
        rules = RULES.model_copy(update={"corrections": width, "protect_up": 1})
        second = suppress_tables(new, catalogue, rules, [first], "restricted")
        assert second.protected["r"].frame["status"].tolist() == ["ok", "ok", "suppressed"]
        blank = next(item for item in second.certificate["blanks"] if "regio=c" in item["cell"])
        assert low <= blank["low"] < 4 < blank["high"] <= high


def test_what_editions_gave_away_before_is_said_and_not_asked_again() -> None:
    """Under a threshold of 3 the four was fair; under 5 it is not, and its parts and total were printed."""
    counts = [[4, 9, 8, 7], [9, 9, 9, 9]]
    made = release(counts)
    first = suppressed(made, [], threshold=2).protected
    blanked = {name: blank_rows(table, {("V", "a")}) for name, table in first.items()}
    second = suppressed(made, [blanked])
    assert second.certificate["lost"] == ["population=p, kind=count, regio=a, sekse=V"]
    assert ("V", "a") in blanks(second.protected["cross"])


def blanks(table: ProtectedTable) -> set[tuple[object, ...]]:
    rows = table.frame[table.frame["status"] == "suppressed"]
    return set(rows[list(table.dimensions)].itertuples(index=False, name=None))


def blank_rows(table: ProtectedTable, codes: set[tuple[str, ...]]) -> ProtectedTable:
    frame = table.frame.copy()
    mask = np.array([row in codes for row in frame[list(table.dimensions)].itertuples(index=False, name=None)])
    frame["aantal"] = frame["aantal"].astype("Int64").mask(mask)
    frame["status"] = np.where(mask, "suppressed", "ok").astype(object)
    return ProtectedTable(table.id, "restricted", "suppressed", table.dimensions, table.categories, frame)


def test_an_edition_that_cannot_be_laid_beside_is_refused_or_named() -> None:
    """Other dimensions under the same name: refused. A table that the catalogue dropped: named in the certificate."""
    made = release([[9, 9, 9, 9], [9, 9, 9, 9]])
    first = suppressed(made, []).protected
    turned = first["sekse"].frame.rename(columns={"sekse": "geslacht"})
    other = ProtectedTable("sekse", "restricted", "suppressed", ("geslacht",), {"geslacht": SEXES}, turned)
    with pytest.raises(DisclosureRefused, match="sekse was printed earlier"):
        suppressed(made, [{"sekse": other}])
    dropped = ProtectedTable("weg", "restricted", "suppressed", ("sekse",), {"sekse": SEXES}, first["sekse"].frame)
    assert suppressed(made, [{"weg": dropped}]).certificate["apart"] == ["weg"]


def test_editions_that_cannot_all_be_true_are_refused() -> None:
    made = release([[9, 9, 9, 9], [9, 9, 9, 9]])
    first = dict(suppressed(made, []).protected)
    frame = first["sekse"].frame.copy()
    frame["aantal"] = pd.array([36, 30], dtype="Int64")
    first["sekse"] = ProtectedTable("sekse", "restricted", "suppressed", ("sekse",), {"sekse": SEXES}, frame)
    with pytest.raises(DisclosureRefused, match="cannot all be true"):
        suppressed(made, [first])


def test_a_zero_that_was_a_blank_and_a_blank_that_was_a_zero() -> None:
    """Empty cells have no cell of their own where zeros are printed; an edition that had one does."""
    before, after = release([[2, 9, 9, 9], [9, 9, 9, 9]]), release([[0, 9, 9, 9], [9, 9, 3, 9]])
    first = suppressed(before, []).protected
    second = suppressed(after, [first])
    assert ("M", "c") in blanks(second.protected["cross"])
    third = suppressed(before, [first, second.protected])
    assert ("V", "a") in blanks(third.protected["cross"])
