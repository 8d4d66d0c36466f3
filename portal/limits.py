"""Rate limits: what costs something, or can be guessed at, happens at a person's pace."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["login", "decide", "record", "search", "audit"]
REMEMBERED = 10_000  # people and addresses; the least recently seen are forgotten first


@dataclass(frozen=True)
class Limit:
    """At most `burst` at once, and `per_minute` in the long run."""

    burst: int
    per_minute: float


LIMITS: Mapping[Kind, Limit] = {
    "login": Limit(10, 10),
    "decide": Limit(10, 20),
    "record": Limit(60, 60),  # readings that are leaves: the log cannot forget, so nobody may flood it
    "search": Limit(30, 60),
    "audit": Limit(30, 60),
}


class Limiter:
    """Token buckets by kind and caller, in this process's memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, limits: Mapping[Kind, Limit] = LIMITS) -> None:
        self._clock, self._limits = clock, limits
        self._buckets: dict[tuple[Kind, str], tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait(self, kind: Kind, caller: str) -> int:
        """0 where the call may go on, else the seconds until it may."""
        limit, now = self._limits[kind], self._clock()
        rate = limit.per_minute / 60
        with self._lock:
            tokens, last = self._buckets.pop((kind, caller), (float(limit.burst), now))
            tokens = min(float(limit.burst), tokens + (now - last) * rate)
            granted = tokens >= 1
            self._buckets[kind, caller] = (tokens - 1 if granted else tokens, now)
            while len(self._buckets) > REMEMBERED:
                del self._buckets[next(iter(self._buckets))]
        return 0 if granted else max(1, int((1 - tokens) / rate) + 1)


def address_of(client: str) -> str:
    """An address as a caller: IPv6 by its /64, which is what one subscriber has."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return "unknown"
    return client if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
