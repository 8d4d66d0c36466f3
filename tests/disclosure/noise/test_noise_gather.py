"""Long lists of nationalities: shown and hidden points still add up to every region, exactly."""

from __future__ import annotations

import numpy as np
import pytest
from noise_reference import SECRET, member, rows

from disclosure.noise.estimate import estimate, reconcile
from disclosure.noise.gather import gathered
from disclosure.noise.layout import Layout, build
from disclosure.noise.measure import Measured
from disclosure.noise.mechanisms import draw
from disclosure.noise.units import Microdata, Picker
from disclosure.noise.weights import further_price, prices
from schemas.codelists import nationalities, region

LISTS = [
    ("nr2015", "nr2015.ind", "verlening_regio", "regio_f08", "nr2015_f08"),
    ("wodc2020", "wodc2020.ind", "kenmerk", "regio", "wodc2020"),
]


def truth(study: str, name: str, layout: Layout) -> np.ndarray:
    """Bounded true counts of the reference registers, in the order of the layout."""
    micro = Microdata(layout.population, rows(study, name), Picker(SECRET, "snapshot", name))
    return np.concatenate([micro.vector(vector, layout.blocks[vector.id]) for vector in layout.population.vectors])


@pytest.mark.parametrize(("study", "name", "vector", "attribute", "through"), LISTS)
def test_nationalities_of_the_registers_add_up_to_their_regions(
    study: str, name: str, vector: str, attribute: str, through: str
) -> None:
    """The equations say what the region list says, and bounded counts satisfy all of them."""
    layout = build(member(study, name))
    cells = truth(study, name, layout)
    assert not (layout.equations @ cells).any()
    block, long = layout.blocks[vector], layout.blocks["nationaliteit"]
    groups = layout.population.attributes[attribute].groups
    for category in dict.fromkeys(key[block.attributes.index(attribute)] for key in block.keys):
        codes = groups.get(str(category), (category,))
        inside = [code for code in nationalities() if region(through)[code] in codes]
        assert long.where({"nationaliteit": inside}).sum() == len(inside)
        assert cells[long.span][long.where({"nationaliteit": inside})].sum() == (
            cells[block.span][block.where({attribute: (category,)})].sum()
        )


@pytest.mark.parametrize(("study", "name", "vector", "attribute", "through"), LISTS)
def test_published_nationalities_fit_into_the_published_regions(
    study: str, name: str, vector: str, attribute: str, through: str
) -> None:
    population = member(study, name)
    layout = build(population)
    cells = truth(study, name, layout)
    measured = {}
    for item, price in prices(layout).items():
        values, scale = draw(cells[layout.blocks[item].span], price)
        measured[item] = Measured(np.array(values), scale)
    second = None
    if population.units > 1:
        values, scale = draw(np.array([100, 5]), further_price(population))
        second = Measured(np.array(values), scale)
    numbers = reconcile(estimate(layout, measured, second))
    assert not (numbers.layout.equations @ numbers.cells).any()
    block, long = numbers.layout.blocks[vector], numbers.layout.blocks["nationaliteit"]
    counts = numbers.cells[long.span]
    shown = {key[0]: count for key, count in zip(long.keys, counts.tolist(), strict=True) if key[0] in region(through)}
    hidden = [key for key in long.keys if key[0] not in region(through)]
    groups = population.attributes[attribute].groups
    categories = list(dict.fromkeys(key[block.attributes.index(attribute)] for key in block.keys))
    assert len(hidden) == len(categories), "one gathered cell per region"
    for category in categories:
        codes = groups.get(str(category), (category,))
        total = numbers.cells[block.span][block.where({attribute: (category,)})].sum()
        assert sum(count for code, count in shown.items() if region(through)[code] in codes) <= total
    assert counts.sum() == numbers.cells[block.span].sum()


def test_gathering_keeps_every_equation_and_every_sum() -> None:
    layout = build(member("nr2015", "nr2015.ind"))
    generator = np.random.Generator(np.random.PCG64(3))
    values = generator.integers(0, 40, layout.size).astype(float)
    sums, smaller = gathered(layout, values)
    assert smaller.size < layout.size
    assert np.allclose(smaller.equations @ (sums @ values), layout.equations @ values)
    for large, small in zip(layout.targets, smaller.targets, strict=True):
        assert (small.sums @ (sums @ values)).sum() == (large.sums @ values).sum()
        assert len(small.keys) == len(small.sums)


def test_a_list_that_is_shown_whole_is_not_gathered() -> None:
    layout = build(member("nr2015", "nr2015.ind"))
    sums, same = gathered(layout, np.full(layout.size, 50.0))
    assert same is layout
    assert (sums == np.eye(layout.size)).all()
