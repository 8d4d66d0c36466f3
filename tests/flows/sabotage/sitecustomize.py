"""Put on PYTHONPATH by tests: makes one step fail as libraries do, with a record's value in the error, or for want of memory."""

import os
from typing import Any


def _fail_with_a_value(*arguments: Any, **_: Any) -> None:
    table = next(iter(arguments[0].registers.values())) if hasattr(arguments[0], "registers") else arguments[0]["IND"]
    row = table.slice(0, 3).to_pylist()
    raise KeyError(f"no such key: {row}")


if os.environ.get("SABOTAGE") == "encode":
    import linkage.encode

    linkage.encode.encode_registers = _fail_with_a_value
if os.environ.get("SABOTAGE") == "tabulate":
    import tabulation.tabulate

    tabulation.tabulate.tabulate = _fail_with_a_value
if os.environ.get("SABOTAGE") == "memory":
    import numpy

    import linkage.levels

    linkage.levels.name_pair_levels = lambda *_: numpy.empty(1 << 58)  # numpy itself refuses this: no machine has it
