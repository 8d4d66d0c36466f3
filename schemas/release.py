"""The layout of a release folder and the states a release passes through: `contracts`, as constants."""

from __future__ import annotations

from typing import Final, Literal

PUBLIC: Final = "public"
RESTRICTED: Final = "restricted"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
CHECKPOINT = "checkpoint.txt"
INCLUSION = "inclusion.json"
VERIFY = "verify.py"
SALTS = "restricted/salts.json"

State = Literal["proposed", "approved", "rejected", "published", "superseded", "withdrawn"]
Role = Literal["operator", "checker", "auditor", "rapporteur", "system"]

ROOT_FILES = (MANIFEST, SIGNATURE, CHECKPOINT, INCLUSION, VERIFY)
"""Everything that lies beside `public/` and `restricted/`."""
