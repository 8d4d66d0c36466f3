"""The units of `deploy/systemd` and the settings of Prefect that they share with the containers and the code."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from flows.settings import SAFE_ENVIRONMENT

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "deploy" / "systemd"
SERVICES = sorted(SYSTEMD.glob("*.service"))
UNITS = sorted([*SERVICES, *SYSTEMD.glob("*.timer")])
MOST_EXPOSED = 1.5
"""On systemd's scale of 0 to 10; what is left is the network of this machine, and 0.4 is as low as the shipped ones get."""
REQUIRED = {
    "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
    "UMask": "0077", "RestrictSUIDSGID": "yes", "CapabilityBoundingSet": "", "SystemCallErrorNumber": "EPERM",
    "IPAddressDeny": "any", "LockPersonality": "yes", "RestrictNamespaces": "yes", "ProtectProc": "invisible",
}  # fmt: skip
NO_SYSTEMD = "no systemd-analyze on this machine: install the Debian package 'systemd'"


class _Repeats(dict):  # type: ignore[type-arg]
    """Directives that may be given several times are kept together, one per line."""

    def __setitem__(self, key: str, value: object) -> None:
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def _service(path: Path) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False, dict_type=_Repeats, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser["Service"]


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip(NO_SYSTEMD)
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_systemd_itself_finds_a_service_little_exposed(unit: Path) -> None:
    done = _analyze("security", "--offline=true", str(unit))
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= MOST_EXPOSED


def test_the_measure_tells_an_open_service(tmp_path: Path) -> None:
    (tmp_path / "open.service").write_text("[Service]\nExecStart=/bin/true\n")
    done = _analyze("security", "--offline=true", str(tmp_path / "open.service"))
    assert float(re.search(r": ([0-9.]+) ", done.stdout.splitlines()[-1])[1]) > 9  # type: ignore[index]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_understands_a_unit(unit: Path) -> None:
    """All but the programs, which lie elsewhere here than at a data holder."""
    said = _analyze("verify", str(unit)).stderr.splitlines()
    assert [line for line in said if unit.name in line and "is not executable" not in line] == []


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_what_every_service_has(unit: Path) -> None:
    service = _service(unit)
    assert {name: service.get(name) for name in REQUIRED} == REQUIRED
    assert "@system-service" in service["SystemCallFilter"]
    assert "User" in service
    assert service["User"] != "root"


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_no_secret_stands_in_a_unit(unit: Path) -> None:
    text = unit.read_text()
    assert not re.search(r"://[^/\s]*:[^/\s]*@", text), "an address with a password"
    assert "AUTH_STRING=" not in "".join(line for line in text.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize("unit", [u for u in SERVICES if "LoadCredential" in u.read_text()], ids=lambda path: path.stem)
def test_every_credential_is_copied_where_only_the_service_reads_it(unit: Path) -> None:
    service = _service(unit)
    loaded = {line.partition(":")[0] for line in service["LoadCredential"].splitlines()}
    assert set(re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/(\S+)", service["ExecStartPre"])) == loaded
    assert "-m 0600" in service["ExecStartPre"]
    assert f"SCHAKEL_KEYS=/run/{service['RuntimeDirectory']}" in service["Environment"].splitlines()
    assert service["RuntimeDirectoryMode"] == "0700"


def test_only_the_worker_reaches_deliveries_and_never_writes_them() -> None:
    for unit in SERVICES:
        service = _service(unit)
        hidden = service.get("InaccessiblePaths", "")
        if unit.stem == "schakel-worker":
            assert service["ReadOnlyPaths"] == "/srv/schakel/deliveries"
        else:
            assert "-/srv/schakel" in hidden
        assert "deliveries" not in service.get("ReadWritePaths", "")


def test_prefects_settings_are_the_same_everywhere() -> None:
    lines = (SYSTEMD / "prefect.env").read_text().splitlines()
    shared = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert SAFE_ENVIRONMENT.items() <= shared.items()
    image = (ROOT / "deploy" / "container" / "Containerfile").read_text()
    wanted = {f"{name}={value}" for name, value in shared.items() if name != "PREFECT_CLI_PROMPT"}
    assert {setting for setting in wanted if setting not in image} == set()


def test_the_server_finds_its_order_of_events_in_unit_and_image() -> None:
    assert (ROOT / "deploy" / "prefect_server" / "event_order.py").is_file()
    ours = {"PYTHONPATH=/opt/schakel/deploy/prefect_server", "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING=event_order"}
    assert ours <= set(_service(SYSTEMD / "schakel-prefect.service")["Environment"].splitlines())
    image = (ROOT / "deploy" / "container" / "Containerfile").read_text()
    server = image.partition(" AS prefect")[2].partition("\nFROM ")[0]
    assert {setting for setting in ours if setting not in server} == set()


def test_commands_by_hand_use_what_the_worker_uses() -> None:
    """`schakel-do`: another state, database or witness than the worker's would be another ledger."""
    script = (SYSTEMD / "schakel-do").read_text()
    assert subprocess.run(["sh", "-n", SYSTEMD / "schakel-do"], check=False).returncode == 0
    lines = {line.replace("'", "") for line in script.splitlines()}
    environment = _service(SYSTEMD / "schakel-worker.service")["Environment"].splitlines()
    shared = {line for line in environment if not line.startswith(("SCHAKEL_KEYS=", "SCHAKEL_LOG="))}
    assert len(shared) >= 6
    assert shared - lines == set()
    assert {"umask 077", 'trap \'rm -rf "$keys" "$handed"\' EXIT'} <= set(script.splitlines())


def test_every_folder_of_a_unit_is_there_before_its_first_command() -> None:
    made = {line.split()[1] for line in (SYSTEMD / "schakel.tmpfiles.conf").read_text().splitlines() if line[:1] == "d"}
    for unit in SERVICES:
        service = _service(unit)
        if service["User"] == "schakel":
            assert {f"/var/lib/{name}" for name in service["StateDirectory"].split()} <= made
            paths = service.get("ReadWritePaths", "").split() + service.get("ReadOnlyPaths", "").split()
            assert {path.removeprefix("-") for path in paths} <= made
