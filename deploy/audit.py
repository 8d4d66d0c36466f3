"""`make audit`: what this software consists of, under which licences, with which known holes; and the container files' linters.

    python deploy/audit.py TOOLS PYTHON     TOOLS: folder of the audit environment's programs; PYTHON: Schakel's own

Writes `dist/`: the wheel, a bill of materials (CycloneDX 1.6) per environment, SHA256SUMS over them; and `docs/licences.md`.
Exit 1 where a tool finds something, a licence is not one of those known, or (with STRICT=1) holes could not be looked up.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
LOCKS = {"schakel": "run", "schakel-prefect": "server"}
CONTAINER = ROOT / "deploy" / "container"
COMPOSE = {
    "SCHAKEL_DELIVERIES": "/deliveries",
    "SCHAKEL_PORTAL_URL": "https://figures.example.org",
    "SCHAKEL_PORTAL_OIDC_ISSUER": "https://login.example.org",
    "SCHAKEL_PORTAL_OIDC_CLIENT_ID": "schakel",
}
ACCEPTED = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|Zlib|HPND|CC0|Public Domain|0BSD"
    r"|Artistic|LGPL|Lesser General",
    re.IGNORECASE,
)
"""Licences that ask nothing of who runs the program; a package under another one is named and stops the audit."""
LICENCES = ROOT / "docs" / "licences.md"
HEAD = """# Licences

The packages that `requirements/run.txt` locks, as installed on Linux, and the licence each states. Made by `make audit`;
a test compares names and versions with the lock. `requirements/server.txt` (Prefect's server) holds a subset, with an older
SQLAlchemy (MIT) and `cachetools` (MIT).

"""


def main(tools: Path, python: Path) -> int:
    """Everything in order; how many things were found, at most 1."""
    DIST.mkdir(exist_ok=True)
    found = [_container_files(tools), _materials(tools), _wheel(python), _licences(tools, python), _holes(tools)]
    _sums()
    return int(any(found))


def say(text: str) -> None:
    """A line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _ran(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )  # fmt: skip


def _container_files(tools: Path) -> bool:
    bad = False
    for name, command, environment in (
        ("hadolint", (tools / "hadolint", CONTAINER / "Containerfile"), {}),
        ("compose-lint", (tools / "compose-lint", CONTAINER / "compose.yaml"), {}),
        (
            "docker-compose config",
            (tools / "docker-compose", "-f", CONTAINER / "compose.yaml", "config", "-q"),
            COMPOSE,
        ),
    ):
        done = _ran(*command, **environment)
        say(f"{name}: {'passes' if not done.returncode else done.stdout + done.stderr}")
        bad |= bool(done.returncode)
    return bad


def _materials(tools: Path) -> bool:
    for name, lock in LOCKS.items():
        out = DIST / f"{name}.cdx.json"
        done = _ran(
            tools / "cyclonedx-py", "requirements", f"requirements/{lock}.txt", "--pyproject", "pyproject.toml",
            "--output-reproducible", "--spec-version", "1.6", "-o", out,
        )  # fmt: skip
        if done.returncode:
            say(f"bill of materials of {name}: {done.stderr}")
            return True
        parts = json.loads(out.read_text())["components"]
        hashed = sum(bool(_hashes(part)) for part in parts)
        say(f"bill of materials: {out.relative_to(ROOT)}, {len(parts)} packages, {hashed} with hashes")
        if hashed != len(parts):
            return True
    return False


def _hashes(part: dict[str, object]) -> list[object]:
    references = part.get("externalReferences", [])
    assert isinstance(references, list)
    return [digest for reference in references for digest in reference.get("hashes", [])]


def _wheel(python: Path) -> bool:
    done = _ran(python, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", DIST, ".")
    say(f"wheel: {done.stderr if done.returncode else ', '.join(p.name for p in DIST.glob('*.whl'))}")
    return bool(done.returncode)


def _licences(tools: Path, python: Path) -> bool:
    done = _ran(tools / "pip-licenses", "--python", python, "--from", "mixed", "--format", "json", "--with-system")
    if done.returncode:
        say(f"licences: {done.stderr}")
        return True
    stated = {_normal(row["Name"]): row for row in json.loads(done.stdout)}
    locked = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements" / "run.txt").read_text(), re.MULTILINE)
    rows = [stated[_normal(name)] for name in locked if _normal(name) in stated]
    lines = [f"| {row['Name']} | {row['Version']} | {_short(row['License'])} |" for row in rows]
    LICENCES.write_text(HEAD + "| package | version | licence |\n| --- | --- | --- |\n" + "\n".join(lines) + "\n")
    unknown = [row["Name"] for row in rows if not ACCEPTED.search(row["License"])]
    say(f"licences: {len(rows)} of {len(locked)} locked packages are installed here; {LICENCES.relative_to(ROOT)}")
    for name in unknown:
        say(f"  look at {name}: {_short(stated[_normal(name)]['License'])}")
    return bool(unknown)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _short(licence: str) -> str:
    """The first line: some packages state the whole text."""
    first = licence.strip().splitlines()[0] if licence.strip() else "none stated"
    return first if len(first) < 90 else first[:87] + "..."


def _holes(tools: Path) -> bool:
    """Known holes of every locked package; pip-audit ends with 0 where it could not look anything up, so that is counted."""
    bad = False
    for name, lock in LOCKS.items():
        done = _ran(
            tools / "pip-audit", "--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off",
            "-r", f"requirements/{lock}.txt",
        )  # fmt: skip
        try:
            found = json.loads(done.stdout)["dependencies"]
        except (json.JSONDecodeError, KeyError):
            found = []
        looked = [part for part in found if "skip_reason" not in part]
        holes = [f"{part['name']} {part['version']}: {hole['id']}" for part in looked for hole in part["vulns"]]
        if not looked:
            say(f"known holes of {name}: NOT LOOKED UP, no vulnerability service can be reached from here")
            bad |= os.environ.get("STRICT") == "1"
            continue
        say(f"known holes of {name}: {len(holes)} in {len(looked)} of {len(found)} packages that were looked up")
        for hole in holes:
            say(f"  {hole}")
        bad |= bool(holes)
    return bad


def _sums() -> None:
    files = sorted(path for path in DIST.iterdir() if path.name != "SHA256SUMS")
    (DIST / "SHA256SUMS").write_text(
        "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    )
    say(f"attach to a release of the software: {', '.join(path.name for path in files)}, SHA256SUMS (all in dist/)")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()))
