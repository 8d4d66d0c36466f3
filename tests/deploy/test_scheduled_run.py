"""The flow that a worker starts: tried again only for what time mends, alone, and never without the limit that keeps it so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest
from prefect.client.schemas.objects import State
from prefect.concurrency._asyncio import ConcurrencySlotAcquisitionError

from flows import runs, scheduled
from flows.coded import MachineRefused, StepFailed
from schemas.errors import BudgetExhausted, DisclosureRefused, InputRefused, IntegrityError, SchakelError, UsageError

Tried = Callable[..., int]


@contextmanager
def _free(*_: object, **__: object) -> Iterator[None]:
    yield


def _carried_out() -> None:
    """As Prefect calls it: a run that failed ends in a state that says the error with its exit code, and carries it."""
    ended: State[SchakelError] | None = scheduled.scheduled_run.fn("wodc2020", "/deliveries/wodc2020", "/releases")
    if ended is not None:
        assert isinstance(ended.data, SchakelError)
        assert ended.is_failed()
        assert ended.message == f"{ended.data} (exit {ended.data.exit_code})"
        raise ended.data


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Tried:
    """`tried(error, ...)`: run with a `propose` that ends so each time (None: done); how often it was called."""

    def run(*ends: SchakelError | None) -> int:
        waiting, pauses = list(ends), []

        def propose(*_: object) -> None:
            end = waiting.pop(0)
            if end is not None:
                raise end

        monkeypatch.setattr(scheduled, "concurrency", _free)
        monkeypatch.setattr(scheduled, "propose", propose)
        monkeypatch.setattr(scheduled.time, "sleep", pauses.append)
        try:
            _carried_out()
        finally:
            run.calls = len(ends) - len(waiting)  # type: ignore[attr-defined]
            assert pauses == [scheduled.PAUSE_SECONDS] * (run.calls - 1)  # type: ignore[attr-defined]
        return int(run.calls)  # type: ignore[attr-defined]

    return run


def test_a_run_that_is_done_is_not_repeated(tried: Tried) -> None:
    assert tried(None, None) == 1


@pytest.mark.parametrize(
    "error", [UsageError("The state store cannot be reached."), MachineRefused("The disk is full.")]
)
def test_what_time_mends_is_tried_again(tried: Tried, error: SchakelError) -> None:
    assert tried(error, error, None) == 3


def test_after_three_times_it_is_said(tried: Tried) -> None:
    with pytest.raises(UsageError, match="unreachable"):
        tried(*[UsageError("The state store is unreachable.")] * 3, None)
    assert tried.calls == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [InputRefused, DisclosureRefused, BudgetExhausted, IntegrityError, StepFailed])
def test_what_needs_a_person_is_said_at_once(tried: Tried, kind: type[SchakelError]) -> None:
    with pytest.raises(kind, match=r"^As it is\.$"):
        tried(kind("As it is."), None)
    assert tried.calls == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (ConcurrencySlotAcquisitionError("limit missing"), "run `schakel setup --prefect FILE`"),
        (TimeoutError(), "Another run"),
    ],
)
def test_without_its_place_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, tried: Tried, error: Exception, word: str
) -> None:
    asked: dict[str, object] = {}

    @contextmanager
    def taken(name: str, **more: object) -> Iterator[None]:
        asked.update(more, name=name)
        raise error
        yield

    monkeypatch.setattr(scheduled, "concurrency", taken)
    monkeypatch.setattr(scheduled, "propose", lambda *_: pytest.fail("it ran"))
    with pytest.raises(UsageError, match=word):
        _carried_out()
    assert asked["strict"] is True
    assert asked["name"] == "schakel-runs"


def test_an_error_of_the_run_passes_through_the_limit_unchanged(tried: Tried) -> None:
    with pytest.raises(InputRefused, match="deliver the complete file"):
        tried(InputRefused("ind.csv breaks off in line 9, its last; deliver the complete file."))


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ReadTimeout])
def test_a_prefect_that_went_away_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, kind: type[httpx.TransportError]
) -> None:
    def gone(*_: object) -> None:
        raise kind("http://127.0.0.1:4200/api holds something")

    monkeypatch.setattr("flows.studies.run_study", gone)
    job = SimpleNamespace(study=SimpleNamespace(id="wodc2020"))
    with pytest.raises(MachineRefused, match="run the same command again") as refused:
        runs._carry_out(job, "run", SimpleNamespace(say=lambda _: None))  # type: ignore[arg-type]
    assert "holds something" not in str(refused.value)
