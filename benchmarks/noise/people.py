"""Who the five attributes are benchmarked on.

The targets (an error of 0.95 at 1,800 people and of 1.02 at a million) are about the people of `wodc2020`: sex in 3
classes, age in 7, region in 5, five years and six routes are that study's own categories, and it counts 1,831 people.
Invented people who fill nearly every cell are the harder case, because non-negativity has less to win there.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from benchmarks.noise.study import exact, registers
from disclosure.noise import margins as five
from disclosure.noise.benchmark import Situation
from schemas.codelists import codes, region

_STUDY = "wodc2020"
_SCHEME = ("BEDENKTIJD", "B8", "B9")
_BANDS = (14, 17, 23, 30, 40, 150)
_INVENTED = 1_800
_MILLION = 1_000_000


@cache
def reference() -> dict[str, np.ndarray]:
    """Columns of the synthetic people of `wodc2020`: the route of the study's own table, and sex, age, region and year
    of their first procedure of the scheme.
    """
    study, attributes, persons = registers(_STUDY)
    routes = exact(_STUDY)["wodc2020_routes"]
    route = dict(zip(routes.micro["person_id"].tolist(), routes.micro["route"].tolist(), strict=True))
    place = {code: position for position, code in enumerate(routes.categories["route"])}
    people = dict(zip(persons["token"].to_pylist(), persons["person_id"].to_pylist(), strict=True))
    first: dict[int, dict[str, Any]] = {}
    rows = (row for row in attributes["IND"].to_pylist() if row["procedure"] in _SCHEME and row["datum_aanvraag"])
    for row in sorted(rows, key=lambda row: (row["datum_aanvraag"], row["token"])):
        if row["datum_aanvraag"].year in study.years:
            first.setdefault(people[row["token"]], row)
    kept = sorted(person for person in route if person in first)
    regions, sexes = region(_STUDY), codes("geslacht")
    return {
        "geslacht": _numbers(sexes.index(first[person]["geslacht"]) for person in kept),
        "leeftijd": _numbers(_band(first[person]["leeftijd"]) for person in kept),
        "regio": _numbers(codes(_STUDY).index(regions[str(first[person]["nationaliteit"])]) for person in kept),
        "jaar": _numbers(study.years.index(first[person]["datum_aanvraag"].year) for person in kept),
        "route": _numbers(place[route[person]] for person in kept),
    }


@cache
def situations() -> tuple[Situation, ...]:
    """The people of the study, a million drawn from them, and as many invented ones who fill the cells evenly."""
    people = reference()
    number = len(people["route"])
    drawn = np.random.Generator(np.random.PCG64(_MILLION)).integers(0, number, _MILLION)
    return (
        Situation(f"the {number:,} people of {_STUDY}", people, 0.95),
        Situation(f"{_MILLION:,} drawn from them", {name: column[drawn] for name, column in people.items()}, 1.02),
        Situation(f"{_INVENTED:,} invented, hardly an empty cell", five.invented(_INVENTED, seed=_INVENTED), 0.95),
        Situation(f"{_MILLION:,} invented, hardly an empty cell", five.invented(_MILLION, seed=_MILLION), 1.02),
    )


def _numbers(found: object) -> np.ndarray:
    return np.array(list(found), dtype=np.int64)  # type: ignore[call-overload]


def _band(age: object) -> int:
    return len(_BANDS) if age is None else int(np.searchsorted(_BANDS, int(str(age))))
