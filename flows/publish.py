"""The last step: protected tables -> a release folder and its leaf, together or not at all."""

from __future__ import annotations

from pathlib import Path

from disclosure.manifest import Origin, seal_release
from disclosure.publication import begin_publication, finish_publication, stage
from disclosure.states import find_release
from flows.beyond import told
from flows.doubt import in_words
from flows.facts import method_facts
from flows.job import CODE_VERSION, Job
from flows.memory import RunMemory
from flows.progress import Progress
from flows.publication import write_public, write_restricted
from flows.releases import remember_folder
from flows.state import State
from linkage.link import Links
from schemas.errors import IntegrityError, UsageError
from schemas.release import CHECKPOINT, MANIFEST, PUBLIC, RESTRICTED


def releases_folder(out: Path, study: str) -> Path:
    """Where the releases of a study lie."""
    return out / "releases" / study


def require_known_releases(out: Path, state: State) -> None:
    """IntegrityError (6) where `out` holds releases that this log does not know: a fresh state must be no fresh budget."""
    for manifest in sorted(out.glob(f"releases/*/*/{MANIFEST}")):
        name = manifest.parent.name
        with state.store.reading() as tx:
            if find_release(tx, name) is None:
                raise IntegrityError(
                    f"{manifest.parent} is a release that the log in {state.store.directory} does not know; "
                    "set SCHAKEL_STATE to the state folder that made it, or choose another --out."
                )
            note = manifest.with_name(CHECKPOINT)
            if not note.is_file():
                raise IntegrityError(f"{note} is missing; put it back, or verify the release.")
            # A state from before a release's checkpoint, even if it was proposed by then, would be a fresh budget.
            state.log.extends(tx, note.read_text(encoding="utf-8", errors="replace"), str(note))


def publish(memory: RunMemory) -> None:
    """Write all files beside the final place, sign, commit leaf and intent, rename."""
    job, state = memory.get("job", Job), memory.get("state", State)
    release, snapshot = memory.get("release_id", str), memory.get("snapshot", str)
    final = releases_folder(memory.get("out", Path), job.study.id) / release
    origin = Origin(job.study.id, snapshot, job.policy_digest, job.catalogue_digest, CODE_VERSION)
    with (
        memory.get("progress", Progress).step("Writing the release", "publish") as said,
        stage(state.store, release, final) as staged,
    ):
        files = _write_files(memory, staged.folder)
        keys = state.keys(job.study.family)
        if state.log.key is None:
            raise UsageError("This log was opened for reading; a release needs the signing key.")
        manifest = seal_release(staged.folder, origin, keys.derive("salts", ""), state.log.key)
        with state.store.transaction() as tx:
            begin_publication(
                tx, state.log, staged, study=job.study.id, manifest=manifest, snapshot=snapshot,
                policy=job.policy_digest, code=CODE_VERSION, actor=state.actor, role=state.role,
            )  # fmt: skip
            remember_folder(tx, release, final)
        finish_publication(state.store, state.log, release)
        memory.put("folder", final)
        said.append(f"{files} files")


def _write_files(memory: RunMemory, folder: Path) -> int:
    job = memory.get("job", Job)
    spread, restricted, links = memory.get("spread", dict), memory.get("restricted", dict), memory.get("links", Links)
    moved = in_words(spread, restricted, job.catalogue) + told(spread, restricted, job.catalogue, links.quality)
    facts = method_facts(job, links, moved)
    written = 0
    for part, name, write in ((PUBLIC, "public", write_public), (RESTRICTED, "restricted", write_restricted)):
        (folder / part).mkdir(mode=0o700)
        written += len(write(folder / part, memory.get(name, dict), job.catalogue, job.study, facts))
    return written
