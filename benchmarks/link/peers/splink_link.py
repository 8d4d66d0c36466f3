"""Splink on files in clear. Task: files (one or two CSV with unique_id), kind, pairs (file to write: id, id, probability).

Every field that Schakel gets is compared, in the manner of Splink's own comparison library and its tutorials.
"""

from __future__ import annotations

import csv
from typing import Any

import pandas as pd
import splink.comparison_library as cl
from common import answer
from splink import Linker, SettingsCreator, block_on
from splink.internals.duckdb.database_api import DuckDBAPI

BLOCKS = {
    "address": (
        ("surname", "given_name"),
        ("date_of_birth",),
        ("surname", "postcode"),
        ("given_name", "suburb"),
        ("address_1",),
    ),
    "people": (("fname_c1", "lname_c1"), ("by", "bm", "bd"), ("lname_c1", "by"), ("fname_c1", "bm", "bd")),
}
# Rules that hardly link strangers, and the share of matches they are thought to find: what Splink asks of its user.
SURE = {
    "address": ((("given_name", "surname", "date_of_birth"),), 0.5),
    "people": ((("fname_c1", "lname_c1", "by"), ("lname_c1", "by", "bm", "bd"), ("fname_c1", "by", "bm", "bd")), 0.7),
}
TRAIN = {
    "address": (("date_of_birth",), ("surname", "given_name")),
    "people": (("by", "bm", "bd"), ("fname_c1", "lname_c1")),
}


def _comparisons(kind: str) -> list[Any]:
    if kind == "people":
        return [
            cl.NameComparison("fname_c1").configure(term_frequency_adjustments=True),
            cl.NameComparison("lname_c1").configure(term_frequency_adjustments=True),
            cl.LevenshteinAtThresholds("by", [1]),
            cl.LevenshteinAtThresholds("bm", [1]),
            cl.LevenshteinAtThresholds("bd", [1]),
        ]
    return [
        cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
        cl.NameComparison("surname").configure(term_frequency_adjustments=True),
        cl.LevenshteinAtThresholds("date_of_birth", [1, 2]),
        cl.JaroWinklerAtThresholds("address_1", [0.9, 0.7]),
        cl.JaroWinklerAtThresholds("address_2", [0.9, 0.7]),
        cl.JaroWinklerAtThresholds("suburb", [0.9, 0.7]),
        cl.LevenshteinAtThresholds("postcode", [1]),
        cl.LevenshteinAtThresholds("street_number", [1]),
        cl.ExactMatch("state"),
    ]


def work(task: dict[str, Any]) -> dict[str, Any]:
    database, kind = DuckDBAPI(), task["kind"]
    frames = [pd.read_csv(path, dtype=str) for path in task["files"]]
    sides = [database.register(frame, dataset_display_name=f"file_{n}") for n, frame in enumerate(frames)]
    settings = SettingsCreator(
        link_type="link_only" if len(sides) == 2 else "dedupe_only",
        comparisons=_comparisons(kind),
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in BLOCKS[kind]],
    )
    linker = Linker(sides if len(sides) == 2 else sides[0], settings)
    rules, recall = SURE[kind]
    linker.training.estimate_probability_two_random_records_match([block_on(*rule) for rule in rules], recall=recall)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in TRAIN[kind]:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    rows = linker.inference.predict(threshold_match_probability=0.01).as_record_list()
    with open(task["pairs"], "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for row in rows:
            ends = [row["unique_id_l"], row["unique_id_r"]]
            if row.get("source_dataset_l") == "file_1":
                ends.reverse()
            writer.writerow([*ends, row["match_probability"]])
    return {"found": len(rows)}


answer(work, "splink", "duckdb")
