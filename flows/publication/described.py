"""What the metadata formats say: CSVW and data package JSON, and the field metadata of Parquet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from flows.publication.frames import STATUSES, Column, columns, dimension_is_integer, guarded, rows
from flows.publication.labels import LANGUAGES, Labels, Language
from flows.publication.views import View
from flows.publication.words import say
from schemas.study import Study
from schemas.tables import ProtectedTable

CSVW_TYPES = {"integer": "integer", "decimal": "decimal"}
PACKAGE_TYPES = {"integer": "integer", "decimal": "number"}


def json_bytes(content: object) -> bytes:
    """JSON for people and machines: sorted where order says nothing is left to the caller, UTF-8, final newline."""
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def column_title(column: Column, labels: Labels, language: Language) -> str:
    """The heading of a column for a reader."""
    if column.kind == "dimension":
        return labels.dimension(column.name, language)
    return say(f"column.{column.name}", language)


def column_meaning(column: Column, language: Language) -> str:
    """One sentence on what a column holds."""
    return say(f"about.{'dimension' if column.kind == 'dimension' else column.name}", language)


def _both(column: Column, labels: Labels) -> tuple[dict[str, str], dict[str, str]]:
    titles: dict[str, str] = {language: column_title(column, labels, language) for language in LANGUAGES}
    return titles, {language: column_meaning(column, language) for language in LANGUAGES}


def csvw_metadata(view: View) -> bytes:
    """Metadata of `<table>.csv` after the W3C recommendation "Metadata Vocabulary for Tabular Data" (2015)."""
    table = view.table
    described = columns(table)
    content = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "nl"}],
        "url": f"{table.id}.csv",
        "dc:title": [{"@value": view.title[language], "@language": language} for language in LANGUAGES],
        "rdfs:comment": [
            {"@value": note, "@language": language} for language in LANGUAGES for note in view.notes[language]
        ],
        "dialect": {"delimiter": ",", "encoding": "utf-8", "header": True},
        "tableSchema": {
            "columns": [_csvw_column(view, column) for column in described],
            "primaryKey": list(table.dimensions),
        },
    }
    return json_bytes(content)


def _csvw_column(view: View, column: Column) -> dict[str, object]:
    titles, meanings = _both(column, view.labels)
    described: dict[str, object] = {
        "name": column.name,
        # the header of the file comes first: validators compare it with the titles
        "titles": {"und": column.name, **titles},
        "dc:description": [{"@value": text, "@language": language} for language, text in meanings.items()],
        "datatype": _csvw_type(view.table, column),
        "required": column.kind in ("dimension", "status"),
    }
    if column.kind in CSVW_TYPES:
        described["null"] = ""
    return described


def _csvw_type(table: ProtectedTable, column: Column) -> object:
    if column.kind == "status":
        return {"base": "string", "format": "|".join(STATUSES)}
    if column.kind == "dimension":
        return "integer" if dimension_is_integer(table, column.name) else "string"
    return CSVW_TYPES[column.kind]


def data_package(study: Study, views: list[View], files: Mapping[str, bytes]) -> bytes:
    """The Frictionless data package (v1) of the two CSV flavours of every table; `files` maps names to their bytes."""
    resources: list[dict[str, object]] = []
    for view in views:
        resources.append(_resource(view, view.table.id, f"{view.table.id}.csv", files, dutch=False))
        resources.append(_resource(view, f"{view.table.id}.nl", f"{view.table.id}.nl.csv", files, dutch=True))
    content = {
        "profile": "tabular-data-package",
        "name": study.id,
        "title": study.title.nl,
        "title_en": study.title.en,
        "version": study.version,
        "resources": resources,
    }
    return json_bytes(content)


def _resource(view: View, name: str, path: str, files: Mapping[str, bytes], *, dutch: bool) -> dict[str, object]:
    content = files[path]
    return {
        "profile": "tabular-data-resource",
        "name": name,
        "path": path,
        "title": view.title["nl"],
        "title_en": view.title["en"],
        "description": "\n".join(view.notes["nl"]),
        "description_en": "\n".join(view.notes["en"]),
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8-sig" if dutch else "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "dialect": {"delimiter": ";" if dutch else ",", "lineTerminator": "\r\n" if dutch else "\n"},
        "schema": {
            "fields": [_package_field(view, column, dutch=dutch) for column in columns(view.table)],
            "missingValues": [""],
            "primaryKey": list(view.table.dimensions),
        },
    }


def _package_field(view: View, column: Column, *, dutch: bool) -> dict[str, object]:
    table, labels = view.table, view.labels
    titles, meanings = _both(column, labels)
    described: dict[str, object] = {
        "name": column.name,
        "title": titles["nl"],
        "title_en": titles["en"],
        "description": meanings["nl"],
        "description_en": meanings["en"],
    }
    if column.kind == "status":
        return {**described, "type": "string", "constraints": {"required": True, "enum": list(STATUSES)}}
    if column.kind != "dimension":
        decimal = {"decimalChar": ","} if dutch and column.kind == "decimal" else {}
        return {**described, "type": PACKAGE_TYPES[column.kind], **decimal}
    if dimension_is_integer(table, column.name):
        return {**described, "type": "integer", "constraints": {"required": True}}
    codes = [guarded(str(code)) for code in table.categories[column.name]]
    words = {language: {code: labels.category(column.name, code, language) for code in codes} for language in LANGUAGES}
    return {**described, "type": "string", "constraints": {"required": True, "enum": codes}, "labels": words}


def parquet_bytes(view: View) -> bytes:
    """One table as Parquet; every field carries labels, descriptions and, for dimensions, the words for its codes."""
    table = view.table
    described = columns(table)
    cells = list(zip(*rows(table), strict=True)) or [()] * len(described)
    fields = [_arrow_field(view, column) for column in described]
    arrays = [pa.array(list(values), type=field.type) for values, field in zip(cells, fields, strict=True)]
    metadata = {f"title_{language}": view.title[language] for language in LANGUAGES}
    metadata |= {f"notes_{language}": "\n".join(view.notes[language]) for language in LANGUAGES}
    metadata["regime"] = table.regime
    buffer = BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=metadata)), buffer)
    return buffer.getvalue()


def _arrow_field(view: View, column: Column) -> pa.Field:
    table, labels = view.table, view.labels
    types = {"integer": pa.int64(), "decimal": pa.float64(), "status": pa.string()}
    number = column.kind == "dimension" and dimension_is_integer(table, column.name)
    kind = (pa.int64() if number else pa.string()) if column.kind == "dimension" else types[column.kind]
    titles, meanings = _both(column, labels)
    metadata = {f"label_{language}": text for language, text in titles.items()}
    metadata |= {f"description_{language}": text for language, text in meanings.items()}
    if column.kind == "dimension":
        for language in LANGUAGES:
            words = {str(code): labels.category(column.name, code, language) for code in table.categories[column.name]}
            metadata[f"categories_{language}"] = json.dumps(words, ensure_ascii=False)
    return pa.field(column.name, kind, nullable=column.kind in CSVW_TYPES, metadata=metadata)
