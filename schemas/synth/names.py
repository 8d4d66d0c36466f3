"""Name pools: a short list of common names per group, and a long composed tail drawn in Zipf's manner.

In life a handful of surnames covers a fifth of a nationality and thousands of names occur once, so blocks are skewed.
Nothing here comes from a register: heads are everyday names, tails are glued from syllables.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from pydantic import Field

from schemas.toml import Strict, read_toml

SURNAME_TAIL = 12_000
GIVEN_TAIL = 1_500
# Zipf-Mandelbrot p(r) ~ (r + shift)^-exponent: most people have a common name and there are always rare ones. In a
# mixed register the first surname covers 2.8 % of the people (reference: 1.7 %), and two people share theirs with
# probability .006 (reference: .011).
EXPONENT, SHIFT = 2.0, 15.0
# Composed names are shuffled once, by a constant, so that common ones do not all start with the same syllable.
_SHUFFLE = 20150707


class _Group(Strict):
    """One group of `names.toml`, as written."""

    nationalities: dict[str, float]
    women: float = Field(ge=0, le=1)
    dtv: float = Field(gt=0)
    iom: float = Field(gt=0)
    particles: tuple[str, ...] = ()
    particle_share: float = 0.0
    spaced: float = 0.0
    surnames: tuple[str, ...]
    given_v: tuple[str, ...]
    given_m: tuple[str, ...]
    heads: tuple[str, ...]
    middles: tuple[str, ...]
    tails: tuple[str, ...]
    given_tails_v: tuple[str, ...]
    given_tails_m: tuple[str, ...]


class _Names(Strict):
    west_africa: _Group
    east_africa: _Group
    eastern_europe: _Group
    east_asia: _Group
    south_asia: _Group
    arabic: _Group
    latin: _Group


@dataclass(frozen=True)
class Pool:
    """Names by rank; `cumulative` is their distribution function. `names` is an object array of str."""

    names: np.ndarray
    cumulative: np.ndarray

    def ranks(self, uniform: np.ndarray) -> np.ndarray:
        """Ranks (int64) at the given uniform draws."""
        found = np.searchsorted(self.cumulative, uniform, side="right")
        return np.minimum(found, len(self.names) - 1).astype(np.int64)


@dataclass(frozen=True)
class Group:
    """Pools of one group. Surnames have a man's and a woman's form at the same rank."""

    name: str
    women: float
    dtv: float
    iom: float
    particles: np.ndarray
    particle_share: float
    spaced: float
    surnames_m: Pool
    surnames_v: np.ndarray
    given_v: Pool
    given_m: Pool


@dataclass(frozen=True)
class Nationalities:
    """Codes with their group (index) and cumulative weight; a code can belong to several groups (XXX)."""

    codes: np.ndarray
    group: np.ndarray
    cumulative: np.ndarray
    group_share: np.ndarray


def _zipf(names: list[str]) -> Pool:
    weights = (np.arange(1, len(names) + 1) + SHIFT) ** -EXPONENT
    return Pool(np.array(names, dtype=object), np.cumsum(weights / weights.sum()))


def _tail(parts: tuple[tuple[str, ...], ...], size: int) -> list[str]:
    composed = list(dict.fromkeys(_glue(*combination) for combination in itertools.product(*parts)))
    order = np.random.Generator(np.random.PCG64(_SHUFFLE)).permutation(len(composed))
    return [composed[i] for i in order[:size]]


def _glue(head: str, middle: str, tail: str) -> str:
    return "/".join(f"{head}{middle}{form}" for form in tail.split("/"))


def _form(name: str, *, woman: bool) -> str:
    """The woman's or man's form of `Ivanov/Ivanova`."""
    return name.split("/")[-1 if woman else 0]


def _group(name: str, raw: _Group) -> Group:
    surnames = list(dict.fromkeys([*raw.surnames, *_tail((raw.heads, raw.middles, raw.tails), SURNAME_TAIL)]))
    given_v = [*raw.given_v, *_tail((raw.heads, raw.middles, raw.given_tails_v), GIVEN_TAIL)]
    given_m = [*raw.given_m, *_tail((raw.heads, raw.middles, raw.given_tails_m), GIVEN_TAIL)]
    return Group(
        name=name,
        women=raw.women,
        dtv=raw.dtv,
        iom=raw.iom,
        particles=np.array(raw.particles or ("",), dtype=object),
        particle_share=raw.particle_share,
        spaced=raw.spaced,
        surnames_m=_zipf([_form(s, woman=False) for s in surnames]),
        surnames_v=np.array([_form(s, woman=True) for s in surnames], dtype=object),
        given_v=_zipf(list(dict.fromkeys(given_v))),
        given_m=_zipf(list(dict.fromkeys(given_m))),
    )


@lru_cache(maxsize=1)
def load_pools() -> tuple[tuple[Group, ...], Nationalities]:
    """All groups and the nationality distribution, from `names.toml`."""
    raw = read_toml(Path(str(files("schemas.synth"))) / "names.toml", _Names)
    pairs = [(name, getattr(raw, name)) for name in type(raw).model_fields]
    groups = tuple(_group(name, group) for name, group in pairs)
    flat = [(code, i, weight) for i, (_, group) in enumerate(pairs) for code, weight in group.nationalities.items()]
    weights = np.array([weight for _, _, weight in flat])
    weights /= weights.sum()
    group_of = np.array([i for _, i, _ in flat], dtype=np.int64)
    nationalities = Nationalities(
        codes=np.array([code for code, _, _ in flat], dtype=object),
        group=group_of,
        cumulative=np.cumsum(weights),
        group_share=np.bincount(group_of, weights=weights, minlength=len(groups)),
    )
    return groups, nationalities
