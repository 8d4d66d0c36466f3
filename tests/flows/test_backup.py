"""The drill: a machine is gone, another one gets the backup, and everything goes on; what is too old or touched is refused."""

from __future__ import annotations

import secrets
import shutil
import stat
import tarfile
from pathlib import Path

import pytest

from tests.conftest import Invoke
from tests.flows.invented_release import propose, tables
from tests.postgresql import Server


@pytest.fixture
def drill(tmp_path: Path, invoke: Invoke) -> Path:
    """A folder with a state (one proposed release), its backup and keys, and the checkpoint that the release carries."""
    folder = propose(tmp_path / "state", tmp_path / "out", "r1", tables())
    said = invoke(
        "backup", tmp_path / "b.tar", "--keys", tmp_path / "k.tar", state=tmp_path / "state", SCHAKEL_ACTOR="anna"
    )
    assert said.returncode == 0, said.stderr
    shutil.copy(folder / "checkpoint.txt", tmp_path / "seen.txt")
    return tmp_path


def back(
    invoke: Invoke, drill: Path, *more: object, backup: str = "b.tar", state: str = "new", **extra: str
) -> tuple[int, str]:
    done = invoke(
        "restore", drill / backup, "--keys", drill / "k.tar", *more, state=drill / state, SCHAKEL_ACTOR="anna", **extra
    )
    return done.returncode, done.stdout + done.stderr


def left(folder: Path) -> list[str]:
    """Files of a state folder, its keys apart."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.parent.name != "keys")


def test_an_empty_machine_gets_everything_back_and_goes_on(drill: Path, invoke: Invoke) -> None:
    before = invoke("budget", state=drill / "state").stdout
    shutil.rmtree(drill / "state")
    code, said = back(invoke, drill, "--checkpoint", drill / "seen.txt")
    assert (code, "Verified" in said) == (0, True), said
    new = drill / "new"
    assert invoke("verify", drill / "out/releases/nr2015/r1", state=new).returncode == 0
    assert invoke("log", "verify", state=new).returncode == 0
    assert invoke("budget", state=new).stdout == before
    kinds = invoke("log", "show", state=new).stdout
    assert kinds.index("backup_made") < kinds.index("state_restored")
    propose(new, drill / "out", "r2", tables(), snapshot="b")
    assert invoke("review", "r2", state=new).returncode == 0
    assert {stat.S_IMODE(p.stat().st_mode) & 0o077 for p in new.rglob("*")} == {0}
    assert {stat.S_IMODE((drill / name).stat().st_mode) for name in ("b.tar", "k.tar")} == {0o600}


def test_without_the_key_it_says_where_the_key_is(drill: Path, invoke: Invoke) -> None:
    done = invoke("restore", drill / "b.tar", "--checkpoint", drill / "seen.txt", state=drill / "new")
    assert (done.returncode, "give --keys what" in done.stderr) == (2, True), done.stderr
    assert left(drill / "new") == []


def test_a_backup_older_than_a_checkpoint_is_refused(drill: Path, invoke: Invoke) -> None:
    later = propose(drill / "state", drill / "out", "r2", tables(), snapshot="b")
    code, said = back(invoke, drill, "--checkpoint", later / "checkpoint.txt")
    assert (code, "spent budget back" in said) == (6, True), said
    assert left(drill / "new") == []


def test_the_witness_folder_notices_an_old_backup_by_itself(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = {"SCHAKEL_WITNESS": str(tmp_path / "witness")}
    monkeypatch.setenv(*next(iter(witness.items())))
    propose(tmp_path / "state", tmp_path / "out", "r1", tables())
    assert (
        invoke(
            "backup", tmp_path / "b.tar", "--keys", tmp_path / "k.tar", state=tmp_path / "state", **witness
        ).returncode
        == 0
    )
    assert back(invoke, tmp_path, state="good", **witness)[0] == 0
    shutil.rmtree(tmp_path / "good")
    assert back(invoke, tmp_path, **witness)[0] == 6  # the first restore went on from there
    assert left(tmp_path / "new") == []


def test_without_any_checkpoint_nobody_could_tell(drill: Path, invoke: Invoke) -> None:
    code, said = back(invoke, drill)
    assert (code, "--checkpoint" in said) == (2, True)
    assert not (drill / "new").exists()


def test_nothing_is_restored_over_a_state(drill: Path, invoke: Invoke) -> None:
    before = (drill / "state" / "state.db").read_bytes()
    code, said = back(invoke, drill, "--checkpoint", drill / "seen.txt", state="state")
    assert (code, "empty state folder" in said) == (2, True)
    assert (drill / "state" / "state.db").read_bytes() == before


def test_a_backup_shows_nothing_without_its_key(drill: Path) -> None:
    content = (drill / "b.tar").read_bytes()
    assert b"release_proposed" not in content
    assert b"anna" not in content
    assert b"primary" not in content
    with tarfile.open(drill / "b.tar") as tar:
        assert all("key" not in Path(name).suffix for name in tar.getnames())


def rebuilt(source: Path, target: Path, change: dict[str, bytes | None]) -> None:
    """The archive with members replaced or (None) left out."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            reader = old.extractfile(member)
            assert reader is not None
            content = change.get(member.name, reader.read())
            if content is None:
                continue
            path = target.with_suffix(".member")
            path.write_bytes(content)
            new.add(path, member.name)


def member(path: Path, name: str) -> bytes:
    with tarfile.open(path) as tar:
        reader = tar.extractfile(name)
        assert reader is not None
        return reader.read()


@pytest.mark.parametrize("kind", ["flip", "drop", "exchange"])
@pytest.mark.parametrize("touched", ["about", "table/leaves/000000", "table/releases/000000", "index"])
def test_a_touched_backup_is_refused_and_leaves_nothing(drill: Path, invoke: Invoke, touched: str, kind: str) -> None:
    propose(drill / "state", drill / "out", "r2", tables(), snapshot="b")
    assert invoke("backup", drill / "later.tar", state=drill / "state").returncode == 0
    content = bytearray(member(drill / "later.tar", touched))
    content[len(content) // 2] ^= 1
    new = {"flip": bytes(content), "drop": None, "exchange": member(drill / "b.tar", touched)}[kind]
    rebuilt(drill / "later.tar", drill / "bad.tar", {touched: new})
    code, said = back(invoke, drill, "--checkpoint", drill / "seen.txt", backup="bad.tar")
    assert (code, said.count("\n")) == (6, 2), said
    assert left(drill / "new") == []


def test_from_a_file_into_a_database_server(drill: Path, invoke: Invoke, server: Server) -> None:
    name = f"t{secrets.token_hex(6)}"
    server.sql(f"CREATE DATABASE {name} TEMPLATE template_schakel")
    address = {"SCHAKEL_DATABASE_URL": server.url(name)}
    later = propose(drill / "state", drill / "out", "r2", tables(), snapshot="b")
    assert back(invoke, drill, "--checkpoint", later / "checkpoint.txt", state="old", **address)[0] == 6
    code, said = back(invoke, drill, "--checkpoint", drill / "seen.txt", **address)
    assert code == 0, said
    assert invoke("log", "verify", state=drill / "new", **address).returncode == 0
    assert invoke("verify", drill / "out/releases/nr2015/r1", state=drill / "new", **address).returncode == 0
    server.sql(f"DROP DATABASE {name} WITH (FORCE)")
