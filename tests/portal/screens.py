"""Every screen of the portal: who sees it, and its address below the language."""

from __future__ import annotations

from dataclasses import dataclass

from tests.portal.premises import PROPOSED, PUBLISHED


@dataclass(frozen=True)
class Screen:
    """One screen; `role` is empty for what everybody sees, `fold` opens what is folded before it is looked at."""

    name: str
    role: str
    path: str
    settled: str = ""


SCREENS = (
    Screen("home", "", "/"),
    Screen("release", "", f"/releases/{PUBLISHED}"),
    Screen("table", "", f"/releases/{PUBLISHED}/public/nr2015_f05"),
    Screen("table-long", "", f"/releases/{PUBLISHED}/public/nr2015_t02"),
    Screen("years", "", f"/releases/{PUBLISHED}/public/nr2015_f05/years"),
    Screen("search", "", "/search?q=jaar"),
    Screen("search-empty", "", "/search?q=zzz"),
    Screen("help", "", "/help"),
    Screen("login", "", "/login"),
    Screen("not-found", "", "/nothing-here"),
    Screen("staff-release", "rapporteur", f"/releases/{PUBLISHED}"),
    Screen("staff-table", "rapporteur", f"/releases/{PUBLISHED}/restricted/nr2015_f05"),
    Screen("staff-means", "rapporteur", f"/releases/{PUBLISHED}/restricted/nr2015_f06_gemiddelde"),
    Screen("forbidden", "rapporteur", "/audit"),
    Screen("queue", "checker", "/review"),
    Screen("review", "checker", f"/review/{PROPOSED}", ".findings"),
    Screen("review-attack", "checker", f"/review/{PROPOSED}/findings"),
    Screen("review-table", "checker", f"/review/{PROPOSED}/restricted/nr2015_f16"),
    Screen("review-published", "checker", f"/review/{PUBLISHED}", ".findings"),
    Screen("audit", "auditor", "/audit", ".verdict:not(.busy)"),
    Screen("verdict", "auditor", "/audit/verdict"),
    Screen("log", "auditor", "/audit/log"),
    Screen("log-empty", "auditor", "/audit/log?actor=nobody"),
    Screen("entry", "auditor", "/audit/log/5"),
    Screen("audit-release", "auditor", f"/audit/releases/{PUBLISHED}"),
    Screen("story", "auditor", f"/audit/releases/{PUBLISHED}/restricted/nr2015_f05"),
    Screen("story-public", "auditor", f"/audit/releases/{PUBLISHED}/public/nr2015_f05"),
    Screen("budget", "auditor", "/audit/budget"),
    Screen("runs", "operator", "/runs"),
    Screen("linkage", "operator", f"/runs/{PUBLISHED}/linkage"),
)
KEPT = ("home", "table", "years", "staff-table", "review", "audit", "log", "story", "runs")
"""The screens whose pictures stand in docs/portal.md."""
