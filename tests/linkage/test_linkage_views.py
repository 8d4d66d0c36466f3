"""Views: which rows are one record, and which of them are written alike."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from linkage.encode import encode_registers
from linkage.fields import REGISTER
from linkage.keys import StudyKeys
from linkage.views import load_views, mixed
from tests.linkage.loader import load

KEYS = StudyKeys(b"k" * 32, "nr2015")


@pytest.fixture(scope="module")
def linkage():
    return encode_registers(load("nr2015"), KEYS, "single-site").linkage


def test_views_are_the_distinct_rows_of_each_record(linkage):
    """Against Python's dictionaries over whole rows."""
    views = load_views(linkage, REGISTER)
    subjects: dict[bytes, int] = {}
    for bron, table in linkage.items():
        side = views[bron]
        rows = table.drop_columns(["token"]).to_pylist()
        records = side.records.to_pylist()
        assert records == sorted({row["record"] for row in rows})
        assert [records[e] for e in side.row_entity] == [row["record"] for row in rows]
        spellings = {tuple(row.values()) for row in rows}
        assert len(side.entity) == len(spellings) == len({*side.row_view.tolist()})
        for row, view in zip(rows, side.row_view.tolist(), strict=True):
            assert side.words["record_f"][view].tobytes() == row["record_f"]
            assert side.words["given_t"][view].tobytes() == (row["given_t"] or bytes(32))
            assert side.present("given")[view] == (row["given_t"] is not None)
            code = int(side.subject[view])
            assert (code < 0) == (row["subject"] is None)
            if code >= 0:
                assert subjects.setdefault(row["subject"], code) == code
    assert len(set(subjects.values())) == len(subjects)


def test_the_order_of_rows_does_not_matter(linkage):
    """A reordered delivery has the same views in the same order."""
    turned = {bron: table.take(pa.array(np.arange(table.num_rows)[::-1])) for bron, table in linkage.items()}
    for bron, side in load_views(linkage, REGISTER).items():
        other = load_views(turned, REGISTER)[bron]
        assert side.records.equals(other.records)
        assert np.array_equal(side.entity, other.entity)
        assert np.array_equal(side.row_view, other.row_view[::-1])
        assert all(np.array_equal(words, other.words[name]) for name, words in side.words.items())


def test_registers_without_rows(linkage):
    empty = load_views({bron: table.slice(0, 0) for bron, table in linkage.items()}, REGISTER)
    assert all(side.entities == len(side.entity) == len(side.row_view) == 0 for side in empty.values())
    assert load_views({}, REGISTER) == {}


def test_mixtures_are_equal_only_for_equal_rows():
    generator = np.random.Generator(np.random.PCG64(8))
    keyed = generator.integers(1, 2**64, 40, dtype=np.uint64)
    rows = keyed[generator.integers(0, 40, (20_000, 4))]
    rows[:, 2:] *= (generator.random((20_000, 2)) < 0.5).astype(np.uint64)
    assert len(np.unique(mixed(rows))) == len(np.unique(rows, axis=0))
    assert mixed(np.zeros((1, 4), np.uint64)).tolist() == [0]
