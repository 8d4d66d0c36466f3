"""`deploy/prefect.yaml`: what Prefect gets to see, and when it fires, on the two nights that clocks change as well."""

from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.server.schemas.schedules import CronSchedule

from flows.scheduled import scheduled_run
from schemas.study import head_studies

ROOT = Path(__file__).parents[2]
FILE = yaml.safe_load((ROOT / "deploy" / "prefect.yaml").read_text())
DEPLOYMENTS: list[dict[str, Any]] = FILE["deployments"]
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SPRING, AUTUMN = (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC))


def _fires(cron: str, timezone: str, first: datetime, last: datetime) -> list[datetime]:
    schedule = CronSchedule(cron=cron, timezone=timezone)
    return asyncio.run(schedule.get_dates(n=100, start=first, end=last))


def test_every_shipped_study_is_deployed_once() -> None:
    assert sorted(d["name"] for d in DEPLOYMENTS) == sorted(head_studies())
    assert [d["parameters"]["study"] for d in DEPLOYMENTS] == [d["name"] for d in DEPLOYMENTS]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_parameters_are_an_id_and_two_folders(deployment: dict[str, Any]) -> None:
    wanted = {"study", "data", "out"}
    assert set(deployment["parameters"]) == wanted == set(inspect.signature(scheduled_run.fn).parameters)
    assert deployment["parameters"]["data"] == f"{{{{ $SCHAKEL_DELIVERIES }}}}/{deployment['name']}"
    assert deployment["parameters"]["out"] == "{{ $SCHAKEL_RELEASES }}"
    assert deployment["entrypoint"] == "flows.scheduled.scheduled_run"


def test_nothing_is_fetched_and_no_environment_is_handed_out() -> None:
    assert FILE["pull"] == []
    assert all(set(d["work_pool"]["job_variables"]) == {"stream_output"} for d in DEPLOYMENTS)


def test_the_flow_is_never_repeated_blindly_and_ends_some_day() -> None:
    assert scheduled_run.retries == 0
    assert scheduled_run.persist_result is False
    assert scheduled_run.timeout_seconds == 4 * 3600


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_it_fires_once_a_year_at_the_same_local_time(deployment: dict[str, Any]) -> None:
    (schedule,) = deployment["schedules"]
    assert schedule["timezone"] == "Europe/Amsterdam"
    found = _fires(
        schedule["cron"], schedule["timezone"], datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 12, 31, tzinfo=UTC)
    )
    assert [when.year for when in found] == [2026, 2027, 2028, 2029]
    assert len({when.astimezone(AMSTERDAM).strftime("%m-%d %H:%M") for when in found}) == 1


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
@pytest.mark.parametrize("night", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_at_its_hour_every_night_fires_once_also_when_clocks_change(
    deployment: dict[str, Any], night: datetime
) -> None:
    minute, hour, *_ = deployment["schedules"][0]["cron"].split()
    found = _fires(
        f"{minute} {hour} * * *", "Europe/Amsterdam", night.replace(day=night.day - 2), night.replace(day=night.day + 2)
    )
    local = [when.astimezone(AMSTERDAM) for when in found]
    assert len({when.date() for when in local}) == len(local) == 4
    assert {(when.hour, when.minute) for when in local} == {(int(hour), int(minute))}
    assert len({when.utcoffset() for when in local}) == 2, "the clocks did change in between"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_no_schedule_lies_in_the_hour_that_happens_twice_or_never(deployment: dict[str, Any]) -> None:
    assert int(deployment["schedules"][0]["cron"].split()[1]) not in (2, 3)
