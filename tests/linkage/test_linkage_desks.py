"""The walls between the desks, as far as code makes them: what a desk does not import it cannot use."""

from __future__ import annotations

import json
import subprocess
import sys

from linkage.encode import encode_registers
from linkage.fields import REGISTER
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link
from tests.linkage.loader import ROOT, load


def _imported_by(module: str) -> set[str]:
    code = f"import sys, json, {module}; print(json.dumps([m for m in sys.modules if m.startswith('linkage')]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return set(json.loads(done.stdout))


def test_the_link_desk_has_no_code_that_derives_keys_or_reads_names():
    assert not _imported_by("linkage.link") & {
        "linkage.keys",
        "linkage.normalise",
        "linkage.names",
        "linkage.bloom",
        "linkage.encode",
    }


def test_the_encode_desk_does_not_link():
    assert not _imported_by("linkage.encode") & {"linkage.link", "linkage.model", "linkage.resolve", "linkage.evidence"}


def test_the_link_desk_needs_the_linkage_file_alone_and_gives_tokens_back():
    encoded = encode_registers(load("nr2015"), StudyKeys(b"k" * 32, "nr2015"), "single-site")
    bare = {bron: table.select(REGISTER.arrow().names) for bron, table in encoded.linkage.items()}
    assert all(table.equals(encoded.linkage[bron]) for bron, table in bare.items())
    links = link(bare, LinkParameters(), None)
    assert links.persons.column_names == ["token", "bron", "person_id", "weight", "rule", "cluster"]
    assert links.deterministic.column_names == ["token", "person_id"]
    # No pseudonym and no encoding travels on to the tabulate desk.
    pseudonyms = {p for t in bare.values() for n in ("subject", "record") for p in t.column(n).to_pylist() if p}
    passed_on = {
        v
        for t in (links.persons, links.deterministic, links.review, links.uncertain)
        for c in t.columns
        for v in c.to_pylist()
    }
    assert not pseudonyms & passed_on
