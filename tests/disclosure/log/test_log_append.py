"""Appending, searching, recomputing; what a leaf refuses; what a thief with the database file cannot hide."""

from __future__ import annotations

import hashlib
import io
import json
import shutil

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from log_support import append_views

from disclosure.log import Log, export, leaves, parameters_of, set_up_log, show, verify_log
from disclosure.log.audit import Filter
from disclosure.store import open_store
from schemas.errors import IntegrityError, UsageError
from schemas.toml import Strict

PROTECTED = {
    "table": "nr2015_f01",
    "audience": "public",
    "regime": "suppressed",
    "rules": {"threshold": 10},
    "blanks": 4,
    "policy": "b" * 64,
}


def append(log, kind, body, **more):
    with log.store.transaction() as tx:
        return log.append(tx, kind, body, "anna", "operator", **more)


def test_a_leaf_is_canonical_json_of_the_contract_envelope(log, clock):
    entry = append(log, "table_protected", PROTECTED, study="nr2015", release="r1")
    assert (
        entry.data
        == json.dumps(
            {
                "v": 1,
                "seq": 1,
                "time": "2026-03-01T12:00:00Z",
                "actor": "anna",
                "role": "operator",
                "kind": "table_protected",
                "study": "nr2015",
                "release": "r1",
                "body": PROTECTED,
            },
            sort_keys=True,
            separators=(",", ":"),
        ).encode()
    )
    assert entry.hash == hashlib.sha256(b"\x00" + entry.data).digest()


def test_log_and_other_changes_vanish_together(log):
    def interrupted():
        with log.store.transaction() as tx:
            log.append(tx, "viewed", {"item": "page"}, "rosa", "rapporteur")
            log.checkpoint(tx)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert verify_log(log) == 1
    assert len(list((log.store.directory / "checkpoints").iterdir())) == 1


def test_verify_recomputes_everything(log):
    for _ in range(5):
        append_views(log, 7, sign=True)
    append_views(log, 3)
    assert verify_log(log) == 39


def test_show_filters(log, clock):
    append(log, "table_protected", PROTECTED, study="nr2015", release="r1")
    clock.turn(86_400 * 40)
    append(log, "table_protected", PROTECTED | {"table": "nr2015_f02", "rules": {"base": 3}}, study="nr2015")
    append(log, "exact_tables_made", {"tables": ["nr2015_f02", "nr2015_f03"], "snapshot": "a" * 64}, study="nr2015")

    def shown(**wanted):
        with log.store.reading() as tx:
            return [leaf["seq"] for leaf in show(tx, Filter(**wanted))]

    assert shown() == [0, 1, 2, 3]
    assert shown(table="nr2015_f02") == [2, 3]
    assert shown(release="r1") == [1]
    assert shown(rule="threshold") == [1]
    assert shown(rule="suppressed") == [1, 2]
    assert shown(kind="setup", actor="anna") == [0]
    assert shown(study="wodc2020") == []
    assert shown(since="2026-04") == [2, 3]
    assert shown(until="2026-03") == [0, 1]


def test_an_export_lets_a_stranger_recompute_the_root(log):
    append_views(log, 20, sign=True)
    out = io.StringIO()
    with log.store.reading() as tx:
        note = export(log, tx, out)
    lines = out.getvalue().splitlines()
    level = [hashlib.sha256(b"\x00" + line.encode()).digest() for line in lines]
    while len(level) > 1:  # pairing from the left and carrying the odd one up gives RFC 6962's tree
        pairs = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    import base64

    assert note.split("\n")[1:3] == [str(len(lines)), base64.b64encode(level[0]).decode()]


# --- what no leaf can carry -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("cell_blanked", {}),
        ("table_protected", PROTECTED | {"cells": {"2010": 3}}),
        ("table_protected", PROTECTED | {"reason": "primary"}),
        ("table_protected", PROTECTED | {"blanks": "4"}),
        ("table_protected", PROTECTED | {"blanks": -1}),
        ("table_protected", PROTECTED | {"rules": {"counts": [1, 2, 3]}}),
        ("table_protected", PROTECTED | {"rules": {"cells": {"NGA": 3}}}),
        ("table_protected", PROTECTED | {"rules": {"name": "JANSEN, Maria"}}),
        ("rows_quarantined", {"reasons": {"IND": {"geen datum": 1}}, "limit": 0.05}),
        ("links_made", {"profile": "single-site", "registers": ["IND"], "parameters": {}, "links": 17}),
        ("failed", {"step": "link", "code": "could not read 1234567890"}),
        ("noise_drawn", {"query": "a" * 64, "result": "7"}),
        ("budget_set", {"population": "ind", "audience": "public", "rho": float("nan")}),
    ],
)
def test_a_leaf_refuses_what_it_has_no_field_for(embedded, kind, body):
    with pytest.raises(UsageError) as caught:
        append(embedded, kind, body)
    assert "JANSEN" not in str(caught.value)
    assert "1234567890" not in str(caught.value)
    assert verify_log(embedded) == 1


@pytest.mark.parametrize("reason", ["cell is 3", "V-nummer 1234567890", "ok\nno", "x", "there are 12.", "(3)"])
def test_a_reason_holds_no_numbers(reason):
    with pytest.raises(UsageError):
        leaves.check_body("release_rejected", {"manifest": "a" * 64, "reason": reason})


@pytest.mark.parametrize(
    "reason", ["nr2015_f08 uses the wrong list", "the 2014 figures came too late", "B8 is missing"]
)
def test_a_reason_may_name_tables_and_years(reason):
    assert leaves.check_body("release_rejected", {"manifest": "a" * 64, "reason": reason})["reason"] == reason


@given(
    st.integers(0, 99_999).filter(lambda number: not 1900 <= number <= 2099), st.sampled_from(["", " ", "=", "(", ":"])
)
def test_no_free_standing_number_slips_through(number, before):
    with pytest.raises(UsageError):
        leaves.check_body("release_rejected", {"manifest": "a" * 64, "reason": f"about{before or ' '}{number}"})


def test_parameters_come_from_a_policy_model():
    class Part(Strict):
        threshold: int
        shares: dict[str, float]
        tables: list[str]
        statement: str

    part = Part(threshold=5, shares={"f01": 0.5}, tables=["f01", "f02"], statement="a sentence, with spaces")
    flat = parameters_of(part)
    assert flat == {"threshold": 5, "shares.f01": 0.5, "tables.0": "f01", "tables.1": "f02"}
    assert leaves.check_body("table_protected", PROTECTED | {"rules": flat})["rules"] == flat


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_clock_that_goes_backwards_is_noticed_and_time_never_decreases(log, clock):
    append_views(log, 1)
    clock.turn(-3600)
    append_views(log, 2)
    clock.turn(+1800)
    append_views(log, 1)
    clock.turn(+1900)
    append_views(log, 1)
    clock.turn(-60)
    append_views(log, 1)
    with log.store.reading() as tx:
        found = [(leaf["kind"], leaf["time"][11:19], leaf["body"].get("seconds")) for leaf in show(tx, Filter())]
    assert found[1:] == [
        ("viewed", "12:00:00", None),
        ("clock_behind", "12:00:00", 3600),
        ("viewed", "12:00:00", None),
        ("viewed", "12:00:00", None),
        ("viewed", "12:00:00", None),
        ("viewed", "12:01:40", None),
        ("clock_behind", "12:01:40", 60),
        ("viewed", "12:01:40", None),
    ]
    verify_log(log)


# --- tampering with the database --------------------------------------------------------------------------------------


def tamper(log, *statements):
    """What somebody with write access to the database can do: drop the triggers, then anything."""
    with log.store.transaction() as tx:
        for table in ("leaves", "nodes", "checkpoints"):
            if log.store.embedded:
                tx.execute(sa.text(f"DROP TRIGGER {table}_no_update"))
                tx.execute(sa.text(f"DROP TRIGGER {table}_no_delete"))
            else:
                tx.execute(sa.text(f"DROP TRIGGER {table}_append_only ON {table}"))
        for statement in statements:
            tx.execute(sa.text(statement))


@pytest.mark.parametrize("statement", ["UPDATE leaves SET actor = 'eve'", "DELETE FROM leaves", "DELETE FROM nodes"])
def test_the_database_itself_refuses_changes(log, statement):
    append_views(log, 3)
    with pytest.raises(IntegrityError, match="append-only"), log.store.transaction() as tx:
        tx.execute(sa.text(statement))
    assert verify_log(log) == 4


CUT = ["DELETE FROM leaves WHERE seq >= 9", "DELETE FROM checkpoints WHERE size > 9"]
TAMPERINGS = {
    "an edited column": ["UPDATE leaves SET actor = 'eve' WHERE seq = 3"],
    "an edited leaf": ["UPDATE leaves SET data = (SELECT data FROM leaves WHERE seq = 4) WHERE seq = 3"],
    "a removed leaf": ["DELETE FROM leaves WHERE seq = 3"],
    "swapped leaves": [
        "UPDATE leaves SET seq = 999 WHERE seq = 3",
        "UPDATE leaves SET seq = 3 WHERE seq = 4",
        "UPDATE leaves SET seq = 4 WHERE seq = 999",
    ],
    "a changed hash": ["UPDATE nodes SET hash = (SELECT hash FROM nodes WHERE position = 1) WHERE position = 0"],
    "a missing hash": ["DELETE FROM nodes WHERE position = 2"],
    "a cut end": CUT,
    "a cut end with its hashes": [*CUT, "DELETE FROM nodes WHERE position BETWEEN 9 AND 99"],
    "a changed checkpoint": ["UPDATE checkpoints SET note = replace(note, '2026', '2025') WHERE size = 6"],
    "a moved checkpoint": ["UPDATE checkpoints SET size = 7 WHERE size = 6"],
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_every_change_behind_the_logs_back_is_found(log, name):
    for _ in range(4):
        append_views(log, 5, sign=True)
    assert verify_log(log) == 21
    tamper(log, *TAMPERINGS[name])
    with pytest.raises(IntegrityError):
        verify_log(log)


def test_a_rewritten_past_with_recomputed_hashes_is_refused_at_the_next_start(log, opened, state, url):
    """The strongest thief without the key: everything recomputed, checkpoints dropped, witnesses left."""
    append_views(log, 5, sign=True)
    with log.store.reading() as tx:
        rows = [dict(row._mapping) for row in tx.execute(sa.text("SELECT * FROM leaves ORDER BY seq"))]
    tamper(log, "DELETE FROM nodes", "DELETE FROM leaves WHERE seq >= 2", "DELETE FROM checkpoints WHERE size > 1")
    with log.store.transaction() as tx:
        from disclosure.log import tree

        for row in rows[:2]:
            tree.append_hash(tx, row["seq"], tree.leaf_hash(bytes(row["data"])))
    append_views(log, 10)
    with pytest.raises(IntegrityError, match="entries before 6 were changed"):
        Log.open(log.store)


# --- a state that went back in time -----------------------------------------------------------------------------------


def copy_database(state, to):
    to.mkdir()
    for file in state.glob("state.db*"):
        shutil.copy2(file, to / file.name)


def put_back(backup, state):
    for file in state.glob("state.db*"):
        file.unlink()
    for file in backup.iterdir():
        shutil.copy2(file, state / file.name)


def test_a_restored_backup_is_refused(embedded, state, tmp_path, opened):
    append_views(embedded, 3, sign=True)
    embedded.store.close()
    copy_database(state, tmp_path / "backup")
    append_views(embedded, 3, sign=True)
    embedded.store.close()
    put_back(tmp_path / "backup", state)
    with pytest.raises(IntegrityError, match="older than what it once signed"):
        Log.open(opened(state))


def test_a_restored_state_folder_is_refused_by_the_second_witness(embedded, state, tmp_path, opened, monkeypatch):
    monkeypatch.setenv("SCHAKEL_WITNESS", str(tmp_path / "elsewhere"))
    append_views(embedded, 3, sign=True)
    embedded.store.close()
    shutil.copytree(state, tmp_path / "backup")
    append_views(embedded, 3, sign=True)
    embedded.store.close()
    shutil.rmtree(state)
    shutil.copytree(tmp_path / "backup", state)
    with pytest.raises(IntegrityError, match=r"elsewhere/schakel-.* was signed over 7"):
        Log.open(opened(state))


def test_removing_the_witnesses_with_the_backup_is_noticed(embedded, state, opened):
    append_views(embedded, 3, sign=True)
    shutil.rmtree(state / "checkpoints")
    with pytest.raises(IntegrityError, match="are gone"):
        Log.open(embedded.store)


def test_an_emptied_database_is_no_fresh_start(embedded, state, opened):
    embedded.store.close()
    for file in state.glob("state.db*"):
        file.unlink()
    store = opened(state)
    with pytest.raises(UsageError, match="never set up"):
        Log.open(store)
    with pytest.raises(IntegrityError, match="a log existed here"):
        set_up_log(store, actor="anna")


def test_a_log_does_not_continue_anothers_checkpoint(embedded, tmp_path, opened):
    other = set_up_log(opened(tmp_path / "other"), actor="anna")
    with other.store.reading() as tx:
        note = other.last_checkpoint(tx)[1]
    with embedded.store.reading() as tx, pytest.raises(IntegrityError):
        embedded.extends(tx, note, "the checkpoint of a release")


def test_a_kill_between_commit_and_witness_is_no_rollback(embedded, state, opened, monkeypatch):
    monkeypatch.setattr("disclosure.log.log.write_witness", lambda *_: None)
    append_views(embedded, 3, sign=True)
    monkeypatch.undo()
    newest = state / "checkpoints" / "000000000004.txt"
    assert not newest.exists()
    Log.open(embedded.store)
    assert newest.exists()


def test_a_second_setup_is_refused(log):
    with pytest.raises(UsageError, match="set up already"):
        set_up_log(log.store, actor="anna")


def test_state_is_private(embedded, state):
    append_views(embedded, 3, sign=True)
    paths = [state, *state.rglob("*")]
    assert len(paths) > 6
    for path in paths:
        assert path.stat().st_mode & 0o077 == 0, path


def test_an_open_folder_is_closed(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    open_store(folder).close()
    assert folder.stat().st_mode & 0o777 == 0o700
