"""What `schakel budget` shows: what was spent on whom, and what a policy would cost and give."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from disclosure.ledger import BudgetLine, epsilon_of
from disclosure.noise.frozen import budget_line
from disclosure.noise.plan import Plan, edition_rho, limits, person_curve, plan
from disclosure.noise.units import moves
from flows.family import require_own_people
from flows.settings import Settings
from flows.state import open_state
from schemas.errors import UsageError
from schemas.policy import load_policy
from schemas.policy_noise import NoisePolicy, Population
from schemas.study import load_study, resource, shipped_studies

DELTA = 1e-6


def print_statement(settings: Settings) -> None:
    """Every population's budget: total, spent and left, in zCDP rho and as the epsilon that it amounts to."""
    with open_state(settings) as state:
        lines = state.ledger().statement()
    caption = "zCDP rho, over all releases and years"
    table = Table(title="Privacy budget", title_justify="left", caption=caption, caption_justify="left")
    for name in ("population", "audience"):
        table.add_column(name)
    for name in ("budget", "spent", "left", "spent so far means"):
        table.add_column(name, justify="right")
    promises = _promises()
    for line in lines:
        table.add_row(*_row(line, promises))
    console = Console(soft_wrap=True)
    console.print(table if lines else "No budget was set yet; the first run of a study sets what its policy says.")


def _row(line: BudgetLine, promises: dict[str, Population]) -> tuple[str, ...]:
    numbers = (line.budget, line.spent, line.remaining)
    meaning = _meaning(line, promises.get(line.population))
    return (line.population, line.audience, *(f"{number:.4f}" for number in numbers), meaning)


def _meaning(line: BudgetLine, population: Population | None) -> str:
    """What was spent, as an epsilon: pure ones add up, the others compose in zCDP."""
    if population is None or population.delta is not None:
        delta = DELTA if population is None or population.delta is None else population.delta
        return f"epsilon {epsilon_of(line.spent, delta):.2f}, delta {delta:g}"
    return f"epsilon {population.epsilon * line.spent / edition_rho(population):.2f}"


def _promises() -> dict[str, Population]:
    """The populations of the shipped policies by the ledger's name for them."""
    found: dict[str, Population] = {}
    for noise in _shipped_noise():
        for population in noise.populations:
            lines = [budget_line(population, year) for year in population.slices] or [population.id]
            found |= dict.fromkeys(lines, population)
    return found


def _shipped_noise() -> list[NoisePolicy]:
    """The noisy regimes of all shipped studies."""
    policies = [load_policy(resource(name, "policies", load_study(name).policy))[0] for name in shipped_studies()]
    return [
        noise for policy in policies for noise in (policy.public.noise, policy.restricted.noise) if noise is not None
    ]


def print_plan(study_ref: str, epsilon: float | None, years: int) -> None:
    """The expected error of every public table and the price per population, before anything is spent."""
    study = load_study(study_ref)
    policy, _ = load_policy(resource(study_ref, "policies", study.policy))
    if policy.public.noise is None:
        raise UsageError(f"The policy {policy.id} has no noisy regime for the public; there is nothing to plan.")
    found = plan(policy.public.noise, epsilon=epsilon, years=years, window=len(study.years))
    console = Console(soft_wrap=True)
    console.print(_errors(study.id, found))
    console.print(_prices(found, years))
    for line in found.populations:
        if line.rolling_total is not None and line.frozen_total is not None:
            console.print(
                f"{line.id}: totals of {len(study.years)} years, further cases apart, are off by {line.rolling_total:.0f} "
                f"drawn anew, by {line.frozen_total:.0f} as a sum of frozen years."
            )
    for population in policy.public.noise.populations:
        console.print(f"{population.id}: one person moves {_moves(population)}.")
    for warning in found.warnings:
        console.print(f"! {warning}")
    console.print(_curve())


def _errors(study: str, found: Plan) -> Table:
    caption = "off by at most, 19 times out of 20; years of age where the table holds means"
    table = Table(
        title=f"{study}: expected error of the public tables",
        title_justify="left",
        caption=caption,
        caption_justify="left",
    )
    table.add_column("table", no_wrap=True)
    for name in ("cells", "totals", "typical cell", ""):
        table.add_column(name, justify="right")
    for row in found.rows:
        digits = 0 if row.cells >= 1.5 else 1
        useful = "" if row.useful else "too coarse"
        table.add_row(row.table, f"{row.cells:.{digits}f}", f"{row.total:.{digits}f}", f"{row.size:.0f}", useful)
    return table


def _prices(found: Plan, years: int) -> Table:
    caption = (
        f"epsilon of a person whom all of {years} yearly edition(s) contain; rho of one edition, and the ledger's total"
    )
    table = Table(title="What a person pays", title_justify="left", caption=caption, caption_justify="left")
    table.add_column("population", no_wrap=True)
    for name in ("mechanism", "rho", "total", "rolling", "frozen", "chosen"):
        table.add_column(name, justify="right")
    for line in found.populations:
        frozen = "in full" if line.frozen_epsilon is None else f"{line.frozen_epsilon:.2f}"
        delta = "" if line.delta is None else f", delta {line.delta:g}"
        mechanism = f"{line.mechanism}, epsilon {line.epsilon:g}{delta}"
        numbers = (f"{line.rho:.3f}", f"{line.limit:.3f}", f"{line.full_epsilon:.2f}", frozen, line.years)
        table.add_row(line.id, mechanism, *numbers)
    return table


def _curve() -> Table:
    """What an edition of all shipped studies costs somebody who is in more and more of their populations."""
    caption = f"one edition of every shipped study, cheapest population first; epsilon at delta {DELTA:g}"
    table = Table(
        title="A person in several populations", title_justify="left", caption=caption, caption_justify="left"
    )
    table.add_column("also in", no_wrap=True)
    for name in ("rho in all", "epsilon"):
        table.add_column(name, justify="right")
    for population, rho, epsilon in person_curve(_shipped_noise()):
        table.add_row(population, f"{rho:.3f}", f"{epsilon:.1f}")
    return table


def _moves(population: Population) -> str:
    """The sensitivities in words: what one person adds to the measured vectors at most."""
    by: dict[int, list[str]] = {}
    for vector, most in moves(population).items():
        by.setdefault(most, []).append(vector)
    return "; ".join(f"{', '.join(vectors)} by at most {most} each" for most, vectors in by.items())


def adopt(settings: Settings, study_ref: str) -> list[str]:
    """Make the policy's totals the ledger's; every change is a leaf with the value before and after."""
    study = load_study(study_ref)
    require_own_people(study_ref, study)
    policy, _ = load_policy(resource(study_ref, "policies", study.policy))
    said = []
    with open_state(settings) as state:
        for audience, noise in (("public", policy.public.noise), ("restricted", policy.restricted.noise)):
            for population, rho in limits(noise).items() if noise is not None else ():
                state.ledger(study.id).set_budget(population, "public" if audience == "public" else "restricted", rho)
                said.append(f"{population} ({audience}): rho {rho:.4f} over all editions")
    return said
