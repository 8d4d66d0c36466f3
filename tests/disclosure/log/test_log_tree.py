"""The tree against RFC 6962 itself: published vectors, a naive twin, and every proof of every small tree."""

from __future__ import annotations

import hashlib

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from disclosure.log import tree
from disclosure.store import open_store
from disclosure.verify.script import is_consistent, root_from_inclusion

# Inputs and roots of the reference tests of Certificate Transparency (merkletree/merkle_tree_test.cc).
CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZE = 40


def naive_root(hashes):
    """MTH of RFC 6962, 2.1, word for word."""
    if len(hashes) == 1:
        return hashes[0]
    middle = 1
    while middle * 2 < len(hashes):
        middle *= 2
    pair = naive_root(hashes[:middle]) + naive_root(hashes[middle:])
    return hashlib.sha256(b"\x01" + pair).digest()


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A stored tree of SIZE leaves, and their hashes."""
    store = open_store(tmp_path_factory.mktemp("tree"))
    hashes = [tree.leaf_hash(f"leaf {number}".encode()) for number in range(SIZE)]
    with store.transaction() as tx:
        for number, value in enumerate(hashes):
            tree.append_hash(tx, number, value)
    with store.reading() as tx:
        yield tx, hashes
    store.close()


def test_published_vectors(tmp_path):
    store = open_store(tmp_path / "s")
    with store.transaction() as tx:
        for number, data in enumerate(CT_LEAVES):
            tree.append_hash(tx, number, tree.leaf_hash(bytes.fromhex(data)))
            assert tree.root(tx, number + 1).hex() == CT_ROOTS[number]
        assert tree.root(tx, 0) == hashlib.sha256(b"").digest()
    store.close()


def test_every_root_and_every_inclusion_proof(grown):
    tx, hashes = grown
    for size in range(1, SIZE + 1):
        root = tree.root(tx, size)
        assert root == naive_root(hashes[:size])
        for seq in range(size):
            path = tree.inclusion_path(tx, seq, size)
            assert len(path) <= (size - 1).bit_length()
            assert root_from_inclusion(hashes[seq], seq, size, path) == root


def test_every_consistency_proof(grown):
    tx, hashes = grown
    roots = [None] + [naive_root(hashes[:size]) for size in range(1, SIZE + 1)]
    for new in range(1, SIZE + 1):
        for old in range(1, new + 1):
            path = tree.consistency_path(tx, old, new)
            assert is_consistent(old, roots[old], new, roots[new], path)
            if old < new:
                assert not is_consistent(old, roots[new], new, roots[new], path)
                assert not is_consistent(old, roots[old], new, roots[old], path)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_wrong_leaf_place_or_path_never_proves(grown, data):
    tx, hashes = grown
    size = data.draw(st.integers(2, SIZE))
    seq = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != seq))
    root, path = tree.root(tx, size), tree.inclusion_path(tx, seq, size)
    assert root_from_inclusion(hashes[other], seq, size, path) != root
    assert root_from_inclusion(hashes[seq], other, size, path) != root
    assert root_from_inclusion(hashes[seq], seq, size, path[:-1]) != root
    assert root_from_inclusion(hashes[seq], seq, size, [*path, path[-1]]) != root
    broken = data.draw(st.integers(0, len(path) - 1))
    path[broken] = bytes(32)
    assert root_from_inclusion(hashes[seq], seq, size, path) != root


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_changed_past_is_never_consistent(grown, data):
    """For a tree whose leaf below `old` was changed, no proof that the honest log can give fits the kept root."""
    tx, hashes = grown
    new = data.draw(st.integers(2, SIZE))
    old = data.draw(st.integers(1, new))
    changed = data.draw(st.integers(0, old - 1))
    kept = naive_root([*hashes[:changed], bytes(32), *hashes[changed + 1 : old]])
    assert not is_consistent(old, kept, new, tree.root(tx, new), tree.consistency_path(tx, old, new))


def test_appending_stores_at_most_two_hashes_per_leaf(grown):
    tx, _ = grown
    count = tx.execute(sa.text("SELECT count(*) FROM nodes")).scalar()
    assert count == sum(SIZE >> level for level in range(SIZE.bit_length()))
    assert count < 2 * SIZE
