"""The knobs: how the registers overlap (`Population`) and how badly they are kept (`Dirt`).

Every field carries its meaning in `description`; `docs/synth.md` lists them all and a test compares the two.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.toml import Strict


def _share(default: float, description: str) -> float:
    field: float = Field(default=default, ge=0, le=1, description=description)
    return field


class Population(Strict):
    """Who is in which register. Defaults are those of the reference registers."""

    dtv: float = _share(0.0586, "share of people with a D9 process at DT&V")
    iom: float = _share(0.071, "share of people who return with the IOM")
    dtv_known: float = _share(0.88, "share of the people at DT&V who are in the IND register too")
    iom_known: float = _share(0.43, "share of the people at the IOM, not at DT&V, who are in the IND register too")
    dtv_iom: float = _share(0.031, "share of the people at DT&V who are at the IOM too")
    both_known: float | None = Field(
        default=None, ge=0, le=1,
        description="share of the people at both who are in the IND register too; unset: as `dtv_known`",
    )  # fmt: skip
    unseen: float = _share(
        0.0, "share of the people at neither who are not in the IND register either: no register sees them"
    )
    withdrawn: float = _share(
        0.0, "share of the people in all three registers who are taken off the IND's because the others have them"
    )
    women_missed: float = _share(
        0.0, "share of the women at DT&V, not at the IOM, who are taken out of the IND register: a difference to find"
    )
    earlier: float = _share(
        0.0, "share of people whose first contact lies up to five years before the years of the study"
    )
    dtv_twice: float = _share(0.0, "share of the people at DT&V whose process was started twice (two rows)")
    second_given: float = _share(0.30, "share of people with more than one first name (a fifteenth of them has three)")
    double_surname: float = _share(
        0.12, "share of people with two surnames, joined by a hyphen or, as is usual, a blank"
    )
    first_january: float = _share(0.0, "share of people registered everywhere as born on 1 January")
    sex_unknown: float = _share(0.0005, "share of people whose sex is unknown")


class RowDirt(Strict):
    """What goes wrong in the rows of one register; each a probability per row unless it says otherwise."""

    typo: float = _share(0, "per name token: a letter replaced, left out, doubled or swapped with the next")
    swapped_names: float = _share(0, "first names and surname change places")
    folded: float = _share(0, "all diacritics of the name are lost")
    transliterated: float = _share(
        0, "per name token: written by another romanisation (ou/u, kh/h, y/i), where one applies"
    )
    dropped_part: float = _share(
        0, "of the names with a second part: later first names, else the second surname, are left out"
    )
    swapped_day_month: float = _share(0, "of the birth dates that allow it: day and month change places")
    birth_digit: float = _share(0, "one digit of the birth date is wrong")
    partial_birth: float = _share(0, "the day, or day and month, of the birth date is unknown (00)")
    empty_birth: float = _share(0, "the birth date is empty")
    vnumber_mistyped: float = _share(0, "of the V-numbers given: one digit wrong, and the result is nobody's")
    vnumber_dotted: float = _share(0, "of the V-numbers given: typed with dots, 246.329.4783")
    duplicates: float = _share(0, "the row is delivered twice, byte for byte")
    bad_rows: float = _share(0, "bad rows to add, per valid row; the kinds take turns")


class LinkedDirt(RowDirt):
    """A register that did not issue the V-number: it can lack it, or hold another person's."""

    vnumber_missing: float = _share(0, "the V-number is empty")
    vnumber_other: float = _share(0, "of the V-numbers given: it is somebody else's, who is in the IND register")


class Dirt(Strict):
    """All dirt of a run. The IND's V-number is the key of its rows, so it is never missing or somebody else's there."""

    ind: RowDirt = RowDirt()
    dtv: LinkedDirt = LinkedDirt()
    iom: LinkedDirt = LinkedDirt()
    lookalikes: float = _share(0, "share of people with the surname, birth date, sex and nationality of another person")
    twins: float = _share(
        0, "share of people who are somebody's twin: surname, birth date, nationality and route shared"
    )


Preset = Literal["reference", "hard", "clean"]

# Rates measured on the reference registers against their true links (tests/synth/measure.py shows how).
_IND = RowDirt(
    typo=0.0075,
    swapped_names=0.008,
    dropped_part=0.014,
    partial_birth=0.0005,
    empty_birth=0.0003,
    duplicates=4 / 3020,
    bad_rows=8 / 3020,
)
_DTV = LinkedDirt(
    typo=0.10,
    swapped_names=0.085,
    dropped_part=0.08,
    swapped_day_month=0.01,
    birth_digit=0.027,
    vnumber_missing=10 / 128,
    vnumber_mistyped=3 / 103,
    vnumber_other=2 / 103,
    vnumber_dotted=36 / 118,
    bad_rows=2 / 128,
)
_IOM = LinkedDirt(
    typo=0.085,
    swapped_names=0.085,
    folded=0.25,
    dropped_part=0.15,
    birth_digit=0.04,
    vnumber_missing=131 / 155,
    bad_rows=1 / 155,
)
_REFERENCE = Dirt(ind=_IND, dtv=_DTV, iom=_IOM, lookalikes=22 / 2184, twins=0.001)

PRESETS: dict[Preset, Dirt] = {
    "clean": Dirt(),
    "reference": _REFERENCE,
    # Twice the typos everywhere; a quarter of DT&V's V-numbers missing (the IOM lacks five of six already).
    "hard": _REFERENCE.model_copy(
        update={
            "ind": _IND.model_copy(update={"typo": 2 * _IND.typo}),
            "dtv": _DTV.model_copy(update={"typo": 2 * _DTV.typo, "vnumber_missing": 0.25}),
            "iom": _IOM.model_copy(update={"typo": 2 * _IOM.typo}),
        }
    ),
}
