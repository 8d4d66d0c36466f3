"""What Prefect needs to know before it can start runs: pool, limit, deployments, alerts; safe to run twice.

    python -m flows.deployments deploy/prefect.yaml

Reads PREFECT_API_URL (and PREFECT_API_AUTH_STRING) as every client of Prefect does, and from the environment:

SCHAKEL_DELIVERIES       the folder with one folder of extracts per study
SCHAKEL_RELEASES         where releases are proposed
SCHAKEL_ALERT_WEBHOOK    address that gets a POST when a run ends badly, is late, or has nobody to do it
SCHAKEL_ALERT_MAIL       address that gets a mail then
SCHAKEL_ALERT_SMTP       host:port of the mail relay, default 127.0.0.1:25

Prefect keeps blocks in its database under a key that lies beside it, so no address here may carry a password: the relay is
one that takes mail of this machine, the webhook one that knows this machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import cast
from urllib.parse import quote, urlsplit
from uuid import UUID

from prefect.automations import AutomationCore, CallWebhook, ChangeFlowRunState, EventTrigger, Posture, SendNotification
from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes
from prefect.exceptions import ObjectAlreadyExists, PrefectHTTPStatusError
from prefect.workers.process import ProcessWorker
from pydantic import SecretStr

from flows.coded import StepFailed
from flows.scheduled import LIMIT
from flows.settings import SAFE_ENVIRONMENT
from schemas.errors import UsageError

POOL = "schakel"
FLOW = "schakel-scheduled"
SILENCE = timedelta(seconds=180)
"""Six heartbeats (`PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30`, set for the worker): after that a run counts as dead. Not fewer: a
solver that holds the interpreter, or a machine with too much to do, keeps a live run silent for a minute."""
ENDS = ("Completed", "Failed", "Crashed", "Cancelled", "TimedOut")
BADLY = ("Failed", "Crashed", "TimedOut")
PATIENCE_SECONDS = 120.0
"""A server that was started a moment ago first makes its tables; until then it does not answer."""
FOLDERS = ("SCHAKEL_DELIVERIES", "SCHAKEL_RELEASES")


@dataclass(frozen=True)
class Alerts:
    """Who hears of a run that went wrong; at least one of the two is set."""

    webhook: str | None
    mail: str | None
    smtp: str

    @classmethod
    def from_environment(cls) -> Alerts:
        """UsageError where nobody would hear, or where an address carries a password."""
        webhook, mail = os.environ.get("SCHAKEL_ALERT_WEBHOOK"), os.environ.get("SCHAKEL_ALERT_MAIL")
        smtp = os.environ.get("SCHAKEL_ALERT_SMTP", "127.0.0.1:25")
        if not webhook and not mail:
            raise UsageError("Nobody would hear of a failed run; set SCHAKEL_ALERT_WEBHOOK or SCHAKEL_ALERT_MAIL.")
        for name, address in (("SCHAKEL_ALERT_WEBHOOK", webhook or ""), ("SCHAKEL_ALERT_SMTP", f"smtp://{smtp}")):
            if urlsplit(address).password or urlsplit(address).username:
                raise UsageError(f"{name} carries a password, which Prefect would keep; use a relay that needs none.")
        return cls(webhook or None, mail or None, smtp)


def prepare(prefect_file: Path) -> list[str]:
    """Make or update pool, limit, deployments and alerts on the server; one line each.

    UsageError where the environment lacks something or no server answers, StepFailed where Prefect refuses the file.
    """
    missing = [name for name in FOLDERS if not os.environ.get(name)]
    if missing:
        raise UsageError(f"Set {' and '.join(missing)}: where deliveries come in and releases go out.")
    alerts = Alerts.from_environment()
    with get_client(sync_client=True) as client:
        _await_answer(client)
        try:
            said = [_pool(client), _limit(client)]
        except PrefectHTTPStatusError as error:
            if error.response.status_code != HTTPStatus.UNAUTHORIZED:
                raise
            raise UsageError(
                "Prefect's server refuses the password; PREFECT_API_AUTH_STRING has to be the PREFECT_SERVER_API_AUTH_STRING "
                "that the server was started with."
            ) from None
    said.append(_deploy(prefect_file))
    return [*said, *_automations(alerts)]


def _await_answer(client: SyncPrefectClient, patience: float = PATIENCE_SECONDS) -> None:
    """Wait up to `patience` seconds for the server; UsageError where it still says nothing."""
    end = time.monotonic() + patience
    while client.api_healthcheck() is not None:
        if time.monotonic() > end:
            raise UsageError(
                f"Prefect's server did not answer at {client.api_url} within {patience:.0f} s; see whether it runs "
                "(`systemctl status schakel-prefect`) and whether PREFECT_API_URL is its address."
            )
        time.sleep(1)


def _pool(client: SyncPrefectClient) -> str:
    """A pool of processes on the worker's own machine; without a limit of its own, which a dead run would keep filled."""
    pool = WorkPoolCreate(
        name=POOL, type="process", base_job_template=ProcessWorker.get_default_base_job_template(),
        description="Runs of Schakel, as processes of the worker.",
    )  # fmt: skip
    try:
        client.create_work_pool(pool)
    except ObjectAlreadyExists:
        return f"Work pool {POOL}: was there"
    return f"Work pool {POOL}: made"


def _limit(client: SyncPrefectClient) -> str:
    client.upsert_global_concurrency_limit_by_name(LIMIT, 1)
    return f"Concurrency limit {LIMIT}: 1"


def _deploy(prefect_file: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(prefect_file)],
        env={**os.environ, **SAFE_ENVIRONMENT}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise StepFailed(
            f"Prefect refused {prefect_file}; `prefect deploy --all --prefect-file {prefect_file}` says why."
        )
    return f"Deployments of {prefect_file}: deployed"


def _automations(alerts: Alerts) -> list[str]:
    """A run without a sign of life is marked crashed; a run that ends badly, is late, or has no worker is told of."""
    silent = AutomationCore(
        name="schakel: a silent run is dead",
        description="A run whose process was killed says nothing more; Prefect would show it as running for ever.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"}, for_each={"prefect.resource.id"}, posture=Posture.Proactive,
            after={"prefect.flow-run.heartbeat"}, threshold=1, within=SILENCE,
            expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{end}" for end in ENDS)},
        ),
        actions=[ChangeFlowRunState(name=None, state=StateType.CRASHED, force=False, message="No sign of life for 180 s.")],
    )  # fmt: skip
    fields = ("deployment.name", "flow_run.name", "flow_run.state.name", "flow_run.state.message")
    failed = AutomationCore(
        name="schakel: a run went wrong",
        trigger=_run_is(*BADLY),
        actions=_tell(alerts, "Schakel: a run went wrong", *fields),
    )
    late = AutomationCore(
        name="schakel: a run is late", trigger=_run_is("Late"), actions=_tell(alerts, "Schakel: a run is late", *fields)
    )
    pool = EventTrigger(
        match={"prefect.resource.id": "prefect.work-pool.*", "prefect.resource.name": POOL},
        expect={"prefect.work-pool.not-ready"}, posture=Posture.Reactive, threshold=1, within=timedelta(0),
    )  # fmt: skip
    nobody = AutomationCore(
        name="schakel: no worker", trigger=pool,
        actions=_tell(alerts, "Schakel: no worker takes runs", "work_pool.name", "work_pool.status"),
    )  # fmt: skip
    return [_keep(automation) for automation in (silent, failed, late, nobody)]


def _run_is(*states: str) -> EventTrigger:
    """A scheduled run enters one of these states; each run by itself, or the alert of one would use up another's."""
    return EventTrigger(
        match={"prefect.resource.id": "prefect.flow-run.*"}, for_each={"prefect.resource.id"},
        match_related={"prefect.resource.role": "flow", "prefect.resource.name": FLOW},
        expect={f"prefect.flow-run.{state}" for state in states}, posture=Posture.Reactive, threshold=1, within=timedelta(0),
    )  # fmt: skip


def _tell(alerts: Alerts, subject: str, *fields: str) -> list[ActionTypes]:
    """The same words to both: states and our own one-sentence errors, which carry no value from a record."""
    actions: list[ActionTypes] = []
    if alerts.webhook:
        block = Webhook(method="POST", url=SecretStr(alerts.webhook))
        payload = ", ".join(f'"{field}": {{{{ {field} | string | tojson }}}}' for field in fields)
        actions.append(
            CallWebhook(
                block_document_id=_saved(block, "schakel-alert-webhook"),
                payload=f'{{"subject": "{subject}", {payload}}}',
            )
        )
    if alerts.mail:
        url = f"mailto://{alerts.smtp}?from=schakel@localhost&to={quote(alerts.mail)}&mode=insecure&format=text"
        mail = SlackWebhook(url=SecretStr(url))  # hands every address that is not Slack's to Apprise, which knows SMTP
        body = "\n".join(f"{field}: {{{{ {field} }}}}" for field in fields)
        actions.append(
            SendNotification(block_document_id=_saved(mail, "schakel-alert-mail"), subject=subject, body=body)
        )
    return actions


def _saved(block: Block, name: str) -> UUID:
    return cast(UUID, block.save(name, overwrite=True))


def _keep(automation: AutomationCore) -> str:
    with get_client(sync_client=True) as client:
        there = client.read_automations_by_name(automation.name)
        for old in there:
            client.delete_automation(old.id)
        client.create_automation(automation)
    return f"Automation '{automation.name}': {'renewed' if there else 'made'}"


def main() -> None:
    """Say one line per thing made; errors are one sentence and an exit code, as everywhere."""
    from schemas.errors import SchakelError

    try:
        for line in prepare(Path(sys.argv[1])):
            sys.stdout.write(f"{line}\n")
    except SchakelError as error:
        sys.stderr.write(f"schakel: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
