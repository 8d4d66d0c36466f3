"""Lists that depend on each other in a known way: what multiple systems estimation is tried on.

A log-linear model over who is on which of three lists: each list's chance for somebody on no other, and an odds ratio per pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Literal

import numpy as np
from pydantic import Field

from schemas.synth.dirt import Population
from schemas.toml import Strict

LISTS = 3
_HISTORIES = np.array(list(product((0, 1), repeat=LISTS)), dtype=bool)


class Lists(Strict):
    """`ind`, `dtv`, `iom`: the chance of each list for people on neither other; 1 in an odds ratio is independence."""

    ind: float = Field(ge=0, lt=1)
    dtv: float = Field(ge=0, lt=1)
    iom: float = Field(ge=0, lt=1)
    ind_dtv: float = Field(default=1.0, gt=0)
    ind_iom: float = Field(default=1.0, gt=0)
    dtv_iom: float = Field(default=1.0, gt=0)

    def probabilities(self) -> np.ndarray:
        """The chance of each of the eight histories (IND, DT&V, IOM), the unseen ones first."""
        weight = np.ones(len(_HISTORIES))
        for place, chance in enumerate((self.ind, self.dtv, self.iom)):
            weight[_HISTORIES[:, place]] *= chance / (1 - chance)
        for (one, other), ratio in zip(
            ((0, 1), (0, 2), (1, 2)), (self.ind_dtv, self.ind_iom, self.dtv_iom), strict=True
        ):
            weight[_HISTORIES[:, one] & _HISTORIES[:, other]] *= ratio
        shares: np.ndarray = weight / weight.sum()
        return shares

    def draw(self, people: int, generator: np.random.Generator) -> np.ndarray:
        """Who is on which list (bool, people x 3); people on none are there too."""
        counts = generator.multinomial(people, self.probabilities())
        return np.repeat(_HISTORIES, counts, axis=0)

    def population(self) -> Population:
        """The knobs of `synthesise` that give registers with these lists, unseen people included."""
        cell = dict(zip(map(tuple, _HISTORIES.astype(int).tolist()), self.probabilities().tolist(), strict=True))
        dtv = sum(p for h, p in cell.items() if h[1])
        both = cell[0, 1, 1] + cell[1, 1, 1]
        alone = cell[0, 0, 1] + cell[1, 0, 1]
        neither = cell[0, 0, 0] + cell[1, 0, 0]
        return Population(
            dtv=dtv,
            iom=both + alone,
            dtv_iom=_share(both, dtv),
            dtv_known=_share(cell[1, 1, 0], cell[1, 1, 0] + cell[0, 1, 0]),
            iom_known=_share(cell[1, 0, 1], alone),
            both_known=_share(cell[1, 1, 1], both),
            unseen=_share(cell[0, 0, 0], neither),
        )


def withdraw(people: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Who is on which list (bool, people x 3) once this share of the people on all three is taken off the first for it."""
    changed = people.copy()
    changed[people.all(axis=1) & (generator.random(len(people)) < share), 0] = False
    return changed


ListPreset = Literal["independent", "attracting", "avoiding", "two-pairs", "all-pairs", "thin"]
LISTS_OF: Mapping[ListPreset, Lists] = {
    "independent": Lists(ind=0.5, dtv=0.2, iom=0.15),
    "attracting": Lists(ind=0.5, dtv=0.2, iom=0.15, ind_dtv=2.7),
    "avoiding": Lists(ind=0.5, dtv=0.25, iom=0.2, dtv_iom=0.4),
    "two-pairs": Lists(ind=0.5, dtv=0.2, iom=0.15, ind_dtv=2.7, ind_iom=0.6),
    "all-pairs": Lists(ind=0.4, dtv=0.15, iom=0.12, ind_dtv=1.8, ind_iom=1.8, dtv_iom=1.8),
    "thin": Lists(ind=0.5, dtv=0.06, iom=0.05, dtv_iom=0.3),
}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
