"""Writing files: whole, with the mode of their audience, and archives without a clock in them."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

PUBLIC_MODE = 0o644
RESTRICTED_MODE = 0o600
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip entry can carry


def write_bytes(path: Path, content: bytes, mode: int) -> None:
    """Create `path` with `mode` whatever the umask is; the file never exists with a wider mode."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, RESTRICTED_MODE)
    with os.fdopen(descriptor, "wb") as target:
        target.write(content)
        os.fchmod(target.fileno(), mode)


def archive(entries: list[tuple[str, bytes]], *, stored: tuple[str, ...] = ()) -> bytes:
    """A zip archive of `entries` in their order without times or owners; names in `stored` are not compressed."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as target:
        for name, content in entries:
            info = ZipInfo(name, ZIP_EPOCH)
            info.compress_type = ZIP_STORED if name in stored else ZIP_DEFLATED
            info.create_system = 0
            target.writestr(info, content)
    return buffer.getvalue()
