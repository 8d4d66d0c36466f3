"""One run from the command line or a worker: check everything, open the state, carry out the flow, say what came of it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from disclosure.states import Release
from flows import memory as runs
from flows.coded import MachineRefused
from flows.job import Job, make_job
from flows.metrics import RunNumbers, write_metrics
from flows.progress import Progress
from flows.settings import Settings, secure_process
from flows.state import State, open_state
from schemas.errors import SchakelError, UsageError
from schemas.tables import ProtectedTable


@dataclass(frozen=True)
class Outcome:
    """What a run came to: the release folder, the earlier release it turned out to be (if any), its tables if fresh."""

    release: str
    folder: Path
    earlier: Release | None
    restricted: dict[str, ProtectedTable]
    public: dict[str, ProtectedTable]


def propose(
    study_ref: str, data: Path, out: Path, settings: Settings, progress: Progress, *, demo: bool = False
) -> Outcome:
    """Run a study and propose its release under `out`; the same registers and policy give the same release at no cost.

    IntegrityError (6) where `out` holds releases that this state does not know, unless it is the `demo`'s.
    """
    job = make_job(study_ref, data, settings)
    secure_process(settings)
    from flows.publication import require_pdf
    from flows.publish import releases_folder, require_known_releases
    from flows.steps import earlier_release

    require_pdf()

    _require_writable(out)
    with open_state(settings, create=True) as state, one_run_at_a_time(state), runs.opened() as memory:
        if not demo:
            require_known_releases(out, state)
        for name, value in (("job", job), ("state", state), ("progress", progress), ("out", out)):
            memory.put(name, value)
        started = time.monotonic()
        try:
            _carry_out(job, memory.run_id, progress)
        except SchakelError as error:
            _log_failure(state, job, error)
            _measured(state, job, memory, progress, time.monotonic() - started, error)
            raise
        _measured(state, job, memory, progress, time.monotonic() - started)
        release = memory.get("release_id", str)
        folder = releases_folder(out, job.study.id) / release
        if memory.has("folder"):
            return Outcome(release, folder, None, memory.get("restricted", dict), memory.get("public", dict))
        return Outcome(release, folder, earlier_release(memory), {}, {})


def _carry_out(job: Job, run_id: str, progress: Progress) -> None:
    progress.say("Starting the flow engine (some seconds) ...")
    from httpx import TransportError
    from prefect.exceptions import PrefectHTTPStatusError

    from flows.studies import run_study

    try:
        run_study(job.study.id, run_id)
    except (TransportError, PrefectHTTPStatusError):
        raise MachineRefused(
            "Prefect's server or its database went away during the run; mend that, then run the same command again: it "
            "completes the run without a second charge."
        ) from None


def _measured(
    state: State,
    job: Job,
    memory: runs.RunMemory,
    progress: Progress,
    seconds: float,
    error: SchakelError | None = None,
) -> None:
    exit_code = 0 if error is None else error.exit_code
    progress.ended(seconds, "" if error is None else type(error).__name__, exit_code)
    with state.store.reading() as tx:
        entries = state.log.size(tx)
    made = {part: memory.get(part, dict) for part in ("public", "restricted") if memory.has(part)}
    numbers = RunNumbers(
        job.study.id, datetime.now(UTC), exit_code, seconds, progress.durations,
        memory.get("rows", dict) if memory.has("rows") else {},
        {part: len(tables) for part, tables in made.items()}, entries,
    )  # fmt: skip
    write_metrics(state.store, numbers)


@contextmanager
def one_run_at_a_time(state: State) -> Iterator[None]:
    """UsageError while another run works in this state folder; the lock goes with its process, however that ends."""
    descriptor = os.open(state.store.folder("locks") / "run", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError("Another run works in this state folder; wait until it is done.") from None
        yield
    finally:
        os.close(descriptor)


def _require_writable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out} cannot be made a folder ({error.strerror}); choose another --out.") from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"{out} cannot be written; choose another --out or give this user access.")


def _log_failure(state: State, job: Job, error: SchakelError) -> None:
    """One leaf that says what kind of end a run had; its sentence stays out of the log."""
    code = type(error).__name__
    if error.exit_code in (2, 3, 4, 5, 6):
        body = {"step": "run", "code": code, "exit_code": error.exit_code}
        state.append("refused", body, job.study.id)
    else:
        state.append("failed", {"step": "run", "code": code}, job.study.id)
