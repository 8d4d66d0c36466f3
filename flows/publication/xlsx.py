"""The Excel workbook. Every sheet holds one table with a marked header row, which screen readers announce."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO

import xlsxwriter

from flows.publication.sheets import Sheet

FIXED_DATE = datetime(2000, 1, 1)
FORMATS = ("#,##0", "#,##0.0")
WIDEST = 60


def xlsx_bytes(sheets: list[Sheet], title: str) -> bytes:
    """All sheets as XLSX. Text is written as text: a label is never run as a formula or taken for a link."""
    buffer = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(buffer, options)
    book.set_properties({"title": title, "created": FIXED_DATE})
    formats = {
        "title": book.add_format({"bold": True, "font_size": 14}),
        "link": book.add_format({"underline": 1, "font_color": "#0563C1"}),
        **{pattern: book.add_format({"num_format": pattern}) for pattern in FORMATS},
    }
    for position, sheet in enumerate(sheets):
        _draw(book.add_worksheet(sheet.name), sheet, formats, f"tabel_{position}")
    book.close()
    return buffer.getvalue()


def _draw(page: xlsxwriter.worksheet.Worksheet, sheet: Sheet, formats: dict[str, object], table_name: str) -> None:
    for number, heading in enumerate(sheet.headings):
        page.write_string(number, 0, heading, formats["title"] if number == 0 else None)
    first = sheet.header_row
    for number, row in enumerate(sheet.rows, first + 1):
        for place, cell in enumerate(row):
            if isinstance(cell, str):
                page.write_string(number, place, cell)
            elif cell is not None:
                decimals = sheet.decimals[place]
                page.write_number(number, place, cell, None if decimals is None else formats[FORMATS[decimals]])
    for number, target in sheet.links.items():
        page.write_url(first + 1 + number, 0, f"internal:'{target}'!A1", formats["link"], string=target)
    page.add_table(
        first,
        0,
        first + max(len(sheet.rows), 1),
        len(sheet.header) - 1,
        {"name": table_name, "columns": [{"header": text} for text in sheet.header], "style": "Table Style Light 1"},
    )
    for place, text in enumerate(sheet.header):
        longest = max([len(text) + 3, *(len(str(row[place])) + 2 for row in sheet.rows if row[place] is not None)])
        page.set_column(place, place, min(longest, WIDEST))
    page.freeze_panes(first + 1, 0)
