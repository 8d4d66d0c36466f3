"""`schakel protect INSTANCE`: any table with its hierarchies, blanked so that nobody can work a small cell out, or refused."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

from disclosure.store import write_private
from disclosure.suppress.certificate import certificate_of, refuse_exposed
from disclosure.suppress.choose import Choice, choose
from disclosure.suppress.instance import Instance, read_instance
from disclosure.suppress.problem import Insider, Objective
from schemas.errors import InputRefused, UsageError
from schemas.tables import COUNT, STATUS


@dataclass(frozen=True)
class Outcome:
    """What was decided about an instance."""

    name: str
    cells: int
    primaries: int
    secondaries: int
    choice: Choice
    insider: Insider

    def summary(self) -> str:
        """One paragraph for the terminal."""
        return (
            f"{self.name}: {self.cells} cells, {self.primaries} small ones blank and {self.secondaries} more to protect them "
            f"(value {self.choice.measure:.0f}, no safe pattern below {self.choice.bound:.0f}: gap {self.choice.gap:.1%}); "
            f"attacked ({self.insider}): nobody learns anything; {self.choice.seconds:.1f} s."
        )


def protect_instance(folder: Path, out: Path, *, objective: Objective, insider: Insider, time_limit: float) -> Outcome:
    """Write OUT/<table>.csv and OUT/certificate.json (0600). InputRefused (3) for bad input, DisclosureRefused (4) when unsafe."""
    if not folder.is_dir():
        raise UsageError(f"The instance folder {folder} does not exist; name the folder that holds instance.toml.")
    instance = read_instance(folder)
    system, rule = instance.system, instance.rule
    choice = choose(system, objective, insider, time_limit, rule.protect_down, rule.protect_up)
    refuse_exposed(system, choice.found)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, layout in instance.layout.items():
            (out / f"{name}.csv").write_bytes(_csv(instance, name, layout, choice))
    except OSError as error:
        raise InputRefused(f"{out} cannot be written ({error.strerror}); choose another --out.") from None
    content = certificate_of(system, choice, choice.found, objective, insider)
    write_private(out / "certificate.json", json.dumps({"instance": instance.name, **content}, indent=1).encode())
    secondary = int((choice.blank & ~system.primary).sum())
    return Outcome(instance.name, system.size, int(system.primary.sum()), secondary, choice, insider)


def _csv(instance: Instance, name: str, layout: list[tuple[tuple[str, ...], int]], choice: Choice) -> bytes:
    dimensions = next(table.dimensions for table in instance.tables if table.id == name)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*dimensions, COUNT, STATUS])
    for codes, cell in layout:
        blank = bool(choice.blank[cell])
        writer.writerow([*codes, "" if blank else int(instance.system.values[cell]), "suppressed" if blank else "ok"])
    return text.getvalue().encode()
