"""A flow diagram (Sankey) of our own: strands of people through columns of nodes.

Every cell of the table is one strand, as thick as its protected count. What lies between the lower bound and the count is
hatched; a blank is hatched over the width of its upper bound or, without one, a fixed width that says nothing.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from flows.publication.cells import Point, cell_text, points
from flows.publication.charts.palette import HATCH_GREY, INK, colours, hatch, hatch_id
from flows.publication.charts.shell import Drawing, Key, lines, text_block, with_keys
from flows.publication.labels import TEXTS, Language
from flows.publication.views import View
from flows.publication.words import BLANK, number, say

WIDTH = 480.0
NODE = 10.0
FLOW_HEIGHT = 240.0  # px of the sum of all strands
BLANK_HEIGHT = 9.0
THINNEST = 1.5
THINNEST_BLANK = 4.0
LABEL_SIZE = 12.0
LABEL_LINE = LABEL_SIZE * 1.25
GAP = 12.0
EVERYONE = "_everyone"


@dataclass(frozen=True)
class Strand:
    """One cell on its way: the node it passes in each column, and how thick it is drawn."""

    nodes: tuple[str, ...]
    point: Point
    colour: str
    height: float


@dataclass
class Node:
    """A node while it is placed: `used` is how much of its height strands have taken, per side."""

    name: str
    column: int
    strands: list[Strand]
    top: float = 0.0
    left_used: float = 0.0
    right_used: float = 0.0

    @property
    def height(self) -> float:
        return sum(strand.height for strand in self.strands)


@cache
def _paths() -> dict[str, dict[str, dict[str, object]]]:
    with (TEXTS / "paths.toml").open("rb") as source:
        return tomllib.load(source)


def flow_drawing(view: View, language: Language, prefix: str) -> Drawing:
    """The flow diagram of a table with one or two dimensions."""
    strands = _strands(view)
    columns = _place(strands, _labels(view, strands, language))
    height = max(node.top + max(node.height, 0) for column in columns for node in column) + 2 * GAP
    curves, body = [], []
    by_name = [{node.name: node for node in column} for column in columns]
    distance = (WIDTH - NODE) / max(len(columns) - 1, 1)
    for strand in strands:
        for place in range(len(columns) - 1):
            if place + 1 < len(strand.nodes):
                ends = by_name[place][strand.nodes[place]], by_name[place + 1][strand.nodes[place + 1]]
                curves.append(_curve(strand, *ends, place * distance + NODE, (place + 1) * distance, prefix))
    words = _labels(view, strands, language)
    for place, column in enumerate(columns):
        for node in column:
            body.append(_node(node, place * distance, words[node.name], place, len(columns)))
            height = max(height, node.top + _label_height(words[node.name]) + GAP)
    used = dict.fromkeys([HATCH_GREY, *(strand.colour for strand in strands)])
    definitions = "".join(hatch(prefix, colour) for colour in used)
    drawing = Drawing(WIDTH, height, "".join([*curves, *body]), definitions)
    return with_keys(drawing, _keys(strands, language, prefix))


def _strands(view: View) -> list[Strand]:
    table = view.table
    cells = list(points(table).values())
    size = sum(_extent(point) or 0 for point in cells) or 1.0
    scale = FLOW_HEIGHT / size
    first = table.dimensions[0]
    shades = colours(first, table.categories[first], view.labels)
    found = []
    for point in cells:
        if point.value == 0 and not point.high:
            continue
        extent = _extent(point)
        thinnest = THINNEST_BLANK if point.value is None else THINNEST
        height = BLANK_HEIGHT if extent is None else max(thinnest, extent * scale)
        found.append(Strand(_nodes(view, point), point, shades[point.codes[0]], height))
    sources = list(dict.fromkeys(strand.nodes[0] for strand in found))
    return sorted(found, key=lambda strand: sources.index(strand.nodes[0]))


def _extent(point: Point) -> float | None:
    """The number a strand's thickness stands for: the count, or a blank's upper bound."""
    return point.value if point.value is not None else point.high


def _nodes(view: View, point: Point) -> tuple[str, ...]:
    if len(point.codes) > 1:
        return tuple(f"{name}:{code}" for name, code in zip(view.table.dimensions, point.codes, strict=True))
    name, code = view.table.dimensions[0], str(point.codes[0])
    paths = _paths().get(name, {}).get("path", {})
    if not {str(known) for known in view.table.categories[name]} <= set(paths):
        return (EVERYONE, f"{name}:{code}")  # a policy merged codes that no path describes
    path = paths[code]
    assert isinstance(path, list)
    return tuple(f"{name}>{step}" for step in path)


def _labels(view: View, strands: list[Strand], language: Language) -> dict[str, list[str]]:
    """Words and count per node, broken into lines."""
    members: dict[str, list[Strand]] = {}
    columns = max(len(strand.nodes) for strand in strands)
    for strand in strands:
        for name in strand.nodes:
            members.setdefault(name, []).append(strand)
    room = (WIDTH - NODE) / max(columns - 1, 1) / 2 - (12 if columns == 2 else -4)
    return {
        name: [*lines(_word(view, name, language), room, LABEL_SIZE), _count(inside, language)]
        for name, inside in members.items()
    }


def _word(view: View, name: str, language: Language) -> str:
    if name == EVERYONE:
        return say("chart.everyone", language)
    if ">" in name:
        dimension, step = name.split(">", 1)
        words = _paths()[dimension]["node"][step]
        assert isinstance(words, dict)
        return str(words[language])
    dimension, code = name.split(":", 1)
    return view.labels.category(dimension, code, language)


def _count(strands: list[Strand], language: Language) -> str:
    """The sum of a node, with its interval where the node is a single cell, and a dot where a part is not shown."""
    if len(strands) == 1:
        return cell_text(strands[0].point, language)
    shown = sum(strand.point.value or 0 for strand in strands)
    blank = any(strand.point.value is None for strand in strands)
    if not shown and blank:
        return BLANK
    return f"{number(shown, language)} + {BLANK}" if blank else number(shown, language)


def _place(strands: list[Strand], words: dict[str, list[str]]) -> list[list[Node]]:
    """Nodes per column, in order of first use, each with room for its label; columns are centred on the tallest."""
    count = max(len(strand.nodes) for strand in strands)
    columns: list[list[Node]] = []
    for place in range(count):
        nodes: dict[str, Node] = {}
        for strand in strands:
            if place < len(strand.nodes):
                nodes.setdefault(strand.nodes[place], Node(strand.nodes[place], place, [])).strands.append(strand)
        columns.append(list(nodes.values()))
    heights = []
    for column in columns:
        top = GAP
        for node in column:
            node.top = top
            top += max(node.height, _label_height(words[node.name])) + GAP
        heights.append(top)
    for column, own in zip(columns, heights, strict=True):
        shift = (max(heights) - own) / 2
        for node in column:
            node.top += shift
    return columns


def _label_height(words: list[str]) -> float:
    return len(words) * LABEL_LINE + 4


def _curve(strand: Strand, start: Node, end: Node, left: float, right: float, prefix: str) -> str:
    """One strand between two columns: a solid and a hatched ribbon."""
    top, bottom = start.top + start.right_used, end.top + end.left_used
    start.right_used += strand.height
    end.left_used += strand.height
    solid = strand.height * _sure(strand.point)
    hatched = f"url(#{hatch_id(prefix, HATCH_GREY if strand.point.value is None else strand.colour)})"
    parts = []
    if solid > 0:
        parts.append(_ribbon(left, right, top, bottom, solid, f'fill="{strand.colour}" fill-opacity="0.55"'))
    if solid < strand.height:
        rest = strand.height - solid
        parts.append(_ribbon(left, right, top + solid, bottom + solid, rest, f'fill="{hatched}"'))
    return "".join(parts)


def _sure(point: Point) -> float:
    """The part of a strand that is certain: lower bound over count."""
    if point.value is None:
        return 0.0
    if point.low is None or not point.value:
        return 1.0
    return min(1.0, max(0.0, point.low / point.value))


def _ribbon(left: float, right: float, top: float, bottom: float, height: float, paint: str) -> str:
    middle = (left + right) / 2
    return (
        f'<path d="M{left:.1f},{top:.1f}C{middle:.1f},{top:.1f} {middle:.1f},{bottom:.1f} {right:.1f},{bottom:.1f}'
        f'v{height:.1f}C{middle:.1f},{bottom + height:.1f} {middle:.1f},{top + height:.1f} {left:.1f},{top + height:.1f}Z" '
        f"{paint}/>"
    )


def _node(node: Node, x: float, words: list[str], place: int, columns: int) -> str:
    bar = f'<rect x="{x:.1f}" y="{node.top:.1f}" width="{NODE:g}" height="{max(node.height, 1):.1f}" fill="{INK}"/>'
    last = place == columns - 1
    anchor, at = ("end", x - 5) if last else ("start", x + NODE + 5)
    room = max(node.height - _label_height(words), 0) / 2
    baseline = node.top + room + LABEL_SIZE
    head = text_block(words[:-1], at, baseline, LABEL_SIZE, anchor=anchor, halo=True)
    tail = text_block(
        words[-1:], at, baseline + (len(words) - 1) * LABEL_LINE, LABEL_SIZE, anchor=anchor, weight="bold", halo=True
    )
    return bar + head + tail


def _keys(strands: list[Strand], language: Language, prefix: str) -> list[Key]:
    """What hatching means, where there is any."""
    keys = []
    if any(strand.point.value is not None and _sure(strand.point) < 1 for strand in strands):
        keys.append(Key(f"url(#{hatch_id(prefix, strands[0].colour)})", say("chart.uncertain", language)))
    if any(strand.point.value is None for strand in strands):
        keys.append(Key(f"url(#{hatch_id(prefix)})", say("chart.unknown", language)))
    return keys
