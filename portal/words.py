"""The portal's sentences in two TOML files with the same keys, and numbers and times as their reader writes them."""

from __future__ import annotations

import tomllib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, Language] = ("nl", "en")
TEXTS = Path(__file__).parent / "texts"
BLANK = "\u00b7"
IMPOSSIBLE = "\u2013"
_THOUSANDS = {"nl": ".", "en": ","}
_DECIMAL = {"nl": ",", "en": "."}
_MONTHS = {
    "nl": (
        "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
        "december",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
}  # fmt: skip


@cache
def sentences(language: Language) -> dict[str, str]:
    """Every sentence of a language by `section.key`."""
    with (TEXTS / f"{language}.toml").open("rb") as source:
        sections = tomllib.load(source)
    return {f"{section}.{key}": text for section, texts in sections.items() for key, text in texts.items()}


def say(key: str, language: Language, **values: object) -> str:
    """The sentence under `section.key`, with its placeholders filled in; KeyError where there is none."""
    text = sentences(language)[key]
    return text.format(**values) if values else text


def say_or(key: str, language: Language, instead: str) -> str:
    """The sentence under `section.key`, or `instead`: for codes that later versions of the log may add."""
    return sentences(language).get(key, instead)


def number(value: float, language: Language, decimals: int = 0) -> str:
    """`1.234,5` (nl) or `1,234.5` (en)."""
    text = f"{value:,.{decimals}f}".replace("-", "\u2212")
    return text.translate({ord(","): _THOUSANDS[language], ord("."): _DECIMAL[language]})


def day(iso: str, language: Language) -> str:
    """`21 november 2026` (nl) or `21 November 2026` (en) of an ISO time."""
    moment = datetime.fromisoformat(iso)
    return f"{moment.day} {_MONTHS[language][moment.month - 1]} {moment.year}"


def moment(iso: str, language: Language) -> str:
    """Day and minute, in UTC as the log has it."""
    return f"{day(iso, language)}, {datetime.fromisoformat(iso):%H:%M} UTC"


def other(language: Language) -> Language:
    """The other language."""
    return "en" if language == "nl" else "nl"
