"""What the benchmark of scale says of its measurements: exponents, limits and bottlenecks of curves that are known."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from benchmarks.scale.growth import exponent, largest_from, reaches
from benchmarks.scale.processes import Sampler
from benchmarks.scale.run import STEPS, Run, told

SIZES = [1e4, 1e5, 1e6]
BUSY = """
import time
held = b"x" * (300 << 20)
sum(i * i for i in range(6_000_000))
time.sleep(0.5)
"""


@pytest.mark.parametrize("power", [0.5, 1.0, 1.3])
def test_the_exponent_of_a_power_is_that_power(power: float) -> None:
    assert exponent(SIZES, [3 * n**power for n in SIZES]) == pytest.approx(power)
    assert reaches(SIZES, [3 * n**power for n in SIZES], 3 * 1e8**power) == pytest.approx(1e8, rel=1e-6)


def test_too_little_to_fit_is_no_number() -> None:
    assert math.isnan(exponent([1e4], [1.0]))
    assert math.isnan(exponent(SIZES, [0.0, 1.0, 2.0]))
    assert math.isnan(reaches(SIZES, [2.0, 2.0, 2.0], 20.0)) or reaches(SIZES, [2.0, 2.0, 2.0], 20.0) > 1e30


def test_the_bottleneck_changes_where_the_curves_cross() -> None:
    found = largest_from(SIZES, {"flat": [n / 1e4 for n in SIZES], "steep": [(n / 1e4) ** 2 / 1e3 for n in SIZES]})
    assert found["flat"] is not None
    assert found["steep"] is not None
    assert found["flat"][1] == pytest.approx(1e7, rel=0.05)
    assert found["steep"][0] == pytest.approx(1e7, rel=0.05)


def _run(people: int, power: float, ended: str = "") -> Run:
    step = {"seconds": people**power, "cpu": 1.0, "gib": 1.0, "shuffled": 0, "rows": people}
    return Run(people, "local", dict.fromkeys(STEPS, step), ended)


def test_a_run_that_grows_too_fast_or_stops_too_early_misses_its_target() -> None:
    rows = {row.metric: row for row in told("local", [_run(n, 1.3) for n in (10**5, 10**6)])}
    growth = next(row for name, row in rows.items() if "growth of the whole" in name)
    assert growth.holds is False
    assert growth.value == pytest.approx(1.3)
    sitting = rows["rows taken through every step within 20 GiB"]
    assert (sitting.value, sitting.holds) == (10**6, False)
    rows = {row.metric: row for row in told("local", [_run(n, 1.0) for n in (10**5, 10**7)])}
    assert rows["rows taken through every step within 20 GiB"].holds is True
    killed = told("local", [_run(10**5, 1.0), _run(10**7, 1.0, "killed by signal 9")])
    assert [row.value for row in killed if row.metric.startswith("rows taken")] == [10**5]
    assert any("did not end (killed by signal 9)" in row.metric for row in killed)


def test_what_children_use_is_counted() -> None:
    sampler = Sampler()
    before, _ = sampler.taken()
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    after, peak = sampler.taken()
    sampler.stop()
    assert after - before > 0.1
    assert peak > 0.3
