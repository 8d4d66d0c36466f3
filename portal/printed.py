"""The published page of a release, table by table: its sentence, tables, notes and citation, word for word.

`public/index.html` is written by this project and checked against the manifest. All the same only elements and attributes
that a table page needs pass, so that nothing a release says becomes a script, a style or an address here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

from markupsafe import Markup

from portal.words import Language

ELEMENTS = {
    "h3": "h2", "p": "p", "div": "div", "table": "table", "caption": "caption", "thead": "thead", "tbody": "tbody",
    "tr": "tr", "th": "th", "td": "td", "small": "small", "span": "span", "ul": "ul", "li": "li", "code": "code",
    "details": "details", "summary": "summary", "sup": "sup", "em": "em", "strong": "strong",
}  # fmt: skip
"""What passes, and as what: the page's table heading becomes the heading of a page of its own."""
ATTRIBUTES = frozenset({"class", "scope", "tabindex", "role", "aria-label", "aria-hidden", "colspan", "lang"})
VOID = frozenset({"br", "img", "hr", "meta", "link", "input", "source", "wbr", "col"})


@dataclass
class Printed:
    """A table as it was printed in one language: `body` holds tables, top lists, legend and test."""

    lead: str = ""
    body: Markup = field(default_factory=Markup)
    notes: tuple[str, ...] = ()
    cite: str = ""


@dataclass
class _Block:
    name: str
    classes: tuple[str, ...]
    html: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    last: str = ""


def printed(page: bytes, table: str, language: Language) -> Printed | None:
    """The part of `index.html` on one table in one language, None where the page has none."""
    start = page.find(f'<section class="table" id="{table}">'.encode())
    if start < 0:
        return None
    reader = _Reader(table, language)
    reader.feed(page[start : page.find(b"</section>", start)].decode())
    reader.close()
    return _assembled(reader.blocks) if reader.found else None


def _assembled(blocks: list[_Block]) -> Printed:
    result, body = Printed(), list[str]()
    for block in blocks:
        if "lead" in block.classes:
            result.lead = "".join(block.text).strip()
        elif "notes" in block.classes:
            result.notes, result.cite = tuple(block.items), block.last
        elif block.name not in ("h2", "figure") and "top" not in block.classes:
            body += block.html
    result.body = Markup("".join(body))  # rebuilt from the elements and attributes above, text escaped
    return result


class _Reader(HTMLParser):
    """Collects the direct children of one table's `<div lang>`; blocks are told apart by their class."""

    def __init__(self, table: str, language: Language) -> None:
        super().__init__(convert_charrefs=True)
        self.table, self.language = table, language
        self.blocks: list[_Block] = []
        self.found = False
        self._section = self._inside = False
        self._depth = 0
        self._hidden = 0
        self._listing: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "section":
            self._section = given.get("id") == self.table
        elif self._section and not self._inside and tag == "div" and given.get("lang") == self.language:
            self._inside = self.found = True
            self._depth = 0
        elif self._inside:
            self._open(tag, given)

    def _open(self, tag: str, given: dict[str, str]) -> None:
        if self._depth == 0:
            self.blocks.append(_Block(tag, tuple(given.get("class", "").split())))
        if tag not in VOID:
            self._depth += 1
        block = self.blocks[-1]
        if tag not in ELEMENTS:
            self._hidden += tag not in VOID and tag != "a"
        elif not self._hidden:
            kept = "".join(f' {n}="{escape(v, quote=True)}"' for n, v in given.items() if n in ATTRIBUTES)
            block.html.append(f"<{ELEMENTS[tag]}{kept}>")
        if tag in ("li", "p"):
            self._listing = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self._section = self._inside = False
        elif self._inside and tag not in VOID:
            if self._depth == 0:  # the end of the language's own <div>
                self._inside = False
                return
            self._close(tag)

    def _close(self, tag: str) -> None:
        self._depth -= 1
        block = self.blocks[-1]
        if tag not in ELEMENTS:
            self._hidden -= tag != "a"
        elif not self._hidden:
            block.html.append(f"</{ELEMENTS[tag]}>\n")
        if tag in ("li", "p") and self._listing is not None:
            text = "".join(self._listing).strip()
            if tag == "li":
                block.items.append(text)
            else:
                block.last = text
            self._listing = None

    def handle_data(self, data: str) -> None:
        if self._inside and self.blocks and not self._hidden:
            block = self.blocks[-1]
            block.html.append(escape(data))
            block.text.append(data)
            if self._listing is not None:
                self._listing.append(data)
