"""The noisy regime of one audience: what is measured, at which price, and which tables come out (`docs/noise.md`).

Everything here is fixed before any real record is seen: categories, merges, budgets and thresholds chosen by looking
at the data would be a disclosure of their own. Category lists stand in the policy or in a code list, never in the data.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.study import Text
from schemas.toml import Strict

Code = int | str
NATIONALITIES = "nationalities"


class Reading(Strict):
    """How one attribute of a unit is read from the microdata of one table.

    categories  the attribute's categories in order, or `nationalities` for the whole code list.
    groups      category -> the codes it merges; a category that is not named here is the code itself.
    rows        only rows with these codes count (dimension -> codes); the others are not there.
    sets        category -> the exact set of codes that a person's rows of the table show (disjoint patterns of
                overlapping cells, such as observation windows).
    absent      the category of people who are not in the table; without it they are in no vector with this attribute.
    """

    table: str
    column: str | None = None
    categories: tuple[Code, ...] | Literal["nationalities"]
    groups: dict[str, tuple[Code, ...]] = Field(default_factory=dict)
    rows: dict[str, tuple[Code, ...]] = Field(default_factory=dict)
    sets: dict[str, tuple[Code, ...]] = Field(default_factory=dict)
    absent: Code | None = None


class Vector(Strict):
    """One measured vector: the cross of its attributes, less the impossible cells. A person is in at most one of its
    cells.

    part        which part of the population's budget pays for it, and `share` how much of the part. The shares are
                those that `disclosure.noise.weights.optimum` finds for the importances, written down so that no
                machine's arithmetic decides what a draw costs.
    slots       rows of this table belong, in order, to the units (rows of the population's unit table) with these
                codes.
    impossible  combinations that no person can have by definition; they are not measured.
    year        the attribute that is the calendar year, where the population's years are frozen.
    """

    id: str
    attributes: tuple[str, ...]
    year: str | None = None
    part: str = "counts"
    share: float = Field(default=1.0, gt=0, le=1)
    slots: dict[str, tuple[Code, ...]] = Field(default_factory=dict)
    impossible: tuple[dict[str, tuple[Code, ...]], ...] = ()


class Side(Strict):
    """The sum of a vector's cells that lie in `where` (attribute -> categories)."""

    vector: str
    where: dict[str, tuple[Code, ...]] = Field(default_factory=dict)


class Relation(Strict):
    """An equation that true counts satisfy by definition: left = right, for every category of the attributes in `same`.

    same     attribute of the left vector -> the attribute of the right vector that is the same characteristic.
    through  attribute of the right vector -> the region list by which its codes fall under the left attribute's categories.
    """

    left: Side
    right: Side
    same: dict[str, str] = Field(default_factory=dict)
    through: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _lists(self) -> Relation:
        if lost := set(self.through) - set(self.same.values()):
            raise ValueError(f"a relation goes through a list for {', '.join(sorted(lost))}, which is not in `same`")
        return self


class Dimension(Strict):
    """A dimension of a published table: an attribute, possibly folded (published code -> categories of the
    attribute)."""

    attribute: str
    groups: dict[str, tuple[Code, ...]] = Field(default_factory=dict)


class Piece(Strict):
    """Cells of a published table that come from one vector. `fixed` gives dimensions that have one code here."""

    vector: str
    dims: dict[str, Dimension] = Field(default_factory=dict)
    fixed: dict[str, Code] = Field(default_factory=dict)
    where: dict[str, tuple[Code, ...]] = Field(default_factory=dict)


class NoisyTable(Strict):
    """A table of the catalogue as the audience may see it.

    importance  the weight of its cells when the budget is divided, `total` that of their sum.
    assumed     its total according to what is already public, for judging beforehand whether it will be useful.
    show_from   cells below it are blank and stand together under the code `rest`.
    """

    id: str
    dimensions: tuple[str, ...]
    pieces: tuple[Piece, ...]
    importance: float = Field(default=1.0, gt=0)
    total: float = Field(default=0.0, ge=0)
    assumed: int = Field(ge=0)
    show_from: int | None = None
    rest: str | None = None

    @model_validator(mode="after")
    def _rest(self) -> NoisyTable:
        if (self.show_from is None) != (self.rest is None):
            raise ValueError("show_from and rest belong together")
        for piece in self.pieces:
            if set(piece.dims) | set(piece.fixed) != set(self.dimensions):
                raise ValueError(f"a piece of {self.id} does not give every dimension exactly once")
        return self


class MeanTable(Strict):
    """A table of mean ages: ages clamped to [lower, upper], one noisy sum per category of `column`, divided by noisy
    counts.

    counts  the vector whose cells, summed to `attribute`, are the numbers of people behind the means.
    """

    id: str
    column: str
    total: str
    lower: int
    upper: int
    part: str
    counts: str
    attribute: str
    slots: dict[str, tuple[Code, ...]] = Field(default_factory=dict)

    @property
    def centre(self) -> int:
        """Ages are measured from here, so that one person moves a sum by at most `reach`."""
        return (self.lower + self.upper) // 2

    @property
    def reach(self) -> int:
        """The most one person can move a sum."""
        return max(self.upper - self.centre, self.centre - self.lower)


class Population(Strict):
    """The people of one register (or linked registers) and the budget they carry together, over all tables of the
    release.

    mechanism   gaussian: zCDP, stated as (epsilon, delta); laplace: pure epsilon.
    shares      part -> share of the budget; they sum to 1.
    unit_table  rows of this table are a person's units (cases); one of them is picked at random. Empty: rows of each
                table.
    units       how many units a person can have by the procedure's definition; the number of units beyond the first,
                clamped to units - 1 per person, is measured (part `second`) and spread by share.
    split       a vector of one attribute: further units are measured as two numbers, those that the vector counts and
                the others, so that its total and everything equal to it get their own.
    identities  how many person ids one person can have: with links by V-number only, rows without one stand alone.
    threshold   points whose noisy value is below it are blank.
    editions    how many full editions the ledger's limit covers.
    years       rolling: every edition draws its whole window anew. frozen: each year's noise is drawn once and stays,
                and a person is counted in at most `lifetime` years of each vector, over all editions.
    """

    id: str
    mechanism: Literal["gaussian", "laplace"]
    epsilon: float = Field(gt=0)
    delta: float | None = Field(default=None, gt=0, lt=1e-3)
    shares: dict[str, float] = Field(default={"counts": 1.0})
    unit_table: str | None = None
    units: int = Field(default=1, ge=1)
    split: str | None = None
    identities: int = Field(default=1, ge=1)
    threshold: int = Field(default=10, ge=0)
    editions: int = Field(default=1, ge=1)
    years: Literal["rolling", "frozen"] = "rolling"
    lifetime: int = Field(default=1, ge=1)
    totals_importance: float = Field(default=1.0, ge=0)
    margins_importance: float = Field(default=1.0, ge=0)
    attributes: dict[str, Reading]
    vectors: tuple[Vector, ...]
    relations: tuple[Relation, ...] = ()
    tables: tuple[NoisyTable, ...]
    means: tuple[MeanTable, ...] = ()

    @property
    def published(self) -> tuple[str, ...]:
        """Ids of the tables that come out."""
        return (*(table.id for table in self.tables), *(mean.id for mean in self.means))

    @model_validator(mode="after")
    def _coherent(self) -> Population:
        if (self.mechanism == "gaussian") != (self.delta is not None):
            raise ValueError("a Gaussian budget needs a delta, a Laplace budget has none")
        if abs(sum(self.shares.values()) - 1) > 1e-9:
            raise ValueError("the shares do not sum to 1")
        if (self.units > 1) != ("second" in self.shares):
            raise ValueError("a share 'second' belongs to populations where a person can have more than one unit")
        if self.units > 1 and self.unit_table is None:
            raise ValueError("units above 1 need a unit_table")
        if self.split is not None and self.units == 1:
            raise ValueError("a split belongs to populations where a person can have more than one unit")
        parts = {vector.part for vector in self.vectors} | {mean.part for mean in self.means}
        if parts | ({"second"} if self.units > 1 else set()) != set(self.shares):
            raise ValueError("every part needs a share and every share a part")
        for part in self.shares:
            if sum(vector.share for vector in self.vectors if vector.part == part) > 1 + 1e-9:
                raise ValueError(f"the vectors of part {part} ask for more than the whole of it")
        return self._names()._slices()

    def _slices(self) -> Population:
        """Frozen years: every vector has the same years, and nothing is measured over several of them."""
        of = {vector.id: vector.year for vector in self.vectors}
        if self.years == "rolling":
            if self.lifetime > 1 or any(of.values()):
                raise ValueError("a lifetime and vectors' years belong to populations whose years are frozen")
            return self
        if lost := [name for name, year in of.items() if year is None]:
            raise ValueError(f"years are frozen, but vector {', '.join(lost)} does not say which attribute is the year")
        if self.units > 1 or self.means or self.editions > 1:
            raise ValueError("frozen years have one unit, no means, and one edition for ever")
        readings = [self.attributes[str(year)] for year in of.values() if year in self.attributes]
        if len(readings) < len(of) or any(reading.column is None or reading.sets for reading in readings):
            raise ValueError("the year of a vector is an attribute that is read from a column")
        if any(str(year) not in vector.attributes for vector, year in zip(self.vectors, of.values(), strict=True)):
            raise ValueError("the year of a vector is one of its attributes")
        if len({reading.categories for reading in readings}) > 1:
            raise ValueError("all vectors of a population with frozen years have the same years")
        return self

    @property
    def slices(self) -> tuple[Code, ...]:
        """The years of a population whose years are frozen, none otherwise."""
        found = self.attributes[str(self.vectors[0].year)].categories if self.years == "frozen" else ()
        return tuple(found)

    def _names(self) -> Population:
        vectors = {vector.id: vector for vector in self.vectors}
        if len(vectors) != len(self.vectors):
            raise ValueError("two vectors have the same id")
        for vector in self.vectors:
            if unknown := set(vector.attributes) - set(self.attributes):
                raise ValueError(f"vector {vector.id} names attributes that do not exist: {', '.join(sorted(unknown))}")
        named = [piece.vector for table in self.tables for piece in table.pieces]
        named += [side.vector for relation in self.relations for side in (relation.left, relation.right)]
        named += [mean.counts for mean in self.means] + ([self.split] if self.split else [])
        if lost := set(named) - set(vectors):
            raise ValueError(f"there is no vector {', '.join(sorted(lost))}")
        if self.split is not None and len(vectors[self.split].attributes) > 1:
            raise ValueError("a split is a vector of one attribute")
        return self


class NoisePolicy(Strict):
    """All populations of a study for one audience. `labels` names merged codes."""

    populations: tuple[Population, ...]
    labels: dict[str, Text] = Field(default_factory=dict)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)

    @model_validator(mode="after")
    def _distinct(self) -> NoisePolicy:
        ids = [name for population in self.populations for name in population.published]
        if len(set(ids)) != len(ids):
            raise ValueError("a table is published twice")
        return self
