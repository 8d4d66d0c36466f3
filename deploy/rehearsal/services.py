"""The services of a data holder, started for real on 127.0.0.1 and ended again: PostgreSQL, Prefect, worker, two listeners."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import secrets
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCAL = "127.0.0.1"
SERVER_SECONDS = 180


class NotAsPromised(Exception):
    """Something that the rehearsal was to show did not happen."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind((LOCAL, 0))
        return int(taken.getsockname()[1])


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Look every half second; NotAsPromised when `seconds` have passed."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise NotAsPromised(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.5)


@dataclass
class Services:
    """Everything that was started, under one folder; `close` ends it in the opposite order."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    closing: list[Callable[[], object]] = field(default_factory=list)

    def close(self) -> None:
        """End every process that was started and remove the folder."""
        for end in reversed(self.closing):
            end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name: str, *command: str, **own: str) -> subprocess.Popen[bytes]:
        """A process group of its own with its output in `<name>.log`; killed at the end if it still runs.

        own     variables of the environment that only it gets, or gets otherwise.
        """
        environment = self.environment | own
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        self.closing.append(lambda: kill_all(process))
        return process

    def run(self, *command: str, where: Path = ROOT) -> str:
        """A command in the services' environment; its standard output. NotAsPromised with its error if it fails."""
        done = subprocess.run(command, env=self.environment, cwd=where, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotAsPromised(f"{' '.join(command[1:4])} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
        return done.stdout


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a process and everything it started, in whatever group, as `KillMode=control-group` would."""
    doomed = [process.pid]
    for parent in doomed:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            doomed += [int(child) for child in children.read_text().split()]
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Database:
    """A running cluster: its administrator comes in by the socket in `folder`, everybody else by password and port."""

    folder: Path
    port: int
    programs: Path
    user: str | None
    """The operating system's user it runs as, where we are root; PostgreSQL refuses root."""

    def _as_user(self, command: list[str], **more: object) -> subprocess.CompletedProcess[str]:
        who = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True, **who, **more)  # type: ignore[call-overload,no-any-return]

    def create(self) -> None:
        """initdb with the administrator by socket only, passwords as scram, our own pg_hba.conf."""
        self._as_user(
            [
                f"{self.programs}/initdb",
                "-D",
                "data",
                "-U",
                "postgres",
                "--auth=trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ]
        )
        rules = (ROOT / "deploy" / "postgres" / "pg_hba.conf").read_text()
        # The socket lies in a folder that only this rehearsal enters; everything else is the file as deployed.
        (self.folder / "data" / "pg_hba.conf").write_text(
            rules.replace("postgres                  peer", "postgres   trust")
        )
        shutil.copy(ROOT / "deploy" / "postgres" / "schakel.conf", self.folder / "data" / "schakel.conf")
        with (self.folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(f"include 'schakel.conf'\nport = {self.port}\nunix_socket_directories = '{self.folder}'\n")

    def start(self) -> None:
        """Up, and it takes connections."""
        self._as_user(
            [f"{self.programs}/pg_ctl", "-D", "data", "-w", "-l", "server.log", "start"], stdin=subprocess.DEVNULL
        )

    def stop(self) -> None:
        """Gone at once, as in a power cut."""
        subprocess.run(
            [f"{self.programs}/pg_ctl", "-D", "data", "-m", "immediate", "stop"], cwd=self.folder, check=False,
            capture_output=True, user=self.user, group=self.user,
        )  # fmt: skip

    def as_administrator(self, *arguments: str) -> str:
        """psql as the cluster's administrator."""
        command = [f"{self.programs}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder)]
        return self._as_user([*command, "-p", str(self.port), "-U", "postgres", *arguments]).stdout.strip()

    def query(self, database: str, statement: str) -> list[list[str]]:
        """Rows of a statement, as text."""
        said = self.as_administrator("-d", database, "-F", "\t", "-c", statement)
        return [line.split("\t") for line in said.splitlines()]

    def dump(self, database: str) -> str:
        """Everything a database holds, as text."""
        command = [f"{self.programs}/pg_dump", "-h", str(self.folder), "-p", str(self.port), "-U", "postgres", database]
        return self._as_user(command).stdout


def postgresql(services: Services) -> Database:
    """A new cluster with the two roles and databases of `deploy/postgres/roles.sql`, and a password file for them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(p) for p in [shutil.which("initdb")] if p]
    if not found:
        raise NotAsPromised("no PostgreSQL server on this machine; install the Debian package postgresql")
    folder = services.folder / "postgresql"
    folder.mkdir(mode=0o700)
    user = None
    if os.getuid() == 0:
        user = "postgres" if found[0].is_relative_to("/usr/lib") else "nobody"
        services.folder.chmod(0o711)
        shutil.chown(folder, user)
    database = Database(folder, free_port(), found[-1].parent, user)
    database.create()
    database.start()
    services.closing.append(database.stop)
    roles = folder / "roles.sql"
    shutil.copy(ROOT / "deploy" / "postgres" / "roles.sql", roles)
    roles.chmod(0o644)
    database.as_administrator("-f", str(roles))
    lines = []
    for role in ("prefect", "schakel"):
        password = secrets.token_hex(16)
        database.as_administrator("-c", f"ALTER ROLE {role} PASSWORD '{password}'")
        lines.append(f"{LOCAL}:{database.port}:{role}:{role}:{password}\n")
    passwords = services.folder / "pgpass"
    passwords.touch(mode=0o600)
    passwords.write_text("".join(lines))
    services.environment |= {
        "PGPASSFILE": str(passwords),
        "SCHAKEL_DATABASE_URL": f"postgresql+psycopg://schakel@{LOCAL}:{database.port}/schakel",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://prefect@{LOCAL}:{database.port}/prefect",
    }
    return database


# --- Prefect ----------------------------------------------------------------------------------------------------------


def prefect_server(services: Services) -> str:
    """A Prefect server behind a password, with the settings of `deploy/systemd`; its address."""
    port, password = free_port(), f"schakel:{secrets.token_hex(16)}"
    services.environment |= {
        "PREFECT_HOME": str(services.folder / "prefect"),
        "PREFECT_API_URL": f"http://{LOCAL}:{port}/api",
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_API_AUTH_STRING": password,
    }
    own = {
        "PYTHONPATH": str(ROOT / "deploy" / "prefect_server"),
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "event_order",
    }
    services.start(
        "prefect-server", _server_python(), "-m", "prefect", "server", "start", "--host", LOCAL, "--port", str(port),
        "--no-ui", **own,
    )  # fmt: skip
    address = services.environment["PREFECT_API_URL"]
    wait_until(lambda: status(f"{address}/health") == 200, SERVER_SECONDS, "the Prefect server answers")
    return address


def _server_python() -> str:
    """The server's own environment (requirements/server.txt), which holds no code of Schakel's."""
    python = Path(os.environ.get("SCHAKEL_SERVER_PYTHON") or ROOT / ".venv-server" / "bin" / "python")
    if not python.exists():
        raise NotAsPromised(f"there is no {python}; `make rehearse` makes the server's environment")
    return str(python)


def status(address: str) -> int:
    """The HTTP status of an address asked without a password; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def worker(services: Services) -> subprocess.Popen[bytes]:
    """A worker of the pool, which asks for work every two seconds."""
    return services.start(
        "worker", sys.executable, "-m", "prefect", "worker", "start", "--pool", "schakel", "--type", "process"
    )


# --- who hears of it --------------------------------------------------------------------------------------------------


@dataclass
class Heard:
    """What the local webhook and the local mail relay were told."""

    posts: list[dict[str, str]] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)

    def mail_about(self, run: str) -> str:
        """The first mail that names a run; empty where none came yet."""
        return next((mail for mail in self.mails if run in mail), "")


def listeners(services: Services) -> Heard:
    """A webhook and a mail relay on 127.0.0.1; the environment then names both."""
    heard = Heard()

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing on the terminal."""

    class Relay(socketserver.StreamRequestHandler):
        """As much of SMTP (RFC 5321) as one mail without extensions takes."""

        def handle(self) -> None:
            self.wfile.write(b"220 rehearsal\r\n")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    heard.mails.append(
                        "".join(iter(lambda: self.rfile.readline().decode().replace("\r\n", "\n"), ".\n"))
                    )
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")

    for kind, handler in ((http.server.ThreadingHTTPServer, Hook), (socketserver.ThreadingTCPServer, Relay)):
        listener = kind((LOCAL, 0), handler)
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        services.closing.append(listener.shutdown)
        address = f"{LOCAL}:{listener.server_address[1]}"
        if handler is Hook:
            services.environment["SCHAKEL_ALERT_WEBHOOK"] = f"http://{address}/"
        else:
            services.environment |= {"SCHAKEL_ALERT_SMTP": address, "SCHAKEL_ALERT_MAIL": "beheer@localhost"}
    return heard
