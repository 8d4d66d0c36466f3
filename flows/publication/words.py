"""The sentences of the publications, in two TOML files with the same keys, and numbers as their reader writes them."""

from __future__ import annotations

import tomllib
from functools import cache

from flows.publication.labels import TEXTS, Language

MINUS = "\u2212"
SEPARATORS = {"nl": (".", ","), "en": (",", ".")}
PERCENT_SIGN = {"nl": "\u00a0%", "en": "%"}
BLANK = "\u00b7"


@cache
def _sentences(language: Language) -> dict[str, str]:
    with (TEXTS / f"{language}.toml").open("rb") as source:
        sections = tomllib.load(source)
    return {f"{section}.{key}": text.strip() for section, texts in sections.items() for key, text in texts.items()}


def say(key: str, language: Language, **values: object) -> str:
    """The sentence under `section.key`, with its placeholders filled in."""
    return _sentences(language)[key].format(**values)


def has(key: str) -> bool:
    """Whether a sentence exists."""
    return key in _sentences("nl")


def section(name: str, language: Language) -> dict[str, str]:
    """The sentences of a section by key, in the order of the file."""
    start = f"{name}."
    return {key.removeprefix(start): text for key, text in _sentences(language).items() if key.startswith(start)}


def keys(language: Language) -> frozenset[str]:
    """All keys of a language; a test holds the two equal."""
    return frozenset(_sentences(language))


def number(value: float, language: Language, decimals: int = 0) -> str:
    """`1234.5` as `1.234,5` (nl) or `1,234.5` (en), with a real minus sign."""
    thousands, decimal = SEPARATORS[language]
    text = f"{abs(value):,.{decimals}f}".replace(",", "\0").replace(".", decimal).replace("\0", thousands)
    return f"{MINUS}{text}" if value < 0 and text.strip("0.,") else text


def percent(share: float, language: Language, decimals: int = 1) -> str:
    """A share (0 to 1) as a percentage: `41,1 %` (nl, no-break space) or `41.1%` (en)."""
    return f"{number(100 * share, language, decimals)}{PERCENT_SIGN[language]}"


def interval(low: float, high: float, language: Language, decimals: int = 0) -> str:
    """`220-242` with an en dash, or `220` where both ends meet."""
    ends = number(low, language, decimals), number(high, language, decimals)
    return ends[0] if ends[0] == ends[1] else f"{ends[0]}\u2013{ends[1]}"
