"""Publication writers: protected tables become the files of a release folder, and nothing else does.

What it does   writes `public/` and `restricted/` of a release as `docs/publication.md` lists them, and tables for a terminal.
What enters    `ProtectedTable`s of one audience, the study, its catalogue, and `MethodFacts`. Never an exact table.
What leaves    CSV, XLSX, ODS, Parquet, CSVW and data package metadata, SVG charts, the report page, method notes.
May import     schemas, and of `tabulation` what works on protected tables: `derived`, `consistency`, `equations`.

There is no clock, no random number and no machine name in here: the same input gives the same bytes.
"""

from __future__ import annotations

from flows.publication.facts import AudienceFacts, LinkageFacts, MethodFacts
from flows.publication.pdf import require_pdf
from flows.publication.terminal import render_table
from flows.publication.writers import write_public, write_restricted

__all__ = [
    "AudienceFacts",
    "LinkageFacts",
    "MethodFacts",
    "render_table",
    "require_pdf",
    "write_public",
    "write_restricted",
]
