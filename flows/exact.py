"""What only the data holder may take out: exact tables and links. Each leaves an entry in the log."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from disclosure.log.keyring import known_keys
from disclosure.log.notes import load_public_keys
from disclosure.memo import Memo
from disclosure.store import private_folder, write_private
from flows import registers
from flows.desks import Encoded, LinkDesk, encode_at_desk
from flows.doubt import spread_of
from flows.engines import LOCAL
from flows.job import CODE_VERSION, Job, make_job
from flows.link_report import linkage_report, write_report
from flows.packing import unpack_protected
from flows.progress import Progress
from flows.retention import PACKAGE, marked, note_outputs
from flows.runs import one_run_at_a_time
from flows.settings import Settings
from flows.state import State, open_state
from flows.wire import pack_table, unpack_table
from linkage.fields import SEPARATE
from linkage.keys import create_key, load_key
from linkage.link import LinkParameters, Links, links_file
from linkage.package import packages_in, read_manifest, read_package, write_package
from linkage.records import PAIRS_PER_SECOND, comparisons
from linkage.review import read_verdicts
from schemas.catalogue import load_catalogue
from schemas.errors import UsageError
from schemas.quarantine import QuarantineLimit, write_quarantine
from schemas.study import load_study, resource
from tabulation.shares import linked_shares
from tabulation.tabulate import tabulate


def write_exact_tables(study_ref: str, data: Path, out: Path, engine: str = LOCAL) -> int:
    """`out`/<table_id>.parquet, 0600, for every table of the study; returns how many. A leaf records that they were made."""
    with _linked(study_ref, data, engine, with_keys=False) as (job, state, encoded, links):
        with state.place().engine() as opened:
            tables = tabulate(encoded.attributes, links.persons, job.study, job.catalogue, opened)
        _private(out)
        note_outputs(state, "exact_tables", [out / f"{name}.parquet" for name in tables])
        for name, table in tables.items():
            content = marked(pa.Table.from_pandas(table.frame, preserve_index=False), "exact_tables")
            write_private(out / f"{name}.parquet", parquet_bytes(content))
        body: dict[str, object] = {"tables": list(tables), "snapshot": encoded.facts["snapshot"]}
        state.append("exact_tables_made", body, job.study.id)
        return len(tables)


def write_links(
    study_ref: str, data: Path, out: Path, report: Path | None = None, verdicts: Path | None = None, engine: str = LOCAL
) -> int:
    """`out`: bron, sleutel, person_id, weight, one row per record, 0600; returns the rows. A leaf records it.

    report: a folder for what `flows.link_report` writes; verdicts: its review.csv, filled in by a clerk.
    """
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name the Parquet file to write.")
    said = None if verdicts is None else read_verdicts(verdicts)
    with _linked(study_ref, data, engine, with_keys=True, verdicts=said) as (job, state, encoded, links):
        if report is not None:
            _report(report, job, state, encoded, links)
        table = links_file(links, encoded.keys)
        content = parquet_bytes(marked(table, "links"))
        _private(out.absolute().parent)
        note_outputs(state, "links", [out])
        write_private(out, content)
        digest = _digest(state.keys(job.study.family).derive("links file", ""), content)
        body: dict[str, object] = {"registers": sorted(encoded.keys), "file": digest} | _said(said)
        state.append("links_exported", body, job.study.id)
        return int(table.num_rows)


def write_packages(study_ref: str, data: Path, out: Path, engine: str = LOCAL) -> tuple[int, str]:
    """`out`/<register>: one signed package per register of the study, profile `separate`; returns how many, and the key id.

    A leaf records them. The linkage desk needs the packages and the signing key's public half, never the study secret.
    """
    settings = Settings.from_environment(engine=engine)
    job = make_job(study_ref, data, settings)
    if out.exists():
        raise UsageError(f"{out} exists; packages are written into a new folder.")
    with open_state(settings, create=True) as state, one_run_at_a_time(state):
        state.require_key(job.study.family)
        encoded = _encoded_apart(job, state)
        keys, signer = state.keys(job.study.family), state.log.key
        if signer is None:
            raise UsageError("This state folder has no signing key; run `schakel setup` before encoding.")
        _private(out)
        for bron, blob in sorted(encoded.linkage.items()):
            folder = out / bron.lower()
            note_outputs(state, "packages", [folder / name for name in PACKAGE])
            manifest = write_package(folder, bron, unpack_table(blob), keys, SEPARATE.profile, signer.private)
            body: dict[str, object] = {"registers": [bron], "package": manifest.sha256} | _apart(keys.key_id)
            state.append("encoded", body, job.study.id)
        return len(encoded.linkage), keys.key_id


def _encoded_apart(job: Job, state: State) -> Encoded:
    listed = registers.quarantine_file(job, state)
    try:
        encoded = encode_at_desk(
            job.study_ref, job.data, state.key_file(job.study.family), SEPARATE.profile, state.place()
        )  # fmt: skip
    except QuarantineLimit as error:
        write_quarantine(error.quarantine, listed)
        raise QuarantineLimit(f"{str(error).rstrip('.')} (they are in {listed}).", error.quarantine) from None
    write_quarantine(encoded.quarantine, listed)
    return encoded


def _report(folder: Path, job: Job, state: State, encoded: Encoded, links: Links) -> None:
    """Shares and intervals need attributes; intervals stand beside what a release of these registers shows."""
    _private(folder)
    exact = tabulate(encoded.attributes, links.persons, job.study, job.catalogue)
    pattern = state.memo(job.study.family).pattern(str(encoded.facts["snapshot"]), job.policy_digest)
    shown = {} if pattern is None else unpack_protected(pattern)
    spread = spread_of(job, encoded.attributes, links, exact) if shown else {}
    shares = linked_shares(encoded.attributes, links.persons, job.catalogue.vocabulary.variables["leeftijd"])
    write_report(folder, links, linkage_report(links, shares, spread, shown), job.catalogue)


def link_packages(
    study_ref: str,
    folders: list[Path],
    agencies: list[Path],
    out: Path,
    report: Path | None = None,
    verdicts: Path | None = None,
    engine: str = LOCAL,
) -> int:
    """`out` as `write_links` makes it, from packages: `sleutel` is the keyed record pseudonym in hex; returns the rows.

    agencies: PEM files with the public keys of those who encoded; packages of this installation need none.
    """
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name the Parquet file to write.")
    said = None if verdicts is None else read_verdicts(verdicts)
    study = load_study(study_ref)
    packages = [package for folder in folders for package in packages_in(folder)]
    with open_state(Settings.from_environment(engine=engine), create=True) as state:
        with state.store.reading() as tx:
            trusted = known_keys(tx)
        trusted += [key for path in agencies for key in load_public_keys(path)]
        signers = [Ed25519PublicKey.from_public_bytes(key) for key in trusted]
        key_id = _expected_key(state, study.family) or read_manifest(packages[0], signers).key_id
        files: dict[str, pa.Table] = {}
        for package in packages:
            bron, table = read_package(package, study.family, key_id, SEPARATE.profile, signers)
            if bron in files:
                raise UsageError(f"{package} is a second package of {bron}; give one package per register.")
            files[bron] = table
        links = _linked_apart(state, study.family, files, said)
        if report is not None:
            _private(report)
            catalogue = load_catalogue(resource(study_ref, "catalogue", study.catalogue), study.years)
            write_report(report, links, linkage_report(links, [], {}, {}), catalogue)
        records = {
            bron: pa.table({"token": t.column("token"), "sleutel": [r.hex() for r in t.column("record").to_pylist()]})
            for bron, t in files.items()
        }
        content = parquet_bytes(marked(table := links_file(links, records), "links"))
        _private(out.absolute().parent)
        note_outputs(state, "links", [out])
        write_private(out, content)
        state.append("links_made", {"registers": sorted(files)} | _apart(key_id), study.id)
        digest = _digest(_desk_secret(state), content)
        body: dict[str, object] = {"registers": sorted(files), "file": digest} | _said(said)
        state.append("links_exported", body, study.id)
        return int(table.num_rows)


def _said(verdicts: pa.Table | None) -> dict[str, object]:
    return {} if verdicts is None else {"verdicts": verdicts.num_rows}


def _apart(key_id: str) -> dict[str, object]:
    """What a leaf says of work under profile `separate`."""
    return {"profile": SEPARATE.profile, "parameters": {"version": CODE_VERSION, "key": key_id}}


def _expected_key(state: State, study: str) -> str | None:
    """The id of the key that a study's packages are made with: this installation's, or that of those linked last."""
    if state.key_file(study).exists():
        return state.keys(study).key_id
    bodies = [leaf["body"] for leaf in state.leaves(kind="links_made", study=study)]
    used = [body["parameters"]["key"] for body in bodies if isinstance(body, dict) and "key" in body["parameters"]]
    return used[-1] if used else None


def _linked_apart(state: State, study: str, files: dict[str, pa.Table], verdicts: pa.Table | None) -> Links:
    """Link at the link desk. Its map of person ids is sealed under a secret of its own: it has no study secret."""
    secret = state.settings.keys_folder / "link-desk.key"
    if not secret.exists():
        create_key(secret)
    memo = Memo(state.store, f"{study} packages", load_key(secret))
    stored = memo.persons()
    pairs = comparisons({bron: table.num_rows for bron, table in files.items()}, LinkParameters().unique)
    minutes = max(round(pairs / PAIRS_PER_SECOND / 60), 1)
    doing = f"Comparing {pairs:,} pairs of records, within some {minutes:,} minute(s)"
    with Progress(f"Schakel: packages of {study}").step(doing), LinkDesk(state.place()) as desk:
        desk.give({bron: pack_table(table) for bron, table in files.items()})
        links = desk.link(None if stored is None else unpack_table(stored), verdicts)
    memo.keep_persons(pack_table(links.known))
    return links


def _desk_secret(state: State) -> bytes:
    secret = state.store.directory / "keys" / "link-desk.key"
    if not secret.exists():
        create_key(secret)
    return load_key(secret)


def _digest(key: bytes, content: bytes) -> str:
    """Keyed: a plain digest of a small file of links can be guessed by whoever reads the log."""
    return hmac.digest(key, b"links file" + content, "sha256").hex()


@contextmanager
def _linked(
    study_ref: str, data: Path, engine: str, *, with_keys: bool, verdicts: pa.Table | None = None
) -> Iterator[tuple[Job, State, Encoded, Links]]:
    """Read, encode and link as a run does, without its flow: nothing is published, so nothing has to be resumed."""
    settings = Settings.from_environment(engine=engine)
    job = make_job(study_ref, data, settings)
    progress = Progress(f"Schakel: {job.study.id} from {data}")
    with open_state(settings, create=True) as state, one_run_at_a_time(state), LinkDesk(state.place()) as desk:
        with progress.step("Reading and encoding the registers") as said:
            encoded = registers.encode(job, state, desk, with_keys=with_keys)
            said.append(f"{encoded.quarantine.num_rows} row(s) set aside, see {registers.quarantine_file(job, state)}")
        with progress.step("Recognising people across registers, without names"):
            links = registers.link(job, state, desk, verdicts)
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
