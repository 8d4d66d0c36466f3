"""The study secret: refused when wrong, separate per study, never shown."""

from __future__ import annotations

import pickle
import stat

import pytest

from linkage.bloom import mac, macs
from linkage.keys import StudyKeys, create_key, load_key
from schemas.errors import UsageError


def test_create_and_load(tmp_path):
    path = tmp_path / "new" / "study.key"
    create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(load_key(path)) == 32
    with pytest.raises(UsageError, match="never overwritten"):
        create_key(path)
    assert len(load_key(path)) == 32


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [(b"k" * 31, 0o600, "31 bytes"), (b"", 0o600, "0 bytes"), (b"k" * 32, 0o640, "read by others")],
)
def test_bad_secret_is_refused(tmp_path, content, mode, says):
    path = tmp_path / "study.key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(UsageError, match=says):
        load_key(path)


def test_missing_secret_and_folder(tmp_path):
    with pytest.raises(UsageError, match="no study secret"):
        load_key(tmp_path / "absent")
    with pytest.raises(UsageError, match="not a file"):
        load_key(tmp_path)


def test_derived_keys_differ_by_study_purpose_and_field():
    secret = bytes(range(32))
    a, b = StudyKeys(secret, "a"), StudyKeys(secret, "b")
    derived = [
        a.derive("subject", "vnumber"),
        b.derive("subject", "vnumber"),
        a.derive("record", "vnumber"),
        a.derive("subject", "name"),
        # Length prefixes: moving a letter from one part to the next is another key.
        a.derive("subjectv", "number"),
    ]
    assert len(set(derived)) == len(derived)
    assert StudyKeys(secret, "a").derive("subject", "vnumber") == derived[0]
    assert a.key_id != b.key_id


def test_keys_are_not_shown_and_not_pickled():
    keys = StudyKeys(b"\x07" * 32, "a")
    assert (b"\x07" * 32).hex() not in repr(keys)
    assert "\\x07" not in repr(keys)
    with pytest.raises(UsageError, match="not pickled"):
        pickle.dumps(keys)


def test_many_pseudonyms_at_once_are_those_one_by_one():
    """RFC 2104 by hand against Python's HMAC."""
    texts = ["2930279489", "", "é" * 100, None, "1"]
    for key in (bytes(range(32)), b"k"):
        assert macs(key, texts) == [None if text is None else mac(key, text) for text in texts]
