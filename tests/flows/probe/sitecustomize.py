"""Put on PYTHONPATH by the walls test: every process writes down what it was given, loaded and opened."""

import atexit
import json
import os
import sys
from pathlib import Path

_OPENED: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"open", "os.listdir", "os.scandir"} and isinstance(arguments[0], str | bytes):
        _OPENED.append(os.fsdecode(arguments[0]))


def _write() -> None:
    own = Path("/proc/self")
    seen = {
        "arguments": [os.fsdecode(part) for part in (own / "cmdline").read_bytes().split(b"\0")],
        "environment": os.fsdecode((own / "environ").read_bytes()),
        "opened": list(_OPENED),
        "held": [str(fd.readlink()) for fd in (own / "fd").iterdir() if fd.exists()],
        "modules": sorted(sys.modules),
    }
    Path(os.environ["PROBE"], f"{os.getpid()}.json").write_text(json.dumps(seen))


if "PROBE" in os.environ:
    sys.addaudithook(_watch)
    atexit.register(_write)
