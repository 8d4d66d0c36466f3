"""A state folder with releases of both studies in every state: invented numbers, real files, real leaves, real signatures."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from disclosure.ledger import Ledger
from disclosure.log.notes import create_signing_key, load_signing_key
from disclosure.manifest import Origin, seal_release
from disclosure.memo import keep_certificate
from disclosure.publication import begin_publication, finish_publication, stage
from disclosure.states import move, publish, register_person, require_release, sign_approval
from flows.packing import pack_protected
from flows.publication import write_public, write_restricted
from flows.releases import remember_folder
from flows.settings import Settings
from flows.state import State, open_state
from schemas.policy import load_policy
from schemas.study import resource
from schemas.tables import ProtectedTable
from tests.flows import invented_release
from tests.publication.fabricate import facts, protected, study_and_catalogue

TABLES = {
    "nr2015": ("nr2015_f02", "nr2015_f04", "nr2015_f05", "nr2015_f06_gemiddelde", "nr2015_f16"),
    "wodc2020": ("wodc2020_routes", "wodc2020_regio"),
}
NOISY = {"nr2015": ("nr2015_f02", "nr2015_f04", "nr2015_f05", "nr2015_t02"), "wodc2020": ("wodc2020_routes",)}
PUBLISHED, OLD, PROPOSED, REJECTED, WITHDRAWN = "nr2015-b", "nr2015-a", "nr2015-c", "nr2015-x", "wodc2020-w"
MARK = 7_771  # no public table holds this number: whoever finds it in an answer saw a restricted one
CERTIFICATE = {
    "version": 1, "insider": "person",
    "attack": {"certified": True, "outsider": 0, "insiders": 0, "untried": 0, "people": 40, "witnesses": 9},
    "blanks": [{"cell": "x", "primary": True, "low": 1, "high": 3}],
}  # fmt: skip


@dataclass(frozen=True)
class Premises:
    """Where the state lies, and the checker's key file."""

    state: Path
    key: Path

    def settings(self, actor: str = "olga") -> Settings:
        return Settings(self.state, "", None, actor)


def build(folder: Path) -> Premises:
    """Both studies: one release superseded, one published, one proposed, one rejected; one withdrawn."""
    folder.mkdir(exist_ok=True)
    premises = Premises(folder / "state", folder / "bram.pem")
    with open_state(premises.settings(), create=True) as state:
        for study in TABLES:
            state.require_key(study)
        key = create_signing_key(premises.key)
        with state.store.transaction() as tx:
            register_person(tx, state.log, "bram", "checker", key.public, "olga", "operator")
            state.log.checkpoint(tx)
        files = {study: written(folder / "files" / study, study) for study in TABLES}
        for release, study, snapshot in (
            (OLD, "nr2015", "a"),
            (PUBLISHED, "nr2015", "b"),
            (WITHDRAWN, "wodc2020", "c"),
        ):
            propose(state, folder, release, study, files[study], snapshot)
            approve(state, premises, release)
        with state.store.transaction() as tx:
            move(tx, state.log, WITHDRAWN, "withdrawn", "bram", "checker", "the delivery was corrected")
            state.log.checkpoint(tx)
        propose(state, folder, REJECTED, "nr2015", files["nr2015"], "d")
        with state.store.transaction() as tx:
            move(tx, state.log, REJECTED, "rejected", "bram", "checker", "regions by an old list")
            state.log.checkpoint(tx)
        propose(state, folder, PROPOSED, "nr2015", files["nr2015"], "e", shift=3)
        state.append("run_started", _started("f"), "wodc2020")
        state.append("refused", {"step": "run", "code": "InputRefused", "exit_code": 3}, "wodc2020")
    return premises


def published_with(folder: Path, release: str, more: dict[str, bytes]) -> Premises:
    """One published release of nr2015 with more files in it, for the load benchmark."""
    premises = Premises(folder / "state", folder / "bram.pem")
    with open_state(premises.settings(), create=True) as state:
        state.require_key("nr2015")
        key = create_signing_key(premises.key)
        with state.store.transaction() as tx:
            register_person(tx, state.log, "bram", "checker", key.public, "olga", "operator")
            state.log.checkpoint(tx)
        files = written(folder / "files" / "nr2015", "nr2015")
        for name, content in more.items():
            (files / name).write_bytes(content)
        propose(state, folder, release, "nr2015", files, "a")
        approve(state, premises, release)
    return premises


def moved(premises: Premises, folder: Path) -> Premises:
    """A copy of a state folder to change; its releases stay where they are and are only read."""
    shutil.copytree(premises.state, folder / "state")
    return Premises(folder / "state", premises.key)


def tables(study: str) -> tuple[dict[str, ProtectedTable], dict[str, ProtectedTable]]:
    """Public and restricted tables of a study, the mark in a restricted one."""
    _, catalogue = study_and_catalogue(study)
    public = {t: v for t, v in protected(study, catalogue, "public", "noisy").items() if t in NOISY[study]}
    staff = {t: v for t, v in protected(study, catalogue, "restricted", "suppressed").items() if t in TABLES[study]}
    if "nr2015_f16" in staff:
        staff |= invented_release.tables()  # whose blanks nobody can work out
        frame = staff["nr2015_f16"].frame
        frame.loc[frame.index[0], "aantal"] = MARK
    return public, staff


def written(folder: Path, study_id: str) -> Path:
    """The files of a release, once per study: writing them is slow, PDFs above all."""
    study, catalogue = study_and_catalogue(study_id)
    public, staff = tables(study_id)
    for part, shown, write in (("public", public, write_public), ("restricted", staff, write_restricted)):
        (folder / part).mkdir(parents=True)
        write(folder / part, shown, catalogue, study, facts())
    return folder


def propose(state: State, folder: Path, release: str, study: str, files: Path, snapshot: str, shift: int = 0) -> None:
    """Propose a copy of `files` as a run would; `shift` changes one printed number, so that releases differ."""
    digest, policy = snapshot * 64, load_policy(resource(study, "policies", study))[1]
    _, staff = tables(study)
    final = folder / "out" / "releases" / study / release
    with stage(state.store, release, final) as staged:
        shutil.copytree(files, staged.folder, dirs_exist_ok=True)
        if shift:
            _shift(staged.folder / "restricted" / "nr2015_f16.csv", shift)
        state.memo(study).keep_pattern(digest, policy, pack_protected(staff))
        _leaves(state, study, release, digest, policy)
        key = state.log.key
        assert key is not None
        manifest = seal_release(staged.folder, Origin(study, digest, policy, "c" * 64, "0.1.0"), bytes(32), key)
        with state.store.transaction() as tx:
            begin_publication(
                tx, state.log, staged, study=study, manifest=manifest, snapshot=digest, policy=policy, code="0.1.0",
                actor="olga", role="operator",
            )  # fmt: skip
            remember_folder(tx, release, final)
        finish_publication(state.store, state.log, release)


def approve(state: State, premises: Premises, release: str) -> None:
    """Approve and publish with bram's key."""
    with state.store.transaction() as tx:
        signature = sign_approval(load_signing_key(premises.key), require_release(tx, release))
        move(tx, state.log, release, "approved", "bram", "checker", signature=signature)
        publish(tx, state.log, release, "bram", "checker")
        state.log.checkpoint(tx)


def _started(snapshot: str) -> dict[str, object]:
    digests = {"snapshot": snapshot * 64, "policy": "d" * 64, "catalogue": "c" * 64}
    return {"run": f"run-{snapshot}", "code": "0.1.0", **digests}


def _leaves(state: State, study: str, release: str, digest: str, policy: str) -> None:
    state.append("run_started", _started(digest[0]), study, release)
    state.append("rows_quarantined", {"reasons": {"IND": {"verplicht_leeg": 3}}, "limit": 0.05}, study, release)
    for part, regime, names in (("restricted", "suppressed", TABLES[study]), ("public", "noisy", NOISY[study])):
        for name in names:
            body = {"table": name, "audience": part, "regime": regime, "rules": {"threshold": 5, "insider": "person"}}
            state.append("table_protected", {**body, "blanks": 4, "policy": policy}, study, release)
    certificate = keep_certificate(state.store, release, "restricted", json.dumps(CERTIFICATE).encode())
    attacked = {"audience": "restricted", "insider": "person", "certified": True, "certificate": certificate}
    state.append("attacked", attacked, study, release)
    ledger = Ledger(state.log, "olga", "operator", study, release)
    ledger.set_budget(f"{study}.ind", "public", 0.9)
    key = f"{release}-query"
    ledger.reserve(f"{study}.ind", "public", key, 0.15)
    ledger.mark_drawn(key, b"1")


def _shift(path: Path, by: int) -> None:
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    cells[-2] = str(int(cells[-2]) + by)
    lines[2] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
