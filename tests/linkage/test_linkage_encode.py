"""The encode desk: spelling variants meet, studies do not, and the two files meet only through tokens."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage import normalise
from linkage.encode import encode_fields, encode_registers
from linkage.fields import REGISTER
from linkage.keys import StudyKeys
from linkage.views import words_of
from schemas.errors import UsageError
from tests.linkage.loader import Loaded, load

KEYS = StudyKeys(b"k" * 32, "nr2015")


def _fields(keys=KEYS, **values):
    base = {"surname": "x", "given": "y", "year": None, "month": None, "day": None, "sex": None, "nationality": None}
    return encode_fields({name: [values.get(name, default)] for name, default in base.items()}, REGISTER, keys)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("van der Bērziņš", "BERZINS"),
        ("El Amrani-Pérez", "perez, el amrani"),
        ("O'Neill", "ONEILL"),
        ("de la Cruz", "Cruz"),
        ("Müller", "MULLER"),
        ("Иванова", "Ivanova"),
    ],
)
def test_spellings_meet(left, right):
    assert normalise.name_tokens(left) == normalise.name_tokens(right) != ()


@pytest.mark.parametrize("text", ["", "   ", None, "-", "...", "\u200b"])
def test_empty_names_are_missing(text):
    assert normalise.name_tokens(text) == ()
    assert _fields(surname=text)["surname_t"].null_count == 1
    assert _fields(surname=text)["surname_f"].null_count == 1


@pytest.mark.parametrize("text", ["A", "王小明", "محمد", "የሰው", "X" * 200, "a b c d e f g h", "van", "ß"])
def test_odd_names_encode(text):
    tokens = normalise.name_tokens(text)
    assert 1 <= len(tokens) <= normalise.MAX_TOKENS
    assert all(token.isascii() and token.isalnum() for token in tokens)
    assert np.bitwise_count(words_of(_fields(surname=text)["surname_f"], 64)).sum() > 0


@given(st.text(max_size=300))
def test_any_text_normalises(text):
    tokens = normalise.name_tokens(text)
    assert tokens == tuple(sorted(set(tokens)))
    assert len(tokens) <= normalise.MAX_TOKENS
    assert normalise.name_tokens(" ".join(tokens)) == tokens


@pytest.mark.parametrize(
    ("birth", "on", "age"),
    [
        ("1990-05-17", date(2014, 5, 16), 23),
        ("1990-05-17", date(2014, 5, 17), 24),
        ("1996-02-29", date(2014, 2, 28), 17),
        ("1996-02-29", date(2014, 3, 1), 18),
        ("1996-02-29", date(2012, 2, 29), 16),
        ("1985-00-00", date(2014, 6, 1), None),
        ("1985-00-00", date(2014, 12, 31), 29),
        ("1985-04-00", date(2014, 3, 31), 28),
        ("1985-04-00", date(2014, 4, 15), None),
        ("1985-04-00", date(2014, 4, 30), 29),
        ("1985-04-00", date(2014, 5, 1), 29),
        ("0000-05-17", date(2014, 6, 1), None),
        (None, date(2014, 6, 1), None),
        ("1990-05-17", None, None),
    ],
)
def test_completed_years(birth, on, age):
    assert normalise.completed_years(birth, on) == age
    assert _age(birth, on) == age


def _age(birth, on):
    """The same through the columns of a register, between two other rows."""
    births, dates = ["1950-01-31", birth, None], [date(2000, 1, 30), on, date(2000, 1, 1)]
    ages = normalise.ages(pa.array(births, pa.string()), pa.array(dates, pa.date32())).to_pylist()
    assert (ages[0], ages[2]) == (49, None)
    return ages[1]


@given(st.integers(1890, 2030), st.integers(0, 12), st.integers(0, 31), st.dates(date(1960, 1, 1), date(2040, 1, 1)))
def test_ages_of_columns_are_those_of_each_row(year, month, day, on):
    day = 0 if month == 0 else min(day, monthrange(year, month)[1])
    birth = f"{year:04}-{month:02}-{day:02}"
    assert _age(birth, on) == normalise.completed_years(birth, on)


def test_partial_birth_dates_keep_what_is_known():
    assert normalise.birth_parts("1985-00-00") == ("1985", None, None)
    assert normalise.birth_parts("0000-05-17") == (None, "05", "17")
    assert normalise.birth_parts(None) == (None, None, None)
    assert normalise.birth_parts("1985-00-00") != normalise.birth_parts("1985-01-01")


def test_unknown_codes_are_missing():
    columns = _fields(sex="O", nationality="XXX")
    assert columns["sex_h"].null_count == columns["nationality_h"].null_count == 1


def test_equal_values_agree_within_a_study_and_never_between_studies():
    one, same = _fields(surname="Diallo", year="1985"), _fields(surname="DIALLO", year="1985")
    other = _fields(StudyKeys(b"k" * 32, "wodc2020"), surname="Diallo", year="1985")
    for name, column in one.items():
        assert column.equals(same[name])
        assert column.null_count or not column.equals(other[name])


def test_day_and_month_share_a_code_but_year_does_not():
    columns = _fields(month="05", day="05", year="0005")
    assert columns["month_h"].equals(columns["day_h"])
    assert not columns["month_h"].equals(columns["year_h"])


@pytest.fixture(scope="module")
def loaded():
    return load("nr2015")


@pytest.fixture(scope="module")
def encoded(loaded):
    return encode_registers(loaded, KEYS, "single-site")


def test_the_two_files_meet_only_through_tokens(loaded, encoded):
    for bron, table in loaded.registers.items():
        linkage, attributes, keys = (getattr(encoded, n)[bron] for n in ("linkage", "attributes", "keys"))
        assert set(linkage.column_names) & set(attributes.column_names) == {"token"}
        assert linkage.num_rows == attributes.num_rows == keys.num_rows == table.num_rows
        tokens = [t.column("token").to_pylist() for t in (linkage, attributes, keys)]
        assert len(set(tokens[0])) == table.num_rows
        assert set(tokens[0]) == set(tokens[1]) == set(tokens[2])
        # Independent orders: two shuffles of 128 rows or more share a place about once, not everywhere.
        assert sum(a == b for a, b in zip(tokens[0], tokens[1], strict=True)) < 12
        assert not set(attributes.column_names) & {"vnummer", "achternaam", "voornamen", "geboortedatum", "regel"}
        assert all(pa.types.is_fixed_size_binary(t) for t in linkage.schema.types)


def test_the_linkage_file_holds_nothing_in_clear(loaded, encoded):
    """Every distinct value of the identifying columns is absent from the bytes of the linkage file, as is the key."""
    for bron, table in loaded.registers.items():
        linkage = encoded.linkage[bron]
        data = b"".join(b.to_pybytes() for c in linkage.columns for k in c.chunks for b in k.buffers() if b)
        for column in ("vnummer", "achternaam", "voornamen", "geboortedatum"):
            values = [v for v in table.column(column).unique().to_pylist() if v and len(v) >= 5]
            assert values
            assert not any(v.encode() in data for v in values)


def test_tokens_are_random_and_pseudonyms_are_not(loaded, encoded):
    again = encode_registers(loaded, KEYS, "single-site")
    one, two = encoded.linkage["DTV"], again.linkage["DTV"]
    assert not set(one.column("token").to_pylist()) & set(two.column("token").to_pylist())
    assert set(one.column("record").to_pylist()) == set(two.column("record").to_pylist())


def test_another_study_gives_pseudonyms_that_do_not_join(loaded, encoded):
    other = encode_registers(loaded, StudyKeys(b"k" * 32, "other"), "single-site")
    for column in ("subject", "record", "record_f", "surname_f", "given_t", "year_h", "nationality_h"):
        mine = set(encoded.linkage["IND"].column(column).to_pylist()) - {None}
        theirs = set(other.linkage["IND"].column(column).to_pylist()) - {None}
        assert not mine & theirs


def test_ages_join_back_through_the_token(loaded, encoded):
    keys = dict(zip(*(encoded.keys["DTV"].column(n).to_pylist() for n in ("token", "sleutel")), strict=True))
    births = dict(
        zip(*(loaded.registers["DTV"].column(n).to_pylist() for n in ("d9_nummer", "geboortedatum")), strict=True)
    )
    rows = encoded.attributes["DTV"].select(["token", "leeftijd", "d9_start"]).to_pylist()
    assert encoded.attributes["DTV"].schema.field("leeftijd").type == pa.int16()
    for row in rows:
        born = date.fromisoformat(births[keys[row["token"]]])
        on = row["d9_start"]
        assert row["leeftijd"] == on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def test_unknown_profile_and_register(loaded):
    with pytest.raises(UsageError, match="profile"):
        encode_registers(loaded, KEYS, "none")
    with pytest.raises(UsageError, match="register"):
        encode_registers(Loaded({"COA": loaded.registers["DTV"]}), KEYS, "single-site")
