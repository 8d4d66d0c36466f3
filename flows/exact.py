"""What only the data holder may take out: exact tables and links. Each leaves an entry in the log."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from disclosure.store import private_folder, write_private
from flows import registers
from flows.desks import Encoded
from flows.job import Job, make_job
from flows.progress import Progress
from flows.settings import Settings
from flows.state import State, open_state
from linkage.link import Links, links_file
from schemas.errors import UsageError
from tabulation.tabulate import tabulate


def write_exact_tables(study_ref: str, data: Path, out: Path) -> int:
    """`out`/<table_id>.parquet, 0600, for every table of the study; returns how many. A leaf records that they were made."""
    with _linked(study_ref, data, with_keys=False) as (job, state, encoded, links):
        tables = tabulate(encoded.attributes, links.persons, job.study, job.catalogue)
        _private(out)
        for name, table in tables.items():
            write_private(
                out / f"{name}.parquet", parquet_bytes(pa.Table.from_pandas(table.frame, preserve_index=False))
            )
        body: dict[str, object] = {"tables": list(tables), "snapshot": encoded.facts["snapshot"]}
        state.append("exact_tables_made", body, job.study.id)
        return len(tables)


def write_links(study_ref: str, data: Path, out: Path) -> int:
    """`out`: bron, sleutel, person_id, weight, one row per record, 0600; returns the rows. A leaf records it."""
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name the Parquet file to write.")
    with _linked(study_ref, data, with_keys=True) as (job, state, encoded, links):
        table = links_file(links, encoded.keys)
        content = parquet_bytes(table)
        _private(out.absolute().parent)
        write_private(out, content)
        body: dict[str, object] = {"registers": sorted(encoded.keys), "file": hashlib.sha256(content).hexdigest()}
        state.append("links_exported", body, job.study.id)
        return int(table.num_rows)


@contextmanager
def _linked(study_ref: str, data: Path, *, with_keys: bool) -> Iterator[tuple[Job, State, Encoded, Links]]:
    """Read, encode and link as a run does, without its flow: nothing is published, so nothing has to be resumed."""
    settings = Settings.from_environment()
    job = make_job(study_ref, data, settings)
    progress = Progress(f"Schakel: {job.study.id} from {data}")
    with open_state(settings, create=True) as state:
        with progress.step("Reading and encoding the registers") as said:
            encoded = registers.encode(job, state, with_keys=with_keys)
            said.append(f"{encoded.quarantine.num_rows} row(s) set aside, see {registers.quarantine_file(job, state)}")
        with progress.step("Recognising people across registers, without names"):
            links = registers.link(job, state, encoded.linkage)
        yield job, state, encoded, links


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as Parquet; its bytes depend on the table alone."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def _private(folder: Path) -> None:
    existed = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made a folder ({error.strerror}); choose another --out.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{folder} cannot be written; choose another --out or give this user access.")
    if not existed:
        private_folder(folder)
