"""The tables of the state store, for SQLite and PostgreSQL alike; `migrations/` creates and changes them.

Every fact that matters is a leaf of the log; the other tables are its working copy (`Log.verify`, `Ledger.verify` and
`Releases.verify` compare them), plus what must not stand in a log: noisy results, sealed blobs and paths.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table

# SQLite gives an autoincrement-free rowid table only to INTEGER; PostgreSQL needs 64 bits for node positions.
Position = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

settings = Table(
    "settings", metadata, Column("name", String, primary_key=True), Column("value", String, nullable=False)
)

# `data` is the canonical JSON that was hashed; the other columns repeat parts of it for searching.
leaves = Table(
    "leaves",
    metadata,
    Column("seq", Position, primary_key=True, autoincrement=False),
    Column("time", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("study", String),
    Column("release", String),
    Column("data", LargeBinary, nullable=False),
    Index("ix_leaves_kind", "kind", "seq"),
    Index("ix_leaves_release", "release", "seq"),
)

# Hash of every complete subtree; `position` packs level and index (`log.tree.position`).
nodes = Table(
    "nodes",
    metadata,
    Column("position", Position, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", Position, primary_key=True, autoincrement=False),
    Column("note", String, nullable=False),
)

# state: active, retired or revoked. `since` is the log's size from which a revocation counts.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("public", LargeBinary, nullable=False, unique=True),
    Column("state", String, nullable=False),
    Column("since", Position, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("actor", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("public", LargeBinary, nullable=False, unique=True),
)

releases = Table(
    "releases",
    metadata,
    Column("id", String, primary_key=True),
    Column("study", String, nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("proposer", String, nullable=False),
    Column("manifest", String, nullable=False),
    Column("snapshot", String, nullable=False),
    Column("policy", String, nullable=False),
    Column("seq", Position, nullable=False),
)

# phase: staging (files are being written) or committed (the leaf stands, the rename may not have happened).
intents = Table(
    "intents",
    metadata,
    Column("release", String, primary_key=True),
    Column("phase", String, nullable=False),
    Column("staging", String, nullable=False),
    Column("final", String, nullable=False),
)

budgets = Table(
    "budgets",
    metadata,
    Column("population", String, primary_key=True),
    Column("audience", String, primary_key=True),
    Column("rho", Float(53), nullable=False),
)

# `result` holds what was drawn (already noisy); empty while the charge is only reserved.
charges = Table(
    "charges",
    metadata,
    Column("key", String, primary_key=True),
    Column("population", String, nullable=False),
    Column("audience", String, nullable=False),
    Column("rho", Float(53), nullable=False),
    Column("seq", Position, ForeignKey("leaves.seq"), nullable=False),
    Column("result", LargeBinary),
    Index("ix_charges_population", "population", "audience"),
)

sealed = Table(
    "sealed",
    metadata,
    Column("purpose", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("blob", LargeBinary, nullable=False),
)
