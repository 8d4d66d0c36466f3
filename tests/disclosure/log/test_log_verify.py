"""verify.py as an auditor runs it: alone, from a release folder, against good and spoilt releases."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from log_support import ORIGIN, SECRET, append_views, publish, write_files, write_public_key

from disclosure.log import create_signing_key, public_pem, set_up_log
from disclosure.log.notes import Checkpoint, write_note
from disclosure.manifest import Origin, seal_release
from disclosure.store import open_store
from disclosure.verify import verify_release
from schemas.errors import IntegrityError, UsageError

OTHER = Origin("nr2015", "d" * 64, "b" * 64, "c" * 64, "0.1.0")


class Bench:
    """A published release, the key and a kept checkpoint, outside any project folder."""

    def __init__(self, folder: Path) -> None:
        self.log = set_up_log(open_store(folder / "state"), actor="anna")
        append_views(self.log, 3, sign=True)
        self.kept = folder / "kept.txt"
        with self.log.store.reading() as tx:
            self.kept.write_text(self.log.last_checkpoint(tx)[1])
        append_views(self.log, 6, sign=True)
        self.good = publish(self.log, folder / "out" / "r1")
        self.later = publish(self.log, folder / "out" / "r2", OTHER)
        self.key = write_public_key(self.log, folder / "public.pem")
        self.other_key = folder / "other.pem"
        self.other = create_signing_key(folder / "other.key")
        self.other_key.write_text(public_pem(self.other.public))
        strange = set_up_log(open_store(folder / "strange"), actor="eve", key_file=folder / "state/keys/signing.pem")
        append_views(strange, 9, sign=True)
        with strange.store.reading() as tx:
            self.strange_note = strange.last_checkpoint(tx)[1]
        strange.store.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("bench"))
    yield bench
    bench.log.store.close()


@pytest.fixture
def copy(bench, tmp_path):
    return Path(shutil.copytree(bench.good, tmp_path / "stick"))


def run(folder, key, since=None, script=None):
    """The script without site-packages, without this project, without an environment but PATH."""
    command = [sys.executable, "-I", "-S", str(script or folder / "verify.py"), "--key", str(key)]
    command += ["--since", str(since)] if since else []
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})


def own_script(tmp_path):
    """The auditor's own copy of the script: a changed release cannot have changed it."""
    from disclosure.manifest import verify_script

    path = tmp_path / "own_verify.py"
    path.write_bytes(verify_script())
    return path


def test_a_good_release(bench, copy):
    done = run(copy, bench.key, bench.kept)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "Release r1 holds: its files, signature and place in the log (11 entries) are right; the"
    )
    assert done.stdout.count("\n") == 1


def test_a_public_reader_has_only_the_public_part(bench, copy):
    shutil.rmtree(copy / "restricted")
    done = run(copy, bench.key)
    assert done.returncode == 0
    assert "restricted/ is not here and was not checked" in done.stdout


def test_only_the_standard_library_and_openssl():
    from disclosure.manifest import verify_script

    source = verify_script().decode()
    modules = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert modules <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("arguments", [[], ["--key"], ["--key", "nowhere.pem"], ["--key", "manifest.json"]])
def test_wrong_use_is_exit_2(copy, arguments):
    command = [sys.executable, "-I", str(copy / "verify.py"), *arguments]
    assert subprocess.run(command, cwd=copy, capture_output=True).returncode == 2


def test_without_openssl_nothing_is_decided(bench, copy, tmp_path):
    command = [sys.executable, "-I", str(copy / "verify.py"), "--key", str(bench.key)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, env={"PATH": str(tmp_path)})
    assert done.returncode == 2
    assert "openssl is not installed" in done.stderr


def test_a_later_checkpoint_decides_nothing(bench, copy):
    done = run(copy, bench.key, bench.later / "checkpoint.txt")
    assert done.returncode == 2
    assert "later than this release" in done.stderr


def test_every_checkpoint_ever_signed_serves_as_since(bench):
    for file in (bench.log.store.directory / "checkpoints").iterdir():
        if int(file.stem) <= 12:
            done = run(bench.later, bench.key, file)
            assert done.returncode == 0, (file, done.stderr)


# --- thirty ways to spoil a release -----------------------------------------------------------------------------------


def edit(path, change):
    path.write_bytes(change(path.read_bytes()))


def edit_json(path, change):
    data = json.loads(path.read_bytes())
    change(data)
    path.write_text(json.dumps(data, sort_keys=True, separators=(",", ":")))


def flip(data):
    return bytes([data[0] ^ 1]) + data[1:]


def resign(folder, key):
    (folder / "manifest.sig").write_bytes(key.sign((folder / "manifest.json").read_bytes()))


def relist(folder, name):
    """Change a public file and the manifest with it."""
    edit(folder / name, lambda data: data + b"2011;3;ok\n")
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    edit_json(folder / "manifest.json", lambda manifest: manifest["plain"].update({name: digest}))


def spoil_other_release(folder, bench):
    seal_release(folder, OTHER, SECRET, bench.log.key)


def spoil_other_log(folder, bench):
    (folder / "checkpoint.txt").write_text(bench.strange_note)


def spoil_forged_root(folder, bench):
    """The thief's own key and a made-up log of one leaf."""
    leaf = json.loads((folder / "inclusion.json").read_bytes())["leaf"]
    root = hashlib.sha256(b"\x00" + leaf.encode()).digest()
    (folder / "checkpoint.txt").write_text(write_note(Checkpoint("schakel/x", 1, root, "2026"), [bench.other]))
    edit_json(folder / "inclusion.json", lambda data: data.update(seq=0, path=[]))


def link_outside(folder, bench):
    (folder / "public" / "f01.csv").unlink()
    (folder / "public" / "f01.csv").symlink_to(bench.good / "public" / "f01.csv")


def duplicate_key(folder, bench):
    edit(folder / "manifest.json", lambda data: data.replace(b'"v":1', b'"v":1,"v":1'))
    resign(folder, bench.log.key)


SPOILT = {
    "a changed public file": lambda f, b: edit(f / "public/f01.csv", lambda d: d.replace(b"256", b"257")),
    "an emptied public file": lambda f, b: (f / "public/f01.csv").write_bytes(b""),
    "a removed public file": lambda f, b: (f / "public/f01.csv").unlink(),
    "a renamed public file": lambda f, b: (f / "public/f01.csv").rename(f / "public/f02.csv"),
    "exchanged files": lambda f, b: shutil.copy(f / "public/index.html", f / "public/f01.csv"),
    "an added public file": lambda f, b: (f / "public/extra.csv").write_text("x"),
    "an added file at the top": lambda f, b: (f / "README").write_text("x"),
    "an added hidden file": lambda f, b: (f / "public/.hidden").write_text("x"),
    "an added folder with a file": lambda f, b: ((f / "more").mkdir(), (f / "more/x").write_text("x")),
    "a link instead of a file": link_outside,
    "an added link": lambda f, b: (f / "public/extra").symlink_to("/etc/hostname"),
    "a link to a folder": lambda f, b: (f / "public/extra").symlink_to(f / "restricted"),
    "a changed restricted file": lambda f, b: edit(f / "restricted/f01.csv", flip),
    "a removed restricted file": lambda f, b: (f / "restricted/f01.parquet").unlink(),
    "removed salts": lambda f, b: (f / "restricted/salts.json").unlink(),
    "changed salts": lambda f, b: edit_json(f / "restricted/salts.json", lambda d: d.update({"x": "00" * 32})),
    "no public part": lambda f, b: shutil.rmtree(f / "public"),
    "a changed script": lambda f, b: edit(f / "verify.py", lambda d: d + b"\n"),
    "no script": lambda f, b: (f / "verify.py").unlink(),
    "a manifest that is not JSON": lambda f, b: edit(f / "manifest.json", lambda d: d[:-1]),
    "a manifest that is a list": lambda f, b: (f / "manifest.json").write_text("[]"),
    "an empty manifest": lambda f, b: (f / "manifest.json").write_bytes(b""),
    "a manifest in another encoding": lambda f, b: (f / "manifest.json").write_bytes(b"\xff\xfe{}"),
    "a manifest with a key twice": duplicate_key,
    "no manifest": lambda f, b: (f / "manifest.json").unlink(),
    "a changed manifest": lambda f, b: edit_json(f / "manifest.json", lambda d: d.update(code="9")),
    "file and manifest changed": lambda f, b: relist(f, "public/f01.csv"),
    "file, manifest and signature by another key": lambda f, b: (relist(f, "public/f01.csv"), resign(f, b.other)),
    "another release under the real key": spoil_other_release,
    "a cut signature": lambda f, b: edit(f / "manifest.sig", lambda d: d[:-1]),
    "a changed signature": lambda f, b: edit(f / "manifest.sig", flip),
    "no signature": lambda f, b: (f / "manifest.sig").unlink(),
    "a changed checkpoint": lambda f, b: edit(f / "checkpoint.txt", lambda d: d.replace(b"\n11\n", b"\n12\n")),
    "a changed time": lambda f, b: edit(f / "checkpoint.txt", lambda d: d.replace(b"time 20", b"time 19")),
    "an empty checkpoint": lambda f, b: (f / "checkpoint.txt").write_bytes(b""),
    "no checkpoint": lambda f, b: (f / "checkpoint.txt").unlink(),
    "the checkpoint of another log": spoil_other_log,
    "the checkpoint of another time": lambda f, b: shutil.copy(b.kept, f / "checkpoint.txt"),
    "a forged log": spoil_forged_root,
    "another release's proof": lambda f, b: shutil.copy(b.later / "inclusion.json", f / "inclusion.json"),
    "another release's checkpoint and proof": lambda f, b: [
        shutil.copy(b.later / name, f / name) for name in ("inclusion.json", "checkpoint.txt")
    ],
    "a changed leaf": lambda f, b: edit(f / "inclusion.json", lambda d: d.replace(b"anna", b"eve!")),
    "another place": lambda f, b: edit_json(f / "inclusion.json", lambda d: d.update(seq=d["seq"] - 1)),
    "a place beyond the log": lambda f, b: edit_json(f / "inclusion.json", lambda d: d.update(seq=99)),
    "a place that is no number": lambda f, b: edit_json(f / "inclusion.json", lambda d: d.update(seq=True)),
    "a shorter path": lambda f, b: edit_json(f / "inclusion.json", lambda d: d["path"].pop()),
    "a path of words": lambda f, b: edit_json(f / "inclusion.json", lambda d: d.update(path=["x"])),
    "no proof": lambda f, b: (f / "inclusion.json").unlink(),
    "a proof that is not JSON": lambda f, b: (f / "inclusion.json").write_text("{"),
    "a manifest that names files outside": lambda f, b: (
        edit_json(f / "manifest.json", lambda d: d["plain"].update({"public/../../x": "0" * 64})),
        resign(f, b.log.key),
    ),
    "restricted files without salt": lambda f, b: (
        edit_json(f / "manifest.json", lambda d: d["plain"].update({"restricted/f01.csv": "0" * 64})),
        resign(f, b.log.key),
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_release_is_exit_6(bench, copy, tmp_path, name):
    SPOILT[name](copy, bench)
    done = run(copy, bench.key, script=own_script(tmp_path))
    assert done.returncode == 6, done.stdout + done.stderr
    assert done.stderr.startswith("This release does not hold: ")
    assert done.stderr.count("\n") == 1
    with pytest.raises(IntegrityError):
        verify_release(copy, bench.key, bench.log.store)


def test_another_key_is_exit_6(bench, copy):
    assert run(copy, bench.other_key).returncode == 6


SINCE = {
    "changed": lambda note: note.replace("\n4\n", "\n5\n"),
    "cut": lambda note: note[:40],
    "no note": lambda note: "hello",
}


@pytest.mark.parametrize("name", SINCE)
def test_a_spoilt_kept_checkpoint_is_exit_6(bench, copy, tmp_path, name):
    kept = tmp_path / "kept.txt"
    kept.write_text(SINCE[name](bench.kept.read_text()))
    assert run(copy, bench.key, kept).returncode == 6


def test_a_log_that_was_rewritten_since_the_kept_checkpoint(bench, copy, tmp_path):
    """The data holder's own key, another past of the same length: only somebody who kept a checkpoint can tell."""
    kept = tmp_path / "kept.txt"
    origin = bench.log.origin
    for size, words in ((4, "does not continue"), (3, "does not know the checkpoint"), (11, "does not continue")):
        kept.write_text(write_note(Checkpoint(origin, size, bytes(32), "2026-01-01T00:00:00Z"), [bench.log.key]))
        done = run(copy, bench.key, kept)
        assert done.returncode == 6
        assert words in done.stderr
    kept.write_text(bench.strange_note)
    assert "another log" in run(copy, bench.key, kept).stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.pop("earlier"),
        lambda data: data.pop("nodes"),
        lambda data: data["earlier"].pop("4"),
        lambda data: data["earlier"].update({"4": [999]}),
        lambda data: data["earlier"].update({"4": []}),
        lambda data: data["earlier"].update({"4": [-1]}),
        lambda data: data.update(nodes=data["nodes"][::-1]),
    ],
)
def test_a_proof_of_consistency_that_was_spoilt(bench, copy, change):
    edit_json(copy / "inclusion.json", change)
    assert run(copy, bench.key).returncode == 0
    assert run(copy, bench.key, bench.kept).returncode == 6


# --- inside the program -----------------------------------------------------------------------------------------------


def test_verify_release_knows_the_state(bench, copy):
    report = verify_release(copy, None, bench.log.store, bench.kept)
    assert (report.release, report.state, report.absent, report.size) == ("r1", "proposed", (), 11)
    assert verify_release(copy, bench.key).state is None


def test_a_store_that_does_not_know_the_release_refuses(bench, copy, tmp_path):
    other = open_store(tmp_path / "fresh")
    set_up_log(other, actor="eve")
    with pytest.raises(IntegrityError, match="does not know"):
        verify_release(copy, bench.key, other)
    other.close()


def test_verify_release_wants_something_to_trust(copy, tmp_path):
    with pytest.raises(UsageError, match="takes a public key"):
        verify_release(copy)
    with pytest.raises(UsageError, match="not a release folder"):
        verify_release(tmp_path / "nothing")


def test_a_whole_release_in_anothers_place_is_found_where_the_store_is(bench, tmp_path):
    swapped = Path(shutil.copytree(bench.later, tmp_path / "r1"))
    assert run(swapped, bench.key).stdout.startswith("Release r2 holds")
    with pytest.raises(IntegrityError, match="holds release r2, not r1"):
        verify_release(swapped, None, bench.log.store)


def test_a_rebuild_gives_the_same_bytes_and_another_origin_other_salts(bench, tmp_path):
    built = []
    for name, origin in (("a", ORIGIN), ("b", ORIGIN), ("c", OTHER)):
        folder = tmp_path / name
        folder.mkdir()
        write_files(folder)
        seal_release(folder, origin, SECRET, bench.log.key)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        built.append({str(path.relative_to(folder)): path.read_bytes() for path in files})
    assert built[0] == built[1]
    first, third = (json.loads(build["manifest.json"]) for build in (built[0], built[2]))
    assert built[0]["restricted/f01.csv"] == built[2]["restricted/f01.csv"]
    assert first["salted"]["restricted/f01.csv"] != third["salted"]["restricted/f01.csv"]
    assert first["plain"]["public/f01.csv"] == third["plain"]["public/f01.csv"]


def test_a_manifest_tells_nobody_the_content_of_a_restricted_file(bench):
    """Guessing a small table and hashing the guess must not confirm it."""
    text = (bench.good / "manifest.json").read_text()
    for name in ("restricted/f01.csv", "restricted/f01.parquet"):
        assert hashlib.sha256((bench.good / name).read_bytes()).hexdigest() not in text


def test_modes(bench):
    for path in bench.good.rglob("*"):
        if path.is_dir():
            assert path.stat().st_mode & 0o777 == 0o700
        elif path.parent.name != "public":
            assert path.stat().st_mode & 0o777 == 0o600
