"""The order in which Prefect's server looks at events, with a patience of seconds instead of a quarter of an hour.

A state change that comes within five minutes of the last one names that one's event as its leader, and waits for it before any
automation sees it. Prefect 3.8.8 writes the first state of a run that a schedule made straight into the database, without an
event: such a leader never comes. A server that was restarted has forgotten the leaders of before, too. With Prefect's own order
the follower then waits 15 minutes and its own followers with it, so a run that fails soon after it was scheduled is told of a
quarter of an hour later. No automation of Schakel's counts on the order of states; how long they wait is all that matters here.

The server finds this module by `PREFECT_SERVER_EVENTS_CAUSAL_ORDERING=event_order` and PYTHONPATH; it imports Prefect only.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect.server.events.ordering import memory
from prefect.server.events.schemas.events import ReceivedEvent

PATIENCE = timedelta(seconds=15)
"""What a busy server takes at most to hand two events of one run to its automations. Waiters are looked at every 5 s."""


class CausalOrdering(memory.CausalOrdering):
    """Leaders first, as Prefect's own, but nobody waits for longer than `PATIENCE`."""

    async def wait_for_leader(self, event: ReceivedEvent) -> None:
        """Return when the event's turn has come; EventArrivedEarly where it has to wait for its leader."""
        if datetime.now(UTC) - event.received < PATIENCE:
            await super().wait_for_leader(event)

    async def get_lost_followers(self) -> list[ReceivedEvent]:
        """Events that waited long enough, oldest first; they wait no longer. One that is being looked at now is left out."""
        longest = datetime.now(UTC) - PATIENCE
        async with self._lock:
            lost = [
                self._events[waiter] for waiter, since in self._waitlist.items()
                if since <= longest and waiter not in self._processing_events
            ]  # fmt: skip
        for event in lost:
            await self.forget_follower(event)
        return sorted(lost, key=lambda event: event.occurred)
