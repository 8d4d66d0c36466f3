"""Colours that colour-blind readers can tell apart, and the hatching that stands for "not shown" and "uncertain".

Qualitative: Okabe and Ito (2008). Ordered categories (ages): cividis (Nunez, Anderton and Renslow 2018), which also
orders by lightness. Text uses `currentColor`, so that a figure inside a page follows its light or dark scheme.
"""

from __future__ import annotations

from flows.publication.labels import Labels

QUALITATIVE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7F6BB3")
ORDERED = ("#12306B", "#35456C", "#666970", "#948E77", "#C8B866", "#FEE838")
UNKNOWN = "#9A9A9A"
ORDERED_DIMENSIONS = ("leeftijd",)
UNKNOWN_WORDS = ("onbekend",)
DARK_LIMIT = 0.179  # relative luminance below which white text has more contrast than black
HATCH_GREY = "#808080"
FONT = "Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
INK = "currentColor"


def colours(dimension: str, codes: tuple[object, ...], labels: Labels) -> dict[object, str]:
    """A colour per category; "unknown" is grey in every figure."""
    known = [code for code in codes if labels.category(dimension, code, "nl") not in UNKNOWN_WORDS]
    if dimension in ORDERED_DIMENSIONS:
        step = (len(ORDERED) - 1) / max(len(known) - 1, 1)
        chosen = {code: ORDERED[round(place * step)] for place, code in enumerate(known)}
    else:
        chosen = {code: QUALITATIVE[place % len(QUALITATIVE)] for place, code in enumerate(known)}
    return {code: chosen.get(code, UNKNOWN) for code in codes}


def text_on(colour: str) -> str:
    """Black or white, whichever reads better on a colour (relative luminance of WCAG 2.2)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if luminance < DARK_LIMIT else "#000000"


def hatch_id(prefix: str, colour: str = HATCH_GREY) -> str:
    """The id of the hatching in one colour, unique to one figure."""
    return f"{prefix}-hatch-{colour.lstrip('#').lower()}"


def hatch(prefix: str, colour: str = HATCH_GREY) -> str:
    """The definition of a hatching."""
    return (
        f'<pattern id="{hatch_id(prefix, colour)}" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{colour}" fill-opacity="0.15"/>'
        f'<line x1="1" y1="0" x2="1" y2="6" stroke="{colour}" stroke-width="2"/></pattern>'
    )
