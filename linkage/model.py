"""Fellegi-Sunter by EM, inside recordlinkage's `ECMClassifier`.

What is added to recordlinkage's ECM, and why (plain ECM finds a wrong class on files with few matches):

* more than two levels per field, missing as a level of its own;
* m starts at .9 for exact agreement, keeps a Dirichlet prior of .5 per level around that start, and is shared by all
  pairs of registers; u starts as the level frequencies of all pairs, and each round as those minus expected matches;
* term frequencies: exact agreement on a rare value counts more, in the E-step as well (Winkler, 1989);
* posteriors are normalised one-to-one, o / (1 + the other candidates of either record), because a record of a register
  with one row per person has at most one partner: look-alikes share one match instead of each becoming one;
* fields depend on each other (twins share surname and birth date, names follow nationality). Pairs inside a register
  with one row per person are known non-matches, so how often such pairs agree at least as much bounds u from below;
* a solution that contradicts what a match is (agreement must speak for it, there cannot be more matches than records)
  is refused, and the start is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from recordlinkage.algorithms.nb_sklearn import ECM
from recordlinkage.classifiers import ECMClassifier
from sklearn.preprocessing import LabelBinarizer

from linkage.compare import Bits
from linkage.expectation import Expectation, Odds, one_to_one
from linkage.patterns import Columns, Evidence, Group, bounded, by_value
from schemas.engine import Engine, LocalEngine

# Winkler's starting point for exact agreement among matches, and the prior strength per level (Jeffreys).
START_M = 0.9
PRIOR = 0.5
# Share of the smaller register expected to be in the other one before anything is known.
START_SHARE = 0.5
MAX_ROUNDS = 200
TOLERANCE = 1e-6
LOCAL = LocalEngine()


@dataclass(frozen=True)
class Parameters:
    """Per group and column m and u over the levels of the column, and per group the share of its pairs that match."""

    m: list[list[Bits]]
    u: list[list[Bits]]
    share: Bits


def start(groups: list[Group]) -> Parameters:
    """Starting values: nothing is learnt, u is what all pairs show."""
    u = [[(t + PRIOR) / (t.sum() + PRIOR * len(t)) for t in group.totals] for group in groups]
    m = [[_with_missing(_start_m(len(levels) - 1), levels[0]) for levels in row] for row in u]
    share = np.array([START_SHARE * g.smaller / max(g.pairs, 1) for g in groups])
    return Parameters(m, u, np.clip(share, 1e-12, 0.5))


def gains(columns: Columns, parameters: Parameters, place: int) -> list[Bits]:
    """Bits per column and level for a group, the prior with the first column; frequencies and floors come on top."""
    out = []
    for m, u, shared in zip(parameters.m[place], parameters.u[place], by_value(columns), strict=True):
        log_u = np.log2(u)
        log_u[shared] = 0.0
        out.append(np.log2(m) - log_u)
    out[0] = out[0] + prior_bits(parameters)[place]
    return out


def prior_bits(parameters: Parameters) -> Bits:
    """Log2 odds of a match per group before anything is compared."""
    odds: Bits = np.log2(parameters.share) - np.log2(1 - parameters.share)
    return odds


def _start_m(levels: int) -> Bits:
    """Exact agreement .9, the rest falling by half per level down; over the levels above missing."""
    if levels == 1:
        return np.ones(1)
    steps = 0.5 ** np.arange(levels - 1, 0, -1)
    return np.concatenate([steps / steps.sum() * (1 - START_M), [START_M]])


def _with_missing(present: Bits, missing: float) -> Bits:
    return np.concatenate([[missing], present * (1 - missing)])


def weights(
    columns: Columns, levels: NDArray[np.int8], frequency: Bits, floor: Bits, place: int, parameters: Parameters
) -> Bits:
    """Match weight of n pairs of one group in bits, shape (n, k + 1): per column, and last the correction for what
    non-matches share. levels, frequency (n, k), the latter nan where no value is shared; floor (n,).
    """
    log_m = np.column_stack([np.log2(m)[levels[:, c]] for c, m in enumerate(parameters.m[place])])
    log_u = np.column_stack([np.log2(u)[levels[:, c]] for c, u in enumerate(parameters.u[place])])
    log_u = np.where(np.isnan(frequency), log_u, frequency)
    alike = np.minimum(log_u[:, bounded(columns)].sum(axis=1) - floor, 0.0)
    return np.column_stack([log_m - log_u, alike])


def odds_under(evidence: Evidence, parameters: Parameters) -> Odds:
    """What the parameters make of the patterns of the evidence."""
    few = evidence.patterns
    log_m, log_u, free = (np.zeros(len(few.group)) for _ in range(3))
    limited = set(bounded(evidence.columns))
    by_frequency = few.by_frequency(evidence.columns)
    for column in range(len(evidence.columns)):
        m, u = (np.log2(np.stack([row[column] for row in rows])) for rows in (parameters.m, parameters.u))
        level = few.levels[:, column]
        log_m += m[few.group, level]
        own = np.where(by_frequency[:, column], 0.0, u[few.group, level])
        if column in limited:
            log_u += own
        else:
            free += own
    return Odds(log_m - free + prior_bits(parameters)[few.group], log_u, few.floor)


def total_bits(evidence: Evidence, parameters: Parameters) -> Bits:
    """Posterior log2 odds of each pair by itself, shape (n,), finite; the sum of `weights` and the prior."""
    return odds_under(evidence, parameters).bits(evidence.of, evidence.frequency)


def posteriors(evidence: Evidence, bits: Bits) -> Bits:
    """One-to-one posteriors of all pairs (n,)."""
    parts = [
        one_to_one(bits[rows], evidence.left[rows], evidence.right[rows], group)
        for group, rows in ((group, evidence.rows(place)) for place, group in enumerate(evidence.groups))
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


class LevelECM(ECM):
    """recordlinkage's ECM kernel with levels, term frequencies and one-to-one posteriors."""

    def __init__(self, evidence: Evidence, engine: Engine = LOCAL) -> None:
        super().__init__(init="levels", max_iter=MAX_ROUNDS, binarize=None, atol=TOLERANCE)
        self._evidence, self._engine = evidence, engine
        self.refused = ""
        self.rounds = 0

    def fit(self, X: NDArray[np.int8]) -> LevelECM:
        """Fit on the levels (n, k) of the evidence; `refused` says why a solution was refused, empty if it was not."""
        if X.shape != (len(self._evidence), len(self._evidence.columns)):
            raise ValueError("fit on the evidence that the classifier was made with")
        return self.learn()

    def learn(self) -> LevelECM:
        """`fit` without levels of pairs at hand: the evidence has their patterns."""
        evidence = self._evidence
        self.classes_ = np.array([0, 1])
        self._binarizers = [LabelBinarizer().fit(np.arange(len(names))) for names in evidence.columns.values()]
        first = start(evidence.groups)
        solution = self._iterate(first)
        self.refused = degenerate(evidence, solution)
        self._keep(first if self.refused else solution)
        return self

    def _iterate(self, current: Parameters) -> Parameters:
        expectation = Expectation(self._evidence, self._engine)
        for self.rounds in range(1, MAX_ROUNDS + 1):
            following = maximise(self._evidence, expectation.mass(odds_under(self._evidence, current)))
            step = max(np.abs(new - old).max() for new, old in zip(_flat(following), _flat(current), strict=True))
            current = following
            if step < TOLERANCE:
                break
        return current

    def _keep(self, parameters: Parameters) -> None:
        self.parameters = parameters
        pairs = np.array([group.pairs for group in self._evidence.groups], dtype=float)
        share = float((parameters.share * pairs).sum() / pairs.sum())
        self.class_log_prior_ = np.log([1 - share, share])
        u, m = (
            np.average([np.concatenate(row) for row in rows], axis=0, weights=weight)
            for rows, weight in ((parameters.u, pairs), (parameters.m, pairs * parameters.share))
        )
        self.feature_log_prob_ = np.log(np.stack([u, m]))


def _flat(parameters: Parameters) -> list[Bits]:
    return [levels for row in parameters.m for levels in row]


def maximise(evidence: Evidence, mass: Bits) -> Parameters:
    """The M-step, from the expected matches of each pattern (p,): m over present levels pooled over groups, the share of
    missing, u and the match share per group.
    """
    matched = [_expected_levels(evidence, mass, place) for place in range(len(evidence.groups))]
    pooled = []
    for column in range(len(evidence.columns)):
        counts = np.sum([rows[column][1:] for rows in matched], axis=0)
        present = counts + PRIOR * len(counts) * _start_m(len(counts))
        pooled.append(present / present.sum())
    m, u, share = [], [], []
    for group, rows in zip(evidence.groups, matched, strict=True):
        rest = [np.maximum(total - row, 0) + PRIOR for total, row in zip(group.totals, rows, strict=True)]
        u.append([levels / levels.sum() for levels in rest])
        # Missing is thought as frequent among matches as among all pairs until ten matches say otherwise.
        missing = [(row[0] + 10 * levels[0]) / (row.sum() + 10) for row, levels in zip(rows, u[-1], strict=True)]
        m.append([_with_missing(levels, part) for levels, part in zip(pooled, missing, strict=True)])
        share.append(np.clip(max(rows[0].sum(), PRIOR) / max(group.pairs, 1), 1e-12, 0.5))
    return Parameters(m, u, np.array(share))


def _expected_levels(evidence: Evidence, mass: Bits, place: int) -> list[Bits]:
    few = evidence.patterns
    rows = np.flatnonzero(few.group == place)
    return [
        np.bincount(few.levels[rows, column], weights=mass[rows], minlength=len(names)).astype(np.float64)
        for column, names in enumerate(evidence.columns.values())
    ]


def degenerate(evidence: Evidence, parameters: Parameters) -> str:
    """Why a solution cannot be a match class, or an empty string."""
    for place, group in enumerate(evidence.groups):
        if parameters.share[place] * group.pairs > group.smaller * 1.05 + 1 and (
            group.unique_left and group.unique_right
        ):
            return "more matches than records"
        for name, m, u in zip(evidence.columns, parameters.m[place], parameters.u[place], strict=True):
            if len(m) > 2 and not name.endswith("_order") and m[-1] * u[1] < m[1] * u[-1]:
                return f"agreement on {name} speaks against a match"
    return ""


class LevelClassifier(ECMClassifier):
    """recordlinkage's `ECMClassifier` with the kernel above; `prob` gives one-to-one posteriors of the evidence."""

    def __init__(self, evidence: Evidence, engine: Engine = LOCAL) -> None:
        super().__init__()
        self._evidence = evidence
        self.kernel = LevelECM(evidence, engine)

    def frame(self) -> pd.DataFrame:
        """The levels as the comparison vectors that `fit` and `prob` take, indexed by pairs of entities."""
        index = pd.MultiIndex.from_arrays([self._evidence.left, self._evidence.right], names=["left", "right"])
        return pd.DataFrame(self._evidence.levels, index=index, columns=list(self._evidence.columns))

    def _predict(self, features: NDArray[np.int8]) -> NDArray[np.int64]:
        return (self._prob_match(features) >= 0.5).astype(np.int64)

    def _prob_match(self, features: NDArray[np.int8]) -> NDArray[np.float64]:
        if features.shape != (len(self._evidence), len(self._evidence.columns)):
            raise ValueError("probabilities are those of the evidence that the classifier was made with")
        return posteriors(self._evidence, total_bits(self._evidence, self.kernel.parameters))
