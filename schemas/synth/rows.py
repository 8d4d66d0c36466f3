"""From people to the rows of one register, as text in its dialect."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from schemas.errors import UsageError
from schemas.extracts import EXTRACTS
from schemas.study import Register
from schemas.synth.dates import days_text, write_births
from schemas.synth.dirt import LinkedDirt, Population, RowDirt
from schemas.synth.flaws import Columns
from schemas.synth.followed import Followed
from schemas.synth.numbers import Numbers
from schemas.synth.people import People
from schemas.synth.routes import Period, dtv_rows, ind_rows, iom_rows
from schemas.synth.spelling import write_names
from schemas.synth.write import in_one_column

SEXES = ("V", "M", "O")
# Record numbers as the two registers print them, from year and serial number.
RECORD_NUMBER = {"dtv": "D9-{:d}-{:04d}", "iom": "IOM{:d}{:05d}"}


@dataclass
class Rows:
    """Rows of one register. `person` indexes the people they were made of; `key` is the normalised record key."""

    person: np.ndarray
    key: np.ndarray
    columns: Columns

    def __len__(self) -> int:
        return len(self.person)


class Maker:
    """Makes the rows of one register over all chunks; keeps the serial numbers given out per year."""

    def __init__(self, register: Register, numbers: Numbers, population: Population, period: Period) -> None:
        self.register = register
        self.kind = register.kind
        self._numbers = numbers
        self._population = population
        self._period = period
        self._serial: Counter[int] = Counter()
        sexes = {canonical: source for source, canonical in reversed(register.dialect.sex.items())}
        if len(sexes) < len(SEXES):
            raise UsageError(
                f"The dialect of {register.bron} lacks a code for one of {', '.join(SEXES)}; add it to sex."
            )
        self._sex = np.vectorize(sexes.__getitem__, otypes=[object])

    def make(
        self,
        events: np.random.Generator,
        slips: np.random.Generator,
        people: People,
        own: np.ndarray,
        dirt: RowDirt,
        counts: Counter[str],
    ) -> Rows:
        """All rows of `people` in this register. `own` are their V-numbers (int64); `counts` gets what went wrong."""
        members = np.flatnonzero({"ind": people.in_ind, "dtv": people.in_dtv, "iom": people.in_iom}[self.kind])
        local, fields = self._events(events, people, members)
        person = members[local]
        reference = fields[EXTRACTS[self.kind].reference]
        dialect = self.register.dialect
        counts["rows"] += len(person)
        counts["people"] += len(members)
        surname, given = write_names(slips, people.names.take(person), dirt, counts)
        births = write_births(slips, people.birth[person], reference, dirt, counts)
        typed, shown = self._v_numbers(slips, people, person, own, dirt, counts)
        columns: Columns = {"vnummer": shown, "geboortedatum": births.text(dialect.date_format)}
        if dialect.name_column is None:
            columns |= {"achternaam": surname, "voornamen": given}
        else:
            columns[dialect.name_column] = in_one_column(surname, given)
        columns["geslacht"] = self._sex(people.sex[person])
        columns["nationaliteit"] = people.nationality[person]
        for name, values in fields.items():
            is_date = values.dtype.kind == "M"
            columns[name] = days_text(values, dialect.date_format) if is_date else values.astype(object)
        if self.kind == "ind":
            return Rows(person, _texts(typed), columns)
        key = self._record_numbers(reference)
        columns[EXTRACTS[self.kind].key] = key.copy()
        return Rows(person, key, columns)

    def _events(
        self, rng: np.random.Generator, people: People, members: np.ndarray
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        start, birth = people.start[members], people.birth[members]
        if people.followed is not None:
            return self._told(rng, people, people.followed, members)
        if self.kind == "ind":
            return ind_rows(rng, start, people.route[members], birth, self._period)
        if self.kind == "dtv":
            return dtv_rows(rng, start, birth, self._population.dtv_twice, self._period)
        return iom_rows(rng, start, birth, people.nationality[members], self._period)

    def _told(
        self, rng: np.random.Generator, people: People, followed: Followed, members: np.ndarray
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The rows of this register of histories of known truth."""
        if self.kind == "ind":
            return followed.ind_rows(rng, self._period)
        if self.kind == "dtv":
            return followed.dtv_rows(rng, members, people.birth[members])
        return followed.iom_rows(rng, members, people.nationality[members])

    def _record_numbers(self, dates: np.ndarray) -> np.ndarray:
        years = dates.astype("datetime64[Y]").astype(np.int64) + 1970
        key = np.empty(len(years), dtype=object)
        for year in np.unique(years).tolist():
            rows = np.flatnonzero(years == year)
            first = self._serial[year] + 1
            self._serial[year] += len(rows)
            key[rows] = [RECORD_NUMBER[self.kind].format(year, first + i) for i in range(len(rows))]
        return key

    def _v_numbers(
        self,
        rng: np.random.Generator,
        people: People,
        person: np.ndarray,
        own: np.ndarray,
        dirt: RowDirt,
        counts: Counter[str],
    ) -> tuple[np.ndarray, np.ndarray]:
        """The number in each row (int64) and how it is written (object array of str)."""
        n = len(person)
        number = own[person]
        draws = rng.random((4, n))
        missing, other = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        if isinstance(dirt, LinkedDirt):
            missing = draws[0] < dirt.vnumber_missing
            other = ~missing & (draws[1] < dirt.vnumber_other)
        owners = np.flatnonzero(people.in_ind)
        candidate = owners[rng.integers(0, len(owners), n)] if len(owners) else person
        # Nobody holds their own number by mistake: chance's few such picks stay right.
        other &= candidate != person
        number = np.where(other, own[candidate], number)
        mistyped = ~missing & ~other & (draws[2] < dirt.vnumber_mistyped)
        number[mistyped] = self._numbers.mistyped(rng, number[mistyped])
        shown = _texts(number)
        dotted = ~missing & (draws[3] < dirt.vnumber_dotted)
        shown[dotted] = [f"{v[:3]}.{v[3:6]}.{v[6:]}" for v in shown[dotted]]
        shown[missing] = ""
        for name, mask in (("missing", missing), ("other", other), ("mistyped", mistyped), ("dotted", dotted)):
            counts[f"vnumber_{name}"] += int(mask.sum())
        return number, shown


def _texts(numbers: np.ndarray) -> np.ndarray:
    texts = np.empty(len(numbers), dtype=object)
    texts[:] = [str(number) for number in numbers.tolist()]
    return texts
