"""What two releases of a study differ in, and whether they disclose by difference.

Blanks of the restricted tables are attacked in both releases together (`flows.published`). The public tables carry
noise: what two of them give away together is what the ledger charged for both, which is stated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from disclosure.states import Release
from flows.family import editions, joint_catalogue, minded, shown_before
from flows.published import Edition, Tables, Verdict, Worked, attack_published
from flows.releases import Found, cells, locate
from flows.settings import Settings
from flows.state import State, open_state
from schemas.catalogue import Catalogue, load_catalogue
from schemas.errors import DisclosureRefused, UsageError
from schemas.policy import Policy, load_policy
from schemas.study import Study, load_study, resource, shipped_studies

SHOWN = 10


@dataclass(frozen=True)
class Rules:
    """The study's catalogue and policy as the files here say; `policy_digest` tells whether a release was made by them.

    joint  the catalogue of all that its audience may lay side by side: other studies of the same people included.
    """

    study_ref: str
    study: Study
    joint: Catalogue
    catalogue: Catalogue
    policy: Policy
    policy_digest: str

    @property
    def threshold(self) -> int:
        """Counts below it must not be known."""
        rules = self.policy.restricted.suppression
        return 1 if rules is None else rules.threshold

    @property
    def lower(self) -> int:
        """What a blank is known to be at least."""
        rules = self.policy.restricted.suppression
        return 1 if rules is not None and rules.zeros == "published" else 0


@dataclass(frozen=True)
class Change:
    """One table in two releases: its cells in the later one, blanks in both, and how cells differ."""

    table: str
    cells: int
    blank: int
    before: int | None
    went: int
    came: int
    changed: int
    slightly: int


def rules_of(state: State, release: Release, study_ref: str | None) -> Rules:
    """The rules of a release's study; `study_ref` names the file of a study that does not ship with the package."""
    if study_ref is None and release.study not in shipped_studies():
        raise UsageError(f"The study {release.study} does not ship with Schakel; name its file with --study.")
    ref = study_ref or release.study
    study = load_study(ref)
    if study.id != release.study:
        raise UsageError(f"{release.id} is of the study {release.study}, not of {study.id}; name its own with --study.")
    policy, digest = load_policy(resource(ref, "policies", study.policy))
    catalogue = load_catalogue(resource(ref, "catalogue", study.catalogue), study.years)
    return Rules(ref, study, joint_catalogue(catalogue, minded(state, ref, study)), catalogue, policy, digest)


def seen_before(state: State, release: Release, rules: Rules) -> list[tuple[Release, Tables]]:
    """What the restricted audience could see of these people before this release, in any study, oldest first."""
    return [*shown_before(state, rules.study_ref, rules.study, before=release.seq)]


def laid_together(earlier: Sequence[tuple[Release, Tables]], release: Release, tables: Tables) -> list[Edition]:
    """The editions that an attacker of `release` holds, what several studies showed of the same registers as one."""
    return [Edition(snapshot, found) for snapshot, found in editions([*earlier, (release, tables)])]


def certain_disclosures(state: State, found: Found, study_ref: str | None) -> int:
    """How many small counts this release gives away, alone or with earlier ones of the same registers."""
    release = found.release
    rules = rules_of(state, release, study_ref)
    same = [(known, shown) for known, shown in seen_before(state, release, rules) if known.snapshot == release.snapshot]
    verdict = attack_published(laid_together(same, release, found.tables("restricted")), rules.joint, lower=rules.lower)
    return len(verdict.small(rules.threshold)) + verdict.open


def compare(earlier: Tables, later: Tables, threshold: int) -> Iterator[Change]:
    """Table by table, in the order of the later release."""
    for name, table in later.items():
        now = cells(table)
        blanks = sum(count is None for count, _ in now.values())
        if name not in earlier:
            yield Change(name, len(now), blanks, None, 0, 0, 0, 0)
            continue
        was = cells(earlier[name])
        kinds: Counter[str] = Counter(
            _kind(was.get(codes, (0, ""))[0], now.get(codes, (0, ""))[0], threshold) for codes in {*was, *now}
        )
        blank_before = sum(count is None for count, _ in was.values())
        changed = kinds["changed"] + kinds["slightly"]
        yield Change(name, len(now), blanks, blank_before, kinds["went"], kinds["came"], changed, kinds["slightly"])


def _kind(was: int | None, now: int | None, threshold: int) -> str:
    if was is None or now is None:
        return "same" if was is now else ("went" if now is None else "came")
    if was == now:
        return "same"
    return "slightly" if abs(now - was) < threshold else "changed"


def print_difference(settings: Settings, ref_a: str, ref_b: str, study_ref: str | None) -> None:
    """Print what differs between two releases; DisclosureRefused (4) afterwards where both together give a small count away."""
    with open_state(settings) as state:
        first, second = sorted((locate(state, ref_a), locate(state, ref_b)), key=lambda found: found.release.seq)
        if first.release.study != second.release.study:
            raise UsageError("The two releases are of different studies; nothing in them can be compared.")
        rules = rules_of(state, second.release, study_ref)
        console = Console(soft_wrap=False, highlight=False)
        tables = first.tables("restricted"), second.tables("restricted")
        shown = [Edition(found.release.snapshot, part) for found, part in zip((first, second), tables, strict=True)]
        alone = [attack_published([edition], rules.catalogue, lower=rules.lower) for edition in shown]
        both = attack_published(shown, rules.catalogue, lower=rules.lower)
        small = _by_difference(both, alone, rules.threshold)
        console.print(f"[bold]{first.release.id} -> {second.release.id}[/bold]")
        for line in _findings(first, second, both, small, rules, state):
            console.print(line)
        changes = list(compare(*tables, rules.threshold))
        different = [row for row in changes if row.before is None or row.went or row.came or row.changed]
        if different:
            console.print(change_table(different, "Restricted tables that differ", beside=True))
        else:
            console.print("The restricted tables are the same, cell by cell.")
        gone = sorted(set(tables[0]) - set(tables[1]))
        if gone:
            console.print(f"Tables that only the earlier one has: {', '.join(gone)}")
        for line in _code_lists(*tables):
            console.print(line)
    if small or both.open:
        raise DisclosureRefused(
            f"Published together, {first.release.id} and {second.release.id} give {len(small) + both.open} small count(s) "
            "away by difference; withdraw neither in haste (what was seen stays seen), and do not approve the second."
        )


def _by_difference(both: Verdict, alone: Sequence[Verdict], threshold: int) -> list[Worked]:
    """Small counts that fall only when the two are laid together."""
    known = {(at, w.table, w.codes) for at, verdict in enumerate(alone) for w in verdict.worked}
    return [w for w in both.small(threshold) if (w.edition, w.table, w.codes) not in known]


def _findings(
    first: Found, second: Found, both: Verdict, small: list[Worked], rules: Rules, state: State
) -> Iterator[str]:
    if not both.possible:
        yield "! The printed totals cannot all be true: releases of the same registers contradict each other."
    for found in small[:SHOWN]:
        yield f"! {found.table}: {', '.join(found.codes)} is blank in one and falls by difference"
    if len(small) > SHOWN:
        yield f"! ... and {len(small) - SHOWN} more"
    if not small and not both.open:
        yield f"No small count falls when both are laid together ({both.blanks} blanks attacked; outsiders only)."
    same = first.release.snapshot == second.release.snapshot
    yield (
        "Registers: the same."
        if same
        else (
            f"Registers: other ones; blanks must differ by {both.changed} in all, and the attacker believed no more than that."
        )
    )
    yield "Policy: the same." if first.release.policy == second.release.policy else "Policy: another one."
    yield from _rule_changes(state, first.release.id, second.release.id)
    yield from _charges(state, first.release.id, second.release.id)


def _rule_changes(state: State, first: str, second: str) -> Iterator[str]:
    """Parameters that differ, from the leaves of both."""
    before, after = (_rules_logged(state, release) for release in (first, second))
    lines: Counter[str] = Counter()
    for where in before.keys() & after.keys():
        for name in {*before[where], *after[where]}:
            old, new = before[where].get(name), after[where].get(name)
            if old != new:
                lines[f"{where[1]}: {name} {old} -> {new}"] += 1
    for line, tables in sorted(lines.items()):
        yield f"  rule, {line} ({tables} table(s))"


def _rules_logged(state: State, release: str) -> dict[tuple[str, str], dict[str, object]]:
    found: dict[tuple[str, str], dict[str, object]] = {}
    for leaf in state.leaves(kind="table_protected", release=release):
        body = leaf["body"]
        if isinstance(body, dict):
            found[body["table"], body["audience"]] = {"regime": body["regime"], **body["rules"]}
    return found


def _charges(state: State, first: str, second: str) -> Iterator[str]:
    spent = [charged(state, release) for release in (first, second)]
    text = "; ".join(
        f"{population} rho {spent[0].get(population, 0.0):.4f} and {spent[1].get(population, 0.0):.4f}"
        for population in sorted({*spent[0], *spent[1]})
    )
    yield f"Public tables: noise, safe together as far as both were charged ({text or 'nothing was charged'})."


def charged(state: State, release: str) -> dict[str, float]:
    """What a release charged, in rho by population; a draw used again was charged by the release that drew it."""
    found: dict[str, float] = {}
    for leaf in state.leaves(kind="budget_charged", release=release):
        body = leaf["body"]
        if isinstance(body, dict):
            found[body["population"]] = found.get(body["population"], 0.0) + body["rho"]
    return found


def change_table(changes: Sequence[Change], title: str, *, beside: bool) -> Table:
    """Narrow enough for 80 columns; tables that lost most first, tables without blanks or changes left out.

    beside  whether there is another release beside them. `few`: cells that differ by less than the threshold.
    """
    table = narrow(title, "table", "cells", "blank", *(("was", "went", "back", "other", "few") if beside else ()))
    for row in sorted(changes, key=lambda row: (-row.went, -row.blank)):
        if unremarkable(row):
            continue
        against = (row.before, row.went, row.came, row.changed, row.slightly)
        others = ["new" if number is None else str(number) for number in against] if beside else []
        table.add_row(row.table, str(row.cells), str(row.blank), *others)
    return table


def unremarkable(row: Change) -> bool:
    """No blank now or before, nothing changed."""
    return not (row.blank or row.before or row.went or row.came or row.changed)


def narrow(title: str, first: str, *numbers: str) -> Table:
    """A table of numbers for a terminal of 80 columns."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False, collapse_padding=True)
    table.add_column(first, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _code_lists(before: Tables, after: Tables) -> Iterator[str]:
    """Categories that only one of the two lists, per table and dimension."""
    for name in after.keys() & before.keys():
        for dimension in after[name].dimensions:
            old, new = (
                {str(code) for code in tables[name].categories.get(dimension, ())} for tables in (before, after)
            )
            if old - new:
                yield f"{name}, {dimension}: no longer {', '.join(sorted(old - new))}"
            if new - old:
                yield f"{name}, {dimension}: now also {', '.join(sorted(new - old))}"
