"""What `schakel log` shows: entries, a full check, proofs, an export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from disclosure.log.audit import Filter, export, show, verify_log
from disclosure.publication import proof_files
from disclosure.states import require_release, verify_states
from flows.settings import Settings
from flows.state import open_state
from schemas.errors import UsageError


def show_log(settings: Settings, wanted: Filter) -> Iterator[str]:
    """One line per matching entry: number, time, actor and role, kind, study, release, body."""
    with open_state(settings) as state, state.store.reading() as tx:
        for leaf in show(tx, wanted):
            yield _line(leaf)


def _line(leaf: dict[str, Any]) -> str:
    about = " ".join(str(leaf[name]) for name in ("study", "release") if leaf[name])
    body = json.dumps(leaf["body"], sort_keys=True)
    return f"{leaf['seq']:>6}  {leaf['time']}  {leaf['actor']} ({leaf['role']})  {leaf['kind']}  {about}  {body}"


def verify_whole_log(settings: Settings) -> str:
    """Recompute log and ledger; IntegrityError (6) with the first fault."""
    with open_state(settings) as state:
        size = verify_log(state.log)
        state.ledger().verify()
        with state.store.reading() as tx:
            verify_states(tx)
        return f"{size} entries: the log, its checkpoints, the budget ledger and the states of releases hold together."


def prove_entry(settings: Settings, seq: int, since: int | None) -> str:
    """Inclusion of entry `seq` under the last checkpoint, as JSON; with `since` also consistency from that size."""
    with open_state(settings) as state:
        with state.store.reading() as tx:
            last = state.log.last_checkpoint(tx)
        if last is None:
            raise UsageError("There is no checkpoint yet; run a study first.")
        size, note = last
        proof: dict[str, object] = {
            "seq": seq, "size": size, "checkpoint": note,
            "path": [value.hex() for value in state.log.prove_inclusion(seq, size)],
        }  # fmt: skip
        if since is not None:
            proof["since"] = since
            proof["consistency"] = [value.hex() for value in state.log.prove_consistency(since, size)]
        return json.dumps(proof, indent=2)


def prove_release(settings: Settings, release: str, out: Path) -> str:
    """Write a newer checkpoint.txt and inclusion.json of a release into `out`, for auditors whose checkpoint is later."""
    with open_state(settings) as state:
        with state.store.reading() as tx:
            files = proof_files(tx, state.log, require_release(tx, release).id)
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (out / name).write_bytes(content)
        except OSError as error:
            raise UsageError(f"{out} cannot be written ({error.strerror}); choose another --out.") from None
    return f"{' and '.join(str(out / name) for name in files)} prove {release} under the newest checkpoint."


def export_log(settings: Settings, out: Path) -> str:
    """Write `out` (one entry per line) and `out`.checkpoint; returns a sentence that says so."""
    with open_state(settings) as state, state.store.reading() as tx:
        try:
            with out.open("w", encoding="utf-8") as file:
                note = export(state.log, tx, file)
            beside = out.with_name(out.name + ".checkpoint")
            beside.write_text(note, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{out} cannot be written ({error.strerror}); choose another --out.") from None
    return f"The log is in {out}, its checkpoint in {beside}."
