"""The suite: every attack on every encoding in every scene, each beside what guessing gets right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.attacks import counting
from benchmarks.attacks.encodings import ENCODINGS, FLIPS, similarities
from benchmarks.attacks.graph import match
from benchmarks.attacks.patterns import by_patterns
from benchmarks.attacks.people import Index, People, Scene, scene
from benchmarks.attacks.salts import by_salts
from linkage.bloom import value_hash
from linkage.keys import StudyKeys

SCENES = ("equal", "containing", "overlapping")
KNOWN = (0.0, 0.1, 0.3)
HANDED_OVER = "dual2+blip"
# The other encodings are there to compare: on equal lists, without known pairs and with most; plain CLK on all lists,
# because an attacker who failed there would say nothing.
ENDS = (0.0, 0.3)
EVERYWHERE = ("clk", HANDED_OVER)
OWNER = StudyKeys(b"the owners' key, not the attack's"[:32], "attack")
ATTACKER = StudyKeys(b"a key that the attacker made up!"[:32], "attack")


@dataclass(frozen=True)
class Outcome:
    """One attack. right: share of the rows that are on the list, known pairs apart, named rightly; guessing: the share
    that a guess among the candidates gets right; rows: how many rows that is.
    """

    encoding: str
    attack: str
    scene: str
    known: float
    clear: bool
    rows: int
    right: float
    guessing: float


def run(people: People, size: int, encodings: tuple[str, ...], seed: int, *, clear: bool) -> Iterator[Outcome]:
    """Every attack of the suite on `encodings`; `size` people on the list. clear: also with columns left in clear."""
    for name in SCENES:
        setting = scene(name, people, size, seed)
        for encoding in encodings:
            if name == "equal" or encoding in EVERYWHERE:
                yield from _on(setting, encoding, seed, clear=clear and name == "equal")
        yield _field_frequency(setting, seed)


def run_salts(people: People, size: int, encoding: str, seed: int) -> Iterator[Outcome]:
    """The attack on salts alone, on one salted encoding: the one that a population can help."""
    for name in SCENES:
        setting = scene(name, people, size, seed)
        register = ENCODINGS[encoding](setting.register, OWNER)
        for given, pairs in _given(setting, KNOWN, np.random.Generator(np.random.PCG64(seed))):
            place = by_salts(register, setting.listed, FLIPS[encoding], pairs)
            yield _outcome(setting, encoding, "salts", place, given, None)


def _given(
    setting: Scene, shares: tuple[float, ...], generator: np.random.Generator
) -> Iterator[tuple[Index, dict[int, int]]]:
    """Known pairs drawn among the register rows that are on the list: the rows, and row -> place."""
    on_list = np.flatnonzero(setting.truth >= 0)
    for share in shares:
        given = generator.choice(on_list, int(share * len(on_list)), replace=False)
        yield given, {int(row): int(setting.truth[row]) for row in given}


def pooled(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Outcomes of repeated draws of a scene as one, over all their rows, in order of first appearance."""
    groups: dict[tuple[object, ...], list[Outcome]] = {}
    for o in outcomes:
        groups.setdefault((o.encoding, o.attack, o.scene, o.known, o.clear), []).append(o)
    return [
        replace(
            same[0],
            rows=sum(o.rows for o in same),
            right=sum(o.right * o.rows for o in same) / sum(o.rows for o in same),
            guessing=sum(o.guessing * o.rows for o in same) / sum(o.rows for o in same),
        )
        for same in groups.values()
    ]


def _on(setting: Scene, encoding: str, seed: int, *, clear: bool) -> Iterator[Outcome]:
    encode = ENCODINGS[encoding]
    register, listed = encode(setting.register, OWNER), encode(setting.listed, ATTACKER)
    generator = np.random.Generator(np.random.PCG64(seed))
    nobody = np.zeros(0, dtype=np.int64)
    for attack, place in (
        ("frequency", counting.by_frequency(register, listed, generator)),
        ("patterns", by_patterns(register, setting.listed, generator)),
    ):
        yield _outcome(setting, encoding, attack, place, nobody, None)
    mine, theirs = similarities(register, register), similarities(listed, listed)
    for given, pairs in _given(setting, KNOWN if encoding == HANDED_OVER else ENDS, generator):
        # Encodings without a salt are dense graphs.
        for sparse in (False, True) if encoding in FLIPS else (False,):
            place = match(mine, theirs, pairs, sparse=sparse)
            yield _outcome(setting, encoding, f"graph{' (sparse)' if sparse else ''}", place, given, None)
        if encoding in FLIPS:
            place = by_salts(register, setting.listed, FLIPS[encoding], pairs)
            yield _outcome(setting, encoding, "salts", place, given, None)
    if clear:
        allowed = _same(setting)
        yield _outcome(setting, encoding, "graph", match(mine, theirs, None, allowed), nobody, allowed)
        if encoding in FLIPS:
            place = by_salts(register, setting.listed, FLIPS[encoding], None, allowed)
            yield _outcome(setting, encoding, "salts", place, nobody, allowed)


def _same(setting: Scene) -> NDArray[np.bool_]:
    """Register rows and list rows that agree on the columns left in clear."""
    codes: dict[tuple[str, ...], int] = {}
    mine, theirs = (
        np.array([codes.setdefault(row, len(codes)) for row in side.clear()])
        for side in (setting.register, setting.listed)
    )
    same: NDArray[np.bool_] = mine[:, None] == theirs[None, :]
    return same


def _outcome(
    setting: Scene, encoding: str, attack: str, place: Index, given: Index, allowed: NDArray[np.bool_] | None
) -> Outcome:
    on_list = np.flatnonzero(setting.truth >= 0)
    rows = np.setdiff1d(on_list, given)
    if allowed is None:
        guessing = 1 / max(len(setting.listed) - len(given), 1)
    else:
        guessing = float((1 / np.maximum(allowed[rows].sum(axis=1), 1)).mean())
    right = float((place[rows] == setting.truth[rows]).mean())
    known = round(len(given) / max(len(on_list), 1), 1)
    return Outcome(encoding, attack, setting.name, known, allowed is not None, len(rows), right, guessing)


def _field_frequency(setting: Scene, seed: int) -> Outcome:
    """Counting on field encodings, which profile `single-site` keeps in memory and nobody ever hands over."""
    generator = np.random.Generator(np.random.PCG64(seed))
    key = OWNER.derive("value", "attack")
    hashes = [[value_hash(key, text) for text in texts] for texts in setting.register.columns.values()]
    place = counting.by_field_frequency(hashes, list(setting.listed.columns.values()), generator)
    return _outcome(setting, "fields", "frequency", place, np.zeros(0, dtype=np.int64), None)
