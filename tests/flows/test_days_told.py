"""What the restricted note says of days between steps: quartiles with intervals from shown cells, and silence on a blank."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from flows.through_time import told_of_time
from schemas.catalogue import load_catalogue
from schemas.study import load_study, resource
from schemas.tables import ProtectedTable
from tabulation.spread import Spread

CATALOGUE = load_catalogue(resource("keten2015", "catalogue", "keten2015"), load_study("keten2015").years)
NAME = "keten2015_signaal"
COUNTS: tuple[int | None, ...] = (30, 40, 25, 5, 3, 4, 10, 20)  # taken and open by 0-30, 31-90, 91-365 and 366+ days
INTERVAL = r"(\d+) \((\d+)–(\d+)\)"


def told(counts: tuple[int | None, ...], spread: dict[str, Spread] | None = None) -> tuple[str, str]:
    shape = {item.name: tuple(item.categories or ()) for item in CATALOGUE.entry(NAME).dimensions}
    frame = pd.MultiIndex.from_product(shape.values(), names=list(shape)).to_frame(index=False)
    frame = frame.assign(aantal=pd.array(counts, dtype="Int64"), status="ok")
    table = ProtectedTable(NAME, "restricted", "suppressed", tuple(shape), shape, frame)
    ((_, words),) = told_of_time({NAME: table}, CATALOGUE, spread or {})
    return words.nl, words.en


def test_quartiles_stand_with_their_intervals_in_two_senses() -> None:
    dutch, english = told(COUNTS)
    parts = english.split("; ")
    assert parts[0].startswith("quartiles of those who took the step: ")
    assert parts[1].startswith(
        "quartiles had nobody been cut off by the end of the period, of those who take it within 366 days: "
    )
    for part in parts:
        found = [tuple(map(int, one)) for one in re.findall(INTERVAL, part)]
        assert len(found) == 3
        assert all(low <= day <= high for day, low, high in found)
        assert found[0][1] < found[0][2], "nobody knows a quartile of a hundred people to the day"
    assert dutch.split("; ")[1].startswith("kwartielen als niemand door het einde van de periode was afgekapt")


def test_a_quantile_in_the_last_band_has_no_end_and_few_people_have_no_quartiles() -> None:
    assert re.search(r"366 \(\d+ or more\)", told((10, 10, 10, 70, 0, 0, 0, 0))[1])
    few = told((10, 8, 7, 3, 0, 0, 0, 0))[1]
    assert few.startswith("median of those who took the step: ")
    assert told((5, 5, 5, 3, 0, 0, 0, 0))[1] == "too few people for a median"


def test_a_blank_among_those_who_took_it_says_nothing_and_one_among_the_others_only_what_was_taken() -> None:
    assert told((None, *COUNTS[1:]))[1] == "does not follow from what is shown"
    assert "cut off" not in told((*COUNTS[:4], None, *COUNTS[5:]))[1]


def test_doubt_about_links_widens_the_intervals() -> None:
    now = np.array(COUNTS, dtype=np.int64)
    drawn = np.stack([now + np.array([move, -move, 0, 0, 0, 0, 0, 0]) for move in (-15, -5, 5, 15)])
    sure, unsure = told(COUNTS)[1], told(COUNTS, {NAME: Spread(drawn.min(axis=0), drawn.max(axis=0), drawn)})[1]

    def widths(words: str) -> list[int]:
        return [int(high) - int(low) for _, low, high in re.findall(INTERVAL, words)]

    assert sum(widths(unsure)) > sum(widths(sure))
    assert all(after >= before for after, before in zip(widths(unsure), widths(sure), strict=True))
