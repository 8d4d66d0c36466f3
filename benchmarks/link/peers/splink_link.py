"""Splink on two files in clear. Task: left, right (CSV with unique_id), pairs (file to write: id, id, score)."""

from __future__ import annotations

import csv
from typing import Any

import pandas as pd
import splink.comparison_library as cl
from common import answer
from splink import Linker, SettingsCreator, block_on
from splink.internals.duckdb.database_api import DuckDBAPI

BLOCKS = (
    ("surname", "given_name"),
    ("date_of_birth",),
    ("surname", "postcode"),
    ("given_name", "suburb"),
    ("address_1",),
)


def work(task: dict[str, Any]) -> dict[str, Any]:
    database = DuckDBAPI()
    frames = {side: pd.read_csv(task[side], dtype=str) for side in ("left", "right")}
    sides = [database.register(frame, dataset_display_name=f"file_{side}") for side, frame in frames.items()]
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=[
            cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
            cl.NameComparison("surname").configure(term_frequency_adjustments=True),
            cl.LevenshteinAtThresholds("date_of_birth", [1, 2]),
            cl.JaroWinklerAtThresholds("address_1", [0.9, 0.7]),
            cl.JaroWinklerAtThresholds("suburb", [0.9, 0.7]),
            cl.LevenshteinAtThresholds("postcode", [1]),
            cl.ExactMatch("state"),
        ],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in BLOCKS],
    )
    linker = Linker(sides, settings)
    linker.training.estimate_probability_two_random_records_match(
        [block_on("given_name", "surname", "date_of_birth")], recall=0.5
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("date_of_birth"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("surname", "given_name"))
    rows = linker.inference.predict(threshold_match_probability=0.01).as_record_list()
    with open(task["pairs"], "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for row in rows:
            ends = {row["source_dataset_l"]: row["unique_id_l"], row["source_dataset_r"]: row["unique_id_r"]}
            writer.writerow([ends["file_left"], ends["file_right"], row["match_probability"]])
    return {"found": len(rows)}


answer(work, "splink", "duckdb")
