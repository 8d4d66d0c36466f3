"""Put on PYTHONPATH by the walls test: every process writes down what it was given, loaded and opened, and whether its
memory held certain bytes at the moments that matter: when it is about to link, and when it is about to write tables.

What is looked for comes masked, so that looking for it does not put it there: only the first bytes are ever in clear.
"""

import atexit
import json
import os
import sys
from pathlib import Path
from typing import IO

_OPENED: list[str] = []
_FOUND: dict[str, bool] = {}
_MASK, _CLEAR, _CHUNK = 0x5A, 6, 1 << 24


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"open", "os.listdir", "os.scandir"} and isinstance(arguments[0], str | bytes):
        path = os.fsdecode(arguments[0])
        _OPENED.append(path)
        if event == "open" and ".parquet" in path and "tables" not in _FOUND:
            _FOUND["tables"] = True
            _search()
    if event == "import" and arguments[0] == "linkage.link":
        _search()


def _search() -> None:
    for name, masked in json.loads(Path(os.environ["PROBE_BYTES"]).read_text()).items():
        _FOUND[name] = _FOUND.get(name, False) or _in_memory(bytes.fromhex(masked))


def _in_memory(masked: bytes) -> bool:
    start = bytes(byte ^ _MASK for byte in masked[:_CLEAR])
    with open("/proc/self/maps", encoding="ascii") as maps:
        places = [line.split()[:2] for line in maps]
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        for ends, rights in places:
            low, high = (int(end, 16) for end in ends.split("-"))
            if rights.startswith("rw") and any(
                _in_part(memory, at, high, start, masked) for at in range(low, high, _CHUNK)
            ):
                return True
    return False


def _in_part(memory: IO[bytes], begin: int, end: int, start: bytes, masked: bytes) -> bool:
    try:
        memory.seek(begin)
        part = memory.read(min(_CHUNK + len(masked), end - begin))
    except (OSError, OverflowError, ValueError):
        return False
    at = part.find(start)
    while at >= 0:
        if bytes(byte ^ _MASK for byte in part[at : at + len(masked)]) == masked:
            return True
        at = part.find(start, at + 1)
    return False


def _write() -> None:
    own = Path("/proc/self")
    seen = {
        "arguments": [os.fsdecode(part) for part in (own / "cmdline").read_bytes().split(b"\0")],
        "environment": os.fsdecode((own / "environ").read_bytes()),
        "opened": list(_OPENED),
        "held": [str(fd.readlink()) for fd in (own / "fd").iterdir() if fd.exists()],
        "modules": sorted(sys.modules),
        "found": [name for name, there in _FOUND.items() if there and name != "tables"],
    }
    Path(os.environ["PROBE"], f"{os.getpid()}.json").write_text(json.dumps(seen))


if "PROBE" in os.environ:
    sys.addaudithook(_watch)
    atexit.register(_write)
