"""The fixture that writes a small delivery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from intake_files import ENCODINGS, GOOD, HEADERS

Deliver = Callable[..., Path]


@pytest.fixture
def deliver(tmp_path: Path) -> Deliver:
    """Write the three registers; arguments replace a register's text (str, with header), rows (list) or bytes."""

    def write(**registers: str | bytes | list[str] | None) -> Path:
        for kind, row in GOOD.items():
            content = registers.get(kind, [row])
            if content is None:
                continue
            if isinstance(content, list):
                content = "\r\n".join([HEADERS[kind], *content]) + "\r\n"
            data = content if isinstance(content, bytes) else content.encode(ENCODINGS[kind])
            (tmp_path / f"{kind}.csv").write_bytes(data)
        return tmp_path

    return write
