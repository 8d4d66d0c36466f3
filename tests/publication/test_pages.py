"""The report page and the method notes as a browser, a screen reader and a careful reader would take them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from tests.publication.conftest import STUDIES
from tests.publication.fabricate import QUALITY, study_and_catalogue

Releases = Callable[[str], Path]
VOID = {"meta", "br", "input", "link", "img", "hr"}
NAMESPACES = ("http://www.w3.org/2000/svg",)


class Page(HTMLParser):
    """Elements in order, with the stack of their parents."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], tuple[str, ...]]] = []
        self.stack: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, tuple(self.stack)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, tuple(self.stack)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag, f"</{tag}> closes another element"

    def having(self, *tags: str) -> list[tuple[str, dict[str, str], tuple[str, ...]]]:
        return [element for element in self.elements if element[0] in tags]


def pages(folder: Path) -> list[Path]:
    return [folder / "public" / "index.html", *sorted(folder.glob("*/method.*.html"))]


@pytest.mark.parametrize("study_id", STUDIES)
def test_pages_need_no_network_and_no_script(releases: Releases, study_id: str) -> None:
    for path in pages(releases(study_id)):
        text = path.read_text(encoding="utf-8")
        page = Page(text)
        assert not page.having("script", "link", "iframe", "img", "object")
        addresses = set(re.findall(r"https?://[^\s\"'<)]+", text))
        assert addresses <= set(NAMESPACES), path.name
        assert "@import" not in text
        for _, attributes, _ in page.elements:
            assert not attributes.get("href", "").startswith(("//", "http"))
            assert not any(name.startswith("on") for name in attributes)


@pytest.mark.parametrize("study_id", STUDIES)
def test_links_lead_somewhere(releases: Releases, study_id: str) -> None:
    folder = releases(study_id) / "public"
    page = Page((folder / "index.html").read_text(encoding="utf-8"))
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id occurs twice"
    for _, attributes, _ in page.having("a"):
        target = attributes["href"]
        assert target[1:] in ids if target.startswith("#") else (folder / target).exists(), target


@pytest.mark.parametrize("study_id", STUDIES)
def test_pages_speak_to_a_screen_reader(releases: Releases, study_id: str) -> None:
    for path in pages(releases(study_id)):
        page = Page(path.read_text(encoding="utf-8"))
        assert page.having("html")[0][1]["lang"] in ("nl", "en")
        assert page.having("main")
        levels = [int(tag[1]) for tag, _, _ in page.having("h1", "h2", "h3")]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels)), "a heading level is skipped"
        assert all(attributes.get("scope") in ("row", "col") for _, attributes, _ in page.having("th"))
        assert len(page.having("caption")) == len(page.having("table"))
        for _, attributes, _ in page.having("svg"):
            assert attributes["role"] == "img"
            assert len(attributes["aria-labelledby"].split()) == 2
        assert len(page.having("desc")) == len(page.having("svg"))


def test_index_shows_every_table_in_both_languages_with_its_figure(releases: Releases) -> None:
    text = (releases("nr2015") / "public" / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    _, catalogue = study_and_catalogue("nr2015")
    for entry in catalogue.entries:
        assert entry.titles.nl in text
        assert entry.titles.en in text
    assert len(page.having("svg")) == 2 * len(catalogue.entries)
    assert len(page.having("section")) == len(catalogue.entries)
    assert "1.265" in text, "Dutch numbers have a point"
    assert "1,265" in text, "English numbers have a comma"


@pytest.mark.parametrize("study_id", STUDIES)
def test_nothing_says_why_a_cell_is_blank(releases: Releases, study_id: str) -> None:
    for path in releases(study_id).rglob("*"):
        if path.suffix in (".html", ".svg", ".csv", ".json"):
            text = path.read_text(encoding="utf-8").lower()
            assert not re.search(r"primair|primary cell|secundair|secondary|complementa", text), path.name
    index = (releases(study_id) / "public" / "index.html").read_text(encoding="utf-8")
    assert "not shown: small, or protects a small one" in index
    assert "niet getoond: klein, of het beschermt een klein getal" in index


def test_a_blank_is_a_dot_with_words_never_a_zero(releases: Releases) -> None:
    text = (releases("nr2015") / "public" / "index.html").read_text(encoding="utf-8")
    blanks = re.findall(r'<td class="blank">(.*?)</td>', text, re.DOTALL)
    assert len(blanks) > 100
    assert all(cell.startswith('<span aria-hidden="true">·</span><span class="sr">n') for cell in blanks)


def test_linkage_quality_is_in_restricted_notes_only(releases: Releases) -> None:
    folder = releases("nr2015")
    for language in ("nl", "en"):
        assert QUALITY in (folder / "restricted" / f"method.{language}.html").read_text(encoding="utf-8")
    for path in (folder / "public").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert QUALITY not in text
        assert "Precision" not in text


def test_method_note_states_policy_budget_and_how_to_verify(releases: Releases) -> None:
    text = (releases("nr2015") / "public" / "method.en.html").read_text(encoding="utf-8")
    for words in ("The statement of the policy.", "Epsilon 3 in total.", "verify.py --key", "5f" * 32, "0.0.test"):
        assert words in text
    assert text.index("On one page") < text.index("What remains uncertain") < text.index("Who and what was counted")


def inflated(content: bytes) -> bytes:
    """A PDF with its compressed streams opened."""
    parts = [content]
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        try:
            parts.append(zlib.decompress(stream))
        except zlib.error:
            parts.append(stream)
    return b"".join(parts)


def test_pdfs_are_tagged_and_carry_neither_clock_nor_machine_fonts(releases: Releases) -> None:
    for language in ("nl", "en"):
        content = inflated((releases("wodc2020") / "public" / f"method.{language}.pdf").read_bytes())
        assert content.startswith(b"%PDF-1.7")
        assert b"/Marked true" in content
        assert b"CreationDate" not in content
        fonts = set(re.findall(rb"/BaseFont ?/[A-Z]{6}\+([A-Za-z-]+)", content))
        assert fonts == {b"Schakel-Sans", b"Schakel-Sans-Bold"}
