"""What `schakel doctor` looked at, and what has to be done about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `fix`: what has to be done, empty where it is good; `advice`: what would be better."""

    what: str
    found: str
    fix: str = ""
    advice: str = ""

    @property
    def good(self) -> bool:
        """Nothing has to be done."""
        return not self.fix

    def line(self) -> str:
        """One line for the terminal."""
        sign, more = ("FIX ", self.fix) if self.fix else ("note", self.advice) if self.advice else ("ok  ", "")
        return f"{sign} {self.what}: {self.found}" + (f" -> {more}" if more else "")
