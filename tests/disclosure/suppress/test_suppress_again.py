"""A release attacked again from its files and its certificate: it holds where it held, and planted leaks are found."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from release_attacker import tiny

from disclosure.suppress import SuppressionResult, suppress_tables
from disclosure.suppress.again import Again, attack_again, can_attack_again
from schemas.catalogue import Catalogue
from schemas.errors import DisclosureRefused, IntegrityError
from schemas.policy_suppression import SuppressionPolicy
from schemas.tables import ExactTable, ProtectedTable
from tests.tabulation.tabulation_reference import reference_tables, study_and_catalogue

RULES = SuppressionPolicy(time_limit=2.0)
# Person 0 is alone in a; b is small too, and c the cheapest companion.
COUNTS: dict[str, tuple[tuple[str, ...], dict[tuple[str, ...], int]]] = {
    "regio": (("regio",), {("a",): 1, ("b",): 2, ("c",): 6, ("d",): 9}),
    "sekse": (("sekse",), {("V",): 9, ("M",): 9}),
}


def made(**rules: object) -> tuple[Catalogue, SuppressionResult, dict[str, Any]]:
    catalogue, exact = tiny(COUNTS)
    return catalogue, *released(catalogue, exact, **rules)


def released(
    catalogue: Catalogue, exact: dict[str, ExactTable], **rules: object
) -> tuple[SuppressionResult, dict[str, Any]]:
    result = suppress_tables(exact, catalogue, RULES.model_copy(update=rules), [], "restricted")
    return result, json.loads(json.dumps(result.certificate))


def again(
    catalogue: Catalogue, result: SuppressionResult, certificate: dict[str, Any], *earlier: dict[str, ProtectedTable]
) -> Again:
    return attack_again(result.protected, earlier, catalogue, RULES, certificate)


def test_what_was_certified_is_certified_again() -> None:
    catalogue, result, certificate = made()
    found = again(catalogue, result, certificate)
    assert found.found.certified
    assert (found.primaries, found.found.people) == (2, 1)
    assert not found.exposed


@pytest.mark.parametrize("insider", ["person", "pair"])
def test_a_whole_study_is_attacked_again_by_everybody_it_names(insider: str) -> None:
    tables, catalogue = reference_tables("wodc2020"), study_and_catalogue("wodc2020")[1]
    result, certificate = released(catalogue, tables, insider=insider)
    found = again(catalogue, result, certificate, result.protected)
    assert found.found.certified
    assert found.found.people == certificate["attack"]["people"] > 0
    assert found.primaries == sum(blank["primary"] for blank in certificate["blanks"])


def test_an_insider_for_whom_a_pattern_was_not_made_is_found() -> None:
    """a and b are the only blanks: safe from outsiders, and the one in a reads b."""
    catalogue, exact = tiny(COUNTS)
    result, certificate = released(catalogue, exact, insider="none")
    assert result.protected["regio"].frame["status"].tolist() == ["suppressed", "suppressed", "ok", "ok"]
    certificate["insider"] = "person"
    assert again(catalogue, result, certificate).found.certified, "nobody is named"
    certificate["insiders"] = [{"cell": "population=p, kind=count, regio=a", "people": [0], "units": 1}]
    found = again(catalogue, result, certificate)
    assert found.exposed == ("population=p, kind=count, regio=b",)
    assert [people for people, _ in found.found.insiders] == [(0,)]


def test_a_pair_for_whom_a_pattern_was_not_made_is_found() -> None:
    catalogue, exact = tiny(COUNTS | {"regio": (("regio",), {("a",): 2, ("b",): 2, ("c",): 5, ("d",): 9})})
    result, certificate = released(catalogue, exact, insider="person")
    certificate["insider"] = "pair"
    certificate["insiders"] = [{"cell": "population=p, kind=count, regio=a", "people": [4, 7], "units": 2}]
    assert again(catalogue, result, certificate).exposed == ("population=p, kind=count, regio=b",)


def test_an_earlier_release_that_printed_a_companion_is_held_against_it() -> None:
    """Now a, b and c are blank. Earlier c was printed, so a and b are all that is left, and the one in a reads b."""
    catalogue, result, certificate = made()
    assert result.protected["regio"].frame["status"].tolist() == ["suppressed"] * 3 + ["ok"]
    first = suppress_tables(tiny(COUNTS)[1], catalogue, RULES.model_copy(update={"insider": "none"}), [], "restricted")
    found = again(catalogue, result, certificate, first.protected)
    assert found.exposed == ("population=p, kind=count, regio=b",)


def test_earlier_sums_count_where_the_present_ones_are_corrected() -> None:
    """The total of a, b and c was 9 before and is said to be so still by d; a printed b then gives a and c away."""
    catalogue, result, certificate = made(insider="none")
    shown = result.protected["regio"].frame.copy()
    shown["aantal"] = shown["aantal"].where(shown["regio"] != "a", 1)
    shown["status"] = np.where(shown["aantal"].isna(), "suppressed", "ok").astype(object)
    before = ProtectedTable(
        "regio", "restricted", "suppressed", ("regio",), result.protected["regio"].categories, shown
    )
    assert set(again(catalogue, result, certificate, {"regio": before}).exposed) == {
        "population=p, kind=count, regio=b"
    }


def test_a_certificate_of_other_blanks_or_an_older_one_is_not_taken() -> None:
    catalogue, result, certificate = made()
    assert can_attack_again(certificate)
    assert not can_attack_again(certificate | {"version": 1})
    with pytest.raises(IntegrityError):
        again(catalogue, result, certificate | {"blanks": certificate["blanks"][:-1]})


def test_people_who_know_more_than_can_be_are_refused() -> None:
    catalogue, result, certificate = made()
    certificate["insiders"][0]["units"] = 30
    with pytest.raises(DisclosureRefused):
        again(catalogue, result, certificate)


def test_the_certificate_numbers_people_and_names_none() -> None:
    """Ids of the run never reach it: the people in it are counted from 0, in the order of cells."""
    catalogue, exact = tiny(COUNTS)
    for table in exact.values():
        table.micro["person_id"] += 5_000
    insiders = released(catalogue, exact)[1]["insiders"]
    assert insiders == [{"cell": "population=p, kind=count, regio=a", "people": [0], "units": 1}]
