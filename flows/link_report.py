"""`schakel link --report DIR`: how good the links are, for the data holder; counts and averages, never a value.

DIR/report.html    estimates, weights, linked shares, intervals of the linked tables
DIR/report.json    the same for programs
DIR/review.csv     pairs in doubt, masked: how they agree, field by field; filled in, it comes back by --verdicts
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv

from disclosure.store import write_private
from flows.doubt import shown_intervals
from linkage.link import Links
from linkage.review import review_file
from schemas.catalogue import Catalogue
from schemas.tables import COUNT, ProtectedTable
from tabulation.shares import LinkedShare
from tabulation.spread import Spread

Report = dict[str, Any]
# One bit is so many units wide in the weights chart; names stand left of the bars.
BIT, NAMES, ROW, BAR = 9, 190, 22, 14
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;border-bottom:1px solid #bbb;text-align:left}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}svg{max-width:100%;height:auto}"
)


def linkage_report(
    links: Links, shares: Iterable[LinkedShare], spread: Mapping[str, Spread], tables: Mapping[str, ProtectedTable]
) -> Report:
    """Everything the report says. `tables`: the protected tables whose shown cells carry intervals, none before a run."""
    quality: Any = links.quality
    intervals: dict[str, list[dict[str, Any]]] = {}
    for name, (shown, low, high) in shown_intervals(spread, tables).items():
        frame = tables[name].frame
        intervals[name] = [
            {dimension: str(frame[dimension].iloc[row]) for dimension in tables[name].dimensions}
            | {COUNT: int(frame[COUNT].iloc[row]), "low": int(low[row]), "high": int(high[row])}
            for row in range(len(frame))
            if shown[row]
        ]
    return {
        "profile": quality["profile"],
        "registers": quality.get("registers", {}),
        "recall_without_number": quality.get("recall_without_number"),
        "conflicts": quality["conflicts"],
        "in_doubt": links.review.num_rows,
        "clerical": quality.get("clerical"),
        "model_refused": quality.get("em_refused", ""),
        "waterfalls": quality.get("waterfalls", {}),
        "linked_shares": [asdict(share) for share in shares],
        "intervals": intervals,
    }


def write_report(folder: Path, links: Links, report: Report, catalogue: Catalogue) -> None:
    """The three files, 0600, into a folder that exists."""
    write_private(folder / "report.json", json.dumps(report, indent=1, sort_keys=True).encode())
    write_private(folder / "report.html", page(report, catalogue).encode())
    sink = pa.BufferOutputStream()
    csv.write_csv(review_file(links), sink)
    write_private(folder / "review.csv", bytes(sink.getvalue()))


def page(report: Report, catalogue: Catalogue) -> str:
    """One page without scripts or anything from elsewhere."""
    parts = [
        "<h1>How good the links are</h1>",
        "<p>For the data holder: averages and counts, no value of a record. Estimates rest on people who are known to be "
        "two, and on links by number judged without it; twins whose numbers were mixed up, and matches that look like "
        "strangers, are invisible to them. A clerical sample (review.csv) can find those.</p>",
        f"<p>Profile {escape(report['profile'])}. {report['in_doubt']} pairs are in doubt, {report['conflicts']} of them equal "
        "numbers of records that cannot be one person.</p>",
        "<h2>Right and found links</h2>",
        _estimates(report["registers"]),
    ]
    if report["model_refused"]:
        parts.append(
            f"<p>The fitted model was refused ({escape(report['model_refused'])}); the starting values were used.</p>"
        )
    if report["clerical"] is not None:
        parts += ["<h2>What the clerk decided</h2>", _clerical(report["clerical"])]
    for pair, steps in report["waterfalls"].items():
        parts += [f"<h2>Weights: {escape(pair)}</h2>", _waterfall(pair, steps)]
    parts += ["<h2>Who gets linked</h2>", _shares(report["linked_shares"])]
    parts += ["<h2>What doubt does to the linked tables</h2>", _intervals(report["intervals"], catalogue)]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>How good the links are</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _estimates(registers: Mapping[str, Any]) -> str:
    rows = [
        (pair, str(part["links"]), str(part["by_number"]), _estimate(part["precision"]), _estimate(part.get("recall")))
        for pair, part in registers.items()
    ]
    return _table(("registers", "links", "by number", "right (95 % interval)", "found (95 % interval)"), rows)


def _estimate(part: Mapping[str, float] | None) -> str:
    """Never 100 %: no sample proves that nothing goes wrong."""
    if part is None:
        return "cannot be estimated"
    shown = "> 99.9" if part["estimate"] > 0.999 else f"{100 * part['estimate']:.1f}"
    return f"{shown} % ({100 * part['low']:.1f} to {100 * part['high']:.1f})"


def _clerical(said: Mapping[str, Any]) -> str:
    found = said["asked"] - said["not_found"]
    rows = [
        (what, f"{part['counted']} of {part['out_of']}", f"{100 * part['low']:.0f} to {100 * part['high']:.0f} %")
        for what, part in (
            ("linked by the model, and one person", said["linked_and_same"]),
            ("not linked by the model, but one person", said["not_linked_but_same"]),
        )
        if part is not None
    ]
    return (
        f"<p>{said['asked']} verdicts, {found} of them on pairs that are here; these pairs are linked or kept apart as the clerk "
        "said, so they are no errors any more. The shares hold for pairs in doubt that nobody looked at, if the clerk's were "
        "chosen without looking at them. Estimates above are those of the model alone.</p>"
    ) + _table(("pairs in doubt", "verdicts", "95 % interval"), rows)


def _waterfall(pair: str, steps: Mapping[str, float]) -> str:
    """Where the certainty of an average link comes from: each bar goes on where the one before ended."""
    edges, at = [], 0.0
    for name, bits in steps.items():
        edges.append((name, at, at + bits))
        at += bits
    edges.append(("together", 0.0, at))
    left = min(min(start, end) for _, start, end in edges)
    width = NAMES + BIT * (max(max(start, end) for _, start, end in edges) - left) + 60
    lines = []
    for row, (name, start, end) in enumerate(edges):
        x, length = NAMES + BIT * (min(start, end) - left), BIT * abs(end - start)
        colour = "#444" if name == "together" else "#1b6e4a" if end >= start else "#a33"
        lines.append(
            f'<text x="0" y="{ROW * row + BAR}" font-size="13">{escape(name.replace("_", " "))}</text>'
            f'<rect x="{x:.1f}" y="{ROW * row + 3}" width="{max(length, 1):.1f}" height="{BAR}" fill="{colour}"/>'
            f'<text x="{x + length + 4:.1f}" y="{ROW * row + BAR}" font-size="12">{end - start:+.1f}</text>'
        )
    label = f"Average match weight of links without a number between {pair}, in bits, by field"
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {width:.0f} {ROW * len(edges) + 6}" '
        f'width="{width:.0f}">{"".join(lines)}</svg><p>{escape(label)}.</p>'
    )


def _shares(shares: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        (f"{one['register']} known to {one['other']}", one["variable"], one["group"], f"{100 * one['low']:.0f} to "
         f"{100 * one['high']:.0f} %")
        for one in shares
    ]  # fmt: skip
    if not rows:
        return (
            "<p>Not known here: a linkage desk sees no sex, age or nationality, and small registers have no groups.</p>"
        )
    return (
        "<p>95 % intervals, widened to multiples of 5; groups of fewer than 50 people are taken together.</p>"
        + _table(("people", "by", "group", "linked"), rows)
    )


def _intervals(intervals: Mapping[str, list[Mapping[str, Any]]], catalogue: Catalogue) -> str:
    if not intervals:
        return (
            "<p>Intervals stand beside the cells that a release shows, and there is none of these registers yet: "
            "make one with schakel run first.</p>"
        )
    parts = []
    for name, rows in intervals.items():
        head = [column for column in rows[0] if column not in ("low", "high")] if rows else []
        body = [[*(str(row[column]) for column in head), f"{row['low']} to {row['high']}"] for row in rows]
        parts.append(f"<h3>{escape(catalogue.entry(name).titles.en)}</h3>" + _table([*head, "95 % of the draws"], body))
    return "".join(parts)
