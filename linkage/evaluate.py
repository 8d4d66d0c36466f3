"""What can be known about errors without the truth: counts that need no model of what errors look like.

False links, of a record without a partner. Pairs inside a register with one row per person are known strangers, twins
and namesakes included. A row whose person is *not* in that register meets it as one of its own people would with himself
left out. So the share of its people whom the model would link to a stranger, times the rows that are free, is the number
of false links to expect. Where no register has one row per person, decoys (`linkage.decoys`) are the strangers.
A false link can make several pairs within persons false (`linkage.joined`).
False links, of a record with a partner, and recall. Links by number are a sample of true pairs that were found without
looking at names. They are judged again with the number taken away, and with another number in its place: the model
finds the partner, somebody else, or nobody. This holds for the other rows if they are written like rows with a number:
an assumption, stated wherever the estimates are. Files without numbers have `linkage.tail`.

Intervals are quantiles of draws of all rates (Jeffreys posteriors) and of the errors themselves. Nothing is fitted, so
nothing flatters the model; the model's own posteriors do (they covered the truth in 36 % and 0 % of repetitions when
tried). Twins whose numbers were also mixed up, and matches that look like strangers, are invisible to every estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from linkage.joined import Joined
from linkage.views import Codes

LEVEL = 0.95
DRAWS = 2000
BORROWED = 0.25
# The draws estimate, they protect nobody: the same links give the same estimates.
SEED = 19631963
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A share with its 95 % interval, and the two counts it rests on."""

    estimate: float
    low: float
    high: float
    counted: int
    out_of: int


def share(counted: int, out_of: int) -> Estimate:
    """Binomial share with the Jeffreys interval (Brown, Cai and DasGupta, 2001), which keeps its level near 0 and 1."""
    low, high = stats.beta.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], counted + 0.5, out_of - counted + 0.5)
    low = 0.0 if counted == 0 else float(low)
    high = 1.0 if counted == out_of else float(high)
    return Estimate(counted / out_of if out_of else float("nan"), low, high, counted, out_of)


@dataclass(frozen=True)
class Blind:
    """Links by number judged without it: `asked` links, `found` again, and `wrong`: somebody else was linked instead."""

    asked: float
    found: float
    wrong: float

    @property
    def recall(self) -> Estimate:
        """Share found."""
        return share(int(self.found), int(self.asked))


def together(parts: Sequence[Blind], place: int | None = None) -> Blind:
    """The links by number of all pairs of registers; for one pair (`place`) those of others count for BORROWED each.

    Registers are written in different hands, so links of others say something about a pair, and less than its own
    (a power prior: Ibrahim and Chen, 2000).
    """
    weight = [1.0 if place is None or place == other else BORROWED for other in range(len(parts))]
    asked, found, wrong = (
        sum(w * getattr(part, name) for w, part in zip(weight, parts, strict=True))
        for name in ("asked", "found", "wrong")
    )
    return Blind(asked, found, wrong)


@dataclass(frozen=True)
class Strangers:
    """`hits` of `asked` people or decoys have a stranger that the model links, one in `times` ways on average."""

    hits: int
    asked: int
    times: float = 1.0


@dataclass(frozen=True)
class Situation:
    """One pair of registers: its links, how many of them by number and between different numbers, the rows that a stranger
    could be linked to (free ones, and all), and the persons that the links make.
    """

    links: int
    by_number: int
    differ: int
    free: float
    rows: float
    persons: Joined


@dataclass(frozen=True)
class Errors:
    """Pairs of records within persons, how many of them are expected to be false, and precision and recall of these pairs
    with their 95 % intervals; recall is nan where nothing tells.
    """

    links: int
    false_links: float
    precision: float
    precision_low: float
    precision_high: float
    recall: float = float("nan")
    recall_low: float = 0.0
    recall_high: float = 1.0


def errors(
    here: Situation, strangers: Strangers, missing: Blind, differs: Blind, missed: Floats | None = None
) -> Errors:
    """The errors of one pair of registers.

    missing, differs: links by number judged with the number away, and with another in its place, over all registers.
    missed (DRAWS,): draws of missed links where no number tells (`linkage.tail`). A false link is drawn among the free
    rows; for the lower end of precision among all rows, because which rows had a partner is what nobody knows.
    """
    generator = np.random.Generator(np.random.PCG64(SEED))
    fuzzy = max(here.links - here.by_number, 0)
    rate = generator.gamma(strangers.hits + 0.5, 1 / max(strangers.asked, 1), DRAWS) * strangers.times
    wrong = generator.beta(missing.wrong + 0.5, missing.asked - missing.wrong + 0.5, DRAWS) if missing.asked else 0.0
    swapped = generator.binomial(fuzzy, wrong, DRAWS)
    likely, most = (
        np.minimum(generator.poisson(rate * rows) + swapped, fuzzy) for rows in (here.free, max(here.rows, here.free))
    )
    pairs = here.persons.pairs
    if not pairs:
        return Errors(0, 0.0, 1.0, 0.0, 1.0)
    false, most_false = (here.persons.spread(links, generator) for links in (likely, most))
    expected = min(float((rate * here.free).mean() + np.mean(wrong) * fuzzy) * here.persons.per_link, pairs)
    low = 0.0 if not strangers.asked and not missing.asked and fuzzy else _ends(1 - most_false / pairs)[0]
    middle = 1 - expected / pairs
    found = Errors(pairs, expected, middle, min(low, middle), max(_ends(1 - false / pairs)[1], middle))
    if missed is None and missing.asked:
        right = 1 - likely / max(fuzzy, 1)
        missed = _missed(here.differ, right, differs, generator) + _missed(
            fuzzy - here.differ, right, missing, generator
        )
    if missed is None:
        return found
    true = pairs - false
    recall = true / np.maximum(true + missed, 1)
    return Errors(**(asdict(found) | {"recall": float(recall.mean())} | _named(_ends(recall))))


def _missed(linked: int, right: Floats, blind: Blind, generator: np.random.Generator) -> Floats:
    """Draws of missed links beside `linked` found ones of which a share `right` is true; a half stands in for none."""
    recall = generator.beta(blind.found + 0.5, blind.asked - blind.found + 0.5, DRAWS)
    return generator.negative_binomial(np.maximum(linked * right, 0.5), np.clip(recall, 1e-6, 1.0)).astype(np.float64)


def _ends(draws: Floats) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _named(ends: tuple[float, float]) -> dict[str, float]:
    return {"recall_low": ends[0], "recall_high": ends[1]}


def strangers_linked(bits: Floats, left: Codes, right: Codes) -> int:
    """Number of people with a stranger of their own register that the model would link them to (bits at least 0)."""
    hits = bits >= 0
    return len(np.unique(np.concatenate([left[hits], right[hits]])))


def as_dict(part: Estimate | None) -> dict[str, float] | None:
    """For the quality record and the report."""
    return None if part is None else asdict(part)


def described(found: Errors) -> dict[str, object]:
    """`links`, `false_links`, and precision and recall with their intervals, for the quality record."""
    precision = {"estimate": found.precision, "low": found.precision_low, "high": found.precision_high}
    recall = {"estimate": found.recall, "low": found.recall_low, "high": found.recall_high}
    out: dict[str, object] = {"links": found.links, "false_links": found.false_links, "precision": precision}
    return out if np.isnan(found.recall) else out | {"recall": recall}
