"""From a delivery to persons, by way of the two desks; runs and the data holder's own commands share it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from flows.desks import Encoded, LinkDesk, encode_at_desk
from flows.job import PROFILE, Job
from flows.state import State
from flows.wire import pack_table, unpack_table
from linkage.link import Links
from schemas.quarantine import QuarantineLimit, write_quarantine


def encode(job: Job, state: State, to: LinkDesk, *, with_keys: bool = False) -> Encoded:
    """Read and encode the delivery at the encode desk, linkage files to the link desk `to`; the rows set aside are listed
    in the quarantine file, always.
    """
    state.require_key(job.study.family)
    try:
        encoded = encode_at_desk(
            job.study_ref, job.data, state.key_file(job.study.family), PROFILE, state.place(), to=to, with_keys=with_keys
        )  # fmt: skip
    except QuarantineLimit as error:
        path = _write(job, state, error.quarantine)
        raise QuarantineLimit(f"{str(error).rstrip('.')} (they are in {path}).", error.quarantine) from None
    _write(job, state, encoded.quarantine)
    return encoded


def quarantine_file(job: Job, state: State) -> Path:
    """Where the rows of the last delivery that were set aside are listed: bron, regel, kolom, reden (0600)."""
    return state.store.folder("quarantine") / f"{job.study.id}.csv"


def link(job: Job, state: State, desk: LinkDesk, verdicts: pa.Table | None = None) -> Links:
    """Persons per row, of the linkage files that the link desk was given; the map of earlier years goes in, and comes back
    longer.
    """
    memo = state.memo(job.study.family)
    stored = memo.persons()
    links = desk.link(None if stored is None else unpack_table(stored), verdicts)
    memo.keep_persons(pack_table(links.known))
    return links


def _write(job: Job, state: State, quarantine: pa.Table) -> Path:
    path = quarantine_file(job, state)
    write_quarantine(quarantine, path)
    return path
