"""The first tables of the state store, and triggers that make the log append-only for honest software.

There is no downgrade: a log that can be taken back is none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("leaves", "nodes", "checkpoints")


def upgrade() -> None:
    """Create all tables, then forbid updates and deletions where only appending is right."""
    _log_tables()
    _decision_tables()
    _budget_tables()
    for table in APPEND_ONLY:
        _forbid_changes(table)


def _log_tables() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "leaves",
        sa.Column("seq", POSITION, autoincrement=False, nullable=False),
        sa.Column("time", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("study", sa.String()),
        sa.Column("release", sa.String()),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_leaves"),
    )
    op.create_index("ix_leaves_kind", "leaves", ["kind", "seq"])
    op.create_index("ix_leaves_release", "leaves", ["release", "seq"])
    op.create_table(
        "nodes",
        sa.Column("position", POSITION, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_nodes"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", POSITION, autoincrement=False, nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_checkpoints"),
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", POSITION, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signing_keys"),
        sa.UniqueConstraint("public", name="uq_signing_keys_public"),
    )


def _decision_tables() -> None:
    op.create_table(
        "people",
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("actor", name="pk_people"),
        sa.UniqueConstraint("public", name="uq_people_public"),
    )
    op.create_table(
        "releases",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("proposer", sa.String(), nullable=False),
        sa.Column("manifest", sa.String(), nullable=False),
        sa.Column("snapshot", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("seq", POSITION, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_releases"),
    )
    op.create_index("ix_releases_study", "releases", ["study"])
    op.create_table(
        "intents",
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("staging", sa.String(), nullable=False),
        sa.Column("final", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("release", name="pk_intents"),
    )


def _budget_tables() -> None:
    op.create_table(
        "budgets",
        sa.Column("population", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("rho", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("population", "audience", name="pk_budgets"),
    )
    op.create_table(
        "charges",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("population", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("rho", sa.Float(53), nullable=False),
        sa.Column("seq", POSITION, nullable=False),
        sa.Column("result", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("key", name="pk_charges"),
        sa.ForeignKeyConstraint(["seq"], ["leaves.seq"], name="fk_charges_seq"),
    )
    op.create_index("ix_charges_population", "charges", ["population", "audience"])
    op.create_table(
        "sealed",
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "name", name="pk_sealed"),
    )


def _forbid_changes(table: str) -> None:
    """A trigger per operation; whoever owns the file can drop it, which the hashes then show."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'append-only'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION schakel_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION schakel_append_only()"
    )
