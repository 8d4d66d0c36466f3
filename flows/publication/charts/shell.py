"""A drawing on its way to a reader: title and description for those who listen, both languages in one file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import wrap
from xml.sax.saxutils import escape, quoteattr

from flows.publication.charts.palette import FONT, INK
from flows.publication.labels import LANGUAGES, Language

TITLE_SIZE = 15
TITLE_LINE = 19
KEY_LINE = 18
SMALLEST_WIDTH = 480.0  # figures of one page share a scale
CHARACTER = 0.56  # mean width of a character in em, for wrapping without measuring
SPEECH = re.compile(r' (?:role|aria-[a-z]+|class|pointer-events|stroke-miterlimit)="[^"]*"')
# Style sheets give the class the paper's colour where that is not white.
HALO = ' class="halo" stroke="#ffffff" stroke-width="3.5" stroke-opacity="0.75" stroke-linejoin="round" paint-order="stroke"'
EMPTY = re.compile(r'<path d="(?:M0,0h0v0h0Z)?"[^>]*/>|<g/>|<g></g>')


@dataclass(frozen=True)
class Drawing:
    """The inside of an SVG in one language; `definitions` are its patterns."""

    width: float
    height: float
    body: str
    definitions: str = ""


def from_vega(svg: str, definitions: str) -> Drawing:
    """Take Vega's own frame off and leave out what only says "group" to a screen reader."""
    found = re.match(r'<svg[^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>(.*)</svg>\s*$', svg, re.DOTALL)
    assert found is not None, "Vega changed the frame of its SVG"
    body = SPEECH.sub("", found[3])
    for _ in range(3):  # groups that only held empty groups
        body = EMPTY.sub("", body)
    return Drawing(max(float(found[1]), SMALLEST_WIDTH), float(found[2]), body, definitions)


def lines(text: str, width: float, size: float) -> list[str]:
    """The text broken so that no line of `size` px type is wider than about `width` px."""
    return wrap(text, max(4, int(width / (size * CHARACTER))), break_long_words=False) or [""]


def text_block(
    texts: list[str], x: float, y: float, size: float, *, anchor: str = "start", weight: str = "", halo: bool = False
) -> str:
    """Lines of text from `y` (first baseline) down; a halo of the paper's colour keeps them legible over what is drawn."""
    bold = f' font-weight="{weight}"' if weight else ""
    bold += HALO if halo else ""
    step = round(size * 1.25, 1)
    spans = "".join(
        f'<tspan x="{x:g}" y="{y + place * step:g}">{escape(line)}</tspan>' for place, line in enumerate(texts)
    )
    return f'<text font-family="{FONT}" font-size="{size:g}" fill="{INK}" text-anchor="{anchor}"{bold}>{spans}</text>'


def inline(drawing: Drawing, identifier: str, language: Language, title: str, description: str) -> str:
    """The drawing for use inside a page that states the title itself."""
    name = f"{identifier}-{language}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width:g} {drawing.height:g}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc" lang="{language}">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
        f"<defs>{drawing.definitions}</defs>{drawing.body}</svg>"
    )


def whole_file(
    drawings: dict[Language, Drawing], titles: dict[Language, str], descriptions: dict[Language, str]
) -> bytes:
    """One SVG file with both languages: Dutch is drawn, `file.svg#en` shows English.

    Programs that know no style sheets draw the Dutch version, because English carries `display="none"`.
    """
    headed = {language: _headed(drawings[language], titles[language]) for language in LANGUAGES}
    width = max(drawing.width for drawing in headed.values())
    height = max(drawing.height for drawing in headed.values())
    spoken = "".join(
        f"<{tag} id={quoteattr(f'{tag}-{language}')} lang={quoteattr(language)}>{escape(texts[language])}</{tag}>"
        for tag, texts in (("title", titles), ("desc", descriptions))
        for language in LANGUAGES
    )
    definitions = "".join(drawing.definitions for drawing in headed.values())
    content = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'role="img" aria-labelledby="title-nl desc-nl" lang="nl">{spoken}'
        "<style>#en:target{display:inline}#en:target~#nl{display:none}"
        "@media(prefers-color-scheme:dark){svg{color:#e9e9ec}.halo{stroke:#17181b}#paper{fill:#17181b}}</style>"
        f'<defs>{definitions}</defs><rect id="paper" width="{width:g}" height="{height:g}" fill="#ffffff"/>'
        f'<g id="en" lang="en" display="none">{headed["en"].body}</g><g id="nl">{headed["nl"].body}</g></svg>\n'
    )
    return content.encode()


def _headed(drawing: Drawing, title: str) -> Drawing:
    broken = lines(title, drawing.width - 16, TITLE_SIZE)
    top = len(broken) * TITLE_LINE + 12
    head = text_block(broken, 8, TITLE_LINE, TITLE_SIZE, weight="bold")
    body = f'{head}<g transform="translate(0,{top})">{drawing.body}</g>'
    return Drawing(drawing.width, drawing.height + top, body, drawing.definitions)


@dataclass(frozen=True)
class Key:
    """A line of the legend below a drawing."""

    fill: str
    words: str
    opacity: float = 1.0


def with_keys(drawing: Drawing, keys: list[Key]) -> Drawing:
    """The drawing with its legend below it."""
    parts = [drawing.body]
    for place, key in enumerate(keys):
        y = drawing.height + 4 + place * KEY_LINE
        parts.append(
            f'<rect x="8" y="{y:g}" width="14" height="12" fill="{key.fill}" fill-opacity="{key.opacity:g}"/>'
            + text_block([key.words], 28, y + 10, 11)
        )
    return Drawing(
        drawing.width, drawing.height + len(keys) * KEY_LINE + (6 if keys else 0), "".join(parts), drawing.definitions
    )
