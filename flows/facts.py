"""What the method note says about a release besides its tables: policy, parameters, budgets, linkage."""

from __future__ import annotations

from disclosure.noise.plan import plan
from flows.job import CODE_VERSION, PROFILE, Job
from flows.publication import AudienceFacts, LinkageFacts, MethodFacts
from linkage.link import Links
from schemas.policy import AudiencePolicy
from schemas.policy_noise import NoisePolicy, Population
from schemas.study import Text

CONTACT = Text(
    nl="de gegevenshouder die deze cijfers publiceert",
    en="the data holder who publishes these figures",
)


def method_facts(job: Job, links: Links) -> MethodFacts:
    """The facts of one release; nothing in them depends on a record, linkage quality (restricted notes only) apart."""
    noise = job.policy.public.noise
    return MethodFacts(
        policy_id=job.policy.id,
        policy_version=job.policy.version,
        policy_digest=job.policy_digest,
        statement=Text(nl=job.policy.statement["nl"], en=job.policy.statement["en"]),
        public=_audience(job.policy.public),
        restricted=_audience(job.policy.restricted),
        linkage=_linkage(links) if len(job.study.registers) > 1 else None,
        code_version=CODE_VERSION,
        contact=CONTACT,
        merged=noise.labels if noise is not None else {},
    )


def _audience(policy: AudiencePolicy) -> AudienceFacts:
    parameters: list[Text] = []
    budget: list[Text] = []
    if policy.suppression is not None:
        least = policy.suppression.threshold
        parameters.append(
            Text(
                nl=f"Aantallen onder de {least} zijn weggelaten, en daarbij zoveel andere dat niemand ze kan terugrekenen.",
                en=f"Counts below {least} are left out, and as many others as it takes that nobody can work them out.",
            )
        )
    if policy.noise is not None:
        parameters += _errors(policy.noise)
        budget += [_budget(population) for population in policy.noise.populations]
    return AudienceFacts(policy.regime, tuple(parameters), tuple(budget))


def _errors(noise: NoisePolicy) -> list[Text]:
    return [Text(nl=f"{row.table}: {row.words.nl}.", en=f"{row.table}: {row.words.en}.") for row in plan(noise).rows]


def _budget(population: Population) -> Text:
    delta = "" if population.delta is None else f", delta {population.delta:g}"
    return Text(
        nl=f"{population.id}: epsilon {population.epsilon:g}{delta} per persoon en uitgave; punten onder de "
        f"{population.threshold} zijn leeg gelaten, hun interval staat er.",
        en=f"{population.id}: epsilon {population.epsilon:g}{delta} per person and edition; points below "
        f"{population.threshold} are blank, their interval stays.",
    )


def _linkage(links: Links) -> LinkageFacts:
    profile = Text(
        nl=f"profiel {PROFILE}: de gegevenshouder versleutelt, koppelt en telt in gescheiden processen",
        en=f"profile {PROFILE}: the data holder encodes, links and counts in processes kept apart",
    )
    quality = [
        (Text(nl=name.replace("_", " "), en=name.replace("_", " ")), Text(nl=f"{value:.3f}", en=f"{value:.3f}"))
        for name, value in links.quality.items()
        if isinstance(value, float)
    ]
    return LinkageFacts(profile, tuple(quality))
