"""Frozen years: drawn once over all editions, and nobody counts in more of them than a lifetime allows."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from noise_reference import SECRET, MemoryLedger, catalogue, exact, member, policy
from pydantic import ValidationError

from disclosure.ledger import Ledger
from disclosure.log import Log, set_up_log
from disclosure.memo import Memo
from disclosure.noise import NoiseResult, measure, protect_noisy
from disclosure.noise.mechanisms import Price
from disclosure.noise.plan import edition_rho, limits, person_curve, plan
from disclosure.store import open_store
from schemas.errors import BudgetExhausted, IntegrityError, UsageError
from schemas.policy_noise import NoisePolicy, Population
from schemas.tables import ExactTable

Tables = Mapping[str, ExactTable]
YEARS = (2010, 2011, 2012, 2013, 2014)


class Remembered:
    """The memory in memory, with what happens between its commit and the draw."""

    def __init__(self, after: Callable[[], None] | None = None) -> None:
        self.content: bytes | None = None
        self.after = after

    def counted(self) -> bytes | None:
        return self.content

    def count(self, change: Callable[[bytes | None], bytes]) -> bytes:
        self.content = change(self.content)
        said = self.content
        if self.after is not None:
            after, self.after = self.after, None
            after()
        return said


def asked(years: tuple[int, ...], lifetime: int = 1) -> dict[str, Any]:
    """The IOM's returns as a policy asks for them, measured by year."""
    data = member("nr2015", "nr2015.iom").model_dump()
    data |= {"years": "frozen", "lifetime": lifetime, "editions": 1}
    data["attributes"]["jaar"] |= {"categories": years, "rows": {"jaar": years}}
    for vector in data["vectors"]:
        vector["attributes"] = tuple(dict.fromkeys(("jaar", *vector["attributes"])))
        vector["year"] = "jaar"
    for relation in data["relations"]:
        relation["same"] = {"jaar": "jaar"}
    return data


def returns(years: tuple[int, ...], lifetime: int = 1) -> Population:
    """The same as the edition of `years` reads it."""
    return Population.model_validate(asked(years, lifetime))


def edition(
    years: tuple[int, ...],
    ledger: MemoryLedger,
    memory: Remembered | Memo | None,
    tables: Tables | None = None,
    snapshot: str = "snapshot",
    lifetime: int = 1,
    secret: bytes = SECRET,
) -> NoiseResult:
    alone = policy("nr2015").model_copy(update={"populations": (returns(years, lifetime),)})
    found = exact("nr2015") if tables is None else tables
    return protect_noisy(found, catalogue("nr2015"), alone, ledger, snapshot, secret, "public", memory)


def returners(rows: list[tuple[int, int]]) -> dict[str, ExactTable]:
    """Exact tables whose only returns are these (person, year)."""
    tables = dict(exact("nr2015"))
    for name in ("nr2015_f16", "nr2015_f17", "nr2015_f20"):
        table = tables[name]
        micro = pd.DataFrame({"person_id": [person for person, _ in rows]})
        for column in table.dimensions:
            first = table.categories[column][0]
            micro[column] = [year for _, year in rows] if column == "jaar" else first
        tables[name] = replace(table, micro=micro)
    return tables


@pytest.fixture
def noiseless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored results are the true counts, so that tests can see who was counted."""

    def exactly(values: np.ndarray, price: Price) -> tuple[list[int], float]:
        return [int(value) for value in values], price.scale

    monkeypatch.setattr(measure, "draw", exactly)


def drawn(ledger: MemoryLedger, population: str = "nr2015.iom") -> dict[str, list[int]]:
    """Query key -> stored values."""
    return {
        key: json.loads(result)["values"]
        for key, result in ledger.results.items()
        if ledger.charges[key][0].startswith(population)
    }


def test_a_year_is_drawn_once_and_later_editions_publish_the_same_numbers_at_no_cost() -> None:
    """Another delivery, another window: the years both have are the same bytes, and only the new one is charged."""
    ledger, memory = MemoryLedger(), Remembered()
    edition(YEARS[:4], ledger, memory)
    before = dict(ledger.results)
    spent = {name: ledger.spent(name) for name in limits_of(YEARS)}
    fewer = {
        name: replace(table, micro=table.micro.iloc[: len(table.micro) // 2]) for name, table in exact("nr2015").items()
    }
    found = edition(YEARS[1:], ledger, memory, fewer, snapshot="next year")
    assert all(ledger.results[key] == value for key, value in before.items())
    assert {charge.population for charge in found.charges if charge.drawn} == {"nr2015.iom/2014"}
    for name, rho in limits_of(YEARS).items():
        assert ledger.spent(name) == pytest.approx(rho)
        assert ledger.spent(name) == spent[name] or name.endswith("2014")


def limits_of(years: tuple[int, ...]) -> dict[str, float]:
    return limits(policy("nr2015").model_copy(update={"populations": (returns(years),)}))


@pytest.mark.usefixtures("noiseless")
@pytest.mark.parametrize("lifetime", [1, 2])
def test_over_ten_editions_and_any_corrections_nobody_counts_more_often_than_a_lifetime_allows(lifetime: int) -> None:
    """Deliveries contradict each other as they like: people move between years, come and go."""
    generator = np.random.Generator(np.random.PCG64(lifetime))
    ledger, memory = MemoryLedger(), Remembered()
    for number in range(10):
        window = tuple(range(2010 + number, 2015 + number))
        rows = [(int(person), int(year)) for person, year in zip(
            generator.integers(1, 9, 30), generator.choice(window, 30), strict=True)]  # fmt: skip
        tables = with_years(returners(rows), window)
        edition(window, ledger, memory, tables, snapshot=str(number), lifetime=lifetime)
    assert memory.content is not None
    counted = json.loads(memory.content)["counted"]
    assert set(counted) == {f"public/nr2015.iom/{vector}" for vector in ("jaar", "verwijzer", "regio")}
    totals = Counter(ledger.charges[key][0] for key, values in drawn(ledger).items() for _ in range(sum(values)))
    for years in counted.values():
        times = Counter(person for people in years.values() for person in people)
        assert 0 < max(times.values()) <= lifetime
    assert sum(totals.values()) <= 3 * 8 * lifetime, "eight people, three vectors"


def with_years(tables: dict[str, ExactTable], window: tuple[int, ...]) -> dict[str, ExactTable]:
    """The tables of a study that reports on other years."""
    return {
        name: replace(table, categories={**table.categories, "jaar": window})
        if name in ("nr2015_f16", "nr2015_f20")
        else table
        for name, table in tables.items()
    }


@pytest.mark.usefixtures("noiseless")
@pytest.mark.parametrize("person", [1, 2, 3, 4])
@pytest.mark.parametrize("lifetime", [1, 2])
def test_removing_a_person_from_every_delivery_moves_all_years_together_by_a_lifetime(
    person: int, lifetime: int
) -> None:
    """The promise over the years: L1 over all slices that any edition ever drew, per vector."""
    editions = [
        ((2010, 2011, 2012), [(1, 2010), (1, 2012), (2, 2011), (3, 2012), (4, 2010)]),
        ((2011, 2012, 2013), [(1, 2012), (1, 2013), (2, 2013), (3, 2012), (4, 2011), (4, 2013)]),
        ((2012, 2013, 2014), [(1, 2014), (2, 2014), (2, 2012), (3, 2014), (4, 2014)]),
    ]

    def history(without: int | None) -> dict[str, list[int]]:
        ledger, memory = MemoryLedger(), Remembered()
        for number, (window, rows) in enumerate(editions):
            kept = [row for row in rows if row[0] != without]
            edition(window, ledger, memory, returners(kept), snapshot=f"{number} {without}", lifetime=lifetime)
        return drawn(ledger)

    full, less = history(None), history(person)
    assert set(full) == set(less), "which slices there are does not depend on the data"
    moved = sum(int(np.abs(np.array(full[key]) - np.array(less[key])).sum()) for key in full)
    assert 0 < moved <= 3 * lifetime, "three vectors"


@pytest.mark.usefixtures("noiseless")
def test_a_correction_does_not_make_somebody_count_twice() -> None:
    ledger, memory = MemoryLedger(), Remembered()
    edition((2010, 2011), ledger, memory, returners([(7, 2011)]))
    edition((2011, 2012), ledger, memory, returners([(7, 2012)]), snapshot="corrected")
    assert sum(sum(values) for values in drawn(ledger).values()) == 3


@pytest.mark.usefixtures("noiseless")
def test_of_years_that_are_new_together_one_is_picked_at_random() -> None:
    """The first year would bend the trend; the pick is fixed by the secret."""
    ledger, memory = MemoryLedger(), Remembered()
    rows = [(person, year) for person in range(1, 201) for year in (2010, 2011, 2012)]
    edition((2010, 2011, 2012), ledger, memory, returners(rows))
    by_year = Counter({
        int(name[-4:]): sum(values) for key, values in drawn(ledger).items()
        for name in [ledger.charges[key][0]] if len(values) == 1
    })  # fmt: skip
    assert sum(by_year.values()) == 200
    assert min(by_year.values()) > 40


@pytest.mark.usefixtures("noiseless")
def test_a_run_that_dies_between_memory_and_draw_draws_the_same_people_later() -> None:
    def die() -> None:
        raise KeyboardInterrupt

    ledger, memory = MemoryLedger(), Remembered(after=die)
    with pytest.raises(KeyboardInterrupt):
        edition((2010, 2011), ledger, memory, returners([(1, 2010), (1, 2011)]))
    assert memory.content is not None
    assert not ledger.results
    kept = json.loads(memory.content)["counted"]
    edition((2010, 2011), ledger, memory, returners([(1, 2010), (1, 2011), (2, 2010)]), snapshot="after")
    after = json.loads(memory.content)["counted"]
    for name, years in kept.items():
        assert all(set(people) <= set(after[name][year]) for year, people in years.items())
    assert sum(sum(values) for values in drawn(ledger).values()) == 2 * 3


@pytest.mark.usefixtures("noiseless")
def test_two_runs_at_once_cannot_count_somebody_twice() -> None:
    """A second run with another delivery claims and draws between the first one's claim and its draw."""
    ledger = MemoryLedger()
    memory = Remembered()
    memory.after = lambda: edition((2011, 2012), ledger, memory, returners([(1, 2012)]), snapshot="rival") and None
    edition((2010, 2011), ledger, memory, returners([(1, 2011), (2, 2010)]))
    assert memory.content is not None
    for years in json.loads(memory.content)["counted"].values():
        assert Counter(person for people in years.values() for person in people) == {1: 1, 2: 1}
    assert sum(sum(values) for values in drawn(ledger).values()) == 3, "the rival drew 2011 without the first one"


def test_a_memory_that_is_gone_older_or_of_another_secret_is_noticed() -> None:
    ledger, memory = MemoryLedger(), Remembered()
    edition((2010, 2011), ledger, memory)
    old = memory.content
    edition((2011, 2012), ledger, memory, snapshot="later")
    for content in (None, old):
        memory.content = content
        with pytest.raises(IntegrityError, match="not remembered"):
            edition((2011, 2012, 2013), ledger, memory, snapshot="latest")
    memory.content = old
    with pytest.raises(IntegrityError, match="another study secret"):
        edition((2011, 2012, 2013), ledger, memory, snapshot="latest", secret=b"t" * 32)
    with pytest.raises(UsageError, match="memory"):
        edition((2011, 2012, 2013), ledger, None, snapshot="latest")


def test_a_changed_question_about_an_old_year_exceeds_that_years_budget() -> None:
    """Another lifetime is another query: the line of each year covers one draw."""
    line = limits_of((2010,))["nr2015.iom/2010"]
    ledger, memory = MemoryLedger(limit=line), Remembered()
    edition((2010,), ledger, memory)
    kept = memory.content
    with pytest.raises(BudgetExhausted):
        edition((2010,), ledger, memory, lifetime=2)
    assert memory.content == kept, "nobody was counted for what was refused"


def test_the_memory_lies_sealed_in_the_store_and_comes_back(tmp_path: Path) -> None:
    """Through the real ledger and memo: the second edition costs its new year only, and nobody's id lies in the open."""
    store = open_store(tmp_path / "state")
    try:
        set_up_log(store, actor="anna")
        ledger = Ledger(Log.open(store), "anna", "operator", "nr2015", "release")
        for name, rho in limits_of(YEARS).items():
            ledger.set_budget(name, "public", rho)
        memo = Memo(store, "nr2015", secrets.token_bytes(32))
        edition(YEARS[:4], ledger, memo)  # type: ignore[arg-type]
        first = memo.counted()
        edition(YEARS[1:], ledger, memo, snapshot="next year")  # type: ignore[arg-type]
        lines = {line.population: line for line in ledger.statement()}
        ledger.verify()
    finally:
        store.close()
    assert first is not None
    assert all(line.remaining < 1e-9 and not line.reserved for line in lines.values())
    person = str(json.loads(first)["counted"]["public/nr2015.iom/jaar"]["2010"][0]).encode()
    assert len(person) > 1
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b'"counted"' not in file.read_bytes()


def test_tables_of_frozen_years_add_up_and_carry_intervals() -> None:
    found = edition(YEARS, MemoryLedger(), Remembered()).protected
    sums = {name: found[name].frame["aantal"].sum() for name in found if not found[name].frame["aantal"].isna().any()}
    assert len(set(sums.values())) <= 1
    for table in found.values():
        assert (table.frame["bovengrens"] >= table.frame["ondergrens"]).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"years": "rolling", "lifetime": 2},
        {"years": "rolling"},
        {"editions": 2},
        {"unit_table": "nr2015_f16", "units": 2, "shares": {"counts": 0.9, "second": 0.1}},
        {"vectors": member("nr2015", "nr2015.iom").model_dump()["vectors"]},
    ],
    ids=["a lifetime without frozen years", "years of vectors", "editions", "second units", "a vector without years"],
)
def test_a_policy_that_freezes_years_by_halves_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Population.model_validate(asked(YEARS) | changes)


def test_the_plan_prices_a_lifetime_and_the_curve_counts_it() -> None:
    population = returns(YEARS, lifetime=2)
    alone = NoisePolicy(populations=(population,))
    line = plan(alone, years=10).populations[0]
    assert (line.years, line.frozen_epsilon, line.full_epsilon) == ("frozen", 4.0, 20.0)
    assert line.frozen_total == line.rolling_total
    assert person_curve([alone])[0][1] == pytest.approx(2 * edition_rho(population))
    assert set(limits(alone)) == {f"nr2015.iom/{year}" for year in YEARS}
