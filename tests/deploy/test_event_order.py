"""How long Prefect's server lets a state change wait for the one before it, of which there may be no event at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from prefect.server.events.ordering import EventArrivedEarly, memory
from prefect.server.events.schemas.events import ReceivedEvent

from deploy.prefect_server.event_order import PATIENCE, CausalOrdering

MOMENT = timedelta(milliseconds=200)


@pytest.fixture
def order() -> Iterator[CausalOrdering]:
    """An order of its own, forgotten at the end."""
    memory.CausalOrdering.clear_all_scopes()
    yield CausalOrdering(scope="triggers")
    memory.CausalOrdering.clear_all_scopes()


def _state(name: str, follows: UUID | None, waited: timedelta = timedelta(0)) -> ReceivedEvent:
    now = datetime.now(UTC)
    return ReceivedEvent(
        id=uuid4(), occurred=now - waited, received=now - waited, event=f"prefect.flow-run.{name}", follows=follows,
        resource={"prefect.resource.id": "prefect.flow-run.1"},
    )  # fmt: skip


async def _looked_at(order: memory.CausalOrdering, *events: ReceivedEvent) -> list[str]:
    """Hand over events as the server does, also those that were waiting; the names in the order of being looked at."""
    seen: list[str] = []

    async def look(event: ReceivedEvent, depth: int = 0) -> None:
        async with order.preceding_event_confirmed(look, event, depth):
            seen.append(event.event.rpartition(".")[2])

    for event in [*events, *await order.get_lost_followers()]:
        try:
            await look(event)
        except EventArrivedEarly:
            continue
    return seen


def test_a_leader_without_an_event_holds_nobody_up_for_longer_than_our_patience(order: CausalOrdering) -> None:
    """As a schedule starts a run: nobody is told of the first state, and three follow each other at once."""
    waited = PATIENCE - MOMENT
    pending = _state("Pending", follows=uuid4(), waited=waited)
    running = _state("Running", follows=pending.id, waited=waited)
    failed = _state("Failed", follows=running.id, waited=waited)

    async def handed_over() -> tuple[list[str], list[str]]:
        at_once = await _looked_at(order, pending, running, failed)
        await asyncio.sleep(2 * MOMENT.total_seconds())
        return at_once, await _looked_at(order)

    at_once, later = asyncio.run(handed_over())
    assert at_once == []
    assert sorted(later) == ["Failed", "Pending", "Running"]


def test_prefects_own_order_would_still_wait() -> None:
    """The reason for ours: if this fails, a newer Prefect has mended it and ours can go."""
    memory.CausalOrdering.clear_all_scopes()
    failed = _state("Failed", follows=uuid4(), waited=10 * PATIENCE)

    async def twice() -> list[str]:
        theirs = memory.CausalOrdering(scope="triggers")
        return await _looked_at(theirs, failed) + await _looked_at(theirs)

    assert asyncio.run(twice()) == []
    memory.CausalOrdering.clear_all_scopes()


def test_a_leader_that_is_only_late_still_goes_first_and_each_once(order: CausalOrdering) -> None:
    running = _state("Running", follows=None)
    failed = _state("Failed", follows=running.id)

    async def out_of_order() -> list[str]:
        return await _looked_at(order, failed, running) + await _looked_at(order)

    assert asyncio.run(out_of_order()) == ["Running", "Failed"]


def test_who_is_being_looked_at_is_not_handed_out_a_second_time(order: CausalOrdering) -> None:
    waiting = _state("Failed", follows=uuid4(), waited=2 * PATIENCE)

    async def at_the_same_time() -> tuple[list[ReceivedEvent], list[ReceivedEvent]]:
        await order.record_follower(waiting)
        async with order.event_is_processing(waiting):
            during = await order.get_lost_followers()
        return during, await order.get_lost_followers()

    assert asyncio.run(at_the_same_time()) == ([], [waiting])
