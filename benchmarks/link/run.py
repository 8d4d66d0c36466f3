"""`schakel bench link`: kernel and encoder, size, quality and honest intervals, each beside its targets and its peers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.link.coverage import SEEDS, coverage_rows
from benchmarks.link.environments import PeerAbsent
from benchmarks.link.febrl import febrl4, half_overlap
from benchmarks.link.files import Duplicates, febrl3, rldata10000
from benchmarks.link.quality import one_file, quality_rows, two_files
from benchmarks.link.registers import reference_rows, register_rows
from benchmarks.link.scale import scale_rows
from benchmarks.link.speed import encoding_rows, kernel_rows, large_row
from benchmarks.rows import Row

QUICK_SEEDS = range(1, 4)
# The truth of the reference registers is test data: an installed package has it only beside its sources.
TRUTH = Path(__file__).resolve().parents[2] / "tests" / "reference" / "nr2015" / "true_links.csv"


def link_rows(*, quick: bool, parts: Collection[str]) -> Iterator[tuple[str, list[Row], list[str]]]:
    """Part by part its rows, and sentences about what could not be compared. quick: no peers, no network, smaller files."""
    made = {"speed": _speed, "scale": _scale, "quality": _quality, "coverage": _coverage}
    for part in (part for part in made if part in parts):
        absent: list[str] = []
        rows = list(made[part](absent, quick=quick))
        yield part, rows, list(dict.fromkeys(absent))


def _speed(absent: list[str], *, quick: bool) -> Iterator[Row]:
    half = half_overlap()
    yield from kernel_rows(half, absent, peers=not quick)
    yield from encoding_rows(half, absent, peers=not quick, people=5_000 if quick else 50_000)
    with TemporaryDirectory() as folder:
        yield large_row(Path(folder) / "large", 20_000 if quick else 100_000)


def _scale(absent: list[str], *, quick: bool) -> Iterator[Row]:
    yield from scale_rows(absent, people=5_000 if quick else 1_000_000)


def _quality(absent: list[str], *, quick: bool) -> Iterator[Row]:
    yield from register_rows(quick=quick)
    if TRUTH.exists():
        yield from reference_rows(TRUTH)
    else:
        absent.append("The truth of the reference registers lies beside the sources only, so they are not compared.")
    yield from quality_rows(two_files(half_overlap()), absent, peers=not quick)
    if not quick:
        yield from quality_rows(two_files(febrl4()), absent, peers=True)
        yield from quality_rows(one_file(febrl3()), absent, peers=True)
        rldata = _rldata(absent)
        if rldata is not None:
            yield from quality_rows(one_file(rldata), absent, peers=True)


def _coverage(absent: list[str], *, quick: bool) -> Iterator[Row]:
    yield from coverage_rows(febrl4(), None if quick else _rldata(absent), QUICK_SEEDS if quick else SEEDS)


def _rldata(absent: list[str]) -> Duplicates | None:
    try:
        return rldata10000()
    except PeerAbsent as error:
        absent.append(str(error))
        return None
