"""What a restricted note says that needs protected tables and the draws of the links together: who is missed, and the unseen.

Only shown cells enter, with what they would be in every draw of the links; a blank keeps its group out of every comparison and
refuses the estimate of the unseen.
"""

from __future__ import annotations

from collections.abc import Mapping

from flows.publication.labels import Labels, Language, in_language
from flows.publication.words import number
from flows.through_time import told_of_time
from schemas.catalogue import Catalogue, Derived
from schemas.study import Text
from schemas.tables import ProtectedTable
from tabulation.comparisons import Comparison, compare
from tabulation.spread import Spread
from tabulation.unseen import Refusal, Unseen
from tabulation.unseen_table import unseen

VERDICTS = {
    "difference": Text(
        nl="een verschil, ook met koppelfouten meegerekend", en="a difference, linking errors taken into account"
    ),
    "artefact": Text(nl="kan een gevolg van koppelfouten zijn", en="may be an artefact of linking"),
    "none": Text(nl="geen verschil aangetoond", en="no difference shown"),
}


def told(
    spread: Mapping[str, Spread],
    tables: Mapping[str, ProtectedTable],
    catalogue: Catalogue,
    quality: Mapping[str, object],
) -> list[tuple[Text, Text]]:
    """Per derived statistic of the catalogue that needs both, what was found, in words."""
    rows: list[tuple[Text, Text]] = []
    for item in catalogue.derived:
        if item.table not in tables:
            continue
        table, drawn = tables[item.table], spread[item.table].drawn if item.table in spread else None
        if item.statistic == "unseen":
            rows.append((item.titles, unseen_in_words(unseen(table, drawn))))
        elif item.statistic == "compare":
            labels = Labels({}, {d.name: d.label for d in catalogue.entry(item.table).dimensions})
            found = compare(table, drawn, may_be_missing(quality))
            rows += [(_who(item, one, labels), compared_in_words(one)) for one in found] or [(item.titles, _NOT_SHOWN)]
    return rows + told_of_time(tables, catalogue, spread)


_NOT_SHOWN = Text(
    nl="niet te vergelijken: hoogstens één groep wordt volledig getoond",
    en="cannot be compared: one group at most is shown in full",
)


def may_be_missing(quality: Mapping[str, object]) -> float:
    """The largest share of true links that may be missing: one less the lower end of the poorest pair's recall."""
    pairs = quality.get("registers")
    lows = [
        float(recall["low"])
        for pair in (pairs.values() if isinstance(pairs, dict) else ())
        if isinstance(recall := pair.get("recall"), dict)
    ]
    return min(1 - min(lows, default=1.0), 0.99)


def _who(item: Derived, one: Comparison, labels: Labels) -> Text:
    def words(language: Language) -> str:
        names = [labels.category(item.by[0], code, language) for code in (one.group, one.other)]
        return f"{in_language(item.titles, language)}: {' / '.join(names)}"

    return Text(nl=words("nl"), en=words("en"))


def compared_in_words(one: Comparison) -> Text:
    """`12 points lower (95%: 3 to 21 lower): may be an artefact of linking`."""
    ends = [f"{round(value):+d}" for value in (one.difference, one.low, one.high)]
    return Text(
        nl=f"{ends[0]} procentpunt (95 %: {ends[1]} tot {ends[2]}): {VERDICTS[one.verdict].nl}",
        en=f"{ends[0]} percentage points (95%: {ends[1]} to {ends[2]}): {VERDICTS[one.verdict].en}",
    )


def unseen_in_words(found: Unseen | Refusal) -> Text:
    """The estimate with its interval and what it takes for granted, or why there is none."""
    if isinstance(found, Refusal):
        return Text(
            nl="niet geschat: " + "; ".join(reason.nl for reason in found.reasons),
            en="not estimated: " + "; ".join(reason.en for reason in found.reasons),
        )
    people, low, high, seen = (round(value) for value in (found.population, found.low, found.high, found.seen))
    return Text(
        nl=f"{number(people, 'nl')} mensen (95 %: {number(low, 'nl')} tot {number(high, 'nl')}), van wie {number(seen, 'nl')} "
        "bekend; het neemt aan dat iedereen op elke lijst kan komen en dat de drie lijsten samen niet van elkaar afhangen",
        en=f"{number(people, 'en')} people (95%: {number(low, 'en')} to {number(high, 'en')}), {number(seen, 'en')} of them "
        "known; it takes it that everybody can be on every list and that the three lists together do not depend on each other",
    )
