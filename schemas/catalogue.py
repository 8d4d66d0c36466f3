"""The catalogue: one declarative entry per table, and the linear relations between tables (`docs/catalogue.md`).

`load_catalogue` resolves a TOML file against the shared vocabulary (`schemas.vocabulary`), so that what it returns
needs no second look-up: every dimension knows its categories and how it folds its variable, every relation its cells.
Source of the entries: the two reports named in the catalogue files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field, field_validator

from schemas.errors import UsageError
from schemas.study import Text
from schemas.tables import COUNT, MEAN_COLUMNS
from schemas.toml import Strict
from schemas.vocabulary import Code, Vocabulary

Kind = Literal["count", "mean"]
Statistic = Literal["chi_square", "percent", "top", "compare", "unseen", "curve", "quantiles", "readings"]
Chart = Literal["line", "bars", "bars100", "pie", "flow", "readings", "curve", "table"]


class Dimension(Strict):
    """One column of a table.

    categories  in order; None: the categories observed in the population, sorted (nationalities).
    fold        fine category of `variable` -> category of this dimension; others cannot occur.
    list        the list that folds the variable; None: the fine categories themselves.
    total       mean tables: the extra category that holds everybody. Categories are text then.
    """

    name: str
    variable: str
    list: str | None = None
    label: Text
    categories: tuple[Code, ...] | None
    fold: dict[Code, Code]
    total: str | None = None


class Condition(Strict):
    """Units whose `variable` has one of the `fine` categories."""

    variable: str
    fine: tuple[Code, ...]


class Population(Strict):
    """A named set of units: all conditions hold (those of `within` included). Equal names mean equal sets."""

    name: str
    unit: str
    label: Text
    within: str | None = None
    conditions: tuple[Condition, ...] = ()


class Entry(Strict):
    """One table. `value` is the averaged variable of a mean table; `linked`: it exists through linking only."""

    id: str
    titles: Text
    population: str
    unit: str
    dimensions: tuple[Dimension, ...]
    registers: tuple[str, ...]
    kind: Kind
    value: str | None = None
    linked: bool = False
    chart: Chart
    notes: tuple[Text, ...] = ()


class Term(Strict):
    """The sum of the cells of `table` that `where` selects: `aantal`, or `n` of a mean table."""

    table: str
    where: dict[str, tuple[Code, ...]] = Field(default_factory=dict)

    @field_validator("where", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: item if isinstance(item, list | tuple) else (item,) for name, item in value.items()}


class Relation(Strict):
    """Sum of the left terms = (`eq`) or at most (`le`) the sum of the right terms, by definition, in any data."""

    id: str
    left: tuple[Term, ...]
    right: tuple[Term, ...]
    kind: Literal["eq", "le"] = "eq"
    why: str = ""


class Derived(Strict):
    """A statistic computed from a (protected) table: a test, shares, or a top list with shared ranks.

    chi_square  independence of the two dimensions `by`.
    percent     shares of `aantal` within each combination of the dimensions `by`.
    top         the `size` largest categories of the dimension `of`, within each combination of `by`.
    compare     the share of `ja` by group, `by` = [group, outcome]: a difference, or an artefact of linking (restricted notes).
    unseen      how many people none of three registers saw, `by` = ["registers"], or why that cannot be said (restricted notes).
    curve       shares through time, `by` = [window, outcome, months] or without a window; `late`: the table of who came into
                view when, `naive`: the shares as the reports have them (restricted notes, and the chart `curve`).
    quantiles   quartiles of the days until a step, `by` = [step, taken, days] or without a step (restricted notes).
    readings    by how much shares differ between readings and between windows, `by` = [reading, window, route] (restricted notes).
    """

    id: str
    titles: Text
    table: str
    statistic: Statistic
    by: tuple[str, ...] = ()
    of: str | None = None
    size: int = 5
    late: str | None = None
    naive: str | None = None
    notes: tuple[Text, ...] = ()


class Catalogue(Strict):
    """Everything a study tabulates, in order of publication, for the reporting period `years`.

    beside  tables of other catalogues that count the same people: relations may name them, nothing here publishes them.
    """

    id: str
    version: str
    years: tuple[int, ...]
    vocabulary: Vocabulary
    populations: dict[str, Population]
    entries: tuple[Entry, ...]
    relations: tuple[Relation, ...]
    derived: tuple[Derived, ...]
    beside: tuple[Entry, ...] = ()

    def entry(self, table: str) -> Entry:
        """The entry of a table; UsageError when there is none."""
        for entry in self.entries:
            if entry.id == table:
                return entry
        raise UsageError(f"Catalogue {self.id} has no table '{table}'; `schakel check` lists those it has.")


def together(catalogues: Sequence[Catalogue]) -> Catalogue:
    """One catalogue of everything that is known of the same people; the first one gives the name, nothing is published by it.

    UsageError where two of them mean different people by one name, or count different years.
    """
    first = catalogues[0]
    populations: dict[str, Population] = {}
    for catalogue in catalogues:
        if catalogue.years != first.years:
            raise UsageError(
                f"The catalogues {first.id} and {catalogue.id} count the same people over other years; make the years equal."
            )
        for name, population in catalogue.populations.items():
            if populations.setdefault(name, population) != population:
                raise UsageError(
                    f"The catalogues {first.id} and {catalogue.id} mean different people by '{name}'; rename one of the two."
                )
    entries = {entry.id: entry for catalogue in catalogues for entry in (*catalogue.entries, *catalogue.beside)}
    if sum(len(catalogue.entries) for catalogue in catalogues) > len({*entries}):
        raise UsageError(f"Two of the catalogues beside {first.id} have a table of the same id; rename one.")
    relations = {relation.id: relation for catalogue in catalogues for relation in catalogue.relations}
    if sum(len(catalogue.relations) for catalogue in catalogues) > len(relations):
        raise UsageError(f"Two of the catalogues beside {first.id} have a relation of the same id; rename one.")
    return first.model_copy(
        update={"populations": populations, "entries": tuple(entries.values()), "relations": tuple(relations.values()),
                "derived": (), "beside": ()}
    )  # fmt: skip


def coarsening(dimension: Dimension) -> dict[Code, Code]:
    """Fine category of the variable -> category of the dimension; identity where the dimension has no list.

    Two dimensions with the same `variable` in tables of one population are linked through it: region by list is an
    aggregate of nationality, minority one of the age bands.
    """
    return dict(dimension.fold)


def selected(frame: pd.DataFrame, term: Term) -> pd.Series:
    """Boolean mask over the rows of the term's table that it sums; categories it does not list select nothing."""
    mask = pd.Series(True, index=frame.index)
    for name, values in term.where.items():
        mask &= frame[name].isin(list(values))
    return mask


def term_value(frame: pd.DataFrame, term: Term) -> int:
    """The term's value on an exact table: the sum of `aantal`, or of `n` for a mean table."""
    column = COUNT if COUNT in frame.columns else MEAN_COLUMNS[0]
    return int(frame.loc[selected(frame, term), column].sum())


def load_catalogue(path: Path, years: tuple[int, ...] | None = None) -> Catalogue:
    """The catalogue at `path` for the reporting period `years` (default: the period of the report, its key `years`).

    UsageError (exit 2) names the file, the entry and the key that is wrong, and what is known instead.
    """
    from schemas.catalogue_file import resolve

    return resolve(path, years)
