"""What an attacker sees who can choose the registers: the whole protect step on neighbours, many times, black box."""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from noise_reference import SECRET, STUDIES, MemoryLedger, catalogue, exact, member, policy
from scipy.stats import beta

import disclosure
from disclosure.ledger import Ledger
from disclosure.log import Log, set_up_log
from disclosure.noise import protect_noisy
from disclosure.noise.layout import build
from disclosure.noise.plan import edition_rho, limits
from disclosure.noise.rows import read_tables
from disclosure.noise.units import Microdata, Picker
from disclosure.noise.weights import prices
from disclosure.store import open_store
from schemas.errors import BudgetExhausted, IntegrityError
from schemas.policy_noise import NoisePolicy, Population
from schemas.tables import ExactTable

Tables = Mapping[str, ExactTable]
LAPLACE = member("nr2015", "nr2015.dtv")
GAUSSIAN = LAPLACE.model_copy(update={"mechanism": "gaussian", "delta": 1e-6})
SURE = 1e-3


def alone(population: Population) -> NoisePolicy:
    return policy("nr2015").model_copy(update={"populations": (population,)})


@cache
def neighbour() -> dict[str, ExactTable]:
    """The registers without one person of the DT&V."""
    person = int(exact("nr2015")["nr2015_f09"].micro["person_id"].iloc[0])
    return {
        name: replace(table, micro=table.micro[table.micro["person_id"] != person])
        for name, table in exact("nr2015").items()
    }


def counts(population: Population, tables: Tables) -> dict[str, np.ndarray]:
    layout = build(population)
    micro = Microdata(population, read_tables(population, tables), Picker(SECRET, "snapshot", population.id))
    return {vector.id: micro.vector(vector, layout.blocks[vector.id]) for vector in population.vectors}


def stored(population: Population, tables: Tables) -> tuple[list[np.ndarray], int]:
    """(noisy vectors in the order of the policy, published total of f09) of one fresh release."""
    ledger = MemoryLedger()
    found = protect_noisy(tables, catalogue("nr2015"), alone(population), ledger, "snapshot", SECRET, "public")
    results = [json.loads(ledger.results[charge.key])["values"] for charge in found.charges]
    return [np.array(values) for values in results], int(found.protected["nr2015_f09"].frame["aantal"].fillna(0).sum())


def evidence(population: Population, releases: int, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """(log odds of `tables` being the full registers, published totals): the best an attacker who knows both can do."""
    here, there = counts(population, exact("nr2015")), counts(population, neighbour())
    priced = prices(build(population))
    odds, totals = [], []
    for _ in range(releases):
        noisy, total = stored(population, tables)
        gain = 0.0
        for vector, values in zip(population.vectors, noisy, strict=True):
            scale = priced[vector.id].scale
            with_person, without = values - here[vector.id], values - there[vector.id]
            if population.mechanism == "laplace":
                gain += float(np.sum(np.abs(without) - np.abs(with_person))) / scale
            else:
                gain += float(np.sum(without**2 - with_person**2)) / (2 * scale**2)
        odds.append(gain)
        totals.append(total)
    return np.array(odds), np.array(totals)


def lower_bound(here: np.ndarray, there: np.ndarray, delta: float = 0.0) -> float:
    """Clopper-Pearson lower bound on epsilon from how often an event happens with and without the person."""
    low = beta.ppf(SURE, max(here.sum(), 1), len(here) - here.sum() + 1)
    high = beta.ppf(1 - SURE, there.sum() + 1, max(len(there) - there.sum(), 1))
    return float(math.log(max(low - delta, 1e-12) / high))


def attack(population: Population, releases: int) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Epsilon bounds by the best evidence and by the published total, and the evidence of both worlds."""
    odds, totals = evidence(population, releases, exact("nr2015"))
    others, less = evidence(population, releases, neighbour())
    delta = population.delta or 0.0
    edge = float(np.quantile(odds, 0.6))
    best = lower_bound(odds >= edge, others >= edge, delta)
    middle = float(np.median(totals))
    return best, lower_bound(totals > middle, less > middle, delta), odds, others


@pytest.mark.parametrize("population", [LAPLACE, GAUSSIAN], ids=["laplace", "gaussian"])
def test_a_release_of_neighbouring_registers_betrays_no_more_than_was_paid(population: Population) -> None:
    best, published, odds, _ = attack(population, 60)
    assert best <= population.epsilon
    assert published <= population.epsilon
    if population.mechanism == "laplace":
        assert np.abs(odds).max() <= population.epsilon * (1 + 1e-9), "the odds of any outcome, exactly"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_many_releases_show_that_something_was_paid_and_no_more_than_stated_laplace() -> None:
    best, published, odds, others = attack(LAPLACE, 500)
    assert 0.3 * LAPLACE.epsilon < best <= LAPLACE.epsilon
    assert published < best
    assert max(np.abs(odds).max(), np.abs(others).max()) <= LAPLACE.epsilon * (1 + 1e-9)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_many_releases_show_that_something_was_paid_and_no_more_than_stated_gaussian() -> None:
    """Probability masses: the log odds are normal with mean rho and variance 2 rho, and every mass obeys the promise."""
    best, _, odds, others = attack(GAUSSIAN, 500)
    rho = edition_rho(GAUSSIAN)
    error = 4 * math.sqrt(2 * rho / len(odds))
    assert rho - error - 0.02 < odds.mean() < rho + error
    assert -rho - error < others.mean() < -rho + error + 0.02
    assert best <= GAUSSIAN.epsilon
    for edge in np.quantile(np.concatenate([odds, others]), np.linspace(0.02, 0.98, 25)):
        assert lower_bound(odds >= edge, others >= edge, 1e-6) <= GAUSSIAN.epsilon
        assert lower_bound(others < edge, odds < edge, 1e-6) <= GAUSSIAN.epsilon


def test_averaging_over_editions_is_what_the_limit_pays_for() -> None:
    """Editions of new snapshots draw anew, so that averages sharpen; the limit says how often, and then it is over."""
    ledger = MemoryLedger(limit=limits(alone(LAPLACE))[LAPLACE.id])
    draws = []
    for edition in range(LAPLACE.editions):
        found = protect_noisy(
            exact("nr2015"), catalogue("nr2015"), alone(LAPLACE), ledger, str(edition), SECRET, "public"
        )
        draws.append(ledger.results[found.charges[0].key])
    assert len(set(draws)) == LAPLACE.editions
    with pytest.raises(BudgetExhausted):
        protect_noisy(exact("nr2015"), catalogue("nr2015"), alone(LAPLACE), ledger, "more", SECRET, "public")
    assert ledger.spent(LAPLACE.id) <= LAPLACE.editions * edition_rho(LAPLACE) * (1 + 1e-9)


@pytest.mark.parametrize("study", STUDIES)
def test_keys_prices_and_rows_do_not_depend_on_data(study: str) -> None:
    """An empty register gives the same queries, the same charges and the same rows as a full one."""
    empty = {name: replace(table, micro=table.micro.iloc[:0]) for name, table in exact(study).items()}
    rows, charges = [], []
    for tables in (exact(study), empty):
        ledger = MemoryLedger()
        found = protect_noisy(tables, catalogue(study), policy(study), ledger, "snapshot", SECRET, "public")
        charges.append(ledger.charges)
        rows.append({name: table.frame[list(table.dimensions)] for name, table in found.protected.items()})
        for table in found.protected.values():
            assert table.frame["status"].isin(["noisy", "suppressed", "zero_structural"]).all()
    assert charges[0] == charges[1]
    for name, frame in rows[0].items():
        assert frame.equals(rows[1][name])


def test_fifty_cases_of_one_person_cost_and_show_no_more_than_one() -> None:
    """Through the whole step: the sums of the vectors move by one, whatever the person did."""
    population = member("nr2015", "nr2015.ind")
    tables = {
        name: replace(
            table, micro=table.micro.iloc[[0] * 50].assign(person_id=10**9) if len(table.micro) else table.micro
        )
        for name, table in exact("nr2015").items()
    }
    found = counts(population, tables)
    assert max(int(values.sum()) for values in found.values()) == 1
    micro = Microdata(population, read_tables(population, tables), Picker(SECRET, "snapshot", population.id))
    assert int(micro.further_units().sum()) <= population.units - 1


def test_codes_that_are_merged_after_the_bound_do_not_lift_it() -> None:
    """The pattern of OpenDP's issue 2949: contributions are truncated, then a column is redefined, and the bound is gone.

    Here nothing is redefined after a person's row was picked: somebody with a row under every code of every column, also of
    codes that the policy merges or leaves to another category, still moves each vector by one.
    """
    for population in policy("nr2015").populations:
        tables = {}
        for name, table in exact("nr2015").items():
            codes = [table.categories[column] for column in table.dimensions]
            rows = [dict(zip(table.dimensions, key, strict=True)) for key in itertools.product(*codes)]
            extra = pd.DataFrame(rows).assign(person_id=10**9)
            if "waarde" in table.micro:
                extra["waarde"] = 90
            tables[name] = replace(table, micro=pd.concat([table.micro, extra], ignore_index=True))
        before, after = counts(population, exact("nr2015")), counts(population, tables)
        for vector, values in before.items():
            assert np.abs(after[vector] - values).sum() <= 1, vector


def test_opendps_dataframe_layer_where_that_pattern_lives_is_used_nowhere() -> None:
    """One module asks OpenDP for anything: two integer mechanisms and a conversion."""
    room = Path(disclosure.__file__).parent
    users = {path.name for path in room.rglob("*.py") if re.search(r"^\s*(import|from) opendp", path.read_text(), re.M)}
    assert users == {"mechanisms.py"}
    asked = set(re.findall(r"\bdp\.\w+(?:\.make_\w+)?", (room / "noise" / "mechanisms.py").read_text()))
    assert asked == {
        "dp.enable_features", "dp.vector_domain", "dp.atom_domain", "dp.l1_distance", "dp.l2_distance",
        "dp.m.make_gaussian", "dp.m.make_laplace", "dp.c.make_zCDP_to_approxDP",
    }  # fmt: skip


def spend(folder: Path, snapshot: str, act: Callable[[Path], object] | None = None) -> None:
    """One edition of the DT&V's tables against the ledger in a state folder."""
    if act is not None:
        act(folder)
    store = open_store(folder)
    try:
        ledger = Ledger(Log.open(store), "anna", "operator", "nr2015", "release")
        protect_noisy(exact("nr2015"), catalogue("nr2015"), alone(LAPLACE), ledger, snapshot, SECRET, "public")
    finally:
        store.close()


def start(folder: Path, editions: float) -> None:
    store = open_store(folder)
    set_up_log(store, actor="anna")
    ledger = Ledger(Log.open(store), "anna", "operator", "nr2015", "release")
    ledger.set_budget(LAPLACE.id, "public", editions * edition_rho(LAPLACE))
    store.close()


def test_a_ledger_rolled_back_to_before_the_draw_is_refused(tmp_path: Path) -> None:
    state, kept = tmp_path / "state", tmp_path / "kept.db"
    start(state, 3)
    shutil.copy(state / "state.db", kept)
    spend(state, "first")
    for side in ("state.db-wal", "state.db-shm"):
        (state / side).unlink(missing_ok=True)
    shutil.copy(kept, state / "state.db")
    with pytest.raises(IntegrityError):
        spend(state, "second")


def test_a_copied_ledger_is_refused_where_a_witness_lies_outside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that is used after the original went on: only what lies outside both can notice (assumption A5)."""
    monkeypatch.setenv("SCHAKEL_WITNESS", str(tmp_path / "witness"))
    (tmp_path / "witness").mkdir(mode=0o700)
    state, copy = tmp_path / "state", tmp_path / "copy"
    start(state, 3)
    shutil.copytree(state, copy)
    spend(state, "first")
    with pytest.raises(IntegrityError):
        spend(copy, "second")


def test_an_exhausted_store_is_left_as_it_was(tmp_path: Path) -> None:
    """The last vector does not fit: none is charged, none is drawn."""
    start(tmp_path / "state", 0.9)
    with pytest.raises(BudgetExhausted):
        spend(tmp_path / "state", "first")
    store = open_store(tmp_path / "state")
    [line] = Ledger(Log.open(store), "anna", "operator").statement()
    store.close()
    assert line.spent == 0
    assert line.reserved == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.prefect
def test_a_run_with_an_exhausted_budget_is_exit_5_and_charges_nothing(
    command: Callable[..., object], tmp_path: Path
) -> None:
    """Through the command line: one population has half an edition left, so no population pays anything."""
    data, state = tmp_path / "data", tmp_path / "state"
    command("synth", "--out", data, "--people", 150, state=state)
    command("setup", state=state)
    store = open_store(state)
    ledger = Ledger(Log.open(store), "anna", "operator", "nr2015")
    for population, rho in limits(policy("nr2015")).items():
        ledger.set_budget(population, "public", rho)
    last = policy("nr2015").populations[-1]
    ledger.reserve(last.id, "public", "an earlier release", limits(policy("nr2015"))[last.id] - edition_rho(last) / 2)
    before = ledger.statement()
    store.close()
    done = command("run", "nr2015", "--data", data, "--out", tmp_path / "out", state=state, check=False)
    assert done.returncode == 5, done.stderr  # type: ignore[attr-defined]
    store = open_store(state)
    after = Ledger(Log.open(store), "anna", "operator").statement()
    store.close()
    assert after == before
    assert not list((tmp_path / "out").rglob("manifest.json"))
