"""Who hears of a run that went wrong: somebody, each run by itself, and no password in Prefect's database."""

from __future__ import annotations

import socket

import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.deployments import BADLY, ENDS, Alerts, _await_answer, _run_is
from schemas.errors import UsageError


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCHAKEL_ALERT_WEBHOOK", "SCHAKEL_ALERT_MAIL", "SCHAKEL_ALERT_SMTP"):
        monkeypatch.delenv(name, raising=False)


def test_somebody_has_to_hear() -> None:
    with pytest.raises(UsageError, match="set SCHAKEL_ALERT_WEBHOOK or SCHAKEL_ALERT_MAIL"):
        Alerts.from_environment()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCHAKEL_ALERT_WEBHOOK", "https://schakel:secret@hooks.example.org/"),
        ("SCHAKEL_ALERT_SMTP", "schakel:secret@mail.example.org:25"),
    ],
)
def test_an_address_with_a_password_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("SCHAKEL_ALERT_MAIL", "beheer@example.org")
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="carries a password") as refused:
        Alerts.from_environment()
    assert "secret" not in str(refused.value)


def test_the_relay_is_this_machines_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHAKEL_ALERT_MAIL", "beheer@example.org")
    assert Alerts.from_environment() == Alerts(None, "beheer@example.org", "127.0.0.1:25")


def test_one_runs_alert_does_not_use_up_anothers() -> None:
    trigger = _run_is(*BADLY)
    assert trigger.for_each == {"prefect.resource.id"}
    assert trigger.threshold == 1
    assert trigger.within.total_seconds() == 0
    assert trigger.expect == {f"prefect.flow-run.{state}" for state in BADLY}


def test_every_bad_end_is_an_end() -> None:
    assert set(BADLY) < set(ENDS)


def test_a_server_that_does_not_answer_is_said_with_what_to_do() -> None:
    with socket.socket() as nobody:  # bound, and never listens: every connection is refused
        nobody.bind(("127.0.0.1", 0))
        client = SyncPrefectClient(api=f"http://127.0.0.1:{nobody.getsockname()[1]}/api")
        with client, pytest.raises(UsageError, match=r"did not answer.*systemctl status schakel-prefect"):
            _await_answer(client, patience=0)
