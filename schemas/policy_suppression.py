"""The suppressed regime of one audience: which cells are primary, and against whom a pattern of blanks must hold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.toml import Strict


class SuppressionPolicy(Strict):
    """Parameters of `docs/suppression.md`.

    threshold      counts from 1 to `threshold` - 1 are primary (minimum frequency rule; Hundepool et al. 2012, 4.2).
    zeros          published: a zero is printed, so every blank is known to be at least 1; protected: zeros are primary too.
    minimum_n      means and standard deviations of fewer people are blank.
    protect_down, protect_up  the outsider's range must contain [v - down, v + up].
    insider        who the attacker may be besides an outsider: each person alone in some cells, or each two people.
    objective      blank the least value, or the fewest cells.
    time_limit     seconds to look for a cheaper safe pattern.
    """

    threshold: int = Field(default=5, ge=2)
    zeros: Literal["published", "protected"] = "published"
    minimum_n: int = Field(default=5, ge=2)
    protect_down: int = Field(default=1, ge=0)
    protect_up: int = Field(default=1, ge=0)
    insider: Literal["none", "person", "pair"] = "person"
    objective: Literal["value", "cells"] = "value"
    time_limit: float = Field(default=15.0, gt=0)
