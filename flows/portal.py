"""What the portal asks of this room: where releases lie, attacks on them, decisions, the schedule (`portal.office.Services`)."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from disclosure.log.audit import verify_log
from disclosure.memo import read_certificate
from disclosure.noise.plan import plan
from disclosure.reader import read_table, table_ids
from disclosure.states import Release, duty_of, move, publish
from flows.decide import approve_signed, require_certificate
from flows.difference import Rules, charged, laid_together, rules_of, seen_before
from flows.published import Edition, Tables, attack_published
from flows.releases import folder_of, locate
from flows.settings import Settings
from flows.state import State, open_state
from portal.office import Expected, Finding, Price, Review
from schemas.catalogue import load_catalogue
from schemas.errors import UsageError
from schemas.release import PUBLIC, RESTRICTED
from schemas.release import State as ReleaseState
from schemas.study import load_study, resource, shipped_studies
from schemas.tables import Audience

NEARLY_SPENT = 0.1
_DRAWING = threading.Lock()  # the drawing library is one engine
PREFECT_SECONDS = 3
SHOWN = 5


@dataclass(frozen=True)
class Desk:
    """`Services` over one installation. Every call opens the state anew, as a command would, and acts for one person."""

    settings: Settings

    @property
    def key_file(self) -> Path | None:
        """Where the log's signing key lies, None for its place in the state folder."""
        return self.settings.signing_key

    def folder_of(self, release: str) -> Path | None:
        """Where a release lies."""
        with open_state(self.settings) as state:
            return folder_of(state, release)

    def verify(self) -> int:
        """Recompute log, ledger and states; the number of entries."""
        from disclosure.states import verify_states

        with open_state(self.settings) as state:
            size = verify_log(state.log)
            state.ledger().verify()
            with state.store.reading() as tx:
                verify_states(tx)
        return size

    def approve(self, release: str, actor: str, signature: bytes, *, hold: bool) -> None:
        """Approve with a signature that the approver made elsewhere; publish unless `hold`."""
        approve_signed(self._as(actor), release, signature, hold=hold)

    def move(self, release: str, to: ReleaseState, actor: str, reason: str | None) -> None:
        """Publish, reject or withdraw, as a registered checker and nobody else."""
        with open_state(self._as(actor)) as state, state.store.transaction() as tx:
            if duty_of(tx, actor) != "checker":
                raise UsageError(
                    f"{actor} is not registered as checker; `schakel keys new --person {actor}` does that."
                )
            if to == "published":
                publish(tx, state.log, release, actor, "checker")
            else:
                move(tx, state.log, release, to, actor, "checker", reason)
            state.log.checkpoint(tx)

    def review(self, release: str, actor: str) -> Review:
        """Verify the folder, attack it again, read its certificate for a registered checker, and say what it cost."""
        with open_state(self._as(actor), role="checker") as state:
            found = locate(state, release)
            require_certificate(state, found.release)
            rules = rules_of(state, found.release, None)
            earlier = seen_before(state, found.release, rules)
            tables = found.tables("restricted")
            findings = [
                *_certificates(state, found.release),
                *_attacks(found.release, tables, earlier, rules),
                *_policy(found.release, rules),
                *_quarantined(state, found.release),
                *_spending(state, found.release),
            ]
            findings.sort(key=lambda finding: finding.good)
            return Review(
                tuple(findings), tuple(_prices(state, found.release)), tuple(_expected(rules, found.blanks("public")))
            )

    def figure(self, folder: Path, study: str, audience: Audience, table: str) -> bytes | None:
        """The figure of a restricted table, drawn from the release's own file by the program that draws the public ones."""
        if study not in shipped_studies():
            return None
        from flows.publication.charts import draw_charts
        from flows.publication.views import make_views

        period = load_study(study)
        catalogue = load_catalogue(resource(study, "catalogue", period.catalogue), period.years)
        tables = {name: read_table(folder, audience, name) for name in table_ids(folder, audience)}
        views = [view for view in make_views(tables, catalogue, {}) if view.table.id == table]
        with _DRAWING:
            return draw_charts(views)[1].get(f"{table}.svg")

    def next_run(self) -> str | None:
        """The next scheduled run by Prefect's own API, None without a server or a schedule."""
        address = os.environ.get("PREFECT_API_URL", "")
        if not address.startswith(("http://", "https://")):
            return None
        question = {
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": 1,
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        }
        headers = {"content-type": "application/json"}
        password = os.environ.get("PREFECT_API_AUTH_STRING")
        if password:
            headers["authorization"] = f"Basic {base64.b64encode(password.encode()).decode()}"
        asked = urllib.request.Request(f"{address}/flow_runs/filter", json.dumps(question).encode(), headers)
        try:
            with urllib.request.urlopen(asked, timeout=PREFECT_SECONDS) as answer:
                found = json.load(answer)
            return str(found[0]["expected_start_time"]) if found else None
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            return None

    def working(self) -> bool:
        """Whether a run holds the lock of this state folder."""
        path = self.settings.state / "locks" / "run"
        if not path.exists():
            return False
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _as(self, actor: str) -> Settings:
        return replace(self.settings, actor=actor)


def _certificates(state: State, release: Release) -> Iterator[Finding]:
    audiences = dict.fromkeys(
        str(_body(leaf)["audience"]) for leaf in state.leaves(kind="attacked", release=release.id)
    )
    if not audiences:
        yield Finding(True, "certificate_none")
    with state.store.reading() as tx:
        registered = duty_of(tx, state.actor) == "checker"
    for audience in audiences:
        if not registered:
            yield Finding(False, "certificate_unread", {"actor": state.actor})
            continue
        part: Audience = PUBLIC if audience == PUBLIC else RESTRICTED
        content: dict[str, Any] = json.loads(read_certificate(state.log, release.id, part, state.actor, "checker"))
        attack, blanks = content.get("attack", {}), content.get("blanks", [])
        fallen = attack.get("outsider", 0) + attack.get("insiders", 0) + attack.get("untried", 0)
        fallen += sum(bool(b.get("primary")) and b.get("low", 0) == b.get("high", 1) for b in blanks)
        holds = bool(attack.get("certified")) and not fallen
        yield Finding(holds, "certificate_holds" if holds else "certificate_falls", {
            "blanks": len(blanks), "people": attack.get("people", 0), "fallen": fallen,
        })  # fmt: skip


def _attacks(
    release: Release, tables: Tables, earlier: list[tuple[Release, Tables]], rules: Rules
) -> Iterator[Finding]:
    mine = Edition(release.snapshot, tables)
    tries = [("alone", [mine], 0)]
    if earlier:
        tries.append(("together", laid_together(earlier, release, tables), len(earlier)))
    for how, editions, own in tries:
        verdict = attack_published(editions, rules.joint, lower=rules.lower)
        small = [found for found in verdict.small(rules.threshold) if how == "alone" or found.edition <= own]
        values: dict[str, object] = {"earlier": len(earlier), "blanks": verdict.blanks, "threshold": rules.threshold}
        if not verdict.possible:
            yield Finding(False, f"attack_{how}_impossible", values)
        elif small or verdict.open:
            where = ", ".join(dict.fromkeys(found.table for found in small[:SHOWN]))
            yield Finding(
                False, f"attack_{how}_falls", {**values, "small": len(small), "open": verdict.open, "where": where}
            )
        else:
            yield Finding(True, f"attack_{how}_holds", values)


def _policy(release: Release, rules: Rules) -> Iterator[Finding]:
    if release.policy != rules.policy_digest:
        yield Finding(False, "policy_differs")


def _quarantined(state: State, release: Release) -> Iterator[Finding]:
    for leaf in state.leaves(kind="rows_quarantined", release=release.id)[-1:]:
        yield Finding(
            True, "quarantined", {"rows": sum(sum(found.values()) for found in _body(leaf)["reasons"].values())}
        )


def _spending(state: State, release: Release) -> Iterator[Finding]:
    for price in _prices(state, release):
        if price.left < NEARLY_SPENT * price.budget:
            yield Finding(False, "nearly_spent", {"population": price.population})


def _prices(state: State, release: Release) -> Iterator[Price]:
    mine = charged(state, release.id)
    for line in state.ledger().statement():
        if line.population in mine:
            yield Price(line.population, line.audience, mine[line.population], line.spent, line.remaining, line.budget)


def _expected(rules: Rules, shown: dict[str, int]) -> Iterator[Expected]:
    noise = rules.policy.public.noise
    for row in [] if noise is None else plan(noise).rows:
        if row.table in shown:
            yield Expected(row.table, {"nl": row.words.nl, "en": row.words.en}, row.useful)


def _body(leaf: dict[str, object]) -> dict[str, Any]:
    body = leaf["body"]
    return body if isinstance(body, dict) else {}


def serve(settings: Settings, host: str, port: int) -> None:
    """Open the state, finish what an interrupted run left, and answer requests until stopped."""
    from portal.server import serve as answer
    from portal.settings import PortalSettings

    chosen = PortalSettings.from_environment(settings.state, host, port)
    with open_state(settings) as state:
        answer(chosen, state.store, Desk(settings))
