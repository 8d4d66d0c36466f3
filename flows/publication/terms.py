"""The words that readers of a release need: its registers by their full names, and definitions of what it counts."""

from __future__ import annotations

from flows.publication.labels import Language
from flows.publication.views import View
from flows.publication.words import has, say, section
from schemas.study import Study

AND = {"nl": " en ", "en": " and "}
# A definition is printed when a table uses its word as unit, population filter or dimension; these words imply others.
IMPLIED = {
    "procedure": ("bedenktijd", "b8", "besluit"),
    "casus": ("bedenktijd", "b8"),
    "persoon": ("bedenktijd", "b8", "b9"),
}


def definitions(views: list[View], language: Language) -> list[str]:
    """The definitions of the units and dimensions that the tables use."""
    used: set[str] = set()
    for view in views:
        used |= {view.entry.unit, *view.table.dimensions}
    for unit, words in IMPLIED.items():
        if unit in used:
            used.update(words)
    return [text for word, text in section("definition", language).items() if word in used]


def registers_in_words(study: Study, language: Language) -> str:
    """`the Immigration and Naturalisation Service (IND), ... and ...`; a register that has no name here is its code."""
    names = [register.bron for register in study.registers.values()]
    words = [say(f"register.{name}", language) if has(f"register.{name}") else name for name in names]
    return AND[language].join(filter(None, (", ".join(words[:-1]), words[-1])))
