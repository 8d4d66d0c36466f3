"""Four eyes through the command line: who may decide what, what is checked before, what the log keeps of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.cli import main
from tests.flows.invented_release import SAFE, TOTALS, propose, tables

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def run(state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """`run("bram", "approve", "r1")`: exit code, standard output, standard error; within this process, for speed."""
    monkeypatch.setenv("SCHAKEL_STATE", str(state))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("SCHAKEL_APPROVER_KEY", raising=False)
    monkeypatch.chdir(tmp_path)

    def call(actor: str, *arguments: object) -> tuple[int, str, str]:
        monkeypatch.setenv("SCHAKEL_ACTOR", actor)
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        if code:
            assert err.count("\n") == 1, err
            assert err.startswith("schakel: ")
        return code, out, err

    return call


@pytest.fixture
def proposed(state: Path, tmp_path: Path, run: Run) -> Path:
    """A proposed release r1, and a registered checker bram whose key file is bram.pem."""
    folder = propose(state, tmp_path / "out", "r1", tables())
    assert run("anna", "keys", "new", "--person", "bram")[0] == 0
    return folder


def kinds(run: Run, release: str = "r1") -> list[str]:
    return [
        line.split(")  ")[1].split()[0] for line in run("anna", "log", "show", "--release", release)[1].splitlines()
    ]


def test_approved_and_published_in_one_command(run: Run, proposed: Path) -> None:
    code, out, _ = run("bram", "approve", "r1", "--key", "bram.pem")
    assert (code, "published" in out) == (0, True)
    assert kinds(run)[-2:] == ["release_approved", "release_published"]
    assert "published" in run("anna", "verify", proposed)[1]
    assert run("anna", "log", "verify")[0] == 0


def test_a_held_release_is_published_by_a_second_command(run: Run, proposed: Path) -> None:
    assert run("bram", "approve", proposed, "--key", "bram.pem", "--hold")[0] == 0
    assert kinds(run)[-1] == "release_approved"
    assert run("anna", "approve", "r1")[0] == 0
    assert kinds(run)[-1] == "release_published"


def test_a_new_release_supersedes_the_published_one(run: Run, proposed: Path, state: Path, tmp_path: Path) -> None:
    run("bram", "approve", "r1", "--key", "bram.pem")
    propose(state, tmp_path / "out", "r2", tables(), snapshot="b")
    assert "in place of r1" in run("bram", "approve", "r2", "--key", "bram.pem")[1]
    assert kinds(run)[-1] == "release_superseded"
    assert "superseded" in run("anna", "verify", proposed)[1]


def test_the_proposer_cannot_decide_even_as_a_registered_checker(run: Run, proposed: Path) -> None:
    run("zoe", "keys", "new", "--person", "anna")
    for command in (("approve", "r1", "--key", "anna.pem"), ("reject", "r1", "--reason", "no reason at all")):
        code, _, err = run("anna", *command)
        assert (code, "another person" in err) == (2, True)
    assert "proposed" in run("bram", "verify", proposed)[1]


@pytest.mark.parametrize(
    ("actor", "command", "word"),
    [
        ("bram", ("approve", "r1"), "--key"),
        ("carl", ("approve", "r1", "--key", "bram.pem"), "carl is not registered"),
        ("bram", ("approve", "r1", "--key", "other.pem"), "signature of bram"),
        ("bram", ("approve", "r1", "--key", "nowhere.pem"), "nowhere.pem"),
        ("carl", ("reject", "r1", "--reason", "looks wrong to me"), "carl is not registered"),
        ("bram", ("reject", "r1"), "needs a reason"),
        ("bram", ("reject", "r1", "--reason", "cell holds 3 people"), "numbers"),
        ("bram", ("withdraw", "r1", "--reason", "looks wrong to me"), "cannot become withdrawn"),
        ("bram", ("approve", "r9", "--key", "bram.pem"), "r9"),
        ("bram", ("keys", "new", "--person", "dirk"), "Only an operator"),
        ("bram", ("keys", "rotate", "--reason", "because I can"), "only an operator"),
    ],
)
def test_refusals_change_nothing(run: Run, proposed: Path, actor: str, command: tuple[str, ...], word: str) -> None:
    run("anna", "keys", "new", "--person", "otto", "--out", "other.pem")
    before = kinds(run)
    code, _, err = run(actor, *command)
    assert (code, word in err) == (2, True), err
    assert kinds(run) == before
    assert not Path("dirk.pem").exists()


def test_rejected_and_withdrawn_are_final_and_keep_their_reason(
    run: Run, proposed: Path, state: Path, tmp_path: Path
) -> None:
    assert run("bram", "reject", "r1", "--reason", "regions by an old list")[0] == 0
    assert run("bram", "approve", "r1", "--key", "bram.pem")[0] == 2
    propose(state, tmp_path / "out", "r2", tables(), snapshot="b")
    run("bram", "approve", "r2", "--key", "bram.pem")
    assert run("anna", "withdraw", "r2")[0] == 2
    assert run("anna", "withdraw", "r2", "--reason", "the delivery was corrected")[0] == 0
    shown = run("anna", "log", "show", "--kind", "release_withdrawn")[1]
    assert "the delivery was corrected" in shown
    assert run("bram", "approve", "r2", "--key", "bram.pem")[0] == 2


def test_a_brought_public_key_never_shows_its_private_half(
    run: Run, proposed: Path, tmp_path: Path, state: Path
) -> None:
    """The person makes the key with openssl, as docs/log.md says; nothing private reaches the state folder."""
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "cleo.pem"], check=True, cwd=tmp_path)
    Path("cleo.pem").chmod(0o600)
    half = subprocess.run(["openssl", "pkey", "-in", "cleo.pem", "-pubout"], check=True, capture_output=True).stdout
    Path("cleo.pub.pem").write_bytes(half)
    assert run("anna", "keys", "new", "--person", "cleo", "--public", "cleo.pub.pem")[0] == 0
    assert run("cleo", "approve", "r1", "--key", "cleo.pem")[0] == 0


def test_a_changed_folder_or_certificate_is_not_approved(run: Run, proposed: Path, state: Path) -> None:
    certificate = state / "certificates" / "r1" / "restricted.json"
    kept = certificate.read_bytes()
    certificate.write_bytes(kept.replace(b'"outsider": 0', b'"outsider": 9'))
    for command in (("approve", "r1", "--key", "bram.pem"), ("review", "r1")):
        assert run("bram", *command)[0] == 6
    certificate.write_bytes(kept)
    table = proposed / "restricted" / "nr2015_f05.csv"
    table.write_text(table.read_text().replace("260", "261"))
    for command in (("approve", "r1", "--key", "bram.pem"), ("review", "r1"), ("diff", "r1", "r1")):
        assert run("bram", *command)[0] == 6
    assert run("bram", "reject", "r1", "--reason", "its folder was changed")[0] == 0


def test_review_puts_bad_news_first_and_logs_the_reading(run: Run, state: Path, tmp_path: Path) -> None:
    propose(state, tmp_path / "out", "r1", tables())
    run("anna", "keys", "new", "--person", "bram")
    run("bram", "approve", "r1", "--key", "bram.pem")
    grid = {**SAFE, 2010: (262, 81, 0), 2012: (300, 90, 2)}
    propose(state, tmp_path / "out", "r2", tables(grid, {**TOTALS, 2010: 343}), snapshot="b")
    code, out, _ = run("bram", "review", "r2")
    lines = out.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    bad = [line.startswith("!") for line in lines if line.startswith(("!", "  Certificate", "  Attacked"))]
    assert bad == sorted(bad, reverse=True)
    text = " ".join(out.split())
    assert "3 printed cell(s) differ from the last release by less than the threshold" in text
    assert "2 cell(s) that were blank in the last release are printed now" in text
    assert "1 of 1 blanks are small themselves" in text
    assert "nr2015_f05 15 2 4 0 2" in text
    assert kinds(run, "r2")[-1] == "certificate_read"
    before = kinds(run, "r2")
    assert "not read" in run("anna", "review", "r2")[1]
    assert kinds(run, "r2") == before


def test_a_release_that_gives_itself_away_is_refused(run: Run, state: Path, tmp_path: Path) -> None:
    """One blank beside printed neighbours and a printed total: 398 - 356 - 38 is 4."""
    grid = {**SAFE, 2011: (356, 38, None)}
    propose(state, tmp_path / "out", "r1", tables(grid))
    run("anna", "keys", "new", "--person", "bram")
    assert "1 small count(s) fall" in " ".join(run("bram", "review", "r1")[1].split())
    assert run("bram", "approve", "r1", "--key", "bram.pem")[0] == 4
    assert kinds(run)[-1] != "release_approved"


@pytest.mark.parametrize("snapshot", ["a", "b"])
def test_two_safe_patterns_that_disclose_by_difference(run: Run, state: Path, tmp_path: Path, snapshot: str) -> None:
    """Each release blanks two of three cells, another two: together every cell of the year is known."""
    first = {**SAFE, 2011: (None, 95, None), 2012: (None, 90, None)}
    second = {**SAFE, 2011: (300, None, None), 2012: (300, None, None)}
    one = propose(state, tmp_path / "out", "r1", tables(first))
    two = propose(state, tmp_path / "out", "r2", tables(second), snapshot=snapshot, policy="e" * 64)
    run("anna", "keys", "new", "--person", "bram")
    assert run("bram", "approve", "r1", "--key", "bram.pem")[0] == 0
    code, out, err = run("bram", "diff", two, "r1")
    assert (code, "by difference" in err) == (4, True)
    assert "2011, O" in out
    assert "by difference" in out
    assert "fall" in run("bram", "review", "r2")[1]
    # Of the same registers it is certain, and no approval is possible; of others it is what an attacker would believe.
    assert run("bram", "approve", "r2", "--key", "bram.pem")[0] == (4 if snapshot == "a" else 0)
    assert one.is_dir()


def test_the_same_blanks_disclose_nothing_together(run: Run, state: Path, tmp_path: Path) -> None:
    propose(state, tmp_path / "out", "r1", tables())
    propose(state, tmp_path / "out", "r2", tables({**SAFE, 2010: (261, 79, 0)}), snapshot="b")
    code, out, _ = run("anna", "diff", "r1", "r2")
    assert code == 0
    assert "nr2015_f05" in out
    assert "No small count falls" in " ".join(out.split())


def test_diff_says_what_changed_in_code_lists_and_refuses_other_studies(run: Run, state: Path, tmp_path: Path) -> None:
    propose(state, tmp_path / "out", "r1", tables())
    shown = tables()
    renamed = shown["nr2015_f05"]
    renamed.frame["geslacht"] = renamed.frame["geslacht"].replace("O", "X")
    propose(state, tmp_path / "out", "r2", shown, snapshot="b", policy="e" * 64)
    out = run("anna", "diff", "r1", "r2")[1]
    assert "no longer O" in out
    assert "now also X" in out
    assert "Policy: another one" in out


def test_an_auditor_with_a_later_checkpoint_gets_newer_proofs(
    run: Run, proposed: Path, tmp_path: Path, state: Path
) -> None:
    later = propose(state, tmp_path / "out", "r2", tables(), snapshot="b")
    key = state / "keys" / "signing.pub.pem"
    run("anna", "setup")
    check = [
        os.path.realpath("/usr/bin/env"),
        "python3",
        "verify.py",
        "--key",
        str(key),
        "--since",
        str(later / "checkpoint.txt"),
    ]
    assert subprocess.run(check, cwd=proposed, capture_output=True).returncode == 2
    assert run("anna", "log", "prove", "--release", "r1", "--out", "newer")[0] == 0
    copy = tmp_path / "copy"
    shutil.copytree(proposed, copy)
    for name in ("checkpoint.txt", "inclusion.json"):
        shutil.copy(tmp_path / "newer" / name, copy / name)
    assert subprocess.run(check, cwd=copy, capture_output=True).returncode == 0
    assert run("anna", "log", "prove")[0] == 2
