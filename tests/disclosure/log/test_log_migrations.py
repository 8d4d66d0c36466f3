"""Both databases get the same tables, once, whoever comes first, and an unusable one is said in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from log_support import append_views

from disclosure import migrations, schema
from disclosure.log import Log, set_up_log, verify_log
from disclosure.store import default_directory, open_store
from schemas.errors import UsageError


def test_the_migrations_make_what_the_code_expects(log):
    with log.store.reading() as tx:
        assert compare_metadata(MigrationContext.configure(tx.connection), schema.metadata) == []


def test_head_is_the_newest_migration():
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_heads() == [migrations.HEAD]


def test_opening_again_changes_nothing(log, state, url, opened):
    append_views(log, 2, sign=True)
    again = Log.open(opened(state, url))
    assert verify_log(again) == 3


def test_a_newer_store_is_refused(log, state, url):
    with log.store.transaction() as tx:
        tx.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UsageError, match="has version 9999, this program knows 0001"):
        open_store(state, url)


def test_several_first_comers(tmp_path, request):
    """Processes that open an empty database at the same moment: one creates the tables, the others find them."""
    server = request.getfixturevalue("server")
    server.sql("CREATE DATABASE firstcomers")
    for url in (None, server.url("firstcomers")):
        children = []
        for _ in range(4):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    open_store(tmp_path / str(bool(url)), url).close()
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "sqlite:///x.db"])
def test_another_kind_of_url(tmp_path, url):
    with pytest.raises(UsageError, match="not a PostgreSQL one"):
        open_store(tmp_path / "s", url)


def test_an_unreachable_server_is_said_without_its_password(tmp_path):
    with pytest.raises(UsageError, match="cannot be reached") as caught:
        open_store(tmp_path / "s", f"postgresql+psycopg://anna:geheim@/none?host={tmp_path}")
    assert "geheim" not in str(caught.value)


def test_before_setup(tmp_path, url, opened):
    with pytest.raises(UsageError, match="never set up; run `schakel setup`"):
        Log.open(opened(tmp_path / "s", url))


def test_where_the_state_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("SCHAKEL_STATE", str(tmp_path / "chosen"))
    assert default_directory() == tmp_path / "chosen"
    monkeypatch.delenv("SCHAKEL_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert default_directory() == tmp_path / "xdg" / "schakel"


def test_a_state_folder_that_is_moved_keeps_working(tmp_path):
    store = open_store(tmp_path / "a")
    set_up_log(store, actor="anna")
    store.close()
    (tmp_path / "a").rename(tmp_path / "b")
    store = open_store(tmp_path / "b")
    assert verify_log(Log.open(store)) == 1
    store.close()
