"""The knobs do what they say: rates within binomial bounds, and the reference preset resembles the reference."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from register_rates import frames, measure
from scipy.stats import binomtest

from schemas.intake import read_registers
from schemas.study import SHIPPED, load_study
from schemas.synth import PRESETS, Dirt, LinkedDirt, Population, RowDirt, synthesise

# A correct rate fails one comparison in ten thousand; seeds are fixed, so a pass stays a pass.
SIGNIFICANT = 1e-4
REFERENCE_LINKS = Path(__file__).parents[1] / "reference" / "nr2015" / "true_links.csv"


def fits(hits: int, chances: int, rate: float) -> bool:
    return binomtest(hits, chances, rate).pvalue > SIGNIFICANT


def read(folder: Path, links: Path) -> dict[str, pd.DataFrame]:
    truth = pd.read_csv(links, dtype={"bron": str, "sleutel": str, "persoon": int})
    return frames(read_registers(load_study("nr2015"), folder), truth)


def planted(folder: Path) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = json.loads((folder / "truth.json").read_text())["planted"]
    return counts


EVERYTHING = {
    "typo": 0.11,
    "swapped_names": 0.07,
    "folded": 0.2,
    "dropped_part": 0.3,
    "swapped_day_month": 0.2,
    "birth_digit": 0.05,
    "partial_birth": 0.04,
    "empty_birth": 0.03,
    "vnumber_mistyped": 0.06,
    "vnumber_dotted": 0.3,
    "duplicates": 0.02,
    "bad_rows": 0.02,
}
CHANCES = {
    "typo": "tokens",
    "dropped_part": "with_second_part",
    "swapped_day_month": "swappable_day_month",
}


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rates") / "dirty"
    linked = LinkedDirt(**EVERYTHING, vnumber_missing=0.4, vnumber_other=0.05)
    dirt = Dirt(ind=RowDirt(**EVERYTHING), dtv=linked, iom=linked, lookalikes=0.05, twins=0.03)
    synthesise(out, people=5000, seed=8, dirt=dirt, population=Population(dtv=0.5, iom=0.5))
    return out


@pytest.mark.parametrize("bron", ["IND", "DTV", "IOM"])
def test_each_knob_is_planted_at_its_rate(dirty: Path, bron: str) -> None:
    counts = planted(dirty)[bron]
    for knob in ("typo", "swapped_names", "folded", "dropped_part", "swapped_day_month", "birth_digit", "duplicates"):
        assert fits(counts[knob], counts[CHANCES.get(knob, "rows")], EVERYTHING[knob]), knob
    assert fits(counts["partial_birth"], counts["rows"], EVERYTHING["partial_birth"] * (1 - EVERYTHING["empty_birth"]))
    assert fits(counts["empty_birth"], counts["rows"], EVERYTHING["empty_birth"])
    assert counts["bad"] == round(EVERYTHING["bad_rows"] * counts["valid"])
    given = counts["rows"] - counts["vnumber_missing"]
    assert fits(counts["vnumber_missing"], counts["rows"], 0 if bron == "IND" else 0.4)
    assert fits(counts["vnumber_other"], given, 0 if bron == "IND" else 0.05)
    assert fits(counts["vnumber_mistyped"], given - counts["vnumber_other"], EVERYTHING["vnumber_mistyped"])
    assert fits(counts["vnumber_dotted"], given, EVERYTHING["vnumber_dotted"])


def test_what_is_planted_stands_in_the_rows(dirty: Path) -> None:
    """Independent of the generator's own counts: intake reads the files, the truth file names the people."""
    registers = read(dirty, dirty / "true_links.csv")
    counts = planted(dirty)
    for bron, rows in registers.items():
        assert int(rows.geboortedatum.isna().sum()) == counts[bron]["empty_birth"]
        assert int(rows.geboortedatum.str.endswith("-00").sum()) == counts[bron]["partial_birth"]
        if bron != "IND":
            assert int(rows.vnummer.isna().sum()) == counts[bron]["vnumber_missing"]
    text = (dirty / "dtv.csv").read_text(encoding="cp1252")
    dotted = pd.Series(text.splitlines()).str.contains(r";\d{3}\.\d{3}\.\d{4};").sum()
    assert dotted >= counts["DTV"]["vnumber_dotted"]
    # A person's rows at the IND carry their own number or a mistyped one, which then is a record key of its own.
    keys = registers["IND"].groupby("persoon").vnummer.nunique()
    assert 0 < int((keys - 1).sum()) <= counts["IND"]["vnumber_mistyped"]


@pytest.mark.parametrize("knob", ["typo", "swapped_names", "folded", "transliterated", "dropped_part", "birth_digit"])
def test_a_knob_at_one_changes_every_row_that_it_can(tmp_path: Path, knob: str) -> None:
    population = Population(dtv=0.3, sex_unknown=0)
    clean = synthesise(tmp_path / "clean", people=400, seed=7, dirt=PRESETS["clean"], population=population)
    dirt = Dirt(dtv=LinkedDirt(**{knob: 1.0}))
    synthesise(tmp_path / "dirty", people=400, seed=7, dirt=dirt, population=population)
    before, after = (read(tmp_path / name, tmp_path / name / "true_links.csv") for name in ("clean", "dirty"))
    assert before["IND"].equals(after["IND"]), "dirt of one register leaves the other alone"
    a, b = before["DTV"], after["DTV"]
    assert len(a) == clean.people["DTV"]
    untouched = [c for c in a if c not in ("achternaam", "voornamen", "geboortedatum", "regel")]
    assert a[untouched].equals(b[untouched])
    names = a.achternaam.str.cat(a.voornamen, sep=" "), b.achternaam.str.cat(b.voornamen, sep=" ")
    changed = names[0] != names[1]
    double = a.voornamen.str.contains(" ") | a.achternaam.str.contains("-")
    if knob == "birth_digit":
        assert not changed.any()
        assert (a.geboortedatum != b.geboortedatum).all()
        slips = [
            sum(x != y for x, y in zip(p, q, strict=True))
            for p, q in zip(a.geboortedatum, b.geboortedatum, strict=True)
        ]
        assert set(slips) == {1}
    elif knob == "typo":
        assert changed.all()
    elif knob == "swapped_names":
        assert (a.achternaam == b.voornamen).all()
        assert (a.voornamen == b.achternaam).all()
    elif knob == "folded":
        assert names[1].map(str.isascii).all()
        assert (changed == ~names[0].map(str.isascii)).all()
    elif knob == "transliterated":
        assert changed.mean() > 0.8
    else:
        assert changed[double].all()
        assert (names[1].str.len() < names[0].str.len())[double].all()


def test_lookalikes_and_twins(dirty: Path) -> None:
    clean = dirty.parent / "alike"
    dirt = Dirt(lookalikes=0.05, twins=0.03)
    synthesise(clean, people=5000, seed=8, dirt=dirt, population=Population(dtv_known=1, iom_known=1, sex_unknown=0))
    first = read(clean, clean / "true_links.csv")["IND"].drop_duplicates("persoon")
    shared = first[first.duplicated(["achternaam", "geboortedatum"], keep=False)]
    pairs = shared.groupby(["achternaam", "geboortedatum"]).persoon.nunique()
    # Chance adds a few pairs, and a woman's surname can differ from her twin brother's.
    assert 0.07 * 5000 * 0.85 < (pairs - 1).sum() < 0.09 * 5000
    assert (shared.groupby(["achternaam", "geboortedatum"]).nationaliteit.nunique() == 1).mean() > 0.95
    assert not shared.duplicated(["achternaam", "geboortedatum", "voornamen", "geslacht"]).any()


@pytest.fixture(scope="module")
def like_reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rates") / "reference"
    synthesise(out, people=12_000, seed=4)
    return out


def test_the_reference_preset_resembles_the_reference(like_reference: Path) -> None:
    reference = measure(read(SHIPPED / "examples" / "nr2015", REFERENCE_LINKS))
    made = measure(read(like_reference, like_reference / "true_links.csv"))
    for bron, rates in reference.items():
        for name, (hits, chances) in rates.items():
            ours = made[bron][name][0] / made[bron][name][1]
            assert binomtest(hits, chances, ours).pvalue > 0.005, f"{bron} {name}: {hits}/{chances} against {ours:.4f}"


def test_the_reference_population_resembles_the_reference(like_reference: Path) -> None:
    truth = pd.read_csv(REFERENCE_LINKS)
    made = pd.read_csv(like_reference / "true_links.csv")
    shares = []
    for links in (truth, made):
        known = {bron: set(links[links.bron == bron].persoon) for bron in ("IND", "DTV", "IOM")}
        both = {bron: len(known["IND"] & known[bron]) for bron in ("DTV", "IOM")}
        shares.append((links.persoon.nunique(), known, both))
    (_, known, both), (people, made_known, made_both) = shares
    for bron in ("DTV", "IOM"):
        assert binomtest(len(known[bron]), truth.persoon.nunique(), len(made_known[bron]) / people).pvalue > 0.01
        assert binomtest(both[bron], len(known[bron]), made_both[bron] / len(made_known[bron])).pvalue > 0.01


def test_hard_means_twice_the_typos_and_a_quarter_without_number() -> None:
    reference, hard = PRESETS["reference"], PRESETS["hard"]
    for bron in ("ind", "dtv", "iom"):
        assert getattr(hard, bron).typo == 2 * getattr(reference, bron).typo
    assert hard.dtv.vnumber_missing == 0.25
    assert hard.iom.vnumber_missing >= 0.25


def test_first_of_january(tmp_path: Path) -> None:
    synthesise(tmp_path / "j", people=200, seed=1, dirt=PRESETS["clean"], population=Population(first_january=1))
    rows = read(tmp_path / "j", tmp_path / "j" / "true_links.csv")["IND"]
    assert rows.geboortedatum.str.endswith("-01-01").all()


def test_names_are_skewed_as_in_life(like_reference: Path) -> None:
    first = read(like_reference, like_reference / "true_links.csv")["IND"].drop_duplicates("persoon")
    counts = first.achternaam.value_counts()
    assert 0.015 < counts.iloc[0] / len(first) < 0.05
    assert (counts == 1).sum() > 0.1 * len(first), "rare names occur"
    both = first.achternaam + first.voornamen
    for sign in ("-", "El ", "'", "é", "ć"):
        assert both.str.contains(sign, regex=False).any(), sign
    assert first.voornamen.str.count(" ").max() == 2


def test_who_is_who_follows_the_population(tmp_path: Path) -> None:
    population = Population(
        dtv=0.4, dtv_twice=0.3, second_given=0.6, double_surname=0.4, sex_unknown=0.1, iom=0.2, iom_known=0.7
    )
    out = tmp_path / "p"
    summary = synthesise(out, people=4000, seed=6, dirt=PRESETS["clean"], population=population)
    registers = read(out, out / "true_links.csv")
    first = registers["IND"].drop_duplicates("persoon")
    assert fits(summary.people["DTV"], 4000, 0.4)
    assert fits(summary.rows["DTV"] - summary.people["DTV"], summary.people["DTV"], 0.3)
    assert fits(int((first.geslacht == "O").sum()), len(first), 0.1)
    # Nobody is called Ana Ana, so slightly fewer than drawn have a second name.
    assert 0.55 < first.voornamen.str.contains(" ").mean() < 0.61
    assert 0.36 < first.achternaam.str.contains("-|[a-z] [A-Z]", regex=True).mean() < 0.46
    elsewhere = set(registers["IOM"].persoon) - set(registers["DTV"].persoon)
    assert fits(len(elsewhere & set(first.persoon)), len(elsewhere), 0.7)
