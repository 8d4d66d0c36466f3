"""Drawing people: nationality, sex, birth date, names, first contact with the scheme, and who is in which register."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from schemas.synth.dirt import Dirt, Population
from schemas.synth.followed import Followed
from schemas.synth.lists import withdraw
from schemas.synth.names import Group, load_pools
from schemas.synth.routes import ROUTES, Period

# Parts of the two reports' shape: a share of children beside a gamma of adults, mean 28, deviation 9.
CHILDREN = 0.015
ADULT_FROM, ADULT_SHAPE, ADULT_SCALE, OLDEST = 12.0, 3.2, 5.0, 80.0
YEAR = 365.25
DAY = np.timedelta64(1, "D")
EARLIEST = 5 * 365
THIRD_NAME = 1 / 15
# Look-alikes hurt where somebody is searched for, so half of them resemble a person of DT&V or the IOM.
LINKED_LOOKALIKES = 0.5


@dataclass
class Names:
    """Name parts, object arrays of str; an absent part is empty. `joiner` stands between the two surnames."""

    surname: np.ndarray
    second_surname: np.ndarray
    joiner: np.ndarray
    given: list[np.ndarray]

    def take(self, rows: np.ndarray) -> Names:
        """The parts of the people at `rows`, as new arrays."""
        return Names(
            self.surname[rows], self.second_surname[rows], self.joiner[rows], [part[rows] for part in self.given]
        )


@dataclass
class People:
    """One chunk of people; all arrays have one entry per person. Days are datetime64[D]."""

    nationality: np.ndarray
    sex: np.ndarray
    birth: np.ndarray
    start: np.ndarray
    route: np.ndarray
    names: Names
    in_ind: np.ndarray
    in_dtv: np.ndarray
    in_iom: np.ndarray
    followed: Followed | None = None

    def __len__(self) -> int:
        return len(self.sex)

    def follow(self, followed: Followed, kinds: Collection[str]) -> None:
        """Let histories say who is in which register of these: everybody at the IND, in the others who left by their way."""
        self.followed = followed
        self.in_ind = np.ones(len(self), dtype=bool)
        self.in_dtv = ~np.isnat(followed.departed) & ("dtv" in kinds)
        self.in_iom = ~np.isnat(followed.returned) & ("iom" in kinds)

    def leave_no_register_empty(self, population: Population) -> None:
        """Put somebody into a register that chance left empty: intake rightly refuses a delivery without a row."""
        self.in_dtv[0] |= population.dtv > 0 and not self.in_dtv.any()
        self.in_iom[-1] |= population.iom > 0 and not self.in_iom.any()
        self.in_ind[0] |= not self.in_ind.any()


def draw_people(rng: np.random.Generator, n: int, period: Period, population: Population, dirt: Dirt) -> People:
    """`n` people. The draws do not depend on `dirt`, except that look-alikes and twins copy from others."""
    groups, nationalities = load_pools()
    nationality = np.minimum(
        np.searchsorted(nationalities.cumulative, rng.random(n), side="right"), len(nationalities.codes) - 1
    )
    group = nationalities.group[nationality]
    sex = np.where(rng.random(n) < np.array([g.women for g in groups])[group], "V", "M").astype(object)
    start = _starts(rng, n, period, population)
    birth = _births(rng, start, population)
    weights = np.array([r.weight for r in ROUTES])
    route = rng.choice(len(ROUTES), n, p=weights / weights.sum())
    in_ind, in_dtv, in_iom = _membership(rng, group, groups, nationalities.group_share, population)
    in_ind = _taken_out(rng, sex == "V", np.stack([in_ind, in_dtv, in_iom], axis=1), population)
    surname = rng.random((2, n))
    extras = rng.random((4, n))
    given = rng.random((4, n))

    copy_rng = np.random.Generator(np.random.PCG64(int(rng.integers(2**63))))
    lookalike, twin, donor = _doubles(copy_rng, n, in_dtv | in_iom, dirt)
    for array in (nationality, group, birth, surname, extras):
        array[..., lookalike] = array[..., donor[lookalike]]
        array[..., twin] = array[..., donor[twin]]
    sex[lookalike] = sex[donor[lookalike]]
    too_young = lookalike[start[lookalike] < birth[lookalike] + 60 * DAY]
    start[too_young] = start[donor[too_young]]
    start[twin] = np.minimum(start[donor[twin]] + copy_rng.integers(0, 6, len(twin)) * DAY, period.end)
    route[twin] = route[donor[twin]]

    names = _names(group, groups, sex, surname, extras, given, population)
    _rename_doubles(names, groups, group, sex, np.concatenate([lookalike, twin]), donor)
    sex[rng.random(n) < population.sex_unknown] = "O"
    return People(nationalities.codes[nationality], sex, birth, start, route, names, in_ind, in_dtv, in_iom)


def _starts(rng: np.random.Generator, n: int, period: Period, population: Population) -> np.ndarray:
    start = period.starts(rng, n)
    if population.earlier:
        before = rng.random(n) < population.earlier
        start[before] = period.begin - rng.integers(1, EARLIEST, int(before.sum())) * DAY
    return start


def _taken_out(rng: np.random.Generator, women: np.ndarray, lists: np.ndarray, population: Population) -> np.ndarray:
    """Who is at the IND once people were taken out of its register for a reason that another list or their sex gives."""
    if population.withdrawn:
        lists = withdraw(lists, population.withdrawn, rng)
    known, at_dtv, at_iom = lists.T
    if population.women_missed:
        known = known & ~(women & at_dtv & ~at_iom & (rng.random(len(known)) < population.women_missed))
    found: np.ndarray = known
    return found


def _births(rng: np.random.Generator, start: np.ndarray, population: Population) -> np.ndarray:
    n = len(start)
    adults = ADULT_FROM + rng.gamma(ADULT_SHAPE, ADULT_SCALE, n)
    age = np.where(rng.random(n) < CHILDREN, rng.uniform(0.2, 14, n), np.minimum(adults, OLDEST))
    birth: np.ndarray = start - np.ceil(age * YEAR).astype(np.int64) * DAY
    january = rng.random(n) < population.first_january
    birth[january] = birth[january].astype("datetime64[Y]").astype("datetime64[D]")
    return birth


def _membership(
    rng: np.random.Generator,
    group: np.ndarray,
    groups: tuple[Group, ...],
    share: np.ndarray,
    population: Population,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(group)
    dtv = rng.random(n) < _tilted(population.dtv, np.array([g.dtv for g in groups]), share)[group]
    # Those at DT&V reach the IOM by their own rate; everybody else makes up what the overall share still asks for.
    rest = (population.iom - population.dtv * population.dtv_iom) / (1 - population.dtv) if population.dtv < 1 else 0.0
    alone = _tilted(min(max(rest, 0.0), 1.0), np.array([g.iom for g in groups]), share)[group]
    iom = rng.random(n) < np.where(dtv, population.dtv_iom, alone)
    both_known = population.dtv_known if population.both_known is None else population.both_known
    at_dtv = np.where(iom, both_known, population.dtv_known)
    known = np.where(dtv, at_dtv, np.where(iom, population.iom_known, 1.0 - population.unseen))
    return rng.random(n) < known, dtv, iom


def _tilted(share: float, weight: np.ndarray, group_share: np.ndarray) -> np.ndarray:
    """Probabilities per group that follow `weight` and average `share` over the groups (bisection)."""
    if share in (0.0, 1.0):
        return np.full(len(weight), share)
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = float(group_share @ (1 - (1 - share) ** (middle * weight)))
        low, high = (middle, high) if mean < share else (low, middle)
    tilted: np.ndarray = 1 - (1 - share) ** (low * weight)
    return tilted


def _doubles(
    rng: np.random.Generator, n: int, linked: np.ndarray, dirt: Dirt
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indexes of look-alikes and of twins, and per person the one they copy (only set for those)."""
    order = rng.permutation(n)
    lookalikes = int(rng.binomial(n, dirt.lookalikes)) if n > 1 else 0
    twins = int(rng.binomial(n, dirt.twins)) if n > 1 else 0
    # At least half of the people stay originals, however high the rates.
    lookalikes = min(lookalikes, n // 2)
    twins = min(twins, n // 2 - lookalikes)
    copies, originals = order[: lookalikes + twins], order[lookalikes + twins :]
    donor = np.full(n, -1)
    donor[copies] = originals[: len(copies)]
    wanted = originals[linked[originals]]
    chosen = copies[:lookalikes][rng.random(lookalikes) < LINKED_LOOKALIKES][: len(wanted)]
    donor[chosen] = wanted[: len(chosen)]
    return copies[:lookalikes], copies[lookalikes:], donor


def _names(
    group: np.ndarray,
    groups: tuple[Group, ...],
    sex: np.ndarray,
    surname: np.ndarray,
    extras: np.ndarray,
    given: np.ndarray,
    population: Population,
) -> Names:
    n = len(group)
    parts = [np.full(n, "", dtype=object) for _ in range(6)]
    first, second, joiner, *givens = parts
    women = sex == "V"
    for i, g in enumerate(groups):
        of_group = group == i
        for woman in (True, False):
            who = np.flatnonzero(of_group & (women == woman))
            forms = g.surnames_v if woman else g.surnames_m.names
            first[who] = forms[g.surnames_m.ranks(surname[0, who])]
            second[who] = forms[g.surnames_m.ranks(surname[1, who])]
            pool = g.given_v if woman else g.given_m
            for k, part in enumerate(givens):
                part[who] = pool.names[pool.ranks(given[k, who])]
        particled = np.flatnonzero(of_group & (extras[0] < g.particle_share))
        which = (extras[1, particled] * len(g.particles)).astype(np.int64)
        first[particled] = g.particles[which] + first[particled]
        joiner[of_group] = np.where(extras[2, of_group] < g.spaced, " ", "-")
    second[extras[3] >= population.double_surname] = ""
    # A second name equal to the first is left out: nobody is called Ana Ana.
    givens[1][(given[3] >= population.second_given) | (givens[1] == givens[0])] = ""
    givens[2][(given[3] >= population.second_given * THIRD_NAME) | (givens[1] == "")] = ""
    return Names(first, second, joiner, givens)


def _rename_doubles(
    names: Names,
    groups: tuple[Group, ...],
    group: np.ndarray,
    sex: np.ndarray,
    doubles: np.ndarray,
    donor: np.ndarray,
) -> None:
    """Another person has another first name: take a neighbour in the pool where chance gave the same one."""
    for i in doubles[names.given[0][doubles] == names.given[0][donor[doubles]]]:
        pool = (groups[group[i]].given_v if sex[i] == "V" else groups[group[i]].given_m).names
        at = int(np.flatnonzero(pool == names.given[0][i])[0])
        names.given[0][i] = pool[(at + 1) % len(pool)]
