"""What proves a pattern safe, for the state store: intervals, which blanks are primary, bounds, and the attack's result."""

from __future__ import annotations

from typing import Any

import numpy as np

from disclosure.attack import Attack
from disclosure.suppress.choose import Choice
from disclosure.suppress.judge import secrets_of
from disclosure.suppress.problem import Insider, Objective
from disclosure.suppress.system import System, describe
from schemas.errors import DisclosureRefused

VERSION = 2

__all__ = ["VERSION", "certificate_of", "refuse_exposed", "secrets_of"]


def refuse_exposed(system: System, found: Attack) -> None:
    """DisclosureRefused (4) unless the attack found nothing and tried everything; names how many cells, and one of them."""
    if found.certified:
        return
    exposed = sorted({*found.outsider, *(cell for _, cell in found.insiders)})
    example = f", the first of which is {describe(system.keys[exposed[0]])}" if exposed else ""
    raise DisclosureRefused(
        f"The attacker works out {len(exposed)} small cell(s){example}, and {found.untried} question(s) stayed open; "
        "nothing was written: merge categories, or allow more time."
    )


def certificate_of(
    system: System, choice: Choice, found: Attack, objective: Objective, insider: Insider
) -> dict[str, Any]:
    """JSON-able: every blank that is published somewhere with the range that witnesses showed, and how good the pattern is.

    `insiders`: who alone, or which two, stand behind a blank, as numbers that mean nothing elsewhere, and how much they know it to
    be: what a review needs in order to attack as they would, and nothing else of the true values.
    """
    blanks = np.flatnonzero(choice.blank & ~system.hidden).tolist()
    return {
        "version": VERSION,
        "objective": objective,
        "insider": insider,
        "measure": choice.measure,
        "bound": choice.bound,
        "gap": choice.gap,
        "seconds": round(choice.seconds, 3),
        "attack": {
            "certified": found.certified, "outsider": len(found.outsider), "insiders": len(found.insiders),
            "untried": found.untried, "people": found.people, "witnesses": found.witnesses,
        },
        "blanks": [
            {
                "cell": describe(system.keys[cell]), "primary": bool(system.primary[cell]),
                "low": int(found.reach[cell, 0]), "high": int(found.reach[cell, 1]),
            }
            for cell in blanks
        ],
        "insiders": _insiders(system, choice, insider),
    }  # fmt: skip


def _insiders(system: System, choice: Choice, insider: Insider) -> list[dict[str, Any]]:
    most = {"none": 0, "person": 1, "pair": 2}[insider]
    numbers: dict[int, int] = {}
    found = []
    for cell in np.flatnonzero(choice.blank & (system.people >= 1) & (system.people <= most)).tolist():
        people = dict.fromkeys((int(system.first[cell]), int(system.last[cell])))
        who = [numbers.setdefault(person, len(numbers)) for person in people]
        found.append({"cell": describe(system.keys[cell]), "people": who, "units": int(system.values[cell])})
    return found
