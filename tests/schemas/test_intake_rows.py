"""Which rows break their schema, at which column and why; and which unusual rows do not."""

from __future__ import annotations

import json

import openpyxl
import pytest
from conftest import Deliver
from intake_files import GOOD, HEADERS, lenient, line_of

from schemas.intake import Intake, read_registers
from schemas.quarantine import REASONS

BROKEN = [
    ("ind", {"vnummer": ""}, ("vnummer", "verplicht_leeg")),
    ("ind", {"vnummer": ". ."}, ("vnummer", "verplicht_leeg")),
    ("ind", {"vnummer": "293027948"}, ("vnummer", "v_nummer_ongeldig")),
    ("ind", {"vnummer": "29302794891"}, ("vnummer", "v_nummer_ongeldig")),
    ("ind", {"vnummer": "293027948O"}, ("vnummer", "v_nummer_ongeldig")),
    ("ind", {"vnummer": "٢٩٣٠٢٧٩٤٨٩"}, ("vnummer", "v_nummer_ongeldig")),
    ("dtv", {"vnummer": "12345"}, ("vnummer", "v_nummer_ongeldig")),
    ("iom", {"vnummer": "onbekend"}, ("vnummer", "v_nummer_ongeldig")),
    ("ind", {"procedure": ""}, ("procedure", "verplicht_leeg")),
    ("ind", {"procedure": "b8"}, ("procedure", "code_buiten_lijst")),
    ("ind", {"besluit": "VERLEEND"}, ("besluit", "code_buiten_lijst")),
    ("ind", {"besluit_bezwaar": "X", "datum_bezwaar": "2012-01-01"}, ("besluit_bezwaar", "code_buiten_lijst")),
    ("ind", {"grond": "X"}, ("grond", "code_buiten_lijst")),
    ("ind", {"geslacht": "F"}, ("geslacht", "code_buiten_lijst")),
    ("ind", {"geslacht": ""}, ("geslacht", "verplicht_leeg")),
    ("iom", {"geslacht": "V"}, ("geslacht", "code_buiten_lijst")),
    ("ind", {"nationaliteit": "SL"}, ("nationaliteit", "code_buiten_lijst")),
    ("ind", {"nationaliteit": "SUN"}, ("nationaliteit", "code_buiten_lijst")),
    ("ind", {"nationaliteit": ""}, ("nationaliteit", "verplicht_leeg")),
    ("ind", {"datum_aanvraag": ""}, ("datum_aanvraag", "verplicht_leeg")),
    ("ind", {"datum_aanvraag": "2011-02-29"}, ("datum_aanvraag", "datum_ongeldig")),
    ("ind", {"datum_aanvraag": "2011-07-00"}, ("datum_aanvraag", "datum_ongeldig")),
    ("ind", {"datum_aanvraag": "15-07-2011"}, ("datum_aanvraag", "datum_ongeldig")),
    ("ind", {"datum_aanvraag": "2011-7-15"}, ("datum_aanvraag", "datum_ongeldig")),
    ("ind", {"datum_besluit": "2011-13-01"}, ("datum_besluit", "datum_ongeldig")),
    ("ind", {"datum_besluit": "2011-07-14"}, ("datum_besluit", "besluit_voor_aanvraag")),
    (
        "ind",
        {"datum_bezwaar": "2011-07-14", "besluit_bezwaar": "AFGEWEZEN"},
        ("datum_bezwaar", "bezwaar_voor_aanvraag"),
    ),
    ("ind", {"besluit_bezwaar": "AFGEWEZEN"}, ("datum_bezwaar", "datum_ontbreekt")),
    ("ind", {"datum_besluit": ""}, ("datum_besluit", "datum_ontbreekt")),
    ("ind", {"besluit": ""}, ("besluit", "besluit_ontbreekt")),
    ("ind", {"geboortedatum": "2011-07-16"}, ("geboortedatum", "geboorte_na_peildatum")),
    ("ind", {"geboortedatum": "2011-08-00"}, ("geboortedatum", "geboorte_na_peildatum")),
    ("ind", {"geboortedatum": "2012-00-00"}, ("geboortedatum", "geboorte_na_peildatum")),
    ("ind", {"geboortedatum": "1985-02-30"}, ("geboortedatum", "datum_ongeldig")),
    ("ind", {"geboortedatum": "1985-13-00"}, ("geboortedatum", "datum_ongeldig")),
    ("ind", {"geboortedatum": "1985-00-32"}, ("geboortedatum", "datum_ongeldig")),
    ("ind", {"geboortedatum": "0000-05-12"}, ("geboortedatum", "datum_ongeldig")),
    ("ind", {"geboortedatum": "1985"}, ("geboortedatum", "datum_ongeldig")),
    ("dtv", {"geboortedatum": "16-07-2012"}, ("geboortedatum", "geboorte_na_peildatum")),
    ("iom", {"geboortedatum": "16/07/2013"}, ("geboortedatum", "geboorte_na_peildatum")),
    ("dtv", {"d9_nummer": ""}, ("d9_nummer", "verplicht_leeg")),
    ("dtv", {"d9_start": "2012-07-15"}, ("d9_start", "datum_ongeldig")),
    ("dtv", {"d9_einde": "14-07-2012"}, ("d9_einde", "einde_voor_start")),
    ("dtv", {"aangifte": ""}, ("aangifte", "verplicht_leeg")),
    ("dtv", {"uitstroom": "WEG"}, ("uitstroom", "code_buiten_lijst")),
    ("iom", {"iom_nummer": " "}, ("iom_nummer", "verplicht_leeg")),
    ("iom", {"bestemming": "XXY"}, ("bestemming", "code_buiten_lijst")),
    ("iom", {"verwijzers": "OPVANG|BUURMAN"}, ("verwijzers", "code_buiten_lijst")),
    ("iom", {"verwijzers": "OPVANG|"}, ("verwijzers", "code_buiten_lijst")),
    ("iom", {"verwijzers": ""}, ("verwijzers", "verplicht_leeg")),
    ("iom", {"vertrekdatum": "07/15/2013"}, ("vertrekdatum", "datum_ongeldig")),
]

VALID = [
    ("ind", {"geboortedatum": ""}, {"geboortedatum": None}),
    ("ind", {"geboortedatum": "1985-00-00"}, {"geboortedatum": "1985-00-00"}),
    ("ind", {"geboortedatum": "1985-05-00"}, {"geboortedatum": "1985-05-00"}),
    ("ind", {"geboortedatum": "0000-00-00"}, {"geboortedatum": None}),
    ("ind", {"geboortedatum": "2011-00-00"}, {"geboortedatum": "2011-00-00"}),
    ("ind", {"geboortedatum": "2011-07-15"}, {"geboortedatum": "2011-07-15"}),
    ("ind", {"geboortedatum": "1984-02-29"}, {"geboortedatum": "1984-02-29"}),
    ("dtv", {"geboortedatum": "00-05-1985"}, {"geboortedatum": "1985-05-00"}),
    ("iom", {"geboortedatum": "00/00/1985"}, {"geboortedatum": "1985-00-00"}),
    ("ind", {"vnummer": " 293.0279.489 "}, {"vnummer": "2930279489"}),
    ("ind", {"vnummer": "293 027\u00a09489"}, {"vnummer": "2930279489"}),
    ("ind", {"vnummer": "0930279489"}, {"vnummer": "0930279489"}),
    ("dtv", {"vnummer": "..."}, {"vnummer": None}),
    ("ind", {"voornamen": "", "achternaam": ""}, {"voornamen": None, "achternaam": None}),
    ("ind", {"voornamen": "NULL", "achternaam": "NA"}, {"voornamen": "NULL", "achternaam": "NA"}),
    ("ind", {"geslacht": " V "}, {"geslacht": "V"}),
    ("ind", {"nationaliteit": "XKX"}, {"nationaliteit": "XKX"}),
    ("ind", {"besluit": "", "datum_besluit": ""}, {"besluit": None, "datum_besluit": None}),
    ("ind", {"besluit": "INGETROKKEN", "datum_besluit": ""}, {"besluit": "INGETROKKEN", "datum_besluit": None}),
    ("ind", {"datum_bezwaar": "2011-09-01"}, {"besluit_bezwaar": None}),
    ("ind", {"datum_besluit": "2011-07-15"}, {"besluit": "INGEWILLIGD"}),
    ("dtv", {"d9_einde": "", "uitstroom": "OPEN"}, {"d9_einde": None}),
    ("iom", {"geslacht": "U"}, {"geslacht": "O"}),
    ("iom", {"naam": "ZANDSTRA"}, {"achternaam": "ZANDSTRA", "voornamen": None}),
    ("iom", {"naam": "EL AMRANI , Zoë, Ann"}, {"achternaam": "EL AMRANI", "voornamen": "Zoë, Ann"}),
    ("iom", {"naam": ""}, {"achternaam": None, "voornamen": None}),
    ("iom", {"naam": '"ZAND\nSTRA, ""Zoë"" O\'"'}, {"achternaam": "ZAND\nSTRA", "voornamen": '"Zoë" O\''}),
    ("iom", {"verwijzers": "ONBEKEND"}, {"verwijzers": "ONBEKEND"}),
]


def _intake(deliver: Deliver, kind: str, rows: list[str]) -> Intake:
    return read_registers(lenient(), deliver(**{kind: rows}))


@pytest.mark.parametrize(("kind", "cells", "expected"), BROKEN)
def test_broken_row(kind: str, cells: dict[str, str], expected: tuple[str, str], deliver: Deliver) -> None:
    intake = _intake(deliver, kind, [GOOD[kind], line_of(kind, **cells)])
    column, reason = expected
    assert intake.quarantine.to_pylist() == [{"bron": kind.upper(), "regel": 3, "kolom": column, "reden": reason}]
    assert intake.registers[kind.upper()]["regel"].to_pylist() == [2]


@pytest.mark.parametrize(("kind", "cells", "expected"), VALID)
def test_unusual_but_valid_row(
    kind: str, cells: dict[str, str], expected: dict[str, str | None], deliver: Deliver
) -> None:
    intake = _intake(deliver, kind, [line_of(kind, **cells)])
    assert intake.quarantine.to_pylist() == []
    (event,) = intake.registers[kind.upper()].to_pylist()
    assert {name: event[name] for name in expected} == expected


def test_every_reason_is_reached_by_a_test() -> None:
    assert {reason for _, _, (_, reason) in BROKEN} | {"rij_onleesbaar", "sleutel_dubbel"} == set(REASONS)


def test_a_row_has_one_entry_per_broken_column(deliver: Deliver) -> None:
    row = line_of("ind", vnummer="1", geslacht="?", datum_aanvraag="x", geboortedatum="2031-01-01", besluit_bezwaar="?")
    intake = _intake(deliver, "ind", [row])
    found = [(entry["kolom"], entry["reden"]) for entry in intake.quarantine.to_pylist()]
    # Without a readable reference date nobody can say that the birth lies after it.
    assert found == [
        ("vnummer", "v_nummer_ongeldig"),
        ("geslacht", "code_buiten_lijst"),
        ("datum_aanvraag", "datum_ongeldig"),
        ("datum_bezwaar", "datum_ontbreekt"),
        ("besluit_bezwaar", "code_buiten_lijst"),
    ]


def test_rows_with_too_few_or_too_many_fields_are_set_aside(deliver: Deliver) -> None:
    intake = _intake(deliver, "ind", [GOOD["ind"], "a;b", GOOD["ind"] + ";extra", line_of("ind", grond="")])
    assert [(e["regel"], e["kolom"], e["reden"]) for e in intake.quarantine.to_pylist()] == [
        (3, "(rij)", "rij_onleesbaar"),
        (4, "(rij)", "rij_onleesbaar"),
    ]
    assert intake.registers["IND"]["regel"].to_pylist() == [2, 5]
    assert intake.delivered["IND"] == 4


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_lines_are_counted_as_they_lie_in_the_file(end: str, deliver: Deliver) -> None:
    """Blank lines and names over several lines move what follows down; the operator must find the line."""
    rows = [
        HEADERS["iom"],
        line_of("iom", iom_nummer="1"),
        "",
        line_of("iom", iom_nummer="2", naam=f'"ZAND{end}{end}STRA, Zoë"'),
        line_of("iom", iom_nummer="3", geslacht="?"),
        "",
        "",
        line_of("iom", iom_nummer="4"),
    ]
    intake = read_registers(lenient(), deliver(iom=end.join(rows)))
    assert intake.registers["IOM"]["regel"].to_pylist() == [2, 4, 10]
    assert intake.quarantine["regel"].to_pylist() == [7]


def test_blank_lines_before_the_header_count(deliver: Deliver) -> None:
    intake = read_registers(
        lenient(), deliver(ind=f"\n\n{HEADERS['ind']}\n{GOOD['ind']}\n\n{line_of('ind', grond='')}\n")
    )
    assert intake.registers["IND"]["regel"].to_pylist() == [4, 6]


def test_a_quotation_mark_that_swallows_a_row_loses_neither_line(deliver: Deliver) -> None:
    """`"ZANDSTRA` opens, the next row's name closes it: the fields may even add up, and yet two rows are not one."""
    opened = GOOD["iom"].replace('"ZANDSTRA, Zoë"', '"ZANDSTRA').replace("IOM201200001", "1")
    for closing in (line_of("iom", iom_nummer="2"), line_of("iom", iom_nummer="2", naam='"ZANDSTRA"')):
        intake = _intake(
            deliver, "iom", [line_of("iom", iom_nummer="0"), opened, closing, line_of("iom", iom_nummer="3")]
        )
        assert [(e["regel"], e["reden"]) for e in intake.quarantine.to_pylist()] == [
            (3, "rij_onleesbaar"),
            (4, "rij_onleesbaar"),
        ]
        assert intake.registers["IOM"]["iom_nummer"].to_pylist() == ["0", "3"]
        assert intake.delivered["IOM"] == 4


def test_a_lone_quotation_mark_inside_a_name_is_a_letter(deliver: Deliver) -> None:
    intake = _intake(deliver, "ind", [line_of("ind", achternaam='Za"nd'), line_of("ind", achternaam="Zand", grond="")])
    assert intake.registers["IND"]["achternaam"].to_pylist() == ['Za"nd', "Zand"]


def test_exact_duplicates_differ_in_nothing_that_counts(deliver: Deliver) -> None:
    rows = [GOOD["dtv"], line_of("dtv", vnummer="2930279489"), line_of("dtv", d9_nummer="D9-2"), GOOD["dtv"]]
    intake = _intake(deliver, "dtv", rows)
    assert intake.duplicates["DTV"] == 2
    assert intake.registers["DTV"]["regel"].to_pylist() == [2, 4]


def test_a_broken_row_delivered_twice_is_listed_twice(deliver: Deliver) -> None:
    intake = _intake(deliver, "ind", [line_of("ind", grond="X")] * 2 + [GOOD["ind"]])
    assert intake.quarantine["regel"].to_pylist() == [2, 3]
    assert intake.duplicates["IND"] == 0


def test_rows_that_contradict_each_other_under_one_number_are_set_aside_in_any_order(deliver: Deliver) -> None:
    rows = [
        GOOD["dtv"],
        line_of("dtv", uitstroom="OVERIG"),
        line_of("dtv", d9_nummer="D9-2"),
        line_of("dtv", uitstroom="?"),
    ]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        intake = _intake(deliver, "dtv", [rows[place] for place in order])
        reasons = {entry["regel"]: entry["reden"] for entry in intake.quarantine.to_pylist()}
        assert reasons == {
            order.index(0) + 2: "sleutel_dubbel",
            order.index(1) + 2: "sleutel_dubbel",
            order.index(3) + 2: "code_buiten_lijst",
        }
        assert intake.registers["DTV"]["d9_nummer"].to_pylist() == ["D9-2"]


def test_a_person_may_have_many_procedures(deliver: Deliver) -> None:
    intake = _intake(deliver, "ind", [GOOD["ind"], line_of("ind", procedure="B9"), line_of("ind", nationaliteit="GIN")])
    assert intake.registers["IND"].num_rows == 3


def test_a_broken_row_does_not_take_the_row_with_its_number_along(deliver: Deliver) -> None:
    intake = _intake(deliver, "iom", [line_of("iom", vertrekdatum="x"), GOOD["iom"]])
    assert intake.registers["IOM"]["regel"].to_pylist() == [3]


def test_excel_numbers_keep_zeros_only_where_the_cell_says_so(deliver: Deliver) -> None:
    folder = deliver(ind=None)
    book = openpyxl.Workbook()
    book.active.append(HEADERS["ind"].split(";"))
    for row, (number, number_format) in enumerate(
        [(930279489, "0000000000"), (930279489, "General"), (2930279489.0, "0")], 2
    ):
        book.active.append([number, *GOOD["ind"].split(";")[1:]])
        book.active.cell(row, 1).number_format = number_format
    book.active.cell(6, 2).value = "Zoë"  # sheet row 5 stays empty, 6 is broken
    book.save(folder / "ind.xlsx")
    intake = read_registers(lenient(), folder)
    assert intake.registers["IND"]["vnummer"].to_pylist() == ["0930279489", "2930279489"]
    assert sorted({e["regel"] for e in intake.quarantine.to_pylist()}) == [3, 6]
    assert "Zoë" not in json.dumps(intake.quarantine.to_pylist(), ensure_ascii=False)
