"""Marks at pixel positions, collected and handed to Altair in a few layers.

Bars and the table under them must stand in the same columns, and labels must keep out of each other's way, so the figures
set their own positions. One Altair layer per mark and style keeps a figure under 0.1 s; one per mark took 2 s.
"""

from __future__ import annotations

from typing import Any

from flows.publication.charts.palette import FONT, INK
from flows.publication.charts.shell import Drawing, from_vega

WIDTH = 480.0
TEXT_SIZE = 12
SMALL_SIZE = 10
LINE = TEXT_SIZE * 1.2
GRID = "#8a8a8a"
Row = dict[str, object]


class Canvas:
    """Marks in the order in which they are added; x runs right and y down, in px."""

    def __init__(self) -> None:
        self._layers: dict[tuple[object, ...], list[Row]] = {}
        self._turn = 0

    def above(self) -> None:
        """What is added from here on lies on top of everything before."""
        self._turn += 1

    def rect(self, x: float, y: float, width: float, height: float, fill: str, *, outline: bool = False) -> None:
        """A filled rectangle."""
        row: Row = {"x": x, "x2": x + width, "y": y, "y2": y + height, "fill": fill}
        self._add(("rect", outline), row)

    def rule(
        self, x: float, y: float, x2: float, y2: float, *, colour: str = GRID, opacity: float = 0.35, size: float = 1
    ) -> None:
        """A straight line."""
        self._add(("rule", colour, opacity, size), {"x": x, "x2": x2, "y": y, "y2": y2})

    def circle(self, x: float, y: float, area: float, fill: str, *, outline: bool = False) -> None:
        """A circle of `area` square px."""
        self._add(("circle", outline), {"x": x, "y": y, "area": area, "fill": fill})

    def text(
        self, words: str, x: float, y: float, *, align: str = "center", size: float = TEXT_SIZE, colour: str = INK,
        bold: bool = False, opacity: float = 1.0,
    ) -> None:  # fmt: skip
        """Words with their (first) baseline at `y`; a newline breaks the line."""
        for place, line in enumerate(words.split("\n")):
            row: Row = {"x": x, "y": y + place * size * 1.2, "text": line, "colour": colour}
            self._add(("text", align, size, bold, opacity), row)

    def line(self, corners: list[tuple[float, float]], colour: str) -> None:
        """A line through points; its id keeps it apart from other lines."""
        self._path("line", [{"x": x, "y": y} for x, y in corners], colour)

    def area(self, corners: list[tuple[float, float, float]], colour: str) -> None:
        """The area between two lines: (x, upper y, lower y)."""
        self._path("area", [{"x": x, "y": y, "y2": y2} for x, y, y2 in corners], colour)

    def _path(self, kind: str, rows: list[Row], colour: str) -> None:
        taken = len({row["id"] for key, layer in self._layers.items() if key[1] == kind for row in layer})
        for row in rows:
            self._add((kind, colour), {**row, "id": taken})

    def _add(self, style: tuple[object, ...], row: Row) -> None:
        rounded = {name: round(value, 2) if isinstance(value, float) else value for name, value in row.items()}
        self._layers.setdefault((self._turn, *style), []).append(rounded)

    def draw(self, width: float, height: float, definitions: str = "") -> Drawing:
        """Render to SVG with vl-convert, without network and browser; `width` by `height` px is the plot, marks may leave it."""
        import altair
        import vl_convert

        layers = [_layer(altair, style[1:]) for style in self._layers]
        chart = altair.layer(*layers).properties(width=width, height=height)
        chart = chart.configure(font=FONT, aria=False, background="transparent", padding=6).configure_view(stroke=None)
        specification = chart.to_dict(validate=False)
        for layer, rows in zip(specification["layer"], self._layers.values(), strict=True):
            layer["data"] = {"values": rows}  # put in afterwards: Altair copies its data at every step
        return from_vega(vl_convert.vegalite_to_svg(specification), definitions)


def _layer(altair: Any, style: tuple[Any, ...]) -> Any:
    """One Altair layer of marks of one style; positions and colours are taken as they are."""
    kind = style[0]
    place = {"x": altair.X("x:Q", scale=None, axis=None), "y": altair.Y("y:Q", scale=None, axis=None)}
    fill = altair.Fill("fill:N", scale=None, legend=None)
    base = altair.Chart(altair.InlineData(values=[]))
    if kind == "rect":
        mark = base.mark_rect(stroke=GRID, strokeWidth=0.5) if style[1] else base.mark_rect(strokeWidth=0)
        return mark.encode(**place, x2="x2:Q", y2="y2:Q", fill=fill)
    if kind == "rule":
        mark = base.mark_rule(color=style[1], opacity=style[2], strokeWidth=style[3])
        return mark.encode(**place, x2="x2:Q", y2="y2:Q")
    if kind == "circle":
        stroke = {"stroke": GRID, "strokeWidth": 1} if style[1] else {"strokeWidth": 0}
        mark = base.mark_point(shape="circle", filled=True, opacity=1, **stroke)
        return mark.encode(**place, size=altair.Size("area:Q", scale=None, legend=None), fill=fill)
    if kind == "line":
        mark = base.mark_line(color=style[1], strokeWidth=2.5, point=altair.OverlayMarkDef(color=style[1], size=36))
        return mark.encode(**place, detail="id:N")
    if kind == "area":
        return base.mark_area(color=style[1], opacity=0.22).encode(**place, y2="y2:Q", detail="id:N")
    align, size, bold, opacity = style[1:]
    weight = "bold" if bold else "normal"
    mark = base.mark_text(align=align, baseline="alphabetic", fontSize=size, fontWeight=weight, opacity=opacity)
    return mark.encode(**place, text="text:N", color=altair.Color("colour:N", scale=None, legend=None))
