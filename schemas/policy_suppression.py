"""The suppressed regime of one audience: which cells are primary, and against whom a pattern of blanks must hold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.toml import Strict


class Dominance(Strict):
    """(n,k) rule: primary when the `n` largest contributors have more than `k` per cent (Hundepool et al. 2012, 4.2)."""

    n: int = Field(ge=1)
    k: float = Field(gt=0, lt=100)


class GroupDisclosure(Strict):
    """A `variable` of which nothing may be learned about a whole group: that all fall in one of its categories, or nobody does.

    categories  of the tables' dimension that matter; empty: all of them.
    nobody      whether "nobody" is protected too; some zeros are then blank, so no blank is known to be at least 1.
    """

    variable: str = Field(min_length=1)
    categories: tuple[str, ...] = ()
    nobody: bool = True


class Keep(Strict):
    """Cells that readers need most: a blank there costs `weight` times what it otherwise would.

    variable    empty: every cell that is the sum of others; otherwise rows with one of the `categories` of that variable.
    categories  empty: the last category of each table, which of years is the newest.
    """

    weight: float = Field(ge=1, le=1000)
    variable: str = ""
    categories: tuple[str, ...] = ()


class SuppressionPolicy(Strict):
    """Parameters of `docs/suppression.md`; the rules themselves are in `disclosure.rules`.

    threshold      counts from 1 to `threshold` - 1 are primary (minimum frequency rule; Hundepool et al. 2012, chapter 5).
    zeros          published: a zero is printed, so every blank is known to be at least 1; protected: zeros are primary too.
    group_disclosure  variables of which nothing may be learned about a whole group.
    dominance, p_percent  rules on what single contributors add: units of a person who returns, years in tables of means.
    minimum_n      means and standard deviations of fewer people are blank.
    differences    published: two printed counts of nested groups may differ by few people; protected: then one of them is blank.
    corrections    what somebody who saw an earlier edition believes that a corrected cell differs by at most, either way.
    protect_down, protect_up  the outsider's range must contain [v - down, v + up].
    insider        who the attacker may be besides an outsider: each person alone in some cells, or each two people.
    objective      blank the least value, or the fewest cells.
    keep           cells that count for more in either objective: totals, the newest year.
    time_limit     seconds to look for a cheaper safe pattern.
    """

    threshold: int = Field(default=5, ge=2)
    zeros: Literal["published", "protected"] = "published"
    group_disclosure: tuple[GroupDisclosure, ...] = ()
    dominance: Dominance | None = None
    p_percent: float | None = Field(default=None, gt=0, le=100)
    minimum_n: int = Field(default=5, ge=2)
    differences: Literal["published", "protected"] = "published"
    corrections: int = Field(default=5, ge=1)
    protect_down: int = Field(default=1, ge=0)
    protect_up: int = Field(default=1, ge=0)
    insider: Literal["none", "person", "pair"] = "person"
    objective: Literal["value", "cells"] = "value"
    keep: tuple[Keep, ...] = ()
    time_limit: float = Field(default=15.0, gt=0)
