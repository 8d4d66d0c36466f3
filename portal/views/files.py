"""Files of releases: what the manifest names, to whoever may read it, on record where it is not for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from disclosure.states import Release
from portal.policies import NotFound, require_reading, require_release
from portal.security import file_policy
from portal.shelf import CHUNK
from portal.views.public import described_of, reading_of
from portal.web import Visit
from schemas.release import PUBLIC, SALTS
from schemas.tables import Audience

TYPES = {
    ".csv": "text/csv; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml", ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf", ".parquet": "application/vnd.apache.parquet", ".txt": "text/plain; charset=utf-8",
    ".py": "text/x-python; charset=utf-8", ".sig": "application/octet-stream",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
}  # fmt: skip
SHOWN = (".svg", ".html")  # what browsers may show; everything else they save
STREAM_FROM = 1 << 20
_drawn: dict[tuple[str, str, Audience, str], bytes] = {}  # at most a release's tables, some kilobytes each


def part_file(visit: Visit) -> Response:
    """A file of a part of a release."""
    release, audience, box = reading_of(visit)
    name = visit.path("name")
    if not box.has(audience, name) or f"{audience}/{name}" == SALTS:
        raise NotFound
    path = box.path(audience, name)
    etag = f'"{box.plain.get(f"{audience}/{name}", "")}"'
    reading = require_reading(visit.user, release, audience)
    if not reading.logged and visit.request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"etag": etag, "cache-control": "no-cache"})
    inline = "view" in visit.request.query_params and path.suffix in SHOWN
    visit.portal.recorder.reading("viewed" if inline else "downloaded", visit.user, reading, release, name, audience)
    headers = _headers(release, audience, path, inline)
    if reading.logged:
        headers["cache-control"] = "no-store"
    else:
        headers |= {"etag": etag, "cache-control": "no-cache"}  # a release that is taken back is gone at once
    return _answer(path, headers)


def figure_file(visit: Visit) -> Response:
    """The figure of a table whose part holds none: drawn when it is first asked for, on record like its page."""
    release, audience, box = reading_of(visit)
    table = visit.path("table")
    if table not in described_of(box, audience) or box.has(audience, f"{table}.svg"):
        raise NotFound
    box.path(audience, f"{table}.csv")
    key = (release.id, release.manifest, audience, table)
    if key not in _drawn:
        _drawn[key] = visit.portal.services.figure(box.folder, release.study, audience, table) or b""
    if not _drawn[key]:
        raise NotFound
    reading = require_reading(visit.user, release, audience)
    visit.portal.recorder.reading("viewed", visit.user, reading, release, f"{table}.svg", audience)
    headers = {"content-security-policy": file_policy(_drawn[key]), "cache-control": "no-store"}
    headers["content-disposition"] = _disposition(f"{release.id}-{audience}-{table}.svg")
    return Response(_drawn[key], media_type=TYPES[".svg"], headers=headers)


def proof_file(visit: Visit) -> Response:
    """Manifest, signature, checkpoint, proof or program of a release, for whoever checks it at home."""
    release = require_release(visit.user, visit.portal.release(visit.path("release")))
    name = visit.path("name")
    reading = require_reading(visit.user, release, PUBLIC)
    if reading.logged:
        visit.limit("record")
    try:
        content = visit.portal.shelf.box(release).proof(name)
    except KeyError:
        raise NotFound from None
    visit.portal.recorder.reading("downloaded", visit.user, reading, release, name, PUBLIC)
    return download(content, name, {"cache-control": "no-store" if reading.logged else "no-cache"})


def download(content: bytes, name: str, headers: dict[str, str] | None = None) -> Response:
    """Bytes to save under a name, never to show."""
    sent = {"content-disposition": _disposition(name), "content-security-policy": file_policy(None)} | (headers or {})
    return Response(content, media_type=TYPES.get(Path(name).suffix, "application/octet-stream"), headers=sent)


def _headers(release: Release, audience: Audience, path: Path, inline: bool) -> dict[str, str]:
    shown = path.read_bytes() if path.suffix in SHOWN else None
    headers = {"content-security-policy": file_policy(shown)}
    if not inline:
        headers["content-disposition"] = _disposition(f"{release.id}-{audience}-{path.name}")
    return headers


def _disposition(name: str) -> str:
    """An attachment under a plain name: whatever could end the header or the file name is replaced."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(plain)}"


def _answer(path: Path, headers: dict[str, str]) -> Response:
    kind = TYPES.get(path.suffix, "application/octet-stream")
    size = path.stat().st_size
    if size < STREAM_FROM:
        return Response(path.read_bytes(), media_type=kind, headers=headers)
    return StreamingResponse(_chunks(path), media_type=kind, headers=headers | {"content-length": str(size)})


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while block := source.read(CHUNK):
            yield block
