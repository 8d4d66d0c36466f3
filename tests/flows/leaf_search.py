"""Whether a log says more than it may: every number explained, every word compared with the records, every digest tried.

Each search returns what it found as sentences; a clean log returns none. The tests plant leaks to see them found.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Leaf = dict[str, Any]
PLACE = ("seq", "v")


@dataclass(frozen=True)
class Knowledge:
    """What a stranger may know, by which every number has to be explained.

    blanks      (table, audience) -> blank cells in the published file.
    parameters  name -> values it has in the policy files, written before any register was read.
    budgets     rho of totals and of single charges, from the policies' closed forms.
    quarantine  register -> reason -> rows, as counted from the deliveries themselves.
    limits      shares of bad rows that the study files allow.
    """

    blanks: Mapping[tuple[str, str], int]
    parameters: Mapping[str, set[object]]
    budgets: Mapping[str, tuple[float, float]]
    quarantine: Mapping[str, Mapping[str, int]]
    limits: set[float]


def numbers(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number in a leaf with its path; a boolean is a bit, hence a number too."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from numbers(item, (*path, str(name)))
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item, path)
    elif isinstance(value, bool | int | float):
        yield path, value


def unexplained(leaves: Iterable[Leaf], known: Knowledge) -> list[str]:
    """Numbers that are not a sequence number, a blank count, a parameter, a budget or a quarantine count, checked one by one."""
    found, spent = [], dict[str, float]()
    for at, leaf in enumerate(leaves):
        for path, number in numbers(leaf):
            if not _explained(leaf, path, number, at, known):
                found.append(f"{leaf['kind']}: {'.'.join(path)}")
        if leaf["kind"] == "budget_charged":
            population = leaf["body"]["population"]
            spent[population] = spent.get(population, 0.0) + leaf["body"]["rho"]
    for population, rho in spent.items():
        if not np.isclose(rho, known.budgets[population][1], rtol=1e-6):
            found.append(f"charges on {population} are not what the policy prices")
    return found


def _explained(leaf: Leaf, path: tuple[str, ...], number: float, at: int, known: Knowledge) -> bool:
    kind, body = leaf["kind"], leaf["body"]
    match path:
        case ("v",):
            return number == 1
        case ("seq",):
            return number == at
        case ("body", "blanks") if kind == "table_protected":
            return known.blanks.get((body["table"], body["audience"])) == number
        case ("body", "rules", name) if kind == "table_protected":
            return number in known.parameters.get(name, set())
        case ("body", "parameters", name) if kind in ("links_made", "encoded"):
            return number in known.parameters.get(name, set())
        case ("body", "reasons", bron, reason) if kind == "rows_quarantined":
            return known.quarantine.get(bron, {}).get(reason) == number
        case ("body", "limit") if kind == "rows_quarantined":
            return number in known.limits
        case ("body", "rho" | "before") if kind == "budget_set":
            return bool(np.isclose(number, known.budgets[body["population"]][0], rtol=1e-6))
        case ("body", "rho") if kind == "budget_charged":
            return 0 < number <= known.budgets[body["population"]][1]
        case ("body", "certified") if kind == "attacked":
            return number == 1  # a refusal is another leaf: this bit is the same in every log
    return False


def words_of_records(leaves: Iterable[str], values: set[str]) -> list[str]:
    """Values of records that occur in the log's text, as words or, where they have five characters or more, anywhere."""
    text = "\n".join(leaves).lower()
    words = set(re.split(r"[^\w]+", text))
    return sorted(value for value in values if value in words or (len(value) > 4 and value in text))


def guessed_digests(leaves: Iterable[str], candidates: Iterable[bytes]) -> list[str]:
    """Plain SHA-256 digests of anything that can be guessed, which would confirm a guess."""
    digests = set(re.findall(r"[0-9a-f]{64}", "\n".join(leaves)))
    return sorted(digests & {hashlib.sha256(candidate).hexdigest() for candidate in candidates})


def own_numbers(leaves: Iterable[Leaf], tables: Iterable[str]) -> dict[str, set[float]]:
    """Per table every number of the leaves that name it, and all sums and differences of two of them."""
    single: dict[str, set[float]] = {table: set() for table in tables}
    for leaf in leaves:
        table = leaf["body"].get("table")
        if table in single:
            single[table] |= {n for path, n in numbers(leaf["body"]) if not isinstance(n, bool)}
    return {
        table: found | {s for a, b in itertools.product(found, repeat=2) for s in (a + b, abs(a - b))}
        for table, found in single.items()
    }


def better_than_chance(own: Mapping[str, set[float]], secret: Mapping[str, list[int]], seed: int = 6) -> float:
    """How often strangers' numbers match a table's secrets as well as its own do: a permutation test's p-value.

    secret  per table its suppressed values, and their sum.
    Every number that all tables share (rules) matches strangers alike, so only table-specific numbers count.
    """
    tables = sorted(set(own) & set(secret))
    hits = np.array([[len(own[a] & set(secret[b])) / len(set(secret[b])) for b in tables] for a in tables])
    observed = hits.trace()
    generator = np.random.Generator(np.random.PCG64(seed))
    order = [generator.permutation(len(tables)) for _ in range(2000)]
    chance = [hits[np.arange(len(tables)), shuffled].sum() for shuffled in order]
    return float((1 + sum(value >= observed for value in chance)) / (1 + len(chance)))
