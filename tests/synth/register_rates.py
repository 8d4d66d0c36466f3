"""How dirty registers are, measured against their true links: one ruler for the reference and for synthetic ones."""

from __future__ import annotations

import re
from collections import defaultdict
from difflib import SequenceMatcher

import pandas as pd
from anyascii import anyascii

from schemas.intake import Intake

KEYS = {"IND": "vnummer", "DTV": "d9_nummer", "IOM": "iom_nummer"}
Rates = dict[str, tuple[int, int]]


def frames(intake: Intake, true_links: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Canonical events per bron with the column `persoon`."""
    found = {}
    for bron, table in intake.registers.items():
        frame = table.to_pandas()
        own = true_links[true_links.bron == bron].set_index("sleutel").persoon
        frame["persoon"] = frame[KEYS[bron]].map(own)
        assert frame.persoon.notna().all(), f"{bron} has rows without truth"
        found[bron] = frame
    return found


def measure(registers: dict[str, pd.DataFrame]) -> dict[str, Rates]:
    """Per bron and kind of dirt (occurrences, chances), each row compared with its person's first row at the IND."""
    ind = registers["IND"]
    first = ind.drop_duplicates("persoon").set_index("persoon")
    compared = {"IND": ind[ind.persoon.duplicated()]}
    compared |= {bron: registers[bron][registers[bron].persoon.isin(first.index)] for bron in ("DTV", "IOM")}
    rates = {bron: _against(rows, first) for bron, rows in compared.items()}
    for bron in ("DTV", "IOM"):
        rows = registers[bron]
        rates[bron]["vnumber_missing"] = (int(rows.vnummer.isna().sum()), len(rows))
    return rates


def _against(rows: pd.DataFrame, first: pd.DataFrame) -> Rates:
    joined = rows.join(first, on="persoon", rsuffix="_eerst")
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    columns = ["achternaam", "voornamen", "achternaam_eerst", "voornamen_eerst"]
    for surname, given, surname_first, given_first in joined[columns].itertuples(index=False):
        _names(_tokens(surname), _tokens(given), _tokens(surname_first), _tokens(given_first), counts)
    born = joined.geboortedatum.notna() & joined.geboortedatum_eerst.notna()
    counts["birth"] = [int((joined.geboortedatum != joined.geboortedatum_eerst)[born].sum()), int(born.sum())]
    given = joined.vnummer.notna()
    counts["vnumber_wrong"] = [int((joined.vnummer != joined.vnummer_eerst)[given].sum()), int(given.sum())]
    return {name: (hits, chances) for name, (hits, chances) in counts.items()}


def _names(
    surname: list[str], given: list[str], surname_0: list[str], given_0: list[str], counts: dict[str, list[int]]
) -> None:
    straight = _likeness(surname, surname_0) + _likeness(given, given_0)
    crossed = _likeness(surname, given_0) + _likeness(given, surname_0)
    swapped = crossed > straight + 0.3
    if swapped:
        surname, given = given, surname
    for name, hits, chances in (
        ("swapped", swapped, 1),
        ("typo", sum(t not in surname_0 for t in surname) + sum(t not in given_0 for t in given), len(surname + given)),
        ("dropped_given", len(given) < len(given_0), len(given_0) > 1),
    ):
        counts[name][0] += int(hits)
        counts[name][1] += int(chances)


def _likeness(tokens: list[str], others: list[str]) -> float:
    if tokens == others:
        return 1.0
    return sum(max(SequenceMatcher(None, t, o).ratio() for o in others) for t in tokens) / len(tokens)


def _tokens(name: str) -> list[str]:
    return [t for t in re.split(r"[ \-]+", anyascii(name).lower()) if t]
