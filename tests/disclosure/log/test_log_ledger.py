"""The ledger: never overspent, never charged twice, never forgotten, also when processes race and die."""

from __future__ import annotations

import math
import os
import signal

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from log_support import in_child

from disclosure.ledger import Charge, Ledger, epsilon_of, rho_of_pure
from disclosure.log import Log, show, verify_log
from disclosure.log.audit import Filter
from disclosure.store import open_store
from schemas.errors import BudgetExhausted, IntegrityError, UsageError


@pytest.fixture
def ledger(log):
    ledger = Ledger(log, "anna", "operator", "nr2015", "r1")
    ledger.set_budget("ind", "public", 1.0)
    return ledger


def test_reserve_draw_mark(ledger):
    ledger.reserve("ind", "public", "s/f01", 0.25)
    assert ledger.remaining("ind", "public") == 0.75
    assert ledger.result("s/f01") is None
    assert ledger.statement()[0].reserved == 0.25
    assert ledger.mark_drawn("s/f01", b"noisy") == b"noisy"
    assert ledger.result("s/f01") == b"noisy"
    assert ledger.statement()[0].reserved == 0
    ledger.verify()


def test_a_key_is_charged_once_and_drawn_once(ledger):
    ledger.reserve("ind", "public", "k", 0.6)
    ledger.reserve("ind", "public", "k", 0.6)
    assert ledger.remaining("ind", "public") == pytest.approx(0.4)
    assert ledger.mark_drawn("k", b"first") == b"first"
    assert ledger.mark_drawn("k", b"second") == b"first"
    assert ledger.result("k") == b"first"
    ledger.verify()


def test_exhausted_names_who_what_is_left_and_what_was_asked(ledger):
    ledger.reserve("ind", "public", "k1", 0.75)
    with pytest.raises(BudgetExhausted, match=r"ind for public has rho 0\.25 left of 1, and this needs 0\.5") as caught:
        ledger.reserve("ind", "public", "k2", 0.5)
    assert caught.value.exit_code == 5
    ledger.reserve("ind", "public", "k1", 0.75)
    ledger.reserve("ind", "public", "k3", 0.25)
    ledger.verify()


def test_all_or_none(ledger):
    ledger.set_budget("dtv", "public", 0.1)
    plan = [Charge("ind", "public", "a", 0.5), Charge("dtv", "public", "b", 0.2)]
    with pytest.raises(BudgetExhausted, match="dtv"):
        ledger.reserve_all(plan)
    assert ledger.remaining("ind", "public") == 1.0
    with pytest.raises(UsageError, match="twice in one plan"):
        ledger.reserve_all([Charge("ind", "public", "a", 0.1), Charge("ind", "public", "a", 0.1)])


def test_shares_that_sum_to_a_hair_more_than_the_whole_fit(ledger):
    total = 0.3
    ledger.set_budget("iom", "public", total)
    shares = [total * part for part in (0.75, 0.10, 0.10, 0.05)] + []
    ledger.reserve_all([Charge("iom", "public", f"q{n}", rho) for n, rho in enumerate(shares)])
    assert ledger.remaining("iom", "public") == pytest.approx(0, abs=1e-12)
    with pytest.raises(BudgetExhausted):
        ledger.reserve("iom", "public", "more", 1e-6)


@pytest.mark.parametrize("rho", [0, -1, math.nan, math.inf])
def test_a_charge_is_positive_and_finite(ledger, rho):
    with pytest.raises(UsageError):
        ledger.reserve("ind", "public", "k", rho)


def test_a_charge_needs_a_budget_and_its_price_stands(ledger):
    with pytest.raises(UsageError, match="No budget was set for dtv"):
        ledger.reserve("dtv", "public", "k", 0.1)
    ledger.reserve("ind", "public", "k", 0.1)
    with pytest.raises(UsageError, match="at another price"):
        ledger.reserve("ind", "public", "k", 0.01)
    with pytest.raises(UsageError, match="never charged"):
        ledger.mark_drawn("unknown", b"x")


def test_audiences_and_populations_are_apart(ledger):
    ledger.set_budget("ind", "restricted", 2.0)
    ledger.reserve("ind", "restricted", "k", 1.5)
    assert ledger.remaining("ind", "public") == 1.0
    assert ledger.remaining("ind", "restricted") == 0.5


def test_raising_a_budget_is_a_leaf_with_both_values(ledger):
    ledger.set_budget("ind", "public", 1.0)
    ledger.set_budget("ind", "public", 3.0)
    with ledger.log.store.reading() as tx:
        bodies = [leaf["body"] for leaf in show(tx, Filter(kind="budget_set"))]
    assert bodies == [
        {"population": "ind", "audience": "public", "rho": 1.0},
        {"population": "ind", "audience": "public", "rho": 3.0, "before": 1.0},
    ]
    ledger.verify()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE charges SET rho = 0.01",
        "DELETE FROM charges",
        "UPDATE budgets SET rho = 9",
        "DELETE FROM budgets",
        "UPDATE charges SET population = 'dtv'",
        "UPDATE charges SET result = NULL",
        "UPDATE charges SET key = 'another'",
    ],
)
def test_the_ledger_is_checked_against_the_leaves(ledger, statement):
    ledger.reserve("ind", "public", "k", 0.5)
    ledger.mark_drawn("k", b"noisy")
    ledger.verify()
    with ledger.log.store.transaction() as tx:
        tx.execute(sa.text(statement))
    with pytest.raises(IntegrityError):
        ledger.verify()


def test_a_charge_is_witnessed_outside_the_database_before_reserve_returns(ledger):
    ledger.reserve("ind", "public", "k", 0.5)
    with ledger.log.store.reading() as tx:
        size = ledger.log.size(tx)
    assert (ledger.log.store.directory / "checkpoints" / f"{size:012d}.txt").exists()


# --- conversions ------------------------------------------------------------------------------------------------------


@given(st.floats(1e-4, 5))
def test_epsilon_lies_below_the_textbook_bound_and_inverts_the_definition(rho):
    delta = 1e-6
    epsilon = epsilon_of(rho, delta)
    assert rho < epsilon <= rho + 2 * math.sqrt(rho * math.log(1 / delta)) + 1e-9
    # Independent oracle: the same bound minimised over a grid of Renyi orders.
    grid = [1 + math.exp(step / 200) for step in range(-2000, 2400)]
    best = min(a * rho + math.log(1 / (a * delta)) / (a - 1) + math.log1p(-1 / a) for a in grid)
    assert epsilon == pytest.approx(max(best, 0), rel=1e-4)


def test_conversions_at_known_points():
    assert epsilon_of(0, 1e-6) == 0
    assert rho_of_pure(2) == pytest.approx(2 * math.tanh(1))
    assert rho_of_pure(0.01) == pytest.approx(0.01**2 / 2, rel=1e-4)
    assert all(rho_of_pure(epsilon) <= epsilon**2 / 2 for epsilon in (0.1, 1, 3, 10))


# --- rivals and crashes, in real processes ----------------------------------------------------------------------------


def test_rivals_cannot_overspend(ledger, state, url):
    """Four processes try to charge 8 x 0.1 each on a budget of 1: exactly ten succeed, whoever they are."""

    def rival(name):
        def act():
            store = open_store(state, url)
            mine = Ledger(Log.open(store), name, "operator")
            for number in range(8):
                try:
                    mine.reserve("ind", "public", f"{name}/{number}", 0.1)
                except BudgetExhausted:
                    continue
            store.close()

        return act

    children = []
    for name in ("a", "b", "c", "d"):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                rival(name)()
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
    line = ledger.statement()[0]
    assert line.spent == pytest.approx(1.0)
    with ledger.log.store.reading() as tx:
        assert len(list(show(tx, Filter(kind="budget_charged")))) == 10
    ledger.verify()
    verify_log(ledger.log)


def test_rivals_for_one_key_agree_on_one_result(ledger, state, url):
    def act():
        store = open_store(state, url)
        mine = Ledger(Log.open(store), "b", "operator")
        mine.reserve("ind", "public", "k", 0.5)
        drawn = os.urandom(8)
        assert mine.mark_drawn("k", drawn) == mine.result("k")
        store.close()

    assert [in_child(act) for _ in range(3)] == [0, 0, 0]
    ledger.reserve("ind", "public", "k", 0.5)
    assert ledger.mark_drawn("k", b"late") != b"late"
    assert ledger.remaining("ind", "public") == 0.5


@pytest.mark.slow
def test_killed_at_every_statement_a_charge_counts_once(ledger, state, url):
    """SIGKILL at the n-th statement or commit of reserve, draw and mark, for every n; then the run is made again."""
    for point in range(1, 200):
        key, before = f"query {point}", ledger.statement()[0].spent

        def act(point=point, key=key):
            store = open_store(state, url)
            mine = Ledger(Log.open(store), "anna", "operator")
            kill_at(store.engine, point)
            mine.reserve("ind", "public", key, 0.001)
            mine.mark_drawn(key, os.urandom(4))

        status = in_child(act)
        assert status in (0, signal.SIGKILL)
        reopened = Ledger(Log.open(ledger.log.store), "anna", "operator")
        drawn = reopened.result(key)
        reopened.reserve("ind", "public", key, 0.001)
        final = reopened.mark_drawn(key, b"again")
        assert drawn is None or final == drawn
        assert reopened.statement()[0].spent == pytest.approx(before + 0.001)
        reopened.verify()
        if status == 0:
            break
    assert point > 20
    verify_log(ledger.log)


def kill_at(engine, point):
    """Die at the `point`-th event on this engine: before or after a statement, before a commit."""
    seen = {"count": 0}

    def event(*_args, **_more):
        seen["count"] += 1
        if seen["count"] == point:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        sa.event.listen(engine, name, event)
