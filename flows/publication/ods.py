"""The OpenDocument workbook, written as XML of our own: odfpy needs ten times as long and stamps the time.

OASIS OpenDocument 1.3, part 3. Header rows are `table:table-header-rows`, which LibreOffice repeats in print.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from flows.publication.frames import Cell
from flows.publication.output import archive
from flows.publication.sheets import Sheet

MIME = "application/vnd.oasis.opendocument.spreadsheet"
SPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" '
    'xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'office:version="1.3"'
)
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
STYLES = (
    '<style:style style:name="title" style:family="table-cell"><style:text-properties fo:font-weight="bold" '
    'fo:font-size="14pt"/></style:style>'
    '<style:style style:name="header" style:family="table-cell"><style:text-properties fo:font-weight="bold"/>'
    '<style:table-cell-properties fo:border-bottom="0.5pt solid #000000"/></style:style>'
    '<number:number-style style:name="whole"><number:number number:decimal-places="0" number:grouping="true"/>'
    "</number:number-style>"
    '<number:number-style style:name="tenth"><number:number number:decimal-places="1" number:min-decimal-places="1" '
    'number:grouping="true"/></number:number-style>'
    '<style:style style:name="d0" style:family="table-cell" style:data-style-name="whole"/>'
    '<style:style style:name="d1" style:family="table-cell" style:data-style-name="tenth"/>'
)
WIDEST = 60
CM_PER_CHARACTER = 0.21


def ods_bytes(sheets: list[Sheet], title: str) -> bytes:
    """All sheets as ODS."""
    widths = sorted({width for sheet in sheets for width in _widths(sheet)})
    column_styles = "".join(
        f'<style:style style:name="w{width}" style:family="table-column"><style:table-column-properties '
        f'style:column-width="{width * CM_PER_CHARACTER:.2f}cm"/></style:style>'
        for width in widths
    )
    body = "".join(_sheet(sheet) for sheet in sheets)
    content = (
        f"{HEAD}<office:document-content {SPACES}><office:automatic-styles>{STYLES}{column_styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{body}</office:spreadsheet></office:body></office:document-content>"
    )
    named = f"<office:meta><dc:title>{escape(title)}</dc:title></office:meta>"
    meta = f"{HEAD}<office:document-meta {SPACES}>{named}</office:document-meta>"
    manifest = (
        f'{HEAD}<manifest:manifest manifest:version="1.3" '
        'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:version="1.3" manifest:media-type="{MIME}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
        '<manifest:file-entry manifest:full-path="meta.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    parts = [
        ("mimetype", MIME.encode()),
        ("content.xml", content.encode()),
        ("meta.xml", meta.encode()),
        ("META-INF/manifest.xml", manifest.encode()),
    ]
    return archive(parts, stored=("mimetype",))


def _widths(sheet: Sheet) -> list[int]:
    return [
        min(WIDEST, max([len(text) + 2, *(len(str(row[place])) + 2 for row in sheet.rows if row[place] is not None)]))
        for place, text in enumerate(sheet.header)
    ]


def _sheet(sheet: Sheet) -> str:
    columns = "".join(f'<table:table-column table:style-name="w{width}"/>' for width in _widths(sheet))
    headings = "".join(
        f"<table:table-row>{_text(text, 'title' if number == 0 else None)}</table:table-row>"
        for number, text in enumerate(sheet.headings)
    )
    header = "".join(_text(text, "header") for text in sheet.header)
    rows = "".join(_row(sheet, number) for number in range(len(sheet.rows)))
    return (
        f"<table:table table:name={quoteattr(sheet.name)}>{columns}{headings}<table:table-row><table:table-cell/></table:table-row>"
        f"<table:table-header-rows><table:table-row>{header}</table:table-row></table:table-header-rows>{rows}</table:table>"
    )


def _row(sheet: Sheet, number: int) -> str:
    cells = [_cell(cell, decimals) for cell, decimals in zip(sheet.rows[number], sheet.decimals, strict=True)]
    if number in sheet.links:
        target = quoteattr(f"#{sheet.links[number]}")
        link = f'<text:a xlink:type="simple" xlink:href={target}>{escape(sheet.links[number])}</text:a>'
        cells[0] = f'<table:table-cell office:value-type="string"><text:p>{link}</text:p></table:table-cell>'
    return f"<table:table-row>{''.join(cells)}</table:table-row>"


def _cell(cell: Cell, decimals: int | None) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, str):
        return _text(cell, None)
    style = "" if decimals is None else f' table:style-name="d{decimals}"'
    return f'<table:table-cell{style} office:value-type="float" office:value="{cell}"><text:p>{cell}</text:p></table:table-cell>'


def _text(text: str, style: str | None) -> str:
    styled = f' table:style-name="{style}"' if style else ""
    return f'<table:table-cell{styled} office:value-type="string"><text:p>{escape(text)}</text:p></table:table-cell>'
