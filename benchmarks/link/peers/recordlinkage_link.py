"""recordlinkage on two files in clear, four blocks and its ECM classifier. Task as for Splink."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
import recordlinkage
from common import answer


def work(task: dict[str, Any]) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    left, right = (pd.read_csv(task[side], dtype=str, index_col="unique_id") for side in ("left", "right"))
    indexer = recordlinkage.Index()
    for rule in (["given_name"], ["surname"], ["date_of_birth"], ["postcode"]):
        indexer.block(rule)
    pairs = indexer.index(left, right)
    compare = recordlinkage.Compare()
    for name in ("given_name", "surname", "address_1", "suburb"):
        compare.string(name, name, method="jarowinkler", threshold=0.85, label=name)
    for name in ("date_of_birth", "postcode", "state"):
        compare.exact(name, name, label=name)
    vectors = compare.compute(pairs, left, right).fillna(0).astype(int)
    model = recordlinkage.ECMClassifier()
    model.fit(vectors)
    probability = model.prob(vectors)
    probability[probability > 0.01].to_csv(task["pairs"], header=False)
    return {"found": int((probability > 0.5).sum())}


answer(work, "recordlinkage", "pandas")
