"""The plain twin of `linkage.subjects`, a pair at a time: slow, obvious, and the oracle of its tests."""

from __future__ import annotations

from linkage.compare import CLOSE_NAME
from linkage.views import Views, Words


def plausible(a: Views, b: Views, i: int, j: int) -> bool:
    """Whether view `i` of `a` and view `j` of `b` can be one person."""
    names = [(fa, fb) for fa in ("surname", "given") for fb in ("surname", "given")]
    asked = [(fa, fb) for fa, fb in names if a.present(fa)[i] and b.present(fb)[j]]
    alike = not asked or any(_alike(a, b, i, j, fa, fb) for fa, fb in asked)
    born = {field: (int(a.words[f"{field}_h"][i, 0]), int(b.words[f"{field}_h"][j, 0])) for field in _DATE}
    differing = sum(x != y for x, y in born.values() if x and y)
    (year, year_b), (month, month_b), (day, day_b) = (born[field] for field in _DATE)
    return alike and (differing <= 1 or (month == day_b and day == month_b and year == year_b))


_DATE = ("year", "month", "day")


def _alike(a: Views, b: Views, i: int, j: int, fa: str, fb: str) -> bool:
    shared = {int(part) for part in a.words[f"{fa}_t"][i]} & {int(part) for part in b.words[f"{fb}_t"][j]}
    x, y = _bits(a.words[f"{fa}_f"][i]), _bits(b.words[f"{fb}_f"][j])
    return bool(shared - {0}) or 2 * (x & y).bit_count() / max(x.bit_count() + y.bit_count(), 1) >= CLOSE_NAME


def _bits(words: Words) -> int:
    return int.from_bytes(words.tobytes(), "little")
