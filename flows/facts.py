"""What the method note says about a release besides its tables: policy, parameters, budgets, linkage, in whole sentences."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from disclosure.noise.plan import plan
from disclosure.noise.units import moves
from flows.job import CODE_VERSION, PROFILE, Job
from flows.publication import AudienceFacts, LinkageFacts, MethodFacts
from linkage.link import Links
from schemas.catalogue import Catalogue
from schemas.policy import AudiencePolicy
from schemas.policy_noise import NoisePolicy, Population
from schemas.policy_rounding import RoundingPolicy
from schemas.policy_suppression import SuppressionPolicy
from schemas.study import Text

ALMOST_ALL = 0.995
# From here on whole per cents do not tell how many links there are.
FEWEST_LINKS = 50
ATTACKERS = {
    "none": Text(nl="een lezer die alleen deze tabellen kent", en="a reader who knows these tables only"),
    "person": Text(
        nl="een lezer die alleen deze tabellen kent, en iemand die er zelf in staat en zijn eigen gegevens kent",
        en="a reader who knows these tables only, and somebody who is in them and knows his own data",
    ),
    "pair": Text(
        nl="een lezer die alleen deze tabellen kent, en twee mensen die erin staan en hun gegevens samenleggen",
        en="a reader who knows these tables only, and two people who are in them and put their data together",
    ),
}


def method_facts(job: Job, links: Links, moved: Sequence[tuple[Text, Text]]) -> MethodFacts:
    """The facts of one release; nothing in them depends on a record, linkage quality (restricted notes only) apart.

    moved: per linked table how far doubt about links moves it, also for restricted notes only.
    """
    noise = job.policy.public.noise
    return MethodFacts(
        policy_id=job.policy.id,
        policy_version=job.policy.version,
        policy_digest=job.policy_digest,
        statement=Text(nl=job.policy.statement["nl"], en=job.policy.statement["en"]),
        public=_audience(job.policy.public, job.catalogue),
        restricted=_audience(job.policy.restricted, job.catalogue),
        linkage=_linkage(links, moved) if len(job.study.registers) > 1 else None,
        code_version=CODE_VERSION,
        merged=noise.labels if noise is not None else {},
    )


def _audience(policy: AudiencePolicy, catalogue: Catalogue) -> AudienceFacts:
    parameters: list[Text] = []
    budget: list[Text] = []
    if policy.suppression is not None:
        parameters += _suppression(policy.suppression)
    if policy.rounding is not None:
        parameters += _rounding(policy.rounding)
    if policy.noise is not None:
        parameters += _errors(policy.noise, catalogue)
        for population in policy.noise.populations:
            budget.append(_budget(population, catalogue))
            parameters.append(_counted_once(population, catalogue))
    return AudienceFacts(policy.regime, tuple(parameters), tuple(budget))


def _suppression(rules: SuppressionPolicy) -> list[Text]:
    least, attacker = rules.threshold, ATTACKERS[rules.insider]
    zeros = rules.zeros == "published"
    return [
        Text(
            nl=f"Aantallen van 1 tot en met {least - 1} zijn weggelaten, en daarbij zoveel andere dat niemand ze kan terugrekenen.",
            en=f"Counts from 1 to {least - 1} are left out, and as many others as it takes that nobody can work them out.",
        ),
        Text(
            nl="Nullen worden getoond: een punt is dus ten minste 1." if zeros else "Ook nullen worden beschermd.",
            en="Zeros are shown: a dot is therefore at least 1." if zeros else "Zeros are protected as well.",
        ),
        Text(
            nl=f"Gemiddelden van minder dan {rules.minimum_n} mensen zijn weggelaten.",
            en=f"Means of fewer than {rules.minimum_n} people are left out.",
        ),
        Text(nl=f"Bestand tegen: {attacker.nl}.", en=f"Safe against: {attacker.en}."),
    ]


def _rounding(rules: RoundingPolicy) -> list[Text]:
    base, attacker = rules.base, ATTACKERS[rules.insider]
    return [
        Text(
            nl=f"Elk aantal is een van de twee naaste veelvouden van {base}, door het lot gekozen, zo dat alle tabellen optellen: "
            f"het getelde aantal ligt er hooguit {base - 1} vandaan. Ook een nul kan een klein aantal zijn.",
            en=f"Every count is one of the two nearest multiples of {base}, drawn by lot, such that all tables add up: the number "
            f"counted is at most {base - 1} away. A zero may be a small count too.",
        ),
        Text(
            nl=f"Gemiddelden van minder dan {rules.minimum_n} mensen zijn weggelaten.",
            en=f"Means of fewer than {rules.minimum_n} people are left out.",
        ),
        Text(nl=f"Bestand tegen: {attacker.nl}.", en=f"Safe against: {attacker.en}."),
    ]


def _errors(noise: NoisePolicy, catalogue: Catalogue) -> list[Text]:
    """How far off the numbers of each table are expected to be."""
    found = []
    for row in plan(noise).rows:
        title = catalogue.entry(row.table).titles
        found.append(Text(nl=f"{title.nl}: {_comma(row.words.nl)}.", en=f"{title.en}: {row.words.en}."))
    return found


def _comma(words: str) -> str:
    """Numbers as Dutch readers write them."""
    return re.sub(r"(?<=\d)\.(?=\d)", ",", words)


def _people(population: Population, catalogue: Catalogue) -> Text:
    """The people of a budget, named by what their tables count."""
    counted = dict.fromkeys(catalogue.entry(table).population for table in population.published)
    labels = [catalogue.populations[name].label for name in counted]
    return Text(nl="; ".join(label.nl for label in labels), en="; ".join(label.en for label in labels))


def _budget(population: Population, catalogue: Catalogue) -> Text:
    """The price of this edition per person, and what it lets a reader learn at most: odds times e^epsilon."""
    people = _people(population, catalogue)
    epsilon, odds = population.epsilon, math.exp(population.epsilon)
    most = f"{100 * odds / (1 + odds):.0f}"
    delta = population.delta
    chance = "" if delta is None else f"{1 / delta:,.0f}"
    but_nl = f", op een kans van 1 op {chance.replace(',', '.')} na (delta)" if chance else ""
    but_en = f", but for a chance of 1 in {chance} (delta)" if chance else ""
    return Text(
        nl=f"{_capital(people.nl)}: epsilon {_comma(f'{epsilon:g}')} per persoon voor deze uitgave. Wie vooraf dacht dat iemand "
        f"er evengoed wel als niet in kan staan, kan dat na lezen voor hooguit {most} % zeker weten{but_nl}. Punten waarvan het "
        f"getal met ruis onder de {population.threshold} ligt, zijn leeg; hun interval staat er.",
        en=f"{_capital(people.en)}: epsilon {epsilon:g} per person for this edition. A reader who thought it even odds that "
        f"somebody is in the figures can be at most {most}% sure after reading{but_en}. Points whose noisy number is below "
        f"{population.threshold} are blank; their interval stays.",
    )


def _counted_once(population: Population, catalogue: Catalogue) -> Text:
    """What one person can add, and what was left out for it (how much that is would itself say something about people)."""
    people = _people(population, catalogue)
    clamped = "".join(f"; {mean.lower}-{mean.upper}" for mean in population.means[:1])[2:]
    if population.units > 1:
        spread_nl = (
            "twee getallen die naar verhouding verdeeld zijn" if population.split else "een getal dat verdeeld is"
        )
        spread_en = "two numbers that are spread by share" if population.split else "one number that is spread by share"
        nl = (
            f"ieder telt met een van zijn zaken mee, door het lot gekozen; van verdere zaken telt er ten hoogste "
            f"{population.units - 1} mee, als {spread_nl}. Wat daarboven ligt, is weggelaten"
        )
        en = (
            f"everybody counts with one case, drawn by lot; of further cases at most {population.units - 1} counts, in "
            f"{spread_en}. What lies beyond is left out"
        )
    elif population.identities > 1:
        nl = f"iemand zonder gemeenschappelijk nummer kan {population.identities} keer meetellen; de ruis is daarop berekend"
        en = f"somebody without a common number can count {population.identities} times; the noise allows for it"
    else:
        nl = "ieder telt in elke meting ten hoogste een keer mee; verdere zaken van dezelfde persoon zijn weggelaten"
        en = "everybody counts at most once in each measurement; further cases of the same person are left out"
    if clamped:
        nl += f". Voor gemiddelden tellen leeftijden buiten {clamped} als de dichtstbijzijnde grens"
        en += f". For means, ages outside {clamped} count as the nearer end"
    moved = _moved(population)
    return Text(nl=f"{_capital(people.nl)}: {nl}. {moved.nl}.", en=f"{_capital(people.en)}: {en}. {moved.en}.")


def _moved(population: Population) -> Text:
    """The sensitivity of the measurements, as it is derived from the policy and the rules of counting."""
    most = moves(population)
    ages = {mean.id for mean in population.means}
    counts = max(change for name, change in most.items() if name not in ages)
    nl = f"Zonder iemand zou een meting ten hoogste {counts} anders zijn"
    en = f"Without somebody a measurement would differ by at most {counts}"
    if ages:
        years = max(most[name] for name in ages)
        nl += f", een som van leeftijden ten hoogste {years} jaar"
        en += f", a sum of ages by at most {years} years"
    if population.years == "frozen":
        ever = counts * population.lifetime
        nl += f", van alle jaren en uitgaven samen ten hoogste {ever}: elk jaar is eenmaal getrokken en blijft"
        en += f", all years and editions together by at most {ever}: each year was drawn once and stays"
    return Text(nl=nl, en=en)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _linkage(links: Links, moved: Sequence[tuple[Text, Text]]) -> LinkageFacts:
    profile = Text(
        nl="Openbare tabellen gebruiken alleen koppelingen op een gelijk V-nummer, omdat zo niemands rijen van die van een ander "
        "afhangen. Tabellen onder afspraak gebruiken daarnaast koppelingen op naam en geboortedatum die ver genoeg overeenkomen. "
        f"De gegevenshouder versleutelt, koppelt en telt in processen die elkaars gegevens niet zien (profiel {PROFILE})",
        en="Public tables use links by an equal V-number only, because then nobody's rows depend on another's. Tables under "
        "agreement also use links by names and birth dates that agree far enough. The data holder encodes, links and counts in "
        f"processes that do not see each other's data (profile {PROFILE})",
    )
    return LinkageFacts(profile, (*_quality(links.quality), *moved))


def _quality(quality: Mapping[str, object]) -> list[tuple[Text, Text]]:
    """Estimates with their intervals, in words; for restricted notes only.

    No counts: the number of links between two registers is a cell of the overlap table, which may be blank. Whole per cents,
    and nothing of registers with few links, for the same reason: the end of an interval is one link more or less of them.
    """
    found = []
    registers = quality.get("registers")
    for pair, part in registers.items() if isinstance(registers, dict) else ():
        if part["links"] < FEWEST_LINKS:
            continue
        first, second = pair.split("+")
        if (precision := part.get("precision")) is not None:
            name = Text(
                nl=f"{first} en {second}: aandeel juiste koppelingen",
                en=f"{first} and {second}: share of links that are right",
            )
            found.append((name, _share(precision["estimate"], precision["low"], precision["high"])))
        if (missed := part.get("recall")) is not None:
            name = Text(
                nl=f"{first} en {second}: aandeel gevonden koppelingen",
                en=f"{first} and {second}: share of links that are found",
            )
            found.append((name, _share(missed["estimate"], missed["low"], missed["high"])))
    recall = quality.get("recall_without_number")
    if isinstance(recall, dict):
        name = Text(
            nl="Aandeel dat ook zonder V-nummer was gevonden (alle registers)",
            en="Share that would have been found without a V-number too (all registers)",
        )
        found.append((name, _share(recall["estimate"], recall["low"], recall["high"])))
    return found


def _share(estimate: float, low: float, high: float) -> Text:
    """A share with its 95 % interval in whole per cents, never "100": no sample proves that nothing goes wrong."""
    if math.isnan(estimate):
        return Text(nl="niet te schatten", en="cannot be estimated")
    shown, least, most = (_whole(share) for share in (estimate, low, high))
    ends = least if least == most else f"{least}–{most}"
    return Text(nl=f"{shown} % (95%-interval {ends})", en=f"{shown}% (95% interval {ends})")


def _whole(share: float) -> str:
    return "> 99" if share >= ALMOST_ALL else f"{100 * share:.0f}"
