"""`make rehearse`: a data holder's installation on this machine, from an empty folder to an alert, in a few minutes.

PostgreSQL with two ordinary roles, a Prefect server on it, a pool, a worker, schedules that fire. It waits for a release and
verifies it, delivers the same registers twice, kills the worker with its run right after a budget was charged, and lets a
register arrive broken. One line per thing shown; exit 1 at the first that is not as promised. Everybody in it is invented.
"""

from __future__ import annotations

import csv
import email
import email.policy
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from deploy.rehearsal.runs import Runs
from deploy.rehearsal.services import (
    ROOT,
    Database,
    Heard,
    NotAsPromised,
    Services,
    kill_all,
    listeners,
    postgresql,
    prefect_server,
    status,
    wait_until,
    worker,
)
from flows.settings import SAFE_ENVIRONMENT

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
EXAMPLES = ROOT / "schemas" / "examples"
RUN_SECONDS = 900
ALERT_SECONDS = 180
"""An alert takes 1 s, or 20 s behind a state that has no event (deploy/prefect_server); the rest is for a busy machine."""
DEAD_SECONDS = 420
"""180 s without a heartbeat, and what the machine takes when it is busy."""


def main() -> int:
    """Everything in order; 0 if all was shown."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that a rehearsal that is stopped cleans up as well
    signal.signal(signal.SIGINT, lambda *_: sys.exit(1))
    services = Services(Path(tempfile.mkdtemp(prefix="schakel-rehearsal-")))
    services.environment = _environment(services.folder)
    try:
        _rehearse(services)
    except NotAsPromised as error:
        say(f"NOT AS PROMISED: {error}")
        for log in sorted(services.folder.glob("*.log")):
            say(f"--- the end of {log.name}\n{log.read_text(errors='replace')[-3000:]}")
        return 1
    finally:
        services.close()
    say(f"All shown, in {time.monotonic() - began:.0f} s; everything that was started is gone.")
    return 0


def say(text: str) -> None:
    """A line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def promise(kept: object, what: str) -> None:
    """Say what was shown, or end with it."""
    if not kept:
        raise NotAsPromised(what)
    say(f"  ok  {what}")


def _environment(folder: Path) -> dict[str, str]:
    """What the units of `deploy/systemd` set, and nothing of the caller's that concerns Schakel or Prefect."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SCHAKEL_", "PREFECT_", "PG"))}
    for line in (ROOT / "deploy" / "systemd" / "prefect.env").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            inherited[name] = value
    return inherited | {
        **SAFE_ENVIRONMENT,
        "PYTHONPATH": str(ROOT),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",  # schedules are made a minute before they fire here
        "SCHAKEL_STATE": str(folder / "state"),
        "SCHAKEL_ACTOR": "rooster",
        "SCHAKEL_LOG": "json",
        "SCHAKEL_DELIVERIES": str(folder / "deliveries"),
        "SCHAKEL_RELEASES": str(folder / "out"),
    }


def _rehearse(services: Services) -> None:
    os.umask(0o077)
    shutil.copytree(EXAMPLES, services.folder / "deliveries")
    say("1. PostgreSQL, Prefect, and what they need to know")
    database = postgresql(services)
    heard = listeners(services)
    address = prefect_server(services)
    _installed(services, database, address)
    runs = Runs(services, database)
    started = worker(services)
    wait_until(lambda: runs.workers_online() == 1, 60, "the worker is online")

    say("2. A schedule fires, and a release comes of it")
    _scheduled_release(services, runs, database)
    say("3. The same registers delivered twice")
    _delivered_twice(runs)
    say("4. The worker is killed with its run, right after the budget was charged; then two start it again")
    _killed(services, runs, started, heard)
    say("5. A register arrives broken off in its middle")
    _broken(services, runs, heard)
    say("6. What Prefect's database holds of the people in the registers")
    _nothing_kept(services, database)


def _installed(services: Services, database: Database, address: str) -> None:
    roles = database.query(
        "postgres",
        "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname IN ('prefect', 'schakel')",
    )
    promise(
        roles == [["f"], ["f"]],
        "two roles, prefect and schakel, neither a superuser nor able to make databases or roles",
    )
    owned = database.query(
        "prefect", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = 'prefect'"
    )
    promise(int(owned[0][0]) > 30, f"Prefect 3.8.8 migrated PostgreSQL as role prefect: {owned[0][0]} tables")
    promise(status(f"{address}/admin/version") == 401, "Prefect's API refuses who has no password")
    python = sys.executable
    for line in services.run(python, "-m", "flows", "setup").splitlines()[:1]:
        say(f"      {line}")
    deploy = (python, "-m", "flows.deployments", "deploy/prefect.yaml")
    first, again = services.run(*deploy), services.run(*deploy)
    for line in first.splitlines():
        say(f"      {line}")
    promise("was there" in again and "renewed" in again, "run a second time, it renews and changes nothing")
    tables = database.query("schakel", "SELECT count(*) FROM leaves")
    promise(
        int(tables[0][0]) >= 1, f"Schakel's own state lies in PostgreSQL as role schakel: {tables[0][0]} log entries"
    )


def _scheduled_release(services: Services, runs: Runs, database: Database) -> None:
    production = runs.schedules("wodc2020")
    promise(
        production == [("30 7 1 3 *", "Europe/Amsterdam")],
        f"wodc2020 is deployed with {production[0][0]}, Europe/Amsterdam",
    )
    run = runs.on_schedule("wodc2020", soon())
    promise(
        run.state == "Completed", f"run {run.name} was started by the schedule and completed in {run.seconds:.0f} s"
    )
    _one_release(services, runs, "wodc2020")
    verified = services.run(sys.executable, "-m", "flows", "verify", str(runs.folders("wodc2020")[0]))
    promise(
        "proposed" in verified,
        "`schakel verify`: files, manifest, signature and log hold; proposed, so nobody reads it yet",
    )
    public = services.folder / "state" / "keys" / "signing.pub.pem"
    folder = runs.folders("wodc2020")[0]
    services.run(sys.executable, "-I", "verify.py", "--key", str(public), where=folder)
    promise(True, "the release's own verify.py with the auditor's key agrees")


def _one_release(services: Services, runs: Runs, study: str) -> None:
    promise(
        len(runs.folders(study)) == 1,
        f"one release of {study}: {runs.folders(study)[0].name if runs.folders(study) else '-'}",
    )
    charges, keys, drawn = runs.charges(study)
    promise(charges == keys == drawn > 0, f"{charges} charge(s), each of another query, each drawn")
    services.run(sys.executable, "-m", "flows", "log", "verify")
    promise(True, "the log and the ledger agree entry by entry")


def _delivered_twice(runs: Runs) -> None:
    before, spent = runs.folders("wodc2020"), runs.charges("wodc2020")
    run = runs.on_schedule("wodc2020", soon())
    promise(run.state == "Completed", f"run {run.name} completed in {run.seconds:.0f} s")
    promise(runs.folders("wodc2020") == before, "no second release")
    promise(runs.charges("wodc2020") == spent, "no second charge")


def _killed(services: Services, runs: Runs, started: subprocess.Popen[bytes], heard: Heard) -> None:
    first = runs.arrange("nr2015", soon())
    wait_until(lambda: runs.charges("nr2015")[0] > 0, RUN_SECONDS, "nr2015 is charged")
    kill_all(started)
    charged = runs.charges("nr2015")[0]
    promise(not runs.folders("nr2015"), f"killed after {charged} charge(s); no release, not even half of one")
    promise(runs.state(first) == "Running", "Prefect still believes that the dead run is running")
    worker(services)
    worker(services)
    scheduled = runs.arrange("nr2015", soon())
    by_hand = runs.by_hand("nr2015")
    say("      two new workers; the schedule fires, and somebody starts the same run by hand")
    for run in (runs.ended(scheduled), runs.ended(by_hand)):
        promise(
            run.state == "Completed", f"run {run.name} waited for its place and completed, {run.seconds:.0f} s in all"
        )
    _one_release(services, runs, "nr2015")
    wait_until(lambda: runs.state(first) == "Crashed", DEAD_SECONDS, "the dead run is marked crashed")
    promise(True, "the dead run, silent for 180 s, was marked crashed")
    wait_until(
        lambda: any(post["flow_run.state.name"] == "Crashed" for post in heard.posts), ALERT_SECONDS, "an alert of it"
    )
    promise(True, "and the alert told of it")


def _broken(services: Services, runs: Runs, heard: Heard) -> None:
    register = services.folder / "deliveries" / "wodc2020" / "ind.csv"
    whole = register.read_bytes()
    register.write_bytes(whole[: len(whole) // 2])
    before = runs.folders("wodc2020")
    run = runs.on_schedule("wodc2020", soon())
    register.write_bytes(whole)
    promise(run.state == "Failed", f"run {run.name} failed")
    promise(runs.folders("wodc2020") == before, "no new release")
    wait_until(lambda: any(p["flow_run.name"] == run.name for p in heard.posts), ALERT_SECONDS, "the webhook was told")
    post = next(post for post in heard.posts if post["flow_run.name"] == run.name)
    said = post["flow_run.state.message"]
    promise("deliver the complete file" in said and said.endswith("(exit 3)"), f"webhook: {said}")
    wait_until(lambda: heard.mail_about(run.name), ALERT_SECONDS, "the mail arrived")
    mail = email.message_from_string(heard.mail_about(run.name), policy=email.policy.default)
    promise(said in mail.get_content(), f"mail to {mail['To']}, '{mail['Subject']}': the same")


def _nothing_kept(services: Services, database: Database) -> None:
    values = set()
    for path in EXAMPLES.rglob("*.csv"):
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        for row in csv.reader(text.splitlines(), delimiter=";" if ";" in text.splitlines()[0] else ","):
            values |= {cell for cell in row[:4] if len(cell) >= 8}
    dump = database.dump("prefect")
    found = [value for value in values if value in dump]
    promise(
        len(values) > 1000 and not found,
        f"none of {len(values):,} names and numbers in {len(dump):,} characters",
    )
    stored = [str(path) for path in (services.folder / "prefect" / "storage").rglob("*") if path.is_file()]
    promise(not stored, "no result was stored in Prefect's folder, not even of the run that failed")


def soon() -> str:
    """A cron expression for a minute that begins in 30 to 90 seconds, in Amsterdam."""
    at = datetime.now(AMSTERDAM) + timedelta(seconds=90)
    return f"{at.minute} {at.hour} {at.day} {at.month} *"


if __name__ == "__main__":
    sys.exit(main())
