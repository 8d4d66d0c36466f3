"""Deterministic links: equal pseudonyms of the V-number, while the encodings can be those of one person.

The rule has no fitted parameter, on purpose. Public tables with differential privacy need links that depend on a
person's own rows alone (sensitivity 1), and a threshold fitted on everybody's rows would break that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.compare import CLOSE_NAME, dice
from linkage.views import Index, Views


def plausible(a: Views, b: Views, ia: Index, ib: Index) -> NDArray[np.bool_]:
    """Whether views `a[ia]` and `b[ib]` can be one person: the names are alike, and the birth dates do not differ.

    Names: in either order at least one name field is close and the other not foreign to it is not asked, because
    people drop names. Birth: of the parts known on both sides at most one differs, day and month may have changed
    places. Sex is not asked: a wrong code is commoner than a wrong person who passes the other two.
    """
    return _names_alike(a, b, ia, ib) & _births_alike(a, b, ia, ib)


def _names_alike(a: Views, b: Views, ia: Index, ib: Index) -> NDArray[np.bool_]:
    alike = np.zeros(len(ia), dtype=bool)
    comparable = np.zeros(len(ia), dtype=bool)
    for fa in ("surname", "given"):
        for fb in ("surname", "given"):
            both = a.present[fa][ia] & b.present[fb][ib]
            left, right = a.words[f"{fa}_t"][ia], b.words[f"{fb}_t"][ib]
            shared = ((left[:, :, None] == right[:, None, :]) & (left != 0)[:, :, None]).any(axis=(1, 2))
            close = dice(a.words[f"{fa}_f"][ia], b.words[f"{fb}_f"][ib]) >= CLOSE_NAME
            comparable |= both
            alike |= both & (shared | close)
    return alike | ~comparable


def _births_alike(a: Views, b: Views, ia: Index, ib: Index) -> NDArray[np.bool_]:
    differing = np.zeros(len(ia), dtype=np.int64)
    for field in ("year", "month", "day"):
        both = a.present[field][ia] & b.present[field][ib]
        differing += both & (a.words[f"{field}_h"][ia, 0] != b.words[f"{field}_h"][ib, 0])
    swapped = (a.words["month_h"][ia, 0] == b.words["day_h"][ib, 0]) & (
        a.words["day_h"][ia, 0] == b.words["month_h"][ib, 0]
    )
    same_year = a.words["year_h"][ia, 0] == b.words["year_h"][ib, 0]
    alike: NDArray[np.bool_] = (differing <= 1) | (swapped & same_year)
    return alike
