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

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from recordlinkage.algorithms.nb_sklearn import ECM
from recordlinkage.classifiers import ECMClassifier
from sklearn.preprocessing import LabelBinarizer

from linkage.compare import Bits
from linkage.views import Index

# Winkler's starting point for exact agreement among matches, and the prior strength per level (Jeffreys).
START_M = 0.9
PRIOR = 0.5
# Share of the smaller register expected to be in the other one before anything is known.
START_SHARE = 0.5
MAX_ROUNDS = 200
TOLERANCE = 1e-6
SUBJECT = "subject"
# Odds beyond 2^200 are certain; the clip keeps them finite.
MAX_BITS = 200.0


@dataclass(frozen=True)
class Group:
    """One pair of registers: how many pairs it has, the smaller one's entities, and who has at most one partner.

    totals: per column the counts of levels over all its pairs. unique_left, unique_right: whether a record of that
    side can have at most one partner on the other side.
    """

    totals: list[Bits]
    pairs: int
    smaller: int
    unique_left: bool
    unique_right: bool


@dataclass(frozen=True)
class Patterns:
    """p distinct rows of levels (p, k) with their group (p,) and which columns go by frequency (p, k).

    of (n,): the pattern of each pair; frequency (n,): the sum of its log2 frequencies.
    """

    levels: NDArray[np.int8]
    group: Index
    by_frequency: NDArray[np.bool_]
    of: Index
    frequency: Bits


@dataclass(frozen=True)
class Evidence:
    """Candidate pairs of entities over all pairs of registers.

    levels (n, k) int; frequency (n, k) log2 of the shared value's frequency or nan; left, right: entity codes, unique
    over registers; group (n,): place in `groups`; floor (n,): log2 of the share of known non-matches that agree at
    least as much on everything but the number, -inf where none does.
    """

    columns: dict[str, tuple[str, ...]]
    levels: NDArray[np.int8]
    frequency: Bits
    left: Index
    right: Index
    group: Index
    groups: list[Group]
    floor: Bits

    @cached_property
    def patterns(self) -> Patterns:
        """The distinct rows of levels: the model computes with these, pairs only carry their frequencies."""
        # Levels decide which columns go by frequency, so group and levels together name a pattern.
        keys = self.group.copy()
        for column, names in enumerate(self.columns.values()):
            keys = keys * len(names) + self.levels[:, column]
        _, first, of = np.unique(keys, return_index=True, return_inverse=True)
        return Patterns(
            levels=self.levels[first],
            group=self.group[first],
            by_frequency=~np.isnan(self.frequency[first]),
            of=of.astype(np.int64),
            frequency=np.nansum(self.frequency, axis=1),
        )


@dataclass(frozen=True)
class Parameters:
    """Per group and column m and u over the levels of the column, and per group the share of its pairs that match."""

    m: list[list[Bits]]
    u: list[list[Bits]]
    share: Bits


def bounded(columns: Iterable[str]) -> list[int]:
    """Places of the columns that known non-matches bound: all but the number and the order of names."""
    return [place for place, name in enumerate(columns) if name != SUBJECT and not name.endswith("_order")]


def start(evidence: Evidence) -> Parameters:
    """Starting values: nothing is learnt, u is what all pairs show."""
    u = [[(t + PRIOR) / (t.sum() + PRIOR * len(t)) for t in group.totals] for group in evidence.groups]
    m = [[_with_missing(_start_m(len(levels) - 1), levels[0]) for levels in row] for row in u]
    share = np.array([START_SHARE * g.smaller / max(g.pairs, 1) for g in evidence.groups])
    return Parameters(m, u, np.clip(share, 1e-12, 0.5))


def _start_m(levels: int) -> Bits:
    """Exact agreement .9, the rest falling by half per level down; over the levels above missing."""
    if levels == 1:
        return np.ones(1)
    steps = 0.5 ** np.arange(levels - 1, 0, -1)
    return np.concatenate([steps / steps.sum() * (1 - START_M), [START_M]])


def _with_missing(present: Bits, missing: float) -> Bits:
    return np.concatenate([[missing], present * (1 - missing)])


def weights(evidence: Evidence, parameters: Parameters) -> NDArray[np.float64]:
    """Match weight in bits, shape (n, k + 1): per column, and last the correction for what non-matches share."""
    n, k = evidence.levels.shape
    log_m, log_u = np.empty((n, k)), np.empty((n, k))
    for place in range(len(evidence.groups)):
        rows = np.flatnonzero(evidence.group == place)
        for column in range(k):
            level = evidence.levels[rows, column]
            log_m[rows, column] = np.log2(parameters.m[place][column])[level]
            log_u[rows, column] = np.log2(parameters.u[place][column])[level]
    log_u = np.where(np.isnan(evidence.frequency), log_u, evidence.frequency)
    alike = np.minimum(log_u[:, bounded(evidence.columns)].sum(axis=1) - evidence.floor, 0.0)
    return np.column_stack([log_m - log_u, alike])


def total_bits(evidence: Evidence, parameters: Parameters) -> NDArray[np.float64]:
    """Posterior log2 odds of each pair by itself, shape (n,), finite; the sum of `weights` and the prior."""
    few = evidence.patterns
    log_m, log_u, free = (np.zeros(len(few.group)) for _ in range(3))
    limited = set(bounded(evidence.columns))
    for column in range(len(evidence.columns)):
        m, u = (np.log2(np.stack([row[column] for row in rows])) for rows in (parameters.m, parameters.u))
        level = few.levels[:, column]
        log_m += m[few.group, level]
        own = np.where(few.by_frequency[:, column], 0.0, u[few.group, level])
        if column in limited:
            log_u += own
        else:
            free += own
    prior = (np.log2(parameters.share) - np.log2(1 - parameters.share))[few.group]
    likely_other = np.maximum(log_u[few.of] + few.frequency, evidence.floor)
    bits: NDArray[np.float64] = np.clip((log_m - free + prior)[few.of] - likely_other, -MAX_BITS, MAX_BITS)
    return bits


def one_to_one(evidence: Evidence, bits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Posteriors when a record has at most one partner per register: o / (1 + row sum + column sum), own o once."""
    odds = np.exp2(bits)
    rivals = np.zeros(len(odds))
    for place, group in enumerate(evidence.groups):
        rows = np.flatnonzero(evidence.group == place)
        own = odds[rows]
        # A left record has one partner when the right register has one row per person, and the other way round.
        if group.unique_right:
            rivals[rows] += _sum_by(evidence.left[rows], own) - own
        if group.unique_left:
            rivals[rows] += _sum_by(evidence.right[rows], own) - own
    posterior: NDArray[np.float64] = odds / (1 + odds + rivals)
    return posterior


def _sum_by(codes: Index, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.bincount(codes, weights=values)[codes].astype(np.float64)


class LevelECM(ECM):
    """recordlinkage's ECM kernel with levels, term frequencies and one-to-one posteriors."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(init="levels", max_iter=MAX_ROUNDS, binarize=None, atol=TOLERANCE)
        self._evidence = evidence
        self.refused = ""
        self.rounds = 0

    def fit(self, X: NDArray[np.int8]) -> LevelECM:
        """Fit on the levels (n, k) of the evidence; `refused` says why a solution was refused, empty if it was not."""
        evidence = self._evidence
        if X.shape != evidence.levels.shape:
            raise ValueError("fit on the evidence that the classifier was made with")
        self.classes_ = np.array([0, 1])
        self._binarizers = [LabelBinarizer().fit(np.arange(len(names))) for names in evidence.columns.values()]
        first = start(evidence)
        solution = self._iterate(first)
        self.refused = degenerate(evidence, solution)
        self._keep(first if self.refused else solution)
        return self

    def _iterate(self, current: Parameters) -> Parameters:
        for self.rounds in range(1, MAX_ROUNDS + 1):
            posterior = one_to_one(self._evidence, total_bits(self._evidence, current))
            following = maximise(self._evidence, posterior)
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


def maximise(evidence: Evidence, posterior: NDArray[np.float64]) -> Parameters:
    """The M-step: m over present levels pooled over groups, the share of missing, u and the match share per group."""
    matched = [_expected_levels(evidence, posterior, place) for place in range(len(evidence.groups))]
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


def _expected_levels(evidence: Evidence, posterior: NDArray[np.float64], place: int) -> list[Bits]:
    few = evidence.patterns
    mass = np.bincount(few.of, weights=posterior, minlength=len(few.group))
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

    def __init__(self, evidence: Evidence) -> None:
        super().__init__()
        self._evidence = evidence
        self.kernel = LevelECM(evidence)

    def frame(self) -> pd.DataFrame:
        """The levels as the comparison vectors that `fit` and `prob` take, indexed by pairs of entities."""
        index = pd.MultiIndex.from_arrays([self._evidence.left, self._evidence.right], names=["left", "right"])
        return pd.DataFrame(self._evidence.levels, index=index, columns=list(self._evidence.columns))

    def _predict(self, features: NDArray[np.int8]) -> NDArray[np.int64]:
        return (self._prob_match(features) >= 0.5).astype(np.int64)

    def _prob_match(self, features: NDArray[np.int8]) -> NDArray[np.float64]:
        if features.shape != self._evidence.levels.shape:
            raise ValueError("probabilities are those of the evidence that the classifier was made with")
        return one_to_one(self._evidence, total_bits(self._evidence, self.kernel.parameters))
