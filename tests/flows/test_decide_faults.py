"""Faults a data holder will meet, through the command line: old backups, full disks, read-only folders, keys lost or stolen."""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from disclosure.log import create_signing_key
from flows import keyring as flow_keyring
from flows.cli import main
from tests.conftest import EXAMPLES, Invoke
from tests.flows.invented_release import propose, tables

WODC = EXAMPLES / "wodc2020"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def proposed(state: Path, tmp_path: Path, invoke: Invoke) -> Path:
    """r1, proposed by anna; bram is a checker with bram.pem."""
    folder = propose(state, tmp_path / "out", "r1", tables())
    register = ("keys", "new", "--person", "bram", "--out", tmp_path / "bram.pem")
    assert invoke(*register, state=state, SCHAKEL_ACTOR="anna").returncode == 0
    return folder


def approve(invoke: Invoke, state: Path, ref: object, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    return invoke("approve", ref, "--key", tmp_path / "bram.pem", state=state, SCHAKEL_ACTOR="bram")


# --- a state that went back in time -----------------------------------------------------------------------------------


def test_a_restored_database_is_refused_by_every_command(
    invoke: Invoke, proposed: Path, state: Path, tmp_path: Path
) -> None:
    """The database alone comes back from a backup; its checkpoints lie outside it and know better."""
    shutil.copy(state / "state.db", tmp_path / "backup.db")
    assert approve(invoke, state, "r1", tmp_path).returncode == 0
    for file in state.glob("state.db*"):
        file.unlink()
    shutil.copy(tmp_path / "backup.db", state / "state.db")
    for command in (
        ("budget",), ("log", "verify"), ("log", "show"), ("verify", proposed), ("review", "r1"), ("setup",),
        ("withdraw", "r1", "--reason", "an old state"), ("keys", "rotate", "--reason", "an old state"),
        ("run", "wodc2020", "--data", WODC, "--out", tmp_path / "o"),
    ):  # fmt: skip
        done = invoke(*command, state=state)
        assert done.returncode == 6, (command, done.stderr)
        assert "older than" in done.stderr


def test_a_wholly_restored_state_is_refused_beside_a_newer_release(
    invoke: Invoke, proposed: Path, state: Path, tmp_path: Path
) -> None:
    """Backup and checkpoints come back together; what remains is the checkpoint in a release folder."""
    shutil.copytree(state, tmp_path / "backup")
    newer = propose(state, tmp_path / "out", "r2", tables(), snapshot="b")
    shutil.rmtree(state)
    shutil.copytree(tmp_path / "backup", state)
    assert invoke("verify", newer, state=state).returncode == 6
    done = invoke("run", "wodc2020", "--data", WODC, "--out", tmp_path / "out", state=state)
    assert (done.returncode, "r2" in done.stderr) == (6, True)
    # Also where the release itself was proposed by the time of the backup, but carries newer proofs.
    shutil.rmtree(newer)
    shutil.copytree(tmp_path / "backup", tmp_path / "other")
    propose(tmp_path / "other", tmp_path / "elsewhere", "r3", tables(), snapshot="c")
    invoke("log", "prove", "--release", "r1", "--out", proposed, state=tmp_path / "other")
    done = invoke("run", "wodc2020", "--data", WODC, "--out", tmp_path / "out", state=state)
    assert (done.returncode, "older than" in done.stderr) == (6, True)


def test_a_witness_elsewhere_finds_a_wholly_restored_state(
    invoke: Invoke, proposed: Path, state: Path, tmp_path: Path
) -> None:
    witness = {"SCHAKEL_WITNESS": str(tmp_path / "witness")}
    shutil.copytree(state, tmp_path / "backup")
    key = tmp_path / "bram.pem"
    assert invoke("approve", "r1", "--key", key, state=state, SCHAKEL_ACTOR="bram", **witness).returncode == 0
    shutil.rmtree(state)
    shutil.copytree(tmp_path / "backup", state)
    assert invoke("budget", state=state, **witness).returncode == 6
    assert invoke("budget", state=state).returncode == 0  # and without it nothing could have known


def test_an_emptied_state_folder_is_no_fresh_budget(
    invoke: Invoke, proposed: Path, state: Path, tmp_path: Path
) -> None:
    shutil.rmtree(state)
    done = invoke("run", "wodc2020", "--data", WODC, "--out", tmp_path / "out", state=state)
    assert (done.returncode, "does not know" in done.stderr) == (6, True)


# --- disks ------------------------------------------------------------------------------------------------------------


def in_child(prepare: Callable[[], None], *arguments: object, state: Path, actor: str) -> tuple[int, str]:
    """Run a command in a forked process after `prepare`; its exit code and what it said on standard error."""
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            code = 99
            try:
                os.environ.update({"SCHAKEL_STATE": str(state), "SCHAKEL_ACTOR": actor, "COLUMNS": "200"})
                os.dup2(said.fileno(), 2)
                sys.stderr = os.fdopen(2, "w", closefd=False)
                prepare()
                main([str(argument) for argument in arguments])
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                sys.stderr.flush()
                os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return status, said.read().decode()


def test_a_full_disk_approves_all_or_nothing(invoke: Invoke, proposed: Path, state: Path, tmp_path: Path) -> None:
    """No file may grow beyond a limit that rises until the approval fits: what a disk does that fills up."""
    for size in (1_000, 8_000, 16_000, 32_000, 64_000, 4_000_000):

        def fill(size: int = size) -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        code, said = in_child(fill, "approve", "r1", "--key", tmp_path / "bram.pem", state=state, actor="bram")
        assert (code, said.count("\n")) in ((0, 0), (2, 1)), said
        assert code == 0 or "room" in said or "disk" in said
        assert invoke("log", "verify", state=state).returncode == 0
        assert ("published" if code == 0 else "proposed") in invoke("verify", proposed, state=state).stdout
        if code == 0:
            break
    assert size > 1_000
    assert code == 0


@pytest.fixture
def nobodys(invoke: Invoke) -> Iterator[Path]:
    """A folder with state, release and key that belongs to a user whom permissions bind."""
    base = Path(tempfile.mkdtemp(prefix="schakel-ro-"))
    propose(base / "state", base / "out", "r1", tables())
    invoke("keys", "new", "--person", "bram", "--out", base / "bram.pem", state=base / "state", SCHAKEL_ACTOR="anna")
    if os.getuid() == 0:
        for path in [base, *base.rglob("*")]:
            shutil.chown(path, "nobody")
    yield base
    for path in [base, *base.rglob("*")]:
        path.chmod(0o700)
    shutil.rmtree(base)


def test_a_read_only_state_folder_is_said_and_nothing_happens(nobodys: Path) -> None:
    state = nobodys / "state"
    for path in [*state.rglob("*"), state]:
        path.chmod(0o500 if path.is_dir() else 0o400)

    def become_nobody() -> None:
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)

    for command in (("approve", nobodys / "out/releases/nr2015/r1", "--key", nobodys / "bram.pem"), ("log", "verify")):
        code, said = in_child(become_nobody, *command, state=state, actor="bram")
        assert (code, "write" in said, said.count("\n")) == (2, True, 1), said


# --- keys -------------------------------------------------------------------------------------------------------------


def rotate(invoke: Invoke, state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return invoke("keys", "rotate", "--reason", "as the plan says", *options, state=state, SCHAKEL_ACTOR="anna")


def verified_by_script(release: Path, key: Path) -> int:
    """The shipped script under the auditor's key; after a loss of trust that is all an outsider has."""
    command = ["env", "python3", "verify.py", "--key", str(key)]
    return subprocess.run(command, cwd=release, capture_output=True, check=False).returncode


def test_a_lost_signing_key(invoke: Invoke, proposed: Path, state: Path, tmp_path: Path) -> None:
    (state / "keys" / "signing.pem").unlink()
    done = invoke("budget", state=state)
    assert (done.returncode, "--lost" in done.stderr) == (2, True)
    assert approve(invoke, state, "r1", tmp_path).returncode == 2
    assert rotate(invoke, state).returncode == 2
    assert rotate(invoke, state, "--lost").returncode == 0
    assert approve(invoke, state, "r1", tmp_path).returncode == 0
    assert invoke("log", "verify", state=state).returncode == 0
    body = invoke("log", "show", "--kind", "key_rotated", state=state).stdout
    assert "signature" not in body


def test_a_key_that_is_there_is_not_lost(invoke: Invoke, proposed: Path, state: Path) -> None:
    assert rotate(invoke, state, "--lost").returncode == 2
    assert rotate(invoke, state, "--lost", "--revoke").returncode == 2
    assert not (state / "keys" / "signing.next.pem").exists()


def test_rotation_keeps_old_releases_and_hands_out_both_keys(
    invoke: Invoke, proposed: Path, state: Path, tmp_path: Path
) -> None:
    old = (state / "keys" / "signing.pem").read_bytes()
    assert rotate(invoke, state).returncode == 0
    newer = propose(state, tmp_path / "out", "r2", tables(), snapshot="b")
    both = state / "keys" / "signing.pub.pem"
    assert both.read_text().count("BEGIN PUBLIC KEY") == 2
    assert [verified_by_script(folder, both) for folder in (proposed, newer)] == [0, 0]
    (state / "keys" / "signing.pem").write_bytes(old)
    done = invoke("budget", state=state)
    assert (done.returncode, "retired" in done.stderr) == (6, True)


def test_a_revoked_key_signs_nothing_that_counts(invoke: Invoke, proposed: Path, state: Path, tmp_path: Path) -> None:
    """The thief has the key and a copy of the state; what the thief signs is refused, what was signed before holds."""
    shutil.copytree(state, tmp_path / "stolen")
    assert rotate(invoke, state, "--revoke").returncode == 0
    assert (state / "keys" / "signing.pub.pem").read_text().count("BEGIN PUBLIC KEY") == 1
    assert invoke("verify", proposed, state=state).returncode == 0
    forged = propose(tmp_path / "stolen", tmp_path / "forged", "r9", tables(), snapshot="d")
    assert invoke("verify", forged, state=state).returncode == 6
    shutil.copy(tmp_path / "stolen" / "keys" / "signing.pem", state / "keys" / "signing.pem")
    done = invoke("budget", state=state)
    assert (done.returncode, "revoked" in done.stderr) == (6, True)
    assert rotate(invoke, state, "--lost").returncode == 0
    assert approve(invoke, state, "r1", tmp_path).returncode == 0
    assert invoke("log", "verify", state=state).returncode == 0


@pytest.mark.parametrize("step", ["create_signing_key", "rotate_key", "sync_folder", "write_public_keys"])
def test_a_rotation_that_dies_can_be_given_again(
    invoke: Invoke, proposed: Path, state: Path, tmp_path: Path, step: str
) -> None:
    """Killed right before each step; whatever the log knows by then, the next command works and so does a rotation."""

    def die_there() -> None:
        def die(*_: object, **__: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(flow_keyring, step, die)

    code, _ = in_child(die_there, "keys", "rotate", "--reason", "as the plan says", state=state, actor="anna")
    assert code == -signal.SIGKILL
    assert approve(invoke, state, "r1", tmp_path).returncode == 0
    assert rotate(invoke, state).returncode == 0
    assert invoke("log", "verify", state=state).returncode == 0
    assert invoke("verify", proposed, state=state).returncode == 0


def test_a_next_key_that_the_log_never_heard_of_does_not_take_over(
    invoke: Invoke, proposed: Path, state: Path, tmp_path: Path
) -> None:
    stray = create_signing_key(state / "keys" / "signing.next.pem")
    assert approve(invoke, state, "r1", tmp_path).returncode == 0
    assert rotate(invoke, state).returncode == 0
    assert stray.id not in invoke("log", "show", "--kind", "key_rotated", state=state).stdout
