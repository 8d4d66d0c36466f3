"""What a notebook and a restricted note say of time, trajectories and groups: from shown cells only, of nobody in person."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from flows.beyond import told
from flows.notebook import Release
from linkage.encode import encode_registers
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link
from schemas.errors import SchakelError
from schemas.intake import read_registers
from schemas.tables import COUNT, ProtectedTable
from tabulation.spread import Spread
from tabulation.tabulate import tabulate
from tests.conftest import EXAMPLES
from tests.flows import canaries
from tests.flows.invented_release import blanked, propose
from tests.tabulation.tabulation_reference import STUDIES, reference_tables, study_and_catalogue

QUALITY = {"registers": {"DTV+IND": {"recall": {"low": 0.95}}, "IND+IOM": {"recall": {"low": 0.9}}}}


def spread(tables: dict[str, ProtectedTable], behind: int) -> dict[str, Spread]:
    """Draws of the links that agree on every shown cell; behind a blank stands what is asked."""
    found = {}
    for name, table in tables.items():
        cells = table.frame[COUNT].to_numpy(dtype=np.float64, na_value=behind).astype(np.int64)
        drawn = np.stack([cells, cells + (cells > 5), np.where(table.frame[COUNT].isna(), 2 * behind, cells)])
        found[name] = Spread(drawn.min(axis=0), drawn.max(axis=0), drawn)
    return found


@pytest.mark.parametrize("study", STUDIES)
def test_no_word_of_a_note_depends_on_what_stands_behind_a_blank(study: str) -> None:
    tables = {name: blanked(table) for name, table in reference_tables(study).items() if table.kind == "count"}
    catalogue = study_and_catalogue(study)[1]
    assert any(table.frame[COUNT].isna().any() for table in tables.values())
    notes = [told(spread(tables, behind), tables, catalogue, QUALITY) for behind in (1, 4, 4999)]
    assert notes[0] == notes[1] == notes[2]
    assert len(notes[0]) > 0 or study == "wodc2020"


def everything(release: Release) -> list[bytes]:
    """All that the door shows, gives or raises, as bytes."""
    parts: list[object] = [repr(release), release.about, release._repr_html_()]
    for name, table in release.items():
        parts += [repr(table), table._repr_html_(), table.chart, table.notes, table.title]
        parts += [pickle.dumps(made) for made in (table.frame, table.intervals, table.percentages, table.top)]
        for asked in (table.curve, table.quartiles, table.readings, table.unseen, table.compared):
            try:
                parts.append(pickle.dumps(asked()))
            except SchakelError as refused:
                parts.append(str(refused))
        parts.append(pickle.dumps(release[name].protected))
    with pytest.raises(SchakelError) as unknown:
        release["nobody"]
    return [part if isinstance(part, bytes) else str(part).encode() for part in (*parts, unknown.value)]


@pytest.mark.slow
def test_the_notebook_door_shows_nothing_of_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marked people go through intake, encoding, linking and tables; no sign of them is in anything the door gives."""
    monkeypatch.delenv("SCHAKEL_STATE", raising=False)
    study, catalogue = study_and_catalogue("keten2015")
    data = canaries.plant(EXAMPLES, tmp_path / "data")
    encoded = encode_registers(read_registers(study, data), StudyKeys(b"k" * 32, study.id), "single-site")
    links = link(encoded.linkage, LinkParameters(), None)
    exact = tabulate(encoded.attributes, links.persons, study, catalogue)
    shown = {name: blanked(table) for name, table in exact.items()}
    folder = propose(tmp_path / "state", tmp_path, "keten2015-1", shown, study="keten2015")
    left = tmp_path / "left"
    left.mkdir()
    for at, part in enumerate(everything(Release.open(folder, "restricted"))):
        (left / str(at)).write_bytes(part)
    words = told(spread(shown, 3), shown, catalogue, links.quality)
    (left / "note").write_text(repr(words), encoding="utf-8")
    assert len(words) > 20
    assert canaries.found_in(left, folder) == []
    path = folder / "restricted" / "keten2015_traject.csv"
    path.write_text(f"{path.read_text()}{canaries.LAST},{canaries.V_NUMBER},ok\n")
    with pytest.raises(SchakelError) as changed:
        Release.open(folder, "restricted")
    assert not any(mark in str(changed.value) for mark in canaries.MARKS)
