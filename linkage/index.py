"""Which pairs are compared: recordlinkage index algorithms over encodings.

Small register pairs are compared in full, because every rule loses matches and a computer compares a million pairs in a
second. Larger ones go through blocks of equal keyed values. Block sizes are predicted before a pair is made, so that a
skewed block (half a register born on 1 January) can neither hang nor fill the memory.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from recordlinkage.base import BaseIndexAlgorithm

from linkage.kernel import dice_pairs
from linkage.views import Index, Views

# Up to here all pairs are compared: a second or two, and nothing is lost.
FULL_PAIRS = 4_000_000
# Up to here the kernel looks at all record-level encodings, some ten seconds of one core; above, blocks alone.
KERNEL_PAIRS = 5_000_000_000
# Dice of record-level encodings from which a pair is a candidate: two edits in names and birth date keep about .7.
SIMILAR = 0.7
# A block that would make more pairs than this is left to the other blocking rules.
BLOCK_PAIRS = 20_000


class _OverViews(BaseIndexAlgorithm):
    """An index over the views of two registers; the frames only carry their row numbers as index."""

    def __init__(self, a: Views, b: Views) -> None:
        super().__init__()
        self._a, self._b = a, b

    def _link_index(self, df_a: pd.DataFrame, df_b: pd.DataFrame) -> pd.MultiIndex:
        left, right = self.pairs()
        return pd.MultiIndex.from_arrays([df_a.index.to_numpy()[left], df_b.index.to_numpy()[right]])

    def pairs(self) -> tuple[Index, Index]:
        """Row numbers left and right."""
        raise NotImplementedError


class AllPairs(_OverViews):
    """The full cross product."""

    def pairs(self) -> tuple[Index, Index]:
        """Every view left with every view right."""
        size_a, size_b = len(self._a.entity), len(self._b.entity)
        return np.repeat(np.arange(size_a), size_b), np.tile(np.arange(size_b), size_a)


class EqualKeys(_OverViews):
    """Pairs that agree on all of `keys` (columns of the views); blocks above `limit` pairs are skipped and counted."""

    def __init__(self, a: Views, b: Views, keys: tuple[str, ...], limit: int = BLOCK_PAIRS) -> None:
        super().__init__(a, b)
        self._keys, self._limit = keys, limit
        self.skipped_pairs = 0

    def pairs(self) -> tuple[Index, Index]:
        """Pairs within blocks, from block sizes that are known before any pair is made."""
        codes_a, codes_b = _block_codes(self._a, self._b, self._keys)
        order_a, order_b = np.argsort(codes_a, kind="stable"), np.argsort(codes_b, kind="stable")
        size = int(max(codes_a.max(initial=-1), codes_b.max(initial=-1))) + 1
        count_a = np.bincount(codes_a[codes_a >= 0], minlength=size)
        count_b = np.bincount(codes_b[codes_b >= 0], minlength=size)
        predicted = count_a * count_b
        self.skipped_pairs = int(predicted[predicted > self._limit].sum())
        keep = np.flatnonzero((predicted > 0) & (predicted <= self._limit))
        start_a = np.searchsorted(codes_a[order_a], keep)
        start_b = np.searchsorted(codes_b[order_b], keep)
        block = np.repeat(np.arange(len(keep)), predicted[keep])
        within = np.arange(len(block)) - np.repeat(np.cumsum(predicted[keep]) - predicted[keep], predicted[keep])
        width = count_b[keep][block]
        return order_a[start_a[block] + within // width], order_b[start_b[block] + within % width]


def _block_codes(a: Views, b: Views, keys: tuple[str, ...]) -> tuple[Index, Index]:
    """Codes of the combined key, -1 where a part is missing."""
    present = [np.ones(len(side.entity), dtype=bool) for side in (a, b)]
    stacked = []
    for key in keys:
        words = np.vstack([a.words[key], b.words[key]])
        stacked.append(words)
        for place, side in enumerate((a, b)):
            present[place] &= side.words[key].any(axis=1)
    _, codes = np.unique(np.hstack(stacked), axis=0, return_inverse=True)
    codes = np.where(np.concatenate(present), codes.ravel(), -1)
    return codes[: len(a.entity)], codes[len(a.entity) :]


class SimilarRecords(_OverViews):
    """Pairs whose record-level encodings have Dice of at least `threshold`: exact, over all pairs."""

    def __init__(self, a: Views, b: Views, threshold: float) -> None:
        super().__init__(a, b)
        self._threshold = threshold

    def pairs(self) -> tuple[Index, Index]:
        """Pairs in order of rows."""
        return dice_pairs(self._a.words["record_f"], self._b.words["record_f"], self._threshold)


def same_subject(a: Views, b: Views) -> tuple[Index, Index]:
    """Pairs of views with the same pseudonym; a number that a whole register shares still gives only these pairs."""
    frame_a = pd.DataFrame({"subject": a.subject, "left": np.arange(len(a.subject))})
    frame_b = pd.DataFrame({"subject": b.subject, "right": np.arange(len(b.subject))})
    joined = frame_a[frame_a["subject"] >= 0].merge(frame_b, on="subject")
    return joined["left"].to_numpy(np.int64), joined["right"].to_numpy(np.int64)
