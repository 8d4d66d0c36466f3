"""Entries of the log as auditors and operators read them: newest first, the story of a table, runs, budgets over time."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from disclosure.schema import leaves
from disclosure.states import Release
from disclosure.store import Transaction
from schemas.tables import Audience

Leaf = dict[str, Any]
PAGE_SIZE = 50
BATCH = 500
SCANNED = 20_000  # entries looked through for one page, where a filter is not a column of the store
RUN_KINDS = ("run_started", "rows_quarantined", "release_proposed", "refused", "failed")
WHOLE_FILES = ("tables.xlsx", "tables.ods", "index.html", "datapackage.json")


@dataclass(frozen=True)
class Wanted:
    """What to show; empty texts do not filter. `since` and `until` are ISO times or prefixes of one, both inclusive."""

    study: str = ""
    release: str = ""
    kind: str = ""
    actor: str = ""
    table: str = ""
    since: str = ""
    until: str = ""
    before: int | None = None


def newest(tx: Transaction, wanted: Wanted) -> tuple[list[Leaf], int | None]:
    """One page of entries, newest first, and the number to go on `before` (None at the beginning of the log)."""
    conditions = [
        leaves.c[name] == getattr(wanted, name)
        for name in ("study", "release", "kind", "actor")
        if getattr(wanted, name)
    ]
    if wanted.since:
        conditions.append(leaves.c.time >= wanted.since)
    if wanted.until:
        conditions.append(leaves.c.time <= wanted.until + "~")  # sorts after every completion of the prefix
    found: list[Leaf] = []
    before, scanned = wanted.before, 0
    while scanned < SCANNED:
        statement = sa.select(leaves.c.seq, leaves.c.data).where(*conditions)
        if before is not None:
            statement = statement.where(leaves.c.seq < before)
        rows = tx.execute(statement.order_by(leaves.c.seq.desc()).limit(BATCH)).all()
        for row in rows:
            leaf = json.loads(row.data)
            if not wanted.table or concerns(leaf["body"], wanted.table):
                found.append(leaf)
            before = row.seq
            if len(found) == PAGE_SIZE:
                return found, before or None
        scanned += len(rows)
        if len(rows) < BATCH:
            return found, None
    return found, before


def concerns(body: Leaf, table: str) -> bool:
    """Whether a body is about a table: its decision, or a file or page of it."""
    if table in (body.get("table"), *body.get("tables", ())):
        return True
    item = str(body.get("item", ""))
    return item == table or item.startswith((f"{table}.", f"{table}/"))


def of_kinds(tx: Transaction, kinds: Sequence[str], release: str | None = None) -> Iterator[Leaf]:
    """Entries of some kinds, oldest first."""
    statement = sa.select(leaves.c.data).where(leaves.c.kind.in_(kinds)).order_by(leaves.c.seq)
    if release is not None:
        statement = statement.where(leaves.c.release == release)
    for row in tx.execute(statement).all():
        yield json.loads(row.data)


def entry(tx: Transaction, seq: int) -> tuple[Leaf, bytes, bytes] | None:
    """An entry by number: parsed, its canonical bytes, its hash; None where the log is shorter."""
    from disclosure.log.tree import leaf_hash

    data = tx.execute(sa.select(leaves.c.data).where(leaves.c.seq == seq)).scalar()
    return None if data is None else (json.loads(data), bytes(data), leaf_hash(bytes(data)))


@dataclass
class Story:
    """What the log says of one table of a release: never which cell is blank, nor why."""

    started: Leaf | None = None
    protected: Leaf | None = None
    attacked: Leaf | None = None
    charges: list[Leaf] = field(default_factory=list)
    moves: list[Leaf] = field(default_factory=list)
    readings: list[Leaf] = field(default_factory=list)


def story(tx: Transaction, release: Release, audience: Audience, table: str) -> Story:
    """The story of one table: the rules that made it, the attack, the charges, who decided, who read it."""
    told = Story()
    rows = tx.execute(sa.select(leaves.c.data).where(leaves.c.release == release.id).order_by(leaves.c.seq)).all()
    for leaf in (json.loads(row.data) for row in rows):
        body, kind = leaf["body"], leaf["kind"]
        if kind == "run_started":
            told.started = leaf
        elif kind == "table_protected" and (body["table"], body["audience"]) == (table, audience):
            told.protected = leaf
        elif kind == "attacked" and body["audience"] == audience:
            told.attacked = leaf
        elif kind == "budget_charged" and body["audience"] == audience:
            told.charges.append(leaf)
        elif kind.startswith("release_"):
            told.moves.append(leaf)
        elif _read_by_somebody(leaf, audience, table):
            told.readings.append(leaf)
    return told


def _read_by_somebody(leaf: Leaf, audience: Audience, table: str) -> bool:
    body = leaf["body"]
    return (
        leaf["kind"] in ("viewed", "downloaded")
        and body.get("audience", audience) == audience
        and (concerns(body, table) or body["item"] in WHOLE_FILES)
    )


@dataclass(frozen=True)
class Account:
    """The budget of a population and audience over time: (time, spent so far, total) after every change, in rho."""

    population: str
    audience: str
    steps: tuple[tuple[str, float, float], ...]

    @property
    def spent(self) -> float:
        """Spent so far (rho)."""
        return self.steps[-1][1]

    @property
    def total(self) -> float:
        """The total (rho) as it stands."""
        return self.steps[-1][2]

    @property
    def share(self) -> float:
        """Spent as a part of the total."""
        return self.spent / self.total if self.total else 0.0


def accounts(tx: Transaction) -> list[Account]:
    """Every account, from the entries alone."""
    steps: dict[tuple[str, str], list[tuple[str, float, float]]] = defaultdict(list)
    for leaf in of_kinds(tx, ("budget_set", "budget_charged")):
        body = leaf["body"]
        own = steps[body["population"], body["audience"]]
        _, spent, total = own[-1] if own else ("", 0.0, 0.0)
        if leaf["kind"] == "budget_set":
            own.append((leaf["time"], spent, body["rho"]))
        else:
            own.append((leaf["time"], spent + body["rho"], total))
    return [Account(*key, tuple(own)) for key, own in sorted(steps.items())]


@dataclass
class Run:
    """One run as the log tells it; `outcome` is proposed, refused, failed, or empty while it works or after it was killed."""

    study: str
    time: str
    actor: str
    release: str = ""
    outcome: str = ""
    step: str = ""
    code: str = ""
    exit_code: int | None = None
    quarantined: dict[str, dict[str, int]] = field(default_factory=dict)
    limit: float | None = None

    @property
    def set_aside(self) -> int:
        """Rows set aside in all."""
        return sum(sum(reasons.values()) for reasons in self.quarantined.values())


def runs(tx: Transaction) -> list[Run]:
    """Every run, newest first; errors by their codes."""
    found: list[Run] = []
    open_runs: dict[str, Run] = {}
    for leaf in of_kinds(tx, RUN_KINDS):
        _tell(leaf, found, open_runs)
    return list(reversed(found))


def _tell(leaf: Leaf, found: list[Run], open_runs: dict[str, Run]) -> None:
    study, body, kind = str(leaf["study"] or ""), leaf["body"], leaf["kind"]
    if kind in ("refused", "failed") and body["step"] != "run":
        return
    run = open_runs.get(study)
    if kind == "run_started" or run is None:
        run = Run(study, leaf["time"], leaf["actor"], str(leaf["release"] or ""))
        found.append(run)
        open_runs[study] = run
    if kind == "rows_quarantined":
        run.quarantined, run.limit = body["reasons"], body["limit"]
    elif kind != "run_started":
        run.outcome = "proposed" if kind == "release_proposed" else kind
        run.release = str(leaf["release"] or run.release)
        if kind != "release_proposed":  # whose code is the program's version
            run.step, run.code, run.exit_code = str(body["step"]), str(body["code"]), body.get("exit_code")
        del open_runs[study]


def flat(values: Iterable[tuple[str, object]]) -> list[tuple[str, str]]:
    """Parameters as text, in order of their names."""
    return [(name, f"{value:g}" if isinstance(value, float) else str(value)) for name, value in sorted(values)]
