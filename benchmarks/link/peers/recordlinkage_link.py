"""recordlinkage on files in clear, blocks on single fields and its ECM classifier. Task as for Splink."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
import recordlinkage
from common import answer

BLOCKS = {"address": ("given_name", "surname", "date_of_birth", "postcode"), "people": ("fname_c1", "lname_c1", "by")}
NAMES = {
    "address": ("given_name", "surname", "address_1", "address_2", "suburb"),
    "people": ("fname_c1", "lname_c1"),
}
VALUES = {"address": ("date_of_birth", "postcode", "street_number", "state"), "people": ("by", "bm", "bd")}


def work(task: dict[str, Any]) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    frames = [pd.read_csv(path, dtype=str, index_col="unique_id") for path in task["files"]]
    for frame in frames:
        frame.index = frame.index.astype(str)
    kind = task["kind"]
    indexer = recordlinkage.Index()
    for rule in BLOCKS[kind]:
        indexer.block([rule])
    pairs = indexer.index(*frames)
    compare = recordlinkage.Compare()
    for name in NAMES[kind]:
        compare.string(name, name, method="jarowinkler", threshold=0.85, label=name)
    for name in VALUES[kind]:
        compare.exact(name, name, label=name)
    vectors = compare.compute(pairs, *frames).fillna(0).astype(int)
    model = recordlinkage.ECMClassifier()
    model.fit(vectors)
    probability = model.prob(vectors)
    # From its start the plain ECM can find the classes the wrong way round; that is put right for it here.
    if probability[vectors.sum(axis=1) == vectors.sum(axis=1).max()].mean() < 0.5:
        probability = 1 - probability
    probability[probability > 0.01].to_csv(task["pairs"], header=False)
    return {"found": int((probability > 0.5).sum())}


answer(work, "recordlinkage", "pandas")
