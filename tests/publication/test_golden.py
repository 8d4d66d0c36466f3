"""A handful of figures as pictures, compared with pictures that somebody looked at (`golden/README.md`)."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import vl_convert

from flows.publication.charts import draw_charts
from flows.publication.charts.palette import FONT
from tests.publication.test_curve_charts import view as invented_curves
from tests.publication.test_numbers import views

GOLDEN = Path(__file__).parent / "golden"
CURVES = "routes2020_b8_verloop"  # of invented counts: the reference has none
# One figure of each form, in both regimes: lines with bands, stacked bars with blanks, flows, bubbles, bars, curves.
FIGURES = (
    ("nr2015", "noisy", "nr2015_f01"),
    ("nr2015", "suppressed", "nr2015_f08"),
    ("nr2015", "suppressed", "nr2015_t02"),
    ("nr2015", "noisy", "nr2015_f17"),
    ("wodc2020", "noisy", "wodc2020_routes"),
    ("wodc2020", "suppressed", "wodc2020_f04"),
    ("wodc2020", "noisy", "wodc2020_fb21"),
    ("routes2020", "suppressed", CURVES),
)
STEP = 48  # a pixel has changed when a channel differs by more; smaller differences are smoothing
CHANGED = 0.004  # the share of pixels that may have changed: the hinting of a font, not a moved label
SCALE = 1


def picture(study_id: str, regime: str, table: str) -> np.ndarray:
    """The Dutch figure as height x width x 4 bytes."""
    return pixels(png(study_id, regime, table))


def png(study_id: str, regime: str, table: str) -> bytes:
    """The Dutch figure in the font that comes with vl-convert, so that the machine's fonts do not matter."""
    made = invented_curves() if table == CURVES else views(study_id, regime)[table]
    svg = draw_charts([made])[1][f"{table}.svg"].decode()
    return vl_convert.svg_to_png(svg.replace(FONT, "Liberation Sans"), scale=SCALE)


def pixels(data: bytes) -> np.ndarray:
    """A PNG of 8-bit RGBA as height x width x 4; the format's five filters after its specification (W3C, 2003)."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, width, height = 8, b"", 0, 0
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth, colour) == (8, 6)
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    lines = np.frombuffer(zlib.decompress(packed), dtype=np.uint8).reshape(height, 1 + 4 * width)
    out = np.zeros((height, 4 * width), dtype=np.uint8)
    above = np.zeros(4 * width, dtype=np.uint8)
    for row, line in enumerate(lines):
        above = out[row] = _unfiltered(int(line[0]), line[1:], above)
    return out.reshape(height, width, 4)


def _unfiltered(kind: int, line: np.ndarray, above: np.ndarray) -> np.ndarray:
    if kind == 0:
        return line
    if kind == 2:
        return line + above
    found = [0] * len(line)
    for at, value in enumerate(line.tolist()):
        left = found[at - 4] if at >= 4 else 0
        up, corner = int(above[at]), int(above[at - 4]) if at >= 4 else 0
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            near = [abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)]
            guess = (left, up, corner)[near.index(min(near))]
        found[at] = (value + guess) & 255
    return np.array(found, dtype=np.uint8)


@pytest.mark.parametrize(("study_id", "regime", "table"), FIGURES)
def test_figures_look_as_they_did(study_id: str, regime: str, table: str) -> None:
    golden = pixels((GOLDEN / f"{table}-{regime}.png").read_bytes()).astype(np.int16)
    now = picture(study_id, regime, table).astype(np.int16)
    assert now.shape == golden.shape, "the figure has another size; look at it, then draw the golden pictures again"
    changed = (np.abs(now - golden).max(axis=2) > STEP).mean()
    assert changed <= CHANGED, f"{changed:.1%} of the pixels changed; look at it, then draw the golden pictures again"


def test_a_moved_label_is_noticed() -> None:
    now = picture("wodc2020", "noisy", "wodc2020_routes").astype(np.int16)
    moved = np.roll(now, 3, axis=0)
    assert (np.abs(now - moved).max(axis=2) > STEP).mean() > CHANGED
