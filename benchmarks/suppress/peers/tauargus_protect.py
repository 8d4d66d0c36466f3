"""Tau-Argus (its HiGHS build) on an instance: a task as JSON on standard input, the blank cells of every table on standard output.

The rule is a minimum frequency with half the count as protection range, which asks for no more than [v - 1, v + 1].
"""

import csv
import json
import os
import sys
import tempfile
import time
import tomllib

from pytauargus import protect


def lines(parents: dict[str, str], code: str, depth: int) -> list[str]:
    """The hierarchy below `code` as Tau-Argus reads it: one @ per level."""
    found = []
    for child, parent in parents.items():
        if parent == code:
            found += ["@" * depth + child, *lines(parents, child, depth + 1)]
    return found


def main() -> None:
    """Answer one task: {"instance": folder, "method": "OPT(1)" or "MOD(1)"}."""
    task = json.load(sys.stdin)
    folder, out = task["instance"], os.dup(1)
    os.dup2(2, 1)  # the engine talks on standard output
    with open(f"{folder}/instance.toml", "rb") as handle:
        spec = tomllib.load(handle)
    with open(f"{folder}/micro.csv", encoding="utf-8") as handle:
        people = list(csv.DictReader(handle))
    tables = [table["dimensions"] for table in spec["table"]]
    names = list(dict.fromkeys(name for table in tables for name in table))
    with tempfile.TemporaryDirectory() as work:
        trees = {}
        for name in names:
            with open(f"{folder}/hierarchy_{name}.csv", encoding="utf-8") as handle:
                parents = {row["code"]: row["parent"] for row in csv.DictReader(handle)}
            tree = lines(parents, "Total", 0)
            if any(line.startswith("@") for line in tree):
                trees[name] = f"{work}/{name}.hrc"
                with open(trees[name], "w", encoding="utf-8") as handle:
                    handle.write("\n".join(tree) + "\n")
        micro = {name: [row[name] for row in people] for name in names} | {"aantal": [1] * len(people)}
        started, cpu = time.monotonic(), time.process_time()
        done = protect(
            micro, tables, "aantal", f"FREQ({spec['rule']['threshold']},50)", task["method"],
            hrc=trees, hierleadstring="@", totcode="Total", workdir=f"{work}/run",
        )  # fmt: skip
        answer = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - cpu, "tables": [
            [[row[name] for name in dimensions] for row in result.rows if row["status"] in ("U", "M")]
            for dimensions, result in zip(tables, done.tables, strict=True)
        ]}  # fmt: skip
    os.write(out, (json.dumps(answer) + "\n").encode())


main()
