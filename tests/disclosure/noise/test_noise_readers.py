"""What readers derive from noisy tables stays honest: the test of independence keeps its size under the real noise."""

from __future__ import annotations

import numpy as np
import pytest
from noise_reference import exact, member

from disclosure.noise.estimate import estimate
from disclosure.noise.intervals import half_width
from disclosure.noise.layout import build
from disclosure.noise.measure import Measured
from disclosure.noise.mechanisms import draw
from disclosure.noise.squares import fit
from disclosure.noise.weights import prices, variances_of
from tabulation.derived import noisy_p_value

NORMAL = 1.959964


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("table", ["wodc2020_volledig", "wodc2020_volledig_afrika"])
def test_independent_people_are_called_dependent_one_time_in_twenty(table: str) -> None:
    """Least squares makes the noise of neighbouring cells depend on each other, which the bootstrap of single cells leaves
    out; that must not make it reject more often than it says.
    """
    layout = build(member("wodc2020", "wodc2020.ind"))
    target = next(target for target in layout.targets if target.table.id == table)
    priced = prices(layout)
    solution = fit(layout.equations, variances_of(layout, priced))
    repetitions = 400
    noise = np.hstack(
        [
            np.array(draw(np.zeros(repetitions * len(block.keys), dtype=np.int64), priced[name])[0]).reshape(
                repetitions, -1
            )
            for name, block in layout.blocks.items()
        ]
    )
    errors = noise @ solution.gain.T @ target.sums.T
    empty = {name: Measured(np.zeros(len(b.keys)), priced[name].scale) for name, b in layout.blocks.items()}
    found = estimate(layout, empty, None, solution)
    deviations = np.array([half_width(found.noise(sums), 0.95) / NORMAL for sums in target.sums]).reshape(2, 2)
    counts = exact("wodc2020")[table].frame["aantal"].to_numpy().reshape(2, 2)
    shares = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum() ** 2
    generator = np.random.Generator(np.random.PCG64(1))
    people = generator.multinomial(counts.sum(), shares.ravel(), size=repetitions)
    shown = np.maximum(np.rint(people + errors), 0).reshape(-1, 2, 2)
    rejected = np.mean([noisy_p_value(one, deviations) < 0.05 for one in shown])
    assert 0.015 < rejected < 0.05 + 3 * np.sqrt(0.05 * 0.95 / repetitions)
