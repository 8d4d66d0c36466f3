"""What the rehearsal asks: Prefect about runs, PostgreSQL about charges, the disk about releases."""

from __future__ import annotations

import json
import time
import urllib.request
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.rehearsal.services import Database, NotAsPromised, Services, wait_until

FIRES_SECONDS = 240
RUN_SECONDS = 900
ANSWER_SECONDS = 120
ENDED = ("Completed", "Failed", "Crashed", "Cancelled")


@dataclass(frozen=True)
class Run:
    """A run that ended."""

    name: str
    state: str
    seconds: float


class Runs:
    """Runs, charges and releases, by study."""

    def __init__(self, services: Services, database: Database) -> None:
        self._services = services
        self._database = database

    def _ask(self, path: str, body: object | None = None, method: str | None = None) -> Any:
        environment = self._services.environment
        word = b64encode(environment["PREFECT_API_AUTH_STRING"].encode()).decode()
        request = urllib.request.Request(
            environment["PREFECT_API_URL"] + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {word}", "Content-Type": "application/json"},
        )  # fmt: skip
        changes = method is not None or (body is not None and not path.endswith("/filter"))
        return _answered(request, 0 if changes else ANSWER_SECONDS)

    def workers_online(self) -> int:
        """How many workers of the pool are there."""
        found = self._ask("/work_pools/schakel/workers/filter", {})
        return sum(worker["status"] == "ONLINE" for worker in found)

    def _deployment(self, study: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask(f"/deployments/name/schakel-scheduled/{study}")
        return found

    def schedules(self, study: str) -> list[tuple[str, str]]:
        """(cron, time zone) of every schedule of the study's deployment."""
        return [(s["schedule"]["cron"], s["schedule"]["timezone"]) for s in self._deployment(study)["schedules"]]

    def arrange(self, study: str, cron: str) -> str:
        """Add one more schedule, and give the id of the run that Prefect's scheduler makes for it."""
        deployment = self._deployment(study)["id"]
        known = {run["id"] for run in self._runs(deployment)}
        schedule = {"cron": cron, "timezone": "Europe/Amsterdam"}
        made = self._ask(f"/deployments/{deployment}/schedules", [{"schedule": schedule, "active": True}])
        fresh: list[str] = []

        def fires() -> bool:
            fresh[:] = [
                run["id"] for run in self._runs(deployment)
                if run["id"] not in known and run["auto_scheduled"] and run["state_name"] in ("Pending", "Running", *ENDED)
            ]  # fmt: skip
            return bool(fresh)

        wait_until(fires, FIRES_SECONDS, f"the schedule {cron} of {study} fires")
        self._ask(f"/deployments/{deployment}/schedules/{made[0]['id']}", method="DELETE")
        return fresh[0]

    def by_hand(self, study: str) -> str:
        """Start a run at once, as `prefect deployment run` does; its id."""
        made = self._ask(f"/deployments/{self._deployment(study)['id']}/create_flow_run", {})
        return str(made["id"])

    def on_schedule(self, study: str, cron: str) -> Run:
        """Arrange a run by schedule and wait until it ended."""
        return self.ended(self.arrange(study, cron))

    def ended(self, run: str) -> Run:
        """Wait until a run ended."""
        wait_until(lambda: self.state(run) in ENDED, RUN_SECONDS, f"the run {run} ends")
        about = self._ask(f"/flow_runs/{run}")
        began, ended = (datetime.fromisoformat(about[key]) for key in ("start_time", "end_time"))
        return Run(about["name"], about["state_name"], (ended - began).total_seconds())

    def _runs(self, deployment: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})
        return found

    def state(self, run: str) -> str:
        """A run's state, as Prefect believes it."""
        return str(self._ask(f"/flow_runs/{run}")["state_name"])

    def folders(self, study: str) -> list[Path]:
        """The release folders of a study; NotAsPromised where anything else lies beside them."""
        found = sorted((Path(self._services.environment["SCHAKEL_RELEASES"]) / "releases" / study).glob("*"))
        if any(not (folder / "manifest.json").is_file() and not folder.name.startswith(".") for folder in found):
            raise NotAsPromised(f"half a release of {study}")
        return [folder for folder in found if not folder.name.startswith(".")]

    def charges(self, study: str) -> tuple[int, int, int]:
        """(charges, different query keys, drawn results) of a study's populations in the ledger."""
        statement = "SELECT count(*), count(DISTINCT key), count(result) FROM charges WHERE population LIKE '{}.%'"
        row = self._database.query("schakel", statement.format(study))[0]
        return int(row[0]), int(row[1]), int(row[2])


def _answered(request: urllib.request.Request, patience: float) -> Any:
    """What Prefect says. A question is asked again while its server has too much to do; an order is given once."""
    end = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                said = answer.read()
            return json.loads(said) if said else None
        except OSError as error:
            if time.monotonic() >= end or 400 <= getattr(error, "code", 500) < 500:
                raise NotAsPromised(f"Prefect answered {request.selector} with {error}") from None
        time.sleep(1)
