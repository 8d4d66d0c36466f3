"""The flow that a worker starts on schedule: `schakel run`, one at a time on all machines, tried again only where safe.

What Prefect gets to see are a study's id and two folders. Everything else comes from the worker's own environment.

Trying again is always safe (one release per snapshot, one charge per query key) but rarely of use: a delivery that was
refused (exit 3), a table that cannot be protected (4), a spent budget (5) or a state that does not hold (6) needs a person.
Exit 2 is what time mends: a database that is away, a full disk, another run that still works.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.concurrency._asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency

from flows.progress import Progress
from flows.runs import propose
from flows.safe import safe_flow
from flows.settings import Settings
from schemas.errors import SchakelError, UsageError

LIMIT = "schakel-runs"
"""The global concurrency limit of one, made by `schakel setup --prefect FILE`: two schedulers, one run."""
LEASE_SECONDS = 60.0
"""The shortest that Prefect grants: so long does the place of a run that was killed stay taken."""
PATIENCE_SECONDS = 3 * 3600
TIMEOUT_SECONDS = 4 * 3600
"""Of one run with its waits; the two reports take minutes."""
TRIES = 3
PAUSE_SECONDS = 120.0
MENDED_BY_TIME = 2


@safe_flow("schakel-scheduled")
def _scheduled(study: str, data: str, out: str) -> None:
    """Propose the release of `study` from the folder `data` under `out`; raises what `schakel run` would say."""
    with _only_one():
        for left in reversed(range(TRIES)):
            try:
                propose(study, Path(data), Path(out), Settings.from_environment(), Progress(f"Schakel: {study}"))
            except SchakelError as error:
                if error.exit_code != MENDED_BY_TIME or not left:
                    raise
                time.sleep(PAUSE_SECONDS)
            else:
                return


scheduled_run = _scheduled.with_options(timeout_seconds=TIMEOUT_SECONDS)


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold the only place; UsageError where the limit does not exist (Prefect's default would let everybody in) or is taken.

    A lease that cannot be renewed does not stop the run: the state folder's lock and the ledger's keys hold without Prefect.
    """
    place = concurrency(
        LIMIT, timeout_seconds=PATIENCE_SECONDS, lease_duration=LEASE_SECONDS, strict=True,
        raise_on_lease_renewal_failure=False,
    )  # fmt: skip
    try:
        place.__enter__()
    except ConcurrencySlotAcquisitionError:
        raise UsageError(f"Prefect has no concurrency limit {LIMIT}; run `schakel setup --prefect FILE`.") from None
    except TimeoutError:
        raise UsageError(f"Another run held {LIMIT} for {PATIENCE_SECONDS // 3600} hours; see what it does.") from None
    try:
        yield
    finally:
        place.__exit__(None, None, None)
