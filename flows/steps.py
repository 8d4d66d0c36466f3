"""The steps of a run: each takes the run's memory, does one thing, and leaves what the next one needs.

    read -> link -> tabulate -> suppress -> noise -> publish
    registers   persons   exact tables   restricted tables   public tables   release folder + leaf

Nothing here knows of Prefect (`flows.studies`) or of the command line.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from disclosure.states import Release, find_release
from flows import registers
from flows.desks import Encoded, LinkDesk
from flows.doubt import spread_of
from flows.family import minded
from flows.job import CODE_VERSION, PROFILE, Job
from flows.memory import RunMemory
from flows.progress import Progress
from flows.protect import protect_public, protect_restricted
from flows.state import State
from linkage.link import Links
from schemas.tables import ExactTable
from tabulation.tabulate import tabulate as tabulate_tables

RELEASE_ID_HEX = 12


def read(memory: RunMemory) -> None:
    """Registers -> linkage and attribute files, at the encode desk; rows set aside go to the quarantine file."""
    job, state = memory.get("job", Job), memory.get("state", State)
    with memory.get("progress", Progress).step(
        f"Reading and encoding {len(job.study.registers)} register(s)", "read"
    ) as said:
        encoded = registers.encode(job, state, memory.enter("link desk", LinkDesk(state.place())))
        memory.put("encoded", encoded)
        memory.put("snapshot", str(encoded.facts["snapshot"]))
        memory.put("release_id", release_id(state, job, str(encoded.facts["snapshot"])))
        _log_reading(state, job, encoded, memory)
        memory.put("rows", dict(encoded.facts["valid"]))
        valid = ", ".join(f"{bron} {rows:,}" for bron, rows in encoded.facts["valid"].items())
        said.append(f"{valid} rows")
        duplicates = sum(encoded.facts["duplicates"].values())
        said.append(f"{duplicates} duplicate row(s) dropped, {encoded.quarantine.num_rows} row(s) set aside")
        if encoded.quarantine.num_rows:
            said.append(f"see {registers.quarantine_file(job, state)}")


def release_id(state: State, job: Job, snapshot: str) -> str:
    """The id of what this snapshot, study, policy, catalogue and version give: the same question, the same release."""
    key = state.keys(job.study.family).derive("release", "")
    text = "\n".join((snapshot, job.study.model_dump_json(), job.policy_digest, job.catalogue_digest, CODE_VERSION))
    return f"{job.study.id}-{hmac.digest(key, text.encode(), hashlib.sha256).hex()[:RELEASE_ID_HEX]}"


def earlier_release(memory: RunMemory) -> Release | None:
    """The release that these very registers, policy and version gave before, if they did."""
    state = memory.get("state", State)
    with state.store.reading() as tx:
        return find_release(tx, memory.get("release_id", str))


def link(memory: RunMemory) -> None:
    """Linkage files -> a person per row, at the link desk; person ids of earlier years stay."""
    job, state = memory.get("job", Job), memory.get("state", State)
    with memory.get("progress", Progress).step("Recognising people across registers, without names", "link") as said:
        links = registers.link(job, state, memory.get("link desk", LinkDesk))
        memory.put("links", links)
        names = sorted(register.bron for register in job.study.registers.values())
        body: dict[str, object] = {"profile": PROFILE, "registers": names, "parameters": {"version": CODE_VERSION}}
        state.append("links_made", body, job.study.id, memory.get("release_id", str))
        said.append(
            f"{pc.count_distinct(links.persons['person_id']).as_py():,} people in {links.persons.num_rows:,} rows"
        )


def tabulate(memory: RunMemory) -> None:
    """Attribute files + persons -> exact tables in memory."""
    job, links = memory.get("job", Job), memory.get("links", Links)
    with memory.get("progress", Progress).step("Computing exact tables", "tabulate") as said:
        attributes = memory.get("encoded", Encoded).attributes
        with memory.get("state", State).place().engine() as engine:
            exact = tabulate_tables(attributes, links.persons, job.study, job.catalogue, engine)
        memory.put("exact", exact)
        memory.put("beside", _beside(job, memory.get("state", State), attributes, links, exact))
        memory.put("spread", spread_of(job, attributes, links, exact))
        said.append(f"{len(memory.get('exact', dict))} tables, in memory only")


def suppress(memory: RunMemory) -> None:
    """Exact tables -> restricted tables: small and derivable cells blanked, the pattern attacked and certified."""
    doing = "Choosing blanks for the restricted tables, and attacking them"
    with memory.get("progress", Progress).step(doing, "suppress") as said:
        outcome = protect_restricted(
            memory.get("job", Job), memory.get("state", State), _exact(memory, "exact"),
            memory.get("snapshot", str), memory.get("release_id", str), _exact(memory, "beside"),
        )  # fmt: skip
        memory.put("restricted", outcome.tables)
        memory.drop("exact", "beside")
        said += outcome.said


def noise(memory: RunMemory) -> None:
    """Attribute files + links by number -> exact tables -> public ones: charge, draw, reconcile, blank what is noisily small.

    These exact tables are made here, and not with the others: of millions of people both do not fit into memory.
    """
    with memory.get("progress", Progress).step("Drawing noise for the public tables", "noise") as said:
        job, state = memory.get("job", Job), memory.get("state", State)
        attributes, persons = memory.get("encoded", Encoded).attributes, memory.get("links", Links).deterministic
        with state.place().engine() as engine:
            exact = tabulate_tables(attributes, persons, job.study, job.catalogue, engine)
        memory.drop("encoded")
        outcome = protect_public(job, state, exact, memory.get("snapshot", str), memory.get("release_id", str))
        memory.put("public", outcome.tables)
        said += outcome.said


def _beside(
    job: Job, state: State, attributes: Mapping[str, pa.Table], links: Links, exact: Mapping[str, ExactTable]
) -> dict[str, ExactTable]:
    """The tables of other studies of the same people, of these registers: what this release must not give away."""
    found: dict[str, ExactTable] = {}
    for member in minded(state, job.study_ref, job.study):
        found |= tabulate_tables(attributes, links.persons, member.study, member.catalogue)
    return {name: table for name, table in found.items() if name not in exact}


def _exact(memory: RunMemory, name: str) -> dict[str, ExactTable]:
    return {str(table): exact for table, exact in memory.get(name, dict).items()}


def _log_reading(state: State, job: Job, encoded: Encoded, memory: RunMemory) -> None:
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for row in encoded.quarantine.to_pylist():
        reasons[row["bron"]][row["reden"]] += 1
    started: dict[str, object] = {
        "run": memory.run_id, "snapshot": encoded.facts["snapshot"], "policy": job.policy_digest,
        "catalogue": job.catalogue_digest, "code": CODE_VERSION,
    }  # fmt: skip
    counts = {bron: dict(found) for bron, found in reasons.items()}
    where = (state.actor, state.role, job.study.id, memory.get("release_id", str))
    with state.store.transaction() as tx:
        state.log.append(tx, "run_started", started, *where)
        if counts:
            state.log.append(tx, "rows_quarantined", {"reasons": counts, "limit": job.study.quarantine_limit}, *where)
        state.log.checkpoint(tx)
