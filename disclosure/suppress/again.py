"""A printed release attacked again with its certificate: insiders and every earlier edition included, true values not.

The files say what is printed, the certificate which blanks are small and who alone knows which of them. Whole numbers are put into
the blanks that fit all of that; a small cell is undetermined when another such table exists, and for that any starting point that
fits what the attacker knows is as good as the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from disclosure.attack import Attack, attack
from disclosure.suppress.certificate import VERSION
from disclosure.suppress.history import lay_beside
from disclosure.suppress.judge import secrets_of
from disclosure.suppress.printed import Edition, Wish, fit, read_edition
from disclosure.suppress.system import System, SystemBuilder, describe
from schemas.catalogue import Catalogue
from schemas.errors import IntegrityError
from schemas.policy_suppression import SuppressionPolicy
from schemas.tables import ProtectedTable

__all__ = ["Again", "attack_again", "can_attack_again"]


@dataclass(frozen=True)
class Again:
    """What came of it: the attack, the names of the cells that it exposes, and ids of earlier tables not laid beside it."""

    found: Attack
    exposed: tuple[str, ...]
    primaries: int
    apart: tuple[str, ...]


def can_attack_again(certificate: Mapping[str, Any]) -> bool:
    """Whether a certificate says enough; those of the first version name no insiders."""
    return bool(certificate.get("version") == VERSION)


def attack_again(
    tables: Mapping[str, ProtectedTable],
    earlier: Sequence[Mapping[str, ProtectedTable]],
    catalogue: Catalogue,
    rules: SuppressionPolicy,
    certificate: Mapping[str, Any],
    alongside: Mapping[str, ProtectedTable] | None = None,
) -> Again:
    """Attack what an audience sees in `tables` and saw in `earlier`, oldest first.

    alongside: tables of other studies that were shown of the same registers; they hang together with these cell by cell.
    IntegrityError (6) where the certificate is of other blanks than those printed; DisclosureRefused (4) where no numbers fit.
    """
    listed = {entry.id for entry in catalogue.entries}
    beside = [read_edition(shown, catalogue, rules) for shown in earlier if listed & set(shown)]
    mine = read_edition({**(alongside or {}), **tables}, catalogue, rules)
    own = {at for name in tables for at in mine.work.layout.get(name, ())}
    named = {describe(key): at for at, key in enumerate(mine.keys)}
    if {blank["cell"] for blank in certificate["blanks"]} - named.keys() or len(certificate["blanks"]) != len(
        mine.blank & own
    ):
        raise IntegrityError("The certificate is of other blanks than those printed; verify the release.")
    known = {named[item["cell"]]: int(item["units"]) for item in certificate["insiders"] if item["cell"] in named}
    wishes = [wish for number, edition in enumerate(beside) for wish in _unchanged(number, edition, mine, len(beside))]
    middle = [(named[b["cell"]], (b["low"] + b["high"]) // 2) for b in certificate["blanks"]]
    fit([*beside, mine], wishes or [Wish(0, at, value=value) for at, value in middle], [*({} for _ in beside), known])
    cells = mine.work.cells
    for at in mine.shown:
        cells.fixed[at] = True
    now = {key: (at, cells.values[at]) for key, at in cells.index.items()}
    for number, edition in enumerate(beside):
        lay_beside(cells, edition, number, now, rules)
    system = _peopled(cells, certificate, named)
    found = attack(secrets_of(system), ~system.fixed, insider=certificate["insider"], down=0, up=0)
    hit = sorted({*found.outsider, *(cell for _, cell in (*found.insiders, *found.open))})
    apart = sorted({name for shown in earlier for name in shown} - listed)
    return Again(found, tuple(describe(system.keys[at]) for at in hit), int(system.primary.sum()), tuple(apart))


def _unchanged(number: int, edition: Edition, mine: Edition, last: int) -> list[Wish]:
    """What one of the two prints blank is believed to be what it is in the other."""
    place = mine.work.cells.index
    found = []
    for at, key in enumerate(edition.keys):
        other = place.get(key, -1)
        if at in edition.blank and other in mine.blank:
            found.append(Wish(number, at, (last, other)))
        elif at in edition.blank:
            found.append(Wish(number, at, value=mine.shown.get(other, 0)))
        elif at in edition.shown and other in mine.blank:
            found.append(Wish(last, other, value=edition.shown[at]))
    return found


def _peopled(cells: SystemBuilder, certificate: Mapping[str, Any], named: Mapping[str, int]) -> System:
    """The system with the certificate's small cells as primaries and its numbered people behind the cells they know."""
    cells.primary = {named[blank["cell"]] for blank in certificate["blanks"] if blank["primary"]}
    cells.people = [(0, -1, -1)] * len(cells.values)
    for item in certificate["insiders"]:
        if item["cell"] in named:
            cells.people[named[item["cell"]]] = (len(item["people"]), min(item["people"]), max(item["people"]))
    system = cells.build()
    assert not np.any(system.equations @ system.values)
    return system
