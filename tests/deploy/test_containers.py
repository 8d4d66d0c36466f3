"""Container files: no secret in them, nobody is root, only the proxy is reachable; the linters' word where installed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy" / "container"
TOOLS = Path(os.environ.get("SCHAKEL_AUDIT_TOOLS") or ROOT / ".venv-audit" / "bin")
COMPOSE: dict[str, Any] = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CONTAINERFILE = (CONTAINER / "Containerfile").read_text()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_held_short(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service["user"].startswith("0")
    assert {"mem_limit", "pids_limit", "cpus", "logging"} <= set(service)
    assert "privileged" not in service
    assert "docker.sock" not in str(service)


def test_only_the_proxy_is_reached_from_outside_and_only_on_loopback() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "proxy": ["127.0.0.1:8443:8443"]
    }
    assert COMPOSE["networks"]["data"]["internal"] is True
    assert COMPOSE["networks"]["front"]["internal"] is True
    assert {name for name, service in SERVICES.items() if "outside" in service["networks"]} == {"proxy"}


def test_only_the_worker_sees_deliveries_and_reads_them_only() -> None:
    seen = {name: [v for v in service.get("volumes", []) if "/deliveries" in v] for name, service in SERVICES.items()}
    assert [name for name, volumes in seen.items() if volumes] == ["worker"]
    assert seen["worker"][0].endswith(":/deliveries:ro")


def test_the_server_gets_no_key_and_the_proxy_no_password() -> None:
    keys = {"signing.pem", "nr2015.key", "wodc2020.key"}
    assert not keys & set(SERVICES["prefect"]["secrets"])
    assert set(SERVICES["proxy"]["secrets"]) == {"tls-certificate", "tls-key"}


def test_secrets_are_files_and_stand_nowhere_in_clear() -> None:
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    for path in CONTAINER.iterdir():
        assert not re.search(r"://[^/\s{}]+:[^/\s{}]+@", path.read_text()), path.name
    environments = [value for service in SERVICES.values() for value in (service.get("environment") or {}).items()]
    assert [
        name for name, value in environments if re.search("PASSWORD|SECRET|KEY|AUTH", name) and "/" not in str(value)
    ] == []


def test_images_end_as_a_user_without_rights_and_copy_no_data() -> None:
    stages = re.split(r"^FROM ", CONTAINERFILE, flags=re.MULTILINE)[1:]
    ends = [stage for stage in stages if stage.splitlines()[0].endswith((" prefect", " schakel"))]
    assert len(ends) == 2
    assert all("USER 10001:10001" in stage for stage in ends)
    assert "--require-hashes" in CONTAINERFILE
    assert not re.search(r"^COPY .*(\.|tests|secrets|demo) \.?$", CONTAINERFILE, re.MULTILINE)
    prefect = next(stage for stage in ends if stage.splitlines()[0].endswith(" prefect"))
    assert "/opt/schakel/.venv " not in prefect, "the server's image holds no code that can read a register"


def test_every_file_that_the_container_files_name_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    assert [name for line in copied for name in line.split() if not (ROOT / name).exists()] == []
    mounted = [
        v.partition(":")[0] for service in SERVICES.values() for v in service.get("volumes", []) if v.startswith(".")
    ]
    assert [name for name in mounted if not (CONTAINER / name).exists()] == []


@pytest.mark.parametrize(
    "command",
    [
        ("hadolint", "Containerfile"),
        ("compose-lint", "compose.yaml"),
        ("docker-compose", "-f", "compose.yaml", "config", "-q"),
    ],
    ids=lambda command: command[0],
)
def test_a_linter_passes_them(command: tuple[str, ...]) -> None:
    if not (TOOLS / command[0]).exists():
        pytest.skip(f"no {command[0]} in {TOOLS}: `make audit` installs it")
    wanted = dict.fromkeys(re.findall(r"\$\{(SCHAKEL_[A-Z_]+):\?", str(COMPOSE)), "https://example.org")
    done = subprocess.run(
        [TOOLS / command[0], *command[1:]], cwd=CONTAINER, env={**os.environ, **wanted}, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
