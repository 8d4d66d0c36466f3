"""The two entry points: the files of `public/` and of `restricted/`. Folders, manifest and signature are the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flows.publication.charts import draw_charts
from flows.publication.delimited import DUTCH, TIDY, csv_bytes
from flows.publication.described import csvw_metadata, data_package, parquet_bytes
from flows.publication.facts import MethodFacts
from flows.publication.labels import LANGUAGES
from flows.publication.method import method_note
from flows.publication.ods import ods_bytes
from flows.publication.output import PUBLIC_MODE, RESTRICTED_MODE, write_bytes
from flows.publication.pages import report_page
from flows.publication.pdf import pdf_bytes
from flows.publication.sheets import workbook_sheets
from flows.publication.views import View, make_views
from flows.publication.xlsx import xlsx_bytes
from schemas.catalogue import Catalogue
from schemas.study import Study
from schemas.tables import ProtectedTable

Files = dict[str, bytes]


def write_public(
    folder: Path, tables: Mapping[str, ProtectedTable], catalogue: Catalogue, study: Study, facts: MethodFacts
) -> list[str]:
    """Write the files of `public/` into `folder`, which exists, and give their names in order.

    DisclosureRefused (exit 4), before anything is written, when a table carries a column or value that may not leave.
    """
    views = make_views(tables, catalogue, facts.merged)
    return _write(folder, public_files(views, catalogue, study, facts), PUBLIC_MODE)


def write_restricted(
    folder: Path, tables: Mapping[str, ProtectedTable], catalogue: Catalogue, study: Study, facts: MethodFacts
) -> list[str]:
    """Write the files of `restricted/` (salts apart) into `folder`, mode 0600, and give their names in order."""
    views = make_views(tables, catalogue, facts.merged)
    return _write(folder, restricted_files(views, catalogue, study, facts), RESTRICTED_MODE)


def public_files(views: list[View], catalogue: Catalogue, study: Study, facts: MethodFacts) -> Files:
    """Names and bytes of `public/`."""
    files: Files = {}
    for view in views:
        files[f"{view.table.id}.csv"] = csv_bytes(view.table, TIDY)
        files[f"{view.table.id}.nl.csv"] = csv_bytes(view.table, DUTCH)
        files[f"{view.table.id}.csv-metadata.json"] = csvw_metadata(view)
    files["datapackage.json"] = data_package(study, views, files)
    sheets = workbook_sheets(study, views)
    files["tables.xlsx"] = xlsx_bytes(sheets, study.title.nl)
    files["tables.ods"] = ods_bytes(sheets, study.title.nl)
    charts, drawn = draw_charts(views)
    files |= drawn
    files["index.html"] = report_page(views, charts, catalogue, study, facts)
    for language in LANGUAGES:
        note = method_note(views, catalogue, study, facts, "public", language)
        files[f"method.{language}.html"] = note
        files[f"method.{language}.pdf"] = pdf_bytes(note)
    return files


def restricted_files(views: list[View], catalogue: Catalogue, study: Study, facts: MethodFacts) -> Files:
    """Names and bytes of `restricted/`."""
    files: Files = {}
    for view in views:
        files[f"{view.table.id}.parquet"] = parquet_bytes(view)
        files[f"{view.table.id}.csv"] = csv_bytes(view.table, TIDY)
    for language in LANGUAGES:
        files[f"method.{language}.html"] = method_note(views, catalogue, study, facts, "restricted", language)
    return files


def _write(folder: Path, files: Files, mode: int) -> list[str]:
    for name in sorted(files):
        write_bytes(folder / name, files[name], mode)
    return sorted(files)
