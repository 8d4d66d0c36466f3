"""What a checker needs to decide on a release: bad news first, nothing that a checker may not see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from disclosure.noise.plan import PlanRow, plan
from disclosure.states import Release
from flows.decide import require_certificate
from flows.difference import (
    SHOWN,
    Change,
    Rules,
    change_table,
    charged,
    compare,
    laid_together,
    narrow,
    rules_of,
    seen_before,
    unremarkable,
)
from flows.published import Edition, Tables, attack_published
from flows.releases import Found, locate
from flows.review_certificate import review_certificate
from flows.settings import Settings
from flows.state import State, open_state

NEARLY_SPENT = 0.1
SURE = ", 19 times out of 20"


def print_review(settings: Settings, ref: str, study_ref: str | None) -> None:
    """Verify, re-attack, compare with the last release, and say what it costs; reading the certificate is a leaf.

    IntegrityError (6) where the release or its certificate is not what was logged.
    """
    with open_state(settings) as state:
        found = locate(state, ref)
        release = found.release
        rules = rules_of(state, release, study_ref)
        require_certificate(state, release)
        earlier = seen_before(state, release, rules)
        own = [(known, shown) for known, shown in earlier if known.study == release.study]
        tables = found.tables("restricted")
        changes = list(compare(own[-1][1] if own else {}, tables, rules.threshold))
        good, bad = _sort(
            review_certificate(state, release, tables, earlier, rules),
            _attack(release, tables, earlier, rules),
            _rules(release, rules),
            _changes(changes, own),
            _spending(state, release),
            _quarantine(state, release),
            _coarse(rules),
        )
        console = Console(highlight=False)
        console.print(f"[bold]{release.id}[/bold], {release.state}, proposed by {release.proposer}")
        for sentence in bad:
            console.print(f"[bold red]![/bold red] {sentence}")
        for sentence in good:
            console.print(f"  {sentence}")
        against = f"beside {own[-1][0].id} ({own[-1][0].state})" if own else "no earlier release was seen"
        console.print(change_table(changes, f"Restricted tables, {against}", beside=bool(own)))
        quiet = [row.table for row in changes if unremarkable(row)]
        console.print(f"Without blanks and without changes: {', '.join(quiet) or 'none'}\n")
        console.print(_errors(found, rules))
        console.print(_budget(state, release))


Sentence = tuple[bool, str]


def _sort(*found: Iterable[Sentence]) -> tuple[list[str], list[str]]:
    sentences = [sentence for group in found for sentence in group]
    return [text for good, text in sentences if good], [text for good, text in sentences if not good]


def _bodies(state: State, kind: str, release: Release) -> list[dict[str, Any]]:
    return [dict(leaf) for leaf in state.leaves(kind=kind, release=release.id)]


def _attack(
    release: Release, tables: Tables, earlier: list[tuple[Release, Tables]], rules: Rules
) -> Iterator[Sentence]:
    """The files attacked again, alone and with everything their audience saw before."""
    mine = Edition(release.snapshot, tables)
    alone = attack_published([mine], rules.catalogue, lower=rules.lower)
    verdicts = [("alone", alone, 0)]
    if earlier:
        together = attack_published(laid_together(earlier, release, tables), rules.joint, lower=rules.lower)
        verdicts.append((f"with {len(earlier)} earlier release(s)", together, len(earlier)))
    for how, verdict, own in verdicts:
        small = [found for found in verdict.small(rules.threshold) if how == "alone" or found.edition <= own]
        if not verdict.possible:
            yield False, f"Attacked {how}: the printed totals cannot all be true."
        elif small or verdict.open:
            where = "; ".join(f"{found.table} ({', '.join(found.codes)})" for found in small[:SHOWN])
            yield False, f"Attacked {how}: {len(small)} small count(s) fall, {verdict.open} stayed open. {where}"
        else:
            yield (
                True,
                (
                    f"Attacked {how}, from the files and without insiders: none of {verdict.blanks} blanks falls below "
                    f"{rules.threshold}."
                ),
            )


def _rules(release: Release, rules: Rules) -> Iterator[Sentence]:
    if release.policy != rules.policy_digest:
        yield (
            False,
            "The policy file here is not the one this release was made by; thresholds and errors below are its.",
        )


def _changes(changes: list[Change], earlier: list[tuple[Release, Tables]]) -> Iterator[Sentence]:
    if not earlier:
        return
    slightly = sum(row.slightly for row in changes)
    if slightly:
        yield (
            False,
            (
                f"{slightly} printed cell(s) differ from the last release by less than the threshold: the difference counts "
                "few people."
            ),
        )
    came = sum(row.came for row in changes)
    if came:
        yield False, f"{came} cell(s) that were blank in the last release are printed now."


def _spending(state: State, release: Release) -> Iterator[Sentence]:
    mine = charged(state, release.id)
    for line in state.ledger().statement():
        if line.population in mine and line.remaining < NEARLY_SPENT * line.budget:
            yield (
                False,
                f"The budget of {line.population} ({line.audience}) is nearly spent: {line.remaining:.4f} rho left.",
            )


def _quarantine(state: State, release: Release) -> Iterator[Sentence]:
    for leaf in _bodies(state, "rows_quarantined", release)[-1:]:
        rows = sum(sum(found.values()) for found in leaf["body"]["reasons"].values())
        yield True, f"{rows} row(s) of the delivery were set aside; the quarantine file lists them by line and reason."


def _coarse(rules: Rules) -> Iterator[Sentence]:
    coarse = [name for name, row in _planned(rules).items() if not row.useful]
    if coarse:
        yield False, f"Too coarse to be useful in public: {', '.join(coarse)}."


def _planned(rules: Rules) -> dict[str, PlanRow]:
    noise = rules.policy.public.noise
    return {} if noise is None else {row.table: row for row in plan(noise).rows}


def _errors(found: Found, rules: Rules) -> Table:
    table = narrow(f"Public tables:{SURE.replace(',', '')} they are", "table", "blank")
    table.add_column("")
    rows = _planned(rules)
    for name, blanks in found.blanks("public").items():
        words = rows[name].words.en.removesuffix(SURE) if name in rows else ""
        table.add_row(name, str(blanks), words)
    return table


def _budget(state: State, release: Release) -> Table:
    table = narrow("Budget (zCDP rho)", "population", "this release", "spent in all", "left", "of")
    mine = charged(state, release.id)
    for line in state.ledger().statement():
        if line.population in mine:
            numbers = (mine[line.population], line.spent, line.remaining, line.budget)
            table.add_row(f"{line.population} ({line.audience})", *(f"{number:.4f}" for number in numbers))
    return table
