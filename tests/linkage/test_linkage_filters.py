"""The compiled encoder against its plain twins: parts of names, their grams, filters and hashes, bit for bit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from linkage import bloom, bloom_plain, normalise
from linkage.encode import encode_fields, encode_records
from linkage.fields import RECORD_BITS, RECORD_HASHES, REGISTER, TOKEN_BITS, TOKEN_HASHES
from linkage.keys import StudyKeys
from linkage.names import ALPHABET, SYMBOLS, name_column
from linkage.views import words_of

KEYS = StudyKeys(b"k" * 32, "nr2015")
# Names as they come, and texts that try the seams: breaks, particles, many parts, repeats, controls, other scripts.
WORDS = st.sampled_from(
    [
        "van",
        "de",
        "El",
        "bin",
        "banana",
        "aaaa",
        "Jan",
        "jan",
        "Zoë",
        "王小明",
        "ab",
        "abc",
        "X" * 250,
        "O'Neill",
        "٣",
        "ß",
    ]
)
TEXTS = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.lists(WORDS, max_size=9).map(" ".join),
    st.lists(WORDS, max_size=4).map("-".join),
    st.text(st.characters(max_codepoint=0x7F), max_size=250),
)
COLUMNS = st.lists(TEXTS, max_size=12)


def _integers(words):
    return [sum(int(word) << (64 * place) for place, word in enumerate(row)) for row in words]


@settings(max_examples=150, deadline=None)
@given(COLUMNS)
@example([" ".join(f"w{c}" for c in "abcdefgh"), "a bb ccc dddd eeeee", "ee dd cc bb aa zz", "van de", None, ""])
@example(["a\x1cb", "a\x00b", "a\u2003b", "\u200b", "ｅ", "ﬁ ﬂ", "X" * 201 + " y"])
def test_parts_of_a_column_are_those_of_each_name(texts):
    column = name_column(pa.array(texts, pa.string()))
    words = column.words.to_pylist()
    for text, row in zip(texts, column.rows, strict=True):
        mine = [words[part] for part in column.parts[row] if part >= 0]
        assert tuple(sorted(mine)) == normalise.name_tokens(text)
        assert len(set(mine)) == len(mine)
    begin = 0
    pairs, repeats, ends = column.grams
    for word, end in zip(words, ends, strict=True):
        grams = zip(pairs[begin:end], repeats[begin:end], strict=True)
        assert [f"{ALPHABET[p // SYMBOLS]}{ALPHABET[p % SYMBOLS]}{r}" for p, r in grams] == bloom.bigrams(word)
        begin = end


@settings(max_examples=60, deadline=None)
@given(COLUMNS)
def test_name_fields_equal_their_twin(texts):
    """Both columns of a name field and the record encoding, made from the definitions with Python's integers."""
    length = len(texts)
    clear = {field.name: [None] * length for field in REGISTER.fields} | {"surname": texts}
    columns = encode_fields(clear, REGISTER, KEYS)
    parts = [normalise.name_tokens(text) for text in texts]
    fields = {
        "surname_f": ("filter", TOKEN_BITS, TOKEN_HASHES),
        "record_f": ("record filter", RECORD_BITS, RECORD_HASHES),
    }
    for name, (purpose, bits, hashes) in fields.items():
        key = KEYS.derive(purpose, "name")
        plain = [bloom_plain.name_filter(names, key, bits, hashes) for names in parts]
        assert _integers(words_of(columns[name], bits // 8)) == plain
    key = KEYS.derive("value", "name")
    hashed = [sorted(bloom.value_hash(key, part) for part in names) for names in parts]
    assert words_of(columns["surname_t"], 32).tolist() == [row + [0] * (4 - len(row)) for row in hashed]
    assert columns["surname_t"].is_valid().to_pylist() == [bool(names) for names in parts]


@pytest.mark.parametrize("year", ["1985", "0007", None])
def test_digit_fields_equal_their_twin(year):
    clear = {field.name: [None, None] for field in REGISTER.fields} | {"year": [year, "1999"]}
    columns = encode_fields(clear, REGISTER, KEYS)
    for row, text in enumerate((year, "1999")):
        grams = [] if text is None else bloom.placed_digits(text)
        plain = bloom_plain.gram_filter(grams, KEYS.derive("filter", "year"), 128, 8)
        assert _integers(words_of(columns["year_f"], 16))[row] == plain
        named = [f"year{gram}" for gram in grams]
        plain = bloom_plain.gram_filter(named, KEYS.derive("record filter", "year"), RECORD_BITS, RECORD_HASHES)
        assert _integers(words_of(columns["record_f"], 128))[row] == plain


def test_the_record_encoding_alone_is_the_same():
    clear = {field.name: ["Ana Banana", None, "x"] for field in REGISTER.fields}
    whole = words_of(encode_fields(clear, REGISTER, KEYS)["record_f"], RECORD_BITS // 8)
    assert np.array_equal(encode_records(clear, REGISTER, KEYS), whole)
    assert whole.any(axis=1).tolist() == [True, False, True]


def test_rows_of_a_slice_are_its_own():
    """Arrow slices share buffers with the whole column."""
    texts = pa.array(["Aa", "Bb", None, "Cc Dd", "Ee"], pa.string())
    column = name_column(texts.slice(2, 2))
    words = column.words.to_pylist()
    assert [sorted(words[p] for p in column.parts[row] if p >= 0) for row in column.rows] == [[], ["cc", "dd"]]


def test_values_are_not_changed_by_company():
    """The same value gets the same bits whatever else is in the column."""
    alone = encode_fields({f.name: ["Jan"] for f in REGISTER.fields}, REGISTER, KEYS)
    among = encode_fields({f.name: ["aaaa aaaa", "Jan", None] for f in REGISTER.fields}, REGISTER, KEYS)
    for name, column in alone.items():
        assert column[0] == among[name][1]
