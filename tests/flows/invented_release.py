"""Small releases of nr2015 with invented numbers, proposed as a run proposes them, without reading a register."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from disclosure.manifest import Origin, seal_release
from disclosure.memo import keep_certificate
from disclosure.publication import begin_publication, finish_publication, stage
from flows.packing import pack_protected
from flows.releases import remember_folder
from flows.settings import Settings
from flows.state import open_state
from schemas.policy import load_policy
from schemas.study import resource
from schemas.tables import ExactTable, ProtectedTable

YEARS, SEXES = (2010, 2011, 2012, 2013, 2014), ("V", "M", "O")
POLICY = load_policy(resource("nr2015", "policies", "nr2015"))[1]
CERTIFICATE = {
    "version": 1, "insider": "person",
    "attack": {"certified": True, "outsider": 0, "insiders": 0, "untried": 0, "people": 4, "witnesses": 9},
    "blanks": [{"cell": "x", "primary": True, "low": 1, "high": 3}],
}  # fmt: skip
Grid = Mapping[int, tuple[int | None, ...]]

TOTALS = {2010: 340, 2011: 398, 2012: 392, 2013: 248, 2014: 241}
# Two blanks in each year's row; the years' totals are printed.
SAFE: Grid = {
    2010: (260, 80, 0), 2011: (300, None, None), 2012: (300, None, None), 2013: (188, 60, 0), 2014: (154, 87, 0),
}  # fmt: skip


def tables(grid: Grid = SAFE, totals: Mapping[int, int | None] = TOTALS) -> dict[str, ProtectedTable]:
    """`nr2015_f05` (year by sex; None is blank) and `nr2015_f04` (its yearly totals)."""
    cross = [(year, sex, value) for year in YEARS for sex, value in zip(SEXES, grid[year], strict=True)]
    lines = [(year, totals[year]) for year in YEARS]
    return {
        "nr2015_f05": _table("nr2015_f05", {"jaar": YEARS, "geslacht": SEXES}, cross),
        "nr2015_f04": _table("nr2015_f04", {"jaar": YEARS}, lines),
    }


def _table(name: str, categories: dict[str, tuple[object, ...]], rows: list[tuple[object, ...]]) -> ProtectedTable:
    frame = pd.DataFrame(rows, columns=[*categories, "aantal"])
    frame["aantal"] = frame["aantal"].astype("Int64")
    frame["status"] = frame["aantal"].notna().map({True: "ok", False: "suppressed"})
    return ProtectedTable(name, "restricted", "suppressed", tuple(categories), categories, frame)


def blanked(table: ExactTable) -> ProtectedTable:
    """Every count from 1 to 4 blank: not safe, and what a door for protected tables has to cope with."""
    frame = table.frame.astype({"aantal": "Int64"})
    small = frame["aantal"].between(1, 4)
    frame = frame.assign(aantal=frame["aantal"].mask(small), status=small.map({True: "suppressed", False: "ok"}))
    return ProtectedTable(table.id, "restricted", "suppressed", table.dimensions, table.categories, frame)


def propose(
    state: Path,
    out: Path,
    release: str,
    shown: dict[str, ProtectedTable],
    *,
    snapshot: str = "a",
    actor: str = "anna",
    policy: str = POLICY,
    study: str = "nr2015",
) -> Path:
    """Propose `shown` as `release`, its pattern sealed and its certificate kept; returns the folder."""
    settings = Settings(state, "", None, actor)
    final, digest = out / "releases" / study / release, snapshot * 64
    with open_state(settings, create=True) as opened, stage(opened.store, release, final) as staged:
        opened.require_key(study)
        opened.memo(study).keep_pattern(digest, policy, pack_protected(shown))
        for part in ("public", "restricted"):
            (staged.folder / part).mkdir(mode=0o700)
            for name, table in shown.items():
                table.frame.to_csv(staged.folder / part / f"{name}.csv", index=False)
        certificate = keep_certificate(opened.store, release, "restricted", json.dumps(CERTIFICATE).encode())
        attacked = {"audience": "restricted", "insider": "person", "certified": True, "certificate": certificate}
        opened.append("attacked", attacked, study, release)
        origin = Origin(study, digest, policy, "c" * 64, "0.1.0")
        key = opened.log.key
        assert key is not None
        manifest = seal_release(staged.folder, origin, bytes(32), key)
        with opened.store.transaction() as tx:
            begin_publication(
                tx, opened.log, staged, study=study, manifest=manifest, snapshot=digest, policy=policy,
                code="0.1.0", actor=actor, role="operator",
            )  # fmt: skip
            remember_folder(tx, release, final)
        finish_publication(opened.store, opened.log, release)
    return final
