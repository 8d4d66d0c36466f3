"""Where a file is cut into batches, and a register into pieces, changes nothing; few batches are text at once."""

from __future__ import annotations

import hashlib
import hmac
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Deliver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_files import EXAMPLES, GOOD, HEADERS, lenient, line_of
from intake_strategies import Rows, deliveries, write_csv, write_parquet

from schemas import deliveries as delivered
from schemas import intake as desk
from schemas import pieces
from schemas.errors import InputRefused
from schemas.intake import Intake, read_registers, snapshot_digest
from schemas.study import load_study

KEY = b"k" * 32
CUTS = st.integers(1, 9)
Write = Callable[[Path, dict[str, Rows]], Path]


@contextmanager
def cut(batch: int, piece: int) -> Iterator[None]:
    """Batches and pieces of so many rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivered, "BATCH_ROWS", batch)
        patch.setattr(pieces, "PIECE_ROWS", piece)
        yield


def _read(folder: Path, batch: int = 1000, piece: int = 1000, kinds: tuple[str, ...] = ("ind",)) -> tuple[Intake, str]:
    study = lenient()
    study = study.model_copy(update={"registers": {kind: study.registers[kind] for kind in kinds}})
    with cut(batch, piece):
        intake = read_registers(study, folder)
        return intake, snapshot_digest(intake, KEY)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deliveries, st.sampled_from(list(GOOD)), st.sampled_from([write_csv, write_parquet]), CUTS, CUTS)
def test_batches_and_pieces_of_any_size_give_the_same(
    registers: dict[str, Rows], kind: str, write: Write, batch: int, piece: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = write(Path(name), {kind: registers[kind]})
        whole, digest = _read(folder, kinds=(kind,))
        parts, same = _read(folder, batch, piece, (kind,))
    assert astuple(parts) == astuple(whole)
    assert digest == same == _plain_digest(whole)


def _plain_digest(intake: Intake) -> str:
    """The oracle: what the snapshot digest is, in plain Python, all rows at once."""
    digest = hmac.new(KEY, b"schakel snapshot 1", hashlib.sha256)
    for bron, events in sorted(intake.registers.items()):
        columns = [events[name].to_pylist() for name in events.column_names if name != "regel"]
        rows = b"".join(sorted("".join(map(_plain_cell, row)).encode() for row in zip(*columns, strict=True)))
        digest.update(json.dumps([bron, events.column_names, events.num_rows, len(rows)]).encode())
        digest.update(rows)
    return digest.hexdigest()


def _plain_cell(value: object) -> str:
    return "-" if value is None else f"{len(str(value).encode())}:{value}"


@pytest.mark.parametrize(
    ("study", "digest"),
    [
        ("nr2015", "f89d40790088074806876403e74c8ab94ed93ede0cd32b46872e15f497476b8a"),
        ("wodc2020", "9d1f98e6ef76642851de9f269c0eab98a2c793d6d71da1b7667b30fd374fa4e2"),
    ],
)
def test_the_snapshot_of_a_delivery_is_what_it_always_was(study: str, digest: str) -> None:
    """Earlier releases of the same delivery go by it: another value would orphan them."""
    with cut(700, 300):
        assert snapshot_digest(read_registers(load_study(study), EXAMPLES / study), KEY) == digest


# Lines 2 to 9: the sixth repeats the first, the last has the number of the second, the fourth is broken.
NUMBERED = [line_of("dtv", d9_nummer=f"D9-{number}", vnummer="") for number in range(5)]
BORDERS = [*NUMBERED[:3], line_of("dtv", geslacht="X"), NUMBERED[3], NUMBERED[0], NUMBERED[4]]
BORDERS.append(line_of("dtv", d9_nummer="D9-1", vnummer="", aangifte="N"))


@pytest.mark.parametrize(("batch", "piece"), [(1, 1), (2, 100), (3, 3), (4, 1), (5, 2), (7, 3)])
def test_repeats_clashes_and_broken_rows_are_found_across_borders(batch: int, piece: int, deliver: Deliver) -> None:
    intake, _ = _read(deliver(dtv=BORDERS), batch, piece, ("dtv",))
    assert intake.registers["DTV"]["regel"].to_pylist() == [2, 4, 6, 8]
    assert intake.duplicates["DTV"] == 1
    assert [(entry["regel"], entry["reden"]) for entry in intake.quarantine.to_pylist()] == [
        (3, "sleutel_dubbel"),
        (5, "code_buiten_lijst"),
        (9, "sleutel_dubbel"),
    ]


def _columns(lines: list[str], kind: str = "ind") -> pa.Table:
    rows = [line.split(";") for line in lines]
    return pa.table(
        {
            name: pa.array([row[place] or None for row in rows], pa.string())
            for place, name in enumerate(HEADERS[kind].split(";"))
        }
    )


def test_row_groups_with_dictionaries_of_their_own_are_read(tmp_path: Path) -> None:
    lines = [line_of("ind", vnummer=f"29302794{n}", nationaliteit=("SLE", "NGA", "ROU")[n % 3]) for n in range(10, 30)]
    table = _columns(lines)
    pq.write_table(table, tmp_path / "ind.parquet")
    plain = _read(tmp_path, 7)[0]
    text = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([(name, text) for name in table.column_names])
    with pq.ParquetWriter(tmp_path / "ind.parquet", schema) as file:
        for start in range(0, len(lines), 3):
            part = table.slice(start, 3)
            file.write_table(pa.table([column.combine_chunks().dictionary_encode() for column in part], schema=schema))
    assert pq.ParquetFile(tmp_path / "ind.parquet").schema_arrow.field("vnummer").type == text
    for batch in (2, 7, 1000):
        assert _read(tmp_path, batch)[0].registers == plain.registers


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_a_column_of_decimal_numbers_is_whole_throughout_or_not_at_all(batch: int, tmp_path: Path) -> None:
    """That the last number has a fraction is known before the first row is judged."""
    table = _columns([GOOD["ind"]] * 4)
    for last, valid in (("2930279490.0", 2), ("2930279490.5", 0)):
        numbers = pa.array(["2930279489", "2930279489", None, last]).cast(pa.decimal128(12, 1))
        pq.write_table(table.set_column(0, "vnummer", numbers), tmp_path / "ind.parquet")
        assert _read(tmp_path, batch)[0].registers["IND"].num_rows == valid


def test_parquet_broken_in_the_middle_is_refused_before_a_row_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line_of("ind", vnummer=f"2930{number:06d}") for number in range(400)]
    write_parquet(tmp_path, {"ind": [line.split(";") for line in lines]}, row_group_size=100)
    path = tmp_path / "ind.parquet"
    last = pq.ParquetFile(path).metadata.row_group(3).column(0)
    data = bytearray(path.read_bytes())
    start = last.data_page_offset
    data[start : start + 60] = bytes(60)
    path.write_bytes(data)
    judged: list[object] = []
    monkeypatch.setattr(desk, "parse", judged.append)
    with pytest.raises(InputRefused) as caught:
        _read(tmp_path, 50)[0]
    assert str(caught.value) == "ind.parquet cannot be read as Parquet; deliver the complete file."
    assert caught.value.__context__ is None
    assert not judged


def test_only_a_few_batches_are_in_memory_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are all set aside, so that no events add up: what then stays is text, or garbage that holds it."""
    rows, batch, size = 6_000, 500, 4_000
    line = line_of("ind", geslacht="X", achternaam="Z" * size)
    pq.write_table(_columns([line] * rows), tmp_path / "ind.parquet", row_group_size=batch)
    held = []
    parse = desk.parse

    def noted(*given: object) -> object:
        held.append(pa.total_allocated_bytes())
        return parse(*given)

    monkeypatch.setattr(desk, "parse", noted)
    before = pa.total_allocated_bytes()
    assert _read(tmp_path, batch)[0].registers["IND"].num_rows == 0
    assert len(held) == rows // batch
    assert max(held) - before < 5 * batch * size
