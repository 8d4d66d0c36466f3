"""How long all files of a release take, written again from the release's own tables: `python -m benchmarks.publication RELEASE`.

Reads protected tables only. The target is that of the nr2015 study: all outputs in under 20 seconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.rows import Row, targeted
from disclosure.reader import read_table, table_ids
from flows.publication import AudienceFacts, MethodFacts, write_public, write_restricted
from flows.publication.printed import study_tables
from schemas.policy import load_policy
from schemas.study import Study, Text, load_study, resource
from schemas.tables import Audience

TARGET = 20.0
PARTS: tuple[tuple[Audience, Callable[..., list[str]]], ...] = (
    ("public", write_public),
    ("restricted", write_restricted),
)


def measure(release: Path) -> list[Row]:
    """Wall and processor seconds of writing both parts of a release."""
    study = load_study(release.resolve().parent.name)
    catalogue, facts = study_tables(study.id).catalogue, _facts(study)
    tables = {part: {name: read_table(release, part, name) for name in table_ids(release, part)} for part, _ in PARTS}
    with tempfile.TemporaryDirectory() as folder:
        wall, processor = time.perf_counter(), time.process_time()
        for part, write in PARTS:
            (Path(folder) / part).mkdir()
            write(Path(folder) / part, tables[part], catalogue, study, facts)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        files = sum(path.is_file() for path in Path(folder).rglob("*"))
    return [
        targeted(f"publication.{study.id}.seconds", round(wall, 2), "s", "<=", TARGET),
        Row(f"publication.{study.id}.processor", round(processor, 2), "s"),
        Row(f"publication.{study.id}.files", files, "files"),
    ]


def _facts(study: Study) -> MethodFacts:
    policy, digest = load_policy(resource(study.id, "policies", study.policy))
    words = Text(nl="meting", en="measurement")
    noise = policy.public.noise
    return MethodFacts(
        policy.id, policy.version, digest, words, AudienceFacts(policy.public.regime),
        AudienceFacts(policy.restricted.regime), None, "benchmark", noise.labels if noise else {},
    )  # fmt: skip


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        for row in measure(Path(argument)):
            sys.stdout.write(json.dumps(asdict(row)) + "\n")
