"""Code lists are complete, versioned, and refuse what they do not name."""

from __future__ import annotations

import csv
from collections.abc import Callable

import pytest
from intake_files import EXAMPLES, ROOT

from schemas import codelists
from schemas.codelists import (
    code_list,
    code_lists,
    codes,
    country_names,
    labels,
    nationalities,
    region,
    region_lists,
)
from schemas.errors import UsageError
from schemas.extracts import EXTRACTS

ROWS = {name: codelists._rows(name) for name in ("regions.csv", "countries.csv", "labels.csv")}


def test_nationalities_are_iso_3166_kosovo_and_unknown() -> None:
    assert len(nationalities()) == len(set(nationalities())) == 251
    assert {"XKX", "XXX", "NGA", "NLD"} <= set(nationalities())
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in nationalities())
    assert list(nationalities()) == sorted(nationalities())


def test_region_lists_are_the_ones_of_the_reports() -> None:
    assert region_lists() == ("nr2015_f08", "nr2015_f12", "nr2015_f20", "wodc2020")


@pytest.mark.parametrize("list_id", ["nr2015_f08", "nr2015_f12", "nr2015_f20", "wodc2020"])
def test_every_nationality_has_a_region_of_the_list(list_id: str) -> None:
    regions = region(list_id)
    assert set(nationalities()) <= set(regions)
    assert set(regions.values()) == set(codes(list_id))
    with (ROOT / "schemas" / "codelists" / "regions.csv").open(encoding="utf-8", newline="") as handle:
        assert regions == {row["iso3"]: row[list_id] for row in csv.DictReader(handle)}


def test_the_footnotes_oddities_are_kept() -> None:
    """Guyana is African in footnote 47 (sic), Egypt is elsewhere in footnote 60, North Korea Asian there."""
    f08, f12, f20 = region("nr2015_f08"), region("nr2015_f12"), region("nr2015_f20")
    assert [f08[code] for code in ("GUY", "EGY", "SDN", "MRT", "SOM")] == ["afrika"] * 5
    assert (f12["EGY"], f12["PRK"]) == ("anders", "azie")
    assert (f20["EST"], f20["MAR"], f20["CHN"]) == ("eu2004", "anders", "anders")
    assert region("wodc2020")["MAR"] == "afrika"


def test_a_code_that_a_list_does_not_name_is_an_error_that_names_the_list() -> None:
    with pytest.raises(UsageError, match="nr2015_f08") as caught:
        region("nr2015_f08")["QQQ"]
    assert "QQQ" not in str(caught.value)


def test_an_incomplete_region_list_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in ROWS["regions.csv"] if row["iso3"] != "GIN"]
    bent = tuple(row | ({"nr2015_f12": "mars"} if row["iso3"] == "NGA" else {}) for row in rows)
    monkeypatch.setattr(codelists, "_rows", lambda name: bent if name == "regions.csv" else ROWS[name])
    region.cache_clear()
    with pytest.raises(UsageError, match=r"'nr2015_f12' .*GIN, NGA"):
        region("nr2015_f12")
    region.cache_clear()


@pytest.mark.parametrize("ask", [lambda: region("nr2015_f99"), lambda: region("procedure"), lambda: codes("kleur")])
def test_a_list_that_does_not_exist_is_an_error(ask: Callable[[], object]) -> None:
    with pytest.raises(UsageError, match="lists are"):
        ask()


def test_every_list_has_a_version_and_a_digest_of_its_content() -> None:
    lists = code_lists()
    assert len({entry.digest for entry in lists.values()}) == len(lists)
    assert all(entry.version and entry.source and entry.codes and len(entry.digest) == 64 for entry in lists.values())
    assert code_list("procedure") == lists["procedure"]


def test_digests_change_with_the_content_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A moved country changes the list's digest and no other; so does a version."""
    before = code_lists()
    bent = tuple(row | ({"nr2015_f12": "azie"} if row["iso3"] == "NGA" else {}) for row in ROWS["regions.csv"])
    monkeypatch.setattr(codelists, "_rows", lambda name: bent if name == "regions.csv" else ROWS[name])
    code_list.cache_clear()
    after = code_lists()
    code_list.cache_clear()
    assert [list_id for list_id in before if before[list_id].digest != after[list_id].digest] == ["nr2015_f12"]


def test_every_list_an_extract_names_exists() -> None:
    for extract in EXTRACTS.values():
        for field in extract.fields:
            assert field.codes is None or codes(field.codes)


def test_labels_are_the_reference_labels_in_two_languages() -> None:
    assert labels()["B8"].nl == "tijdelijk verblijfsrecht mensenhandel (B8)"
    assert labels()["OVERIG"].en == "other outflow"
    for list_id in ("procedure", "grond", "besluit", "geslacht", "uitstroom", "nr2015_f08", "wodc2020"):
        assert set(codes(list_id)) <= set(labels())


def test_every_nationality_has_a_name_in_two_languages() -> None:
    names = country_names()
    assert set(names) == set(nationalities())
    assert (names["DEU"].nl, names["DEU"].en) == ("Duitsland", "Germany")
    assert all(name.nl.strip() and name.en.strip() for name in names.values())


def test_codes_of_the_reference_extracts_are_all_listed() -> None:
    """Otherwise the reference quarantine would hold more; here without the intake in between."""
    with (EXAMPLES / "wodc2020" / "ind.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle, delimiter=";"):
            assert row["nationaliteit"] in nationalities()
            assert row["procedure"] in codes("procedure")
