"""What an encoding costs: F1 of whole records alone, without numbers, at the threshold that the truth would choose."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.attacks.encodings import ENCODINGS, Matrix, similarities
from benchmarks.attacks.people import Index, people_of
from benchmarks.attacks.suite import OWNER


def f1_scores(folder: Path, people: int, encodings: tuple[str, ...], seed: int) -> dict[str, float]:
    """Per encoding the F1 between an IND register and a DT&V register of which most people are in both.

    Reference dirt, invented people, written to the new folder `folder` on the way.
    """
    import pandas as pd

    from schemas.intake import read_registers
    from schemas.study import load_study
    from schemas.synth import PRESETS, Population, synthesise

    synthesise(folder, people=people, seed=seed, dirt=PRESETS["reference"], population=Population(dtv=0.4))
    registers = read_registers(load_study("nr2015"), folder).registers
    truth = pd.read_csv(folder / "true_links.csv", dtype=str).set_index(["bron", "sleutel"])["persoon"]
    sides = {}
    for bron, key in (("IND", "vnummer"), ("DTV", "d9_nummer")):
        keys = list(dict.fromkeys(registers[bron].column(key).to_pylist()))
        sides[bron] = (people_of(registers[bron], key), truth.loc[[(bron, k) for k in keys]].to_numpy())
    (left, left_who), (right, right_who) = sides["DTV"], sides["IND"]
    place = {person: spot for spot, person in enumerate(right_who)}
    partner = np.array([place.get(person, -1) for person in left_who], dtype=np.int64)
    return {
        name: _best_f1(similarities(ENCODINGS[name](left, OWNER), ENCODINGS[name](right, OWNER)), partner)
        for name in encodings
    }


def _best_f1(similarity: Matrix, partner: Index) -> float:
    """Each row links to its most similar candidate, the surest first, each candidate once; the best cut of that list."""
    best = similarity.argmax(axis=1)
    score = similarity.max(axis=1)
    order = np.argsort(-score, kind="stable")
    seen: set[int] = set()
    right = total = 0
    highest = 0.0
    true = int((partner >= 0).sum())
    for row in order.tolist():
        candidate = int(best[row])
        if candidate in seen:
            continue
        seen.add(candidate)
        total += 1
        right += int(candidate == partner[row])
        highest = max(highest, 2 * right / (total + true))
    return highest
