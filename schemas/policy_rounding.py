"""The rounded regime of one audience: no blanks, every count a multiple of the base, tables that still add up."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.toml import Strict


class RoundingPolicy(Strict):
    """Parameters of `disclosure.rounding`.

    base        every count becomes one of the two nearest multiples of it (Cox, JASA 82, 1987: controlled rounding).
    threshold   counts from 1 to `threshold` - 1 are what the attacker must not determine.
    minimum_n   means of fewer people are left out: from 10 on, every n goes with every mean of one decimal.
    insider     who the attacker may be besides an outsider: each person alone in some cells, or each two people.
    time_limit  seconds to look for the least change.
    """

    base: Literal[3, 5] = 5
    threshold: int = Field(default=5, ge=2)
    minimum_n: int = Field(default=10, ge=10)
    insider: Literal["none", "person", "pair"] = "person"
    time_limit: float = Field(default=15.0, gt=0)
