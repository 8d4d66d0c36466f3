"""What can be known about errors without the truth: two counts that need no model of what errors look like.

Precision. Pairs inside a register with one row per person are known non-matches, twins and namesakes included. A row
whose person is *not* in that register meets it as one of its own people would with himself left out. So the number of
such pairs per person that the model would link, times the rows that are free, is the number of false links to expect.
Recall. Links by number are a sample of true pairs that were found without looking at names. The share of them that the
model links with the number taken away is its recall for rows without one, if rows without a number are written like
rows with one: an assumption, stated wherever the number is. Neither is fitted, so neither flatters the model; the
model's own posteriors do (they covered the truth in 36 % and 0 % of repetitions when tried).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from linkage.model import SUBJECT, Evidence, Parameters, one_to_one, total_bits
from linkage.views import Index

LEVEL = 0.95


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


def recall_without_number(
    evidence: Evidence, parameters: Parameters, by_number: NDArray[np.bool_], threshold: float
) -> Estimate | None:
    """Share of the pairs linked by number, `by_number` (n,), that are linked without it. None where there are none."""
    if not by_number.any():
        return None
    blind = evidence.levels.copy()
    blind[by_number, list(evidence.columns).index(SUBJECT)] = 0
    unseen = replace(evidence, levels=blind)
    posterior = one_to_one(unseen, total_bits(unseen, parameters))
    return share(int((posterior[by_number] >= threshold).sum()), int(by_number.sum()))


@dataclass(frozen=True)
class Precision:
    """Expected false links among `links`, and the precision that follows, with its 95 % interval."""

    links: int
    false_links: float
    precision: float
    low: float
    high: float


def precision(decoy_links: int, decoys: int, free: int, links: int) -> Precision:
    """From `decoy_links` false links among `decoys` known strangers to those among `free` rows without a partner.

    The interval adds the uncertainty of the rate (Jeffreys gamma) and the chance of the free rows themselves
    (Poisson): a negative binomial.
    """
    rate = decoy_links / decoys if decoys else 0.0
    expected = rate * free
    if not decoys or not free or not links:
        return Precision(links, expected, 1 - expected / max(links, 1), 0.0 if not decoys else 1.0, 1.0)
    shape, success = decoy_links + 0.5, decoys / (decoys + free)
    few, many = stats.nbinom.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], shape, success)
    worst, best = max(0.0, 1 - many / links), max(0.0, 1 - few / links)
    return Precision(links, expected, max(0.0, 1 - expected / links), float(worst), float(best))


def strangers_linked(bits: NDArray[np.float64], left: Index, right: Index) -> int:
    """Number of people with a stranger of their own register that the model would link them to (bits at least 0)."""
    hits = bits >= 0
    return len(np.unique(np.concatenate([left[hits], right[hits]])))


def as_dict(part: Estimate | Precision | None) -> dict[str, float] | None:
    """For the quality record and the report."""
    return None if part is None else asdict(part)
