"""What `schakel check-consistency` does: files of published tables in, the totals that cannot both be true out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import tabulation
from flows.publication.printed import DUTCH, StudyTables, release_claims, released_study
from flows.publication.typed import TypedRow, candidates, is_typed, percentage_claim, row_claims, typed_grid, typed_rows
from schemas.errors import UsageError
from schemas.release import MANIFEST, PUBLIC, RESTRICTED
from tabulation.consistency import Claim, Contradiction, contradictions
from tabulation.equations import Grid

EXPECTATIONS = Path(tabulation.__file__).parent / "expectations.toml"
SHOWN_CLAIMS = 12


@dataclass
class Evidence:
    """Everything that was printed about one study."""

    study: StudyTables
    grids: list[Grid] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """numbers: how many claims were read; alone: rows that fit no table and were only checked by themselves."""

    numbers: int
    alone: int
    found: tuple[Contradiction, ...]


def check_files(files: Iterable[Path]) -> Report:
    """Read and check; what is given together is held against each other, a release's two parts apart from each other.

    UsageError for a file that is not there or has no known table, InputRefused for one that cannot be read as a table.
    """
    numbers = alone = 0
    found: list[Contradiction] = []
    for group in _groups(list(files)):
        evidence: dict[str, Evidence] = {}
        typed: list[TypedRow] = []
        for path in group:
            if is_typed(path):
                typed += typed_rows(path)
            else:
                _add_release(evidence, path)
        unplaced = _add_typed(evidence, typed)
        own = [claim for row in unplaced if (claim := _alone(row)) is not None]
        found += [Contradiction((claim,), (), 0.0) for claim in own]
        alone += len(unplaced)
        numbers += len(unplaced) + sum(len(item.claims) for item in evidence.values())
        for item in evidence.values():
            found += contradictions(item.study.catalogue, item.grids, item.claims, _expected(item.study.id))
    return Report(numbers, alone, tuple(found))


def _groups(files: list[Path]) -> list[list[Path]]:
    """The files to be held against each other: those named, and each part of a release folder by itself."""
    named: list[Path] = []
    groups: list[list[Path]] = []
    for path in files:
        if path.is_file():
            named.append(path)
        elif (path / MANIFEST).exists():
            groups += [_tables(path / part) for part in (PUBLIC, RESTRICTED) if (path / part).is_dir()]
        elif path.is_dir() and _tables(path):
            groups.append(_tables(path))
        else:
            raise UsageError(f"{path} is neither a CSV file nor a folder with tables; name one that exists.")
    return [group for group in (named, *groups) if group]


def _tables(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.csv") if not path.stem.endswith(DUTCH))


def _add_release(evidence: dict[str, Evidence], path: Path) -> None:
    study = released_study(path)
    own = evidence.setdefault(study.id, Evidence(study))
    grid, claims = release_claims(path, study, len(own.grids))
    own.grids.append(grid)
    own.claims += claims


def _add_typed(evidence: dict[str, Evidence], rows: list[TypedRow]) -> list[TypedRow]:
    """Place typed rows in the tables of their study; gives those that fit none."""
    places: dict[tuple[str, str], int] = {}
    return [row for row in rows if not _place(evidence, places, row)]


def _place(evidence: dict[str, Evidence], places: dict[tuple[str, str], int], row: TypedRow) -> bool:
    study, entries = candidates(row)
    for entry in entries:
        assert study is not None
        own = evidence.setdefault(study.id, Evidence(study))
        at = places.get((study.id, entry.id), len(own.grids))
        grid = own.grids[at] if at < len(own.grids) else typed_grid(study, entry, row.source)
        claims = row_claims(row, entry, grid, at)
        if claims is None:
            continue
        if at == len(own.grids):
            own.grids.append(grid)
            places[study.id, entry.id] = at
        own.claims += claims
        return True
    return False


def _alone(row: TypedRow) -> Claim | None:
    """A percentage that no whole number out of its own n gives."""
    if row.kind != "percent" or row.n is None:
        return None
    claim = percentage_claim(row, 0, ())
    return None if claim.reachable else claim


def _expected(study_id: str) -> list[Mapping[str, object]]:
    with EXPECTATIONS.open("rb") as source:
        found = tomllib.load(source).get(study_id, [])
    assert isinstance(found, list)
    return found


def report_lines(report: Report) -> Iterator[str]:
    """The report for a reader."""
    yield (
        f"{report.numbers} numbers read"
        + (f", {report.alone} checked only by themselves" if report.alone else "")
        + "."
    )
    for number, item in enumerate(report.found, 1):
        yield f"{number}. {_verdict(item)}"
        for claim in item.claims[:SHOWN_CLAIMS]:
            yield f"   - {claim.words}"
        if len(item.claims) > SHOWN_CLAIMS:
            yield f"   - and {len(item.claims) - SHOWN_CLAIMS} more"
        for why in item.why:
            yield f"   because: {why}"
    if not report.found:
        yield "No contradiction: there are counts for which all of them hold."


def _verdict(item: Contradiction) -> str:
    if len(item.claims) == 1 and not item.claims[0].reachable:
        return "This number cannot be reached:"
    return f"These cannot all be true (they are {item.gap:.3g} apart, at least):"
