"""`schakel bench noise`: the noisy regime against its targets and its peers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

QuickOption = Annotated[bool, typer.Option("--quick", help="Within a minute, without peers.")]
JsonOption = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the rows as JSON.")]


def noise(quick: QuickOption = False, json: JsonOption = None) -> None:
    """Error against the best possible mechanism, coverage of intervals, bias and time, each beside its target."""
    import json as codec

    from benchmarks.noise.run import bench
    from flows.budget import print_bench

    rows, notes = bench(quick)
    print_bench("Noise: measured beside its targets", rows, notes)
    if json is not None:
        json.write_text(codec.dumps(rows, indent=1) + "\n", encoding="utf-8")
