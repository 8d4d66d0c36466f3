"""The figures of a release, drawn from protected tables: Altair specifications, and a flow diagram of our own.

What enters    views (protected tables with their words). What leaves: SVG, whole or for use inside a page.
A blank is hatched or a dot, never a zero; an interval is a band, a whisker or a hatched part.
"""

from __future__ import annotations

from flows.publication.charts.draw import draw_charts

__all__ = ["draw_charts"]
