"""Registers of invented people with known truth: `synthesise` writes them, chunk by chunk, the same bytes for a seed.

Population and events are drawn from other streams than the dirt, so one seed gives the same people clean and dirty.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np

from schemas.errors import UsageError
from schemas.quarantine import WHOLE_ROW
from schemas.study import Register, Study, load_study
from schemas.synth.dirt import PRESETS, Dirt, LinkedDirt, Population, RowDirt
from schemas.synth.flaws import Flaw, break_rows, flaws_of
from schemas.synth.followed import follow
from schemas.synth.histories import Histories
from schemas.synth.numbers import MAX_PEOPLE, Numbers
from schemas.synth.people import draw_people
from schemas.synth.routes import Period
from schemas.synth.rows import Maker, Rows
from schemas.synth.truth import Tally, of_histories, of_population
from schemas.synth.write import Form, RegisterWriter

# People per chunk: bounds memory to some 300 MB whatever the size of the register.
CHUNK = 50_000
TRUE_LINKS, QUARANTINE, TRUTH = "true_links.csv", "expected_quarantine.json", "truth.json"
# Streams of random numbers within a chunk; `_EVENTS` to `_ORDER` are offset by the register.
_PEOPLE, _HISTORIES, _EVENTS, _SLIPS, _ORDER = 0, 1, 10, 20, 30
_KINDS = ("ind", "dtv", "iom")


@dataclass(frozen=True)
class Summary:
    """What was written, per bron: `rows` as delivered, of which `duplicates` and `bad`; `people` with a valid row."""

    out: Path
    files: tuple[str, ...]
    rows: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)
    bad: dict[str, int] = field(default_factory=dict)


def synthesise(
    out: Path,
    *,
    people: int,
    seed: int,
    study: Study | None = None,
    dirt: Dirt = PRESETS["reference"],
    population: Population | None = None,
    histories: Histories | None = None,
    form: Form = "csv",
) -> Summary:
    """Write the registers of `study` (default nr2015) for `people` invented people into the folder `out`.

    Beside the registers: `true_links.csv` (bron, sleutel, persoon), `expected_quarantine.json` (bron, regel, kolom of
    every planted bad row) and `truth.json` (parameters, what was planted, what is known of the people). With `histories`
    events come at known rates, and those say who is at DT&V and the IOM, not `population`. UsageError when a size makes no sense,
    nobody of the histories reaches a register, or the folder holds one of the files already: nothing is ever overwritten, it
    might be a real extract.
    """
    if not 1 <= people <= MAX_PEOPLE:
        raise UsageError(f"Cannot make registers of {people} people; choose between 1 and {MAX_PEOPLE}.")
    if seed < 0:
        raise UsageError("The seed is negative; choose 0 or a positive whole number.")
    study = study or load_study("nr2015")
    run = _Run(study, people, seed, dirt, population or Population(), histories, form)
    return run.write(out)


class _Delivery:
    """One register being written: its rows so far, and which flaw is next."""

    def __init__(self, register: Register, maker: Maker, writer: RegisterWriter, dirt: RowDirt, form: Form) -> None:
        self.register, self.maker, self.writer, self.dirt = register, maker, writer, dirt
        self.flaws = flaws_of(register.kind, text_file=form == "csv")
        self.counts: Counter[str] = Counter()
        self.quarantine: list[dict[str, str | int]] = []

    def due(self, *, more: int) -> list[Flaw]:
        """The flaws to plant now that `more` valid rows are there, so that the rate holds over the whole file."""
        wanted = round(self.dirt.bad_rows * (self.counts["valid"] + more)) - self.counts["bad"]
        done = self.counts["bad"]
        return [self.flaws[(done + i) % len(self.flaws)] for i in range(max(wanted, 0))]

    def append(self, rng: np.random.Generator, rows: Rows, bad: Rows, flaws: list[Flaw]) -> None:
        """Write valid rows, duplicates of some of them and bad rows, in the order in which the source would."""
        repeated = np.flatnonzero(rng.random(len(rows)) < self.dirt.duplicates)
        pick = np.concatenate([np.arange(len(rows)), repeated])
        columns = {name: np.concatenate([v[pick], bad.columns[name]]) for name, v in rows.columns.items()}
        flaw = np.concatenate([np.full(len(pick), -1), np.arange(len(bad))]).astype(np.int64)
        keys = np.concatenate([rows.key[pick], bad.key])
        shuffled = rng.permutation(len(flaw))
        # The IND delivers in no order, the others by record number.
        order = shuffled if self.register.kind == "ind" else np.argsort(keys.astype(str), kind="stable")
        flaw = flaw[order]
        ragged = np.array([i >= 0 and flaws[i].column == WHOLE_ROW for i in flaw.tolist()], dtype=bool)
        self.writer.write({name: values[order] for name, values in columns.items()}, ragged)
        # Line 1 is the header.
        first = 2 + self.counts["valid"] + self.counts["duplicates"] + self.counts["bad"]
        for at in np.flatnonzero(flaw >= 0).tolist():
            entry = {"bron": self.register.bron, "regel": first + at, "kolom": flaws[flaw[at]].column}
            self.quarantine.append(entry)
        self.counts["valid"] += len(rows)
        self.counts["duplicates"] += len(repeated)
        self.counts["bad"] += len(bad)


class _Run:
    def __init__(
        self, study: Study, people: int, seed: int, dirt: Dirt, population: Population, histories: Histories | None,
        form: Form,
    ) -> None:  # fmt: skip
        self.study, self.people, self.seed, self.dirt, self.form = study, people, seed, dirt, form
        self.histories, self.tally = histories, Tally()
        self.kinds = {register.kind for register in study.registers.values()}
        absent = {kind: 0.0 for kind in ("dtv", "iom") if kind not in self.kinds}
        # Nobody is known only to a register that this study does not have.
        self.population = population.model_copy(update=absent | ({"dtv_iom": 0.0} if absent else {}))
        self.period = Period.of_years(study.first_year, study.last_year)
        self.numbers = Numbers(seed, people)
        self.ghosts = 0

    def write(self, out: Path) -> Summary:
        registers = [r for kind in _KINDS for r in self.study.registers.values() if r.kind == kind]
        names = (*(f"{register.file}.{self.form}" for register in registers), TRUE_LINKS, QUARANTINE, TRUTH)
        out.mkdir(parents=True, exist_ok=True)
        for name in names:
            if (out / name).exists():
                raise UsageError(f"{out} already holds {name}; name an empty folder, nothing is overwritten.")
        try:
            return self._write_files(out, registers, names)
        except BaseException:
            # Half a delivery would look like a whole one.
            for name in names:
                (out / name).unlink(missing_ok=True)
            raise

    def _write_files(self, out: Path, registers: list[Register], names: tuple[str, ...]) -> Summary:
        with ExitStack() as stack:
            links = stack.enter_context((out / TRUE_LINKS).open("x", encoding="utf-8", newline=""))
            links.write("bron,sleutel,persoon\n")
            deliveries = []
            for register, name in zip(registers, names, strict=False):
                maker = Maker(register, self.numbers, self.population, self.period)
                writer = stack.enter_context(RegisterWriter(out / name, register, self.form))
                deliveries.append(_Delivery(register, maker, writer, getattr(self.dirt, register.kind), self.form))
            for chunk, first in enumerate(range(0, self.people, CHUNK)):
                self._chunk(chunk, first, min(CHUNK, self.people - first), deliveries, links)
        for delivery in deliveries:
            if not delivery.counts["rows"]:
                bron = delivery.register.bron
                raise UsageError(
                    f"No history of {self.people} people reaches the {bron} register; ask for more people."
                )
        summary = self._summary(out, names, deliveries)
        _json(out / QUARANTINE, [entry for delivery in deliveries for entry in delivery.quarantine])
        _json(out / TRUTH, self._truth(summary, deliveries))
        return summary

    def _rng(self, chunk: int, stream: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, chunk, stream])))

    def _chunk(self, chunk: int, first: int, n: int, deliveries: list[_Delivery], links: TextIO) -> None:
        people = draw_people(self._rng(chunk, _PEOPLE), n, self.period, self.population, self.dirt)
        if self.histories is not None:
            followed = follow(self._rng(chunk, _HISTORIES), people.start, self.histories, self.period)
            people.follow(followed, self.kinds)
        elif chunk == 0:
            people.leave_no_register_empty(self.population)
        self.tally.add(people)
        own = self.numbers.of(first + np.arange(n))
        for at, delivery in enumerate(deliveries):
            events, slips = self._rng(chunk, _EVENTS + at), self._rng(chunk, _SLIPS + at)
            rows = delivery.maker.make(events, slips, people, own, delivery.dirt, delivery.counts)
            flaws = delivery.due(more=len(rows))
            bad = self._bad_rows(self._rng(chunk, _ORDER + 10 + at), delivery, flaws)
            delivery.append(self._rng(chunk, _ORDER + at), rows, bad, flaws)
            _write_links(links, delivery.register.bron, rows, first)

    def _bad_rows(self, rng: np.random.Generator, delivery: _Delivery, flaws: list[Flaw]) -> Rows:
        """One clean row each of people who exist nowhere else, then broken."""
        n = len(flaws)
        people = draw_people(rng, n, self.period, self.population, PRESETS["clean"])
        people.in_ind[:] = people.in_dtv[:] = people.in_iom[:] = True
        own = self.numbers.of_ghosts(self.ghosts + np.arange(n))
        self.ghosts += n
        rows = delivery.maker.make(rng, rng, people, own, LinkedDirt(), Counter())
        _, one_each = np.unique(rows.person, return_index=True)
        bad = Rows(rows.person[one_each], rows.key[one_each], {c: v[one_each] for c, v in rows.columns.items()})
        break_rows(bad.columns, flaws, delivery.register.dialect)
        return bad

    def _summary(self, out: Path, names: tuple[str, ...], deliveries: list[_Delivery]) -> Summary:
        counts = {delivery.register.bron: delivery.counts for delivery in deliveries}
        return Summary(
            out=out,
            files=names,
            rows={bron: c["valid"] + c["duplicates"] + c["bad"] for bron, c in counts.items()},
            people={bron: c["people"] for bron, c in counts.items()},
            duplicates={bron: c["duplicates"] for bron, c in counts.items()},
            bad={bron: c["bad"] for bron, c in counts.items()},
        )

    def _truth(self, summary: Summary, deliveries: list[_Delivery]) -> dict[str, object]:
        return {
            "study": self.study.id,
            "people": self.people,
            "seed": self.seed,
            "form": self.form,
            "population": self.population.model_dump(),
            "histories": None if self.histories is None else self.histories.model_dump(),
            "dirt": self.dirt.model_dump(),
            "known": self._known(),
            "delivered": {key: value for key, value in asdict(summary).items() if key not in ("out", "files")},
            "planted": {delivery.register.bron: dict(sorted(delivery.counts.items())) for delivery in deliveries},
        }

    def _known(self) -> dict[str, object]:
        if self.histories is None:
            return self.tally.known() | of_population(self.population)
        return self.tally.known() | of_histories(self.histories)


def _write_links(links: TextIO, bron: str, rows: Rows, first: int) -> None:
    """Append each record key once, with its person: 1 for the first of the run."""
    _, distinct = np.unique(rows.key.astype(str), return_index=True)
    writer = csv.writer(links, lineterminator="\n")
    persons = (first + 1 + rows.person[distinct]).tolist()
    writer.writerows((bron, key, person) for key, person in zip(rows.key[distinct].tolist(), persons, strict=True))


def _json(path: Path, content: object) -> None:
    with path.open("x", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
