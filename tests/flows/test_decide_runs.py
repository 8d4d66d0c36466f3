"""Both reference studies, run, reviewed, approved, compared and taken out: what their log gives away, and rivals."""

from __future__ import annotations

import copy
import csv
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from disclosure.log.leaves import parameters_of
from disclosure.noise.plan import edition_rho, limits
from disclosure.reader import read_table, table_ids
from flows.releases import cells
from schemas.policy import Policy, load_policy
from schemas.study import load_study, resource
from schemas.tables import ProtectedTable
from tests.conftest import EXAMPLES, ROOT, Command
from tests.flows.leaf_search import (
    Knowledge,
    Leaf,
    better_than_chance,
    guessed_digests,
    own_numbers,
    unexplained,
    words_of_records,
)

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.timeout(1500)]
STUDIES = ("nr2015", "wodc2020")
DATES = ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%Y%m%d")


@dataclass(frozen=True)
class Made:
    """A state folder with the whole life of one release per study, and everything that was taken out."""

    base: Path

    @property
    def state(self) -> Path:
        return self.base / "state"

    def folder(self, study: str) -> Path:
        (found,) = (self.base / "out" / "releases" / study).iterdir()
        return found

    def lines(self) -> list[str]:
        with sqlite3.connect(self.state / "state.db") as database:
            return [row[0].decode() for row in database.execute("select data from leaves order by seq")]

    def leaves(self) -> list[Leaf]:
        return [json.loads(line) for line in self.lines()]


@pytest.fixture(scope="module")
def made(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = Made(tmp_path_factory.mktemp("decide"))
    anna = {"state": made.state, "SCHAKEL_ACTOR": "operator-1"}
    bram = {"state": made.state, "SCHAKEL_ACTOR": "checker-1"}
    for study in STUDIES:
        command("run", study, "--data", EXAMPLES / study, "--out", made.base / "out", **anna)
    key = made.base / "checker.pem"
    command("keys", "new", "--person", "checker-1", "--out", key, **anna)
    for study in STUDIES:
        command("review", made.folder(study), **bram)
        command("approve", made.folder(study), "--key", key, **bram)
        command("diff", made.folder(study), made.folder(study), **bram)
        holder = ("--data", EXAMPLES / study, "--i-am-the-data-holder")
        command("tabulate", study, "--out", made.base / "exact", *holder, **anna)
    command("link", "nr2015", "--out", made.base / "l.parquet", "--data", EXAMPLES / "nr2015", holder[-1], **anna)
    return made


# --- what may be known ------------------------------------------------------------------------------------------------


def policy_of(study: str) -> Policy:
    return load_policy(resource(study, "policies", load_study(study).policy))[0]


def restricted(made: Made, study: str) -> dict[str, ProtectedTable]:
    return {
        name: read_table(made.folder(study), "restricted", name) for name in table_ids(made.folder(study), "restricted")
    }


@pytest.fixture(scope="module")
def known(made: Made) -> Knowledge:
    blanks: dict[tuple[str, str], int] = {}
    parameters: dict[str, set[object]] = defaultdict(set)
    budgets: dict[str, tuple[float, float]] = {}
    for study in STUDIES:
        for audience in ("public", "restricted"):
            for name in table_ids(made.folder(study), audience):
                status = pd.read_csv(made.folder(study) / audience / f"{name}.csv", dtype=str)["status"]
                blanks[name, audience] = int((status == "suppressed").sum())
        policy = policy_of(study)
        assert policy.restricted.suppression is not None
        assert policy.public.noise is not None
        for name, value in parameters_of(policy.restricted.suppression).items():
            parameters[name].add(value)
        for population in policy.public.noise.populations:
            for name in ("epsilon", "delta", "threshold"):
                parameters[name].add(getattr(population, name))
            budgets[population.id] = (limits(policy.public.noise)[population.id], edition_rho(population))
    return Knowledge(blanks, parameters, budgets, quarantined(made), {load_study(s).quarantine_limit for s in STUDIES})


def quarantined(made: Made) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for study in STUDIES:
        with (made.state / "quarantine" / f"{study}.csv").open() as file:
            for row in csv.DictReader(file):
                found[row["bron"]][row["reden"]] += 1
    return {bron: dict(reasons) for bron, reasons in found.items()}


def secrets_of(made: Made) -> dict[str, dict[tuple[str, ...], int]]:
    """Per table the true counts of its blank cells."""
    found = {}
    for study in STUDIES:
        for name, table in restricted(made, study).items():
            exact = pd.read_parquet(made.base / "exact" / f"{name}.parquet")
            count = "aantal" if "aantal" in exact else "n"
            truth = dict(
                zip(zip(*(exact[d].astype(str) for d in table.dimensions), strict=True), exact[count], strict=True)
            )
            found[name] = {codes: int(truth[codes]) for codes, (value, _) in cells(table).items() if value is None}
    return {name: values for name, values in found.items() if values}


def values_of_records() -> set[str]:
    """Names, birth dates in every notation, numbers of every register with and without dots, as lower-case words."""
    found: set[str] = set()
    identity = re.compile(r"naam|nummer|geboorte", re.IGNORECASE)
    for path in sorted(EXAMPLES.glob("*/*.csv")):
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig", errors="ignore") if b"\x80" not in raw else raw.decode("cp1252", errors="ignore")
        dialect = csv.Sniffer().sniff(text.splitlines()[0], delimiters=";,\t|")
        for row in csv.DictReader(text.splitlines(), delimiter=dialect.delimiter):
            for name, value in row.items():
                if name and value and identity.search(name):
                    found |= {value, *re.split(r"[\s,.'-]+", value), re.sub(r"\D", "", value)}
                    found |= _dates(value)
    # Digits shorter than six are parts of numbers (a year, three digits between dots) and identify nobody.
    return {value.lower() for value in found if len(value) > 2 and not (value.isdigit() and len(value) < 6)}


def _dates(value: str) -> set[str]:
    for form in DATES:
        try:
            day = pd.to_datetime(value, format=form)
        except (ValueError, TypeError):
            continue
        return {day.strftime(other) for other in DATES}
    return set()


def candidates(made: Made) -> list[bytes]:
    """What somebody might try a digest of: raw files, exact and restricted tables, single cells."""
    found = [path.read_bytes() for path in sorted(EXAMPLES.glob("*/*.csv"))]
    found += [path.read_bytes() for path in sorted((made.base / "exact").iterdir())]
    found += [path.read_bytes() for path in sorted((made.state / "certificates").rglob("*.json"))]
    for study in STUDIES:
        found += [
            path.read_bytes()
            for path in sorted((made.folder(study) / "restricted").iterdir())
            if path.name != "salts.json"
        ]
    for name, values in secrets_of(made).items():
        for codes, value in values.items():
            texts = (str(value), f"{name},{','.join(codes)},{value}", f"{','.join(codes)},{value}", f"{name}:{value}")
            found += [text.encode() for text in texts]
    found += [value.encode() for value in values_of_records()]
    return found


# --- the log says nothing of it ---------------------------------------------------------------------------------------


def test_the_search_had_something_to_search(made: Made) -> None:
    """Every kind of decision is in the log, and there are hundreds of blanks and thousands of values to look for."""
    there = {leaf["kind"] for leaf in made.leaves()}
    assert {
        "run_started", "rows_quarantined", "links_made", "table_protected", "attacked", "budget_set", "budget_charged",
        "noise_drawn", "release_proposed", "release_approved", "release_published", "certificate_read",
        "person_registered", "exact_tables_made", "links_exported",
    } <= there  # fmt: skip
    assert sum(map(len, secrets_of(made).values())) > 300
    assert len(values_of_records()) > 5_000


def test_every_number_of_every_leaf_is_explained_without_the_data(made: Made, known: Knowledge) -> None:
    leaves = made.leaves()
    assert unexplained(leaves, known) == []
    assert sum(leaf["kind"] == "table_protected" for leaf in leaves) > 50


def test_no_word_of_a_record_is_in_the_log(made: Made) -> None:
    tables = [table for study in STUDIES for table in restricted(made, study).values()]
    nationalities = {str(code).lower() for table in tables for code in table.categories.get("nationaliteit", ())}
    nationalities -= {"ind"}  # India's code is also the register's name
    assert len(nationalities) > 50
    assert words_of_records(made.lines(), values_of_records() | nationalities) == []


def test_no_digest_confirms_a_guess(made: Made) -> None:
    assert guessed_digests(made.lines(), candidates(made)) == []


def test_no_number_of_a_table_fits_its_blanks_better_than_a_strangers(made: Made) -> None:
    secret = {name: [*values.values(), sum(values.values())] for name, values in secrets_of(made).items()}
    assert len(secret) > 20
    assert better_than_chance(own_numbers(made.leaves(), secret), secret) > 0.01


# --- and it would be found --------------------------------------------------------------------------------------------


def planted(made: Made, change: Any) -> list[Leaf]:
    """The log with one leaf per suppressed table changed: `change(body, true values of its blanks)`."""
    secret, leaves = secrets_of(made), copy.deepcopy(made.leaves())
    for leaf in leaves:
        if leaf["kind"] == "table_protected" and leaf["body"]["audience"] == "restricted":
            values = secret.get(leaf["body"]["table"])
            if values:
                change(leaf["body"], list(values.values()))
    return leaves


PLANTS = {
    "a sum of blanks as parameter": lambda body, values: body["rules"].update(weight=sum(values)),
    "a blank's value in place of a known parameter": lambda body, values: body["rules"].update(
        time_limit=values[0] + 0.5
    ),
    "the count of blanks moved by a value": lambda body, values: body.update(blanks=body["blanks"] + max(values)),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_number_is_found(made: Made, known: Knowledge, plant: str) -> None:
    assert unexplained(planted(made, PLANTS[plant]), known)


def test_a_planted_difference_is_better_than_chance(made: Made) -> None:
    """Two numbers, harmless alone, whose difference is the sum of a table's blanks."""
    secret = {name: [*values.values(), sum(values.values())] for name, values in secrets_of(made).items()}

    def plant(body: dict[str, Any], values: list[int]) -> None:
        body["rules"] |= {"low": 1000 + 7 * len(values), "high": 1000 + 7 * len(values) + sum(values)}

    assert better_than_chance(own_numbers(planted(made, plant), secret), secret) < 0.01


def test_planted_words_and_digests_are_found(made: Made) -> None:
    values = values_of_records()
    some = sorted(values)[:: max(1, len(values) // 200)]
    assert set(some) <= set(
        words_of_records([*made.lines(), *(f'{{"reason":"asked by {value}"}}' for value in some)], values)
    )
    tried = candidates(made)
    digests = {hashlib.sha256(content).hexdigest() for content in tried[::40]}
    assert set(guessed_digests([*made.lines(), *digests], tried)) == digests


# --- rivals, full disks, new secrets ----------------------------------------------------------------------------------


def start(state: Path, out: Path, **limits: Any) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SCHAKEL_", "PREFECT_"))}
    environment |= {"SCHAKEL_STATE": str(state), "COLUMNS": "200"}
    command = [
        sys.executable,
        "-m",
        "flows",
        "run",
        "wodc2020",
        "--data",
        str(EXAMPLES / "wodc2020"),
        "--out",
        str(out),
    ]
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment, cwd=ROOT, **limits
    )


def test_of_two_runs_at_once_one_is_refused_and_the_other_makes_the_release(command: Command, tmp_path: Path) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    command("setup", state=state)
    rivals = [start(state, out), start(state, out)]
    said = [rival.communicate(timeout=280)[1] for rival in rivals]
    assert sorted(rival.returncode for rival in rivals) == [0, 2], said
    loser = said[[rival.returncode for rival in rivals].index(2)]
    assert "Another run works in this state folder" in loser
    (folder,) = (out / "releases" / "wodc2020").iterdir()
    assert "proposed" in command("verify", folder, state=state).stdout
    command("log", "verify", state=state)


def test_a_run_on_a_disk_that_fills_up_can_be_run_again(command: Command, tmp_path: Path) -> None:
    """A file system of 3 MB under --out: the release does not fit, nothing of it stays, and elsewhere it costs nothing more."""
    disk, state = tmp_path / "disk", tmp_path / "state"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", disk], capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root (Debian package 'mount')")
    try:
        done = command("run", "wodc2020", "--data", EXAMPLES / "wodc2020", "--out", disk, state=state, check=False)
        assert done.returncode in (1, 2), done.stderr
        last = done.stderr.strip().splitlines()[-1]
        assert "room" in last or "disk" in last or "space" in last
        assert not list(disk.glob("releases/*/wodc2020-*"))
        spent = command("budget", state=state).stdout
    finally:
        subprocess.run(["umount", disk], check=True)
    command("run", "wodc2020", "--data", EXAMPLES / "wodc2020", "--out", tmp_path / "out", state=state)
    assert command("budget", state=state).stdout == spent
    command("log", "verify", state=state)


def test_a_new_study_secret_keeps_people_and_history(made: Made, command: Command, tmp_path: Path) -> None:
    """After a rotation everybody keeps the person id, what was shown before still counts, and old releases verify."""
    state = tmp_path / "state"
    shutil.copytree(made.state, state)
    data = ("--data", EXAMPLES / "nr2015")
    folder = made.folder("nr2015")
    before = (state / "keys" / "nr2015.key").read_bytes()
    said = command("keys", "rotate", "--study", "nr2015", *data, "--reason", "a backup was lost", state=state).stdout
    assert (state / "keys" / "nr2015.key").read_bytes() != before
    assert " 0 that this delivery does not hold" in said
    command("log", "verify", state=state)
    assert "published" in command("verify", folder, state=state).stdout
    command("link", "nr2015", *data, "--out", tmp_path / "l.parquet", "--i-am-the-data-holder", state=state)
    key = ["bron", "sleutel"]
    old, new = (
        pd.read_parquet(path).sort_values(key).reset_index(drop=True)
        for path in (made.base / "l.parquet", tmp_path / "l.parquet")
    )
    assert old[[*key, "person_id"]].equals(new[[*key, "person_id"]])
    (state / "keys" / "nr2015.key").write_bytes(before)
    assert (
        command(
            "link", "nr2015", *data, "--out", tmp_path / "m.parquet", "--i-am-the-data-holder", state=state, check=False
        ).returncode
        == 6
    )
