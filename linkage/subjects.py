"""Deterministic links: equal pseudonyms of the V-number, while the encodings can be those of one person.

The rule has no fitted parameter, on purpose. Public tables with differential privacy need links that depend on a
person's own rows alone (sensitivity 1), and a threshold fitted on everybody's rows would break that. The rule is compiled;
`linkage.subjects_plain` is the plain twin.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.compare import CLOSE_NAME
from linkage.levels import dice_of
from linkage.views import Index, Views, Words


def plausible(a: Views, b: Views, ia: Index, ib: Index) -> NDArray[np.bool_]:
    """Whether views `a[ia]` and `b[ib]` can be one person: the names are alike, and the birth dates do not differ.

    Names: in either order at least one name field is close and the other not foreign to it is not asked, because
    people drop names. Birth: of the parts known on both sides at most one differs, day and month may have changed
    places. Sex is not asked: a wrong code is commoner than a wrong person who passes the other two.
    """
    names = [_names_of(side) for side in (a, b)]
    alike: NDArray[np.bool_] = _names_alike(*names[0], *names[1], ia, ib, CLOSE_NAME)
    alike &= _births_alike(_birth_of(a), _birth_of(b), ia, ib)
    return alike


def _names_of(side: Views) -> tuple[Words, Words, Words, Words]:
    """Parts and filters of surnames, and of first names."""
    surname, given = ((side.words[f"{name}_t"], side.words[f"{name}_f"]) for name in ("surname", "given"))
    return *surname, *given


def _birth_of(side: Views) -> Words:
    """Keyed year, month and day, shape (v, 3), 0 where missing."""
    return np.column_stack([side.words[f"{name}_h"][:, 0] for name in ("year", "month", "day")])


@njit(nogil=True, cache=True)
def _share_a_part(a: Words, b: Words, i: int, j: int) -> bool:
    for s in range(a.shape[1]):
        for r in range(b.shape[1]):
            if a[i, s] != 0 and a[i, s] == b[j, r]:
                return True
    return False


@njit(nogil=True, cache=True)
def _names_alike(
    surname_a: Words, surname_filter_a: Words, given_a: Words, given_filter_a: Words, surname_b: Words,
    surname_filter_b: Words, given_b: Words, given_filter_b: Words, ia: Index, ib: Index, close: float,
) -> NDArray[np.bool_]:  # fmt: skip
    """A part shared, or filters close, in either order; who has no names on one side is like everybody."""
    out = np.zeros(len(ia), np.bool_)
    for p in range(len(ia)):
        i, j = ia[p], ib[p]
        asked = alike = False
        for parts_a, filters_a in ((surname_a, surname_filter_a), (given_a, given_filter_a)):
            for parts_b, filters_b in ((surname_b, surname_filter_b), (given_b, given_filter_b)):
                if not alike and parts_a[i, 0] != 0 and parts_b[j, 0] != 0:
                    asked = True
                    alike = _share_a_part(parts_a, parts_b, i, j) or dice_of(filters_a, filters_b, i, j) >= close
        out[p] = alike or not asked
    return out


@njit(nogil=True, cache=True)
def _births_alike(a: Words, b: Words, ia: Index, ib: Index) -> NDArray[np.bool_]:
    out = np.zeros(len(ia), np.bool_)
    for p in range(len(ia)):
        i, j = ia[p], ib[p]
        differing = 0
        for part in range(3):
            differing += a[i, part] != 0 and b[j, part] != 0 and a[i, part] != b[j, part]
        swapped = a[i, 0] == b[j, 0] and a[i, 1] == b[j, 2] and a[i, 2] == b[j, 1]
        out[p] = differing <= 1 or swapped
    return out
