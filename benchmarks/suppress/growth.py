"""How the cost per cell grows with the table: `python -m benchmarks.suppress.growth [--svg FILE] [--json FILE] [SIZE ...]`.

Tables of three dimensions with totals, regions in groups of five, three invented people per cell. Measured are the processor
seconds until the first certified pattern, against every person who is alone in a cell: reading, choosing and attacking.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd

from benchmarks.rows import Row, table, write_rows
from disclosure.protect_instance import protect_instance

SIZES = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
AGES, ORIGINS, GROUP = 7, 9, 5
PEOPLE = 3  # per cell, totals among the cells included
SEED = 20_260
AT_ONCE = 1.0  # seconds to look for something better


def make(folder: Path, size: int) -> None:
    """An instance of about `size` non-empty cells."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    regions = max(2, round(size / ((AGES + 1) * (ORIGINS + 1)) * GROUP / (GROUP + 1)))
    places = [f"r{i}" for i in range(regions)]
    trees = {
        "R": ["Total,", *(f"g{i},Total" for i in range(-(-regions // GROUP)))]
        + [f"{place},g{i // GROUP}" for i, place in enumerate(places)],
        "A": ["Total,", *(f"a{i},Total" for i in range(AGES))],
        "O": ["Total,", *(f"o{i},Total" for i in range(ORIGINS))],
    }
    for name, lines in trees.items():
        (folder / f"hierarchy_{name}.csv").write_text("\n".join(["code,parent", *lines]) + "\n", encoding="utf-8")
    (folder / "instance.toml").write_text(
        f'name = "grown{size}"\n[rule]\nthreshold = 3\nzeros = "published"\n'
        '[[table]]\nid = "t"\ndimensions = ["R", "A", "O"]\n',
        encoding="utf-8",
    )
    chances = [generator.dirichlet(np.full(count, 2.0)) for count in (regions, AGES, ORIGINS)]
    drawn = [generator.choice(len(chance), size * PEOPLE, p=chance) for chance in chances]
    with (folder / "micro.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["R", "A", "O"])
        writer.writerows((f"r{r}", f"a{a}", f"o{o}") for r, a, o in zip(*drawn, strict=True))


def grown(size: int) -> list[Row]:
    """Rows for one table."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "instance"
        folder.mkdir()
        make(folder, size)
        started = time.process_time()
        done = protect_instance(folder, Path(work) / "out", objective="value", insider="person", time_limit=AT_ONCE)
        took = time.process_time() - started
    return [
        Row(f"{done.cells} cells, {done.primaries} primaries: until certified", round(took, 1), "s CPU"),
        Row(f"{done.cells} cells: per cell", round(1000 * took / done.cells, 2), "ms CPU"),
        Row(f"{done.cells} cells: value of the blanks per primary", round(done.choice.measure / done.primaries, 1), ""),
    ]


def chart(rows: list[Row], file: Path) -> None:
    """Milliseconds per cell against cells, as SVG."""
    points = [(int(row.metric.split()[0]), float(row.value or 0)) for row in rows if row.metric.endswith("per cell")]
    drawn = (
        alt.Chart(pd.DataFrame(points, columns=["cells", "ms"]))
        .mark_line(point=True)
        .encode(
            alt.X("cells", scale=alt.Scale(type="log"), title="cells of the table"),
            alt.Y("ms", title="processor milliseconds per cell until certified"),
        )
        .properties(width=480, height=260)
    )
    drawn.save(file)


def main() -> None:
    """Measure, print, and write what was asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, metavar="SIZE")
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    grown(SIZES[0])  # compiles what is compiled once
    rows: list[Row] = []
    for size in given.sizes or SIZES:  # each is kept when it is there: the largest may take longer than anybody waits
        rows += grown(size)
        if given.svg:
            chart(rows, given.svg)
        if given.json:
            write_rows(rows, given.json)
    sys.stdout.write(table(rows) + "\n")


if __name__ == "__main__":
    main()
