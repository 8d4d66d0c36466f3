"""`schakel protect INSTANCE`: what it writes, what it promises, and what it says about bad input."""

from __future__ import annotations

import csv
import itertools
import json
import stat
from collections import Counter
from pathlib import Path

import pytest
from suppress_reference import people_of, write_instance

from disclosure.protect_instance import protect_instance
from disclosure.suppress.problem import Insider, Objective
from schemas.errors import InputRefused, SchakelError, UsageError

INSTANCES = Path(__file__).parents[3] / "benchmarks" / "instances"
LAND = {"noord": "Total", "zuid": "Total", "n1": "noord", "n2": "noord", "z1": "zuid", "z2": "zuid"}
SEX = {"V": "Total", "M": "Total"}
COUNTS: dict[tuple[str, ...], int] = {
    ("n1", "V"): 1, ("n1", "M"): 7, ("n2", "V"): 6, ("n2", "M"): 9,
    ("z1", "V"): 8, ("z1", "M"): 2, ("z2", "V"): 5, ("z2", "M"): 11,
}  # fmt: skip
RULE: dict[str, int | str] = {"threshold": 3, "zeros": "published", "protect_down": 1, "protect_up": 1}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write_instance(
        tmp_path / "made", {"t": ["L", "S"]}, {"L": LAND, "S": SEX}, people_of(COUNTS, ("L", "S")), **RULE
    )


def protect(folder: Path, insider: Insider = "person", objective: Objective = "value") -> Path:
    out = folder.parent / f"out-{insider}-{objective}"
    protect_instance(folder, out, objective=objective, insider=insider, time_limit=5.0)
    return out


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def truth_of(folder: Path, dimensions: list[str]) -> Counter[tuple[str, ...]]:
    """Every node of the cross counted from the microdata, by walking up the trees."""
    parents = {d: {r["code"]: r["parent"] for r in rows_of(folder / f"hierarchy_{d}.csv")} for d in dimensions}
    found: Counter[tuple[str, ...]] = Counter()
    for person in rows_of(folder / "micro.csv"):
        trails = []
        for d in dimensions:
            trail = [person[d]]
            while parents[d][trail[-1]]:
                trail.append(parents[d][trail[-1]])
            trails.append(trail)
        found.update(itertools.product(*trails))
    return found


@pytest.mark.parametrize("insider", ["none", "person", "pair"])
@pytest.mark.parametrize("objective", ["value", "cells"])
def test_it_writes_every_cell_that_is_not_empty(made: Path, insider: Insider, objective: Objective) -> None:
    out = protect(made, insider, objective)
    rows, truth = rows_of(out / "t.csv"), truth_of(made, ["L", "S"])
    assert list(rows[0]) == ["L", "S", "aantal", "status"]
    assert {(r["L"], r["S"]) for r in rows} == set(truth)
    assert len(rows) == len(truth)
    for row in rows:
        assert row["status"] in ("ok", "suppressed")
        assert row["aantal"] == ("" if row["status"] == "suppressed" else str(truth[row["L"], row["S"]]))
        assert row["status"] == "suppressed" or truth[row["L"], row["S"]] >= 3


def test_the_certificate_is_private_and_lists_the_range_of_every_blank(made: Path) -> None:
    out = protect(made)
    path = out / "certificate.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    certificate = json.loads(path.read_text())
    assert certificate["attack"]["certified"] is True
    assert certificate["bound"] <= certificate["measure"]
    blanks = [row for row in rows_of(out / "t.csv") if row["status"] == "suppressed"]
    assert len(certificate["blanks"]) == len(blanks)
    small = [blank for blank in certificate["blanks"] if blank["primary"]]
    assert len(small) == sum(value < 3 for value in truth_of(made, ["L", "S"]).values())
    assert all(blank["low"] < blank["high"] for blank in small)


def test_nothing_published_tells_which_blank_is_small(made: Path) -> None:
    out = protect(made)
    assert {path.name for path in out.iterdir()} == {"t.csv", "certificate.json"}
    assert "primary" not in (out / "t.csv").read_text()


def test_the_same_instance_gives_the_same_bytes(made: Path) -> None:
    assert (protect(made) / "t.csv").read_bytes() == (protect(made) / "t.csv").read_bytes()


def test_protected_zeros_are_blank(made: Path) -> None:
    """Where a zero discloses, it is primary, and every node of the cross has a row."""
    rule = dict(RULE, zeros="protected")
    counts = {key: value for key, value in COUNTS.items() if key != ("z1", "M")}
    folder = write_instance(
        made.parent / "zeros", {"t": ["L", "S"]}, {"L": LAND, "S": SEX}, people_of(counts, "LS"), **rule
    )
    rows = rows_of(protect(folder) / "t.csv")
    assert len(rows) == 7 * 3
    assert {r["status"] for r in rows if (r["L"], r["S"]) == ("z1", "M")} == {"suppressed"}


def test_one_second_is_still_safe() -> None:
    """The reference instance h3d, hurried: refused or certified, nothing between."""
    from disclosure.attack import attack
    from disclosure.suppress.certificate import secrets_of
    from disclosure.suppress.choose import choose
    from disclosure.suppress.instance import read_instance

    system = read_instance(INSTANCES / "h3d").system
    choice = choose(system, "value", "person", 1.0)
    assert attack(secrets_of(system), choice.blank, insider="person").certified
    assert 6100 <= choice.measure <= 12_000
    assert choice.bound <= 6198 + 1e-6, "a safe pattern of 6198 is known, so no bound can be above it"


def test_linked_tables_are_blank_together(tmp_path: Path) -> None:
    """A cell that two tables print has one status in both."""
    micro = [dict(zip("LSA", codes, strict=True)) for codes in itertools.product(("n1", "z1", "z2"), "VM", "ab")] * 2
    micro += [{"L": "n2", "S": "V", "A": "a"}] + [{"L": "n2", "S": "M", "A": "b"}] * 6
    trees = {"L": LAND, "S": SEX, "A": {"a": "Total", "b": "Total"}}
    folder = write_instance(tmp_path / "two", {"LS": ["L", "S"], "LA": ["A", "L"]}, trees, micro, **RULE)
    out = protect(folder)
    by_land = {r["L"]: r["status"] for r in rows_of(out / "LS.csv") if r["S"] == "Total"}
    assert by_land == {r["L"]: r["status"] for r in rows_of(out / "LA.csv") if r["A"] == "Total"}


def refused(folder: Path) -> str:
    with pytest.raises(SchakelError) as caught:
        protect(folder)
    assert not (folder.parent / "out-person-value").exists(), "nothing is written when the answer is no"
    assert caught.value.exit_code in (2, 3)
    return str(caught.value)


def change(folder: Path, file: str, old: str, new: str) -> Path:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    return folder


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("hierarchy_L.csv", "noord,Total", "noord,n1", "cycle"),
        ("hierarchy_L.csv", "n1,noord", "n1,", "n1"),
        ("hierarchy_L.csv", "n1,noord", "n1,oost", "oost"),
        ("hierarchy_L.csv", "Total,\n", "", "root"),
        ("hierarchy_L.csv", "n2,noord", "n2,noord\nn2,zuid", "twice"),
        ("hierarchy_L.csv", "code,parent", "code,ouder", "code,parent"),
        ("micro.csv", "n1,V", "x9,V", "hierarchy_L.csv"),
        ("micro.csv", "n1,V", "noord,V", "leaf"),
        ("micro.csv", "L,S", "L,X", "'S'"),
        ("instance.toml", "threshold = 3", "threshold = 0", "threshold"),
        ("instance.toml", '["L", "S"]', '["L", "Q"]', "hierarchy_Q.csv"),
        ("instance.toml", '["L", "S"]', '["L", "L"]', "'L'"),
        ("instance.toml", '["L", "S"]', "[]", "dimensions"),
    ],
    ids=lambda value: str(value)[:24].replace("\n", " "),
)
def test_bad_input_is_named(made: Path, file: str, old: str, new: str, said: str) -> None:
    message = refused(change(made, file, old, new))
    assert said in message
    assert "Traceback" not in message


def test_a_code_outside_the_hierarchy_is_told_by_its_line_not_its_value(made: Path) -> None:
    message = refused(change(made, "micro.csv", "z2,M", "GEHEIM,M"))
    assert "GEHEIM" not in message
    line = [r["L"] for r in rows_of(made / "micro.csv")].index("GEHEIM") + 2
    assert f"line {line}" in message


def test_two_tables_of_one_name(made: Path) -> None:
    text = (made / "instance.toml").read_text()
    (made / "instance.toml").write_text(text + '[[table]]\nid = "t"\ndimensions = ["L"]\n')
    assert "alike" in refused(made)


def test_no_folder_and_no_rows(made: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        protect(made.parent / "absent")
    (made / "micro.csv").write_text("L,S\n")
    assert "no rows" in refused(made)


def test_a_table_with_one_cell(tmp_path: Path) -> None:
    """One leaf under the root: the total is the leaf, and both are blank or both are shown."""
    for count, status in ((2, "suppressed"), (8, "ok")):
        folder = tmp_path / str(count)
        write_instance(folder / "one", {"t": ["S"]}, {"S": {"V": "Total"}}, people_of({("V",): count}, "S"), **RULE)
        rows = rows_of(protect(folder / "one") / "t.csv")
        assert [r["status"] for r in rows] == [status, status]


def test_all_cells_small(tmp_path: Path) -> None:
    counts: dict[tuple[str, ...], int] = {("n1", "V"): 1, ("z1", "M"): 1}
    folder = write_instance(tmp_path / "all", {"t": ["L", "S"]}, {"L": LAND, "S": SEX}, people_of(counts, "LS"), **RULE)
    assert {r["status"] for r in rows_of(protect(folder) / "t.csv")} == {"suppressed"}


def test_a_margin_of_zero_has_no_row_and_hides_nothing(tmp_path: Path) -> None:
    """Nobody in the south: its nodes are empty, and the north is all there is."""
    counts = {key: value for key, value in COUNTS.items() if key[0].startswith("n")}
    folder = write_instance(tmp_path / "no", {"t": ["L", "S"]}, {"L": LAND, "S": SEX}, people_of(counts, "LS"), **RULE)
    rows = {(r["L"], r["S"]): r["status"] for r in rows_of(protect(folder) / "t.csv")}
    assert not any(land in ("zuid", "z1", "z2") for land, _ in rows)
    for sex in ("V", "M", "Total"):
        assert rows["noord", sex] == rows["Total", sex], "the same number under two names"


def test_tables_that_contradict_each_other_say_which_cell() -> None:
    """One cell known with two values, and a parent that its parts do not add up to."""
    from disclosure.suppress.system import SystemBuilder

    builder = SystemBuilder()
    builder.cell((("S", "V"),), 8, (8, 0, 7))
    with pytest.raises(InputRefused, match="S=V"):
        builder.cell((("S", "V"),), 9, (9, 0, 8))
    total = builder.cell((), 20, (20, 0, 19))
    with pytest.raises(InputRefused, match=r"grand total.*S=V"):
        builder.equation(total, [0])
